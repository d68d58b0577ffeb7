// One card for each patient: readable from three metres, one glance.

import { Age, ms, running, secondOf, Ticking, timeOf } from "../kit/clock.js";
import { dial } from "../kit/dial.js";
import { html, useState } from "../kit/html.js";
import { both, code, dose, item as named, say } from "../kit/language.js";
import { Shape } from "../kit/level.js";
import { Near } from "../kit/near.js";
import { personOf, pregnancyOf, problemOf } from "../kit/person.js";
import { actsOf, whoOf } from "./acts.js";
import { because } from "./because.js";
import {
  acknowledged, calledOff, cautions, centresOf, isHere, isQuiet, isSign, judged, loud, markOf, oxygenOf, pictures,
  proposals, proposedWay, reasonsOf, steps, stillSeen, tiles, toAcknowledge, unanswered,
} from "./patients.js";
import { Tile } from "./vitals.js";
import { Wall } from "./wall.js";

const MOST_REASONS = 4;

// What has to be known before the patient is touched, as far as anybody has said.
export function Cautions({ record }) {
  const { precautions, allergies, medications, thinned } = cautions(record);
  const listed = (name, list) => `${say(name)}${list.length ? list.join(say("comma")) : say("none")}`;
  const grave = [
    ...(precautions ?? []).map((one) => code("precautions", one)),
    allergies?.length && listed("allergic_to", allergies),
    thinned && code("findings", "on_anticoagulant"),
  ].filter(Boolean);
  const known = [
    allergies?.length === 0 && listed("allergic_to", allergies),
    medications && listed("takes", medications)
  ].filter(Boolean);
  if (!grave.length && !known.length) return null;
  return html`<p class="cautions">${grave.length > 0 && html`<b>⚠ ${grave.join(" · ")}</b>`}
    ${grave.length > 0 && known.length > 0 ? " · " : ""}${known.join(" · ")}</p>`;
}

export function Admission({ record, handoff }) {
  const { admission } = record;
  const pending = admission?.pending ?? [];
  return html`${admission
    ? html`<p class="admission">
      <b>${say("admitted", { at: secondOf(admission.admitted_at) })}</b> · ${admission.admission_number}
      ${admission.inferred && html` · <em>${say("inferred")}</em>`}
      ${admission.wristband && html` · ${say("wristband")} ${admission.wristband}`}
      ${handoff.identity && html` · ${say("own_number")} ${handoff.identity.reference}`}
      ${pending.length > 0 && html` · ${say("pending")}
        ${pending.map((each) => say(`formality.${each}`)).join(say("comma"))}`}</p>`
    : html`<p class="admission">${say("not_boarded")}${record.unit_id ? ` · ${say("with_crew")}` : ""}
      ${record.boarding_revoked && html` · <b class="revoked">${say("boarding_revoked", {
        at: timeOf(record.boarding_revoked.at), reason: record.boarding_revoked.reason
      })}</b>`}</p>`}
    <${Cautions} record=${record} />`;
}

// Though a human has lowered the level: what the rules see now, with its age.
export function Still({ record }) {
  const [first, ...more] = stillSeen(record);
  if (!first) return null;
  return html`<p class=${`still ${first.level}`}>
    <b>${say("rules_still", { level: code("levels", first.level) })}</b> <span class="seen">${both(first.text)}</span>
    ${first.at && html`<span> · <${Age} at=${first.at} /></span>`}
    ${more.length > 0 && html`<span class="more"> · ${say("more_reasons", { n: more.length })}</span>`}</p>`;
}

export const Override = ({ record: { override } }) => (override
  ? html`<p class=${`override ${override.level}`}>
    ${say(override.role === "crew" ? "override_crew" : "override_doctor", {
      level: code("levels", override.level),
      at: timeOf(override.occurred_at)
    })} ${override.reason}</p>`
  : null);

// A reason, and of what somebody found or saw its age: what was measured has it beside its value.
export const Because = ({ reason, aged }) => html`${reason.gone ? `${say("was")} ` : ""}${both(reason.text)}${
  isSign(reason) && html` <${Age} at=${reason.at} aged=${aged} />`}`;

