// What is seen at the patient, or looked for and absent. A tap says it.

import { html, useState } from "../kit/html.js";
import { code, say } from "../kit/language.js";
import { Panel, Tabs } from "../kit/tabs.js";
import { findingOf } from "./mission.js";
import { Choice, Sheet, When } from "./parts.js";

const GROUPS = {
  mechanism: [
    "ejected", "vehicle_intrusion", "death_in_vehicle", "rider_separated", "pedestrian_thrown", "fall_from_height",
    "child_unrestrained", "vehicle_telemetry", "penetrating_injury", "flail_chest", "unstable_pelvis",
    "long_bone_fractures", "crushed_limb", "amputation", "spinal_injury", "skull_fracture", "head_injury",
    "multiple_trauma", "major_burn", "crew_concern"
  ],
  obstetric: [
    "frequent_contractions", "vaginal_bleeding", "heavy_vaginal_bleeding", "severe_abdominal_pain", "severe_headache",
    "vision_loss", "pre_eclampsia", "oliguria", "cord_prolapse", "suspected_abruption", "suspected_uterine_rupture",
    "suspected_amniotic_embolism", "suspected_ectopic_pregnancy"
  ],
  child: ["feeding_difficulty", "reduced_activity", "chest_indrawing", "grunting", "cyanosis"],
  life: [
    "airway_compromised", "severe_dyspnoea", "shock", "poor_perfusion", "active_bleeding", "unstable_rhythm",
    "other_life_threat", "cardiac_arrest", "rosc"
  ],
  bleeding: ["moderate_bleeding", "minor_bleeding", "moderate_injury", "minor_injury"],
  mind: [
    "stupor", "drowsiness", "seizure", "status_epilepticus", "cns_infection", "harming_self_or_others",
    "violent_behaviour", "risk_of_self_harm"
  ],
  heart: [
    "cardiac_chest_pain", "noncardiac_chest_pain", "diaphoresis", "suspected_myocardial_infarction",
    "confirmed_myocardial_infarction", "suspected_pulmonary_embolism", "suspected_aortic_dissection",
    "suspected_aortic_aneurysm", "suspected_myopericarditis", "suspected_pericardial_effusion",
    "suspected_tension_pneumothorax", "fulminant_myocarditis", "hypertensive_crisis"
  ],
  stroke: ["facial_droop", "arm_drift", "abnormal_speech", "balance_loss", "vision_loss", "on_anticoagulant"],
  other: [
    "asthma", "severe_asthma", "inhaled_foreign_body", "hypercapnic_target", "suspected_infection",
    "febrile_neutropenia", "suspected_perforation", "suspected_testicular_torsion", "persistent_vomiting",
    "moderate_dehydration", "severe_dehydration", "electrolyte_disturbance", "hypoglycaemia", "diabetic_ketoacidosis",
    "purpura_fulminans", "acute_overdose", "life_threatening_poisoning", "toxic_exposure"
  ],
};
const GENERAL = ["life", "heart", "mind", "bleeding", "stroke", "child", "other"];
const FAST = ["facial_droop", "arm_drift", "abnormal_speech"];

function Rows({ names, patient, acts, act, at }) {
  return names.map((name) => html`<${Choice} key=${name} name=${name} label=${code("findings", name)}
    is=${findingOf(acts, patient.encounter_id, name)}
    options=${[[true, say("there_is")], [false, say("there_is_not")]]}
    onPick=${(present) => act.finding(patient, name, present, at, name === "rosc" ? { undo: true } : {})} />`);
}

export function Findings({ patient, acts, act, onClose }) {
  const [group, setGroup] = useState("life");
  const [at, setAt] = useState(null);
  return html`<${Sheet} title=${say("pad.findings")} onClose=${onClose}>
    <${When} at=${at} onAt=${setAt} />
    <${Tabs} of="group" label=${say("pad.findings")} tabs=${GENERAL.map((key) => [key, say(`group.${key}`)])}
      chosen=${group} onChoose=${setGroup} />
    <${Panel} of="group" chosen=${group}>
      <div class="rows"><${Rows} names=${GROUPS[group]} patient=${patient} acts=${acts} act=${act} at=${at} /></div>
    </${Panel}>
  </${Sheet}>`;
}

const group = (key) => ({ patient, acts, act, onClose }) => {
  const [at, setAt] = useState(null);
  return html`<${Sheet} title=${say(`pad.${key}`)} onClose=${onClose}>
    <${When} at=${at} onAt=${setAt} />
    <div class="rows"><${Rows} names=${GROUPS[key]} patient=${patient} acts=${acts} act=${act} at=${at} /></div>
  </${Sheet}>`;
};
export const Mechanism = group("mechanism");
export const Obstetric = group("obstetric");

export function Fast({ patient, acts, act, onClose }) {
  const [at, setAt] = useState(null);
  const open = FAST.filter((name) => findingOf(acts, patient.encounter_id, name) === null);
  const rest = () => { open.forEach((name) => act.finding(patient, name, false, at)); onClose(); };
  return html`<${Sheet} title=${say("ask.fast")} onClose=${onClose}>
    <${When} at=${at} onAt=${setAt} />
    <div class="rows fast">
      ${FAST.map((name) => html`<${Choice} key=${name} name=${name} label=${say(`fast.${name}`)}
        is=${findingOf(acts, patient.encounter_id, name)}
        options=${[[true, say(`fast.${name}.yes`)], [false, say(`fast.${name}.no`)]]}
        onPick=${(present) => act.finding(patient, name, present, at)} />`)}
    </div>
    ${open.length > 0 && html`<button class="primary huge" onClick=${rest}>
      ${say(open.length === FAST.length ? "fast_all_normal" : "fast_rest_normal")}
    </button>`}
  </${Sheet}>`;
}

// The items of each scale with their words; how many points an item can give is in the words' number.
const SCALES = { lams: ["face", "arm", "grip"] };
const POINTS = { "lams.face": 2, "lams.arm": 3, "lams.grip": 3 };

export function Scale({ scale, patient, act, onClose }) {
  const [picked, setPicked] = useState({});
  const [at, setAt] = useState(null);
  const items = Object.entries(picked).map(([item, points]) => ({ item, points }));
  return html`<${Sheet} title=${say(`pad.${scale}`)} onClose=${onClose}>
    <${When} at=${at} onAt=${setAt} />
    <div class="rows">
      ${SCALES[scale].map((name) => html`<${Choice} key=${name} name=${name} label=${say(`${scale}.${name}`)}
        is=${picked[name]} onPick=${(points) => setPicked({ ...picked, [name]: points })}
        options=${Array.from({ length: POINTS[`${scale}.${name}`] },
          (_, points) => [points, `${points} · ${say(`${scale}.${name}.${points}`)}`])} />`)}
    </div>
    <button class="primary huge" disabled=${!items.length} onClick=${() => {
      act.scale(patient, scale, items, at);
      onClose();
    }}>${say("record_n", { n: items.length })}</button>
  </${Sheet}>`;
}
