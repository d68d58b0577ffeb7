// One call, opened: its clocks, who goes and who could, its patients and their hospitals, what can be done.

import { timeOf, secondOf } from "../kit/clock.js";
import { html, useState } from "../kit/html.js";
import { both, code, figure, say } from "../kit/language.js";
import { Shape } from "../kit/level.js";
import { personOf, pregnancyOf, problemOf } from "../kit/person.js";
import {
  aboutOf, acceptedOf, answerOf, hasEnded, isEmergency, isOver, mergedInto, rings, sameEvent, stampsOf, statusOf,
  waits
} from "./calls.js";
import { likeOf } from "./dialogs.js";
import { RecommendedHospitals, RecommendedUnits } from "./recommend.js";
import { NoRing, Ring } from "./ring.js";
import { addressOf, Answer, Departed, Levels, Seen, Standing, whichOf } from "./row.js";
import { Sign } from "./sign.js";
import { Telephone } from "./units.js";

// What a call may become, as it stands.
const MAY = {
  open: ["held", "abandoned", "dismissed", "merge", "closed"],
  held: ["resumed", "abandoned", "dismissed", "merge", "closed"],
  abandoned: ["resumed", "dismissed", "merge", "closed"],
  nuisance: ["resumed", "closed"],
};
// An address that is longer is written small, whole.
const LONG = 40;
const NOT_THERE = ["notified", "acknowledged", "departed"];

function Place({ call }) {
  const { location: { latitude, longitude, accuracy_m: accuracy, given } } = call;
  return html`<p class="place">
    ${latitude.toFixed(5)}, ${longitude.toFixed(5)}
    ${accuracy != null ? ` ± ${figure(accuracy, 0)} m` : ""} · ${say(`source.${call.location_source}`)}
    ${given ? ` · ${given.system} ${given.latitude.toFixed(5)}, ${given.longitude.toFixed(5)}` : ""}
  </p>`;
}

function Times({ call }) {
  const told = [
    ["received", call.call.received_at],
    ["answered", call.call.answered_at],
    ["accepted", call.call.accepted_at]
  ];
  return html`<p class="times">
    ${told.map(([name, at]) => html`<span key=${name}>
      ${say(`time.${name}`)} <b>${at ? secondOf(at) : say("unknown")}</b>
    </span>`)}
    ${call.external_number && html`<span>${say("external_number")} <b>${call.external_number}</b></span>`}
  </p>`;
}

function LegOf({ call, leg, unit, known, board }) {
  const isNow = unit?.leg_id === leg.leg_id;
  const status = isNow ? unit.status : statusOf(leg);
  const [isReplacing, replace] = useState(false);
  const station = known.stations.find((one) => one.station_id === leg.station_id);
  const replaced = call.legs.find((one) => one.leg_id === leg.replaces)?.unit_id ?? "";
  const canReplace = isNow && NOT_THERE.includes(status) && !isOver(call);
  return html`<li class="leg" data-leg=${leg.leg_id}>
    <p class="leg-head">
      <${Sign} status=${status} isSilent=${isNow && unit.silence != null} size=${22} />
      <b>${leg.unit_id}</b> <span>${say(`status.${status}`)}</span> <small>
        ${both(station?.name)}
        ${leg.is_rolling ? ` · ${say("rolling")}` : ""}
        ${leg.replaces ? ` · ${say("in_place_of", { unit: replaced })}` : ""}
      </small>
      ${isNow && !hasEnded(leg) && html`<${Seen} unit=${unit} />`}
      <${Departed} call=${call} leg=${leg} />
    </p>
    <ol class="stamps">
      ${stampsOf(leg).map((stamp) => html`<li key=${stamp.stamp_id} class=${`by-${stamp.source}`}>
        <span>${say(`stamp.${stamp.status}`)}</span> <button class="quiet at" title=${say("do.stamp_time")}
            aria-label=${`${say("do.stamp_time")}: ${say(`stamp.${stamp.status}`)} ${secondOf(stamp.occurred_at)}`}
            onClick=${() => board.ask("stamp_time", { call, leg, stamp })}>
          ${secondOf(stamp.occurred_at)}
        </button> <small>
          ${say(`by.${stamp.source}`)}
          ${stamp.isCorrected ? ` · ${say("corrected")}` : ""}
        </small>
      </li>`)}
    </ol>
    <span class="row-of">
      <button onClick=${() => board.ask("stamp", { call, leg, isNow })}>${say("do.stamp")}</button>
      <${Telephone} unit=${unit} />
      ${canReplace && html`<button aria-expanded=${isReplacing ? "true" : "false"}
          onClick=${() => replace(!isReplacing)}>
        ${say("do.replace_by")}
      </button>`}
    </span>
    ${isReplacing && canReplace && html`<${RecommendedUnits} call=${call} known=${known} board=${board}
      replaces=${leg.unit_id} />`}
  </li>`;
}

