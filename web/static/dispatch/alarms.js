// What is due and has not happened: who has to be telephoned, large and the most urgent first; the rest beside, the
// oldest first, each with what to do.

import { Age, Ticking, timeOf } from "../kit/clock.js";
import { dial } from "../kit/dial.js";
import { html } from "../kit/html.js";
import { code, say } from "../kit/language.js";
import { Shape } from "../kit/level.js";
import { isTelephone, levelOf, sorted } from "./calls.js";
import { addressOf, nameOf, whichOf } from "./row.js";

const NAMED = [
  "dispatch_within_3min", "first_unit_notified_within_1min",
  "destination_chosen", "destination_known_on_leaving", "boarding_known_on_leaving", "unit_silent",
  "hospital_delivered", "hospital_displayed", "hospital_acknowledged",
  "hospital_department_answered", "hospital_direct_to_confirmed", "hospital_first_doctor"
];
// More than these are not seen at one glance: it is said how many there are.
const MANY = 6;
const known = (alarm) => (NAMED.includes(alarm.clock) ? alarm.clock : "other");
const about = (alarm, calls) => {
  const call = calls.get(alarm.incident_id);
  const which = call && alarm.encounter_id && whichOf(call, alarm);
  return [call && addressOf(call), which, alarm.unit_id].filter(Boolean).join(" · ");
};

// What an alarm is called.
export const titleOf = (alarm, names) => say(`alarm.${known(alarm)}`, { facility: nameOf(names, alarm.facility_id) });
// What the hospital itself says it is telephoned by, else what the register has.
const phoneOf = (alarm, hospitals) =>
  alarm.phone ?? hospitals.find((one) => one.facility_id === alarm.facility_id)?.phone;

function Open({ alarm, board, calls }) {
  return calls.has(alarm.incident_id)
    && html`<button onClick=${() => board.open(alarm.incident_id)}>${say("open_call")}</button>`;
}

function Telephone({ alarm, isFirst, board, calls, names, hospitals }) {
  const phone = phoneOf(alarm, hospitals);
  // While it can be undone; then it is entered.
  const until = board.state.called[alarm.alarm_id];
  const level = levelOf(alarm, calls);
  return html`<li class="telephone" data-alarm=${alarm.alarm_id}>
    <div>
      <h3>${level && html`<b class=${`of-level ${level}`}><${Shape} level=${level} size=${24} />
        <span aria-hidden="true">${code("levels", level)}</span></b> `}${titleOf(alarm, names)}</h3>
      <p class="about" title=${about(alarm, calls)}>
        ${about(alarm, calls)} · ${say("since")} <${Age} at=${alarm.due_at} />
      </p>
    </div>
    ${phone
      ? html`<a class="phone" href=${dial(phone)} aria-label=${say("call_phone", { phone })}>
        <span aria-hidden="true">☎</span> ${phone}
      </a>`
      : html`<p class="phone none">${say("no_phone")}</p>`}
    ${isFirst && html`<p class="todo">${say(`todo.${known(alarm)}`, { clock: alarm.clock })}</p>`}
    <span class="row-of"><${Open} alarm=${alarm} board=${board} calls=${calls} />
      ${until && html`<button onClick=${() => board.notCalled(alarm)}>${say("do.not_called")}</button>`}
      <button class="primary" disabled=${Boolean(until)} onClick=${() => board.called(alarm)}>
        ${until
          ? html`<${Ticking} of=${(t) => say("call_counts_in", { n: Math.max(0, Math.ceil((until - t) / 1000)) })} />`
          : say("do.acknowledge")}
      </button>
    </span></li>`;
}

// What to do stands beside the first of each kind; the others are a line.
function Line({ alarm, isFirst, board, calls, names }) {
  return html`<li class=${`alarm ${alarm.step} ${isFirst ? "is-first" : ""}`} data-alarm=${alarm.alarm_id}>
    <span class="step" aria-hidden="true">${alarm.step === "breach" ? "!" : "▲"}</span>
    <div>
      <h3>
        ${say(`step.${alarm.step}`)} · ${titleOf(alarm, names)} <small><${Age} at=${alarm.raised_at} /></small>
      </h3>
      <p class="about" title=${about(alarm, calls)}>${about(alarm, calls)}</p>
      ${isFirst && html`<p class="todo">${say(`todo.${known(alarm)}`, { clock: alarm.clock })}</p>`}
    </div>
    <span class="row-of"><${Open} alarm=${alarm} board=${board} calls=${calls} />
      <button onClick=${() => board.acknowledge(alarm)}>${say("do.seen")}</button></span></li>`;
}

export function Alarms({ alarms, calls, names, hospitals, board }) {
  const { telephone, others: due, seen } = sorted(alarms, calls);
  // The oldest of each kind first, with all of its kind behind it.
  const kinds = [...new Set(due.map((alarm) => alarm.clock))];
  const others = kinds.flatMap((kind) => due.filter((alarm) => alarm.clock === kind));
  const all = [...telephone, ...due];
  const firsts = new Set(all.filter((alarm) => all.find((one) => one.clock === alarm.clock) === alarm));
  return html`<section class="alarms" aria-label=${say("alarms")}><h2 class="unseen">${say("alarms")}</h2>
    <p class="unseen" role="alert">${telephone.map((alarm) =>
      [code("levels", levelOf(alarm, calls)), titleOf(alarm, names)].filter(Boolean).join(" ")).join(" · ")}</p>
    ${telephone.length > 0 && html`<ul class="telephones">
      ${telephone.map((alarm) => html`<${Telephone} key=${alarm.alarm_id} alarm=${alarm} board=${board} calls=${calls}
        isFirst=${firsts.has(alarm)} names=${names} hospitals=${hospitals} />`)}
    </ul>`}
    ${others.length > MANY && html`<p class="how-many">${say("due_n", { n: others.length })}</p>`}
    ${others.length > 0 && html`<ul class="lines">
      ${others.map((alarm) => html`<${Line} key=${alarm.alarm_id} alarm=${alarm} isFirst=${firsts.has(alarm)}
        board=${board} calls=${calls} names=${names} />`)}
    </ul>`}
    ${seen.length > 0 && html`<details class="seen-alarms">
      <summary>${say("alarms_seen", { n: seen.length })}</summary>
      <ul>${seen.map((alarm) => html`<li key=${alarm.alarm_id}>
        <span>
          ${titleOf(alarm, names)} · ${about(alarm, calls)}
          ${phoneOf(alarm, hospitals)
            ? html` · <a href=${dial(phoneOf(alarm, hospitals))}>☎ ${phoneOf(alarm, hospitals)}</a>`
            : ""}
        </span>
        <small>
          ${say(isTelephone(alarm) ? "called_by" : "seen_by", {
            who: board.calledOf(alarm.acknowledged_by), at: timeOf(alarm.acknowledged_at)
          })}
        </small>
      </li>`)}</ul>
    </details>`}
  </section>`;
}
