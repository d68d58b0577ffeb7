// Who is bound for this facility, in which order, and what has to be done: no drawing, no asking.

import { ms } from "../kit/clock.js";
import { URGENCY } from "../kit/level.js";

// Vital signs of which a line is drawn, and how much of it.
export const DRAWN = ["heart_rate", "systolic_bp", "diastolic_bp", "spo2", "respiratory_rate"];
export const KEPT_S = 30 * 60;
const PART_S = 60; // as the service keeps them; a line has no room for many more

// An item never changes: what follows from it is found once.
function once(find) {
  const found = new WeakMap();
  return (item) => {
    if (!found.has(item)) found.set(item, find(item));
    return found.get(item);
  };
}

export const isHere = (item) => Boolean(item.handoff?.arrived_at);
export const isOver = (item) => item.withdrawn || Boolean(item.handoff?.transferred_at);

const open = (item, owed) => (item.handoff?.promises ?? []).filter((p) => p.owed === owed && p.met_at === null);

// What a human here has to have seen, and has not; the one that is due first.
export const toAcknowledge = once((item) => open(item, "acknowledged")
  .filter((promise) => promise.due_at !== null || !isHere(item)) // who is here is seen
  .sort((a, b) => (ms(a.due_at) ?? Infinity) - (ms(b.due_at) ?? Infinity))[0] ?? null);
export const unanswered = once((item) => open(item, "department_answered"));

// That the rules see a graver level than stands, or that a team is due and nobody has called it: of this
// nobody is left with a line.
const isWarned = (item) => stillSeen(item.record).length > 0
  || (URGENCY[item.record.current] ?? 0) > (URGENCY[item.record.worst] ?? 0)
  || (!item.record.journey_end && proposals(item).some((concern) => concern.activation === "activate"));

// Of who is here, waits for no answer and of whom nothing warns one line is enough.
export const isQuiet = once((item) => isHere(item) && !toAcknowledge(item) && !unanswered(item).length
  && !isWarned(item));

// Who is in the same vehicle, by patient: a mother and her newborn, two of whom nobody knows who they are.
export function besides(items) {
  const aboard = new Map();
  for (const item of items) {
    const unit = item.record.unit_id;
    if (unit && !isHere(item)) aboard.set(unit, [...(aboard.get(unit) ?? []), item]);
  }
  const found = new Map();
  for (const some of aboard.values()) if (some.length > 1)
    for (const item of some) found.set(item.encounter_id, some.filter((one) => one !== item));
  return found;
}

// The most urgent first, and last who died on the way; of equals who waits for an acknowledgement, then
// who comes first, then who is here, then by number.
const placeOf = once((item) => [
  item.record.journey_end ? 0 : -(URGENCY[item.record.worst] ?? 0),
  toAcknowledge(item) ? 0 : 1,
  isHere(item) ? 1 : 0,
  isHere(item) ? ms(item.handoff.arrived_at)
    : ms(item.record.unit_arrived_at) ?? ms(item.record.arrives_at) ?? Infinity,
  item.encounter_id,
]);
export function order(items) {
  const before = (a, b) => {
    const [one, other] = [placeOf(a), placeOf(b)];
    const n = one.findIndex((value, place) => value !== other[place]);
    return n < 0 ? 0 : one[n] < other[n] ? -1 : 1;
  };
  return [...items].sort(before);
}

// What tells people apart who look alike: their unit, and the last of what is on their wrist.
export const markOf = once(({ encounter_id: id, record: { unit_id: unit, admission } }) => {
  const number = admission?.wristband ?? admission?.admission_number ?? id;
  return [unit, `…${number.slice(-4)}`].filter(Boolean).join(" ");
});

// Who last said to have seen this patient, and when; the first stays in the indicators.
export const acknowledged = ({ handoff }) => handoff.last_acknowledged
  ?? (handoff.acknowledged_at ? { by: handoff.acknowledged_by, at: handoff.acknowledged_at } : null);

// Every department that was called, with its last answer or null: {department, answer}.
export const teamsOf = once(({ handoff }) => {
  const answers = Object.fromEntries(handoff.answers.map((one) => [one.department, one.answer]));
  return [...new Set(handoff.activations.flatMap((one) => one.departments))]
    .map((department) => ({ department, answer: answers[department] ?? null }));
});

