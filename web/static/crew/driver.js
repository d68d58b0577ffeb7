// What the driver needs: one large stamp, where to go, where to bring the patient.

import { told } from "../kit/api.js";
import { isoNow, secondOf, timeOf } from "../kit/clock.js";
import { dial } from "../kit/dial.js";
import { html, useState } from "../kit/html.js";
import { both, code, say } from "../kit/language.js";
import { Shape } from "../kit/level.js";
import { problemsOf } from "../kit/person.js";
import { isOdd, Odd, OddSent } from "./entered.js";
import { aboard, isOver, stampsOf } from "./mission.js";
import { Sheet, Until, When } from "./parts.js";
import { nameOf } from "./whose.js";

// A place that the phone's own maps open.
const geo = ({ latitude, longitude, address }) =>
  `geo:${latitude},${longitude}?q=${latitude},${longitude}${address ? `(${encodeURIComponent(address)})` : ""}`;
// Of a hospital whose place nobody has registered the maps look for the name.
const geoOf = (point, name) => (point ? geo({ ...point, address: name }) : `geo:0,0?q=${encodeURIComponent(name)}`);

function Skipped({ status, mission, acts, patients, known, onStamp, onClose }) {
  const [at, setAt] = useState(null);
  const one = { kind: "stamp", code: status, at: at ?? isoNow(), leg: mission.leg.leg_id, duty: known.acting };
  const beside = { mission, acts, patients, duties: known.duties };
  const isHardly = isOdd(one, beside);
  return html`<${Sheet} title=${say("stamp_later", { status: say(`status.${status}`) })} onClose=${onClose}>
    <${When} at=${at} onAt=${setAt} />
    <${Odd} one=${one} beside=${beside} />
    <button class=${isHardly ? "grave huge" : "primary huge"} onClick=${() => { onStamp(status, at); onClose(); }}>
      ${say(isHardly ? "record_anyway" : "record")}
    </button>
  </${Sheet}>`;
}

// Available with somebody aboard whom nobody has taken over: is that so?
function StillAboard({ patients, onYes, onClose }) {
  return html`<${Sheet} title=${say("still_aboard")} onClose=${onClose}>
    <ul class="acts still">
      ${patients.map((one) => html`<li key=${one.encounter_id}>
        <${Shape} level=${one.level} size=${32} />
        <div><b>${nameOf(one)}</b></div>
      </li>`)}
    </ul>
    <p>${say("still_aboard_why")}</p>
    <button class="primary huge" onClick=${onClose}>${say("back")}</button>
    <button class="grave huge" onClick=${() => { onYes(); onClose(); }}>${say("available_anyway")}</button>
  </${Sheet}>`;
}

// The times that were given, and those that were not: each can be entered later.
function Times({ stamps, mission, acts, patients, known, onStamp }) {
  const [late, setLate] = useState(null);
  const beside = { mission, acts, patients };
  const { done, skipped, later } = stamps;
  return html`<section class="times">
    <h2>${say("times")}</h2>
    <ul>
      ${[...done].filter(([status]) => status !== "notified").map(([status, { at, act }]) => html`<li key=${status}>
        <span>${say(`status.${status}`)}</span>
        <b>${secondOf(at)}</b>
        ${act && act.state !== "done" && html`
          <small class="waits">${say(act.state === "held" ? "held" : "waiting")}</small>`}
        <${OddSent} beside=${beside} one=${act ?? { kind: "stamp", code: status, at, leg: mission.leg.leg_id }} />
      </li>`)}
      ${skipped.map((status) => html`<li key=${status} class="skipped">
        <span>${say(`status.${status}`)}</span>
        <button onClick=${() => setLate(status)}>${say("enter_later")}</button>
      </li>`)}
      ${later.map((status) => html`<li key=${status} class="ahead">
        <span>${say(`status.${status}`)}</span>
        <button onClick=${() => onStamp(status, null)}>${say("stamp_this")}</button>
      </li>`)}
    </ul>
    ${late && html`<${Skipped} status=${late} mission=${mission} acts=${acts} patients=${patients} known=${known}
      onStamp=${onStamp} onClose=${() => setLate(null)} />`}
  </section>`;
}

// Dispatch, by telephone: where the site has said its number.
const CallDispatch = () => told.dispatch_phone && html`
  <a class="button call" href=${dial(told.dispatch_phone)}>${say("call_dispatch", { phone: told.dispatch_phone })}</a>`;

