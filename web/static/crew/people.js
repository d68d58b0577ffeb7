// Who the patient is, as far as anybody knows; one more found, or born; never a name.

import { html, useState } from "../kit/html.js";
import { code, say } from "../kit/language.js";
import { isoNow, now } from "../kit/clock.js";
import { Choice, Keypad, momentOf, Sheet } from "./parts.js";

const COMPLAINTS = [
  "chest_pain", "stroke", "trauma", "dyspnoea", "cardiac_arrest", "unconscious", "altered_consciousness", "syncope",
  "seizure", "status_epilepticus", "palpitation", "asthma", "choking", "burn", "bleeding", "heavy_bleeding",
  "gastrointestinal_bleeding", "vaginal_bleeding", "obstetric", "cord_prolapse", "newborn", "poisoning", "overdose",
  "hypoglycaemia", "fever", "abdominal_pain", "severe_abdominal_pain", "epigastric_pain", "headache", "dizziness",
  "vomiting", "mental_disorder", "other", "unknown"
];
const PRECAUTIONS = ["contact", "droplet", "airborne", "chemical", "radiation"];

// "Unknown" is where everybody begins; somebody has to say it here to have said it.
const isSaid = (value) => (value === "unknown" ? null : value);

export function Person({ patient, act, onClose }) {
  const [told, setTold] = useState(patient.patient ?? {});
  const [age, setAge] = useState(told.age ? String(Math.floor(told.age.years)) : null);
  const [estimated, setEstimated] = useState(told.age?.estimated ?? null);
  // As it is typed: "34." is on the way to 34.5.
  const [weeks, setWeeks] = useState(told.gestation_weeks == null ? "" : String(told.gestation_weeks));
  const set = (name, value) => setTold({ ...told, [name]: value });
  const isBorn = Boolean(told.birth_time);
  const isPregnant = told.pregnant === "yes" && told.sex !== "male";
  const isNoNumber = isPregnant && weeks !== "" && !Number.isFinite(Number(weeks));
  // What was true before a slip was put right is true no more.
  const pregnancy = () => (isPregnant ? { gestation_weeks: weeks === "" ? null : Number(weeks) }
    : told.sex === "male" || told.pregnant === "no" ? { pregnant: "no", gestation_weeks: null } : {});
  const save = () => {
    const years = age === null ? {} : { age: { years: Number(age), ...(estimated === null ? {} : { estimated }) } };
    const { age: _, ...rest } = told;
    act.person(patient, {
      ...rest,
      ...pregnancy(),
      ...(age !== null && String(Math.floor(told.age?.years ?? -1)) === age && told.age?.estimated === estimated
        ? { age: told.age }
        : years)
    });
    onClose();
  };
  const guard = told.precautions;
  const toggle = (name) => set("precautions", guard?.includes(name)
    ? guard.filter((other) => other !== name)
    : [...(guard ?? []), name]);
  return html`<${Sheet} title=${say("person")} onClose=${onClose}>
    <div class="rows">
      <${Choice} name="sex" label=${say("sex")} is=${isSaid(told.sex)}
        options=${["male", "female", "unknown"].map((sex) => [sex, say(sex === "unknown" ? "sex_unknown" : sex)])}
        onPick=${(sex) => set("sex", sex)} />
      ${!isBorn && html`<fieldset>
        <legend>${say("age_years")}</legend>
        <${Keypad} value=${age} unit=${say("years_unit")} unmeasurable=${false} onValue=${setAge} />
        <${Choice} name="estimated" label=${say("age_how")} is=${estimated}
          options=${[[false, say("age_known")], [true, say("age_guess")]]} onPick=${setEstimated} />
      </fieldset>`}
      ${told.sex !== "male" && html`<${Choice} name="pregnant" label=${say("pregnant_q")} is=${isSaid(told.pregnant)}
        options=${["yes", "no", "unknown"].map((is) => [is, say(is === "unknown" ? "not_known" : is)])}
        onPick=${(is) => set("pregnant", is)} />`}
      ${isPregnant && html`<label class="field">
        <span>${say("gestation_weeks")}</span>
        <input inputmode="decimal" maxlength="5" value=${weeks} aria-invalid=${isNoNumber ? "true" : "false"}
          onInput=${(event) => setWeeks(event.target.value.trim())} />
      </label>`}
      <label class="field">
        <span>${say("complaint")}</span>
        <select value=${told.complaint ?? ""}
          onChange=${(event) => set("complaint", event.target.value || undefined)}>
          <option value="">—</option>
          ${COMPLAINTS.map((name) => html`<option key=${name} value=${name} selected=${told.complaint === name}>
            ${code("complaints", name)}
          </option>`)}
        </select>
      </label>
      <label class="field">
        <span>${say("complaint_words")}</span>
        <input maxlength="200" value=${told.complaint_text ?? ""}
          onInput=${(event) => set("complaint_text", event.target.value || undefined)} />
      </label>
      <fieldset class="choice">
        <legend>${say("precautions")}${guard == null ? html` <small>${say("not_asked")}</small>` : null}</legend>
        <div class="options">
          ${PRECAUTIONS.map((name) => html`<button key=${name}
            aria-pressed=${guard?.includes(name) ? "true" : "false"}
            onClick=${() => toggle(name)}>${code("precautions", name)}</button>`)}
          <button aria-pressed=${guard?.length === 0 ? "true" : "false"}
            onClick=${() => set("precautions", guard?.length === 0 ? undefined : [])}>
            ${code("precautions", "none")}
          </button>
        </div>
      </fieldset>
    </div>
    <p class="dim">${say("no_names")}</p>
    <button class="primary huge" disabled=${isNoNumber} onClick=${save}>${say("record")}</button>
  </${Sheet}>`;
}

