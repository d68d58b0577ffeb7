// The calls, each with the ring that runs until its ambulance leaves.

import { Fitted, html, now, Shape } from "./base.js";
import { age, complaint, personShort, say } from "./words.js";

const TO_NOTIFY_S = 60, TO_DEPART_S = 180;
const CALL = 70, MORE = 20, HINT = 25, STACKED = 4;
// Whose call stands at one of these has left, though nobody may have stamped it.
const GONE = new Set([
  "on_scene", "reached", "boarded", "left_scene", "at_destination", "arrived", "transferred", "ended"
]);
const R = 25, ROUND = 2 * Math.PI * R;

const minutes = (s) => `${Math.floor(s / 60)}:${String(Math.floor(s % 60)).padStart(2, "0")}`;

function Ring({ call }) {
  const { accepted, notified, departed } = call;
  if (isUnstamped(call)) return html`<${Unstamped} />`;
  const limit = notified ? TO_DEPART_S : TO_NOTIFY_S;
  const end = departed || now();
  const seconds = Math.max(0, (end - (notified || accepted)) / 1000);
  const part = departed ? 1 : Math.min(1, seconds / limit);
  const kind = seconds > limit ? "over" : departed ? "closed" : seconds > limit * 2 / 3 ? "close" : "runs";
  const what = departed ? say("left_after", { s: Math.round(seconds) }) : say(notified ? "to_depart" : "to_notify");
  return html`<svg class=${`ring ${kind}`} viewBox="0 0 58 58" role="img" aria-label=${what}>
    <title>${what}</title>
    <circle cx="29" cy="29" r=${R} />
    <circle class="run" cx="29" cy="29" r=${R} stroke-dasharray=${ROUND} stroke-dashoffset=${ROUND * (1 - part)}
      transform="rotate(-90 29 29)" />
    ${departed
      ? html`<text x="29" y="32">${Math.round(seconds)}</text><text class="unit" x="29" y="43">s</text>`
      : html`<text x="29" y="34">${minutes(seconds)}</text>`}
  </svg>`;
}

const isUnstamped = (call) => call.notified && !call.departed && GONE.has(call.state);
const isWaiting = (call) => !call.departed && !GONE.has(call.state);

// A departure that nobody stamped is missing: neither in time nor late.
function Unstamped() {
  return html`<svg class="ring missing" viewBox="0 0 58 58" role="img" aria-label=${say("no_departure")}>
    <title>${say("no_departure")}</title><circle cx="29" cy="29" r=${R} /><text x="29" y="34">?</text>
  </svg>`;
}

// The protocol's word where it has one, for it reads the same for every call.
function complaintAndAge(patient) {
  const word = patient.complaint === "other" ? complaint(patient) : say(patient.complaint);
  return patient.age ? `${word} · ${personShort(patient)}` : word;
}

function Call({ call, featured }) {
  const state = call.state === "acknowledged" ? "acknowledged_unit" : call.state;
  return html`<li class=${`call ${call.level} ${call.state} ${featured ? "followed" : ""}`}>
    <${Ring} call=${call} />
    <div>
      <b class="line">${complaintAndAge(call.patient)}</b>
      <span class="state"><span class="line">${say(state)}</span><i>${age(now() - call.state_at)}</i></span>
      <small class="line">
        ${call.unit}
        ${call.gps && html` <span class="gps" title=${say("gps_confirms")}>GPS ✓</span>`}
        ${call.unit && " · "}
        ${call.address}
      </small>
    </div>
    <${Shape} level=${call.level} size=${22} bare />
  </li>`;
}

export function Calls({ calls, followed }) {
  const { shown = [], open = 0, departures = {} } = calls || {};
  const fill = (height) => {
    const fitting = fitted(shown, height == null ? STACKED : Math.floor((height - MORE - HINT) / CALL));
    return html`${shown.length > 0 && html`<p class="hint line">${say("ring_hint")}</p>`}
      <ul>
        ${fitting.map((call) => html`<${Call} key=${call.id} call=${call}
          featured=${call.encounters.includes(followed)} />`)}
      </ul>
      ${calls && shown.length === 0 && html`<p class="none">${say("calls_none")}</p>`}
      ${open > fitting.length && html`<p class="more">${say("more_calls", { n: open - fitting.length })}</p>`}`;
  };
  return html`<section class="calls" aria-labelledby="calls">
    <h2 id="calls">${say("calls")} <b>${calls ? open : "–"}</b>
      ${departures.all > 0 && html`<span class="aside">
        ${say("within")} <b>${departures.within}/${departures.all}</b>
      </span>`}
    </h2>
    <${Fitted} kind="list" fill=${fill} />
  </section>`;
}

// Where room is scarce, calls whose ambulance has not left stay before those whose has.
function fitted(calls, room) {
  if (calls.length <= room) return calls;
  const waiting = calls.filter(isWaiting);
  const kept = new Set([...waiting, ...calls.filter((call) => !isWaiting(call))].slice(0, room));
  return calls.filter((call) => kept.has(call));
}
