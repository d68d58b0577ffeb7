// Everything that moves on the map. Drawn by hand, for it changes with every frame.

import { isCalm, outline } from "./base.js";

const SVG = "http://www.w3.org/2000/svg";
const FRAME_MS = 45;
// More ambulances than this are drawn smaller.
const MANY = 24;
// A fix is reached in about the time that passed since the one before.
const SHORTEST_MS = 250, LONGEST_MS = 2500;

function make(name, attributes, parent) {
  const node = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  if (parent) parent.append(node);
  return node;
}

export class Fleet {
  constructor() {
    this.units = new Map();
    this.scenes = new Map();
    this.seen = new Set();
    this.frame = 0;
    this.last = 0;
  }

  stop() { cancelAnimationFrame(this.frame); }

  show(layer, label, project, { units = [], scenes = [], followed, flips = [] }) {
    if (layer !== this.layer) this.begin(layer);
    const resized = this.project && String(project([0, 0])) !== String(this.project([0, 0]));
    this.project = project;
    this.label = label;
    this.followed = followed;
    label.textContent = units.some(([id]) => id === followed) ? followed : "";
    this.showScenes(scenes);
    this.showUnits(units, followed, resized);
    this.ripple(flips);
    if (!this.frame) this.frame = requestAnimationFrame((t) => this.draw(t));
  }

  begin(layer) {
    this.layer = layer;
    layer.replaceChildren();
    this.units.clear();
    this.scenes.clear();
    this.below = make("g", { class: "ways" }, layer);
    this.places = make("g", { class: "scenes" }, layer);
    this.above = make("g", { class: "units" }, layer);
  }

  showScenes(scenes) {
    const ids = new Set(scenes.map(([id]) => id));
    for (const [id, node] of this.scenes) if (!ids.has(id)) { node.remove(); this.scenes.delete(id); }
    for (const [id, lat, lon, level] of scenes) {
      const [x, y] = this.project([lat, lon]);
      const node = this.scenes.get(id) || this.scene(id);
      node.setAttribute("transform", `translate(${x.toFixed(1)} ${y.toFixed(1)})`);
      node.setAttribute("class", `at ${level}`);
    }
  }

  scene(id) {
    const node = make("g", {}, this.places);
    make("circle", { r: 11, class: "pulse" }, node);
    make("circle", { r: 3.5 }, node);
    this.scenes.set(id, node);
    return node;
  }

  showUnits(units, followed, resized) {
    const ids = new Set(units.map(([id]) => id));
    for (const [id, unit] of this.units) if (!ids.has(id)) {
      unit.node.remove();
      unit.way.remove();
      this.units.delete(id);
    }
    const t = performance.now();
    for (const [id, lat, lon, phase, level, target] of units) {
      const to = this.project([lat, lon]);
      const unit = this.units.get(id) || this.unit(id, to);
      if (resized) unit.at = unit.from = unit.to = to;
      if (to[0] !== unit.to[0] || to[1] !== unit.to[1]) {
        const gap = Math.min(LONGEST_MS, Math.max(SHORTEST_MS, t - unit.since));
        Object.assign(unit, { from: unit.at, to, since: t, gap: isCalm() ? 1 : gap * 1.15 });
      }
      if (id === followed) unit.still = false;
      unit.target = target ? this.project(target) : null;
      this.dress(unit, phase, level, id === followed, units.length > MANY);
    }
  }

  unit(id, at) {
    const node = make("g", {}, this.above);
    const way = make("path", {}, this.below);
    const unit = { id, node, way, at, from: at, to: at, since: performance.now(), gap: 1, look: "" };
    this.units.set(id, unit);
    return unit;
  }

  // An ambulance without a patient's level is a dot; with one it has the shape of the level.
  dress(unit, phase, level, followed, crowded) {
    const look = `${phase} ${level || "none"}${followed ? " followed" : ""}${crowded ? " small" : ""}`;
    if (unit.look === look) return;
    unit.look = look;
    unit.node.setAttribute("class", look);
    unit.way.setAttribute("class", look);
    unit.node.replaceChildren();
    if (followed) make("circle", { r: 17, class: "halo" }, unit.node);
    const known = phase !== "idle" && level && level !== "not_yet";
    const size = followed ? 0.58 : crowded ? 0.3 : 0.46;
    if (known) make("path", { d: outline(level), transform: `scale(${size}) translate(-20 -20)` }, unit.node);
    else make("circle", { r: phase === "idle" || crowded ? 4 : 6.5 }, unit.node);
    if (followed) this.above.append(unit.node);
  }

  draw(t) {
    this.frame = requestAnimationFrame((next) => this.draw(next));
    if (t - this.last < FRAME_MS) return;
    this.last = t;
    for (const unit of this.units.values()) {
      const k = Math.min(1, (t - unit.since) / unit.gap);
      if (k >= 1 && unit.still && !unit.target) continue;
      unit.still = k >= 1;
      unit.at = [unit.from[0] + (unit.to[0] - unit.from[0]) * k, unit.from[1] + (unit.to[1] - unit.from[1]) * k];
      const [x, y] = unit.at;
      unit.node.setAttribute("transform", `translate(${x.toFixed(1)} ${y.toFixed(1)})`);
      if (unit.id === this.followed)
        this.label.setAttribute("transform", `translate(${x.toFixed(1)} ${(y - 22).toFixed(1)})`);
      unit.way.setAttribute("d", unit.target ? bow(unit.at, unit.target) : "");
    }
  }

  // The moment of admission, where it happens: one soft ring from the ambulance.
  ripple(flips) {
    for (const { id, unit: unitId } of flips) {
      const unit = this.units.get(unitId);
      if (this.seen.has(id) || !unit) continue;
      this.seen.add(id);
      if (isCalm()) continue;
      const ring = make("circle", { r: 10, class: "ripple" }, unit.node);
      ring.addEventListener("animationend", () => ring.remove());
    }
  }
}

// A slightly bent way from here to there, as one draws it by hand.
function bow([x, y], [tx, ty]) {
  const cx = (x + tx) / 2 + (ty - y) * 0.16, cy = (y + ty) / 2 - (tx - x) * 0.16;
  return `M${x.toFixed(1)} ${y.toFixed(1)}Q${cx.toFixed(1)} ${cy.toFixed(1)} ${tx.toFixed(1)} ${ty.toFixed(1)}`;
}
