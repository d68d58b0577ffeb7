// A status of a unit as a shape, the same in the list and on the map.

import { html } from "../kit/html.js";
import { say } from "../kit/language.js";

// In a square from -10 to 10. Who drives is an arrow: full to the patient, with a bar to the hospital,
// open on the way back; who stands is no arrow.
const PATHS = {
  available: "M0 -6a6 6 0 1 0 .01 0z",
  notified: "M0 -9 9 0 0 9 -9 0z",
  acknowledged: "M0 -9 9 0 0 9 -9 0z",
  departed: "M0 -9 8 8 0 4 -8 8z",
  on_scene: "M-7 -7h14v14h-14z",
  left_scene: "M0 -9 8 8h-16zM-8 8h16v3h-16z",
  at_destination: "M-8 -1 0 -9 8 -1v9h-16z",
  returning: "M0 -9 8 8 0 4 -8 8z",
  stood_down: "M-6 -6h12M-6 6h12",
  out_of_service: "M-7 -7 7 7M7 -7-7 7",
};
const OPEN = new Set(["available", "notified", "returning", "stood_down", "out_of_service"]);
export const ROTATES = new Set(["departed", "left_scene", "returning"]);

export const Mark = ({ status, isSilent, turn = 0 }) => html`<path
  class=${`sign ${OPEN.has(status) ? "hollow" : ""} of-${status} ${isSilent ? "silent" : ""}`}
  d=${PATHS[status] ?? PATHS.available} transform=${turn ? `rotate(${turn})` : undefined} />`;

export const Sign = ({ status, isSilent, size = 18 }) => html`<svg class="sign-of" width=${size} height=${size}
    viewBox="-12 -12 24 24" role="img" aria-label=${say(`status.${status}`)}>
  <${Mark} status=${status} isSilent=${isSilent} />
</svg>`;
