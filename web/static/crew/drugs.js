// Drugs and measures: what, how much where there is a dose, and when.

import { html, useState } from "../kit/html.js";
import { code, say } from "../kit/language.js";
import { Choice, Keypad, Sheet, When } from "./parts.js";

const DRUGS = [
  "oxygen", "adrenaline", "aspirin", "crystalloid", "tranexamic_acid", "norepinephrine", "magnesium_sulfate",
  "oxytocin", "anticonvulsant", "paracetamol"
];
const MEASURES = [
  "cardiopulmonary_resuscitation", "defibrillation", "ventilation", "intravenous_access", "tourniquet",
  "immobilisation", "dressing", "warming", "cord_clamped"
];
const UNITS = ["mg", "ug", "g", "IU", "mL", "L/min", "J"];

export function Drugs({ patient, act, onClose }) {
  const [which, setWhich] = useState(null);
  const [dose, setDose] = useState(null);
  const [unit, setUnit] = useState(null);
  const [at, setAt] = useState(null);
  const isWhole = (dose === null) === (unit === null) && (dose === null || Number(dose) > 0);
  const list = (names, title) => html`
    <h3>${title}</h3>
    <div class="grid" role="group" aria-label=${title}>
      ${names.map((name) => html`<button key=${name} data-treatment=${name} onClick=${() => setWhich(name)}>
        ${code("treatments", name)}
      </button>`)}
    </div>`;
  const written = unit === "ug" ? "μg" : unit;
  const save = () => {
    act.treatment(patient, which, dose === null ? null : Number(dose), unit, at);
    onClose();
  };
  return html`<${Sheet} title=${which ? code("treatments", which) : say("pad.drugs")} onClose=${onClose}>
    <${When} at=${at} onAt=${setAt} />
    ${!which && html`${list(DRUGS, say("drugs"))}${list(MEASURES, say("measures"))}`}
    ${which && html`
      <button class="primary huge" disabled=${!isWhole} onClick=${save}>
        ${dose === null ? say("record_without_dose") : say("record_dose", { dose, unit: written ?? "?" })}
      </button>
      <${Choice} name="unit" label=${say("dose_unit")} is=${unit}
        options=${UNITS.map((name) => [name, name === "ug" ? "μg" : name])}
        onPick=${(name) => setUnit(unit === name ? null : name)} />
      <${Keypad} value=${dose} unit=${written ?? ""} unmeasurable=${false} onValue=${setDose} />
      <button onClick=${() => {
        setWhich(null);
        setDose(null);
        setUnit(null);
      }}>${say("back")}</button>`}
  </${Sheet}>`;
}
