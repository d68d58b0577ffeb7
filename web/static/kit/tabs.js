// Tabs, as who works by key or by ear expects them: one stop of the Tab key for all of them; arrows,
// Home and End go from one to another and show what is its own.

import { html, useRef } from "./html.js";

const nameOf = (of, key) => `${of}-tab-${key}`;

// Which of `n` tabs a key leads to from the one at `place`; null for a key that leads nowhere.
export function leadsTo({ key, altKey, ctrlKey, metaKey, shiftKey }, place, n) {
  if (altKey || ctrlKey || metaKey || shiftKey) return null;
  return { ArrowRight: (place + 1) % n, ArrowLeft: (place + n - 1) % n, Home: 0, End: n - 1 }[key] ?? null;
}

// `tabs` is [[key, what stands on it, its other attributes], …]. What is shown of the chosen one
// stands in the Panel of the same `of`.
export function Tabs({ of, label, tabs, chosen, onChoose }) {
  const list = useRef();
  const stop = Math.max(0, tabs.findIndex(([key]) => key === chosen));
  const press = (event) => {
    const nodes = [...list.current.children];
    const next = leadsTo(event, nodes.indexOf(event.target.closest("[role=tab]")), tabs.length);
    if (next === null) return;
    event.preventDefault();
    nodes[next].focus();
    onChoose(tabs[next][0]);
  };
  return html`<div ref=${list} class="tabs" role="tablist" aria-label=${label} onKeyDown=${press}>
    ${tabs.map(([key, text, more], place) => html`<button key=${key} ...${more} role="tab" id=${nameOf(of, key)}
        tabindex=${place === stop ? "0" : "-1"} aria-selected=${key === chosen ? "true" : "false"}
        onClick=${() => onChoose(key)}>
      ${text}
    </button>`)}
  </div>`;
}

// What the chosen tab shows. It has no box of its own.
export const Panel = ({ of, chosen, children }) => html`<div class="panel" role="tabpanel" id=${`${of}-panel`}
    aria-labelledby=${nameOf(of, chosen)}>
  ${children}
</div>`;
