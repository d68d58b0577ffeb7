// The parts of which the page is made: large buttons, sheets, when something was, a keypad.

import { createContext } from "preact";
import { useContext } from "preact/hooks";
import { isoNow, ms, now, secondOf, Ticking, timeOf } from "../kit/clock.js";
import { Dialog } from "../kit/frame.js";
import { html, useState } from "../kit/html.js";
import { say } from "../kit/language.js";

// Whose sheet is open, {level, text}, for the head of each: the second line of a title is drawn smaller.
export const Whose = createContext(null);
export function Sheet({ title, onClose, children, kind = "" }) {
  const whose = useContext(Whose);
  return html`<${Dialog} title=${whose ? `${title}\n${whose.text}` : title} onClose=${onClose}
    kind=${`sheet ${kind} ${whose ? `is-whose ${whose.level}` : ""}`}>${children}</${Dialog}>`;
}

// One of a few; `is` is what is known, and nothing is when it is not.
export function Choice({ label, options, is, onPick, name }) {
  return html`<fieldset class="choice" data-of=${name}>
    <legend>${label}</legend>
    <div class="options">
      ${options.map(([value, text, kind]) => html`<button key=${String(value)} class=${kind ?? ""}
        aria-pressed=${is != null && is === value ? "true" : "false"} onClick=${() => onPick(value)}>${text}</button>`)}
    </div>
  </fieldset>`;
}

const AGO_MIN = [1, 2, 5, 10];
const DAY_MS = 24 * 3600_000;

// The day of a time of day: the last one that is not ahead. The phone's own zone, as its clock shows it.
export function momentOf(text, at = now()) {
  const [hours, minutes] = text.split(":").map(Number);
  const day = new Date(at);
  day.setHours(hours, minutes, 0, 0);
  return new Date(day.getTime() > at ? day.getTime() - DAY_MS : day.getTime()).toISOString();
}

// Why something that was entered is taken back.
export const REASONS_BACK = ["entered_in_error", "artefact", "wrong_patient"];

// When it was: now, some minutes ago, or at a time. `at` null is now; undefined, that nobody has chosen.
export function When({ at, onAt }) {
  const [ago, setAgo] = useState(null);
  const [isExact, setExact] = useState(false);
  const pick = (minutes) => {
    setAgo(minutes);
    onAt(minutes ? new Date(now() - minutes * 60_000).toISOString() : null);
  };
  return html`<div class="when" role="group" aria-label=${say("when")}>
    <button aria-pressed=${at === null ? "true" : "false"} onClick=${() => pick(0)}>${say("at_once")}</button>
    ${AGO_MIN.map((n) => html`<button key=${n} aria-pressed=${at != null && ago === n ? "true" : "false"}
      aria-label=${say("minutes_ago", { n })} onClick=${() => pick(n)}>
      −${n}<small>${say("minutes_unit")}</small>
    </button>`)}
    <button aria-expanded=${isExact ? "true" : "false"}
      aria-pressed=${at != null && ago === null ? "true" : "false"}
      onClick=${() => setExact(!isExact)}>${say("exact_time")}</button>
    ${isExact && html`<label class="exact">
      <span>${say("exact_time")}</span>
      <input type="time" value=${at != null && ago === null ? timeOf(at) : ""} onChange=${(event) => {
        if (event.target.value) {
          setAgo(null);
          onAt(momentOf(event.target.value));
        }
      }} />
    </label>`}
    ${at != null && html`<output>${secondOf(at)}</output>`}
  </div>`;
}
export const moment = (at) => at ?? isoNow();

// Digits for gloves. `value` is a text, "unmeasurable", or null for nothing.
export function Keypad({ value, onValue, unit, unmeasurable = true, decimals = true }) {
  const text = value === "unmeasurable" || value == null ? "" : value;
  const add = (digit) => {
    if (text.length < 6 && !(digit === "." && (text.includes(".") || !text)))
      onValue(text === "0" && digit !== "." ? digit : text + digit);
  };
  return html`<div class="keypad">
    <output class="typed" aria-live="polite">
      ${value === "unmeasurable" ? say("unmeasurable") : text || "—"}
      <small>${value === "unmeasurable" ? "" : unit}</small>
    </output>
    ${["1", "2", "3", "4", "5", "6", "7", "8", "9"].map((digit) => html`
      <button key=${digit} onClick=${() => add(digit)}>${digit}</button>`)}
    <button onClick=${() => add(".")} disabled=${!decimals} aria-label=${say("point")}>.</button>
    <button onClick=${() => add("0")}>0</button>
    <button aria-label=${say("erase")} onClick=${() => onValue(text.length > 1 ? text.slice(0, -1) : null)}>⌫</button>
    ${unmeasurable && html`<button class="wide" aria-pressed=${value === "unmeasurable" ? "true" : "false"}
      onClick=${() => onValue(value === "unmeasurable" ? null : "unmeasurable")}>${say("unmeasurable")}</button>`}
  </div>`;
}

// A button that does something only when it is pressed twice within `ARMED_MS`; what comes sooner than a
// finger that has looked (ours, design) is no second press, nor is one after the page has moved the button.
const ARMED_MS = 4000;
const LOOKED_MS = 400;
const MOVED_PX = 20;
export function Twice({ text, armed, onDone }) {
  const [first, setFirst] = useState(null);
  const isArmed = first !== null && Date.now() - first.at < ARMED_MS;
  const press = ({ currentTarget: { offsetTop: top } }) => {
    const isThere = isArmed && Math.abs(top - first.top) <= MOVED_PX;
    if (isThere && Date.now() - first.at < LOOKED_MS) return;
    if (isThere) { setFirst(null); onDone(); return; }
    const pressed = { at: Date.now(), top };
    setFirst(pressed);
    setTimeout(() => setFirst((known) => (known === pressed ? null : known)), ARMED_MS + 50);
  };
  return html`<button class=${`twice ${isArmed ? "is-armed" : ""}`} data-is=${text} onClick=${press}>
    ${isArmed ? armed : text}<span class="unseen" aria-live="assertive">${isArmed ? armed : ""}</span></button>`;
}

// How long until something, and how long ago: follows the clock.
export const Until = ({ at, kind = "until" }) => html`<${Ticking} kind=${kind} of=${(t) => {
  const left = ms(at) - t;
  const minutes = Math.round(Math.abs(left) / 60_000);
  return left >= 0 ? say("in_minutes", { n: minutes }) : [say("over_minutes", { n: minutes }), "is-over"];
}} />`;
