// Drugs and measures: what, how much where there is a dose, and when.

import { html, useState } from "../kit/html.js";
import { code, say } from "../kit/language.js";
import { Choice, Keypad, Sheet, When } from "./parts.js";

// What is given in which units, the usual one first; a measure without a dose has none. Ours (design).
const DRUGS = {
  oxygen: ["L/min"], adrenaline: ["mg", "ug", "mL"], aspirin: ["mg"], crystalloid: ["mL"],
  tranexamic_acid: ["g", "mg", "mL"], norepinephrine: ["ug", "mg", "mL"], magnesium_sulfate: ["g", "mg", "mL"],
  oxytocin: ["IU", "mL"], anticonvulsant: ["mg", "g", "mL"], paracetamol: ["mg", "g", "mL"],
};
const MEASURES = {
  cardiopulmonary_resuscitation: [], defibrillation: ["J"], ventilation: [], intravenous_access: [],
  tourniquet: [], immobilisation: [], dressing: [], warming: [], cord_clamped: [],
};
const UNITS = { ...DRUGS, ...MEASURES };

export function Drugs({ patient, act, onClose }) {
  const [which, setWhich] = useState(null);
  const [dose, setDose] = useState(null);
  const [picked, setPicked] = useState(null);
  const [at, setAt] = useState(null);
  const units = which ? UNITS[which] : [];
  // Where there is one unit alone, a dose is of it.
  const unit = picked ?? (dose !== null && units.length === 1 ? units[0] : null);
  const isWhole = (dose === null) === (unit === null) && (dose === null || Number(dose) > 0);
  const list = (names, title) => html`
    <h3>${title}</h3>
    <div class="grid" role="group" aria-label=${title}>
      ${Object.keys(names).map((name) => html`<button key=${name} data-treatment=${name}
        onClick=${() => setWhich(name)}>
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
        ${dose !== null ? say("record_dose", { dose, unit: written ?? "?" })
          : say(units.length ? "record_without_dose" : "record")}
      </button>
      ${units.length > 1 && html`<${Choice} name="unit" label=${say("dose_unit")} is=${unit}
        options=${units.map((name) => [name, name === "ug" ? "μg" : name])}
        onPick=${(name) => setPicked(picked === name ? null : name)} />`}
      ${units.length > 0 && html`<${Keypad} value=${dose} unit=${written ?? (units.length === 1 ? units[0] : "")}
        unmeasurable=${false} onValue=${setDose} />`}
      <button onClick=${() => {
        setWhich(null);
        setDose(null);
        setPicked(null);
      }}>${say("back")}</button>`}
  </${Sheet}>`;
}
