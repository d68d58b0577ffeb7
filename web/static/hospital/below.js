// On a wall nobody scrolls: how many more there are than it has room for, and how many of them are Ⅰ.

import { html, useEffect, useState } from "../kit/html.js";
import { say } from "../kit/language.js";

export const HEIGHT = 56; // as in board.css

export function Below({ items, receipts }) {
  const [, draw] = useState(0);
  useEffect(() => {
    receipts.onSeen = () => draw((n) => n + 1);
    return () => { receipts.onSeen = () => {}; };
  }, []);
  const more = items.filter((item) => !receipts.whole.has(item.encounter_id));
  if (!more.length) return null;
  const critical = more.filter((item) => item.record.worst === "critical").length;
  return html`<p class=${`below ${critical ? "critical" : ""}`} role="status">${say("below", { n: more.length })}
    ${critical ? ` · ${say("below_critical", { n: critical })}` : ""}</p>`;
}
