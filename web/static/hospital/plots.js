// Vital signs on one axis of time: a small plot for each, what was done as marks; or a table of the same.

import uPlot from "uplot";
import { told } from "../kit/api.js";
import { secondOf, timeOf } from "../kit/clock.js";
import { html, useEffect, useRef, useState } from "../kit/html.js";
import { code, figure, language, say } from "../kit/language.js";
import { ALWAYS, bandsOf, columns, PLOTS, rows } from "./course.js";

export const UNITS = {
  heart_rate: "/min",
  respiratory_rate: "/min",
  spo2: "%",
  systolic_bp: "mmHg",
  diastolic_bp: "mmHg",
  temperature: "°C",
  blood_glucose: "mmol/L",
  pain: "NRS",
  fetal_heart_rate: "/min",
  potassium: "mmol/L"
};
// The narrowest scale of a plot: noise of a steady value is not drawn as a mountain.
const LEAST = { temperature: 2, blood_glucose: 4, potassium: 2, spo2: 10, pain: 10 };
const HEIGHT = 118;
const sync = uPlot.sync("vitals");

const ink = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const nameOf = (names) => (names.length > 1 ? code("vitals", "blood_pressure") : code("vitals", names[0]));
export const valueText = (name, point) => {
  if (!point) return "";
  if (point.value === "unmeasurable") return say("unmeasurable");
  if (point.invalid) return say("invalid");
  if (name === "consciousness") return code("consciousness", point.value);
  if (name === "on_oxygen") return say(point.value === "yes" ? "on_oxygen" : "on_air");
  return figure(point.value);
};

// A scale that holds every value and where the bands begin, and never less than what makes a change worth
// a look.
function range(name, least, most, bands) {
  if (least == null) return [0, LEAST[name] ?? 20];
  const ends = bands.flatMap((band) => [band.low, band.high]).filter((end) => end != null);
  const [low, high] = [Math.min(least, ...ends), Math.max(most, ...ends)];
  const middle = (low + high) / 2;
  const reach = Math.max((LEAST[name] ?? 20) / 2, (high - low) * 0.62);
  return [Math.max(0, middle - reach), middle + reach];
}

// Where words of this size, whose head is here, lie over no value and no mark; else over no value and no number of a
// mark; else the first place.
function placeOf(u, done, head, { wide, high }) {
  const { left, top, width } = u.bbox;
  const [air, first, last] = [6 * devicePixelRatio, left + 30 * devicePixelRatio, left + width - wide];
  const marks = done.map(({ at }) => u.valToPos(at / 1000, "x", true));
  const points = u.data.slice(1).flatMap((values) => values.map((value, place) => value != null
    && [u.valToPos(u.data[0][place], "x", true), u.valToPos(value, "y", true)]).filter(Boolean));
  const isBeside = (x, at) => at > x - air && at < x + wide + air;
  const isOver = (x) => points.some(([at, y]) => isBeside(x, at) && y > head - air && y < head + high + air);
  const step = 10 * devicePixelRatio;
  const places = Array.from({ length: Math.max(0, Math.ceil((last - first) / step)) }, (_, n) => first + n * step)
    .filter((x) => !isOver(x));
  const hasMark = (x) => marks.some((at) => isBeside(x, at));
  const isNumbered = head < top + 26 * devicePixelRatio;
  return places.find((x) => !hasMark(x)) ?? (isNumbered ? null : places[0]) ?? first;
}

// What a level rests on: the band, in its colour, with a line where it begins. Where two vital signs share
// a plot it says of which: a diastolic value in a systolic band says nothing.
function drawBands(u, { bands, done }, names) {
  const { ctx } = u;
  const { left, top, width, height } = u.bbox;
  const foot = top + height;
  const y = (value, open) => (value == null ? open : Math.min(foot, Math.max(top, u.valToPos(value, "y", true))));
  ctx.save();
  for (const { name, low, high, level, isOver } of bands) {
    const [above, below] = [y(high, top), y(low, foot)];
    ctx.fillStyle = ctx.strokeStyle = ink(`--${level}`);
    ctx.globalAlpha = isOver ? 0.08 : 0.2;
    ctx.fillRect(left, above, width, below - above);
    ctx.globalAlpha = isOver ? 0.35 : 0.9;
    ctx.setLineDash(isOver ? [4, 4] : []);
    for (const [end, at] of [[high, above], [low, below]]) {
      if (end != null) { ctx.beginPath(); ctx.moveTo(left, at); ctx.lineTo(left + width, at); ctx.stroke(); }
    }
    if (names.length > 1) {
      ctx.globalAlpha = 1;
      ctx.font = `600 ${11 * devicePixelRatio}px system-ui, sans-serif`;
      ctx.textBaseline = "top";
      const [text, head] = [code("vitals", name), above + 3 * devicePixelRatio];
      const size = { wide: ctx.measureText(text).width, high: 12 * devicePixelRatio };
      ctx.fillText(text, placeOf(u, done, head, size), head);
    }
  }
  ctx.restore();
}

