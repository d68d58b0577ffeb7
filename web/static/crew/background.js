// What a handover asks for beside the complaint. Not asked and none are two things.

import { html, useState } from "../kit/html.js";
import { say } from "../kit/language.js";
import { Left, useDraft } from "./draft.js";
import { entered } from "./mission.js";
import { Choice, momentOf, Sheet, When } from "./parts.js";

const LISTS = ["allergies", "medications", "history", "skin", "belongings"];
const LINES = [
  "peripheral_iv", "intraosseous", "central_line", "airway_tube", "supraglottic_airway", "chest_drain",
  "urinary_catheter", "gastric_tube", "tourniquet", "cervical_collar", "pelvic_binder", "splint"
];
const CONSENTS = ["treatment", "transport", "records"];
const BY = ["patient", "relative", "not_obtainable", "refused"];
const TELLERS = ["patient", "relative", "bystander", "documents"];

// A list of words: not asked, none, or what was said.
function Words({ name, value, onValue }) {
  const [typed, setTyped] = useState("");
  const add = (event) => {
    event?.preventDefault();
    if (typed.trim()) { onValue([...(value ?? []), typed.trim()]); setTyped(""); }
  };
  return html`<fieldset class="words-of" data-of=${name}>
    <legend>${say(`bg.${name}`)}${value === undefined ? html` <small>${say("not_asked")}</small>` : null}</legend>
    ${value?.length > 0 && html`<ul>
      ${value.map((word) => html`<li key=${word}>
        <span>${word}</span>
        <button aria-label=${say("remove", { what: word })}
          onClick=${() => onValue(value.filter((other) => other !== word))}>×</button>
      </li>`)}
    </ul>`}
    <form onSubmit=${add}>
      <input value=${typed} onInput=${(event) => setTyped(event.target.value)} onBlur=${add} maxlength="120"
        aria-label=${say(`bg.${name}`)} placeholder=${say("bg_type")} />
      <button disabled=${!typed.trim()}>${say("add")}</button>
    </form>
    <button aria-pressed=${value?.length === 0 ? "true" : "false"}
      onClick=${() => onValue(value?.length === 0 ? undefined : [])}>${say(`bg_none.${name}`)}</button>
  </fieldset>`;
}

export function Background({ patient, acts, act, onClose }) {
  const { draft, write, drop } = useDraft(`draft:background:${patient.encounter_id}`);
  const [teller, setTeller] = useState(null);
  if (draft === null) return null;
  const { values: told, at } = draft;
  // What this phone has told before stands until it is told anew.
  const before = (name) => entered(acts, patient.encounter_id,
    (one) => one.kind === "background" && one.body.background[name] !== undefined)?.body.background[name];
  const value = (name) => (name in told ? told[name] : before(name));
  const set = (name, next) => {
    const after = { ...told, [name]: next };
    if (next === undefined) delete after[name];
    write({ values: after });
  };
  const count = Object.keys(told).length;
  const save = async () => {
    await act.background(patient, told, teller, at);
    await drop();
    onClose();
  };
  const lines = value("lines");
  const toggle = (line) => set("lines", lines?.some((one) => one.line === line)
    ? lines.filter((one) => one.line !== line)
    : [...(lines ?? []), { line }]);
  const consents = value("consents");
  const agree = (to, by) => set("consents", [...(consents ?? []).filter((one) => one.to !== to), { to, by }]);
  return html`<${Sheet} title=${say("pad.background")} onClose=${onClose}>
    <${Left} draft=${draft} onDrop=${drop} />
    <${When} at=${at} onAt=${(moment) => write({ at: moment })} />
    <p class="dim">${say("bg_no_names")}</p>
    <div class="rows">
      ${LISTS.slice(0, 3).map((name) => html`<${Words} key=${name} name=${name} value=${value(name)}
        onValue=${(next) => set(name, next)} />`)}
      <label class="field">
        <span>${say("bg.last_meal_at")}</span>
        <input type="time"
          onChange=${(event) => set("last_meal_at", event.target.value ? momentOf(event.target.value) : undefined)} />
      </label>
      <fieldset class="choice" data-of="lines">
        <legend>${say("bg.lines")}${lines === undefined ? html` <small>${say("not_looked")}</small>` : null}</legend>
        <div class="options">
          ${LINES.map((line) => html`<button key=${line}
            aria-pressed=${lines?.some((one) => one.line === line) ? "true" : "false"}
            onClick=${() => toggle(line)}>${say(`line.${line}`)}</button>`)}
          <button aria-pressed=${lines?.length === 0 ? "true" : "false"}
            onClick=${() => set("lines", lines?.length === 0 ? undefined : [])}>${say("bg_none.lines")}</button>
        </div>
      </fieldset>
      ${LISTS.slice(3).map((name) => html`<${Words} key=${name} name=${name} value=${value(name)}
        onValue=${(next) => set(name, next)} />`)}
      ${CONSENTS.map((to) => html`<${Choice} key=${to} name=${`consent-${to}`} label=${say(`consent.${to}`)}
        is=${consents?.find((one) => one.to === to)?.by}
        options=${BY.map((by) => [by, say(`consent_by.${by}`)])} onPick=${(by) => agree(to, by)} />`)}
      <${Choice} name="told_by" label=${say("told_by")} is=${teller}
        options=${TELLERS.map((who) => [who, say(`teller.${who}`)])}
        onPick=${(who) => setTeller(teller === who ? null : who)} />
    </div>
    <button class="primary huge" disabled=${!count} onClick=${save}>${say("record_n", { n: count })}</button>
  </${Sheet}>`;
}
