// All units: what they do, where they were seen, whether they are ready.

import { Age, running, Ticking, ms } from "../kit/clock.js";
import { dial } from "../kit/dial.js";
import { html, useState } from "../kit/html.js";
import { both, say } from "../kit/language.js";
import { etaOf } from "./calls.js";
import { addressOf, Seen } from "./row.js";
import { Sign } from "./sign.js";

const ORDER = [
  "notified", "acknowledged", "departed", "on_scene", "left_scene", "at_destination", "returning", "available",
  "stood_down", "out_of_service"
];

// What is not said of readiness nobody looked at; that is no "enough".
function Ready({ readiness }) {
  if (!readiness) return html`<span class="not-known">${say("ready.unknown")}</span>`;
  const lacks = ["crew", "equipment", "oxygen", "fuel"]
    .filter((name) => ["incomplete", "low"].includes(readiness[name]));
  const unknown = ["crew", "equipment", "oxygen", "fuel"].filter((name) => readiness[name] == null);
  return html`${lacks.length > 0 && html`<span class="lacks">
      ${say("ready.lacks")} ${lacks.map((name) => say(`ready.${name}`)).join(say("comma"))}
    </span>`}
    ${unknown.length > 0 && html`<span class="not-known">
      ${say("ready.nobody")} ${unknown.map((name) => say(`ready.${name}`)).join(say("comma"))}
    </span>`}
    ${!lacks.length && !unknown.length && html`<span>${say("ready.all")}</span>`} <small>
      <${Age} at=${readiness.occurred_at} />
    </small>`;
}

// Who is of the mobile force is sent only when it is called up.
const Mobile = ({ unit }) => unit.force === "mobile"
  && html` <small class=${unit.mobilised_at ? "called-up" : "not-known"}>
    ${unit.mobilised_at
      ? html`${say("called_up")} <${Age} at=${unit.mobilised_at} />`
      : say("not_called_up")}
  </small>`;

// How its crew is reached, where the register knows it.
export const Telephone = ({ unit }) => unit?.call_back && html`<a class="call-unit" href=${dial(unit.call_back)}
    aria-label=${say("call_unit", { unit: unit.unit_id, phone: unit.call_back })}>
  ☎ ${unit.call_back}
</a>`;

export function Units({ units, stations, calls, board }) {
  const [station, setStation] = useState("");
  const name = (id) => both(stations.find((one) => one.station_id === id)?.name) || id || say("unknown");
  const shown = units.filter((unit) => !station || unit.station_id === station)
    .sort((a, b) => ORDER.indexOf(a.status) - ORDER.indexOf(b.status) || a.unit_id.localeCompare(b.unit_id));
  return html`<section class="whole" aria-label=${say("tab.units")}>
    <div class="choice" role="group" aria-label=${say("col.station")}>
      ${[["", say("all")], ...stations.map((one) => [one.station_id, both(one.name)])].map(([id, text]) => html`
        <button key=${id} aria-pressed=${station === id ? "true" : "false"} onClick=${() => setStation(id)}>
          ${text}
        </button>`)}
    </div>
    <div class="row-of force">
      <button onClick=${() => board.ask("mobilised", {})}>${say("do.mobilised")}</button>
      <button onClick=${() => board.ask("released", {})}>${say("do.released")}</button>
    </div>
    <table class="units">
      <thead>
        <tr>
          ${["unit", "status", "where", "call", "eta", "station", "kind", "ready"].map((one) => html`
            <th key=${one} scope="col">${say(`col.${one}`)}</th>`)}
        </tr>
      </thead>
      <tbody>${shown.map((unit) => html`<tr key=${unit.unit_id} class=${unit.silence ? "silent" : ""}>
        <th scope="row">
          <${Sign} status=${unit.status} isSilent=${unit.silence != null} /> ${unit.unit_id} <${Telephone}
            unit=${unit} />
        </th>
        <td>${say(`status.${unit.status}`)}</td>
        <td><${Seen} unit=${unit} /></td>
        <td>
          ${unit.incident_id && (calls.has(unit.incident_id)
            ? html`<button class="quiet" onClick=${() => board.open(unit.incident_id)}>
              ${addressOf(calls.get(unit.incident_id))}
            </button>`
            : unit.incident_id)}
        </td>
        <td>
          ${etaOf(unit) && html`${say(`eta.${unit.eta.place}`)} <${Ticking} of=${(t) => {
            const left = ms(unit.eta.arrives_at) - t;
            return left >= 0 ? running(left) : `+${running(left)}`;
          }} />`}
        </td>
        <td>${name(unit.station_id)}</td>
        <td>
          ${unit.kind ? say(`kind.${unit.kind}`) : say("unknown")}
          <${Mobile} unit=${unit} />
        </td>
        <td><${Ready} readiness=${unit.readiness} /></td>
      </tr>`)}</tbody>
    </table>
    ${shown.length === 0 && html`<p class="nobody">${say("no_units")}</p>`}
  </section>`;
}
