// Moments inside the hospital: one tap says now, the time can be said otherwise, and taken back.

import { ms, now, running, Ticking } from "../kit/clock.js";
import { html, useState } from "../kit/html.js";
import { say } from "../kit/language.js";
import { Sending } from "./dialogs.js";
import { isHere } from "./patients.js";
import { against, dayAndTime } from "./moments.js";
import { momentOf, rightNow, typed, When } from "../kit/when.js";

export const MILESTONES = [
  "first_doctor",
  "ct_done",
  "needle",
  "wire",
  "caesarean_decided",
  "delivery",
  "surgery_begun",
  "antibiotics"
];

// Of a birth: not asked of a man, unless the record says that it concerns this patient.
const OF_BIRTH = new Set(["caesarean_decided", "delivery"]);
function offered(item) {
  const { record, handoff } = item;
  const stands = new Set(handoff.milestones.map((one) => one.milestone));
  const concerned = [...item.centres, ...[...record.centres, ...handoff.activations].map((one) => one.centre)];
  const mayBear = record.patient?.sex !== "male" || concerned.includes("maternal");
  return MILESTONES.filter((name) => mayBear || stands.has(name) || !OF_BIRTH.has(name));
}

// Those first that a clock of a centre concerned waits for; where nobody is concerned, all as they are.
export function inOrder(item, house) {
  const concerned = new Set(item.centres);
  const wanted = (house?.clocks ?? []).filter((clock) => concerned.has(clock.centre))
    .flatMap((clock) => [clock.begins, clock.ends]);
  const rank = (name) => (name === "first_doctor" ? 0 : wanted.includes(name) ? 1 : 2);
  return offered(item).sort((a, b) => rank(a) - rank(b));
}

// The clock that ends with this moment and concerns the patient.
export function clockOf(item, house, milestone) {
  const ending = (house?.clocks ?? []).filter((clock) => clock.ends === milestone).map((clock) => clock.clock);
  return item.handoff.clocks.find((clock) => ending.includes(clock.clock)) ?? null;
}

function Left({ clock, promise }) {
  const [began, due, ended] = clock
    ? [clock.began_at, clock.due_at, clock.ended_at]
    : [promise?.since, promise?.due_at, promise?.met_at];
  if (!began || !due) return html`<small class="faint">${clock ? say("not_begun") : ""}</small>`;
  if (ended) return html`<small class=${ms(ended) > ms(due) ? "late" : "kept"}>
    ${running(ms(ended) - ms(began))} ${ms(ended) > ms(due) ? say("late") : "✓"}</small>`;
  return html`<${Ticking} kind="left" of=${(t) => {
    const left = ms(due) - t;
    return left >= 0 ? [say("left", { span: running(left) }), ""] : [say("over", { span: running(left) }), "late"];
  }} />`;
}

export function Milestone({ item, act, onClose, onDone }) {
  const { milestone } = act;
  const stands = item.handoff.milestones.find((m) => m.milestone === milestone);
  const [value, setValue] = useState(stands ? typed(stands.occurred_at) : rightNow());
  const [isSure, setSure] = useState(false);
  const at = momentOf(value);
  const doubts = at ? against(item, milestone, at, now()) : [];
  const isAhead = doubts.some(([key]) => key === "milestone_ahead");
  const isAsked = doubts.length > 0 && !isAhead;
  const pick = (next) => { setValue(next); setSure(false); };
  return html`<${Sending} item=${item} title=${say(`stamp.${milestone}`)} path="milestones"
      onClose=${onClose} onDone=${onDone}
      body=${() => at && !isAhead && (!isAsked || isSure) && { milestone, occurred_at: at } || null}>
    <p class="aside">${say(stands ? "milestone_again" : "milestone_when")}</p>
    <${When} value=${value} onChange=${pick} />
    ${doubts.map(([key, { at: when, other }]) => html`<div class="another" role="alert" key=${key}>
      <b>! ${say(key, { at: when ? dayAndTime(when) : "", other: other ? say(`stamp.${other}`) : "" })}</b></div>`)}
    ${isAsked && html`<label class="tick"><input type="checkbox" checked=${isSure}
        onChange=${(e) => setSure(e.target.checked)} /> ${say("milestone_sure")}</label>`}</${Sending}>`;
}

export function TakeBack({ item, act, onClose, onDone }) {
  const { milestone } = act;
  return html`<${Sending} item=${item} title=${say("take_back")} path=${`milestones/${milestone}/revoked`}
      onClose=${onClose} onDone=${onDone} go=${say("take_back")} body=${() => ({})}>
    <p>${say("take_back_means", { milestone: say(`stamp.${milestone}`) })}</p></${Sending}>`;
}

export function Strip({ item, house, page }) {
  const reached = Object.fromEntries(item.handoff.milestones.map((m) => [m.milestone, m]));
  const doctor = item.handoff.promises.find((p) => p.owed === "first_doctor");
  // Of who is not here yet nothing is due; what is said all the same, or in no possible order, is asked for.
  const reach = (name) => (isHere(item) && !against(item, name, new Date(now()), now()).length
    ? page.send("milestones", { milestone: name, occurred_at: new Date(now()).toISOString() },
      { text: say(`stamp.${name}`) })
    : page.ask({ name: "milestone", milestone: name }));
  return html`<section class="strip" aria-label=${say("milestones")}>${inOrder(item, house).map((name) => {
    const stands = reached[name];
    const clock = clockOf(item, house, name);
    const isWanted = isHere(item) && (clock || (name === "first_doctor" && doctor));
    return html`<div key=${name} class=${`milestone ${stands ? "reached" : isWanted ? "wanted" : ""}`}>
      <b>${say(`stamp.${name}`)}</b>
      ${stands
        ? html`<span class="when-it-was">${dayAndTime(stands.occurred_at)}</span>`
        : html`<button class=${isWanted ? "primary now" : "now"} onClick=${() => reach(name)}
          aria-label=${say("now_of", { milestone: say(`stamp.${name}`) })}>${say("now")}</button>`}
      <${Left} clock=${clock} promise=${name === "first_doctor" && doctor
        ? { ...doctor, met_at: stands?.occurred_at ?? null }
        : null} />
      <span class="row-of tight">
        <button class="quiet" onClick=${() => page.ask({ name: "milestone", milestone: name })}
          aria-label=${`${say(`stamp.${name}`)}: ${say("other_time")}`}>${say("other_time")}</button>
        ${stands && html`<button class="quiet" onClick=${() => page.ask({ name: "take_back", milestone: name })}
          aria-label=${`${say(`stamp.${name}`)}: ${say("take_back")}`}>${say("take_back")}</button>`}</span>
    </div>`;
  })}</section>`;
}
