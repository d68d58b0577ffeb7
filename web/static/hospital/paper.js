// What the handover sheet and the downtime copy write alike: no drawing, no asking.

import { both, code, say } from "../kit/language.js";
import { URGENCY } from "../kit/level.js";
import { because, setBy } from "./because.js";
import { proposedWay, reasonsOf, standing } from "./patients.js";

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

export const bedsText = ({ handoff }) => handoff.beds
  .map(({ department, bed }) =>
    `${say("bed_waits", { department: say(`department.${department}`) })} ${bed ?? ""}`.trim())
  .join(say("comma"));
