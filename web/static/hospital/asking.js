// The questions of a patient's page alone: who it is, the level of a doctor, how it went on.

import { Age, timeOf } from "../kit/clock.js";
import { html, useState } from "../kit/html.js";
import { both, code, say } from "../kit/language.js";
import { Shape, URGENCY } from "../kit/level.js";
import { Choice, DIALOGS, Sending } from "./dialogs.js";
import { Milestone, TakeBack } from "./milestones.js";
import { against } from "./patients.js";

const NUMBER = "[A-Za-z0-9][A-Za-z0-9._:\\-]{0,63}";
const LEVELS = ["critical", "severe", "urgent", "non_urgent"];
const OUTCOMES = ["admitted", "intensive_care", "surgery", "discharged", "transferred", "died"];
const CENTRES = ["chest_pain", "stroke", "trauma", "maternal", "neonatal"];

export const Field = ({ name, value, onInput, ...more }) => html`<label class="field"><span>${name}</span>
  <input value=${value} onInput=${(e) => onInput(e.target.value)} autocomplete="off" ...${more} /></label>`;
const number = (value, onInput, name, more) => html`<${Field} name=${name} value=${value} onInput=${onInput}
  pattern=${NUMBER} title=${say("number_form")} maxlength="64" ...${more} />`;

// What speaks against a lower level, each with its value and its age, before anybody lowers it. It stays where
// it is while a level is chosen, and what stands against that one is marked.
function Against({ record, level }) {
  const all = against(record, "non_urgent");
  if (!all.length) return html`<p class="aside">${say("against_none")}</p>`;
  const isAgainst = (reason) => level !== null && URGENCY[reason.level] > URGENCY[level];
  return html`<div class="against"><p class="aside">${say("against")}</p>
    <ul>${all.map((reason) => html`<li key=${`${reason.rule}${reason.gone ? "-gone" : ""}`}
        class=${`${reason.level} ${isAgainst(reason) ? "stands" : ""}`}>
      <${Shape} level=${reason.level} size=${22} />
      <span>${reason.gone ? `${say("was")} ` : ""}${both(reason.text)}
        ${reason.at && html` · ${timeOf(reason.at)} · <${Age} at=${reason.at} />`}</span></li>`)}</ul>
    ${all.some(isAgainst) && html`<p class="wrong" role="alert">
      ${say("against_chosen", { level: code("levels", level), n: all.filter(isAgainst).length })}</p>`}</div>`;
}

function Level({ item, onClose, onDone }) {
  const [level, setLevel] = useState(null);
  const [reason, setReason] = useState("");
  return html`<${Sending} item=${item} title=${say("do.level")} path="level" onClose=${onClose} onDone=${onDone}
      body=${() => level && reason.trim() && { level, reason: reason.trim() }}>
    <p class="aside">${say("level_means", { level: code("levels", item.record.worst) })}</p>
    <${Against} record=${item.record} level=${level} />
    <${Choice} name=${say("col.level")} value=${level} onPick=${setLevel}
      options=${LEVELS.map((l) => [l, code("levels", l)])} />
    <${Field} name=${`${say("reason")} · ${say("no_names")}`} value=${reason} onInput=${setReason}
      required maxlength="200" /></${Sending}>`;
}

// A number by which a person is known everywhere is no number of the hospital's: it is refused.
function useNumbers() {
  const [isPersons, setPersons] = useState(false);
  const onProblem = (problem) => {
    setPersons(problem.title === "Number of a person");
    return problem.title === "Number of a person";
  };
  return [onProblem, isPersons && html`<p class="wrong" role="alert">${say("number_of_a_person")}</p>`];
}

function Bind({ item, onClose, onDone }) {
  const [onProblem, refused] = useNumbers();
  const [reference, setReference] = useState("");
  const [provisional, setProvisional] = useState(false);
  return html`<${Sending} item=${item} title=${say("do.bind")} path="identity"
      onClose=${onClose} onDone=${onDone} onProblem=${onProblem}
      body=${() => reference.trim() && { reference: reference.trim(), ...(provisional && { provisional }) }}>
    <p class="aside">${say("bind_means")}</p>
    ${number(reference, setReference, say("own_number"), { required: true })}${refused}
    <label class="tick"><input type="checkbox" checked=${provisional}
      onChange=${(e) => setProvisional(e.target.checked)} /> ${say("provisional_long")}</label></${Sending}>`;
}

