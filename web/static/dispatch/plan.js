// The map: stations, hospitals, scenes, units, by shape, on streets where the site has tiles; it moves by
// wheel, by hand, by keys and by buttons. With `onPick` it asks for a place instead.

import { told } from "../kit/api.js";
import { Component, createRef, html } from "../kit/html.js";
import { say } from "../kit/language.js";
import { around, bar, farFrom, fromView, grid, named, onView, zoomed } from "./places.js";
import { marksOf, MarkOf, placesOf, pointsOf, waysOf } from "./marks.js";
import { Sign } from "./sign.js";
import { Streets } from "./streets.js";

const STEP = 60;
const NEARER = 0.7;

export class Plan extends Component {
  constructor() {
    super();
    this.box = createRef();
    this.state = { width: 0, height: 0, view: null };
    this.hands = new Map();
  }

  componentDidMount() {
    this.watch = new ResizeObserver(([{ contentRect: { width, height } }]) => this.setState({ width, height }));
    this.watch.observe(this.box.current);
    // Preact listens to a wheel passively, and a map must keep the page from moving with it.
    this.box.current.addEventListener("wheel", this.wheel = (event) => {
      event.preventDefault();
      const { left, top } = this.box.current.getBoundingClientRect();
      this.zoom(event.deltaY < 0 ? NEARER : 1 / NEARER, event.clientX - left, event.clientY - top);
    }, { passive: false });
  }

  componentWillUnmount() {
    this.watch.disconnect();
    this.box.current?.removeEventListener("wheel", this.wheel);
  }

  // One wrong entry must not make the site a dot: what is far from all of it is left out of the view.
  get points() {
    const isFar = farFrom(placesOf(this.props));
    return pointsOf(this.props).filter((point) => !isFar(point));
  }

  // Where nobody has moved it, everything else is in view.
  get view() {
    const { width, height, view } = this.state;
    return view ?? around(this.points, width, height);
  }

  zoom(factor, x = this.state.width / 2, y = this.state.height / 2) {
    this.setState({ view: zoomed(this.view, factor, x, y, this.state.width, this.state.height) });
  }

  move(dx, dy) {
    const view = this.view;
    this.setState({ view: { ...view, x: view.x + dx * view.pixel, y: view.y + dy * view.pixel } });
  }

  key(event) {
    const keys = { ArrowLeft: [-STEP, 0], ArrowRight: [STEP, 0], ArrowUp: [0, -STEP], ArrowDown: [0, STEP] };
    if (keys[event.key]) this.move(...keys[event.key]);
    else if (event.key === "+" || event.key === "=") this.zoom(NEARER);
    else if (event.key === "-") this.zoom(1 / NEARER);
    else if (event.key === "0") this.setState({ view: null });
    else if (event.key === "Enter" && this.props.onPick && event.target === this.box.current)
      this.pick(this.state.width / 2, this.state.height / 2);
    else return;
    event.preventDefault();
  }

  pick(x, y) { this.props.onPick(fromView(this.view, this.state.width, this.state.height)(x, y)); }

  down(event) {
    if (event.target.closest("button, details, [data-open]")) return;
    this.hands.set(event.pointerId, { x: event.clientX, y: event.clientY, went: 0 });
    this.box.current.setPointerCapture(event.pointerId);
  }

  // One hand moves it; two draw it nearer or farther.
  go(event) {
    const hand = this.hands.get(event.pointerId);
    if (!hand) return;
    const [dx, dy] = [event.clientX - hand.x, event.clientY - hand.y];
    const other = [...this.hands].find(([id]) => id !== event.pointerId)?.[1];
    if (other) {
      const before = Math.hypot(hand.x - other.x, hand.y - other.y);
      const after = Math.hypot(event.clientX - other.x, event.clientY - other.y);
      const { left, top } = this.box.current.getBoundingClientRect();
      if (after > 0 && before > 0)
        this.zoom(before / after, (event.clientX + other.x) / 2 - left, (event.clientY + other.y) / 2 - top);
    } else if (hand.went + Math.hypot(dx, dy) > 3) this.move(-dx, -dy);
    Object.assign(hand, { x: event.clientX, y: event.clientY, went: hand.went + Math.hypot(dx, dy) });
  }

  up(event) {
    const hand = this.hands.get(event.pointerId);
    this.hands.delete(event.pointerId);
    if (hand && hand.went <= 3 && this.props.onPick && event.type === "pointerup") {
      const { left, top } = this.box.current.getBoundingClientRect();
      this.pick(event.clientX - left, event.clientY - top);
    }
  }