// Lines where something was done, with their numbers, in a second row where one would stand on another;
// what could not be measured, at the foot.
function drawMarks(u, done, signs) {
  const { ctx } = u;
  const { left, top, width, height } = u.bbox;
  const dot = devicePixelRatio;
  ctx.save();
  ctx.lineWidth = dot;
  ctx.font = `600 ${11 * dot}px system-ui, sans-serif`;
  ctx.textAlign = "center";
  const taken = [-Infinity, -Infinity];
  for (const { at, number } of done) {
    const x = u.valToPos(at / 1000, "x", true);
    if (x < left || x > left + width) continue;
    ctx.strokeStyle = ink("--edge");
    ctx.setLineDash([3 * dot, 3 * dot]);
    ctx.beginPath(); ctx.moveTo(x, top); ctx.lineTo(x, top + height); ctx.stroke();
    ctx.fillStyle = ink("--dim");
    const row = x - taken[0] < 15 * dot && taken[1] < taken[0] ? 1 : 0;
    taken[row] = x;
    ctx.fillText(String(number), x, top + (10 + 11 * row) * dot);
  }
  ctx.setLineDash([]);
  ctx.lineWidth = 2 * dot;
  for (const { at, invalid } of signs) {
    const x = u.valToPos(at / 1000, "x", true);
    const y = top + height - 9 * dot;
    const r = 6 * dot;
    ctx.strokeStyle = ink(invalid ? "--warn" : "--bad");
    ctx.beginPath();
    if (invalid) {
      ctx.moveTo(x - r, y - r);
      ctx.lineTo(x + r, y + r);
      ctx.moveTo(x - r, y + r);
      ctx.lineTo(x + r, y - r);
    } else {
      ctx.arc(x, y, r, 0, 2 * Math.PI);
      ctx.moveTo(x - r * 0.7, y + r * 0.7);
      ctx.lineTo(x + r * 0.7, y - r * 0.7);
    }
    ctx.stroke();
  }
  ctx.restore();
}

function options(names, width, live, read) {
  const axis = {
    stroke: ink("--dim"),
    grid: { stroke: ink("--line"), width: 1 },
    ticks: { show: false },
    font: "12px system-ui, sans-serif"
  };
  const line = {
    stroke: ink("--ink"),
    width: 1.8,
    spanGaps: false,
    points: { size: 5, fill: ink("--ink"), show: (u, n, from, to) => to - from < 90 }
  };
  return {
    width, height: HEIGHT, padding: [6, 20, 0, 0], legend: { show: false },
    tzDate: (at) => uPlot.tzDate(new Date(at * 1000), told.zone || "Asia/Shanghai"),
    cursor: { sync: { key: sync.key }, y: false, drag: { x: false, y: false }, points: { size: 7 } },
    scales: {
      x: { range: () => live.current.span },
      y: { range: (u, low, high) => range(names[0], low, high, live.current.bands) }
    },
    axes: [
      {
        ...axis,
        size: 24,
        space: 70,
        values: (u, splits, axis, space, step) => splits.map((at) => (step < 60 ? secondOf : timeOf)(at * 1000))
      },
      { ...axis, size: 40, space: 26 }
    ],
    series: [{}, line, ...names.slice(1).map(() => ({ ...line, dash: [5, 4] }))],
    hooks: {
      drawClear: [(u) => drawBands(u, live.current, names)],
      draw: [(u) => drawMarks(u, live.current.done, live.current.signs)],
      setCursor: [(u) => read(u)]
    },
  };
}

