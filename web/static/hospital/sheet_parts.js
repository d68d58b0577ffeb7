// The parts of a handover sheet. Unknown is written, and so is none; neither is left out.

import { dayOf, ms, running, secondOf, timeOf } from "../kit/clock.js";
import { html } from "../kit/html.js";
import { both, code, dose, item as named, say } from "../kit/language.js";
import { ageOf, isToldWhy, pregnancyOf, problemOf, sexOf } from "../kit/person.js";
import { FIELDS, fieldOf } from "./clinical.js";
import { extremes } from "./course.js";
import { absent, dayAndTime, present } from "./moments.js";
import {
  bedsText, centresOf, doctorText, identityText, offTexts, reasonsText, redirectText, standsText, teamsText, whereText
} from "./paper.js";
import { against } from "./patients.js";
import { UNITS, valueText } from "./plots.js";
import { examined } from "./sentences.js";

const whole = (moment) => (moment ? `${dayOf(moment)} ${secondOf(moment)}` : null);
const Fact = ({ name, children, pen }) => html`<div class="fact"><dt>${name}</dt>
  <dd class=${pen ? "pen" : children == null ? "unknown" : ""}>${pen ? "" : children ?? say("unknown")}</dd></div>`;
const Part = ({ letter, title, children, kind = "" }) => html`<section class=${`sheet-part ${kind}`}>
  <h2><i>${letter}</i>${title}</h2><div>${children}</div></section>`;

export function Identification({ item }) {
  const { record, handoff } = item;
  const { patient, admission } = record;
  const guards = patient.precautions;
  return html`<${Part} letter="I" title=${say("part.identification")}><dl class="facts three">
    <${Fact} name=${say("admission_number")}>${admission?.admission_number ?? say("not_boarded")}</${Fact}>
    <${Fact} name=${say("wristband")}>
      <b>${admission ? admission.wristband ?? say("none") : say("not_boarded")}</b></${Fact}>
    <${Fact} name=${say("own_number")}>
      ${handoff.identity ? html`<b class="number">${handoff.identity.reference}</b>` : say("not_bound")}</${Fact}>
    <${Fact} name=${say("sex_age")}>
      ${`${sexOf(patient)} · ${ageOf(patient)}${pregnancyOf(patient) ? ` · ${pregnancyOf(patient)}` : ""}`}</${Fact}>
    <${Fact} name=${say("who_it_is")}>${identityText(item)}</${Fact}>
    <${Fact} name=${say("unit")}>
      ${record.unit_id ? `${record.unit_id}${record.call_back ? ` · ☎ ${record.call_back}` : ""}` : null}</${Fact}>
    <${Fact} name=${say("name_by_pen")} pen />
    <${Fact} name=${say("number_by_pen")} pen />
    <${Fact} name=${say("family_by_pen")} pen /></dl>
    <p class=${`exposure ${guards?.length ? "guard" : ""}`}><b>${say("precautions")}</b> ${guards == null
      ? say("nobody_asked")
      : guards.length
        ? guards.map((each) => code("precautions", each)).join(say("comma"))
        : say("asked_none")}</p></${Part}>`;
}

// M of MIST: how it came about, and why help was called.
export function Situation({ item }) {
  const { record } = item;
  const how = present(record).filter(({ finding }) => HOW.has(finding));
  const { patient } = record;
  return html`<${Part} letter="S · M" title=${say("part.situation")}><dl class="facts two">
    <${Fact} name=${say("complaint")}>${isToldWhy(patient) ? problemOf(patient) : null}</${Fact}>
    <${Fact} name=${say("mechanism")}>
      ${how.length
        ? how.map((each) => code("findings", each.finding)).join(say("comma"))
        : say("not_reported")}</${Fact}>
    ${patient.complaint === "stroke" || patient.last_known_well
      ? html`<${Fact} name=${say("last_well")}>${whole(patient.last_known_well)}</${Fact}>`
      : null}
    ${record.transfer
      && html`<${Fact} name=${say("sent_on")}>${record.transfer.from_facility_id}</${Fact}>`}</dl></${Part}>`;
}

