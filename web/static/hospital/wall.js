// A card on the wall: what has to be read from three metres, in so few lines that four cards have room. What
// is at most a line on the board shares one here; nothing that changes what is done is left out.

import { Age, ms, running, Ticking, timeOf } from "../kit/clock.js";
import { html } from "../kit/html.js";
import { code, language, say } from "../kit/language.js";
import { NUMERAL, Shape } from "../kit/level.js";
import { personOf, pregnancyOf, problemOf } from "../kit/person.js";
import { actsOf } from "./acts.js";
import { because } from "./because.js";
import { Because, Cautions, Do, lateness, NotAccepted, Override, Signatures, Still, Way } from "./card.js";
import {
  acknowledged, calledOff, centresOf, isHere, markOf, oxygenOf, reasonsOf, stillSeen, tiles, toAcknowledge, unanswered,
} from "./patients.js";
import { Tile } from "./vitals.js";

// An age is shown from here on: a monitor sends every few seconds, a cuff every few minutes. Ours (design).
const FRESH_MS = 180_000;
const ESTIMATED_MS = 120_000;

function Level({ record }) {
  return html`<div class="level"><${Shape} level=${record.worst} size=${72} /><b>${say(`level.${record.worst}`)}</b>
    ${record.current !== record.worst && html`<small class=${`now ${record.current}`}>
      ${say("now_level", { level: NUMERAL[record.current] })}</small>`}
    ${record.current === record.worst && record.trend !== "same" && html`<small class=${`trend ${record.trend}`}>
      ${say(`trend.${record.trend}`)}</small>`}</div>`;
}

// In another language than the caller's, what was chosen says it: their words would only be cut.
function shortOf(patient) {
  const chosen = patient.complaint ?? "unknown";
  return language() === "zh" || ["unknown", "other"].includes(chosen) ? problemOf(patient) : code("complaints", chosen);
}

function Person({ item }) {
  const { record: { patient, admission, unit_id: unit, boarded_at: boarded, arrives_at: due }, handoff } = item;
  const isUnknown = patient.identity === "unknown" && !handoff.identity;
  return html`<h2><a href=${`/hospital/patient/${item.encounter_id}`}>${personOf(patient)}</a>
    <small class="mark">${markOf(item)}</small>
    <span class=${`tag ${admission ? "in" : ""}`}>
      ${say(admission ? "is_admitted" : unit && !boarded && due ? "wall_with_crew" : "not_boarded")}</span>
    ${isUnknown && html`<span class="tag unknown">${say("identity_unknown")}</span>`}
    ${pregnancyOf(patient) && html`<span class="tag">${pregnancyOf(patient)}</span>`}
    <span class="problem" title=${problemOf(patient)}>${shortOf(patient)}</span></h2>`;
}

// How many of a row have no room in it, and stand below, where nobody sees them: no word is cut off.
const fitted = (row) => {
  if (!row) return;
  row.removeAttribute("data-more");
  const isBelow = (one) => one.offsetTop + one.offsetHeight > row.clientHeight + 1;
  const count = () => [...row.children].filter(isBelow).length;
  if (!count()) return;
  row.dataset.more = `+${count()}`; // which takes room itself
  row.dataset.more = `+${count()}`;
};

// The reasons run on in one line, the gravest first: what does not fit is counted, and is on the board.
function Why({ record }) {
  const { now: reasons, earlier } = reasonsOf(record);
  const [still] = stillSeen(record);
  const all = [...reasons, ...earlier.map((reason) => ({ ...reason, gone: true }))]
    .filter((reason) => reason !== still);
  return html`<div class="why">
    ${record.triage_paused && html`<p class="paused" role="alert">${say("paused")}</p>`}
    <${Override} record=${record} /><${Still} record=${record} />
    <ul class="dots" ref=${(row) => fitted(row)}>${all.map((reason) => html`
      <li key=${`${reason.rule}${reason.gone ? "-gone" : ""}`} class=${reason.level}>
      <${Because} reason=${reason} aged=${FRESH_MS} /></li>`)}
      ${all.length === 0 && !still && html`<li class="rest">
        ${because({ ...record, override: null })}</li>`}</ul></div>`;
}

