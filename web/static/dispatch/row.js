// One call in the list: its two clocks, where, what, who, which units, what the hospitals say.

import { Age, running, Ticking, timeOf, ms } from "../kit/clock.js";
import { html } from "../kit/html.js";
import { both, code, figure, say } from "../kit/language.js";
import { Shape } from "../kit/level.js";
import { personOf, problemOf } from "../kit/person.js";
import {
  aboutOf, answerOf, byLevel, clockOf, departureOf, etaOf, goesOn, hasEnded, isEmergency, isOver, isServed,
  leftBehind, nearest, numberOf, rings, seenOf, stampsOf, statusOf, waits,
} from "./calls.js";
import { Countdown, NoRing, Ring } from "./ring.js";
import { Sign } from "./sign.js";

export const addressOf = (call) => call.location.address || say("location_unknown");
export const wayOf = (metres) => (metres < 1000 ? `${figure(metres, 0)} m` : `${figure(metres / 1000, 1)} km`);
export const nameOf = (names, id) => both(names[id]) || id || "";
// Which of several patients of a call; nothing where there is but one.
export const whichOf = (call, patient) => {
  const n = numberOf(call, patient);
  return n ? say("patient_n", { n }) : "";
};
// Whom an act is about, so that nobody takes them for another of the call.
export const whomOf = (call, patient) => [
  whichOf(call, patient), patient.admission_number, personOf(patient.patient), problemOf(patient.patient)
].filter(Boolean).join(" · ");

export function Levels({ call, size = 22 }) {
  return html`<span class="levels">${byLevel(call).map(([level, n]) => html`<span key=${level} class=${level}>
    <${Shape} level=${level} size=${size} /><b>${n > 1 ? `×${n}` : ""}</b></span>`)}</span>`;
}

// How far the button and the satellites agree that the unit has left, as dispatch counts it in its figures.
const MARKS = { confirmed: "✓ ", contradicted: "≠ " };
export function Departed({ call, leg }) {
  const departure = departureOf(leg);
  if (!departure) return null;
  const how = departure.by === "both" ? clockOf(call, leg)?.witnessed ?? "both" : departure.by;
  const text = say(`departed.${how}`, { n: Math.round(Math.abs(departure.differs ?? 0) / 1000) });
  return html`<span class=${`gps ${how}`}>${MARKS[how] ?? ""}${text}</span>`;
}

// That a unit stands is worth a look only while it should be driving.
const DRIVES = ["departed", "left_scene"];
export function Seen({ unit }) {
  const seen = seenOf(unit);
  const isOdd = seen.how === "still" && DRIVES.includes(unit.status);
  if (seen.how === "unseen") return html`<span class="gps unseen-by">${say("seen.unseen")}</span>`;
  return html`<span class=${`gps ${seen.how} ${seen.isOverdue ? "overdue" : ""} ${isOdd ? "odd" : ""}`}>
    ${say(`seen.${seen.how}`)} <${Age} at=${seen.at} kind="" />
    ${seen.how !== "silent" && say("seen.ago")}
  </span>`;
}

function UnitLine({ call, leg, unit }) {
  const isNow = unit?.leg_id === leg.leg_id;
  const status = isNow ? unit.status : statusOf(leg);
  const eta = isNow && status !== "returning" ? etaOf(unit) : null;
  return html`<li class="unit-line">
    <${Sign} status=${status} isSilent=${isNow && unit.silence != null} />
    <b>${leg.unit_id}</b> <span>${say(`status.${status}`)}</span>
    ${isNow && !hasEnded(leg) && html`<${Seen} unit=${unit} />`}
    <${Departed} call=${call} leg=${leg} />
    ${eta && html`<span class="eta">${say(`eta.${eta.place}`)} <${Ticking} of=${(t) => {
      const left = ms(eta.arrives_at) - t;
      return left >= 0 ? [running(left), ""] : [`+${running(left)}`, "late"];
    }} /></span>`}
    ${clockOf(call, leg)?.ended_at == null && rings(call).left?.leg_id !== leg.leg_id && clockOf(call, leg)
      && html`<${Ring} clock=${clockOf(call, leg)} name="" size=${30} />`}</li>`;
}