// Findings that tell how an injury came about, and not what it is.
const HOW = new Set([
  "ejected",
  "vehicle_intrusion",
  "death_in_vehicle",
  "child_unrestrained",
  "vehicle_telemetry",
  "rider_separated",
  "pedestrian_thrown",
  "fall_from_height",
  "crew_concern"
]);

export function Injuries({ item }) {
  const { record } = item;
  const here = present(record).filter(({ finding }) => !HOW.has(finding));
  const not = absent(record);
  const list = (all) => all
    .map((each) =>
      `${code("findings", each.finding)}${each.note ? ` (${each.note})` : ""} ${timeOf(each.occurred_at)}`)
    .join(say("comma"));
  return html`<${Part} letter="I" title=${say("part.injuries")}><dl class="facts">
    <${Fact} name=${say("findings_present")}>${here.length ? list(here) : say("not_reported")}</${Fact}>
    <${Fact} name=${say("findings_absent")}>${not.length ? list(not) : say("not_reported")}</${Fact}>
    <${Fact} name=${say("examinations")}>
      ${record.examinations.length
        ? record.examinations
          .map((done) => `${examined(done)} ${secondOf(done.occurred_at)}${done.note ? ` (${done.note})` : ""}`)
          .join("; ")
        : say("not_reported")}</${Fact}></dl></${Part}>`;
}

const SIGNS = [
  "heart_rate",
  "systolic_bp",
  "diastolic_bp",
  "respiratory_rate",
  "spo2",
  "temperature",
  "blood_glucose",
  "consciousness",
  "gcs_eye",
  "gcs_verbal",
  "gcs_motor",
  "pain",
  "on_oxygen"
];
const MORE = ["fetal_heart_rate", "potassium"];
const WORDED = new Set(["consciousness", "on_oxygen"]);

export function Signs({ item, course, isWhole }) {
  const said = (name, point) => html`<b>${valueText(name, point)}</b>
    ${typeof point.value === "number" && UNITS[name] ? ` ${UNITS[name]}` : ""} <small>${secondOf(point.at)}</small>`;
  const cell = (name, point) => html`<td>${point ? said(name, point) : "–"}</td>`;
  const taken = (name) => course.points(name).length > 0;
  // That nobody could measure it is a sign of its own, which the lowest number does not tell.
  const tried = [...SIGNS, ...MORE].map((name) => [name, extremes(course, name).unmeasurable])
    .filter(([, points]) => points.length);
  const times = (points) => `${points.length > 3 ? `${say("times_n", { n: points.length })} … ` : ""}${
    points.slice(-3).map((point) => secondOf(point.at)).join(" ")}`;
  const row = (name) => {
    const all = course.points(name);
    const { lowest, highest } = extremes(course, name);
    return html`<tr key=${name}><th scope="row">${code("vitals", name)}</th>${cell(name, all[0])}
      ${WORDED.has(name) ? html`<td>–</td><td>–</td>` : html`${cell(name, lowest)}${cell(name, highest)}`}
      ${cell(name, all[all.length - 1])}</tr>`;
  };
  const untaken = SIGNS.filter((name) => !taken(name));
  return html`<${Part} letter="S" title=${say("part.signs")} kind="wide">
    ${!isWhole && html`<p class="unknown">${say("vitals_away")}</p>`}
    <table><thead><tr><th scope="col">${say("col.sign")}</th>
      ${["first", "lowest", "highest", "last"].map((key) => html`<th scope="col" key=${key}>
        ${say(`col.${key}`)}</th>`)}</tr></thead>
    <tbody>${[...SIGNS, ...MORE].filter(taken).map(row)}
      ${tried.length > 0 && html`<tr class="tried"><th scope="row">${say("unmeasurable")}</th>
        <td colspan="4"><em>${tried.map(([name, points]) => `${code("vitals", name)} ${times(points)}`)
          .join(say("comma"))}</em>${say("no_number")}</td></tr>`}
      ${untaken.length > 0 && html`<tr class="untaken"><th scope="row">${say("not_taken")}</th>
        <td colspan="4">${untaken.map((name) => code("vitals", name)).join(say("comma"))}</td></tr>`}</tbody></table>
    ${item.record.scores.length > 0 && html`<p>
      ${item.record.scores.map((score) => both(score.text)).join(" · ")}</p>`}</${Part}>`;
}

