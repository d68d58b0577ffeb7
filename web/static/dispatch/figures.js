// The figures of the day. Where there is no sample there is no rate; what is aimed at comes from the service.

import { ask } from "../kit/api.js";
import { explain } from "../kit/frame.js";
import { html, useEffect, useState } from "../kit/html.js";
import { both, figure, say } from "../kit/language.js";

const RATES = [
  "dispatch_within_3min", "first_unit_within_3min", "first_unit_notified_within_1min", "call_answered_within_10s"
];
const percent = (rate) => (rate == null ? say("no_sample") : `${figure(100 * rate, 1)} %`);
const points = (change) => (change == null
  ? say("no_comparison")
  : `${change > 0 ? "+" : ""}${figure(100 * change, 1)} ${say("points")}`);
export function lasting(seconds) {
  if (seconds == null) return say("no_sample");
  const whole = Math.round(Math.abs(seconds));
  return `${seconds < 0 ? "−" : ""}${
    whole < 100 ? `${whole} s` : `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}`}`;
}
const spread = (one) => (one.p50_s == null ? say("no_sample") : `${lasting(one.p50_s)} / ${lasting(one.p90_s)}`);
const isLow = (one) => one.rate != null && one.target != null && one.rate < one.target;

// How much of it is in time, and where the aim lies.
function Bar({ one }) {
  if (one.rate == null) return html`<svg class="bar none" viewBox="0 0 100 8" preserveAspectRatio="none"
      aria-hidden="true">
    <rect width="100" height="8" />
  </svg>`;
  return html`<svg class=${`bar ${isLow(one) ? "low" : ""}`} viewBox="0 0 100 8" preserveAspectRatio="none"
      aria-hidden="true">
    <rect width="100" height="8" />
    <rect class="in" width=${100 * one.rate} height="8" />
    ${one.target != null && html`<path d=${`M${100 * one.target} 0v8`} vector-effect="non-scaling-stroke" />`}
  </svg>`;
}

function RateTile({ name, one }) {
  return html`<section class=${`tile ${isLow(one) ? "low" : ""} ${one.rate == null ? "absent" : ""}`}>
    <h3>${say(`rate.${name}`)}</h3>
    <p class="value">
      ${percent(one.rate)} ${isLow(one) && html`<small class="low-word">${say("below_target")}</small>`}
    </p>
    <${Bar} one=${one} />
    <p>
      ${one.numerator} / ${one.denominator}
      ${one.target != null ? ` · ${say("target", { at: percent(one.target) })}` : ""}
    </p>
    <p>
      ${[
        one.missing > 0 && say("missing_n", { n: one.missing, rate: percent(one.rate_if_missing_is_late) }),
        one.running > 0 && say("running_n", { n: one.running })
      ].filter(Boolean).join(" · ")}
    </p>
    ${one.verified && html`<p class="verified">
      ${say("verified", {
        rate: percent(one.verified.rate),
        n: one.verified.numerator,
        of: one.verified.denominator,
        missing: one.verified.missing
      })}
    </p>`}
  </section>`;
}

const SpanTile = ({ name, one }) => html`<section class=${`tile ${one.p50_s == null ? "absent" : ""}`}>
  <h3>${say(`span.${name}`)}</h3>
  <p class="value">${spread(one)}</p>
  <p>P50 / P90</p>
  <p>
    ${[
      `${say("measured_n", { n: one.measured })}`,
      one.missing > 0 && say("missing_only", { n: one.missing }),
      one.running > 0 && say("running_n", { n: one.running })
    ].filter(Boolean).join(" · ")}
  </p>
</section>`;

export function Strip({ figures }) {
  if (!figures) return html`<div class="strip"><p class="none">${say("figures_away")}</p></div>`;
  return html`<div class="strip" role="group" aria-label=${say("tab.figures")}>
    <${RateTile} name="dispatch_within_3min" one=${figures.dispatch_within_3min} />
    <${RateTile} name="call_answered_within_10s" one=${figures.call_answered_within_10s} />
    <${SpanTile} name="notified_to_departed" one=${figures.intervals.notified_to_departed} />
    <${SpanTile} name="accepted_to_on_scene" one=${figures.accepted_to_on_scene} />
  </div>`;
}