function Eta({ item }) {
  const { record, handoff } = item;
  if (record.journey_end) return html`<p class="eta ended"><b>${code("ends", record.journey_end.outcome)}</b>
    <small>${say("crews_word", { at: timeOf(record.journey_end.at) })}</small></p>`;
  if (isHere(item)) return html`<p class="eta here"><b>${say("here")}</b>
    <small>${timeOf(handoff.arrived_at)}</small></p>`;
  if (record.unit_arrived_at) return html`<p class="eta at-door"><b class="words">${say("unit_here")}</b>
    <small>${timeOf(record.unit_arrived_at)}</small></p>`;
  if (!record.arrives_at) return html`<p class="eta"><b class="words">
    ${say(record.boarded_at ? "eta_unknown" : record.unit_id ? "on_scene" : "not_known_to_be_with_them")}</b></p>`;
  return html`<p class="eta"><b><${Ticking} of=${(t) => {
    const left = ms(record.arrives_at) - t;
    return left >= 0 ? [running(left), ""] : [`+${running(left)}`, "late"];
  }} /></b>
    <small>${say("arrives", { at: timeOf(record.arrives_at) })}
      ${record.estimated_at && html` <${Age} at=${record.estimated_at} aged=${ESTIMATED_MS} />`}</small></p>`;
}

// Departments that say the same share their word.
const byAnswer = (teams) => ["coming", "cannot", null].map((word) => teams.filter((one) => one.answer === word))
  .filter((some) => some.length);
const saying = (word, departments) => html`<span class=${`team ${word.replace("_", "-")}`} key=${word}>
  ${departments.map((name) => say(`team.${name}`)).join(say("comma"))} ${say(`answer.${word}`)}</span>`;

// Centres of which somebody has to be called or was, and what was called off: what only is told is on the board.
function Teams({ item }) {
  const rows = centresOf(item).filter(({ concern, stands }) => stands || concern.activation !== "notice");
  return html`<ul class="centres">${rows.map(({ centre, concern, stands, teams }) => html`<li key=${centre}>
      <b>${say(`centre.${centre}`)}</b> <span class=${stands ? "stands" : "proposed"}>
        ${stands ? say(`standing.${stands}`) : say(`proposed.${concern.activation}`)}</span>
      ${byAnswer(teams).map((some) => saying(some[0].answer ?? "silent", some.map((one) => one.department)))}</li>`)}
    ${calledOff(item).map(({ id, centre, who, at, reason, coming }) => html`<li key=${id} class="is-off">
      <b>${say(`centre.${centre}`)}</b> <span class="off">${say("withdrawn_by", { who, at: timeOf(at) })}<span
        class="off-why">${say("colon")}${reason}</span></span>
      ${coming.length > 0 && saying("off_coming", coming)}</li>`)}</ul>`;
}

// In as few words as say who has to do what, by when.
function State({ item, first }) {
  const { handoff } = item;
  const owed = toAcknowledge(item);
  const late = unanswered(item).length;
  const last = acknowledged(item);
  return html`<div class="state">
    ${owed
      ? html`<p class="owed dots"><span>${say(`wall_because.${owed.because}`)}</span>
        <span><${Ticking} of=${(t) => lateness(owed, t)} /></span>
        ${owed.rungs > 0 && html`<span>${say("rungs", { n: owed.rungs })}</span>`}</p>`
      : html`<p class="dots">
        <span>${last ? say("acknowledged_by", { who: last.by, at: timeOf(last.at) }) : say("nothing_owed")}</span>
        ${handoff.accepted_at && html`<span>${say("accepted_at", { at: timeOf(handoff.accepted_at) })}</span>`}</p>`}
    <${NotAccepted} handoff=${handoff} /><${Signatures} handoff=${handoff} />
    ${late > 0 && first.name !== "answer" && html`<p class="owed">${say("teams_silent", { n: late })}</p>`}
    ${handoff.redirect && html`<p class="redirect">
      ${say("redirect_asked", { at: timeOf(handoff.redirect.occurred_at) })}</p>`}</div>`;
}

export function Wall({ item, history, board }) {
  const { record } = item;
  const [first] = actsOf(item);
  return html`
    <${Level} record=${record} />
    <div class="body">
      <${Person} item=${item} />
      <${Cautions} record=${record} />
      <${Why} record=${record} />
      <ul class="tiles">${tiles(record).map((tile) => html`
        <${Tile} key=${tile.name} tile=${tile} history=${history} onOxygen=${oxygenOf(record)}
          aged=${FRESH_MS} />`)}</ul>
      <div class="teams-and-way">
        <${Way} item=${item} proposed="wall_way_proposed" confirmed="wall_straight_to" /><${Teams} item=${item} /></div>
    </div>
    <div class="act">
      <${Eta} item=${item} />
      ${first.isDue && html`<${Do} key=${first.name} act=${first} kind="primary"
        go=${(act) => board.act(act, item)} />`}
      <${State} item=${item} first=${first} />
    </div>`;
}
