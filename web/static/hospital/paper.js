// What the handover sheet and the downtime copy write alike: no drawing, no asking.

import { ms, running, secondOf } from "../kit/clock.js";
import { both, code, say } from "../kit/language.js";
import { URGENCY } from "../kit/level.js";
import { because, setBy } from "./because.js";
import { dayAndTime } from "./moments.js";
import { calledOff, proposedWay, reasonsOf, standing } from "./patients.js";

// Why the level stands, the gravest first, whether it is so now or was; else what is known instead.
export function reasonsText(record) {
  const { now, earlier } = reasonsOf(record);
  const rank = ({ level }) => URGENCY[level] ?? 0;
  const all = [...now, ...earlier.map((reason) => ({ ...reason, gone: true }))].sort((a, b) => rank(b) - rank(a));
  if (!all.length) return because(record);
  return [
    ...all.map(({ gone, text }) => `${gone ? `${say("was")} ` : ""}${both(text)}`),
    record.override && setBy(record.override)
  ].filter(Boolean).join(say("pause"));
}

// Every centre that triage proposes or a human has called: {centre, stands, concern, teams: [[team, answer]]}.
export function centresOf(item) {
  const { record, handoff } = item;
  const answers = Object.fromEntries(handoff.answers.map(({ department, answer }) => [department, answer]));
  return [...new Set([...record.centres, ...handoff.activations].map(({ centre }) => centre))].map((centre) => ({
    centre, stands: standing(item, centre), concern: record.centres.find((one) => one.centre === centre),
    teams: [...new Set(handoff.activations.filter((one) => one.centre === centre).flatMap((one) => one.departments))]
      .map((team) => [team, answers[team] ?? "silent"]),
  }));
}

export const standsText = ({ stands, concern }) =>
  (stands ? say(`standing.${stands}`) : say(`proposed.${concern.activation}`));
export const teamsText = ({ teams }) =>
  teams.map(([team, answer]) => `${say(`team.${team}`)} ${say(`answer.${answer}`)}`).join(say("comma"));

// Teams that were called off, and who of them comes and has to be telephoned: one text for each.
export const offTexts = (item) => calledOff(item).map(({ centre, who, at, reason, coming }) => [
  `${code("centres", centre)} ${say("withdrawn_by", { who, at: secondOf(at) })}${say("colon")}${reason}`,
  ...coming.map((team) => `${say(`team.${team}`)} ${say("answer.off_coming")}`),
].join(" · "));

// Where the patient is, or is brought to: only what was said here counts as decided.
export function whereText(item) {
  const { arrived_at: isHere, arrived_in: place, direct_to: way } = item.handoff;
  if (place) return say("brought_to", { place: code("places", place) });
  if (way) return [
    say("straight_to", { place: code("places", way.direct_to) }),
    way.gate,
    way.phone && `☎ ${way.phone}`
  ].filter(Boolean).join(" · ");
  if (isHere) return say("place_unknown");
  const proposed = proposedWay(item);
  return proposed ? say("way_proposed", { place: code("places", proposed) }) : say("no_way_confirmed");
}

// That another hospital is proposed, and dispatch has not chosen one yet; nothing where none is.
export function redirectText({ handoff: { redirect } }, names = {}) {
  if (!redirect) return "";
  const other = redirect.alternative_facility_id;
  return [
    say("redirect_open", { at: secondOf(redirect.occurred_at) }),
    say(`redirect.${redirect.reason}`),
    other && (both(names[other]) || other),
    redirect.note
  ].filter(Boolean).join(" · ");
}

// When a doctor was first with the patient, beside when it was owed: who comes late is late on paper too,
// and who had not come by `at` has not. Nothing where a hospital owes none and none was reported.
export function doctorText({ handoff }, at) {
  const { since, due_at: due } = handoff.promises.find((one) => one.owed === "first_doctor") ?? {};
  const came = handoff.milestones.find((one) => one.milestone === "first_doctor")?.occurred_at ?? null;
  if (!came && !since) return null;
  const late = due ? (came ? ms(came) : at) - ms(due) : 0;
  return `${came ? dayAndTime(came) : say("not_reported")}${
    late > 0 ? ` ${say("late_by", { span: running(late), due: secondOf(due) })}` : ""}`;
}

// Who it is for this hospital: its own number, once one was bound.
export function identityText({ record, handoff: { identity, merged } }) {
  if (!identity) return say(record.patient.identity === "known" ? "known_not_bound" : "identity_unknown");
  const gone = merged.map((one) => one.merged ?? one).join(say("comma"));
  return `${say("own_number")} ${identity.reference}${identity.provisional ? ` · ${say("provisional_long")}` : ""}${
    gone ? ` · ${say("merged")} ${gone}` : ""}`;
}

export const bedsText = ({ handoff }) => handoff.beds
  .map(({ department, bed }) =>
    `${say("bed_waits", { department: say(`department.${department}`) })} ${bed ?? ""}`.trim())
  .join(say("comma"));
