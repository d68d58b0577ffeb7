// What a crew's phone shows, and which stamp comes next: no drawing, no asking.

import { ms } from "../kit/clock.js";

// The stamps of a dispatch in their order; any may be skipped.
export const STAMPS = [
  "acknowledged", "departed", "on_scene", "left_scene", "at_destination", "returning", "available"
];

const given = (leg, acts) => {
  const found = new Map();
  const last = new Map((leg?.corrections ?? []).map((one) => [one.stamp_id, one.occurred_at]));
  for (const stamp of leg?.stamps ?? []) {
    const at = last.has(stamp.stamp_id) ? last.get(stamp.stamp_id) : stamp.occurred_at;
    if (at && stamp.source !== "gps" && (!found.has(stamp.status) || ms(at) < ms(found.get(stamp.status).at)))
      found.set(stamp.status, { at, source: stamp.source });
  }
  // What dispatch has corrected stands as they say it, also on the phone that has sent it.
  const corrected = new Set((leg?.stamps ?? []).filter((one) => last.has(one.stamp_id)).map((one) => one.status));
  for (const act of acts) {
    if (act.kind === "stamp" && act.leg === leg?.leg_id && act.state !== "refused"
      && !(act.state === "done" && corrected.has(act.code)))
      found.set(act.code, { at: act.at, source: "phone", act });
  }
  return found;
};

// {done: status → {at, source, act}, next, skipped}: by the word of people; what satellites saw is no button.
export function stampsOf(mission, acts) {
  if (!mission?.leg) return { done: new Map(), next: null, skipped: [] };
  const done = given(mission.leg, acts);
  const furthest = Math.max(-1, ...[...done.keys()].map((status) => STAMPS.indexOf(status)));
  const over = done.has("available") || done.has("stood_down");
  return {
    done,
    next: over ? null : STAMPS[furthest + 1] ?? null,
    skipped: STAMPS.slice(0, Math.max(0, furthest)).filter((status) => !done.has(status)),
    later: over ? [] : STAMPS.slice(furthest + 2),
  };
}

// A mission that nobody on this phone, nor in dispatch, has taken notice of.
export const isNew = (mission, acts) => Boolean(mission?.leg) && mission.unit.status === "notified"
  && !acts.some((act) => act.kind === "stamp" && act.leg === mission.leg.leg_id && act.state !== "refused");

// Who was just entered may not be in the next answer yet.
const ON_ITS_WAY_MS = 10_000;
const isFresh = (act) => act.state !== "done" || Date.now() - act.doneAt < ON_ITS_WAY_MS;

const own = (acts, id, kind) => acts.findLast(
  (act) => act.lane === id && act.kind === kind && act.state !== "refused") ?? null;

// Aboard or not, by the last word: this phone's own stands before what dispatch says until that has come there.
function boardingOf(patient, acts) {
  const [on, off] = [own(acts, patient.encounter_id, "boarding"), own(acts, patient.encounter_id, "unboard")];
  const isOff = Boolean(off && (!on || on.place < off.place));
  const isNews = isOff && isFresh(off);
  // What dispatch still says may be the boarding that was taken back since, and not the one after that.
  const isOld = off && isFresh(off) && ms(patient.boarded_at) !== ms(on?.at);
  return {
    boarding: on && !isOff && (isFresh(on) || !patient.boarding_revoked) ? on : null,
    unboarding: isNews ? off : null,
    ...(isNews || isOld ? { boarded_at: null, boarding_inferred: false } : {})
  };
}

