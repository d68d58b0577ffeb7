// What is shown of calls: which comes first, how a clock stands, what satellites say of a unit, how a
// hospital has answered. Nothing here is drawn.

import { ms } from "../kit/clock.js";
import { LEVELS, URGENCY } from "../kit/level.js";
import { problemsOf } from "../kit/person.js";
import { metres } from "./places.js";

export const isEmergency = (call) => call.classification === "emergency";
export const isOver = (call) => call.standing === "merged" || call.standing === "closed";

// How a clock stands at `t`: "runs", "near" (somebody is warned), "late", or as it ended, "kept" or
// "missed". All limits are moments that the service names.
export function standingOf(clock, t) {
  const [began, due, warn, ended] = [clock.began_at, clock.due_at, clock.warn_at, clock.ended_at].map(ms);
  const end = ended ?? t;
  const isLate = end > due;
  const phase = ended != null ? (isLate ? "missed" : "kept")
    : isLate ? "late" : warn != null && t >= warn ? "near" : "runs";
  return {
    phase, passed: Math.max(0, end - began), left: due - end,
    share: Math.min(1, Math.max(0, (end - began) / (due - began)))
  };
}

const running = (call) => call.clocks.filter((clock) => clock.ended_at == null);
const dueOf = (call) => Math.min(Infinity, ...running(call).map((clock) => ms(clock.due_at)));
// The clocks of an emergency that are over their limit and still run.
export const overdue = (call, t) => running(call).filter((clock) => ms(clock.due_at) < t);

// The two that are drawn large: until a first unit was told, and of the units the one that has the
// least time left, else the one that left last.
export function rings(call) {
  const told = call.clocks.filter((clock) => clock.leg_id == null).at(-1) ?? null;
  const legs = call.clocks.filter((clock) => clock.leg_id != null);
  const open = legs.filter((clock) => clock.ended_at == null).sort((a, b) => ms(a.due_at) - ms(b.due_at))[0];
  return { told, left: open ?? legs.at(-1) ?? null };
}
export const clockOf = (call, leg) => call.clocks.find((clock) => clock.leg_id === leg.leg_id) ?? null;

export const living = (call) => call.patients.filter((one) => one.outcome == null);
export function worst(call) {
  const left = living(call);
  return (left.length ? left : call.patients)
    .map((one) => one.level)
    .sort((a, b) => URGENCY[b] - URGENCY[a])[0] ?? "not_yet";
}

// Nobody drives for it any more: its units are at a hospital, or free.
const isBrought = (call) => call.legs.length > 0
  && call.legs.every((leg) => hasEnded(leg) || statusOf(leg) === "at_destination");

// Overdue first, the longest before; then by how little is left; then the others by how severe they
// are, those first for whom somebody is on the way; at the end what was served, and what is over.
export function order(calls, t) {
  const rank = (call) => {
    if (isOver(call)) return [5, -ms(call.closed_at ?? call.standing_since ?? call.opened_at)];
    const due = dueOf(call);
    if (due < t) return [0, due];
    if (due < Infinity) return [1, due];
    if (isServed(call)) return [4, -ms(call.opened_at)];
    return [isBrought(call) && !waits(call) ? 3 : 2, -URGENCY[worst(call)] * 1e14 + ms(call.opened_at)];
  };
  return calls.map((call) => [rank(call), call])
    .sort(([a, one], [b, other]) => a[0] - b[0] || a[1] - b[1] || one.incident_id.localeCompare(other.incident_id))
    .map(([, call]) => call);
}

// The same calls in the order of these ids; who came since stands at the end.
export function asBefore(calls, ids) {
  const known = new Map(calls.map((call) => [call.incident_id, call]));
  return [...ids.filter((id) => known.has(id)).map((id) => known.get(id)),
    ...calls.filter((call) => !ids.includes(call.incident_id))];
}

// How many patients there are of each level, the most urgent first.
export function byLevel(call) {
  const there = living(call).length ? living(call) : call.patients;
  return LEVELS.map((level) => [level, there.filter((one) => one.level === level).length]).filter(([, n]) => n)
    .sort(([a], [b]) => URGENCY[b] - URGENCY[a]);
}

// What the call is about.
export const aboutOf = (call) => problemsOf(call.patients.map((one) => one.patient));

