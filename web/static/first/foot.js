// The foot: what the judge counted, and the plugs to pull.

import { html, now } from "./base.js";
import { count, say } from "./words.js";

const ms = (n) => (n == null ? "–" : `${Math.round(n)}`);

// While something is down, and a little after, what has not arrived is overdue: lost it is only
// when it stays away.
const PATIENCE_MS = 30_000;
let troubled = 0;

function Lost({ lost, services }) {
  if (services.some((s) => s.state === "down" || s.state === "recovering")) troubled = now();
  const waits = lost > 0 && now() - troubled < PATIENCE_MS;
  return html`<${Figure} name=${waits ? "overdue" : "lost"} n=${count(lost)} bad=${lost > 0 && !waits}
    overdue=${waits} />`;
}

function Figure({ name, n, bad, overdue, quiet, wide }) {
  return html`<div
      class=${`figure ${bad ? "bad" : ""} ${overdue ? "overdue" : ""} ${quiet ? "quiet" : ""} ${wide ? "wide" : ""}`}>
    <dt>${say(name)}</dt>
    <dd>${bad && "▲ "}${n}</dd>
  </div>`;
}

function Judge({ score, services }) {
  return html`<section class="judge" aria-label=${say("judge")}>
    <h2>${say("judge")}<span class="aside">${say(score ? "judge_long" : "judge_none")}</span></h2>
    ${score && html`<dl>
      <${Figure} name="sent" n=${count(score.sent)} />
      <${Figure} name="arrived_count" n=${count(score.arrived)} />
      <${Lost} lost=${score.lost} services=${services} />
      <${Figure} name="doubled" n=${count(score.doubled)} bad=${score.doubled > 0} />
      ${score.wrong != null && html`<${Figure} name="wrong" n=${count(score.wrong)} bad=${score.wrong > 0} />`}
      <${Figure} name="to_queue" wide n=${html`
        <small>p50</small> ${ms(score.p50)} <small>p99</small> ${ms(score.p99)} <small>ms</small>`} />
      <${Figure} name="to_admission" wide n=${html`
        <small>p50</small> ${ms(score.boarding_to_admission_p50)} <small>ms</small>`} />
      <${Figure} name="vitals_per_s" n=${score.vitals_per_s == null ? "–" : Math.round(score.vitals_per_s)} />
      ${score.late > 0 && html`<${Figure} name="late" n=${count(score.late)} quiet />`}
      ${score.redelivered > 0 && html`<${Figure} name="redelivered" n=${count(score.redelivered)} quiet />`}
    </dl>`}
  </section>`;
}

function State({ service }) {
  const { state, since, recoveries } = service;
  if (state === "down" || state === "recovering")
    return html`<span class="how">${say(state)} ${((now() - since) / 1000).toFixed(0)} s</span>`;
  if (state === "starting" || state === "elsewhere") return html`<span class="how">${say(state)}</span>`;
  if (recoveries.length === 0) return html`<span class="how">${say("running")}</span>`;
  const [newest, ...older] = [...recoveries].reverse().map((s) => s.toFixed(1));
  return html`<span class="how" title=${`${[newest, ...older].join(" · ")} s`}>
    ${say("recovered")} <b>${newest}</b>
    ${older.slice(0, 1).map((s) => ` · ${s}`)} s
  </span>`;
}

function Plug({ service, pull, refused }) {
  const { name, state } = service;
  return html`<li class=${`plug ${state}`}>
    <b class="name"><i></i>${say(name)}</b>
    <${State} service=${service} />
    <button type="button" onClick=${() => pull(name)} disabled=${state !== "running"}
        aria-label=${say("pull_label", { name: say(name) })}>
      <svg viewBox="0 0 24 24" aria-hidden="true">
        <path d="M9 3v5M15 3v5M6 8h12v3a6 6 0 0 1-12 0zM12 17v4" />
      </svg>
      ${refused ? say("refused") : say("pull_short")}
    </button>
  </li>`;
}

export function Foot({ score, services, pull, refused }) {
  return html`<footer>
    <${Judge} score=${score} services=${services} />
    <section class="plugs" aria-label=${say("pull")}>
      <h2>${say("pull")}<span class="aside">${say("pull_long")}</span></h2>
      <ul>
        ${services.map((service) => html`<${Plug} key=${service.name} service=${service} pull=${pull}
          refused=${refused === service.name} />`)}
      </ul>
    </section>
    <p class="no-device">${say("no_device")}</p>
  </footer>`;
}