export function Treated({ item }) {
  const list = item.record.treatments;
  return html`<${Part} letter="T" title=${say("part.treatment")}>
    ${list.length
      ? html`<ul class="listed">${list.map((each) => html`<li key=${each.event_id}>
        <b>${code("treatments", each.treatment)}${dose(each)}</b> ${secondOf(each.occurred_at)}</li>`)}</ul>`
      : html`<p class="unknown">${say("not_reported")}</p>`}</${Part}>`;
}

export function Background({ item }) {
  const background = item.record.background ?? null;
  const said = Object.fromEntries((background?.said ?? []).map((each) => [each.field, each]));
  return html`<${Part} letter="B" title=${say("part.background")}>
    <dl class="facts two">${FIELDS.map((name) => {
      const text = fieldOf(background, name);
      const last = said[name];
      return html`<div class="fact" key=${name}><dt>${say(`field.${name}`)}</dt>
        <dd class=${text === null ? "unknown" : ""}>${text ?? say("nobody_asked")}
          ${last
            ? html` <small>${timeOf(last.at)}${last.told_by ? ` ${say(`teller.${last.told_by}`)}` : ""}</small>`
            : ""}</dd></div>`;
    })}</dl></${Part}>`;
}

export function Assessment({ item }) {
  const { record } = item;
  const centres = centresOf(item);
  const graver = record.override ? against(record, record.worst)[0] : null; // a human has lowered the level
  const word = (one) => html`<li key=${one.centre}><b>${code("centres", one.centre)}</b> ${
    [standsText(one), both(one.concern?.text), teamsText(one)].filter(Boolean).join(" · ")}</li>`;
  const missing = [...new Set([...record.missing, ...record.centres.flatMap((c) => c.missing)].map(named))]
    .filter(Boolean);
  return html`<${Part} letter="A" title=${say("part.assessment")}><dl class="facts">
    ${graver && html`<${Fact} name=${say("worst_by_rules")}><b>${code("levels", graver.level)}</b>
      ${` ${both(graver.text)}${graver.at ? ` ${secondOf(graver.at)}` : ""}`}</${Fact}>`}
    <${Fact} name=${say(graver ? "level_that_stands" : "worst_level")}><b>${code("levels", record.worst)}</b>
      ${record.current !== record.worst ? ` · ${say("now_level", { level: code("levels", record.current) })}` : ""}
      ${record.triage_paused ? ` · ${say("paused")}` : ""}</${Fact}>
    <${Fact} name=${say("reasons_now")}>${reasonsText(record)}</${Fact}>
    ${record.override && html`<${Fact} name=${say("override_by")}>${`${
      code("levels", record.override.level)} · ${record.override.reason} · ${
      record.override.overridden_by} ${secondOf(record.override.occurred_at)}`}</${Fact}>`}
    <${Fact} name=${say("missing_now")}>
      ${missing.length ? missing.join(say("comma")) : say("nothing_missing")}</${Fact}></dl>
    ${centres.length || offTexts(item).length
      ? html`<ul class="listed">${centres.map(word)}
        ${offTexts(item).map((text) => html`<li key=${text}><b>${text}</b></li>`)}</ul>`
      : html`<p>${say("no_centre_concerned")}</p>`}</${Part}>`;
}