export function Why({ record }) {
  const { now, earlier, taken } = reasonsOf(record);
  const [still] = stillSeen(record);
  const reasons = now.filter((reason) => reason !== still); // it has a line of its own
  return html`<div class="why">
    ${record.triage_paused && html`<p class="paused" role="alert">${say("paused")}</p>`}
    <${Override} record=${record} />
    <${Still} record=${record} />
    <ul>
      ${reasons.slice(0, MOST_REASONS).map((reason) => html`
        <li class=${reason.level} key=${`${reason.rule}${reason.gone ? "-gone" : ""}`}>
          <${Because} reason=${reason} /></li>`)}
      ${reasons.length > MOST_REASONS && html`
        <li class="rest">${say("more_reasons", { n: reasons.length - MOST_REASONS })}</li>`}
      ${now.length === 0 && !earlier.length && html`
        <li class="rest">${because({ ...record, override: null })}</li>`}
      ${earlier.slice(0, 2).map((reason) => html`
        <li class="earlier" key=${`e${reason.rule}`}><${Because} reason=${{ ...reason, gone: true }} /></li>`)}
      ${taken.slice(0, 1).map((reason) => html`
        <li class="earlier" key=${`t${reason.rule}`}>${say("taken_back")} ${both(reason.text)}</li>`)}</ul>
  </div>`;
}

function Done({ item }) {
  const { record } = item;
  const path = (file) =>
    `/hospital/api/bridge/v1/facilities/${item.facility_id}/encounters/${item.encounter_id}/attachments/${file.sha256}`;
  const picture = (file) => (file.media_type === "application/pdf"
    ? html`<a class="thumb pdf" href=${path(file)} target="_blank" rel="noopener">PDF</a>`
    : html`<a class="thumb" href=${path(file)} target="_blank" rel="noopener">
      <img src=${path(file)} alt=${say("picture_of")} loading="lazy" width="96" height="40" /></a>`);
  const examinations = record.examinations.map((done) => html`<li key=${done.event_id}
      class=${done.shows.some((s) => !s.startsWith("no")) ? "shows" : ""}>
    <b>${code("examinations", done.examination)}</b> ${
      done.shows.map((word) => code("shown", word)).join(say("comma"))} <small>${timeOf(done.occurred_at)}</small>
    ${pictures(record, done).map(picture)}
    ${(done.attachments ?? []).length > pictures(record, done).length
      && html`<small class="coming">${say("picture_coming")}</small>`}</li>`);
  const treatments = record.treatments.map((given) => html`<li key=${given.event_id}>
    ${code("treatments", given.treatment)}${dose(given)} <small>${timeOf(given.occurred_at)}</small></li>`);
  return examinations.length || treatments.length
    ? html`<ul class="was-done">${examinations}${treatments}</ul>` : null;
}

export function Gaps({ record }) {
  const asked = record.missing.map(named);
  const centres = record.centres.flatMap((concern) => concern.missing.map(named));
  const all = [...new Set([...asked, ...centres])].filter(Boolean);
  return all.length ? html`<p class="gaps"><span>${say("gaps")}</span> ${all.slice(0, 6).join(" · ")}</p>` : null;
}

// That a team was called off, by whom, when and why, and who had said that they come.
const Off = ({ off }) => html`<li class="is-off"><b>${code("centres", off.centre)}</b>
  <span class="off">${say("withdrawn_by", { who: off.who, at: timeOf(off.at) })}<span class="off-why">${
    say("colon")}${off.reason}</span></span>
  ${off.coming.map((department) => html`<span class="team off-coming" key=${department}>
    ${say(`team.${department}`)} ${say("answer.off_coming")}</span>`)}</li>`;

// A centre that somebody here has called stands there as one that triage proposes.
export function Centres({ item }) {
  const rows = centresOf(item).map(({ centre, concern, stands, by, teams }) => html`
    <li key=${centre} class=${`is-${stands ?? concern.activation}`}>
      <b>${code("centres", centre)}</b>
      <span class=${stands ? "stands" : "proposed"}>
        ${stands ? say(`standing.${stands}`) : say(`proposed.${concern.activation}`)}</span>
      <span class="because">
        ${concern
          ? both(concern.text)
          : say("called_by", { who: by.staff_id ?? say("unknown"), at: timeOf(by.occurred_at) })}</span>
      ${teams.map(({ department, answer }) => html`<span class=${`team ${answer ?? "silent"}`} key=${department}>
        ${say(`team.${department}`)} ${say(`answer.${answer ?? "silent"}`)}</span>`)}</li>`);
  for (const off of calledOff(item)) rows.push(html`<${Off} key=${off.id} off=${off} />`);
  return rows.length ? html`<ul class="centres">${rows}</ul>` : null;
}

