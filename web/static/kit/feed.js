// Follows a facility's feed, and knows within seconds when the line is gone.

import { desk, Problem } from "./api.js";
import { now } from "./clock.js";

// The service says something every two seconds; without that for so long, the line is gone.
const SILENT_MS = 4500;
const AGAIN_MS = [500, 1000, 2000, 4000];

// Lines of text to events: feeds pieces of the stream, calls `tell(event)` for each that is whole.
export function parser(tell) {
  let rest = "";
  let event = { name: "message", id: null, data: [] };
  const line = (text) => {
    if (text === "") {
      if (event.data.length) tell({ name: event.name, id: event.id, data: event.data.join("\n") });
      event = { name: "message", id: null, data: [] };
      return;
    }
    const [, field, value] = /^([^:]*):? ?(.*)$/s.exec(text);
    if (field === "event") event.name = value;
    else if (field === "id") event.id = value;
    else if (field === "data") event.data.push(value);
  };
  return (piece) => {
    const lines = (rest + piece).split(/\r\n|\n|\r(?!$)/);
    rest = lines.pop();
    lines.forEach(line);
  };
}

// follow(path, {snapshot, item, state}): `state` is told "live", "cut" with since when (null where nothing
// was ever heard), or "out".
// A feed that breaks goes on from the last number, so that nothing is missed. Returns its end.
export function follow(path, { snapshot, item, state }) {
  let last = null;
  let ended = false;
  let attempt = 0;
  let heard = null;
  const begun = now();
  const silent = () => now() - (heard ?? begun);
  let is = null;
  let cutter = null;
  const become = (next) => {
    if (next !== is) { is = next; state(next, heard); }
  };
  const take = ({ name, id, data }) => {
    if (name === "snapshot") { const all = JSON.parse(data); last = all.feed; snapshot(all); }
    else if (name === "item") { const one = JSON.parse(data); last = id ?? last; item(one); }
    else if (name === "behind") { last = id ?? last; }
  };
  const once = async () => {
    cutter = new AbortController();
    const headers = { accept: "text/event-stream", ...(last != null ? { "last-event-id": String(last) } : {}) };
    const answer = await fetch(`/${desk}/api/bridge/v1/${path}`, { headers, cache: "no-store", signal: cutter.signal });
    if (!answer.ok) throw new Problem(answer.status);
    const reader = answer.body.getReader();
    const decoder = new TextDecoder();
    const push = parser(take);
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      heard = now();
      attempt = 0;
      push(decoder.decode(value, { stream: true }));
      become("live");
    }
  };
  const run = async () => {
    while (!ended) {
      try { await once(); } catch (problem) {
        if (problem.status === 401) { become("out"); return; }
      }
      if (ended) return;
      if (silent() > SILENT_MS) become("cut");
      await new Promise((go) => { setTimeout(go, AGAIN_MS[Math.min(attempt++, AGAIN_MS.length - 1)]); });
    }
  };
  const watch = setInterval(() => {
    if (silent() > SILENT_MS && is !== "out") {
      become("cut");
      if (is === "cut" && cutter && silent() > 2 * SILENT_MS) cutter.abort();
    }
  }, 500);
  run();
  return () => { ended = true; clearInterval(watch); cutter?.abort(); };
}
