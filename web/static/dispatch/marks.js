// What stands on the map, and how it is drawn.

import { ms, now, span } from "../kit/clock.js";
import { html } from "../kit/html.js";
import { both, code, say } from "../kit/language.js";
import { Shape } from "../kit/level.js";
import { overdue, seenOf, worst } from "./calls.js";
import { bearing, heaps } from "./places.js";
import { Mark, ROTATES } from "./sign.js";

// What stands still and is registered: what is far from all of it is hardly of this site.
export const placesOf = ({ hospitals = [], stations = [] }) => [...hospitals, ...stations].map((one) => one.point);
export const pointsOf = ({ calls = [], units = [], hospitals = [], stations = [], picked }) => [
  ...calls.map((call) => call.location), ...units.map((unit) => unit.located?.point),
  ...hospitals.map((one) => one.point), ...stations.map((one) => one.point), picked,
].filter(Boolean);

// Whither a unit drives, by its status: to the scene, to the hospital, back to its station.
function goalOf(unit, { calls, hospitals, stations }) {
  const call = calls.find((one) => one.incident_id === unit.incident_id);
  if (unit.status === "departed") return call?.location;
  if (unit.status === "left_scene") {
    const to = call?.legs.find((leg) => leg.leg_id === unit.leg_id)?.destination_id;
    return hospitals.find((one) => one.facility_id === to)?.point;
  }
  return stations.find((one) => one.station_id === unit.station_id)?.point;
}

// Where whoever drives is going, as a line.
export function waysOf(given, at) {
  return (given.units ?? [])
    .filter((unit) => unit.located && unit.leg_id && ["departed", "left_scene"].includes(unit.status))
    .flatMap((unit) => {
      const goal = goalOf(unit, given);
      return goal ? [{
        key: unit.unit_id,
        from: at(unit.located.point),
        to: at(goal),
        isOpened: given.opened != null && unit.incident_id === given.opened
      }] : [];
    });
}

// All marks, units first: what is drawn last lies above, and no unit may cover a hospital or a scene.
export function marksOf(given, at) {
  const { calls = [], units = [], hospitals = [], stations = [], opened } = given;
  const t = now();
  const of = (kind, key, point, more) => ({ kind, key: `${kind}-${key}`, ...at(point), weight: 0, ...more });
  const isOf = (unit) => opened != null && unit.incident_id === opened;
  const cars = units.filter((unit) => unit.located).map((unit) => {
    const here = at(unit.located.point);
    const goal = ROTATES.has(unit.status) && goalOf(unit, { calls, hospitals, stations });
    const seen = seenOf(unit);
    const isFree = unit.leg_id == null;
    const age = `${say(`seen.${seen.how}`)} ${seen.at ? span(t - ms(seen.at)) : ""}${
      ["still", "moves"].includes(seen.how) ? say("seen.ago") : ""}`;
    return of("unit", unit.unit_id, unit.located.point, {
      status: unit.status,
      isSilent: seen.how === "silent",
      canHeap: isFree,
      turn: goal ? Math.round(bearing(here, at(goal))) : 0,
      name: isFree ? unit.unit_id : `${unit.unit_id} ${span(t - ms(unit.located.occurred_at))}`,
      weight: isOf(unit) ? 9 : seen.how === "silent" ? 7 : isFree ? 1 : 4,
      title: `${unit.unit_id} · ${say(`status.${unit.status}`)} · ${age}`,
      opens: unit.incident_id,
      isOpened: isOf(unit),
    });
  });
  const heaped = heaps(cars).map((mark) => (mark.more.length ? {
    ...mark,
    name: `×${mark.more.length + 1}`,
    title: [mark, ...mark.more].map((one) => one.title).join("\n")
  } : mark));
  return [
    ...heaped,
    ...stations.map((one) => of("station", one.station_id, one.point, {
      name: both(one.name), weight: 3, title: `${both(one.name)}`
    })),
    ...hospitals.map((one) => of("hospital", one.facility_id, one.point, {
      name: both(one.name), weight: 5, title: both(one.name)
    })),
    ...calls.map((call) => of("scene", call.incident_id, call.location, {
      level: worst(call),
      isLate: overdue(call, t).length > 0,
      reach: 20,
      isOpened: call.incident_id === opened,
      opens: call.incident_id,
      name: call.incident_id === opened || overdue(call, t).length
        ? call.location.address || say("location_unknown")
        : "",
      weight: call.incident_id === opened ? 10 : 8,
      title: `${call.location.address || say("location_unknown")} · ${code("levels", worst(call))}`,
    })),
  ];
}

const DRAWN = {
  station: () => html`<path class="station" d="M-6 -6h12v12h-12z" />`,
  hospital: () => html`<g class="hospital">
    <path class="ground" d="M-9 -9h18v18h-18z" />
    <path class="plus" d="M-5.5 0h11M0 -5.5v11" />
  </g>`,
  scene: (mark) => html`<g class=${`scene ${mark.level} ${mark.isLate ? "late" : ""}`}>
    <circle class="ground" r="14" />
    ${mark.isLate && html`<circle class="halo" r="18" />`}
    <g transform="translate(-11 -11)"><${Shape} level=${mark.level} size=${22} /></g>
  </g>`,
  unit: (mark) => html`<${Mark} status=${mark.status} isSilent=${mark.isSilent} turn=${mark.turn} />`,
};

export function MarkOf({ mark, onOpen }) {
  const opens = mark.opens && onOpen;
  return html`<g class=${`mark ${mark.isOpened ? "is-opened" : ""}`}
      transform=${`translate(${mark.x.toFixed(1)} ${mark.y.toFixed(1)})`}
      data-open=${opens ? mark.opens : undefined} onClick=${opens ? () => onOpen(mark.opens) : undefined}>
    <title>${mark.title}</title>
    ${DRAWN[mark.kind](mark)}
  </g>`;
}