// A hospital that was chosen: its name, where to drive up, whom to call.
export function Destination({ patient, names, eta, arrived, point, isNext }) {
  const { destination, answers } = patient;
  if (!destination) return html`<section class="place none">
    <h2>${say("destination")}</h2>
    <p><b>${say("no_destination")}</b></p>
  </section>`;
  const way = answers?.direct_to;
  const phone = way?.phone ?? answers?.phone;
  const name = both(names[destination]) || destination;
  return html`<section class="place bound"><h2>${say("destination")}</h2>
    <p><b>${name}</b> · ${code("places", way?.direct_to ?? "resus")}</p>
    ${way?.gate && html`<p class="gate">${say("gate")}: <b>${way.gate}</b></p>`}
    ${arrived ? html`<p><b>${say("arrived", { at: timeOf(arrived) })}</b></p>`
      : eta && html`<p><${Until} at=${eta} /></p>`}
    ${isNext && html`<a class="button call" href=${geoOf(point, name)}>${say("navigate_to", { name })}</a>`}
    ${phone && html`<a class="button call" href=${dial(phone)}>${say("call", { phone })}</a>`}
  </section>`;
}

export function Driver({ mission, acts, patients: all, names, known, onStamp }) {
  const patients = all.filter((one) => !isOver(one));
  // Nobody is left to be driven to, nor anywhere.
  const isDone = all.length > 0 && !patients.length;
  const stamps = stampsOf(mission, acts);
  const [asks, setAsks] = useState(false);
  const still = aboard(all);
  const stamp = (status, at) => {
    if (status === "available" && still.length) setAsks(true);
    else onStamp(status, at);
  };
  const { leg, incident, other_units: others } = mission;
  if (!leg) return html`<section class="nothing">
    <h2>${say("no_mission")}</h2>
    <p>${say("no_mission_why", { unit: mission.unit.unit_id, status: say(`status.${mission.unit.status}`) })}</p>
    <${CallDispatch} />
  </section>`;
  const eta = leg.eta?.arrives_at;
  const goesTo = leg.eta?.place;
  const where = incident?.location;
  // Two patients for one hospital are one place to drive to; who has a way of their own has their own card.
  const boarded = [...new Map(patients.filter((one) => one.destination)
    .map((one) => [`${one.destination} ${one.answers?.direct_to?.event_id ?? ""}`, one])).values()];
  const points = new Map((mission.destinations ?? []).map((one) => [one.facility_id, one.point]));
  // Once it has left with somebody, or they are on their way, the way leads to the hospital and not back.
  const arrived = stamps.done.get("at_destination")?.at;
  const hasLeft = aboard(patients).length > 0 && (stamps.done.has("left_scene") || goesTo === "destination");
  const to = isDone ? null : boarded.length
    ? boarded.map((one) => html`<${Destination} key=${one.encounter_id} patient=${one} names=${names}
        eta=${goesTo === "destination" ? eta : null} arrived=${one.isEarlier ? null : arrived}
        point=${points.get(one.destination)} isNext=${hasLeft} />`)
    : html`<${Destination} patient=${{}} names=${names} />`;
  return html`<div class="driver">
    ${stamps.next
      ? html`<button class="primary next" data-stamp=${stamps.next} onClick=${() => stamp(stamps.next, null)}>
          <b>${say(`do_status.${stamps.next}`)}</b>
          <small>${say("stamp_next")}</small>
        </button>`
      : html`<p class="nothing">${say("leg_over")}</p>`}
    ${isDone && stamps.next && html`<p class="over" role="status" data-done>${say("all_over")}</p>`}
    ${isDone && stamps.next && stamps.next !== "available" && html`<button class="also" data-stamp="available"
      onClick=${() => stamp("available", null)}><b>${say("do_status.available")}</b></button>`}
    ${hasLeft && to}
    ${where && html`<section class="place scene">
      <h2>${say("scene")}</h2>
      <p><b>${where.address || `${where.latitude}, ${where.longitude}`}</b></p>
      <p>
        ${problemsOf(all.filter((one) => !one.isEarlier).map((one) => one.patient)).join(" · ")
          || say("problem_unknown")}
      </p>
      ${goesTo === "scene" && eta && !isDone && html`<p><${Until} at=${eta} /></p>`}
      ${!hasLeft && !isDone && html`<a class="button call" href=${geo(where)}>${say("navigate")}</a>`}
    </section>`}
    ${!hasLeft && to}
    ${others?.length > 0 && html`<p class="others">
      ${say("others", {
        units: others.map((one) => `${one.unit_id} ${say(`status.${one.status}`)}`).join(say("comma"))
      })}
    </p>`}
    <${CallDispatch} />
    <${Times} stamps=${stamps} mission=${mission} acts=${acts} patients=${all} known=${known} onStamp=${stamp} />
    ${asks && html`<${StillAboard} patients=${still} onYes=${() => onStamp("available", null)}
      onClose=${() => setAsks(false)} />`}
  </div>`;
}