// Centres that concern this patient, by triage or because somebody here has called them:
// {centre, concern, stands, by, teams}.
export const centresOf = once((item) => {
  const { activations } = item.handoff;
  const concerns = new Map(item.record.centres.map((concern) => [concern.centre, concern]));
  const teams = teamsOf(item);
  return [...new Set([...concerns.keys(), ...activations.map((one) => one.centre)])].map((centre) => {
    const acts = activations.filter((one) => one.centre === centre);
    const called = new Set(acts.flatMap((one) => one.departments));
    return {
      centre,
      concern: concerns.get(centre) ?? null,
      stands: standing(item, centre),
      by: acts.at(-1) ?? null,
      teams: teams.filter((one) => called.has(one.department))
    };
  });
});

// Teams that were called off, in the order in which they were: {id, centre, who, at, reason, activation, coming};
// `coming` are departments that had answered so, whom nobody calls any more: they are telephoned.
export const calledOff = once(({ handoff }) => {
  const called = new Set(handoff.activations.flatMap((one) => one.departments));
  const off = new Map();
  for (const { withdrawal, activation, answers = [] } of handoff.withdrawn ?? []) {
    const { event_id: id, centre, staff_id: who, occurred_at: at, reason } = withdrawal;
    const one = off.get(id) ?? { id, centre, who, at, reason, activation: activation.activation, coming: [] };
    const coming = answers.filter((each) => each.answer === "coming" && !called.has(each.department))
      .map((each) => each.department);
    if (LOUDNESS[activation.activation] > LOUDNESS[one.activation]) one.activation = activation.activation;
    off.set(id, { ...one, coming: [...new Set([...one.coming, ...coming])] });
  }
  return [...off.values()];
});

// What a hand that touches the patient has to know before it does: {precautions, allergies, medications},
// each null where nobody has said; and whether an anticoagulant is taken.
export const cautions = once((record) => ({
  precautions: record.patient.precautions ?? null,
  allergies: record.background?.allergies ?? null,
  medications: record.background?.medications ?? null,
  thinned: record.findings.some((found) => found.finding === "on_anticoagulant" && found.present),
}));

// The level of activation that triage proposes for a centre, and the one that stands.
export const LOUDNESS = { notice: 0, alert: 1, activate: 2 };
export const standing = (item, centre) => item.handoff.activations.filter((a) => a.centre === centre)
  .reduce((best, a) => (LOUDNESS[a.activation] > (LOUDNESS[best] ?? -1) ? a.activation : best), null);
export const proposals = (item) => item.record.centres.filter((c) => c.activation !== "notice"
  && LOUDNESS[c.activation] > (LOUDNESS[standing(item, c.centre)] ?? -1));

// Who has called off the team that is proposed, and why, where nothing new has come since: nothing louder is
// proposed, and the record asked nobody here to look once more. Then it is offered, and is not what is due.
const NEWS = ["triaged", "worse", "centre"];
export function judged(item, { centre, activation }) {
  const off = calledOff(item).filter((one) => one.centre === centre).at(-1);
  const isNew = (promise) => NEWS.includes(promise.because) && ms(promise.since) > ms(off.at);
  return off && LOUDNESS[activation] <= LOUDNESS[off.activation] && !item.handoff.promises.some(isNew) ? off : null;
}

// A way past the emergency department that is proposed and that no human here has confirmed.
export function proposedWay(item) {
  const proposed = item.record.centres.find((c) => c.direct_to)?.direct_to ?? null;
  return item.handoff.direct_to ? null : proposed;
}

// Why a board has to make a sound for this patient: Ⅰ or a team that is called; else null.
export const loud = once((item) => {
  if (isOver(item) || isHere(item)) return null;
  if (toAcknowledge(item)) {
    if (item.record.worst === "critical") return "critical";
    if (item.record.centres.some((c) => c.activation === "activate")) return "activated";
  }
  return unanswered(item).length ? "activated" : null;
});