// The number of a patient among those of the call, as crews count them too; none where there is but one.
export const numberOf = (call, patient) =>
  (call.encounter_ids.length > 1 ? call.encounter_ids.indexOf(patient.encounter_id) + 1 : null);

// -- one event, two calls -------------------------------------------------------------------------

// The calls that go on as this one, also through another.
export function mergedInto(call, calls) {
  const direct = calls.filter((one) => one.merged_into === call.incident_id);
  return direct.flatMap((one) => [one, ...mergedInto(one, calls)]);
}
const GOES_ON = ["open", "held", "abandoned"];
export const acceptedOf = (call) => ms(call.call.accepted_at ?? call.opened_at);
// The other calls that go on, the nearest first, each with how far it is from `place`.
export const byDistance = (place, calls, id) => calls
  .filter((one) => one.incident_id !== id && GOES_ON.includes(one.standing))
  .map((one) => ({ call: one, far: metres(place, one.location) }))
  .sort((a, b) => a.far - b.far);
// Those that may be about what happened there and then, as near as the site has said.
export const sameEvent = (place, at, calls, limits, id) => (limits ? byDistance(place, calls, id)
  .filter(({ call, far }) => far <= limits.within_m && Math.abs(acceptedOf(call) - at) <= limits.within_s * 1000) : []);

// The clock that runs and has the least time left.
export const nearest = (call) => [...running(call)].sort((a, b) => ms(a.due_at) - ms(b.due_at))[0] ?? null;

// -- units ----------------------------------------------------------------------------------------

// The stamps of a leg as they stand: the last correction of each holds, and none takes it back.
export function stampsOf(leg) {
  const last = new Map(leg.corrections.map((one) => [one.stamp_id, one]));
  return leg.stamps
    .map((stamp) => (last.has(stamp.stamp_id)
      ? { ...stamp, occurred_at: last.get(stamp.stamp_id).occurred_at, isCorrected: true }
      : stamp))
    .filter((stamp) => stamp.occurred_at != null)
    .sort((a, b) => ms(a.occurred_at) - ms(b.occurred_at));
}

// A unit in one of these may be sent.
export const ASSIGNABLE = ["available", "returning", "stood_down"];
const ENDS = ["available", "stood_down", "out_of_service"];
export const hasEnded = (leg) => stampsOf(leg).some((stamp) => ENDS.includes(stamp.status));
// What the crew or the dispatcher has said last; of satellites only where nobody else has.
export function statusOf(leg) {
  const stamps = stampsOf(leg);
  return (stamps.filter((stamp) => stamp.source !== "gps").at(-1) ?? stamps.at(-1))?.status ?? "notified";
}

// Who was there and is free again has served the call, whatever its patients have; who was called back on
// the way, or broke down before a hospital was reached, has not.
const THERE = ["on_scene", "left_scene", "at_destination"];
function isLost(leg) {
  const had = stampsOf(leg).map((stamp) => stamp.status);
  const hasBroken = had.at(-1) === "out_of_service" && !had.includes("at_destination");
  return hasEnded(leg) && (hasBroken || !THERE.some((status) => had.includes(status)));
}
// A call with a patient to whom nobody goes, or no one any more, and whom no other unit has.
export const waits = (call) => ["open", "held"].includes(call.standing) && call.legs.every(isLost)
  && living(call).some(({ unit_id: unit }) => unit == null || call.legs.some((leg) => leg.unit_id === unit));
// A unit that was there and drives home has finished too: it may be sent elsewhere, and never say more of this call.
const hasFinished = (leg) => hasEnded(leg)
  || (statusOf(leg) === "returning" && stampsOf(leg).some((stamp) => THERE.includes(stamp.status)));
// All units that were sent have finished, and nobody else has to go: it goes on no more, closed or not.
export const isServed = (call) => call.legs.length > 0 && call.legs.every(hasFinished) && !waits(call);
export const goesOn = (call) => !isOver(call) && !isServed(call);

// The departure by the button, and as satellites saw it: who has said so, and by how much the two differ.
export function departureOf(leg) {
  const stamps = stampsOf(leg).filter((stamp) => stamp.status === "departed");
  const reported = stamps.find((stamp) => stamp.source !== "gps");
  const seen = stamps.find((stamp) => stamp.source === "gps");
  if (reported && seen)
    return { by: "both", differs: ms(reported.occurred_at) - ms(seen.occurred_at), at: seen.occurred_at };
  if (seen) return { by: "gps", at: seen.occurred_at };
  return reported ? { by: "reported", at: reported.occurred_at } : null;
}

