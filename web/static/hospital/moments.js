// What happened to one patient, as the services tell it, in one order: no drawing, no asking.

import { dayOf, ms, now, secondOf } from "../kit/clock.js";
import { URGENCY } from "../kit/level.js";
import { LOUDNESS } from "./patients.js";

// What comes to a board by itself: one line less to read.
const SILENT = new Set(["RecordDelivered", "RecordDisplayed"]);

const fresh = (before, after, key) => {
  const known = new Set(before.map(key));
  return after.filter((each) => !known.has(key(each)));
};
const rule = (reason) => reason.rule;

// What a reader of this version has to know that the one before did not say: [{kind, …}].
export function changes(before, after) {
  const found = [];
  const was = before ?? { reasons: [], earlier: [], taken_back: [], centres: [], worst: "not_yet", current: "not_yet" };
  if (!before || was.worst !== after.worst) found.push({ kind: "worst", from: before && was.worst, to: after.worst });
  else if (was.current !== after.current) found.push({ kind: "current", from: was.current, to: after.current });
  if (after.override && after.override.occurred_at !== was.override?.occurred_at)
    found.push({ kind: "override", override: after.override });
  if (Boolean(was.triage_paused) !== Boolean(after.triage_paused))
    found.push({ kind: after.triage_paused ? "paused" : "resumed" });
  const loud = Object.fromEntries(was.centres.map((c) => [c.centre, c.activation]));
  for (const concern of after.centres) {
    if ((LOUDNESS[concern.activation] ?? 0) > (LOUDNESS[loud[concern.centre]] ?? -1))
      found.push({ kind: "centre", concern });
  }
  for (const concern of was.centres) {
    if (!after.centres.some((c) => c.centre === concern.centre)) found.push({ kind: "centre_gone", concern });
  }
  for (const reason of fresh(was.taken_back ?? [], after.taken_back ?? [], rule))
    found.push({ kind: "taken_back", reason });
  return found;
}

// The reasons of a version that were not there before, the gravest first.
export const newReasons = (before, after) =>
  fresh(before ? [...before.reasons, ...(before.earlier ?? [])] : [], after.reasons, rule)
    .sort((a, b) => (URGENCY[b.level] ?? 0) - (URGENCY[a.level] ?? 0));

// Versions are told in the order of their numbers, whatever the order of their times.
function decisions(entries) {
  const versions = entries.filter((e) => e.type === "PreArrivalNotified" && e.event.centre === "emergency")
    .sort((a, b) => a.event.version - b.event.version);
  const found = [];
  let before = null;
  for (const { event, occurred_at: at, recorded_at } of versions) {
    const what = changes(before, event.record);
    if (what.length) {
      found.push({ key: `v${event.version}`, at, recorded_at, kind: "decision", version: event.version, changes: what,
        reasons: newReasons(before, event.record), record: event.record, decision: event.decision });
    }
    before = event.record;
  }
  return found;
}

// What clocks say of the first contact; nothing else here does.
export function firstContact(item, house) {
  const begins = new Set((house?.clocks ?? []).filter((c) => c.begins === "at_patient").map((c) => c.clock));
  return item.handoff.clocks.find((c) => c.began_at
    && (begins.size ? begins.has(c.clock) : c.clock.startsWith("contact_")))?.began_at ?? null;
}

// A time of another day says of which.
export const dayAndTime = (moment) =>
  (dayOf(moment) === dayOf(now()) ? secondOf(moment) : `${dayOf(moment)} ${secondOf(moment)}`);

// When this patient was first known of, as far as the facility was told: nothing was done to them before.
export const begunAt = (item) => [firstContact(item), item.handoff.notified_at, item.record.boarded_at]
  .filter(Boolean).sort((a, b) => ms(a) - ms(b))[0] ?? null;