// A line is flat, [second, value, second, value, …], oldest first: small whole numbers cost a browser a
// tenth of objects, and there are a thousand lines. Seconds are from when the page was opened.
const BEGIN_S = Math.floor(Date.now() / 1000);
const inSeconds = (at) => Math.round(ms(at) / 1000) - BEGIN_S;
const partOf = (second) => Math.floor(second / PART_S);

// The line of these points, {at, value}, oldest first.
export function lineOf(points) {
  const line = [];
  const from = points.length ? inSeconds(points.at(-1).at) - KEPT_S : 0;
  for (const { at, value } of points) {
    const second = inSeconds(at);
    if (second <= from) continue;
    if (line.length && partOf(line.at(-2)) === partOf(second)) line.length -= 2;
    line.push(second, value);
  }
  return line;
}

// The last half hour of what was measured, by patient and vital sign, from what comes by: of each
// part of time the last.
export class Histories {
  constructor() { this.of = new Map(); }

  take(encounterId, inputs) {
    const before = this.of.get(encounterId) ?? {};
    let after = before;
    for (const { name, value, occurred_at: at } of inputs) {
      if (!DRAWN.includes(name) || typeof value !== "number") continue;
      const line = before[name] ?? [];
      const second = inSeconds(at);
      const last = line.at(-2);
      if (last >= second) continue;
      let begin = 0;
      while (begin < line.length && line[begin] <= second - KEPT_S) begin += 2;
      const end = line.length > begin && partOf(last) === partOf(second) ? line.length - 2 : line.length;
      if (after === before) after = { ...before };
      after[name] = line.slice(begin, end).concat(second, value);
    }
    if (after !== before) this.of.set(encounterId, after);
  }

  // What was measured before this board was opened.
  merge(encounterId, series) {
    const line = {};
    for (const { name, values } of series) {
      if (!DRAWN.includes(name)) continue;
      const known = this.of.get(encounterId)?.[name] ?? [];
      const first = known[0] ?? Infinity;
      line[name] = [
        ...values.filter((v) => typeof v.value === "number" && inSeconds(v.at) < first)
          .flatMap((v) => [inSeconds(v.at), v.value]),
        ...known
      ];
    }
    this.of.set(encounterId, { ...this.of.get(encounterId), ...line });
  }

  forget(encounterId) { this.of.delete(encounterId); }
}

// By vital sign: the gravest level that a rule gives its value, and what is particular about it.
export function gravity(record) {
  const found = {};
  for (const reason of record.reasons) {
    const name = reason.rule.split(".")[0];
    if ((URGENCY[reason.level] ?? 0) > (URGENCY[found[name]?.level] ?? -1))
      found[name] = { level: reason.level, marks: reason.marks };
  }
  return found;
}

const GCS = ["gcs_eye", "gcs_verbal", "gcs_motor"];
// The vital signs of a card, in their order: {name, value, at, level, marks, state}. `state` is
// "measured", "unmeasurable", "lost", "invalid" or "not_taken".
export function tiles(record) {
  const by = Object.fromEntries(record.inputs.map((input) => [input.name, input]));
  const graves = gravity(record);
  const lost = Object.fromEntries(record.lost.map((signal) => [signal.name, signal]));
  const wrong = Object.fromEntries((record.invalid ?? []).map((input) => [input.name, input]));
  const one = (name) => {
    const common = { name, level: graves[name]?.level, marks: graves[name]?.marks ?? [] };
    if (lost[name]) return { ...common, state: "lost", at: lost[name].since, unconfirmed: lost[name].unconfirmed };
    const input = by[name];
    if (!input) {
      if (wrong[name]) return { ...common, state: "invalid", at: wrong[name].occurred_at };
      return { ...common, state: "not_taken" };
    }
    return {
      ...common,
      state: input.value === "unmeasurable" ? "unmeasurable" : "measured",
      value: input.value,
      at: input.occurred_at
    };
  };
  const pressure = () => {
    const [high, low] = [one("systolic_bp"), one("diastolic_bp")];
    if (high.state !== "measured") return { ...high, name: "blood_pressure" };
    // Two values under one age are of one measurement.
    const isPair = low.state === "measured" && ms(low.at) === ms(high.at);
    return {
      ...high,
      name: "blood_pressure",
      value: `${Math.round(high.value)}/${isPair ? Math.round(low.value) : "–"}`
    };
  };
  const mind = () => {
    const parts = GCS.map(one);
    if (parts.every((part) => part.state === "measured")) {
      const sum = parts.reduce((total, part) => total + part.value, 0);
      return {
        name: "gcs",
        value: sum,
        at: parts[0].at,
        state: "measured",
        level: graves.gcs?.level ?? graves.consciousness?.level,
        marks: graves.gcs?.marks ?? []
      };
    }
    return one("consciousness");
  };
  const always = [
    one("heart_rate"),
    pressure(),
    one("spo2"),
    one("respiratory_rate"),
    mind(),
    one("temperature"),
    one("blood_glucose")
  ];
  const more = ["fetal_heart_rate", "pain", "potassium"].map(one).filter((tile) => tile.state !== "not_taken");
  // What nobody has measured stands there only where the level needs it.
  return [...always, ...more]
    .filter((tile, place) => tile.state !== "not_taken" || place < 4 || isMissing(record, tile.name));
}

