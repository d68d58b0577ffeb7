// A clock as a ring with its time in it: open while it runs, whole and thick once it is late, thin when
// it has ended. What it says is told by shape, by word and by colour.

import { now, onTick, running, Ticking } from "../kit/clock.js";
import { html, useEffect, useRef } from "../kit/html.js";
import { say } from "../kit/language.js";
import { standingOf } from "./calls.js";

const ROUND = 2 * Math.PI * 27;

export function Ring({ clock, name, size = 64 }) {
  const box = useRef();
  const shown = useRef(); // the tick outlives the clock that it was begun with
  shown.current = { clock, name };
  const tell = () => {
    const [node, { clock, name }] = [box.current, shown.current];
    if (!node) return;
    const { phase, passed, left, share } = standingOf(clock, now());
    const text = running(passed);
    const [, arc, time, mark] = node.children;
    if (node.dataset.phase !== phase) node.dataset.phase = phase;
    arc.setAttribute("stroke-dasharray", `${share * ROUND} ${ROUND}`);
    time.textContent = text;
    time.setAttribute("font-size", Math.min(17, 70 / text.length)); // within the ring also where that is thick
    mark.textContent = { late: "!", missed: "!", near: "▲", kept: "✓" }[phase] ?? "";
    const over = {
      runs: "ring.left", near: "ring.left", late: "ring.over", missed: "ring.missed", kept: "ring.kept"
    }[phase];
    node.setAttribute("aria-label", `${name} ${text} ${say(over, { span: running(left) })}`);
  };
  useEffect(() => onTick(tell), []);
  useEffect(tell);
  return html`<figure class="ring">
    <svg ref=${box} width=${size} height=${size} viewBox="0 0 64 64" role="img">
      <circle class="round" cx="32" cy="32" r="27" />
      <circle class="arc" cx="32" cy="32" r="27" transform="rotate(-90 32 32)" />
      <text x="32" y="36" text-anchor="middle" font-weight="700"></text>
      <text class="mark" x="32" y="51" text-anchor="middle" font-size="12" font-weight="700"></text>
    </svg>
    <figcaption>${name}</figcaption>
  </figure>`;
}

// The same as a figure, where there is no room for a ring.
export const Countdown = ({ clock, name }) => html`<${Ticking} kind="countdown" of=${(t) => {
  const { phase, passed } = standingOf(clock, t);
  return [`${name} ${running(passed)} ${{ late: "!", near: "▲" }[phase] ?? ""}`, phase];
}} />`;

// Where there is none: a transfer, or nobody has been told yet.
export const NoRing = ({ name, size = 64 }) => html`<figure class="ring none">
  <svg width=${size} height=${size} viewBox="0 0 64 64" aria-hidden="true">
    <circle class="round" cx="32" cy="32" r="27" />
  </svg>
  <figcaption>${name}</figcaption>
</figure>`;
