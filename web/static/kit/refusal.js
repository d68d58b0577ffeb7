// Why a service refused, in the language of the page: services say it in English, by a title that
// stays the same, and a detail that stands after ours.

import { dayOf, secondOf } from "./clock.js";
import { say, says, use } from "./language.js";
import en from "../words/en/refusals.js";
import zh from "../words/zh/refusals.js";

use({ zh, en });

// Moments in what a service says are in UTC; on the wall here it is another hour.
const MOMENT = /\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|\+00:00)/g;
const here = (detail) => detail.replace(MOMENT, (moment) => `${dayOf(moment)} ${secondOf(moment)}`);

const GENERAL = { 0: "no_line", 401: "p401", 403: "p403", 404: "p404", 409: "p409", 422: "p422", 429: "p429" };

// What a Problem says to a user.
export function refusal({ status, title, detail }) {
  const key = `refused.${title}`;
  const ours = title && says(key) ? key : GENERAL[status] ?? (status >= 500 ? "p503" : "p_other");
  return `${say(ours)}${detail ? ` · ${here(detail)}` : ""}`;
}