function RateRow({ name, one, isSeen }) {
  return html`<tr class=${isLow(one) ? "low" : ""}>
    <th scope="row">${name}</th>
    <td class="value">
      ${percent(one.rate)}
      ${isLow(one) ? html` <small class="low-word">${say("below_target")}</small>` : ""}
    </td>
    <td>${one.numerator} / ${one.denominator}</td>
    <td>${one.target == null ? say("no_target") : percent(one.target)}</td>
    <td>${one.missing}</td>
    <td>${percent(one.rate_if_missing_is_late)}</td>
    <td>${one.running}</td>
    <td>${one.stood_down} + ${one.stood_down_late}</td>
    <td>${one.restated}</td>
    <td>${spread(one)}</td>
    ${one.change !== undefined && html`<td>${points(one.change?.rate)}</td>`}
    ${isSeen && html`<td></td>`}
  </tr>`;
}

const BY = ["county", "station", "shift"];
export function Figures({ figures, stations }) {
  const nameOf = (group) => (group === "unknown"
    ? say("unknown")
    : both(stations.find((one) => one.station_id === group)?.name) || group);
  const [by, chooseBy] = useState("station");
  const setBy = (next) => { set({ groups: null, problem: null }); chooseBy(next); };
  const [grouped, set] = useState({ groups: null, problem: null });
  useEffect(() => {
    let ended = false;
    ask("dispatch", "GET", `indicators?by=${by}`).then(
      ({ groups }) => { if (!ended) set({ groups, problem: null }); },
      (problem) => { if (!ended) set({ groups: null, problem }); });
    return () => { ended = true; };
  }, [by, figures]);
  if (!figures) return html`<section class="whole"><p class="nobody">${say("figures_away")}</p></section>`;
  const heads = [
    "figure", "rate", "of", "target", "missing", "if_missing", "running", "stood_down", "restated", "spread", "change"
  ];
  const head = (names) => html`<thead>
    <tr>${names.map((one) => html`<th scope="col" key=${one}>${say(`col.${one}`)}</th>`)}</tr>
  </thead>`;
  const spans = [
    ["accepted_to_on_scene", figures.accepted_to_on_scene],
    ...Object.entries(figures.intervals),
    ...Object.entries(figures.patients)
  ];
  return html`<section class="whole figures" aria-label=${say("tab.figures")}>
    <div class="wide-table" tabindex="0" role="group" aria-label=${say("tab.figures")}>
      <table>
        ${head(heads)}
        <tbody>
          ${RATES.flatMap((name) => [
            html`<${RateRow} key=${name} name=${say(`rate.${name}`)} one=${figures[name]} />`,
            figures[name].verified && html`<${RateRow} key=${`${name}-seen`} name=${say("as_seen")}
              one=${{ ...figures[name].verified, target: figures[name].target, change: undefined }} isSeen=${true} />`
          ])}
        </tbody>
      </table>
    </div>
    <p class="aside">${say("figures_mean")}</p>
    <div class="choice" role="group" aria-label=${say("group_by")}>
      ${BY.map((one) => html`<button key=${one} aria-pressed=${by === one ? "true" : "false"}
          onClick=${() => setBy(one)}>
        ${say(`by_group.${one}`)}
      </button>`)}
    </div>
    ${grouped.problem
      ? html`<p class="wrong" role="alert">${explain(grouped.problem)}</p>`
      : !grouped.groups
        ? html`<p class="none">${say("loading")}</p>`
        : html`<div class="wide-table" tabindex="0" role="group" aria-label=${say("group_by")}>
          <table>
            ${head(heads.slice(0, -1))}
            <tbody>
              ${grouped.groups.map(({ group, indicators: each }) => html`<${RateRow} key=${group} name=${nameOf(group)}
                one=${{ ...each.dispatch_within_3min, change: undefined }} />`)}
            </tbody>
          </table>
        </div>`}
    <div class="wide-table" tabindex="0" role="group" aria-label=${say("spans")}>
      <table>
        ${head(["figure", "spread", "measured", "missing", "running", "change"])}
        <tbody>${spans.map(([name, one]) => html`<tr key=${name}>
          <th scope="row">${say(`span.${name}`)}</th>
          <td class="value">${spread(one)}</td>
          <td>${one.measured}</td>
          <td>${one.missing}</td>
          <td>${one.running}</td>
          <td>
            ${one.change?.p50_s == null
              ? say("no_comparison")
              : `${one.change.p50_s > 0 ? "+" : ""}${lasting(one.change.p50_s)}`}
          </td>
        </tr>`)}</tbody>
      </table>
    </div>
  </section>`;
}
