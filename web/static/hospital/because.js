// The one sentence on a level for which no rule speaks: how far the values go, and who has set it.
// Not measured is not normal, and what a human has set is not what was measured.

import { timeOf } from "../kit/clock.js";
import { code, say } from "../kit/language.js";

// As the record is, and nothing else: "none", "none_valid", "not_judged", "none_abnormal".
export function valuesOf({ inputs, lost = [], invalid = [], missing = [], triage_paused: isPaused }) {
  if (inputs.some(({ value }) => value !== "unmeasurable"))
    return isPaused || missing.includes("protocol") ? "not_judged" : "none_abnormal";
  return inputs.length || lost.length || invalid.length ? "none_valid" : "none";
}

export const setBy = ({ level, role, overridden_by: who, occurred_at: at }) =>
  say(role === "crew" ? "set_by_crew" : "set_here", { level: code("levels", level), who, at: timeOf(at) });

export function because(record) {
  const more = record.override ? setBy(record.override) : record.worst === "not_yet" && say("no_level");
  return [say(`values.${valuesOf(record)}`), more].filter(Boolean).join(say("pause"));
}
