// The four levels: octagon, triangle, square, circle, so that they are told without their colours.

import { html } from "./html.js";
import { code } from "./language.js";

const OUTLINE = {
  critical: "M13 2h14l11 11v14L27 38H13L2 27V13z",
  severe: "M20 3.2 38.6 36.4a1 1 0 0 1-.9 1.4H2.3a1 1 0 0 1-.9-1.4z",
  urgent: "M6 3.5h28a2.5 2.5 0 0 1 2.5 2.5v28a2.5 2.5 0 0 1-2.5 2.5H6a2.5 2.5 0 0 1-2.5-2.5V6A2.5 2.5 0 0 1 6 3.5z",
  non_urgent: "M20 3a17 17 0 1 0 0 34 17 17 0 0 0 0-34z",
  not_yet: "M20 4a16 16 0 1 0 0 32 16 16 0 0 0 0-32z",
};
export const NUMERAL = { critical: "Ⅰ", severe: "Ⅱ", urgent: "Ⅲ", non_urgent: "Ⅳ", not_yet: "?" };
export const LEVELS = ["critical", "severe", "urgent", "non_urgent", "not_yet"];
// Larger is more urgent; who has no level yet stands between Ⅱ and Ⅲ.
export const URGENCY = { critical: 4, severe: 3, not_yet: 2.5, urgent: 2, non_urgent: 1 };

export function Shape({ level, size = 40 }) {
  return html`<svg class=${`shape ${level}`} width=${size} height=${size} viewBox="0 0 40 40" role="img"
      aria-label=${code("levels", level)}>
    <path d=${OUTLINE[level] || OUTLINE.not_yet} />
    <text x="20" y=${level === "severe" ? 33 : 27} text-anchor="middle" aria-hidden="true">
      ${NUMERAL[level] ?? "?"}
    </text>
  </svg>`;
}
