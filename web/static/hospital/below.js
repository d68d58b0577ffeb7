// On a wall nobody scrolls: how many more there are than it has room for, and how many of them are Ⅰ; that this
// hospital advises to send elsewhere; and, as on every page, that this is no certified medical device.

import { timeOf } from "../kit/clock.js";
import { html, useEffect, useState } from "../kit/html.js";
import { Foot } from "../kit/frame.js";
import { say } from "../kit/language.js";

export const HEIGHT = 56; // of .wall-foot, as in board.css

export function Below({ items, receipts, divert }) {
  const [, draw] = useState(0);
  useEffect(() => {
    receipts.onSeen = () => draw((n) => n + 1);
    return () => { receipts.onSeen = () => {}; };
  }, []);
  const more = items.filter((item) => !receipts.whole.has(item.encounter_id));
  const critical = more.filter((item) => item.record.worst === "critical").length;
  return html`<div class=${`wall-foot ${critical ? "critical" : ""}`}>
    ${more.length > 0 && html`<p class="below" role="status">${say("below", { n: more.length })}
      ${critical ? ` · ${say("below_critical", { n: critical })}` : ""}</p>`}
    ${divert && html`<p class="divert" role="status">
      ⚠ ${say("divert_until", { at: timeOf(divert.until) })} · ${divert.reason}</p>`}
    <${Foot} /></div>`;
}
