// What stands around the page: who acts, whether there is a line, what waits, what can be undone.

import { now, secondOf, span, Ticking, timeOf } from "../kit/clock.js";
import { Foot, LanguageSwitch } from "../kit/frame.js";
import { html, useEffect, useRef, useState } from "../kit/html.js";
import { both, code, say } from "../kit/language.js";
import { Shape } from "../kit/level.js";
import { ageOf, personOf, problemOf, sexOf } from "../kit/person.js";
import { Tabs } from "../kit/tabs.js";
import { calledOf } from "./duty.js";
import { Behind, nameOf, Nowhere, Odd, refused, waiting } from "./entered.js";
import { giveUp, goOn, moveTo, pause, sendNow, UNDO_MS } from "./line.js";
import { aboard, takenBack } from "./mission.js";
import { oddsOf } from "./order.js";
import { When } from "./parts.js";
import { nameOf as whoOf, Whom } from "./whose.js";

export function Top({ duty, duties, acts, onDuties, onSwitch, onPending }) {
  const waits = waiting(acts).length;
  const no = refused(acts).length;
  return html`<header class="top"><h1 class="unseen">${say("page_name")}</h1>
    ${duty && html`<button class="who" onClick=${onDuties}>
      <b>${duty.unit_id}</b>
      <small>${calledOf(duty)}</small>
      <span class="unseen">${say("who_is")}</span>
    </button>`}
    ${(waits > 0 || no > 0) && html`<button class=${`pending ${no ? "is-refused" : ""}`} onClick=${onPending}>
      ${no > 0 ? html`<b>${say("refused_n", { n: no })}</b>` : null}
      ${waits > 0 ? html`<span>${say("waiting_n", { n: waits })}</span>` : null}
    </button>`}
    <${LanguageSwitch} />
    <${Ticking} kind="clock" of=${(t) => secondOf(t).slice(0, 5)} label=${say("clock")} />
    ${duties.length > 1 && html`<div class="people" role="group" aria-label=${say("who_acts")}>
      ${duties.map((one) => html`<button key=${one.duty_id}
        aria-pressed=${one.duty_id === duty.duty_id ? "true" : "false"}
        onClick=${() => onSwitch(one.duty_id)}>${calledOf(one)}</button>`)}
    </div>`}
  </header>`;
}

// How old is what stands here; loud only where it matters.
export function LineBar({ isCut, at, problem }) {
  if (!isCut && !problem) return null;
  const text = (t) => (at ? say("cut", { at: secondOf(at), span: span(t - at) }) : say("cut_never"));
  return html`<div class="line-bar" role="alert">
    ${problem ? html`<b>${problem}</b>` : html`<${Ticking} of=${text} />`}
    <small>${say("cut_keeps")}</small>
  </div>`;
}

// What a hospital has answered and taken back, over every page, until somebody says that they have seen it.
export const news = (patients, acts) => patients.filter((one) => !one.outcome && !one.signed)
  .flatMap((patient) => takenBack(patient, acts).filter((one) => !one.isSeen).map((one) => ({ ...one, patient })));
export const TakenBack = ({ patients, acts, names, act }) => news(patients, acts).map((one) => html`
  <div class="taken-back" role="alert" key=${`${one.patient.encounter_id} ${one.what}`} data-back=${one.what}>
    <p>
      <small>${whoOf(one.patient)} · ${both(names[one.patient.destination]) || one.patient.destination}</small>
      <b>${say(`back_by.${one.what}`, { at: timeOf(one.at) })}</b>
    </p>
    <button onClick=${() => act.noticed(one.patient, one)}>${say("noticed")}</button>
  </div>`);

const EDGE = 10;

// As little as a tab has room for: of whom nobody knows more the number says who.
const shortOf = (patient) => ([sexOf(patient), ageOf(patient)].join() === [sexOf({}), ageOf({})].join()
  ? say("person_unknown") : personOf(patient));
