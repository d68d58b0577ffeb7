// Who the patient is, as far as known; never a name.

import { ms, now } from "./clock.js";
import { code, say } from "./language.js";

// Age in the unit that fits it: hours, days, months, years.
export function ageOf(patient) {
  if (patient?.birth_time) {
    const hours = Math.max(0, (now() - ms(patient.birth_time)) / 3600000);
    return hours < 48 ? say("hours", { n: Math.floor(hours) }) : say("days", { n: Math.floor(hours / 24) });
  }
  const age = patient?.age;
  if (!age) return say("age_unknown");
  const text = age.years >= 2 ? say("years", { n: Math.floor(age.years) })
    : age.years * 12 >= 2 ? say("months", { n: Math.floor(age.years * 12) })
      : say("days", { n: Math.floor(age.years * 365.25) });
  return age.estimated ? say("about", { age: text }) : text;
}

export const sexOf = (patient) =>
  say(patient?.sex === "male" || patient?.sex === "female" ? patient.sex : "sex_unknown");
export const personOf = (patient) => `${sexOf(patient)} ${ageOf(patient)}`;

export function pregnancyOf(patient) {
  if (patient?.postpartum_days != null) return say("postpartum", { n: patient.postpartum_days });
  if (patient?.gestation_weeks != null) return say("pregnant_weeks", { n: Math.floor(patient.gestation_weeks) });
  return patient?.pregnant === "yes" ? say("pregnant") : "";
}

// Why help was called: the complaint that was chosen, and the caller's words beside it. Those are in
// the language in which they were said; the code is in the page's.
export function problemOf(patient) {
  const chosen = patient?.complaint && patient.complaint !== "unknown" ? code("complaints", patient.complaint) : "";
  const words = patient?.complaint_text?.trim() ?? "";
  if (chosen && words && words !== chosen) return say("complaint_said", { complaint: chosen, words });
  return words || chosen || code("complaints", "unknown");
}

export const isToldWhy = (patient) => problemOf(patient) !== code("complaints", "unknown");

// Of several, what is said of more than one is said once.
export const problemsOf = (patients) => [...new Set(patients.map(problemOf))];
