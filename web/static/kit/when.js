// A moment that is typed: a day and a time by the clock on the wall, in the zone of the site.

import { dayOf, now, secondOf } from "./clock.js";
import { html } from "./html.js";
import { say } from "./language.js";

export const typed = (moment) => ({ day: dayOf(moment), time: secondOf(moment) });

// The moment that the clock on the wall showed then, or null of what is none.
export function momentOf({ day, time }) {
  const wall = Date.parse(`${day}T${time.length === 5 ? `${time}:00` : time}Z`);
  if (Number.isNaN(wall) || new Date(wall).toISOString().slice(0, 10) !== day) return null; // no 31st of February
  let moment = wall;
  for (let round = 0; round < 2; round += 1) {
    moment += wall - Date.parse(`${dayOf(moment)}T${secondOf(moment)}Z`);
  }
  return new Date(moment).toISOString();
}

export const rightNow = () => typed(now());

// Typed, and not chosen from what a browser offers: that says the hours as it likes, with AM and PM.
export function When({ value, onChange }) {
  const isWhole = /^\d{4}-\d{2}-\d{2}$/.test(value.day);
  const noSuchDay = isWhole && momentOf({ day: value.day, time: "12:00" }) === null ? say("no_such_day") : "";
  return html`<div class="day-time">
    <label class="field">
      <span>${say("day")}</span>
      <input ref=${(field) => field?.setCustomValidity(noSuchDay)} required inputmode="numeric"
        pattern="\\d{4}-\\d{2}-\\d{2}" title="2026-01-31" maxlength="10" value=${value.day}
        onInput=${(e) => onChange({ ...value, day: e.target.value })} />
    </label>
    <label class="field">
      <span>${say("time")}</span>
      <input required inputmode="numeric" pattern="([01]\\d|2[0-3]):[0-5]\\d(:[0-5]\\d)?" title="23:59:00"
        maxlength="8" value=${value.time} onInput=${(e) => onChange({ ...value, time: e.target.value })} />
    </label>
  </div>`;
}