// Beside what may be called all the same: that somebody here has called it off, and why.
export function Judged({ item }) {
  const off = item.record.journey_end ? []
    : [...new Set(proposals(item).map((concern) => judged(item, concern)).filter(Boolean))];
  return off.map((one) => html`<p class="judged" key=${one.id}><b>${say(`centre.${one.centre}`)}</b>${" "}
    ${say("withdrawn_by", { who: one.who, at: timeOf(one.at) })}${say("colon")}${one.reason}</p>`);
}

function Clocks({ handoff }) {
  const open = handoff.clocks.filter((clock) => clock.began_at && clock.due_at && !clock.ended_at).slice(0, 3);
  if (!open.length) return null;
  return html`<ul class="clocks">${open.map((clock) => html`<li key=${clock.clock}>
    <span>${say(`clock.${clock.clock}`)}</span>
    <${Ticking} kind="left" of=${(t) => {
      const left = ms(clock.due_at) - t;
      return left >= 0 ? [say("left", { span: running(left) }), ""] : [say("over", { span: running(left) }), "late"];
    }} /></li>`)}</ul>`;
}

export function Way({ item, proposed = "way_proposed", confirmed: straight = "straight_to" }) {
  const { direct_to: confirmed, arrived_in: place } = item.handoff;
  if (place) return html`<span class="way stands">${say("brought_to", { place: code("places", place) })}</span>`;
  if (confirmed) {
    const more = [confirmed.gate, confirmed.phone && `☎ ${confirmed.phone}`].filter(Boolean).join(" · ");
    return html`<span class="way stands">
      ${say(straight, { place: code("places", confirmed.direct_to) })} ✓ ${more}</span>`;
  }
  const way = proposedWay(item);
  return way ? html`<span class="way">${say(proposed, { place: code("places", way) })}</span>` : null;
}

export function Eta({ item }) {
  const { record, handoff } = item;
  if (record.journey_end) return html`<p class="eta ended"><b>${code("ends", record.journey_end.outcome)}</b>
    <small>${say("crews_word", { at: timeOf(record.journey_end.at) })}</small></p>`;
  if (handoff.arrived_at) return html`<p class="eta here"><b>${say("here")}</b>
    <small>${timeOf(handoff.arrived_at)} · <${Age} at=${handoff.arrived_at} /></small></p>`;
  if (record.unit_arrived_at) return html`<p class="eta at-door"><b class="words">${say("unit_here")}</b>
    <small>${timeOf(record.unit_arrived_at)} · <${Age} at=${record.unit_arrived_at} /> ·${" "}
      ${record.unit_id ?? ""}</small></p>`;
  if (!record.arrives_at) {
    return html`<p class="eta">
      <b class="words">
        ${say(record.boarded_at ? "eta_unknown" : record.unit_id ? "on_scene" : "not_known_to_be_with_them")}</b>
      <small>${record.unit_id ?? ""}</small></p>`;
  }
  return html`<p class="eta"><b><${Ticking} of=${(t) => {
    const left = ms(record.arrives_at) - t;
    return left >= 0 ? [running(left), ""] : [`+${running(left)}`, "late"];
  }} /></b>
    <small>${say("arrives", { at: timeOf(record.arrives_at) })} · ${record.unit_id ?? ""}
      ${record.estimated_at && html` · <${Age} at=${record.estimated_at} older=${120_000} />`}</small></p>`;
}

// How long until somebody else hears that it is late, or since when it is.
export function lateness(owed, t) {
  const next = ms(owed.next_at);
  if (next != null && next > t) return [say("owed_in", { span: running(next - t) }), ""];
  if (!owed.due_at) return say("no_limit");
  return [say("owed_late", { span: running(t - ms(owed.due_at)) }), "late"];
}

