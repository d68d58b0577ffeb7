// Whose something is: the number of the tab where there are several, who, why.

import { html } from "../kit/html.js";
import { say } from "../kit/language.js";
import { Shape } from "../kit/level.js";
import { personOf, problemOf } from "../kit/person.js";

export const nameOf = ({ number, patient }) => [
  number ? say("patient_n", { n: number }) : "", personOf(patient), problemOf(patient)
].filter(Boolean).join(" · ");

// For the head of a sheet; of which unit, where several are at the call.
export function whoseOf(patient, mission) {
  const unit = mission?.other_units?.length ? patient.unit_id ?? mission.unit.unit_id : "";
  return { level: patient.level, text: [nameOf(patient), unit].filter(Boolean).join(" · ") };
}

// Whose an act is: as they are known now, else as they were when it was made; nothing where it is the unit's.
export function Whom({ act, patients }) {
  const id = act.of ?? act.lane;
  const known = patients.find((one) => one.encounter_id === id);
  if (!known && !act.whom) return null;
  return html`<small class="whom">
    ${known && html`<${Shape} level=${known.level} size=${18} />`} ${nameOf(known ?? { patient: act.whom })}
  </small>`;
}
