// The downtime copy: whoever follows the feed keeps who is coming, at once, every minute, and as it was when
// the line broke. It is in this browser alone (copy.js shows it).

import { own } from "../kit/api.js";
import { now } from "../kit/clock.js";
import { keep } from "../kit/keep.js";
import { isOver, order } from "./patients.js";

const COPY_MS = 60_000;

export class Copy {
  constructor(facility) {
    this.facility = facility;
    this.name = null;
    this.items = new Map();
    this.isKnown = false;
    this.live = null;
    this.timer = setInterval(() => { if (this.live === "live") this.write(); }, COPY_MS);
  }

  end() { clearInterval(this.timer); }

  // What the feed says: a snapshot is all, and is kept as soon as it is there.
  take(items, isAll = false) {
    if (isAll) this.items.clear();
    for (const item of items) {
      if (isOver(item)) this.items.delete(item.encounter_id);
      else this.items.set(item.encounter_id, item);
    }
    if (isAll && !this.isKnown) { this.isKnown = true; this.write(); }
  }

  // A line that breaks: what came last may be minutes newer than what was kept.
  line(live, heard) {
    this.live = live;
    if (live === "cut" && heard !== null) this.write(heard);
  }

  async write(at = now()) {
    if (!this.isKnown) return;
    try {
      if (this.live !== "cut") await own("GET", "session"); // another window may have signed out
      const items = order(this.items.values());
      await keep("copies", "board", { facility_id: this.facility, name: this.name, at, items });
    } catch { /* the next minute */ }
  }
}