const whereOf = (one) => (one.outcome ? say(`outcome.${one.outcome}`)
  : one.signed ? say("signed_over") : one.boarded_at || one.boarding ? say("tab_aboard") : "");

// A tab for the unit, and one for each patient.
export function Subjects({ patients, shown, onShow, onAnother }) {
  const tabs = [
    ["unit", say("vehicle"), { class: "of-unit" }],
    ...patients.map((one) => [
      one.encounter_id,
      html`${!one.isPast && html`<span class="number">
          <${Shape} level=${one.level} size=${24} /><b>${one.number}</b>
        </span>`}
        <span>
          ${one.number ? html`<span class="unseen">${" · "}</span>` : null}
          ${shortOf(one.patient)}
          <small>
            ${[one.isEarlier && say("earlier_call"), whereOf(one), problemOf(one.patient)].filter(Boolean).join(" · ")}
          </small>
        </span>`,
      { class: one.isPast ? "is-past" : one.level, "data-tab": one.encounter_id }
    ])
  ];
  const strip = useRef();
  // The chosen tab is seen, also where there are more than fit.
  useEffect(() => {
    const tab = strip.current.querySelector("[aria-selected=true]");
    const list = tab?.parentNode.getBoundingClientRect();
    const box = tab?.getBoundingClientRect();
    // The vehicle's stays where it is, over those that go sideways under it.
    const first = tab?.parentNode.firstElementChild;
    const left = first && first !== tab ? Math.max(list.left, first.getBoundingClientRect().right) : list?.left;
    if (tab && (box.left < left || box.right > list.right)) tab.parentNode.scrollLeft += box.left - left - EDGE;
  }, [shown, patients.length]);
  return html`<nav ref=${strip} class="main-tabs" aria-label=${say("patients")}>
    <${Tabs} of="subject" label=${say("patients")} tabs=${tabs} chosen=${shown} onChoose=${onShow} />
    ${onAnother && html`<button class="plus" aria-label=${say("another")} onClick=${onAnother}>＋</button>`}
  </nav>`;
}

// What will be refused as it is waits for an answer, as does what somebody is choosing another time for.
function Held({ one, beside }) {
  const [at, setAt] = useState(undefined);
  const [isOpen, setOpen] = useState(false);
  const isOff = oddsOf(one, beside, now()).some((odd) => odd.is === "off");
  const stands = isOpen || isOff;
  const isStill = one.until === null;
  useEffect(() => { if (stands !== isStill) (stands ? pause : goOn)(one); }, [stands, isStill]);
  return html`<div class="held" data-held=${one.kind} role="status">
    <${Whom} act=${one} patients=${beside.patients} />
    <p>
      <b>${nameOf(one)}</b> <time>${secondOf(one.at)}</time> <small>
        ${isStill ? say(isOff ? "stands_off" : "stands_open") : html`<${Ticking} of=${() => say("sends_in", {
          n: Math.max(0, Math.ceil((one.until - Date.now()) / 1000))
        })} />`}
      </small>
    </p>
    <${Odd} one=${one} beside=${beside} />
    <${Nowhere} one=${one} patients=${beside.patients} />
    <${Behind} one=${one} patients=${beside.patients} />
    <div class="row-of">
      <button class="undo" onClick=${() => giveUp(one)}>${say("undo")}</button>
      <button aria-expanded=${isOpen ? "true" : "false"} onClick=${() => setOpen(!isOpen)}>
        ${say(isOpen ? "earlier_done" : "earlier")}
      </button>
      <button onClick=${() => sendNow(one)}>${say("send_now")}</button>
    </div>
    ${isOpen && html`<${When} at=${at} onAt=${(next) => {
      setAt(next);
      moveTo(one, next ?? new Date(now()).toISOString());
    }} />`}
  </div>`;
}