// Who has signed the handover and who has not yet; and where the wristband was another's, why all the same.
export function Signatures({ handoff }) {
  if (!handoff.signatures.length) return null;
  const side = (name) => {
    const signed = handoff.signatures.find((one) => one.side === name);
    return signed ? say(`card_signed.${name}`, { at: timeOf(signed.occurred_at) }) : say(`card_unsigned.${name}`);
  };
  const overridden = handoff.signatures.filter((one) => one.wristband_reason);
  return html`<p class="signatures">${side("gave")} · ${side("received")}</p>
    ${overridden.map((one) => html`<p key=${one.side} class="owed wristband">
      ${say(one.wristband ? "card_wristband" : "card_wristband_unread")}${one.wristband_reason}</p>`)}`;
}

// That the patient was accepted, and that this was taken back.
export function NotAccepted({ handoff: { accepted_at: stands, not_accepted: was } }) {
  if (stands || !was) return null;
  const { staff_id: who, occurred_at: at, reason } = was.withdrawal;
  return html`<p class="not-accepted">
    ${say("not_accepted", { given: timeOf(was.accepted_at), at: timeOf(at), who, reason })}</p>`;
}

export function State({ item }) {
  const owed = toAcknowledge(item);
  const late = unanswered(item);
  const last = acknowledged(item);
  return html`<div class="state">
    <ol class="steps">${steps(item).map(({ name, at }) => html`
      <li key=${name} class=${at ? "reached" : ""} title=${`${say(`step.${name}`)} ${timeOf(at)}`}>
        <span class="unseen">${say(`step.${name}`)} ${at ? timeOf(at) : say("not_yet")}</span></li>`)}</ol>
    ${owed
      ? html`<p class="owed">${say(`because.${owed.because}`)} · <${Ticking} of=${(t) => lateness(owed, t)} />
        ${owed.next_to && html`<span class="next-to"> → ${say(`to.${owed.next_to}`)}</span>`}
        ${owed.rungs > 0 ? html` · ${say("rungs", { n: owed.rungs })}` : ""}</p>`
      : html`<p>
        ${last ? say("acknowledged_by", { who: last.by, at: timeOf(last.at) }) : say("nothing_owed")}
        ${item.handoff.accepted_at
          ? ` · ${say("accepted_at", { at: timeOf(item.handoff.accepted_at) })}`
          : ""}</p>`}
    <${NotAccepted} handoff=${item.handoff} />
    <${Signatures} handoff=${item.handoff} />
    ${late.length > 0 && html`<p class="owed">${say("teams_silent", { n: late.length })}</p>`}
    ${item.handoff.redirect && html`<p class="redirect">
      ${say("redirect_asked", { at: timeOf(item.handoff.redirect.occurred_at) })}</p>`}
    ${item.handoff.beds.map((bed) => html`<p key=${bed.department} class="bed">
      ${say("bed_waits", { department: say(`department.${bed.department}`) })} ${bed.bed ?? ""}</p>`)}
  </div>`;
}

// A button that says at once that its act is under way, and is not pressed twice.
export function Do({ act, kind = "", go }) {
  const [busy, setBusy] = useState(false);
  const press = async () => {
    const underWay = go(act);
    if (!underWay?.then) return;
    setBusy(true);
    await underWay;
    setBusy(false);
  };
  return html`<button class=${kind} disabled=${busy} aria-busy=${busy ? "true" : null}
    onClick=${press}>${busy ? say("sending") : act.text}</button>`;
}

const Others = ({ acts, go }) => (acts.length > 0
  ? html`<div class="others">
    ${acts.map((act) => html`<${Do} key=${act.name + act.text} act=${act} go=${go} />`)}</div>`
  : null);

function Level({ item, size }) {
  const { record } = item;
  const trend = record.current !== record.worst ? say("now_level", { level: code("levels", record.current) })
    : record.trend === "same" ? "" : say(`trend.${record.trend}`);
  return html`<div class="level"><${Shape} level=${record.worst} size=${size} /><b>${say(`level.${record.worst}`)}</b>
    <small>${item.centres.filter((c) => c !== "emergency").map((c) => say(`centre.${c}`)).join(say("comma"))
      || say("centre.emergency")}</small>
    ${trend && html`<small class=${`trend ${record.trend}`}>${trend}</small>`}</div>`;
}

