// Vital signs by hand: each may be left out, "unmeasurable" is a word of its own, and what was typed
// stays when the sheet is left.

import { html, useState } from "../kit/html.js";
import { code, item, say } from "../kit/language.js";
import { Left, useDraft } from "./draft.js";
import { Choice, Keypad, Sheet, When } from "./parts.js";

const UNITS = {
  heart_rate: "/min", respiratory_rate: "/min", spo2: "%", systolic_bp: "mmHg", diastolic_bp: "mmHg",
  temperature: "℃", blood_glucose: "mmol/L", potassium: "mmol/L", fetal_heart_rate: "/min", pain: "/10"
};
// What can be true, so that a slip is seen without a line: as `VitalSigns` has it, and a test holds them together.
const LIMITS = {
  heart_rate: [0, 350], respiratory_rate: [0, 150], spo2: [0, 100], systolic_bp: [0, 350], diastolic_bp: [0, 300],
  temperature: [10, 50], blood_glucose: [0, 100], pain: [0, 10], potassium: [0, 15], fetal_heart_rate: [0, 300]
};
const NUMBERS = [
  "heart_rate", "respiratory_rate", "spo2", "systolic_bp", "diastolic_bp", "temperature", "blood_glucose", "pain",
  "potassium", "fetal_heart_rate"
];
const WHOLE = new Set([
  "heart_rate", "respiratory_rate", "spo2", "systolic_bp", "diastolic_bp", "pain", "fetal_heart_rate"
]);
const PRESSURE = ["systolic_bp", "diastolic_bp"];
// Words of the Glasgow coma scale: points from one up.
const GCS = { gcs_eye: 4, gcs_verbal: 5, gcs_motor: 6 };
const ACVPU = [..."ACVPU"];

// As the service takes them: numbers, and words where nothing could be measured.
const said = (draft) => Object.fromEntries(Object.entries(draft)
  .filter(([, value]) => value != null && value !== "")
  .map(([name, value]) => [
    name,
    typeof value === "string" && NUMBERS.includes(name) && value !== "unmeasurable" ? Number(value) : value
  ]));

// Which of the numbers no service would use, and what is odd between them.
export const impossible = (values) => NUMBERS.filter((name) => typeof values[name] === "number"
  && !(values[name] >= LIMITS[name][0] && values[name] <= LIMITS[name][1]));
export const isCrossed = ({ systolic_bp: upper, diastolic_bp: lower }) =>
  typeof upper === "number" && typeof lower === "number" && lower > upper;

export function Vitals({ patient, act, onClose, about }) {
  const { draft: stands, write, drop } = useDraft(`draft:vitals:${patient.encounter_id}`);
  const [open, setOpen] = useState(about ?? "heart_rate");
  const [isSure, setSure] = useState(false);
  if (stands === null) return null;
  const { values: draft, at } = stands;
  const set = (name, value) => {
    const after = { ...draft, [name]: value };
    if (value == null) delete after[name];
    write({ values: after });
    setSure(false);
  };
  const values = said(draft);
  const wrong = impossible(values);
  const isOdd = isCrossed(values);
  const count = Object.keys(values).length;
  const save = async () => {
    if (isOdd && !isSure) { setSure(true); return; }
    await act.vitals(patient, values, at);
    await drop();
    onClose();
  };
  const after = NUMBERS[NUMBERS.indexOf(open) + 1];
  const limitOf = (name) => say("impossible", {
    what: item(name),
    value: draft[name],
    low: LIMITS[name][0],
    high: LIMITS[name][1],
    unit: name === "pain" ? "" : UNITS[name]
  });
  const crossed = isOdd && html`<p class="wrong" role="alert">
    ${say("bp_crossed", { systolic: values.systolic_bp, diastolic: values.diastolic_bp })}
  </p>`;
  const shown = (name) => (draft[name] === "unmeasurable" ? say("unmeasurable") : draft[name] ?? "—");
  return html`<${Sheet} title=${say("pad.vitals")} onClose=${onClose} kind="vitals">
    <${Left} draft=${stands} onDrop=${() => { setSure(false); drop(); }} />
    <${When} at=${at} onAt=${(moment) => write({ at: moment })} />
    <div class="numbers">
      <div class="fields" role="group" aria-label=${say("pad.vitals")}>
        ${NUMBERS.map((name) => html`<button key=${name} data-vital=${name}
          class=${wrong.includes(name) ? "is-wrong" : ""} aria-pressed=${open === name ? "true" : "false"}
          onClick=${() => setOpen(name)}>
          <small>${item(name)}</small>
          <b class=${draft[name] == null ? "dim" : ""}>${shown(name)}</b>
        </button>`)}
      </div>
      ${NUMBERS.includes(open) && html`<div class="pad-of">
        <h3>${item(open)}</h3>
        <${Keypad} value=${draft[open]} unit=${UNITS[open]} decimals=${!WHOLE.has(open)}
          onValue=${(value) => set(open, value)} />
        ${wrong.includes(open) && html`<p class="wrong" role="alert">${limitOf(open)}</p>`}
        ${isOdd && PRESSURE.includes(open) && crossed}
        ${after && html`<button class="wide" data-is="next" onClick=${() => setOpen(after)}>
          ${say("next_value", { what: item(after) })}
        </button>`}
      </div>`}
    </div>
    <div class="rows">
      <${Choice} name="on_oxygen" label=${say("ask.oxygen")} is=${draft.on_oxygen}
        onPick=${(is) => set("on_oxygen", draft.on_oxygen === is ? null : is)}
        options=${[[true, say("oxygen_yes")], [false, say("oxygen_no")]]} />
      <${Choice} name="consciousness" label=${say("ask.consciousness")} is=${draft.consciousness}
        onPick=${(is) => set("consciousness", draft.consciousness === is ? null : is)}
        options=${ACVPU.map((word) => [word, `${word} ${code("consciousness", word)}`])} />
      ${Object.entries(GCS).map(([name, most]) => html`<${Choice} key=${name} name=${name} label=${item(name)}
        is=${draft[name]} onPick=${(is) => set(name, draft[name] === is ? null : is)}
        options=${[
          ...Array.from({ length: most }, (_, n) => [n + 1, `${n + 1} ${say(`${name}.${n + 1}`)}`]),
          ["unmeasurable", say("unmeasurable")]
        ]} />`)}
    </div>
    ${wrong.length > 0 && html`<p class="wrong" role="alert">${wrong.map(limitOf).join(say("semicolon"))}</p>`}
    ${isOdd && crossed}
    <button class=${isOdd && isSure ? "grave huge" : "primary huge"} disabled=${!count || wrong.length > 0}
      onClick=${save}>${say(isOdd && isSure ? "record_anyway" : "record_n", { n: count })}</button>
  </${Sheet}>`;
}
