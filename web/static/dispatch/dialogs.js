// The questions that an act asks before it is sent: whom, where to, and what speaks against it.

import { Age, now, secondOf, span } from "../kit/clock.js";
import { html, useState } from "../kit/html.js";
import { code, say } from "../kit/language.js";
import { personOf } from "../kit/person.js";
import { momentOf, rightNow, When } from "../kit/when.js";
import { aboutOf, acceptedOf, byDistance, hasEnded, living } from "./calls.js";
import { CORRECTIONS } from "./corrections.js";
import { placesOf } from "./marks.js";
import { farFrom } from "./places.js";
import { Plan } from "./plan.js";
import { hospitalsFor, minutes, Reasons, unitsFor, useFollowed } from "./recommend.js";
import { addressOf, nameOf, wayOf, whichOf, whomOf } from "./row.js";
import { Choice, Field, Reason, Sending } from "./sending.js";

// Two doubts at once, or the one that there is.
const together = (...doubts) => doubts.filter(Boolean).join(" ") || null;

function Send({ call, advice, replaces, known, onChosen, ...more }) {
  const unit = advice.unit_id;
  // Who was sent meanwhile is told at once, and asked about before one more goes.
  const [before] = useState(() => call.legs.map((leg) => leg.leg_id));
  const legs = known.calls.get(call.incident_id)?.legs ?? call.legs;
  const others = legs.filter((leg) => !before.includes(leg.leg_id) && leg.unit_id !== unit && !hasEnded(leg));
  const is = useFollowed(unitsFor(call), advice, more.board.state.fresh);
  const doubt = () => together(others.length > 0
    && say("others_sent", { units: others.map((leg) => leg.unit_id).join(say("comma")) }), is.news);
  const from = advice.diverts && known.calls.get(advice.diverts);
  const title = say(
    advice.diverts ? "send.divert" : replaces ? "send.replace" : "send.send", { unit, other: replaces ?? "" });
  return html`<${Sending} ...${more} call=${call} about=${false} title=${title} diverts=${advice.diverts}
      grave=${advice.diverts} done=${() => { onChosen?.(); return say("sent", { unit }); }} doubt=${doubt}
      path=${`incidents/${call.incident_id}/units`} body=${() => ({
        unit_id: unit,
        seen_legs: legs.map((leg) => leg.leg_id),
        ...(replaces && { replaces }),
        ...(advice.diverts && { divert: true })
      })}>
    <dl class="confirms">
      <dt>${say("col.unit")}</dt>
      <dd><b>${unit}</b></dd>
      <dt>${say("where_to")}</dt>
      <dd><b>${addressOf(call)}</b> · ${aboutOf(call).join(" · ")}</dd>
      <dt>${say("until_there")}</dt>
      <dd><b>${minutes(is.eta_s)}</b></dd>
    </dl>
    ${others.map((leg) => html`<p class="against" role="alert" key=${leg.leg_id}>
      ${say("sent_meanwhile", { unit: leg.unit_id })} <${Age} at=${leg.stamps[0].occurred_at} kind="" />
      ${say("seen.ago")}
    </p>`)}
    ${from && html`<p class="against">${say("taken_from", { address: addressOf(from) })} · ${say("waits_again")}</p>`}
    ${replaces && html`<p class="against">${say("called_back", { unit: replaces })}</p>`}
    <${Reasons} advice=${is} />
    ${is.con.length === 0 && html`<p class="none">${say("nothing_against")}</p>`}
  </${Sending}>`;
}

function Choose({ call, patient: before, advice, known, onChosen, ...more }) {
  // What has changed since the question was opened is said at once, and asked about before it is sent.
  const patient = known.calls.get(call.incident_id)?.patients
    .find((one) => one.encounter_id === before.encounter_id) ?? before;
  const is = useFollowed(hospitalsFor(patient), advice, more.board.state.fresh);
  const isElsewhere = patient.destination && patient.destination !== before.destination;
  const doubt = () => together(isElsewhere
    && say("chosen_since", { name: nameOf(known.names, patient.destination) }), is.news);
  const name = nameOf(known.names, advice.facility_id);
  const which = whichOf(call, patient);
  const who = which || personOf(patient.patient);
  return html`<${Sending} ...${more} call=${call} about=${false}
      title=${which ? say("choose.title_of", { who, name }) : say("choose.title", { name })}
      done=${() => { onChosen?.(); return say("chosen_for", { who, name }); }} doubt=${doubt}
      path=${`encounters/${patient.encounter_id}/destination`} body=${() => ({ facility_id: advice.facility_id })}>
    <dl class="confirms">
      <dt>${say("whom")}</dt>
      <dd>
        <b>${whomOf(call, patient)}</b> · ${code("levels", patient.level)}
      </dd>
      <dt>${say("where_to")}</dt>
      <dd><b>${name}</b></dd>
      <dt>${say("until_there")}</dt>
      <dd><b>${minutes(is.eta_s)}</b></dd>
    </dl>
    ${patient.destination && patient.destination !== advice.facility_id && html`<p class="against">
      ${say("was_told", { name: nameOf(known.names, patient.destination) })}
    </p>`}
    <${Reasons} advice=${is} />
    ${is.con.length === 0 && html`<p class="none">${say("nothing_against")}</p>`}
  </${Sending}>`;
}