// When the patient was last seen without signs.
const HOURS = [0.5, 1, 2, 3, 4, 6, 12];
export function Well({ patient, act, onClose }) {
  const say_ = (at) => { act.person(patient, { ...patient.patient, last_known_well: at }); onClose(); };
  return html`<${Sheet} title=${say("ask.well")} onClose=${onClose}>
    <div class="grid">
      ${HOURS.map((n) => html`<button key=${n}
        onClick=${() => say_(new Date(now() - n * 3600_000).toISOString())}>${say("hours_ago", { n })}</button>`)}
    </div>
    <label class="field">
      <span>${say("exact_time")}</span>
      <input type="time" onChange=${(event) => event.target.value && say_(momentOf(event.target.value))} />
    </label>
    <button class="huge" onClick=${() => {
      act.cannot(patient, "last_known_well");
      onClose();
    }}>${say("not_known")}</button>
  </${Sheet}>`;
}

// One more at the scene, or born on the way.
export function Another({ mission, patients, act, onMade, onClose }) {
  const incident = mission.incident?.incident_id;
  const made = async (patient, mother) => { onMade(await act.another(incident, patient, mother)); onClose(); };
  // Numbered as their tabs are; who was just born is nobody's mother.
  const mothers = patients.map((one, n) => [one, n + 1])
    .filter(([one]) => !one.isLocal && !one.outcome && one.patient.sex !== "male" && !one.patient.birth_time);
  return html`<${Sheet} title=${say("another")} onClose=${onClose}>
    <p>${say("another_why")}</p>
    <div class="stack">
      ${["male", "female", "unknown"].map((sex) => html`<button class="huge" key=${sex} data-sex=${sex}
        onClick=${() => made({ sex })}>${say(`found.${sex}`)}</button>`)}
      ${mothers.map(([mother, n]) => html`<button class="huge" key=${mother.encounter_id}
        onClick=${() => made({ birth_time: isoNow(), complaint: "newborn" }, mother.encounter_id)}>
        ${say("newborn")}${mothers.length > 1 ? ` · ${say("mother_n", { n })}` : ""}
      </button>`)}
    </div>
  </${Sheet}>`;
}
