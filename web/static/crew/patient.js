// One patient: how bad, what the hospital says, what comes next, what is asked, what can be entered.

import { secondOf, timeOf } from "../kit/clock.js";
import { dial } from "../kit/dial.js";
import { html, useEffect } from "../kit/html.js";
import { both, code, say } from "../kit/language.js";
import { Shape } from "../kit/level.js";
import { personOf, pregnancyOf, problemOf } from "../kit/person.js";
import { Arrest } from "./arrest.js";
import { Asks } from "./asks.js";
import { isAboard, isInferred, isOver, nextOf, takenBack } from "./mission.js";
import { ByHand, Monitors } from "./monitor.js";
import { Until } from "./parts.js";

export function Header({ patient, names, eta, arrived }) {
  const { level, triage, destination, answers } = patient;
  // Why it is this level stands beside it; the rest below.
  const first = triage?.reasons.find((reason) => reason.level === level);
  const more = [pregnancyOf(patient.patient), problemOf(patient.patient)].filter(Boolean).join(" · ");
  return html`<header class=${`patient-head ${level}`}>
    <${Shape} level=${level} size=${52} />
    <div>
      <div class="line">
        <h2>
          ${code("levels", level)}
          ${triage?.trend && triage.trend !== "same"
            ? html` <small class=${`trend ${triage.trend}`}>${code("trends", triage.trend)}</small>`
            : null}
        </h2>
        ${arrived && patient.boarded_at && !patient.isEarlier
          ? html`<div class="eta"><span class="until">${say("arrived", { at: timeOf(arrived) })}</span></div>`
          : eta && !isOver(patient) && html`<div class="eta"><${Until} at=${eta} /></div>`}
      </div>
      <p><b>${personOf(patient.patient)}</b> · ${more}</p>
      ${first && html`<p class="ground">
        ${both(first.text)}
        ${triage.reasons.length > 1 ? html` <small>+${triage.reasons.length - 1}</small>` : null}
      </p>`}
      <p>
        → ${destination
          ? `${both(names[destination]) || destination} · ${code("places", answers?.direct_to?.direct_to ?? "resus")}`
          : say("no_destination")}
      </p>
      ${patient.admission_number && patient.boarded_at && html`<p class="admission">
        ${say("admitted", { number: patient.admission_number, at: timeOf(patient.boarded_at) })}
        ${patient.wristband && html` · ${say("wristband")} <b>${patient.wristband}</b>`}
      </p>`}
    </div>
  </header>`;
}

// What the hospital has answered, as large as it matters; nothing where it has said nothing.
export function Answer({ patient, acts, names }) {
  const back = takenBack(patient, acts);
  const { answers = {}, destination } = patient;
  const name = both(names[destination]) || destination;
  const way = answers.direct_to;
  const phone = way?.phone ?? answers.phone;
  const [said, at] = way ? [say("answer.direct", { place: code("places", way.direct_to) }), way.occurred_at]
    : answers.accepted_at ? [say("answer.accepted"), answers.accepted_at]
      : answers.acknowledged_at ? [say("answer.seen"), answers.acknowledged_at] : [null, null];
  if (!said && !answers.redirect && !answers.unanswered && !back.length) return null;
  return html`<section class=${`answer ${way || answers.accepted_at ? "is-strong" : ""}`} role="status">
    ${said && html`<p class="said"><b>${name}</b> · ${said}</p>`}
    ${way?.gate && html`<p class="gate">${say("gate")}: <b>${way.gate}</b></p>`}
    ${said && html`<small>${secondOf(at)}${way ? "" : ` · ${say("until_then")}`}</small>`}
    ${back.map((one) => html`<p key=${one.what} class="silent">
      <b>${say(`back_by.${one.what}`, { at: timeOf(one.at) })}</b>
    </p>`)}
    ${answers.unanswered && html`<p class="silent"><b>${say("answer.silent", { name })}</b></p>`}
    ${answers.redirect && html`<p>
      <b>${say("answer.redirect")}</b>${answers.redirect.alternative_facility_id
        ? ` → ${both(names[answers.redirect.alternative_facility_id]) || answers.redirect.alternative_facility_id}`
        : ""} · ${say("still_theirs")}
    </p>`}
    ${phone && html`<a class="button call" href=${dial(phone)}>${say("call", { phone })}</a>`}
  </section>`;
}

const SHEET_CLOSES_MS = 100;

