// What was entered, what waits, what was refused: each with its own time, and what can be done about it.

import { dayOf, now, secondOf } from "../kit/clock.js";
import { explain } from "../kit/frame.js";
import { html, useState } from "../kit/html.js";
import { code, item, say } from "../kit/language.js";
import { again, giveUp } from "./line.js";
import { isAboard, leftBehind } from "./mission.js";
import { oddsOf } from "./order.js";
import { Choice, moment, REASONS_BACK, Sheet, Twice, When } from "./parts.js";
import { nameOf as whoOf, Whom } from "./whose.js";

const vital = (name, value) => `${item(name)} ${value === "unmeasurable" ? say("unmeasurable")
  : value === true ? say("yes") : value === false ? say("no") : value}`;

const OF_PATIENT = { reached: true, boarding: true };

// An act in words.
export function nameOf(act) {
  const { kind, code: what, body } = act;
  if (kind === "stamp") return say(`status.${what}`);
  if (kind in OF_PATIENT) return say(`do.${kind}`);
  if (kind === "finding") return `${code("findings", what)} · ${say(body.present ? "there_is" : "there_is_not")}`;
  if (kind === "vitals") return Object.entries(body.vitals)
    .map(([name, value]) => vital(name, value)).join(say("comma"));
  if (kind === "treatment") return `${code("treatments", what)}${body.dose == null ? ""
    : ` ${body.dose} ${body.unit === "ug" ? "μg" : body.unit}`}`;
  if (kind === "examination") return `${code("examinations", what)} · ${body.shows
    .map((one) => code("shown", one)).join(say("comma"))}`;
  if (kind === "scale") return `${say(`pad.${what}`)} · ${body.items
    .map((one) => `${say(`${what}.${one.item}`)} ${one.points}`).join(say("comma"))}`;
  if (kind === "outcome") return `${say("more.outcome")} · ${say(`outcome.${what}`)}`;
  if (kind === "level") return `${say("more.level")} · ${code("levels", what)}`;
  if (kind === "attach" || kind === "detach" || kind === "handed") return `${say(`act.${kind}`)} ${what}`;
  if (kind === "another") return say(`act.${what}`);
  return say(`act.${kind}`);
}

// A moment of another day says so: a time of day that is still to come is taken to be yesterday's.
const momentIn = (at) => (dayOf(at) === dayOf(now()) ? secondOf(at) : `${dayOf(at)} ${secondOf(at)}`);

// Why the time of a stamp can hardly be, before a service says so. `one` may be no act yet; `beside` is what
// the page knows: {mission, acts, patients, duties}.
export function Odd({ one, beside }) {
  const odds = oddsOf(one, beside, now());
  return odds.length > 0 && html`<div class="odd" role="alert">
    ${odds.map(({ is, name, at, whose }) => {
      const named = !name ? "" : say(name in OF_PATIENT ? `do.${name}` : `status.${name}`);
      const what = whose?.number && whose.encounter_id !== one.lane
        ? `${named} · ${say("patient_n", { n: whose.number })}` : named;
      return html`<p key=${is}>${say(`odd.${is}`, { at: momentIn(one.at), what, when: at ? momentIn(at) : "" })}</p>`;
    })}
  </div>`;
}

// The same of what was sent already: nothing but a correction helps, and that is dispatch's.
const STAMPED = new Set(["stamp", "reached", "boarding"]);
export const isOdd = (one, beside) => STAMPED.has(one.kind) && oddsOf(one, beside, now()).length > 0;
export const OddSent = ({ one, beside }) => isOdd(one, beside) && html`
  <${Odd} one=${one} beside=${beside} />
  ${one.kind === "stamp" && one.state !== "held" && one.state !== "waiting"
    && html`<small class="by-dispatch">${say("by_dispatch")}</small>`}`;

// Boarding with nowhere to go to is no mistake, and is sent: but somebody has to choose.
export const Nowhere = ({ one, patients }) => {
  const patient = patients.find((each) => each.encounter_id === one.lane);
  return one.kind === "boarding" && patient && !patient.destination
    && html`<p class="odd" role="alert">${say("nowhere")}</p>`;
};

// The unit leaves, and somebody of this call is neither aboard nor signed over nor ended.
export const Behind = ({ one, patients }) => {
  const who = one.kind === "stamp" && one.code === "left_scene" ? leftBehind(patients) : [];
  return who.length > 0 && html`<p class="odd" role="alert">
    ${say("left_behind", { who: who.map(whoOf).join(say("semicolon")) })}
  </p>`;
};

export const waiting = (acts) => acts.filter((one) => one.state === "waiting" || one.state === "held");
export const refused = (acts) => acts.filter((one) => one.state === "refused");

const whyOf = (problem) => (problem.status === 403 ? say("refused_duty")
  : problem.status === 410 ? say("refused_file") : explain(problem));