const STATUSES = [
  "acknowledged", "departed", "on_scene", "left_scene", "at_destination", "returning", "available", "stood_down",
  "out_of_service"
];
function Stamp({ call, leg, isNow, ...more }) {
  const [status, set] = useState(null);
  const [when, setWhen] = useState(null);
  const body = () => status && (when === null ? { status } : momentOf(when) && { status, occurred_at: momentOf(when) });
  return html`<${Sending} ...${more} call=${call} title=${say("stamp.title", { unit: leg.unit_id })}
      go=${say("confirm")} path=${isNow ? `units/${leg.unit_id}/stamps` : `legs/${leg.leg_id}/stamps`} body=${body}>
    <p class="aside">${say("stamp.means")}</p>
    <${Choice} name=${say("col.status")} value=${status} onPick=${set}
      options=${STATUSES.map((one) => [one, say(`stamp.${one}`)])} />
    ${when === null
      ? html`<button type="button" class="quiet" onClick=${() => setWhen(rightNow())}>
        ${say("do.another_time")}
      </button>`
      : html`<${When} value=${when} onChange=${setWhen} />`}
  </${Sending}>`;
}

const OUTCOMES = [
  "transported", "refused_treatment", "refused_transport", "dead_on_scene", "no_patient", "left_by_other_means",
  "treated_not_transported", "handed_to_other", "stood_down"
];
function Outcome({ call, patient, ...more }) {
  const [outcome, set] = useState(null);
  return html`<${Sending} ...${more} call=${call} title=${say("do.outcome")} go=${say("confirm")}
      path=${`encounters/${patient.encounter_id}/outcome`} body=${() => outcome && { outcome }}>
    <p class="aside"><b>${whomOf(call, patient)}</b> · ${say("outcome_means")}</p>
    <${Choice} name=${say("do.outcome")} value=${outcome} onPick=${set}
      options=${OUTCOMES.map((one) => [one, say(`outcome.${one}`)])} />
  </${Sending}>`;
}

const SYSTEMS = ["WGS-84", "GCJ-02", "BD-09"];
// A place by hand: a tap on the map, or coordinates and which map they were read off.
export function PlaceFields({ place, set, known, calls = [] }) {
  const number = (name) => (event) => set({
    ...place,
    [name]: event.target.value.trim(),
    system: place.isPicked ? null : place.system,
    isPicked: false
  });
  const point = place.isPicked ? { latitude: +place.latitude, longitude: +place.longitude } : null;
  const field = (name) => html`<${Field} name=${say(`place.${name}`)}>
    <input value=${place[name] ?? ""} onInput=${number(name)} inputmode="decimal" pattern="-?[0-9]{1,3}([.][0-9]+)?"
      name=${name} />
  </${Field}>`;
  return html`<${Field} name=${say("place.address")}>
      <input name="address" value=${place.address ?? ""} onInput=${(e) => set({ ...place, address: e.target.value })}
        maxlength="200" autocomplete="off" />
    </${Field}>
    <${Plan} calls=${calls} hospitals=${known.hospitals} stations=${known.stations} picked=${point}
      onPick=${(there) => set({
        ...place,
        latitude: there.latitude.toFixed(6),
        longitude: there.longitude.toFixed(6),
        system: "WGS-84",
        isPicked: true
      })} />
    <div class="row-of">${field("latitude")}${field("longitude")}</div>
    <${Choice} name=${say("place.system")} value=${place.system}
      onPick=${(system) => set({ ...place, system, isPicked: false })}
      options=${SYSTEMS.map((one) => [one, say(`system.${one}`)])} />`;
}
// What is wrong with it as it was typed; and what is asked about it: that it is far from all of the site.
const MOST = { latitude: 90, longitude: 180 };
export function wrongPlace(place) {
  const name = Object.keys(MOST).find((one) => place[one] && !(Math.abs(+place[one]) <= MOST[one]));
  return name ? say("out_of_range", { name: say(`place.${name}`), most: MOST[name] }) : null;
}
export const farPlace = (known) => ({ location }) => (farFrom(placesOf(known))(location) ? say("far_place") : null);
export function locationOf(place) {
  if (!place.latitude || !place.longitude || !place.system) return null;
  return {
    latitude: +place.latitude,
    longitude: +place.longitude,
    system: place.system,
    ...(place.address?.trim() && { address: place.address.trim() })
  };
}

