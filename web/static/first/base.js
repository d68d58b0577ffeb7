// What all parts of the page share: the template function, the clock, the shape of a level.

import { Component, h } from "../vendor/preact.mjs";
import htm from "../vendor/htm.mjs";
import { NUMERAL, say } from "./words.js";

export { Component };
export const html = htm.bind(h);

let offset = 0;

// The server's clock counts: ages are measured against the machine that took the times.
export const setClock = (serverNow) => { offset = serverNow - Date.now(); };
export const now = () => Date.now() + offset;

// A box that fills itself with as much as it has room for; null where it may grow as it likes.
export class Fitted extends Component {
  constructor() {
    super();
    this.state = { height: null };
    this.observer = new ResizeObserver(([entry]) => {
      const stacked = getComputedStyle(this.box).getPropertyValue("--stacked").trim() === "1";
      this.setState({ height: stacked ? null : entry.contentRect.height });
    });
  }

  componentDidMount() { this.observer.observe(this.box); }
  componentWillUnmount() { this.observer.disconnect(); }

  render({ kind, fill }, { height }) {
    return html`<div class=${kind} ref=${(box) => { this.box = box; }}>${fill(height)}</div>`;
  }
}

export const isCalm = () => matchMedia("(prefers-reduced-motion: reduce)").matches;

const OUTLINE = {
  critical: "M13 2h14l11 11v14L27 38H13L2 27V13z",
  severe: "M20 3.2 38.6 36.4a1 1 0 0 1-.9 1.4H2.3a1 1 0 0 1-.9-1.4z",
  urgent: "M6 3.5h28a2.5 2.5 0 0 1 2.5 2.5v28a2.5 2.5 0 0 1-2.5 2.5H6a2.5 2.5 0 0 1-2.5-2.5V6A2.5 2.5 0 0 1 6 3.5z",
  non_urgent: "M20 3a17 17 0 1 0 0 34 17 17 0 0 0 0-34z",
  not_yet: "M20 4a16 16 0 1 0 0 32 16 16 0 0 0 0-32z",
};

export const outline = (level) => OUTLINE[level] || OUTLINE.not_yet;

// Octagon, triangle, square, circle: the level can be told without its colour.
export function Shape({ level, size = 40, bare = false }) {
  return html`<svg class=${`shape ${level}`} width=${size} height=${size} viewBox="0 0 40 40" role="img"
      aria-label=${say(level)}>
    <path d=${outline(level)} />
    ${!bare && html`<text x="20" y=${level === "severe" ? 33 : 27} text-anchor="middle">${NUMERAL[level]}</text>`}
  </svg>`;
}