function Person({ item }) {
  const { record: { patient }, handoff } = item;
  return html`<h2><a href=${`/hospital/patient/${item.encounter_id}`}>${personOf(patient)}</a>
    <small class="mark">${markOf(item)}</small>
    ${patient.identity === "unknown" && !handoff.identity
      && html`<span class="tag unknown">${say("identity_unknown")}</span>`}
    ${pregnancyOf(patient) && html`<span class="tag">${pregnancyOf(patient)}</span>`}
    <span class="problem" title=${problemOf(patient)}>${problemOf(patient)}</span><${Way} item=${item} /></h2>`;
}

// Everything that stands on a card. What is due has the place of its own; where nothing is, it is told
// there what was done, so that no other act comes under a finger that presses once more.
function Whole({ item, history, board, beside }) {
  const { record, handoff } = item;
  const go = (act) => board.act(act, item);
  const [first, ...rest] = actsOf(item);
  return html`
    <${Level} item=${item} size=${48} />
    <div class="body">
      <${Person} item=${item} />
      <${Admission} record=${record} handoff=${handoff} />
      ${beside && html`<p class="beside">${say("beside", { who: beside })}</p>`}
      <${Why} record=${record} />
      <ul class="tiles">${tiles(record).map((tile) => html`
        <${Tile} key=${tile.name} tile=${tile} history=${history} onOxygen=${oxygenOf(record)} />`)}</ul>
      <${Gaps} record=${record} />
      <${Done} item=${item} />
      <${Centres} item=${item} />
      <${Clocks} handoff=${handoff} />
    </div>
    <div class="act">
      <${Eta} item=${item} />
      ${record.call_back && html`<a class="call" href=${dial(record.call_back)}>☎ ${record.call_back}</a>`}
      ${first.isDue
        ? html`<${Do} key=${first.name} act=${first} kind="primary" go=${go} />`
        : html`<${State} item=${item} />`}
      <${Judged} item=${item} />
      <${Others} acts=${first.isDue ? rest : [first, ...rest]} go=${go} />
      ${first.isDue && html`<${State} item=${item} />`}
    </div>`;
}

// Of who is here and waits for no answer: who, where, since when, and what can be done.
function Line({ item, board }) {
  const { record } = item;
  const acts = actsOf(item);
  const due = record.journey_end ? [] : proposals(item);
  return html`
    <${Level} item=${item} size=${30} />
    <div class="body"><${Person} item=${item} />
      ${(record.current !== record.worst || due.length > 0) && html`<p class="line-now">
        ${record.current !== record.worst && html`<b class=${record.current}>
          ${say("now_level", { level: code("levels", record.current) })}</b>`}
        ${due.map((concern) => html`<span class="due" key=${concern.centre}>
          ${code("centres", concern.centre)} ${say(`proposed.${concern.activation}`)}</span>`)}</p>`}
      ${calledOff(item).length > 0 && html`<ul class="centres">
        ${calledOff(item).map((off) => html`<${Off} key=${off.id} off=${off} />`)}</ul>`}
      <${Signatures} handoff=${item.handoff} /></div>
    <p class="since">
      <b>${say("here")}</b> ${timeOf(item.handoff.arrived_at)} · <${Age} at=${item.handoff.arrived_at} /></p>
    <${Others} acts=${acts} go=${(act) => board.act(act, item)} />`;
}

export class Card extends Near {
  componentDidMount() {
    super.componentDidMount();
    this.props.board.receipts.watch(this.box.current);
  }

  componentWillUnmount() {
    super.componentWillUnmount();
    this.props.board.receipts.unwatch(this.box.current);
  }

  frame(item, content) {
    const kind = [
      "card", item.record.worst, loud(item) && "loud", isHere(item) && "is-here", isQuiet(item) && "line"
    ].filter(Boolean).join(" ");
    return html`<article ref=${this.box} class=${kind} data-encounter=${item.encounter_id}
      aria-label=${whoOf(item)}>${content}</article>`;
  }

  outline({ item }) { return this.frame(item, html`<h2>${whoOf(item)}</h2>`); }

  whole(props) {
    const Body = isQuiet(props.item) ? Line : props.board.isWall ? Wall : Whole;
    return this.frame(props.item, html`<${Body} ...${props} />`);
  }
}