function Merge({ item, onClose, onDone }) {
  const [onProblem, refused] = useNumbers();
  const [reference, setReference] = useState(item.handoff.identity?.reference ?? "");
  const [merged, setMerged] = useState("");
  return html`<${Sending} item=${item} title=${say("do.merge")} path="identity/merged"
      onClose=${onClose} onDone=${onDone} onProblem=${onProblem}
      body=${() => reference.trim() && merged.trim() && { reference: reference.trim(), merged: merged.trim() }}>
    <p class="aside">${say("merge_means")}</p>
    ${number(reference, setReference, say("number_that_stays"), { required: true })}
    ${number(merged, setMerged, say("number_that_ends"), { required: true })}${refused}</${Sending}>`;
}

function Split({ item, onClose, onDone }) {
  const [reference] = useState(item.handoff.identity?.reference); // it is gone once it is sent
  const [reason, setReason] = useState("");
  return html`<${Sending} item=${item} title=${say("do.split")} path="identity/split"
      onClose=${onClose} onDone=${onDone}
      body=${() => reason.trim() && { reference, reason: reason.trim() }}>
    <p>${say("split_means", { reference })}</p>
    <${Field} name=${`${say("reason")} · ${say("no_names")}`} value=${reason} onInput=${setReason}
      required maxlength="200" /></${Sending}>`;
}

function Outcome({ item, onClose, onDone }) {
  const [outcome, setOutcome] = useState(null);
  const [confirmed, setConfirmed] = useState(null);
  const [diagnosis, setDiagnosis] = useState("");
  const flip = (centre) => setConfirmed((confirmed ?? []).includes(centre)
    ? confirmed.filter((c) => c !== centre)
    : [...(confirmed ?? []), centre]);
  const body = () => outcome && {
    outcome,
    ...(confirmed && { confirmed }),
    ...(diagnosis.trim() && { diagnosis: diagnosis.trim() })
  };
  return html`<${Sending} item=${item} title=${say("do.outcome")} path="outcome"
      onClose=${onClose} onDone=${onDone} body=${body}>
    <${Choice} name=${say("how_it_went_on")} value=${outcome} onPick=${setOutcome}
      options=${OUTCOMES.map((o) => [o, say(`outcome.${o}`)])} />
    <p class="aside">${say("confirmed_means")}</p>
    <div class="choice" role="group" aria-label=${say("confirmed")}>
      ${CENTRES.map((centre) => html`<button type="button" key=${centre}
        aria-pressed=${(confirmed ?? []).includes(centre) ? "true" : "false"}
        onClick=${() => flip(centre)}>${code("centres", centre)}</button>`)}
      <button type="button" aria-pressed=${confirmed?.length === 0 ? "true" : "false"}
        onClick=${() => setConfirmed(confirmed?.length === 0 ? null : [])}>${say("no_centre")}</button></div>
    ${number(diagnosis, setDiagnosis, say("diagnosis"), { placeholder: "I21.0" })}</${Sending}>`;
}

function ArrivalBack({ item, onClose, onDone }) {
  const [reason, setReason] = useState("");
  return html`<${Sending} item=${item} title=${say("do.arrival_back")} path="arrival/revoked"
      onClose=${onClose} onDone=${onDone} body=${() => reason.trim() && { reason: reason.trim() }}>
    <p class="aside">${say("arrival_back_means")}</p>
    <${Field} name=${`${say("reason")} · ${say("no_names")}`} value=${reason} onInput=${setReason}
      required maxlength="200" /></${Sending}>`;
}

export const ASKED = {
  ...DIALOGS,
  level: Level,
  bind: Bind,
  merge: Merge,
  split: Split,
  outcome: Outcome,
  arrival_back: ArrivalBack,
  milestone: Milestone,
  take_back: TakeBack
};