// What must fail again as it is: at a time without a duty, without its picture, with what is not valid.
const IN_VAIN = new Set([403, 410, 422]);

function Refused({ one, patients, beside }) {
  const [at, setAt] = useState(undefined);
  const [isOpen, setOpen] = useState(false);
  const isInVain = IN_VAIN.has(one.problem.status) && !at;
  const pick = (chosen) => setAt(moment(chosen));
  return html`<li class="refused" data-refused=${one.kind}>
    <div>
      <${Whom} act=${one} patients=${patients} />
      <b>${nameOf(one)}</b> <time>${secondOf(one.at)}</time>
      <p role="alert">
        ${whyOf(one.problem)}
        ${(one.problem.errors ?? []).map((each) => ` · ${each.field}: ${each.problem}`)}
      </p>
    </div>
    <div class="row-of">
      <button class=${isInVain ? "" : "primary"} onClick=${() => again(one, at ? { at } : {})}>
        ${say("send_again")}
      </button>
      <button class=${isInVain && one.problem.status === 403 ? "primary" : ""}
        aria-expanded=${isOpen ? "true" : "false"} onClick=${() => setOpen(!isOpen)}>
        ${say("other_time")}
      </button>
      <${Twice} text=${say("give_up")} armed=${say("give_up_again")} onDone=${() => giveUp(one)} />
    </div>
    ${isOpen && html`<${When} at=${at} onAt=${pick} />`}
    ${at && html`<${Odd} one=${{ ...one, at }} beside=${beside} />`}
  </li>`;
}

export function Pending({ acts, patients, mission, duties, onClose }) {
  const beside = { acts, patients, mission, duties };
  const waits = waiting(acts);
  const no = refused(acts);
  return html`<${Sheet} title=${say("pending_title")} onClose=${onClose}>
    ${no.length > 0 && html`
      <h3>${say("refused_n", { n: no.length })}</h3>
      <ul class="acts">${no.map((one) => html`<${Refused} key=${one.place} one=${one} patients=${patients}
        beside=${beside} />`)}</ul>`}
    <h3>${say("waiting_n", { n: waits.length })}</h3>
    <ul class="acts">
      ${waits.map((one) => html`<li key=${one.place}>
        <div>
          <${Whom} act=${one} patients=${patients} />
          <b>${nameOf(one)}</b> <time>${secondOf(one.at)}</time>
        </div>
        <button onClick=${() => giveUp(one)}>${say("not_send")}</button>
      </li>`)}
    </ul>
    <p class="dim">${say("pending_why")}</p>
  </${Sheet}>`;
}

const BACK = new Set(["vitals", "finding", "examination", "scale", "treatment", "background"]);

export function Entered({ patient, patients, mission, duties, acts, act, onSheet, onClose }) {
  const [open, setOpen] = useState(null);
  const taken = new Set(acts.filter((one) => one.kind === "retraction").map((one) => one.code));
  const mine = acts
    .filter((one) => one.lane === patient.encounter_id && !one.isLocal && one.kind !== "retraction")
    .sort((a, b) => (a.at < b.at ? 1 : -1));
  return html`<${Sheet} title=${say("more.entered")} onClose=${onClose}>
    ${!mine.length && html`<p>${say("nothing_entered")}</p>`}
    <ul class="acts">
      ${mine.map((one) => html`<li key=${one.place} class=${taken.has(one.key) ? "is-taken" : ""}>
        <div>
          <b>${nameOf(one)}</b> <time>${secondOf(one.at)}</time>
          ${one.state !== "done" ? html` <small class="waits">${say(one.state)}</small>` : null}
          ${taken.has(one.key) ? html` <small>${say("taken_back")}</small>` : null}
          ${one.answer?.invalid?.length
            ? html`<p class="wrong">
                ${say("invalid_n", { what: one.answer.invalid.map(item).join(say("comma")) })}
              </p>`
            : null}
          ${one.state !== "refused" && html`
            <${OddSent} one=${one} beside=${{ patients, mission, duties, acts }} />`}
        </div>
        ${BACK.has(one.kind) && one.state === "done" && !taken.has(one.key) && open !== one.key && html`
          <button onClick=${() => setOpen(one.key)}>${say("take_back")}</button>`}
        ${one.kind === "boarding" && one.key === patient.boarding?.key && isAboard(patient) && html`
          <button onClick=${() => onSheet("unboard")}>${say("take_back")}</button>`}
        ${(one.state === "waiting" || one.state === "held") && html`
          <button onClick=${() => giveUp(one)}>${say("not_send")}</button>`}
        ${open === one.key && html`<${Choice} name="why" label=${say("take_back_why")}
          options=${REASONS_BACK.map((why) => [why, say(`back.${why}`)])}
          onPick=${(why) => {
            act.retract(patient, one, why);
            setOpen(null);
          }} />`}
      </li>`)}
    </ul>
  </${Sheet}>`;
}