function Units({ call, known, board }) {
  const [isMore, setMore] = useState(false);
  const isWaiting = waits(call);
  const canSend = !isOver(call) && call.standing !== "nuisance";
  return html`<section><h3>${say("units")}</h3>
    ${call.legs.length > 0 && html`<ul class="legs">
      ${[...call.legs].reverse().map((leg) => html`<${LegOf} key=${leg.leg_id} call=${call} leg=${leg}
        unit=${known.units.get(leg.unit_id)} known=${known} board=${board} />`)}
    </ul>`}
    ${isWaiting && html`<p class="nobody-sent" role="status">
      ${say(call.legs.length ? "lost_again" : "nobody_sent")}
    </p>`}
    ${canSend && !isWaiting && html`<button aria-expanded=${isMore ? "true" : "false"}
        onClick=${() => setMore(!isMore)}>
      ${say("do.one_more_unit")}
    </button>`}
    ${canSend && (isWaiting || isMore) && html`
      <h4>${say("fitting_units")}</h4>
      <${RecommendedUnits} call=${call} known=${known} board=${board} onChosen=${() => setMore(false)} />`}
  </section>`;
}

function Patient({ call, patient, known, board }) {
  const [isChoosing, choose] = useState(false);
  const who = patient.patient;
  const which = whichOf(call, patient);
  const isOpen = patient.outcome == null;
  const asks = answerOf(patient) === "redirect" || (answerOf(patient) === "none" && patient.reached_at != null);
  return html`<li class=${`patient ${patient.level}`} data-encounter=${patient.encounter_id}>
    <${Shape} level=${patient.level} size=${34} />
    <div>
      <h4>
        ${which && html`<b class="which">${which}</b> `}
        ${[personOf(who), pregnancyOf(who), problemOf(who)].filter(Boolean).join(" · ")}
      </h4>
      <p>
        ${code("levels", patient.level)}
        ${patient.centres.length ? ` · ${patient.centres.map((one) => code("centres", one)).join(say("comma"))}` : ""}
      </p>
      <p>
        ${patient.unit_id ? `${patient.unit_id} · ` : ""}
        ${patient.boarded_at
          ? say("boarded", { at: timeOf(patient.boarded_at) })
          : patient.reached_at
            ? say("reached", { at: timeOf(patient.reached_at) })
            : say("not_reached")}
        ${patient.boarding_revoked && html` <em>${say("boarding_revoked", {
          at: timeOf(patient.boarding_revoked.at), reason: patient.boarding_revoked.reason
        })}</em>`}
        ${patient.admission_number ? ` · ${patient.admission_number}` : ""}
      </p>
      ${patient.outcome
        ? html`<p class="outcome">${say(`outcome.${patient.outcome}`)}</p>`
        : html`<p>
          ${patient.destination
            ? html`<${Answer} patient=${patient} names=${known.names} />`
            : html`<span class=${asks ? "answer unanswered" : "none"}>${say("no_hospital_chosen")}</span>`}
        </p>`}
      ${isOpen && !isOver(call) && html`<span class="row-of">
        <button class=${asks && !isChoosing ? "primary" : ""} aria-expanded=${isChoosing ? "true" : "false"}
            onClick=${() => choose(!isChoosing)}>
          ${say(patient.destination ? "do.choose_another" : "do.choose_hospital")}
        </button>
        <button onClick=${() => board.ask("outcome", { call, patient })}>${say("do.outcome")}</button>
      </span>`}
      ${isChoosing && isOpen && html`
        <p class="aside">${which && `${which} · `}${say("fitting_hospitals")}</p>
        <${RecommendedHospitals} call=${call} patient=${patient} known=${known} board=${board}
          onChosen=${() => choose(false)} />`}
    </div>
  </li>`;
}