// The patients of the unit, those too whom nobody but this phone knows yet. Who is still here from another
// call than that of the mission is marked, so that nobody takes them for its own. `number`: that of the tab,
// where there are several.
export function patientsOf(mission, acts) {
  const known = (mission?.patients ?? [])
    .filter((one) => !one.outcome || one.outcome === "transported" || one.unit_id === mission.unit.unit_id);
  const there = new Set(known.map((one) => one.encounter_id));
  const made = acts
    .filter((act) => act.makes && act.leg === (mission?.leg?.leg_id ?? null) && isFresh(act) && !there.has(act.lane))
    .map((act) => ({
      encounter_id: act.lane, patient: act.body.patient ?? {}, mother_id: act.body.mother_id,
      level: "not_yet", devices: [], answers: {}, centres: [], isLocal: true
    }));
  const call = mission?.incident?.incident_id;
  const signedOf = (one) => acts.findLast((act) =>
    act.kind === "signed" && act.lane === one.encounter_id && act.code === one.destination) ?? null;
  const all = [...known, ...made].map((one) => ({
    ...one,
    isEarlier: Boolean(call && one.incident_id && one.incident_id !== call),
    signed: signedOf(one),
  }));
  // Who was signed over before this call stands last, and is none of those who are counted.
  const isPast = (one) => one.isEarlier && isOver(one);
  const counted = all.filter((one) => !isPast(one));
  return [...counted, ...all.filter(isPast)].map((one, n) => ({
    ...one,
    isPast: isPast(one),
    number: counted.length > 1 && n < counted.length ? n + 1 : null,
    reached: own(acts, one.encounter_id, "reached"),
    ...boardingOf(one, acts),
    ending: own(acts, one.encounter_id, "outcome"),
  }));
}

// Nobody has to do anything for them any more on this phone: they have their outcome, or were signed over.
export const isOver = (patient) => Boolean(patient.outcome || patient.signed);

// What the hospital had answered and has taken back, and whether somebody on this phone has seen that:
// [{what, at, isSeen}].
export function takenBack(patient, acts) {
  const { direct_to_revoked_at: way, acceptance_withdrawn_at: accepted } = patient.answers ?? {};
  return [["direct", way], ["accepted", accepted]].filter(([, at]) => at).map(([what, at]) => ({
    what, at, isSeen: acts.some((act) => act.kind === "noticed" && act.lane === patient.encounter_id
      && act.code === `${what} ${at}`)
  }));
}

// Which stamp of the patient comes next: at the patient, then boarding, then none.
export function nextOf(patient) {
  if (patient.outcome || patient.ending) return null;
  if (!patient.boarded_at && !patient.boarding) return patient.reached_at || patient.reached ? "boarding" : "reached";
  return null;
}
// Boarding was inferred by satellites, and nobody has said when it was.
// Said to be aboard, and told so: what is still held is undone where it is held.
export const isAboard = (patient) => !patient.outcome && !patient.ending
  && Boolean(patient.boarded_at || (patient.boarding && patient.boarding.state !== "held"));
export const isInferred = (patient) => Boolean(patient.boarded_at && patient.boarding_inferred && !patient.boarding);

// What is asked of this patient by item, the service's own order; what it asks in words alone comes apart,
// and of that first what a monitor has lost, then what is measured once more: [{text, lost, again}].
export function asked(patient) {
  const { triage } = patient;
  if (!triage) return { items: [], words: [] };
  const needs = [...new Set((triage.centres ?? []).flatMap((one) => one.missing))];
  const items = [...new Set([...needs, ...(triage.missing ?? [])])];
  const words = (triage.questions ?? []).slice(0, Math.max(0, triage.questions.length - needs.length))
    .map((text, n) => ({
      text, lost: triage.lost?.[n] ?? null, again: triage.again?.[n - (triage.lost?.length ?? 0)] ?? null
    }));
  return { items, words };
}

// Who came in this vehicle: who is aboard, and of the same call who has been handed over since.
const CAME = new Set(["transported", "died_en_route"]);
export const together = (patients) => patients.filter((one) => (one.boarded_at || one.boarding)
  && (one.outcome ? CAME.has(one.outcome) && !one.isEarlier : !one.ending || CAME.has(one.ending.code)));

