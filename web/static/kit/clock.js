// The server's clock counts: ages are measured against the machine that took the times.

import { html, useEffect, useRef } from "./html.js";
import { say } from "./language.js";

let offset = 0;
let zone = "Asia/Shanghai";
const ticking = new Set();

// `serverNow` was said between two moments of our own clock.
export function setClock(serverNow, asked = Date.now(), answered = Date.now()) {
  offset = new Date(serverNow).getTime() - (asked + answered) / 2;
}
export const setZone = (name) => { zone = name; };
export const now = () => Date.now() + offset;
export const isoNow = () => new Date(now()).toISOString();
export const ms = (moment) => (moment == null ? null : new Date(moment).getTime());

const made = new Map();
function format(name, options) {
  const key = `${name} ${zone}`;
  if (!made.has(key)) made.set(key, new Intl.DateTimeFormat("en-GB", { ...options, timeZone: zone, hourCycle: "h23" }));
  return made.get(key);
}
const HM = { hour: "2-digit", minute: "2-digit" };
export const timeOf = (moment) => (moment == null ? "" : format("time", HM).format(new Date(moment)));
export const secondOf = (moment) => (moment == null
  ? ""
  : format("second", { ...HM, second: "2-digit" }).format(new Date(moment)));
export const dayOf = (moment) => (moment == null
  ? ""
  : format("day", { year: "numeric", month: "2-digit", day: "2-digit" })
    .format(new Date(moment)).split("/").reverse().join("-"));

// How long ago, in few words: 2 s, 4 min, 3 h.
export function span(milliseconds) {
  const seconds = Math.max(0, Math.round(milliseconds / 1000));
  if (seconds < 100) return `${seconds} s`;
  if (seconds < 6000) return `${Math.floor(seconds / 60)} min`;
  return `${Math.floor(seconds / 3600)} h ${String(Math.floor((seconds % 3600) / 60)).padStart(2, "0")}`;
}

// A running clock: 3:12, 1:02:07; what is ahead and over alike without a sign.
export function running(milliseconds) {
  const seconds = Math.floor(Math.abs(milliseconds) / 1000);
  const [h, m, s] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60];
  const two = (n) => String(n).padStart(2, "0");
  return h ? `${h}:${two(m)}:${two(s)}` : `${m}:${two(s)}`;
}

// Do this now and once a second; returns what ends it.
export function onTick(tick) {
  ticking.add(tick);
  tick();
  return () => ticking.delete(tick);
}
setInterval(() => { for (const tick of ticking) tick(); }, 1000);

// A text that follows the clock without its surroundings being drawn again: `of` is given the time
// and answers with the text, or with [text, class].
export function Ticking({ of, kind = "", label }) {
  const box = useRef();
  const ask = useRef(of);
  ask.current = of;
  const tell = () => {
    const found = ask.current(now());
    const [text, more] = Array.isArray(found) ? found : [found, ""];
    const node = box.current;
    if (!node) return;
    if (node.textContent !== text) node.textContent = text;
    const name = `${kind} ${more}`.trim();
    if (node.className !== name) node.className = name;
  };
  useEffect(() => onTick(tell), []);
  useEffect(tell);
  return html`<span ref=${box} class=${kind} aria-label=${label}></span>`;
}

// Of the class "old" from `older` milliseconds on, and "aged" from `aged` on.
export const Age = ({ at, kind = "age", older, aged }) => html`<${Ticking} kind=${kind} of=${(t) => {
  const age = t - ms(at);
  return [span(age), `${age > aged ? "aged" : ""} ${age > older ? "old" : ""}`];
}} />`;

export const Now = () => html`<${Ticking} kind="clock" of=${(t) => secondOf(t)} label=${say("clock")} />`;
