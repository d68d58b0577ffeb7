// The way of one patient on one axis: stamps, and clocks with their limits; below, what happened.

import { dayOf, ms, now, running, secondOf, span as spanOf, Ticking, timeOf } from "../kit/clock.js";
import { html, useState } from "../kit/html.js";
import { both, code, say } from "../kit/language.js";
import { Shape } from "../kit/level.js";
import { dayAndTime, moments, stamps } from "./moments.js";
import { sentence, whoSaid } from "./sentences.js";

const percent = (n) => `${Math.max(0, Math.min(100, n)).toFixed(2)}%`;
// How much of the axis a label takes; those that would stand on one another go one line down.
const WIDE = 25;

function spread(list, x) {
  const taken = [];
  return list.map((each) => {
    const place = x(ms(each.at));
    const isLeft = place > 100 - WIDE;
    const [begin, end] = isLeft ? [place - WIDE, place] : [place, place + WIDE];
    let line = 0;
    while ((taken[line] ??= []).some(([b, e]) => begin < e && b < end)) line += 1;
    taken[line].push([begin, end]);
    return { ...each, place, line, isLeft };
  });
}

// How much of its limit a clock has used, and where the limit stands, in percent of its bar: one that has
// 80 of 90 minutes left is nearly empty, one past its limit goes on beyond the mark. Nothing where no limit
// is known, or it has not begun.
export function used({ began_at: began, due_at: due, ended_at: ended }, at) {
  if (!began || !due) return null;
  const [limit, spent] = [ms(due) - ms(began), Math.max(0, (ended ? ms(ended) : at) - ms(began))];
  const whole = Math.max(limit, spent, 1);
  return { run: (spent / whole) * 100, due: (Math.max(0, limit) / whole) * 100 };
}

// One of the green channel: since when, by when, and how it stands. Where it comes from is told too.
function Clock({ clock, about, end }) {
  const { began_at: began, due_at: due, ended_at: ended } = clock;
  const name = both(about?.name) || say(`clock.${clock.clock}`);
  const source = about
    ? `${say("limit", { n: about.limit_min })} · ${about.source} · ${say(`evidence.${about.evidence}`)}`
    : "";
  const late = began && due && (ended ? ms(ended) : end) > ms(due);
  const state = () => {
    if (!began) return [say("not_begun"), "faint"];
    if (ended) return [
      `${running(ms(ended) - ms(began))}${
        ms(ended) < ms(began) ? ` ${say("before_its_beginning")}` : ""} ${late ? say("late") : "✓"}`,
      late ? "late" : "kept"
    ];
    return null;
  };
  const fixed = state();
  const part = used(clock, end);
  return html`<li class=${`clock-row ${late ? "is-late" : ""}`}>
    <div class="clock-name"><b>${name}</b>
      <small title=${source}>${about ? say("limit", { n: about.limit_min }) : ""}</small></div>
    <div class="bar" aria-hidden="true">
      ${part && html`<i class=${`run ${late ? "late" : ended ? "kept" : ""}`}
          style=${{ width: percent(part.run) }}></i>
        <i class="due" style=${{ left: percent(part.due) }}></i>`}
    </div>
    <div class="clock-left">
      ${fixed ? html`<span class=${fixed[1]}>${fixed[0]}</span>` : html`<${Ticking} of=${(t) => {
        const left = ms(due) - t;
        return left >= 0
          ? [say("left", { span: running(left) }), "open"]
          : [say("over", { span: running(left) }), "late"];
      }} />`}</div></li>`;
}

export function Axis({ item, house, from, to }) {
  const x = (at) => ((at - from) / Math.max(1, to - from)) * 100;
  const marks = spread(stamps(item, house), x);
  const lines = 1 + Math.max(0, ...marks.map((mark) => mark.line));
  const about = Object.fromEntries((house?.clocks ?? []).map((clock) => [`${clock.centre}.${clock.clock}`, clock]));
  const sources = [...new Set(item.handoff.clocks
    .map((c) => about[`${c.centre}.${c.clock}`])
    .filter(Boolean)
    .map((c) =>
      `${both(c.name)}: ${say("limit", { n: c.limit_min })} · ${c.source} · ${say(`evidence.${c.evidence}`)}`))];
  return html`<section class="part" aria-label=${say("the_way")}>
    <header><h2>${say("the_way")}</h2><span class="note">${timeOf(from)} – ${timeOf(to)}</span></header>
    <div class="axis" style=${{ height: `${26 + lines * 36}px` }}><i class="base"></i>
      ${marks.map(({ name, at, place, line, isLeft }) => html`<span key=${name + at}
          class=${`stamp ${isLeft ? "to-left" : ""}`}
          style=${{ left: percent(place), top: `${line * 36}px`, "--deep": `${26 + (lines - line) * 36 - 40}px` }}>
        <b>${say(`stamp.${name}`)}</b><small>${dayAndTime(at)}</small></span>`)}</div>
    ${item.handoff.clocks.length > 0 && html`<ul class="clock-rows">
      ${item.handoff.clocks.map((clock) => html`<${Clock} key=${clock.centre + clock.clock} clock=${clock}
        about=${about[`${clock.centre}.${clock.clock}`]} end=${to} />`)}</ul>`}
    ${sources.length > 0 && html`<details class="sources"><summary>${say("where_limits_come_from")}</summary>
      <ul>${sources.map((text) => html`<li key=${text}>${text}</li>`)}</ul></details>`}
  </section>`;
}

