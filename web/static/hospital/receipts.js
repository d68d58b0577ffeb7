// Tells by itself what has come to this board, and what is on its screen. Nobody presses.

import { ask } from "../kit/api.js";
import { isoNow } from "../kit/clock.js";

const TELL_MS = 250;
const MOST = 500;
const SEEN = 0.3;
const WHOLE = 0.95;

export class Receipts {
  // Of the window's lower edge so many pixels are covered.
  constructor(facility, below = 0) {
    this.path = `facilities/${facility}/receipts`;
    this.owed = new Map();
    this.seen = new Set();
    this.whole = new Set(); // and of those, what can be read to its end
    this.onSeen = () => {};
    this.observer = new IntersectionObserver((entries) => {
      for (const { target, intersectionRatio: ratio } of entries) {
        const { encounter } = target.dataset;
        for (const [kept, least] of [[this.seen, SEEN], [this.whole, WHOLE]]) {
          if (ratio >= least) kept.add(encounter);
          else kept.delete(encounter);
        }
      }
      this.onSeen();
    }, { threshold: [SEEN, WHOLE], rootMargin: `0px 0px -${below}px 0px` });
    this.timer = setInterval(() => this.tell(), TELL_MS);
  }

  watch(node) { this.observer.observe(node); }
  unwatch(node) {
    this.observer.unobserve(node);
    this.seen.delete(node.dataset.encounter);
    this.whole.delete(node.dataset.encounter);
  }

  // A patient has come up, or has changed.
  take({ encounter_id: id, version, record, handoff }) {
    if (!record || (handoff.delivered_at && handoff.displayed_at)) this.owed.delete(id);
    else this.owed.set(id, {
      version,
      delivered: Boolean(handoff.delivered_at) || this.owed.get(id)?.delivered === true
    });
  }

  async tell() {
    const isVisible = document.visibilityState === "visible";
    const told = [...this.owed]
      .map(([id, { version, delivered }]) =>
        ({ id, version, delivered, displayed: isVisible && this.seen.has(id) }))
      .filter(({ delivered, displayed }) => displayed || !delivered)
      .slice(0, MOST);
    if (!told.length || this.busy) return;
    this.busy = true;
    const receipts = told.map(({ id, version, displayed }) => ({ encounter_id: id, version, displayed }));
    try {
      await ask("bridge", "POST", this.path, { receipts, occurred_at: isoNow() });
      for (const { id, version, displayed } of told) {
        const owed = this.owed.get(id);
        if (!owed) continue;
        if (displayed && owed.version === version) this.owed.delete(id);
        else owed.delivered = true;
      }
    } catch { /* it is told again */ } finally { this.busy = false; }
  }

  end() { clearInterval(this.timer); this.observer.disconnect(); }
}