// That they are not aboard after all, until they board. A sheet that closes leads back to the button that opened
// it, far below: what came of it comes into sight by itself.
function Unboarded({ patient }) {
  const { boarding_revoked: told, unboarding: own } = patient;
  const isHeld = own?.state === "held";
  useEffect(() => { if (isHeld) setTimeout(() => scrollTo(0, 0), SHEET_CLOSES_MS); }, [isHeld]);
  if (patient.boarding || patient.boarded_at || patient.outcome || !(own || told)) return null;
  return html`<p class="over" role="status">
    ${say("unboarded", { at: timeOf(own?.at ?? told.at), reason: own?.body.reason ?? told.reason })}
  </p>`;
}

// Why this level, in the words of the rules.
function Why({ triage }) {
  if (!triage) return html`<p class="why dim">${say("no_level_yet")}</p>`;
  return html`<details class="why" open=${triage.reasons.length > 0 && triage.reasons.length < 3}>
    <summary>
      ${say("why_level", { n: triage.reasons.length })}${triage.paused ? ` · ${say("paused")}` : ""}
    </summary>
    <ul>
      ${triage.reasons.map((reason) => html`<li key=${reason.text.zh} class=${reason.level}>
        <${Shape} level=${reason.level} size=${20} /> ${both(reason.text)}
        ${(reason.marks ?? []).includes("single_reading")
          ? html` <small>${say("single_reading")}</small>`
          : null}
      </li>`)}
    </ul>
    ${triage.centres.length > 0 && html`<p>
      ${triage.centres.map((one) => `${code("centres", one.centre)} · ${code("activations", one.activation)}${
        one.direct_to ? ` · ${code("places", one.direct_to)}` : ""}`).join(say("semicolon"))}
    </p>`}
  </details>`;
}

const PAD = [
  "vitals", "ecg", "fast", "lams", "drugs", "findings", "mechanism", "obstetric", "background", "monitor", "more"
];

export function Patient({ patient, acts, names, eta, arrived, act, onSheet }) {
  const id = patient.encounter_id;
  const next = patient.signed ? null : nextOf(patient);
  return html`<article class="patient" data-encounter=${id}>
    <${Header} patient=${patient} names=${names} eta=${eta} arrived=${arrived} />
    <div class="first-of">
      ${patient.isLocal && html`<p class="local" role="status">${say("local_patient")}</p>`}
      ${patient.isEarlier && html`<p class="over" role="status">${say("of_earlier_call")}</p>`}
      ${patient.outcome && html`<p class="over" role="status">
        ${say("ended", { outcome: say(`outcome.${patient.outcome}`), at: timeOf(patient.ended_at) })}
      </p>`}
      ${patient.signed && html`<p class="over" role="status">
        <b>${say("signed_over_at", { name: both(names[patient.destination]) || patient.destination,
          at: timeOf(patient.signed.at) })}</b>
      </p>`}
      <${Unboarded} patient=${patient} />
      ${!patient.destination && isAboard(patient) && html`<p class="odd" role="alert">${say("nowhere")}</p>`}
      <${Answer} patient=${patient} acts=${acts} names=${names} />
      ${next && html`<button class="primary next" data-stamp=${next} onClick=${() => act.stamp(patient, next)}>
        <b>${say(`do.${next}`)}</b>
        <small>${say(`do_sub.${next}`)}</small>
      </button>`}
      ${next === "reached" && html`<button class="also" data-stamp="boarding"
        onClick=${() => act.stamp(patient, "boarding")}>
        <b>${say("do.boarding")}</b>
        <small>${say("do_sub.boarding")}</small>
      </button>`}
      ${isInferred(patient) && html`<button class="also" data-stamp="boarding"
        onClick=${() => act.stamp(patient, "boarding")}>
        <b>${say("boarding_inferred", { at: timeOf(patient.boarded_at) })}</b>
        <small>${say("boarding_confirm")}</small>
      </button>`}
      <${Arrest} patient=${patient} acts=${acts} act=${act} onSheet=${onSheet} />
    </div>
    <div class="then-of">
      <${Monitors} patient=${patient} act=${act} />
      <${ByHand} acts=${acts} id=${id} />
      ${!isOver(patient) && html`<${Asks} patient=${patient} acts=${acts} act=${act} onSheet=${onSheet} />`}
      <div class="pad" role="group" aria-label=${say("enter")}>
        ${PAD.map((name) => html`<button key=${name} data-sheet=${name} onClick=${() => onSheet(name)}>
          ${say(`pad.${name}`)}
        </button>`)}
      </div>
      <${Why} triage=${patient.triage} />
    </div>
  </article>`;
}
