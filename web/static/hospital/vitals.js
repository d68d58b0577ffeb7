// A vital sign with its value, its line and its age.

import { Age, ms } from "../kit/clock.js";
import { html } from "../kit/html.js";
import { code, figure, say } from "../kit/language.js";
import { KEPT_S } from "./patients.js";

const WIDTH = 72;
const HEIGHT = 22;
// The narrowest scale of a line: noise of a steady value is not drawn as a mountain.
const LEAST = { heart_rate: 20, systolic_bp: 30, diastolic_bp: 30, spo2: 6, respiratory_rate: 8 };

// The last half hour, at most, as `Histories` keep it; a gap of more than three minutes is a gap.
const GAP_S = 180;
export function Line({ name, points }) {
  if (!points || points.length < 4)
    return html`<svg class="spark" width=${WIDTH} height=${HEIGHT} aria-hidden="true"></svg>`;
  const seconds = points.filter((_, place) => place % 2 === 0);
  const values = points.filter((_, place) => place % 2 === 1);
  const [first, last] = [seconds[0], seconds.at(-1)];
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const reach = Math.max((LEAST[name] ?? 10) / 2, (high - low) / 2);
  const x = (second) => (2 + ((second - first) / Math.max(1, last - first)) * (WIDTH - 4)).toFixed(1);
  const y = (value) => (2 + (((high + low) / 2 + reach - value) / (2 * reach)) * (HEIGHT - 4)).toFixed(1);
  const path = seconds.map((second, place) =>
    `${second - (seconds[place - 1] ?? -Infinity) > GAP_S ? "M" : "L"}${x(second)} ${y(values[place])}`).join("");
  return html`<svg class="spark" width=${WIDTH} height=${HEIGHT} viewBox=${`0 0 ${WIDTH} ${HEIGHT}`} aria-hidden="true">
    <path d=${path} /><circle cx=${x(last)} cy=${y(values.at(-1))} r="2" /></svg>`;
}

export const SHORT = {
  heart_rate: "v_hr",
  blood_pressure: "v_bp",
  spo2: "v_spo2",
  respiratory_rate: "v_rr",
  gcs: "v_gcs",
  consciousness: "v_acvpu",
  temperature: "v_temp",
  blood_glucose: "v_glucose",
  fetal_heart_rate: "v_fhr",
  pain: "v_pain",
  potassium: "v_k"
};
const DIGITS = { temperature: 1, blood_glucose: 1, potassium: 1 };

export function shown({ name, state, value }) {
  if (state === "not_taken") return say("not_taken");
  if (state === "unmeasurable") return say("unmeasurable");
  if (state === "lost") return say("signal_lost");
  if (state === "invalid") return say("invalid");
  if (name === "consciousness") return code("consciousness", value);
  return typeof value === "number" ? figure(value, DIGITS[name] ?? 0) : String(value);
}

// What a monitor measures all the time is old where its line breaks; what is measured now and then where
// it would not be on a line any more.
const STREAMED = new Set(["heart_rate", "spo2", "respiratory_rate"]);
const oldAfter = (name) => 1000 * (STREAMED.has(name) ? GAP_S : KEPT_S);

export function Tile({ tile, history, onOxygen, aged }) {
  const { name, state, level, marks, at } = tile;
  const line = name === "blood_pressure" ? "systolic_bp" : name;
  const kind = `tile ${state} ${level && state !== "not_taken" ? level : ""} ${marks.includes("stale") ? "stale" : ""}`;
  return html`<li class=${kind}>
    <span class="name">${say(SHORT[name] ?? name)}
      ${name === "spo2" && onOxygen != null ? html`<i> ${say(onOxygen ? "on_oxygen" : "on_air")}</i>` : ""}</span>
    <b>${shown(tile)}</b>
    ${state === "measured" && html`<${Line} name=${line} points=${history?.[line]} />`}
    ${at && html`<small>
      ${state === "lost" ? say("lost_for") : ""}<${Age} at=${at} older=${oldAfter(name)} aged=${aged} />
      ${marks.includes("single_reading")
        ? html` <i title=${say("single_reading_long")}>${say("single_reading")}</i>`
        : ""}</small>`}
  </li>`;
}

export const ageOfInput = (input) => ms(input?.occurred_at);
