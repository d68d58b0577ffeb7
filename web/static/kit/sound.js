// One sound for each patient or call that needs one, every twenty seconds until somebody has
// acknowledged. At a hospital nothing is loud that is not Ⅰ or a team that is called; at dispatch, that
// is not a clock of an emergency over its limit or a telephone call that is asked for.

import { desk, own } from "./api.js";

const EVERY_MS = 20_000;
const APART_MS = 1_200;
const BLOCKED_MS = 500;
const KEPT = `greenchannel.sound.${desk}`;
// Two notes that rise for Ⅰ, two that fall for a team, one three times for a clock that is over, two that
// ring as a telephone does: hertz and seconds.
const NOTES = {
  critical: [[740, 0.18], [988, 0.32]],
  activated: [[880, 0.2], [659, 0.3]],
  overdue: [[587, 0.16], [587, 0.16], [587, 0.3]],
  telephone: [[784, 0.12], [932, 0.12], [784, 0.12], [932, 0.2]],
};

// Whether sound is wished for at this desk: true, false, or null where nobody has said. It is kept
// until the browser's window is closed, over every page of the desk.
const wish = {
  get: () => {
    try {
      return { on: true, off: false }[sessionStorage.getItem(KEPT)] ?? null;
    } catch { return null; }
  },
  set: (on) => {
    try {
      sessionStorage.setItem(KEPT, on ? "on" : "off");
    } catch { /* until this page is left, then */ }
  },
};

// With `isWanted` any tap on the page turns sound on for who has not said whether they wish for it.
export class Sounder {
  constructor(change, { isWanted = false } = {}) {
    this.change = change;
    this.context = null;
    this.wanted = new Map();
    this.last = new Map();
    this.free = 0;
    this.wish = wish.get();
    this.isBlocked = false; // until a tap
    this.timer = setInterval(() => this.look(), 500);
    this.tap = ({ target }) => {
      if (target?.closest?.(".sound, .ask-sound")) return; // what is pressed there says what it wants
      if (!this.isOn && (this.wish ?? isWanted)) this.turn(true);
    };
    for (const kind of ["click", "keydown"]) document.addEventListener(kind, this.tap);
    if (this.wish) this.start();
  }

  get isOn() { return this.context?.state === "running"; }

  // A browser may want one tap before it makes a sound; any tap on the page will do.
  start() {
    if (!this.context) {
      this.context = new AudioContext();
      this.context.onstatechange = () => { this.change(this.isOn); this.look(); };
    }
    const soon = new Promise((go) => { setTimeout(go, BLOCKED_MS); });
    return Promise.race([this.context.resume(), soon]).then(() => {
      this.isBlocked = !this.isOn;
      this.change(this.isOn);
    });
  }

  async turn(on) {
    this.wish = on;
    wish.set(on);
    if (on) await this.start();
    else await this.context?.suspend();
    this.change(this.isOn);
    this.look();
  }

  // Who needs a sound now: a Map of encounter, call or alarm to why.
  want(wanted) {
    this.wanted = wanted;
    for (const id of this.last.keys()) if (!wanted.has(id)) this.last.delete(id);
    this.look();
  }

  look(now = performance.now()) {
    if (!this.isOn) return;
    for (const [id, because] of this.wanted) {
      if (now < this.free) return; // one after the other
      if (now - (this.last.get(id) ?? -Infinity) < EVERY_MS) continue;
      this.last.set(id, now);
      this.free = now + APART_MS;
      this.play(because);
    }
  }

  play(because) {
    let at = this.context.currentTime + 0.02;
    for (const [hertz, seconds] of NOTES[because]) {
      const tone = this.context.createOscillator();
      const loudness = this.context.createGain();
      tone.frequency.value = hertz;
      loudness.gain.setValueAtTime(0.0001, at);
      loudness.gain.exponentialRampToValueAtTime(0.4, at + 0.02);
      loudness.gain.exponentialRampToValueAtTime(0.0001, at + seconds);
      tone.connect(loudness).connect(this.context.destination);
      tone.start(at);
      tone.stop(at + seconds + 0.02);
      at += seconds;
    }
    own("POST", "sounds", { because }).catch(() => { /* it was heard, if not counted */ });
  }

  end() {
    clearInterval(this.timer);
    for (const kind of ["click", "keydown"]) document.removeEventListener(kind, this.tap);
    this.context?.close();
  }
}
