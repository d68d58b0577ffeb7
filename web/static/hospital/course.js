// How the vital signs of one patient went: what was told before, and what comes by. No drawing.

import { ms } from "../kit/clock.js";

// What is drawn in one plot each, in this order; the first four are always there.
export const PLOTS = [
  ["heart_rate"],
  ["systolic_bp", "diastolic_bp"],
  ["spo2"],
  ["respiratory_rate"],
  ["temperature"],
  ["blood_glucose"],
  ["pain"],
  ["fetal_heart_rate"],
  ["potassium"]
];
export const ALWAYS = 4;
// A line is not drawn across so long without a value.
const GAP_MS = 180_000;
const MOST = 2000;

export class Course {
  constructor() { this.of = {}; }

  // One value; each time of a vital sign counts once, the later word on it stands.
  add(name, { at, value, method, invalid = false }) {
    const moment = ms(at);
    const line = this.of[name] ??= [];
    let place = line.length;
    while (place > 0 && line[place - 1].at > moment) place -= 1;
    const taken = { at: moment, value, method, invalid };
    if (place > 0 && line[place - 1].at === moment) line[place - 1] = taken;
    else line.splice(place, 0, taken);
    if (line.length > MOST) line.shift();
  }

  history(series) {
    for (const { name, values } of series) for (const value of values) this.add(name, value);
  }

  take(record) {
    for (const { name, value, occurred_at: at, method } of record.inputs) this.add(name, { at, value, method });
    for (const { name, value, occurred_at: at, method } of record.invalid ?? [])
      this.add(name, { at, value, method, invalid: true });
  }

  points(name) { return this.of[name] ?? []; }
  numbers(name) { return this.points(name).filter((p) => typeof p.value === "number" && !p.invalid); }
  // A human tried and could not; or what cannot be true. Neither is a number.
  marks(name) { return this.points(name).filter((p) => p.value === "unmeasurable" || p.invalid); }
  has(names) { return names.some((name) => this.points(name).length > 0); }
  get first() { return Math.min(Infinity, ...Object.values(this.of).map((line) => line[0]?.at ?? Infinity)); }
}

// Columns for a plot: seconds, and for each name its values, null where a line has to break.
export function columns(course, names) {
  const lines = names.map((name) => course.numbers(name));
  const times = new Set();
  for (const line of lines) {
    line.forEach(({ at }, place) => {
      times.add(at);
      if (place > 0 && at - line[place - 1].at > GAP_MS) times.add(line[place - 1].at + 1);
    });
  }
  const xs = [...times].sort((a, b) => a - b);
  const ys = lines.map((line) => {
    const by = new Map(line.map(({ at, value }) => [at, value]));
    const ends = new Set(line
      .filter(({ at }, place) => place > 0 && at - line[place - 1].at > GAP_MS)
      .map(({ at }) => at));
    let next = 0;
    return xs.map((x) => {
      if (by.has(x)) return by.get(x);
      while (next < line.length && line[next].at < x) next += 1;
      // Null breaks a line, undefined lets it go on between two times of the other one.
      return next < line.length && ends.has(line[next].at) ? null : undefined;
    });
  });
  return [xs.map((x) => x / 1000), ...ys];
}

// The bands that rules saw a value in, of these vital signs: {name, low, high, level, isOver}; `isOver` where no
// value says so any more.
export function bandsOf(record, names) {
  const of = (reasons, isOver) => reasons.filter(({ band }) => band && names.includes(band.name))
    .map(({ band: { name, low = null, high = null }, level }) => ({ name, low, high, level, isOver }));
  return [...of(record.earlier ?? [], true), ...of(record.reasons, false)];
}

// Rows of a table, the newest first: {at, values: {name: [point, …]}}; one for each minute.
export function rows(course, most = 120) {
  const minutes = new Map();
  for (const [name, line] of Object.entries(course.of)) {
    for (const point of line) {
      const minute = Math.floor(point.at / 60_000) * 60_000;
      const row = minutes.get(minute) ?? minutes.set(minute, {}).get(minute);
      row[name] = point;
    }
  }
  return [...minutes].sort((a, b) => b[0] - a[0]).slice(0, most).map(([at, values]) => ({ at, values }));
}

// First, lowest, highest, last of what was measured; and when nobody could.
export function extremes(course, name) {
  const numbers = course.numbers(name);
  const by = (better) => numbers.reduce(
    (best, point) => (best === null || better(point.value, best.value) ? point : best), null);
  return {
    first: numbers[0] ?? null, last: numbers[numbers.length - 1] ?? null,
    lowest: by((a, b) => a < b), highest: by((a, b) => a > b),
    unmeasurable: course.marks(name).filter((p) => !p.invalid),
  };
}