// The last acknowledgement beside the first, where it was another one.
const acknowledgedAnew = ({ acknowledged_at: first, last_acknowledged: last }) =>
  (last && last.at !== first ? [["acknowledged_anew", last.at]] : []);

export function Times({ item, house, contact, names, at: now }) {
  const { record, handoff } = item;
  const about = Object.fromEntries((house?.clocks ?? []).map((clock) => [`${clock.centre}.${clock.clock}`, clock]));
  const stamps = [
    ["contact", contact],
    ["boarded", record.boarded_at],
    ["told", handoff.notified_at],
    ["acknowledged", handoff.acknowledged_at],
    ...acknowledgedAnew(handoff),
    ["accepted", handoff.accepted_at],
    ...(record.unit_arrived_at ? [["unit_arrived", record.unit_arrived_at]] : []),
    ["arrived", handoff.arrived_at],
    ...handoff.milestones.filter((m) => m.milestone !== "first_doctor").map((m) => [m.milestone, m.occurred_at]),
    ["transferred", handoff.transferred_at]
  ];
  const clock = (each) => {
    const { began_at: began, due_at: due, ended_at: ended } = each;
    const limit = about[`${each.centre}.${each.clock}`];
    const taken = began && ended
      ? `${running(ms(ended) - ms(began))}${due && ms(ended) > ms(due) ? ` ${say("late")}` : ""}`
      : say(began ? "end_not_reported" : "not_begun");
    return html`<li key=${each.centre + each.clock}>
      ${both(limit?.name) || say(`clock.${each.clock}`)} <b>${taken}</b>
      ${limit ? ` (${say("limit", { n: limit.limit_min })})` : ""}</li>`;
  };
  const doctor = doctorText(item, now);
  const redirect = redirectText(item, names);
  return html`<${Part} letter="R" title=${say("part.times")}><dl class="facts three">
    ${stamps.map(([name, at]) => html`<${Fact} key=${name} name=${say(`stamp.${name}`)}>
      ${at ? dayAndTime(at) : say("not_reported")}</${Fact}>`)}</dl>
    ${redirect && html`<p class="exposure guard">${redirect}</p>`}
    ${handoff.clocks.length > 0 && html`<ul class="listed">${handoff.clocks.map(clock)}</ul>`}
    <p>${doctor && html`${say("stamp.first_doctor")} <b>${doctor}</b> · `}
      ${[`${say("where_to")}${say("colon")}${whereText(item)}`, bedsText(item)]
      .filter(Boolean).join(" · ")}</p></${Part}>`;
}

export function Signatures({ item }) {
  const { handoff } = item;
  const side = (name) => {
    const signed = handoff.signatures.find((s) => s.side === name);
    return html`<div class="signature" key=${name}><h3>${say(`side.${name}`)}</h3>
      ${signed
        ? html`<p class="number">${signed.staff_id}</p>
          <p>${whole(signed.occurred_at)} · ${say("signed_in_system")}</p>
          <p>${say("wristband")}${say("colon")}${signed.wristband ?? say("not_compared")}
            ${signed.wristband_reason ? ` · ${say("wristband_why")} ${signed.wristband_reason}` : ""}</p>
          ${signed.reason && html`<p>${say("signed_for_crew")} ${signed.reason}</p>`}
          <p class="line">${say("also_by_pen")}</p>`
        : html`<p class="line">${say("sign_by_pen")}</p><p class="line">${say("time_by_pen")}</p>`}</div>`;
  };
  return html`<${Part} letter="✓" title=${say("part.signatures")} kind="signatures">
    <div class="two-sides">${["gave", "received"].map(side)}</div>
    ${handoff.addenda.length > 0 && html`<h3>${say("addenda")}</h3>
      <ul class="listed">${handoff.addenda.map((one) => html`<li key=${one.event_id}>
        ${one.text} · ${one.staff_id} ${whole(one.occurred_at)}</li>`)}</ul>`}
    <p class="line wide-line">${say("notes_by_pen")}</p></${Part}>`;
}
