// The city as a drawing: roads, hospitals and stations stand still, the ambulances move.

import { Component, html, Shape } from "./base.js";
import { Fleet } from "./fleet.js";
import { both, say } from "./words.js";

const MARGIN = 24, STRETCH = 1.7;

// Fits the city into the drawing, north up. It is a drawing, not a map: it may be stretched a little.
export function projection({ stations = [], facilities = [], roads = [] }, width, height) {
  const points = [...[...stations, ...facilities].map((x) => x.point), ...roads.flatMap((r) => r.points)];
  const span = (i) => [Math.min(...points.map((p) => p[i])), Math.max(...points.map((p) => p[i]))];
  const [south, north] = span(0), [west, east] = span(1);
  const narrow = Math.cos(((south + north) / 2) * Math.PI / 180);
  const fit = [(width - 2 * MARGIN) / ((east - west) * narrow), (height - 2 * MARGIN) / (north - south)];
  const least = Math.min(...fit);
  const [sx, sy] = fit.map((s) => Math.min(s, least * STRETCH));
  const left = (width - (east - west) * narrow * sx) / 2, top = (height - (north - south) * sy) / 2;
  return ([lat, lon]) => [left + (lon - west) * narrow * sx, top + (north - lat) * sy];
}

// A road with round corners through its points.
function road(points) {
  const at = ([x, y]) => `${x.toFixed(1)} ${y.toFixed(1)}`;
  const middle = (a, b) => [(a[0] + b[0]) / 2, (a[1] + b[1]) / 2];
  const turns = points.slice(1, -1).map((p, i) => {
    const before = toward(p, points[i], 9), after = toward(p, points[i + 2], 9);
    return `L${at(before)}Q${at(p)} ${at(after)}`;
  });
  function toward(from, to, length) {
    const d = Math.hypot(to[0] - from[0], to[1] - from[1]);
    return d < 2 * length
      ? middle(from, to)
      : [from[0] + (to[0] - from[0]) * length / d, from[1] + (to[1] - from[1]) * length / d];
  }
  return `M${at(points[0])}${turns.join("")}L${at(points[points.length - 1])}`;
}

function Ground({ city, project }) {
  const roads = (city.roads || []).map((r) => road(r.points.map(project)));
  return html`
    <g class="roads casing">${roads.map((d) => html`<path d=${d} />`)}</g>
    <g class="roads">${roads.map((d) => html`<path d=${d} />`)}</g>
    ${(city.stations || []).map((s) => html`<${Station} at=${project(s.point)} />`)}
    ${(city.facilities || []).map((f) => html`<${Hospital} at=${project(f.point)} />`)}`;
}

// The names stand above everything that moves.
function Names({ city, project, width }) {
  return html`<g class="names">
    ${(city.stations || []).map((s) => html`<${Label} at=${project(s.point)} text=${both(s.name)} width=${width}
      kind="station" />`)}
    ${(city.facilities || []).map((f) => html`<${Label} at=${project(f.point)} text=${both(f.name)} width=${width}
      kind="hospital" />`)}
  </g>`;
}

// A name stands to the right of its place, unless it fits to the left only.
function Label({ at: [x, y], text, width, kind }) {
  const length = 16 + [...text].reduce((sum, letter) => sum + (letter > "\u2e80" ? 12 : 6.2), 0);
  const leftwards = x + length > width && x > length;
  const aside = kind === "hospital" ? 15 : 12;
  return html`<text class=${kind} x=${x + (leftwards ? -aside : aside)} y=${y + 4}
      text-anchor=${leftwards ? "end" : "start"}>
    ${text}
  </text>`;
}

function Station({ at: [x, y] }) {
  return html`<g class="station"><rect x=${x - 4} y=${y - 4} width="8" height="8" rx="1.5" /></g>`;
}

function Hospital({ at: [x, y] }) {
  return html`<g class="hospital">
    <rect x=${x - 9} y=${y - 9} width="18" height="18" rx="4" />
    <path d=${`M${x} ${y - 5}v10M${x - 5} ${y}h10`} />
  </g>`;
}

export class City extends Component {
  constructor() {
    super();
    this.state = { width: 0, height: 0 };
    this.fleet = new Fleet();
    this.observer = new ResizeObserver(([entry]) => {
      const { width, height } = entry.contentRect;
      this.setState({ width: Math.round(width), height: Math.round(height) });
    });
  }

  componentDidMount() { this.observer.observe(this.box); }

  componentWillUnmount() {
    this.observer.disconnect();
    this.fleet.stop();
  }

  componentDidUpdate() {
    const { units, scenes, followed, flips } = this.props;
    if (this.project) this.fleet.show(this.layer, this.label, this.project, { units, scenes, followed, flips });
  }

  render({ city }, { width, height }) {
    const known = width > 0 && city && city.facilities;
    this.project = known ? projection(city, width, height) : null;
    if (!known || this.drawn !== `${width}x${height}${say("city")}`) {
      this.ground = known ? html`<${Ground} city=${city} project=${this.project} />` : null;
      this.names = known ? html`<${Names} city=${city} project=${this.project} width=${width} />` : null;
      this.drawn = known ? `${width}x${height}${say("city")}` : "";
    }
    return html`<section class="city" aria-label=${say("city_label")}>
      <h2>${both(city && city.name) || say("city")}</h2>
      <div class="map" ref=${(box) => { this.box = box; }}>
        <svg width=${width} height=${height} viewBox=${`0 0 ${width || 1} ${height || 1}`} aria-hidden="true">
          ${this.ground}<g ref=${(layer) => { this.layer = layer; }}></g>${this.names}
          <text class="unit" text-anchor="middle" ref=${(label) => { this.label = label; }}></text>
        </svg>
      </div>
      <${Legend} />
    </section>`;
  }
}

function Legend() {
  const levels = ["critical", "severe", "urgent", "non_urgent", "not_yet"];
  return html`<p class="legend">
    ${levels.map((level) => html`<span><${Shape} level=${level} size=${13} bare />${say(level)}</span>`)}
    <span><i class="idle"></i>${say("legend_idle")}</span><span><i class="scene"></i>${say("legend_scene")}</span>
  </p>`;
}
