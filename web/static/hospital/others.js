// What is loud is seen and heard on every page of a hospital, whoever is looked at there.

import { html, useEffect, useState } from "../kit/html.js";
import { say } from "../kit/language.js";
import { Shape } from "../kit/level.js";
import { personOf, problemOf } from "../kit/person.js";
import { Sounder } from "../kit/sound.js";
import { isOver, loud, markOf, order } from "./patients.js";

export const SoundSwitch = ({ sounder, isOn }) => html`<button class=${`sound ${isOn ? "on" : "off"}`}
    aria-pressed=${isOn ? "true" : "false"} onClick=${() => sounder.turn(!isOn)}>
  ${say(isOn ? "sound_on" : "sound_off")}</button>`;

// One tap where the browser wants one: of who has wished for sound, and with `isFirst` of who has not said.
export function AskForSound({ sounder, isOn, isFirst = false }) {
  const [, draw] = useState(0);
  if (isOn || !(sounder.wish === null ? isFirst : sounder.wish && sounder.isBlocked)) return null;
  return html`<div class="ask-sound" role="status">
    <p>${say("sound_is_off")}</p>
    <button class="primary" onClick=${() => sounder.turn(true)}>${say("tap_for_sound")}</button>
    <button onClick=${() => { sounder.turn(false); draw((n) => n + 1); }}>${say("stay_silent")}</button></div>`;
}

// The queue as the feed tells it, beside the patient of this page.
export class Watch {
  constructor(id) {
    this.id = id;
    this.items = new Map();
    this.tell = () => {};
    this.isOn = false;
    this.sounder = new Sounder((isOn) => { this.isOn = isOn; this.tell(); });
  }

  take(items, isAll = false) {
    if (isAll) this.items.clear();
    for (const item of items) {
      const before = this.items.get(item.encounter_id);
      if (before?.feed > item.feed) continue;
      if (isOver(item)) this.items.delete(item.encounter_id);
      else this.items.set(item.encounter_id, item);
    }
    this.sounder.want(new Map([...this.items.values()]
      .map((item) => [item.encounter_id, loud(item)])
      .filter(([, why]) => why)));
    this.tell();
  }

  // Whose wristband or number of admission this is, of all who are bound for this facility; else undefined.
  whose(number) {
    const read = number.trim().toLowerCase();
    return [...this.items.values()].find(({ record: { admission: of } }) => read
      && [of?.wristband, of?.admission_number].some((own) => own?.toLowerCase() === read));
  }

  get others() { return order([...this.items.values()].filter((item) => loud(item) && item.encounter_id !== this.id)); }

  end() { this.sounder.end(); }
}

export function Others({ watch }) {
  const [, draw] = useState(0);
  useEffect(() => {
    watch.tell = () => draw((n) => n + 1);
    return () => { watch.tell = () => {}; };
  }, []);
  return html`<${AskForSound} sounder=${watch.sounder} isOn=${watch.isOn} />
    <div class="others-loud"><${SoundSwitch} sounder=${watch.sounder} isOn=${watch.isOn} />
      <div role="alert">${watch.others.map((item) => html`<a key=${item.encounter_id} class=${item.record.worst}
          href=${`/hospital/patient/${item.encounter_id}`}>
        <${Shape} level=${item.record.worst} size=${26} /><b>${say(`loud.${loud(item)}`)}</b>
        <span>${personOf(item.record.patient)} · ${problemOf(item.record.patient)}</span>
        <b class="mark">${markOf(item)}</b>
      </a>`)}</div></div>`;
}