function Location({ call, ...more }) {
  const [place, set] = useState({ address: call.location.address ?? "" });
  const [reason, setReason] = useState("");
  return html`<${Sending} ...${more} kind="wide" call=${call} title=${say("do.location")} go=${say("confirm")}
      method="PUT" path=${`incidents/${call.incident_id}/location`} doubt=${farPlace(more.known)}
      body=${() => wrongPlace(place) ?? (locationOf(place) && {
        location: locationOf(place),
        ...(reason.trim() && { reason: reason.trim() })
      })}>
    <${PlaceFields} place=${place} set=${set} known=${more.known} calls=${[call]} />
    <${Reason} value=${reason} set=${setReason} isNeeded=${false} />
  </${Sending}>`;
}

export const CLASSES = ["emergency", "non_emergency_transfer", "standby", "drill"];
function Classification({ call, ...more }) {
  const [to, set] = useState(null);
  return html`<${Sending} ...${more} call=${call} title=${say("do.classification")} go=${say("confirm")} method="PUT"
      path=${`incidents/${call.incident_id}/classification`} body=${() => to && { classification: to }}>
    <p class="aside">${say("class_is", { is: say(`class.${call.classification}`) })}</p>
    <${Choice} name=${say("class")} value=${to} onPick=${set}
      options=${CLASSES.filter((one) => one !== call.classification).map((one) => [one, say(`class.${one}`)])} />
  </${Sending}>`;
}

// A call as one of several that it may be one with: where, what, how far, since when.
export function likeOf({ call, far }) {
  const at = acceptedOf(call);
  return [
    addressOf(call),
    aboutOf(call)[0],
    wayOf(far),
    `${secondOf(at)}${say("paren", { of: `${span(now() - at)}${say("seen.ago")}` })}`
  ].filter(Boolean).join(" · ");
}
function Merge({ call, into: offered = null, known, ...more }) {
  const [into, set] = useState(offered);
  const [others] = useState(() => byDistance(call.location, [...known.calls.values()], call.incident_id));
  const [n, m] = [call, known.calls.get(into)].map((one) => (one ? living(one).length : 0));
  const done = (merged) => {
    if (more.board.state.opened !== merged.merged_into) more.board.open(merged.merged_into);
    return say("merged_now");
  };
  return html`<${Sending} ...${more} call=${call} title=${say("do.merge")} go=${say("confirm")} grave=${true}
      done=${done} path=${`incidents/${call.incident_id}/merge`} body=${() => into && { into }}>
    <p class="aside">${say("merge_means")}</p>
    <p class="aside">${say("merge_patients")} ${say("merge_units")}</p>
    <${Choice} name=${say("merge_into")} value=${into} onPick=${set}
      options=${others.map((one) => [one.call.incident_id, likeOf(one)])} />
    ${into && n !== m && html`<p class="against">${say("merge_counts", { n, m })}</p>`}
    ${others.length === 0 && html`<p>${say("no_other_call")}</p>`}
  </${Sending}>`;
}

const withReason = (name) => function Reasoned({ call, ...more }) {
  const [reason, set] = useState("");
  return html`<${Sending} ...${more} call=${call} title=${say(`do.${name}`)} go=${say("confirm")}
      grave=${name === "dismissed"} path=${`incidents/${call.incident_id}/${name}`}
      body=${() => (reason.trim() ? { reason: reason.trim() } : null)}>
    <p class="aside">${say(`${name}_means`)}</p>
    <${Reason} value=${reason} set=${set} />
  </${Sending}>`;
};
const plain = (name) => function Plain({ call, ...more }) {
  return html`<${Sending} ...${more} call=${call} title=${say(`do.${name}`)} go=${say("confirm")}
      grave=${name === "abandoned"} path=${`incidents/${call.incident_id}/${name}`} body=${() => ({})}>
    <p class="aside">${say(`${name}_means`)}</p>
  </${Sending}>`;
};

// The mobile force of the whole site.
function Mobilised({ ...more }) {
  const [reason, set] = useState("");
  const n = [...more.known.units.values()].filter((unit) => unit.force === "mobile" && !unit.mobilised_at).length;
  return html`<${Sending} ...${more} title=${say("do.mobilised")} go=${say("confirm")} path="mobile-force/mobilised"
      done=${(units) => say("mobilised_n", { n: units.length })}
      body=${() => (reason.trim() ? { reason: reason.trim() } : null)}>
    <p class="aside">${say("mobilised_means")}</p>
    <p class=${n ? "" : "against"}>${say("mobile_n", { n })}</p>
    <${Reason} value=${reason} set=${set} />
  </${Sending}>`;
}
const Released = (more) => html`<${Sending} ...${more} title=${say("do.released")} go=${say("confirm")}
    path="mobile-force/released" done=${(units) => say("released_n", { n: units.length })} body=${() => ({})}>
  <p class="aside">${say("released_means")}</p>
</${Sending}>`;

export const DIALOGS = {
  ...CORRECTIONS,
  mobilised: Mobilised, released: Released,
  send: Send, choose: Choose, stamp: Stamp, outcome: Outcome,
  location: Location, classification: Classification, merge: Merge,
  held: withReason("held"), resumed: withReason("resumed"), dismissed: withReason("dismissed"),
  abandoned: plain("abandoned"), closed: plain("closed"),
};