// What was entered here of something and not taken back, in its order.
function told(acts, id, match) {
  const back = new Set(acts.filter((act) => act.kind === "retraction").map((act) => act.code));
  return acts.filter((act) => act.lane === id && act.state !== "refused" && !back.has(act.key) && match(act))
    .sort((a, b) => ms(a.at) - ms(b.at));
}
// The last of it: {act} or null.
export const entered = (acts, id, match) => told(acts, id, match).pop() ?? null;
export const findingOf = (acts, id, name) => {
  const found = entered(acts, id, (act) => act.kind === "finding" && act.code === name);
  return found ? found.body.present : null;
};

// A finger slips, and what was said is said otherwise at once: so shortly after, and of the same time, it
// was never so. Later it is the course of the disease, and both stand. Ours (design).
export const SLIP_MS = 2 * 60_000;
const isNear = (one, other) => Math.abs(one - other) <= SLIP_MS;

// The acts of this phone that another answer to the same question shows to have been slips. An arrest that
// a ROSC has ended was one; and a heart may stop though its leads were off a minute ago.
export function slipsOf(acts, id, name, present, at, when = Date.now()) {
  const before = name === "cardiac_arrest" ? arrestOf(acts, id).run
    : told(acts, id, (one) => one.kind === "finding" && one.code === name);
  return before.filter((one) => one.body.present !== present && one.enteredAt != null
    && isNear(one.enteredAt, when) && isNear(ms(one.at), ms(at)));
}

// The arrest as it was told here: {run, rosc}. `run` are the acts that say it, the onset first: said once
// more it goes on, and does not begin anew. A heart that stops again after a ROSC is in a new one.
export function arrestOf(acts, id) {
  let run = [];
  let rosc = null;
  for (const act of told(acts, id,
    (one) => one.kind === "finding" && (one.code === "cardiac_arrest" || one.code === "rosc"))) {
    if (act.code === "rosc" ? act.body.present : !act.body.present)
      [run, rosc] = [[], act.code === "rosc" ? act : null];
    else if (act.code === "cardiac_arrest") [run, rosc] = [[...run, act], null];
  }
  return { run, rosc };
}

// Who is aboard, by what is told or by this phone, and whom nobody has taken over.
export const aboard = (patients) => patients.filter((one) =>
  !one.outcome && !one.ending && (one.boarded_at || one.boarding));

// Who of this call is not aboard, and neither ended nor signed over.
export const leftBehind = (patients) => patients.filter((one) => !one.isEarlier
  && !one.outcome && !one.ending && !one.signed && !one.boarded_at && !one.boarding);

// What a record of a refusal lacks: that somebody stood at the patient, and vital signs. What could not be
// measured was looked for. `isHeard`: whether a monitor has sent any; null where nobody can say. Whoever signs
// or does not: whether the patient is awake and understands, and of what risk they were told (`judged`).
export const lacksOf = (patient, acts, isHeard, judged) => [
  ...(patient.reached_at || patient.reached ? [] : ["reached"]),
  ...(isHeard === false && !told(acts, patient.encounter_id, (act) => act.kind === "vitals").length ? ["vitals"] : []),
  ...["conscious", "understands"].filter((name) => judged[name] === null),
  ...(judged.told_of.trim() ? [] : ["told_of"])
];

// The newest of each vital sign that was entered here, and may be used; what could not be measured is none:
// {name: {value, at}}.
export function measured(acts, id) {
  const found = {};
  for (const { body, at, answer } of told(acts, id, (act) => act.kind === "vitals")) {
    for (const [name, value] of Object.entries(body.vitals))
      if (value !== "unmeasurable" && !answer?.invalid?.includes(name)) found[name] = { value, at };
  }
  return found;
}

// What an examination has shown here last: {shows, at}; null where nobody has said.
export function examined(acts, id, examination) {
  const found = entered(acts, id, (act) => act.kind === "examination" && act.code === examination);
  return found && { shows: found.body.shows, at: found.at };
}