// What comes after what, if both are: nobody is thrombolysed before the CT, and a decision comes before the
// delivery (ours, design; a question, and no refusal).
const AFTER = { needle: "ct_done", delivery: "caesarean_decided" };
// A clock of ours may differ by so much: what is later than that is still to come.
const AHEAD_MS = 2000;

// What speaks against a milestone at this moment, as `t` is now: [[key, {at, other}], …]; what is still to
// come is wrong ("milestone_ahead"), the others are asked about.
export function against(item, milestone, at, t) {
  const { arrived_at: arrived, milestones } = item.handoff;
  const reached = Object.fromEntries(milestones.map((one) => [one.milestone, one.occurred_at]));
  const begun = begunAt(item);
  const moment = ms(at);
  const isBefore = (one, other) => one + 1000 <= other; // moments are typed in whole seconds
  if (moment > t + AHEAD_MS) return [["milestone_ahead", { at: t }]];
  const found = [];
  if (begun && isBefore(moment, ms(begun))) found.push(["milestone_early", { at: begun }]);
  else if (arrived && isBefore(moment, ms(arrived))) found.push(["milestone_before_arrival", { at: arrived }]);
  else if (!arrived) found.push(["milestone_not_here", {}]);
  for (const [later, earlier] of Object.entries(AFTER)) {
    if (later === milestone && reached[earlier] && isBefore(moment, ms(reached[earlier])))
      found.push(["milestone_before", { at: reached[earlier], other: earlier }]);
    if (earlier === milestone && reached[later] && isBefore(ms(reached[later]), moment))
      found.push(["milestone_after", { at: reached[later], other: later }]);
  }
  return found;
}

// Everything with its time, the oldest first: {key, at, kind, type?, event?, who, …}.
export function moments(item, entries, house) {
  const { record } = item;
  const rows = decisions(entries).map((row) => ({ ...row, who: "triage" }));
  for (const { type, event, occurred_at: at, recorded_at } of entries) {
    if (type === "PreArrivalNotified") continue;
    rows.push({
      key: event.event_id,
      at,
      recorded_at,
      kind: type === "Escalated" ? "late" : SILENT.has(type) ? "silent" : "act",
      type,
      event,
      who: event.staff_id ?? event.overridden_by ?? null
    });
  }
  const contact = firstContact(item, house);
  if (contact) rows.push({ key: "contact", at: contact, kind: "way", type: "FirstContact", who: "crew" });
  const crew = (list, type) => list.forEach((event) =>
    rows.push({ key: event.event_id, at: event.occurred_at, kind: "care", type, event, who: "crew" }));
  crew(record.findings, "Finding");
  crew(record.examinations, "Examination");
  crew(record.treatments, "Treatment");
  return rows.sort((a, b) => ms(a.at) - ms(b.at) || (a.key < b.key ? -1 : 1));
}

// The stamps that an axis shows: [{name, at}], the oldest first.
export function stamps(item, house) {
  const { record, handoff } = item;
  return [
    ["contact", firstContact(item, house)], ["told", handoff.notified_at], ["acknowledged", handoff.acknowledged_at],
    ["boarded", record.boarded_at], ["accepted", handoff.accepted_at], ["arrived", handoff.arrived_at],
    ...handoff.milestones.map((m) => [m.milestone, m.occurred_at]), ["transferred", handoff.transferred_at],
  ].filter(([, at]) => at).map(([name, at]) => ({ name, at })).sort((a, b) => ms(a.at) - ms(b.at));
}

// Which of the last word on a finding says that it is there, and which that it is not.
export const present = (record) => record.findings.filter((found) => found.present);
export const absent = (record) => record.findings.filter((found) => !found.present);

// What tells when this patient's page has to ask for the timeline anew: mere refreshes do not.
export const signature = (item) => JSON.stringify([
  item.handoff,
  item.record.worst,
  item.record.current,
  item.record.boarded_at,
  item.record.triage_paused,
  item.record.centres,
  item.record.reasons.map(rule),
  item.record.taken_back?.map(rule)
]);