export function Answer({ patient, names, which = "" }) {
  const how = answerOf(patient);
  if (how === "none") return null;
  const { answers } = patient;
  const more = how === "direct" ? code("places", answers.direct_to.direct_to)
    : how === "redirect" ? nameOf(names, answers.redirect.alternative_facility_id)
      : how === "unanswered" ? say(`owed.${answers.unanswered}`) : "";
  const at = how === "accepted" ? answers.accepted_at : how === "acknowledged" ? answers.acknowledged_at : null;
  return html`<span class=${`answer ${how}`}>
    ${which && `${which}: `}${nameOf(names, patient.destination)} · ${say(`answer.${how}`)}
    ${more && ` ${more}`}
    ${at && ` ${timeOf(at)}`}
  </span>`;
}

// Where the call stands, where that is not simply open. What is still to be closed is no word like the others.
export function Standing({ call }) {
  const words = [];
  if (call.standing !== "open") words.push(say(`standing.${call.standing}`));
  if (!isEmergency(call)) words.push(say(`class.${call.classification}`));
  if (call.origin === "transfer_request") words.push(say("origin.transfer_request"));
  if (call.scheduled_at) words.push(say("wanted_at", { at: timeOf(call.scheduled_at) }));
  return html`${!isOver(call) && isServed(call) && html`<span class="tag to-close">${say("served")}</span>`}
    ${words.map((word) => html`<span class="tag" key=${word}>${word}</span>`)}`;
}

export function Row({ call, units, names, isOpened, board }) {
  const { told, left } = rings(call);
  const lines = call.legs.filter((leg) => !hasEnded(leg) || call.legs.every(hasEnded)).slice(0, 4);
  const problems = aboutOf(call);
  const isLost = waits(call) && call.legs.length > 0;
  const least = nearest(call);
  return html`<li class=${`call ${isOver(call) ? "is-over" : goesOn(call) ? "" : "is-served"} ${
      waits(call) && isEmergency(call) ? "is-waiting" : ""} ${isOpened ? "is-opened" : ""}`}
      data-call=${call.incident_id}>
    <div class="rings">
      ${told ? html`<${Ring} clock=${told} name=${say("ring.told")} />` : html`<${NoRing} name=${say("ring.told")} />`}
      ${left
        ? html`<${Ring} clock=${left} name=${say("ring.left_station")} />`
        : html`<${NoRing} name=${say("ring.left_station")} />`}
    </div>
    <div class="what">
      <h3>
        <button class="open" aria-expanded=${isOpened ? "true" : "false"} onClick=${() => board.open(call.incident_id)}>
          <${Levels} call=${call} />
          <span class=${call.location.address ? "" : "unknown"} title=${addressOf(call)}>${addressOf(call)}</span>
        </button>
      </h3>
      ${least && html`<${Countdown} clock=${least}
        name=${say(least.leg_id == null ? "ring.told" : "ring.left_station")} />`}
      <p class="problem" title=${problems.join(" · ")}>
        <span class="said">
          ${problems.slice(0, 2).join(" · ")}
          ${problems.length > 2 ? ` · +${problems.length - 2}` : ""}
        </span>
        <span class="tags"><${Standing} call=${call} /></span>
      </p>
      ${lines.length > 0 && html`<ul class="units-of">
        ${lines.map((leg) => html`<${UnitLine} key=${leg.leg_id} call=${call} leg=${leg}
          unit=${units.get(leg.unit_id)} />`)}
      </ul>`}
      ${waits(call) && html`<p class="nobody-sent">${say(isLost ? "lost_again" : "nobody_sent")}</p>`}
      ${leftBehind(call).map((one) => html`<p key=${one.encounter_id} class="nobody-sent" data-left=${one.encounter_id}>
        ${[whichOf(call, one), say(one.boarding_revoked ? "left_revoked" : "left_unsaid")].filter(Boolean).join(": ")}
      </p>`)}
      ${call.patients.filter((one) => one.boarded_at && !one.destination && !one.outcome).map((one) => html`
        <p key=${one.encounter_id} class="nobody-sent" data-nowhere=${one.encounter_id}>
          ${[whichOf(call, one), say("aboard_nowhere")].filter(Boolean).join(": ")}
        </p>`)}
      ${call.patients.some((one) => one.destination) && html`<p class="answers">
        ${call.patients
          .filter((one) => one.destination && !one.outcome)
          .map((one) => html`<${Answer} key=${one.encounter_id} patient=${one} names=${names}
            which=${whichOf(call, one)} />`)}
      </p>`}
    </div>
    <div class="go">
      ${waits(call) && html`<button class="primary" onClick=${() => board.open(call.incident_id)}>
        ${say("do.send")}
      </button>`}
    </div>
  </li>`;
}

export const lastStamp = (leg) => stampsOf(leg).at(-1);
