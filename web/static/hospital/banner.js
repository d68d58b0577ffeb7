// Who it is at a glance, as on the card, with all acts.

import { secondOf } from "../kit/clock.js";
import { dial } from "../kit/dial.js";
import { html } from "../kit/html.js";
import { code, say } from "../kit/language.js";
import { Shape } from "../kit/level.js";
import { personOf, pregnancyOf, problemOf } from "../kit/person.js";
import { actsOf } from "./acts.js";
import { Admission, Centres, Eta, Gaps, Judged, State, Way, Why } from "./card.js";
import { lineOf, oxygenOf, tiles } from "./patients.js";
import { Tile } from "./vitals.js";

// Departments that were called, with what they answered last: who comes may still say that they cannot.
function Teams({ item, page }) {
  const called = [...new Set(item.handoff.activations.flatMap((a) => a.departments))];
  const answers = Object.fromEntries(item.handoff.answers.map((a) => [a.department, a.answer]));
  if (!called.length || item.handoff.transferred_at) return null;
  return html`<ul class="answers">${called.map((name) => html`<li key=${name} class=${answers[name] ?? "silent"}>
    <span>${say(`team.${name}`)} · ${say(`answer.${answers[name] ?? "silent"}`)}</span>
    ${["coming", "cannot"].filter((answer) => answer !== answers[name]).map((answer) => html`
      <button class="small" key=${answer} onClick=${() => page.send(`departments/${name}/answer`, { answer },
          { text: `${say(`team.${name}`)} ${say(`answer.${answer}`)}` })}
        aria-label=${`${say(`team.${name}`)}: ${say(`answer.${answer}`)}`}>
        ${say(`answer.${answer}`)}</button>`)}</li>`)}</ul>`;
}

export function Banner({ item, history, page }) {
  const { record, handoff } = item;
  const lines = Object.fromEntries(Object.keys(history.of).map((name) => [name, lineOf(history.numbers(name))]));
  const [first, ...rest] = handoff.transferred_at ? [] : actsOf(item);
  const trend = record.current !== record.worst ? say("now_level", { level: code("levels", record.current) })
    : record.trend === "same" ? "" : say(`trend.${record.trend}`);
  return html`<article class=${`card banner ${record.worst}`} data-encounter=${item.encounter_id}
      aria-label=${`${code("levels", record.worst)} ${personOf(record.patient)} ${problemOf(record.patient)}`}>
    <div class="level"><${Shape} level=${record.worst} size=${56} /><b>${say(`level.${record.worst}`)}</b>
      <small>${item.centres.filter((c) => c !== "emergency").map((c) => say(`centre.${c}`)).join(say("comma"))
        || say("centre.emergency")}</small>
      ${trend && html`<small class=${`trend ${record.trend}`}>${trend}</small>`}
      ${handoff.zone && html`<small class="zone">${say(`zone.${handoff.zone}`)}</small>`}</div>
    <div class="body">
      <h2><span>${personOf(record.patient)}</span>
        ${record.patient.identity === "unknown" && !handoff.identity
          && html`<span class="tag">${say("identity_unknown")}</span>`}
        ${pregnancyOf(record.patient) && html`<span class="tag">${pregnancyOf(record.patient)}</span>`}
        <span class="problem">${problemOf(record.patient)}</span><${Way} item=${item} /></h2>
      <${Admission} record=${record} handoff=${handoff} />
      <${Why} record=${record} />
      <ul class="tiles">${tiles(record).map((tile) => html`
        <${Tile} key=${tile.name} tile=${tile} history=${lines} onOxygen=${oxygenOf(record)} />`)}</ul>
      <${Gaps} record=${record} />
      <${Centres} item=${item} />
      <${Teams} item=${item} page=${page} />
    </div>
    <div class="act">
      <${Eta} item=${item} />
      ${record.call_back && html`<a class="call" href=${dial(record.call_back)}>☎ ${record.call_back}</a>`}
      ${first && html`<button class=${first.isDue ? "primary" : ""}
        onClick=${() => page.ask(first)}>${first.text}</button>`}
      <${Judged} item=${item} />
      ${first && html`<div class="others">
        ${rest.map((act) => html`<button key=${act.name + act.text}
          onClick=${() => page.ask(act)}>${act.text}</button>`)}
        <button onClick=${() => page.ask({ name: "level" })}>${say("do.level")}</button></div>`}
      ${handoff.transferred_at
        ? html`<div class="state"><p>${say("stamp.transferred")} ${secondOf(handoff.transferred_at)}</p>
          <p>${handoff.handed_over_by} → ${handoff.received_by}</p></div>`
        : html`<${State} item=${item} />`}
    </div>
  </article>`;
}
