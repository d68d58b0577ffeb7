// What was examined, given, found and told of one patient; what is not known says so.

import { secondOf, timeOf } from "../kit/clock.js";
import { html, useState } from "../kit/html.js";
import { Dialog } from "../kit/frame.js";
import { code, say } from "../kit/language.js";
import { absent, present } from "./moments.js";
import { pictures } from "./patients.js";
import { examined, given } from "./sentences.js";

const pathOf = (item, file) =>
  `/hospital/api/bridge/v1/facilities/${item.facility_id}/encounters/${item.encounter_id}/attachments/${file.sha256}`;

// The picture of an ECG, large: by buttons and keys twice, four times; it is moved by scrolling.
function Large({ src, title, onClose }) {
  const [zoom, setZoom] = useState(1);
  const press = (event) => {
    if (event.key === "+" || event.key === "=") setZoom(Math.min(4, zoom * 2));
    if (event.key === "-") setZoom(Math.max(1, zoom / 2));
  };
  return html`<${Dialog} title=${title} onClose=${onClose} kind="large"><div onKeyDown=${press}>
    <p class="row-of">
      <button onClick=${() => setZoom(Math.max(1, zoom / 2))} disabled=${zoom === 1}
        aria-label=${say("smaller")}>−</button>
      <button onClick=${() => setZoom(Math.min(4, zoom * 2))} disabled=${zoom === 4}
        aria-label=${say("larger")}>＋</button>
      <span class="note">${zoom * 100} %</span></p>
    <div class="scroll picture" tabindex="0">
      <img src=${src} alt=${title} style=${{ width: `${zoom * 100}%` }} /></div></div></${Dialog}>`;
}

function Examination({ item, done }) {
  const [large, setLarge] = useState(null);
  const files = pictures(item.record, done);
  const judged = item.handoff.recognitions.find((r) => r.examination_id === done.event_id);
  const title = `${examined(done)} ${secondOf(done.occurred_at)}`;
  return html`<li class=${done.shows.some((word) => !word.startsWith("no")) ? "shows" : ""}>
    <p><b>${examined(done)}</b> <small>${secondOf(done.occurred_at)}</small></p>
    ${done.note && html`<p>${done.note}</p>`}
    ${files.map((file) => (file.media_type === "application/pdf"
      ? html`<a class="button" key=${file.sha256} href=${pathOf(item, file)} target="_blank" rel="noopener">PDF</a>`
      : html`<button class="ecg" key=${file.sha256} onClick=${() => setLarge(pathOf(item, file))}
        aria-label=${say("picture_of")}><img src=${pathOf(item, file)} alt="" /></button>`))}
    ${(done.attachments ?? []).length > files.length && html`<p class="coming">${say("picture_coming")}</p>`}
    ${judged && html`<p class=${judged.recognised ? "recognised" : "lacks"}>
      ${judged.recognised
        ? `✓ ${say("recognised")}`
        : `${say("not_recognised")} ${(judged.lacks ?? []).map((each) => say(`lacks.${each}`)).join(say("comma"))}`
      }</p>`}
    <small>${[
      done.examiner && `${say("examiner")} ${done.examiner}`,
      done.institution && `${say("institution")} ${done.institution}`,
      done.quality_mark
    ].filter(Boolean).join(" · ")}</small>
    ${large && html`<${Large} src=${large} title=${title} onClose=${() => setLarge(null)} />`}</li>`;
}

export function Examinations({ item }) {
  const list = item.record.examinations;
  return html`<section class="part" aria-label=${say("examinations")}><header><h2>${say("examinations")}</h2></header>
    ${list.length
      ? html`<ul class="examinations">
        ${list.map((done) => html`<${Examination} key=${done.event_id} item=${item} done=${done} />`)}</ul>`
      : html`<p class="none">${say("none_reported")}</p>`}</section>`;
}

export function Care({ item }) {
  const { record } = item;
  const [here, not] = [present(record), absent(record)];
  const guards = record.patient.precautions;
  return html`<section class="part" aria-label=${say("care")}><header><h2>${say("care")}</h2></header>
    <h3>${say("treatments")}</h3>
    ${record.treatments.length
      ? html`<ul class="plain">${record.treatments.map((each) => html`<li key=${each.event_id}>
        <span>${given(each)}</span> <small>${secondOf(each.occurred_at)}</small></li>`)}</ul>`
      : html`<p class="none">${say("none_reported")}</p>`}
    <h3>${say("findings_present")}</h3>
    ${here.length
      ? html`<ul class="plain">${here.map((each) => html`<li key=${each.event_id}>
        <span><b>${code("findings", each.finding)}</b>
          ${each.note ? ` · ${each.note}` : ""}</span> <small>${secondOf(each.occurred_at)}</small></li>`)}</ul>`
      : html`<p class="none">${say("none_reported")}</p>`}
    ${not.length > 0 && html`<h3>${say("findings_absent")}</h3>
      <p class="dim">${not.map((each) => code("findings", each.finding)).join(say("comma"))}</p>`}
    <h3>${say("precautions")}</h3>
    <p class=${guards?.length ? "guard" : "dim"}>
      ${guards == null
        ? say("nobody_asked")
        : guards.length
          ? guards.map((each) => `⚠ ${code("precautions", each)}`).join(say("comma"))
          : say("asked_none")}</p></section>`;
}

export const FIELDS = [
  "allergies", "medications", "history", "last_meal_at", "lines", "skin", "belongings", "consents"
];
export const WORDS_OF = {
  last_meal_at: (value) => timeOf(value),
  lines: (list) => list.map(({ line, where }) => `${code("lines", line)}${where ? ` (${where})` : ""}`)
    .join(say("comma")),
  consents: (list) => list.map(({ to, by }) => `${say(`consent.${to}`)} ${say(`by.${by}`)}`).join(say("comma")),
};

// The words of one field: what is known, "none" where somebody was asked, or null where nobody was.
export function fieldOf(background, name) {
  const value = background?.[name];
  if (value == null) return null;
  if (Array.isArray(value) && !value.length) return say("asked_none");
  return WORDS_OF[name] ? WORDS_OF[name](value) : value.join(say("comma"));
}

export function Background({ item }) {
  const background = item.record.background ?? null;
  const said = Object.fromEntries((background?.said ?? []).map((each) => [each.field, each]));
  return html`<section class="part" aria-label=${code("words", "background")}>
    <header><h2>${say("background")}</h2></header>
    <dl class="background">${FIELDS.map((name) => {
      const text = fieldOf(background, name);
      const last = said[name];
      return html`<div key=${name}><dt>${say(`field.${name}`)}</dt>
        <dd class=${text === null ? "unknown" : ""}>${text ?? say("nobody_asked")}
          ${last && html`<small>${timeOf(last.at)}
            ${last.told_by ? ` · ${say(`teller.${last.told_by}`)}` : ""}</small>`}</dd></div>`;
    })}</dl></section>`;
}