  render({ onPick, picked, onOpen }, { width, height, hasStreets }) {
    const view = this.view;
    const at = onView(view, width, height);
    const isSeen = ({ x, y }) => x > -20 && y > -20 && x < width + 20 && y < height + 20;
    const marks = width ? marksOf(this.props, at).filter(isSeen) : [];
    const names = named(marks, width, height, keptOf(width, height));
    const scale = width ? bar(view) : null;
    const hand = {
      onPointerDown: (e) => this.down(e),
      onPointerMove: (e) => this.go(e),
      onPointerUp: (e) => this.up(e),
      onPointerCancel: (e) => this.up(e)
    };
    const there = picked && at(picked);
    const kept = new Set(this.points);
    const far = width ? pointsOf(this.props).filter((point) => !kept.has(point) && !isSeen(at(point))).length : 0;
    return html`<div class=${`map ${onPick ? "picks" : ""}`} ref=${this.box} tabindex="0"
        role=${onPick ? "application" : "group"} aria-label=${say(onPick ? "map_pick" : "map")}
        onKeyDown=${(e) => this.key(e)} ...${hand}>
      ${told.tiles && width > 0 && html`<${Streets} view=${view} width=${width} height=${height}
        onThere=${() => hasStreets || this.setState({ hasStreets: true })} />`}
      <svg width=${width} height=${height}>
        ${scale && !hasStreets && html`<path class="grid" d=${grid(view, width, height, scale)} />`}
        ${width > 0 && waysOf(this.props, at).map((way) => html`<path key=${`w${way.key}`}
          class=${`way ${way.isOpened ? "is-opened" : ""}`}
          d=${`M${way.from.x} ${way.from.y}L${way.to.x} ${way.to.y}`} />`)}
        ${marks.map((mark) => html`<${MarkOf} key=${mark.key} mark=${mark} onOpen=${onOpen} />`)}
        ${names.map(({ mark, x, y }) => html`<text key=${`n${mark.key}`}
            class=${`name of-${mark.kind} ${mark.isSilent ? "silent" : ""}`} x=${x} y=${y}>
          ${mark.name}
        </text>`)}
        ${onPick && html`<path class="cross"
          d=${`M${width / 2 - 12} ${height / 2}h24M${width / 2} ${height / 2 - 12}v24`} />`}
        ${there && html`<g class="picked" transform=${`translate(${there.x} ${there.y})`}>
          <circle r="11" />
          <circle r="3" />
        </g>`}
        ${scale && html`<g class="scale" transform=${`translate(14 ${height - 16})`}>
          <path d=${`M0 -5v5h${scale.pixels}v-5`} />
          <text x=${scale.pixels + 8} y="1">
            ${scale.metres >= 1000 ? `${scale.metres / 1000} km` : `${scale.metres} m`}
          </text>
        </g>`}
      </svg>
      ${width > 0 && pointsOf(this.props).length === 0 && html`<p class="no-place">${say("no_place")}</p>`}
      ${far > 0 && html`<p class="far-off" role="status">${say("far_off", { n: far })}</p>`}
      <div class="map-keys">
        <button type="button" aria-label=${say("nearer")} onClick=${() => this.zoom(NEARER)}>+</button>
        <button type="button" aria-label=${say("farther")} onClick=${() => this.zoom(1 / NEARER)}>−</button>
        <button type="button" aria-label=${say("all_of_it")} onClick=${() => this.setState({ view: null })}>⤢</button>
      </div>
      ${onPick && html`<div class="map-keys below">
        <button type="button" class="wide" onClick=${() => this.pick(width / 2, height / 2)}>
          ${say("pick_middle")}
        </button>
      </div>`}
      ${told.tiles && told.tiles_credit && html`<small class="credit">${told.tiles_credit}</small>`}
      ${!onPick && html`<${Legend} />`}
    </div>`;
  }
}

// Where the buttons, the legend and the bar lie.
const keptOf = (width, height) => [
  { x: width - 64, y: 0, width: 64, height: 162 },
  { x: 0, y: 0, width: 100, height: 54 },
  { x: 0, y: height - 30, width: 190, height: 30 }
];

const Legend = () => html`<details class="legend">
  <summary>${say("legend")}</summary>
  <ul>
    ${[
      "available", "notified", "departed", "on_scene", "left_scene", "at_destination", "returning", "out_of_service"
    ].map((status) => html`<li key=${status}><${Sign} status=${status} /> ${say(`status.${status}`)}</li>`)}
    <li><${Sign} status="departed" isSilent=${true} /> ${say("seen.silent")}</li>
  </ul>
</details>`;
