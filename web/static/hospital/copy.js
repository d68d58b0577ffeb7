// What the board kept last, to be printed and worked with by pen when everything is down. It is in
// this browser alone, and is gone after a day, or when somebody leaves by 退出.

import { dayOf, now, secondOf, setZone, timeOf } from "../kit/clock.js";
import { onSignedOut, told } from "../kit/api.js";
import { Foot, LanguageSwitch, useLanguage } from "../kit/frame.js";
import { html, render, useEffect, useState } from "../kit/html.js";
import { forget, kept, stayThere } from "../kit/keep.js";
import { both, code, dose, say, use } from "../kit/language.js";
import { personOf, pregnancyOf, problemOf } from "../kit/person.js";
import en from "../words/en/hospital.js";
import zh from "../words/zh/hospital.js";
import enPatient from "../words/en/patient.js";
import zhPatient from "../words/zh/patient.js";
import { fieldOf } from "./clinical.js";
import { present } from "./moments.js";
import {
  bedsText, centresOf, identityText, offTexts, reasonsText, redirectText, standsText, teamsText, whereText
} from "./paper.js";
import { isHere, tiles } from "./patients.js";
import { examined } from "./sentences.js";
import { SHORT, shown } from "./vitals.js";

use({ zh: { ...zh, ...zhPatient }, en: { ...en, ...enPatient } });
setZone(told.zone);
const LONGEST_MS = 24 * 3600_000;

function Lines({ of, none }) {
  const lines = of.filter(Boolean);
  return lines.length ? lines.map((line, place) => html`<div key=${place}>${line}</div>`) : none;
}

// What endangers who treats, and who is treated; at the end what nobody has asked for.
function guards({ patient, background }) {
  const said = patient.precautions?.map((one) => code("precautions", one)).join(say("comma"));
  const all = [
    [say("precautions"), said == null ? null : said || say("asked_none")],
    ...["allergies", "medications"].map((name) => [say(`field.${name}`), fieldOf(background, name)])
  ];
  const lines = all.filter(([, text]) => text !== null).map(([name, text]) => `${name}${say("colon")}${text}`);
  const unasked = all.filter(([, text]) => text === null).map(([name]) => name).join(say("comma"));
  return unasked ? [...lines, `${unasked}${say("colon")}${say("nobody_asked")}`] : lines;
}

// Who has signed, when, and that it was with another's wristband.
const signed = ({ signatures }) => signatures.flatMap((one) => [
  `${say(`signed.${one.side}`)} ${one.staff_id} ${timeOf(one.occurred_at)}`,
  one.wristband_reason && `${say(one.wristband ? "wristband_why" : "wristband_unread_why")} ${one.wristband_reason}`,
]);

function Row({ item }) {
  const { record, handoff } = item;
  const { patient, admission } = record;
  const numbers = admission
    ? [
      `${admission.admission_number} ${timeOf(admission.admitted_at)}`,
      admission.wristband,
      handoff.identity?.reference
    ]
    : [say("not_boarded")];
  const signs = tiles(record).filter((tile) => tile.state !== "not_taken");
  return html`<tr>
    <td><b>${code("levels", record.worst)}</b>
      ${record.current !== record.worst
        && html`<div>${say("now_level", { level: code("levels", record.current) })}</div>`}</td>
    <td><b>${personOf(patient)}</b>
      <${Lines} of=${[
        patient.identity === "unknown" && !handoff.identity && identityText(item),
        pregnancyOf(patient), problemOf(patient), ...numbers, ...guards(record), ...signed(handoff)]} /></td>
    <td>${reasonsText(record)}
      ${record.override && html`<div>${say("reason")}${say("colon")}${record.override.reason}</div>`}</td>
    <td class="signs">
      <${Lines} of=${signs.map((tile) => `${say(SHORT[tile.name])} ${shown(tile)} (${timeOf(tile.at)})`)}
        none=${say("not_taken")} /></td>
    <td><${Lines} of=${[
      ...record.examinations.map((done) => `${examined(done)} ${timeOf(done.occurred_at)}`),
      ...present(record).map((one) => `${code("findings", one.finding)} ${timeOf(one.occurred_at)}`)
    ]} none=${say("none_reported")} /></td>
    <td><${Lines} of=${record.treatments.map((given) =>
      `${code("treatments", given.treatment)}${dose(given)} ${timeOf(given.occurred_at)}`
    )} none=${say("none_reported")} /></td>
    <td><${Lines} of=${[...centresOf(item).map((one) =>
      [`${code("centres", one.centre)} ${standsText(one)}`, teamsText(one)].filter(Boolean).join(" · ")
    ), ...offTexts(item)]} none="–" /></td>
    <td><${Lines} of=${[
      isHere(item)
        ? `${say("here")} ${timeOf(handoff.arrived_at)}`
        : record.unit_arrived_at ? `${say("unit_here")} ${timeOf(record.unit_arrived_at)}`
          : record.arrives_at ? say("arrives", { at: timeOf(record.arrives_at) }) : say("eta_unknown"),
      record.unit_id,
      record.call_back && `☎ ${record.call_back}`,
      whereText(item),
      redirectText(item),
      bedsText(item)
    ]} /></td>
    <td class="pen"></td></tr>`;
}

const COLUMNS = ["level", "patient", "why", "vitals", "done", "given", "teams", "where", "pen"];

function Copy() {
  useLanguage();
  const [copy, set] = useState(undefined);
  useEffect(() => {
    const look = async () => {
      const found = await kept("copies", "board");
      if (found && now() - found.at > LONGEST_MS) {
        await forget("copies", "board");
        set(null);
      } else set(found ?? null);
    };
    look().catch(() => set(null));
    stayThere();
    return onSignedOut(() => set(null)); // what stays on a screen stays on a shared computer
  }, []);
  if (copy === undefined) return html`<main class="copy"><p>${say("loading")}</p></main>`;
  if (copy === null) return html`<main class="copy"><h1>${say("downtime_copy")}</h1><p>${say("copy_none")}</p>
    <p><a href="/hospital/board">${say("back")}</a></p></main>`;
  const here = copy.items.filter(isHere).length;
  return html`<main class="copy">
    <header><h1>${both(copy.name) || copy.facility_id} · ${say("downtime_copy")}</h1>
      <p><b>${say("copy_as_of", { day: dayOf(copy.at), at: secondOf(copy.at) })}</b> · ${
        say("coming", { n: copy.items.length - here })} · ${say("here_n", { n: here })}</p>
      <div class="no-print"><button class="primary" onClick=${() => print()}>${say("print")}</button>
        <a class="button" href="/hospital/board">${say("back")}</a> <${LanguageSwitch} /></div></header>
    <table><thead><tr>${COLUMNS.map((key) => html`<th scope="col" key=${key}>${say(`col.${key}`)}</th>`)}</tr></thead>
      <tbody>${copy.items.map((item) => html`<${Row} key=${item.encounter_id} item=${item} />`)}</tbody></table>
    <${Foot} />
  </main>`;
}

render(html`<${Copy} />`, document.getElementById("page"));