function Reasons({ list, title }) {
  if (!list?.length) return null;
  return html`<h3>${title}</h3>
    <ul class="reason-list">${list.map((reason) => html`<li key=${reason.rule} class=${reason.level}>
      <b>${both(reason.text)}</b> <span>${code("levels", reason.level)}</span>
      ${reason.marks.map((mark) => html`<em class="mark" key=${mark}>${say(`mark.${mark}`)}</em>`)}
      <small>
        ${reason.at ? `${say("measured", { at: secondOf(reason.at) })} · ` : ""}
        ${say("source")}${reason.source} · <abbr
          title=${say(`evidence.${reason.evidence}`)}>${reason.evidence}</abbr> · <code>${reason.rule}</code>
      </small></li>`)}</ul>`;
}

// What a decision rested on: everything that the record of then said, and what was missing.
function Explained({ row }) {
  const { record } = row;
  return html`<div class="explained">
    <${Reasons} list=${record.reasons} title=${say("reasons_then")} />
    <${Reasons} list=${record.earlier} title=${say("earlier_then")} />
    <${Reasons} list=${record.taken_back} title=${say("taken_back_then")} />
    ${record.centres.length > 0 && html`<h3>${say("centres_then")}</h3>
      <ul class="reason-list">${record.centres.map((c) => html`<li key=${c.centre}>
        <b>${code("centres", c.centre)} · ${code("activations", c.activation)}</b> ${both(c.text)} <small>
          ${say("source")}${c.source}${c.evidence ? ` · ${c.evidence}` : ""}
          ${c.rule && html` · <code>${c.rule}</code>`}</small></li>`)}</ul>`}
    ${record.scores.length > 0 && html`<h3>${say("scores_then")}</h3>
      <p>${record.scores.map((score) => both(score.text)).join(" · ")}</p>`}
    <p class="missing"><b>${say("missing_then")}</b> ${record.missing.length
      ? record.missing
        .map((name) => code("vitals", name) === name ? code("words", name) : code("vitals", name))
        .join(say("comma"))
      : say("nothing_missing")}</p>
    <p class="note">${say("version_of", { n: row.version })}
      ${record.protocol && html` · ${say("protocol")} <code>
        ${[record.protocol.set, record.protocol.protocol, record.protocol.version].filter(Boolean).join(" ")}</code>`}
      ${row.decision ? ` · ${say("decision_id")} ${row.decision}` : ""}</p></div>`;
}

const FILTERS = {
  all: () => true,
  decision: (row) => row.kind === "decision",
  act: (row) => ["act", "late"].includes(row.kind),
  care: (row) => ["care", "way"].includes(row.kind)
};

function Row({ row, first }) {
  const [isOpen, setOpen] = useState(false);
  const mark = row.kind === "decision"
    ? html`<${Shape} level=${row.record.worst} size=${24} />`
    : html`<i class="node"></i>`;
  const late = ms(row.recorded_at) - ms(row.at);
  return html`<li class=${`row is-${row.kind} ${row.record?.worst ?? ""}`}>
    <time datetime=${row.at}><b>${secondOf(row.at)}</b>
      <small>${dayOf(row.at) === dayOf(now()) ? "" : `${dayOf(row.at)} `}
        ${first && ms(row.at) > first ? `+${spanOf(ms(row.at) - first)}` : ""}</small></time>
    <span class="at">${mark}</span>
    <div class="what"><p>${sentence(row)}</p>
      <small>${whoSaid(row)}
        ${late > 60_000 ? ` · ${say("told_later", { at: secondOf(row.recorded_at) })}` : ""}</small>
      ${row.kind === "decision" && html`<button class="quiet explain" aria-expanded=${isOpen ? "true" : "false"}
        onClick=${() => setOpen(!isOpen)}>${say(isOpen ? "explain_less" : "explain_more")}</button>`}
      ${isOpen && html`<${Explained} row=${row} />`}</div></li>`;
}

export function Story({ item, entries, house, isAway }) {
  const [filter, setFilter] = useState("all");
  const all = moments(item, entries ?? [], house);
  // A moment inside the hospital begins no way, least of all one that was mistyped and taken back.
  const begin = all.find((row) => row.type !== "MilestoneReached");
  const first = begin ? ms(begin.at) : null;
  const shown = all.filter((row) => row.kind !== "silent" || filter === "all").filter(FILTERS[filter]).reverse();
  return html`<section class="part" aria-label=${say("what_happened")}>
    <header><h2>${say("what_happened")}</h2>${isAway && html`<span class="warned">${say("timeline_away")}</span>`}
      <div class="filters" role="group" aria-label=${say("show_only")}>
        ${Object.keys(FILTERS).map((key) => html`<button key=${key} class="small"
          aria-pressed=${filter === key ? "true" : "false"}
          onClick=${() => setFilter(key)}>${say(`filter.${key}`)}</button>`)}</div></header>
    ${entries === null && !isAway && html`<p class="none">${say("loading")}</p>`}
    <ol class="story">${shown.map((row) => html`<${Row} key=${row.key} row=${row} first=${first} />`)}</ol></section>`;
}