// Whose unit has left the scene without them, as far as is known: it was said that they are not aboard, or
// that only of others, and nobody has said how their way ended.
const GONE = ["left_scene", "at_destination", "returning"];
export const leftBehind = (call) => living(call).filter((one) => {
  if (one.boarded_at || !one.unit_id) return false;
  const leg = call.legs.filter((each) => each.unit_id === one.unit_id).at(-1);
  const isGone = leg && !isLost(leg) && (hasEnded(leg) || stampsOf(leg).some(({ status }) => GONE.includes(status)));
  const isWithOthers = call.patients.some((other) => other.unit_id === one.unit_id && other.boarded_at);
  return isGone && (one.boarding_revoked != null || (isWithOthers && one.reached_at != null));
});

// When a unit will be where it drives to, while it does.
const GOAL = { departed: "scene", left_scene: "destination", returning: "station" };
export const etaOf = (unit) => (unit?.eta && unit.eta.place === GOAL[unit.status] ? unit.eta : null);

// What satellites say of a unit now: that nothing comes, that it stands, that it moves, or nothing ever.
export function seenOf(unit) {
  if (unit?.silence) return { how: "silent", at: unit.silence.since, isOverdue: unit.silence.is_overdue };
  if (!unit?.located) return { how: "unseen", at: null };
  return { how: unit.located.moves ? "moves" : "still", at: unit.located.occurred_at };
}

// -- hospitals ------------------------------------------------------------------------------------

// How the hospital that was chosen has answered.
export function answerOf(patient) {
  const { answers } = patient;
  if (!patient.destination) return "none";
  if (answers.redirect) return "redirect"; // that it is to be telephoned all the same stands above
  if (answers.unanswered) return "unanswered";
  if (answers.direct_to) return "direct";
  if (answers.accepted_at) return "accepted";
  return answers.acknowledged_at ? "acknowledged" : "told";
}

// -- alarms ---------------------------------------------------------------------------------------

// A hospital that does not answer is telephoned.
export const isTelephone = (alarm) => alarm.clock.startsWith("hospital_");
const oldest = (a, b) => ms(a.raised_at) - ms(b.raised_at);
const subject = (alarm) => [alarm.clock, alarm.incident_id, alarm.leg_id, alarm.encounter_id].join(" ");
// The level of whom an alarm is about, by calls; null where it is about nobody, or the board does not have them.
export const levelOf = (alarm, calls) => calls.get(alarm.incident_id)?.patients
  .find((one) => one.encounter_id === alarm.encounter_id)?.level ?? null;
// Of who is late nobody needs to read any more that they will be. Who is telephoned about first is the most urgent,
// and of equals who has waited for the longest.
export function sorted(all, calls = new Map()) {
  const urgency = (alarm) => URGENCY[levelOf(alarm, calls) ?? "not_yet"];
  const late = new Set(all.filter((alarm) => alarm.step === "breach").map(subject));
  const alarms = all.filter((alarm) => alarm.step === "breach" || !late.has(subject(alarm)));
  const open = alarms.filter((alarm) => !alarm.acknowledged_at).sort(oldest);
  return {
    telephone: open.filter(isTelephone).sort((a, b) => urgency(b) - urgency(a) || oldest(a, b)),
    others: open.filter((alarm) => !isTelephone(alarm)),
    seen: alarms.filter((alarm) => alarm.acknowledged_at).sort(oldest),
  };
}

// What makes a sound: a clock of an emergency over its limit of which nobody has said that they have
// seen it, and a telephone call that is asked for.
export function loud({ incidents, alarms }, t) {
  const seen = new Set(alarms
    .filter((alarm) => alarm.acknowledged_at && alarm.step === "breach")
    .map((alarm) => `${alarm.clock} ${alarm.incident_id} ${alarm.leg_id ?? ""}`));
  const wanted = new Map();
  for (const call of incidents.filter(isEmergency)) {
    for (const clock of overdue(call, t)) {
      const name = `${clock.clock} ${call.incident_id} ${clock.leg_id ?? ""}`;
      if (!seen.has(name)) wanted.set(name, "overdue");
    }
  }
  for (const alarm of sorted(alarms).telephone) wanted.set(alarm.alarm_id, "telephone");
  return wanted;
}