// Whether oxygen is given, which a record says by a word; null where nobody has said so.
export function oxygenOf(record) {
  const said = record.inputs.find((input) => input.name === "on_oxygen")?.value;
  return said == null ? null : said === "yes";
}

export const isMissing = (record, name) => record.missing
  .some((missing) => missing === name || name.startsWith(missing) || missing.startsWith(name));

// What a human found or an examination showed, by the name of its rule: no value of a tile tells its age.
export const isSign = (reason) => reason.at != null && !reason.rule.includes(".");

// Reasons in the order in which they count: what set the worst level first, though no value says so any
// more, then what the values say now. {now, earlier, taken}; of `now` some are `gone`.
export function reasonsOf(record) {
  const rank = (reason) => URGENCY[reason.level] ?? 0;
  // An arrest that runs stands before the values that show it: a card has room for a few.
  const at = (rule) => ms(record.reasons.find((one) => one.rule === rule)?.at) ?? -Infinity;
  const runs = at("cardiac_arrest") > at("rosc");
  const isFirst = (reason) => Number(runs && reason.rule === "cardiac_arrest");
  const said = [...record.reasons].sort((a, b) => rank(b) - rank(a) || isFirst(b) - isFirst(a));
  const earlier = record.earlier ?? [];
  const sets = (reason) => reason.level === record.worst && !said.some((one) => one.level === record.worst);
  return {
    now: [...earlier.filter(sets).map((reason) => ({ ...reason, gone: true })), ...said],
    earlier: earlier.filter((reason) => !sets(reason)), taken: record.taken_back ?? [],
  };
}

// What speaks against a level: every rule that fires now, or has proven the worst, and says that it is more
// urgent; the gravest first, and of equals what is seen now. Some are `gone`.
export function against(record, level) {
  const graver = (reason) => (URGENCY[reason.level] ?? 0) > URGENCY[level];
  const gone = (record.earlier ?? []).map((reason) => ({ ...reason, gone: true }));
  return [...record.reasons, ...gone].filter(graver).sort((a, b) => URGENCY[b.level] - URGENCY[a.level]);
}

// What the rules see now though a human has set a level that is less urgent: it stands, and this stands
// beside it.
export const stillSeen = (record) => (record.override
  ? against(record, record.worst).filter((reason) => !reason.gone) : []);

// How far the handoff has come, step by step: {name, at, isLate}.
export function steps(item) {
  const { handoff } = item;
  const activated = handoff.activations.find((a) => a.activation === "activate")?.occurred_at;
  return [
    ["delivered", handoff.delivered_at], ["displayed", handoff.displayed_at],
    ["acknowledged", toAcknowledge(item) ? null : acknowledged(item)?.at],
    ["accepted", handoff.accepted_at ?? activated ?? null],
    ["arrived", handoff.arrived_at], ["transferred", handoff.transferred_at],
  ].map(([name, at]) => ({ name, at }));
}

// Files of an examination that can be read already.
export const pictures = (record, examination) => (examination.attachments ?? [])
  .filter((file) => record.attachments.some((there) => there.sha256 === file.sha256));
