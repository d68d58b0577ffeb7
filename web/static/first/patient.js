// One patient, followed closely: the heart rate as it falls, the level as it rises, the steps taken.

import { html, now, Shape } from "./base.js";
import { age, both, clock, complaint, person, say } from "./words.js";

const LONGEST_S = 90, SHORTEST_S = 30, W = 300, H = 84, LEAST_SPAN = 30;

const STEPS = [
  "accepted", "notified", "departed", "reached", "destination", "boarded", "acknowledged", "arrived", "transferred"
];

// A monitor speaks every second; a cuff is inflated every few minutes.
const FRESH_MS = { heart_rate: 15_000, spo2: 15_000, respiratory_rate: 15_000, blood_pressure: 600_000 };
const stale = (name, at) => now() - at > FRESH_MS[name];

function value(given) {
  if (given == null) return null;
  if (given === "unmeasurable") return say("unmeasurable");
  if (typeof given === "object") return say("invalid");
  return typeof given === "number" ? String(Math.round(given * 10) / 10) : given;
}

function Trace({ trace, level }) {
  const end = now();
  const points = trace.filter(([at]) => end - at < LONGEST_S * 1000);
  if (points.length < 2) return html`<svg class="trace" viewBox=${`0 0 ${W} ${H}`} aria-hidden="true"></svg>`;
  const seconds = Math.max(SHORTEST_S, (points[points.length - 1][0] - points[0][0]) / 1000);
  const rates = points.map(([, rate]) => rate);
  const middle = (Math.max(...rates) + Math.min(...rates)) / 2;
  const span = Math.max(LEAST_SPAN, Math.max(...rates) - Math.min(...rates)) * 1.15;
  const x = (at) => W - 5 - ((points[points.length - 1][0] - at) / 1000 / seconds) * (W - 10);
  const y = (rate) => H / 2 - ((rate - middle) / span) * (H - 12);
  const line = points.map(([at, rate]) => `${x(at).toFixed(1)},${y(rate).toFixed(1)}`).join(" ");
  const [lastAt, lastRate] = points[points.length - 1];
  return html`<svg class=${`trace ${level}`} viewBox=${`0 0 ${W} ${H}`} preserveAspectRatio="none" aria-hidden="true">
    <polygon points=${`${x(points[0][0]).toFixed(1)},${H} ${line} ${x(lastAt).toFixed(1)},${H}`} />
    <polyline points=${line} vector-effect="non-scaling-stroke" />
    <line x1=${x(lastAt)} x2=${x(lastAt)} y1=${y(lastRate)} y2=${y(lastRate)} vector-effect="non-scaling-stroke" />
  </svg>`;
}

function lasting(trace) {
  return Math.min(LONGEST_S, Math.max(SHORTEST_S, Math.round((trace[trace.length - 1][0] - trace[0][0]) / 1000)));
}

function Vital({ name, shown, at, unit }) {
  return html`<div class=${`vital ${shown == null ? "absent" : stale(name, at) ? "stale" : ""}`}>
    <small>${say(name)}</small><b>${shown ?? say("not_taken")}</b>
    <span>${shown != null && `${unit} · ${age(now() - at)}`}</span>
  </div>`;
}

function Vitals({ vitals, trace, level }) {
  const [rate, rateAt] = vitals.heart_rate || [];
  const [high, highAt] = vitals.systolic_bp || [];
  const [low, lowAt] = vitals.diastolic_bp || [];
  // Two values under one age are of one measurement.
  const isPair = typeof low === "number" && lowAt === highAt;
  const pressure = typeof high === "number" ? `${value(high)}/${isPair ? value(low) : "–"}` : value(high);
  return html`<div class="vitals">
    <div class=${`rate ${rate == null ? "absent" : stale("heart_rate", rateAt) ? "stale" : ""}`}>
      <small>${say("heart_rate")}</small><b>${value(rate) ?? "–"}</b>
      <span>${rate != null && `${say("per_minute")} · ${age(now() - rateAt)}`}</span>
    </div>
    <div class="drawing">
      <${Trace} trace=${trace} level=${level} />
      <small>${trace.length > 1 && say("last_seconds", { n: lasting(trace) })}</small>
    </div>
    <${Vital} name="blood_pressure" shown=${pressure} at=${highAt} unit="mmHg" />
    <${Vital} name="spo2" shown=${value((vitals.spo2 || [])[0])} at=${(vitals.spo2 || [])[1]} unit="%" />
    <${Vital} name="respiratory_rate" shown=${value((vitals.respiratory_rate || [])[0])}
      at=${(vitals.respiratory_rate || [])[1]} unit=${say("per_minute")} />
  </div>`;
}

function Why({ patient }) {
  const { level, reasons: [first, ...others], rose, trend } = patient;
  return html`<p class="why">
    ${first ? html`<span class=${`first ${first.level}`}>${both(first.text)}</span>` : say("no_reason")}
    ${rose && html`<span class="rose">
      ${say("rose", { time: clock(rose[1]), from: say(rose[0]), to: say(level) })}
    </span>`}
    ${others.map((reason) => html`<span>${both(reason.text)}</span>`)}
    ${trend !== "same" && html`<span>${say(trend)}</span>`}
  </p>`;
}

// The first with its time, the others by how long after it they came.
function since(first, at) {
  const seconds = Math.round((at - first) / 1000);
  const sign = seconds < 0 ? "−" : "+", whole = Math.abs(seconds);
  return `${sign}${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}`;
}

function Steps({ patient }) {
  const { stamps, admission, after_ms } = patient;
  const told = (step) => !stamps[step] ? ""
    : step === "accepted" || !stamps.accepted ? clock(stamps[step])
      : since(stamps.accepted, stamps[step]);
  const last = STEPS.reduce((found, step, i) => (stamps[step] ? i : found), -1);
  return html`<ol class="steps">${STEPS.map((step, i) => html`
    <li class=${`${stamps[step] ? "done" : i < last ? "passed" : ""} ${
        step === "boarded" && admission ? "admitted" : ""} ${i === last ? "last" : ""}`}>
      <b>${say(`step_${step}`)}</b>
      <span title=${clock(stamps[step]) || ""}>${told(step)}</span>
      ${step === "boarded" && admission && after_ms != null && html`<em>+${Math.round(after_ms)} ms</em>`}
    </li>`)}</ol>`;
}

export function Followed({ patient, names }) {
  if (!patient) return html`<section class="followed" aria-label=${say("followed")}>
    <h2>${say("followed")}</h2>
    <p class="none">${say("followed_none")}</p>
  </section>`;
  const known = patient.patient || {};
  return html`<section class=${`followed ${patient.level}`} aria-label=${say("followed")}>
    <h2>
      ${say("followed")} <span class="aside">
        ${[patient.unit, patient.address].filter(Boolean).join(" · ")}
        ${patient.facility && html` <span class="to">→ ${both(names[patient.facility]) || patient.facility}</span>`}
      </span>
    </h2>
    <div class="person" key=${patient.id}>
      <div class="badge" key=${patient.level}>
        <${Shape} level=${patient.level} size=${38} />
        <b>${say(patient.level)}</b>
      </div>
      <div class="who">
        <p>
          <b>${person(known)}</b>
          ${known.identity !== "known" && html`<span class="tag">${say("identity_unknown")}</span>`}
          <span>${complaint(known)}</span>
        </p>
        <${Why} patient=${patient} />
      </div>
    </div>
    <${Vitals} vitals=${patient.vitals} trace=${patient.trace} level=${patient.level} />
    <${Steps} patient=${patient} />
  </section>`;
}
