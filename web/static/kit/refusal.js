// Why a service refused, in the language of the page: services say it in English, by a title that
// stays the same, and a detail of which another language keeps the facts alone.

import { dayOf, secondOf } from "./clock.js";
import { code, language, say, says, use } from "./language.js";
import en from "../words/en/refusals.js";
import zh from "../words/zh/refusals.js";

use({ zh, en });

// Moments in what a service says are in UTC; on the wall here it is another hour.
const MOMENT = /\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|\+00:00)/g;
const local = (moment) => `${dayOf(moment)} ${secondOf(moment)}`;
const NAMED = /'([a-z_]+)'/g;
const BEDS = /free in: ([a-z_, ]+)/;
// Units, patients, hospitals, as they are called everywhere.
const NUMBER = /\b[A-Z]{1,3}-[\w-]*\d[\w-]*/g;

const wordOr = (key, otherwise) => (says(key) ? say(key) : otherwise);

// A field by its word on the screen; what has none stays as it is.
function fieldOf(path) {
  const name = String(path).split(".").filter((part) => !/^\d+$/.test(part)).at(-1) ?? "";
  return wordOr(`named.${name}`, code("vitals", name));
}

const here = (detail) => detail.replace(MOMENT, local).replace(NAMED, (_, name) => `“${fieldOf(name)}”`);

// What an English sentence tells that its title does not: a time, a number, a field, where beds are.
function facts(detail) {
  const beds = detail.match(BEDS)?.[1].split(", ").map((name) => wordOr(`department.${name}`, name))
    .join(say("comma"));
  const named = [...new Set([...detail.matchAll(NAMED)].map(([, name]) => fieldOf(name)))];
  const [moment, ...more] = detail.match(MOMENT) ?? [];
  return [
    moment && (detail.startsWith("It is ") ? say("refused_now", { at: local(moment) }) : local(moment)),
    ...more.map(local),
    ...(detail.replace(MOMENT, "").match(NUMBER) ?? []),
    beds && say("refused_beds", { departments: beds }),
    named.length > 0 && say("refused_fields", { fields: named.join(say("comma")) })
  ].filter(Boolean).join(say("comma"));
}

const GENERAL = { 0: "no_line", 401: "p401", 403: "p403", 404: "p404", 409: "p409", 422: "p422", 429: "p429" };

// The same where a patient was asked for: who is not there has gone elsewhere, or was never here.
export const refusalOfPatient = (problem) => (problem.status === 404 ? say("p404") : refusal(problem));

// What a Problem says to a user.
export function refusal({ status, title, detail, errors = [] }) {
  const key = `refused.${title}`;
  const isOurs = Boolean(title) && says(key);
  const ours = isOurs ? key : GENERAL[status] ?? (status >= 500 ? "p503" : "p_other");
  const fields = [...new Set(errors.map(({ field }) => fieldOf(field)))].join(say("comma"));
  const told = fields
    ? say("refused_fields", { fields })
    : detail && (isOurs && language() !== "en" ? facts(detail) : here(detail));
  return `${say(ours)}${told ? ` · ${told}` : ""}`;
}