// What was answered: in one line, so that the next question is seen above it.
const Told = ({ one, patients, children, ...more }) => html`<div class="held is-told" role="status" ...${more}>
  <p>
    <${Whom} act=${one} patients=${patients} />
    <b>${nameOf(one)}</b> <small>${children[0]}</small>
  </p>
  ${children[1]}
</div>`;

const Brief = ({ one, beside }) => html`<${Told} one=${one} patients=${beside.patients} data-held=${one.kind}>
  <${Ticking} of=${() => say("sends_in", { n: Math.max(0, Math.ceil((one.until - Date.now()) / 1000)) })} />
  <div class="row-of">
    <button class="undo" onClick=${() => giveUp(one)}>${say("undo")}</button>
    <button onClick=${() => sendNow(one)}>${say("send_now")}</button>
  </div>
</${Told}>`;

// What went at once, and can be taken back as long as what is held.
function Gone({ one, beside }) {
  const patient = beside.patients.find((each) => each.encounter_id === one.lane);
  const [, draw] = useState(0);
  const left = one.enteredAt + UNDO_MS - Date.now();
  useEffect(() => {
    const timer = setTimeout(() => draw(1), Math.max(0, left) + 20);
    return () => clearTimeout(timer);
  }, [one.place]);
  if (left <= 0 || !patient) return null;
  return html`<${Told} one=${one} patients=${beside.patients} data-gone=${one.code}>
    ${secondOf(one.at)}
    <div class="row-of">
      <button class="undo" onClick=${() => beside.act.unsay(patient, one)}>${say("undo")}</button>
    </div>
  </${Told}>`;
}

// `beside`: {acts, patients, mission, duties, act}.
export function Undo(beside) {
  const taken = new Set(beside.acts.filter((one) => one.kind === "retraction").map((one) => one.code));
  const gone = beside.acts.findLast((one) => one.kind === "finding" && one.code === "cardiac_arrest"
    && one.state !== "held" && one.state !== "refused" && !taken.has(one.key));
  return html`<div class="undo-bar">
    ${gone && html`<${Gone} key=${gone.place} one=${gone} beside=${beside} />`}
    ${beside.acts.filter((one) => one.state === "held")
      .filter((one, n, all) => one.until === null || n >= all.length - 2)
      .map((one) => (one.isBrief && one.until !== null
        ? html`<${Brief} key=${one.place} one=${one} beside=${beside} />`
        : html`<${Held} key=${one.place} one=${one} beside=${beside} />`))}
  </div>`;
}

// A new mission, over everything else.
export function NewMission({ mission, patients, onTake }) {
  const box = useRef();
  useEffect(() => {
    const dialog = box.current;
    dialog.showModal();
    dialog.querySelector("button").focus();
    return () => dialog.close();
  }, []);
  const where = mission.incident?.location;
  const still = aboard(patients).filter((one) => one.isEarlier);
  return html`<dialog ref=${box} class="new-mission" role="alertdialog" aria-label=${say("new_mission")}
    onCancel=${(event) => event.preventDefault()}>
    <h1>${say("new_mission")}</h1>
    <p class="where">${where?.address || (where ? `${where.latitude}, ${where.longitude}` : say("place_unknown"))}</p>
    <ul>
      ${patients.filter((one) => !one.isEarlier).map((one) => html`<li key=${one.encounter_id}>
        <${Shape} level=${one.level} size=${40} />
        <span>
          ${problemOf(one.patient)} · ${personOf(one.patient)}
          ${one.patient.precautions?.length
            ? html`<b class="guard">
                ${one.patient.precautions.map((each) => code("precautions", each)).join(say("comma"))}
              </b>`
            : null}
        </span>
      </li>`)}
    </ul>
    ${still.length > 0 && html`<p class="guard">
      ${say("earlier_aboard", { who: still.map((one) => personOf(one.patient)).join(say("comma")) })}
    </p>`}
    <button class="primary huge" data-stamp="acknowledged" onClick=${onTake}>${say("take_mission")}</button>
    <${Foot} />
  </dialog>`;
}