function Plot({ names, course, span, done, version, record }) {
  const box = useRef();
  const shown = useRef();
  const plot = useRef();
  const live = useRef();
  const data = columns(course, names);
  const bands = bandsOf(record, names);
  live.current = { span, done, bands, signs: names.flatMap((name) => course.marks(name)) };
  // Two values that are shown as one were measured at one time.
  const newest = Math.max(...names.map((name) => course.points(name).at(-1)?.at ?? 0));
  const last = names.map((name) => course.points(name).findLast((point) => point.at === newest));
  const text = (points, at) => {
    const there = points.filter(Boolean);
    if (!there.length) return say("not_taken");
    const worded = there.find((p) => p.value === "unmeasurable" || p.invalid);
    const value = worded
      ? valueText(names[0], worded)
      : `${points.map((point, n) => valueText(names[n], point) || "–").join("/")} ${UNITS[names[0]]}`;
    return `${value} · ${secondOf(at)}`;
  };
  const rest = () => text(last, newest);
  const read = (u) => {
    const place = u.cursor.idx;
    const node = shown.current;
    if (!node) return;
    if (place == null) { node.textContent = rest(); return; }
    const found = names.map((name, n) => {
      const value = u.data[n + 1][place];
      return value == null ? null : { value };
    });
    node.textContent = found.some(Boolean) ? text(found, u.data[0][place] * 1000) : secondOf(u.data[0][place] * 1000);
  };
  const reading = useRef(read);
  reading.current = read;
  useEffect(() => {
    const node = box.current;
    const drawn = new uPlot(
      options(names, node.clientWidth || 300, live, (u) => reading.current(u)), columns(course, names), node);
    plot.current = drawn;
    const watch = new ResizeObserver(() => drawn.setSize({ width: node.clientWidth || 300, height: HEIGHT }));
    watch.observe(node);
    return () => { watch.disconnect(); drawn.destroy(); plot.current = null; };
  }, []);
  useEffect(() => {
    if (plot.current) { plot.current.setData(data, true); reading.current(plot.current); }
  }, [version, span[0], span[1], language()]);
  const numbers = course.numbers(names[0]).map((p) => p.value);
  const label = `${nameOf(names)}: ${rest()}${numbers.length
    ? `, ${say("from_to", { low: figure(Math.min(...numbers)), high: figure(Math.max(...numbers)) })}`
    : ""}`;
  return html`<figure class=${`plot ${bands.find((band) => !band.isOver)?.level ?? ""}`} data-bands=${bands.length}>
    <figcaption><b>${nameOf(names)}</b> <span ref=${shown}></span></figcaption>
    <div ref=${box} role="img" aria-label=${label}></div></figure>`;
}

function Table({ course }) {
  const names = [...PLOTS.flat(), "consciousness", "gcs_eye", "gcs_verbal", "gcs_motor", "on_oxygen"]
    .filter((name) => course.points(name).length);
  return html`<div class="scroll" tabindex="0" role="region" aria-label=${say("vitals_table")}><table class="values">
    <thead><tr><th scope="col">${say("time")}</th>
      ${names.map((name) => html`<th scope="col" key=${name}>
        ${code("vitals", name)} <small>${UNITS[name] ?? ""}</small></th>`)}</tr></thead>
    <tbody>${rows(course).map(({ at, values }) => html`<tr key=${at}><th scope="row">${timeOf(at)}</th>
      ${names.map((name) => html`<td key=${name} class=${values[name]?.value === "unmeasurable" ? "unmeasurable" : ""}>
        ${valueText(name, values[name]) || "–"}
        ${values[name]?.method === "reading" ? html`<sup title=${say("by_hand")}>*</sup>` : ""}</td>`)}</tr>`)}</tbody>
    </table>
    <p class="note">* ${say("by_hand")}</p></div>`;
}

// `record` says which bands a level rests on; `done` is [{at, number, text}]: what was given and examined, as marks.
export function Vitals({ course, record, span, done, version, isAway, isBare = false }) {
  const [asTable, setTable] = useState(false);
  const shown = PLOTS.filter((names, place) => place < ALWAYS || course.has(names));
  const isEmpty = !Object.keys(course.of).length;
  return html`<section class="part vitals-part" aria-label=${say("vitals")}>
    <header><h2>${say("vitals")}</h2>${isAway && html`<span class="warned">${say("vitals_away")}</span>`}
      ${!isEmpty && !isBare && html`<button class="small" aria-pressed=${asTable ? "true" : "false"}
        onClick=${() => setTable(!asTable)}>${say("as_table")}</button>`}</header>
    ${isEmpty
      ? html`<p class="none">${say("no_vitals")}</p>`
      : asTable
        ? html`<${Table} course=${course} />`
        : html`<div class="plots">${shown.map((names) => html`<${Plot} key=${names[0]} names=${names} course=${course}
            span=${span} done=${done} version=${version} record=${record} />`)}</div>
          <p class="note signs">
            <i class="sign unmeasurable"></i> ${say("unmeasurable")} <i class="sign invalid"></i> ${say("invalid")} <i
              class="sign done"></i> ${say("what_was_done")} <i class="sign band"></i> ${say("band_of_level")}</p>
          ${done.length > 0 && html`<ol class="done-list">${done.map(({ number, at, text }) => html`<li key=${number}>
            <b>${number}</b> ${timeOf(at)} ${text}</li>`)}</ol>`}`}
  </section>`;
}