// What was merged into this call: where, what was said, of how many; it may be split off here too.
function Merged({ call, known, board }) {
  return mergedInto(call, [...known.calls.values()]).map((one) => html`<p class="merged" key=${one.incident_id}
      data-merged=${one.incident_id}>
    <span>${say("merged_here")} ${[
      addressOf(one),
      ...aboutOf(one),
      say("patients_n", { n: one.patients.filter((each) => each.outcome === "merged").length }),
      secondOf(one.call.accepted_at ?? one.opened_at)
    ].join(" · ")}</span>
    <button onClick=${() => board.open(one.incident_id)}>${say("open_call")}</button>
    <button onClick=${() => board.ask("unmerge", { call: one })}>${say("do.unmerge")}</button>
  </p>`);
}

// Other calls so near and so soon that they may be about the same.
function Near({ call, known, board }) {
  if (!MAY[call.standing]?.includes("merge")) return null;
  const near = sameEvent(
    call.location, acceptedOf(call), [...known.calls.values()], board.state.same_event, call.incident_id);
  return near.map((one) => html`<p class="near" key=${one.call.incident_id}>
    <span>${say("near_call")} ${likeOf(one)}</span>
    <button onClick=${() => board.ask("merge", { call, into: one.call.incident_id })}>
      ${say("do.merge_these")}
    </button>
  </p>`);
}

export function Opened({ call, known, board }) {
  const { told, left } = rings(call);
  const may = MAY[call.standing] ?? [];
  const into = known.calls.get(call.merged_into);
  return html`<article class="opened" aria-label=${addressOf(call)}>
    <header>
      <div>
        <h2>
          <${Levels} call=${call} size=${30} /> <span
              class=${`head-of ${addressOf(call).length > LONG ? "is-long" : ""}`} tabindex="-1">
            ${addressOf(call)}
          </span>
        </h2>
        <p class="problem">${aboutOf(call).join(" · ")} <${Standing} call=${call} /></p>
        <${Place} call=${call} />
        <${Times} call=${call} />
      </div>
      <div class="rings">
        ${isEmergency(call) && html`
          ${told
            ? html`<${Ring} clock=${told} name=${say("ring.told")} size=${92} />`
            : html`<${NoRing} name=${say("ring.told")} size=${92} />`}
          ${left
            ? html`<${Ring} clock=${left} name=${say("ring.left_station")} size=${92} />`
            : html`<${NoRing} name=${say("ring.left_station")} size=${92} />`}`}
      </div>
      <button class="quiet close" aria-label=${say("close")} onClick=${() => board.open(call.incident_id)}>
        ×
      </button>
    </header>
    ${call.standing === "merged" && html`<p class="merged">
      <span>${say("merged_into", { address: into ? addressOf(into) : call.merged_into })}</span> <button
          onClick=${() => board.ask("unmerge", { call })}>
        ${say("do.unmerge")}
      </button>
    </p>`}
    <${Merged} call=${call} known=${known} board=${board} />
    <${Near} call=${call} known=${known} board=${board} />
    <${Units} call=${call} known=${known} board=${board} />
    <section>
      <h3>${say("patients")}</h3>
      <ul class="patients">
        ${call.patients.map((patient) => html`<${Patient} key=${patient.encounter_id} call=${call} patient=${patient}
          known=${known} board=${board} />`)}
      </ul>
    </section>
    ${!isOver(call) && html`<section>
      <h3>${say("this_call")}</h3>
      <div class="row-of">
        ${["call_back", "patients", "location", "classification", "call_times"].map((name) => html`
          <button key=${name} onClick=${() => board.ask(name, { call })}>${say(`do.${name}`)}</button>`)}
        ${may.map((name) => html`
          <button key=${name} class=${["dismissed", "abandoned"].includes(name) ? "grave" : ""}
              onClick=${() => board.ask(name, { call })}>
            ${say(`do.${name}`)}
          </button>`)}
      </div>
    </section>`}
  </article>`;
}
