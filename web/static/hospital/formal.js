// Who it is by the hospital's own number, what is done after the treatment, and how it went on.

import { isoNow, now, secondOf, Ticking, timeOf } from "../kit/clock.js";
import { html, useEffect, useRef, useState } from "../kit/html.js";
import { code, say } from "../kit/language.js";
import { useReturn } from "./handover.js";
import { identityText } from "./paper.js";

const FORMALITIES = ["identity", "registration", "insurance", "consent", "payment"];
// Nobody waits for a formality: so long it can be undone, and only then is it sent. Ours (design), as a
// telephone call at dispatch.
const UNDO_MS = 10_000;

function Tick({ name, page }) {
  const [until, setUntil] = useState(null);
  const timer = useRef(null);
  useEffect(() => () => clearTimeout(timer.current), []);
  const press = () => {
    const done = { formality: name, occurred_at: isoNow() };
    setUntil(now() + UNDO_MS);
    timer.current = setTimeout(() => {
      setUntil(0); // it is on its way
      page.send("formalities", done, { text: say(`formality.${name}`) }).finally(() => setUntil(null));
    }, UNDO_MS);
  };
  const undo = () => { clearTimeout(timer.current); setUntil(null); };
  const called = say(`formality.${name}`);
  if (until === null) return html`<button onClick=${press} aria-label=${`${called}: ${say("done_now")}`}>
    <i class="box"></i>${called}</button>`;
  return html`<span class="ticked"><i class="box">…</i>${called} ${until === 0 ? say("sending") : html`
    <${Ticking} of=${(t) => say("counts_in", { n: Math.max(0, Math.ceil((until - t) / 1000)) })} />
    <button onClick=${undo} aria-label=${`${called}: ${say("undo")}`}>${say("undo")}</button>`}</span>`;
}

export function Identity({ item, house, page }) {
  const { identity, merged } = item.handoff;
  const { admission } = item.record;
  const pending = new Set(admission?.pending ?? []);
  return html`<section class="part" aria-label=${say("identity")}><header><h2>${say("identity")}</h2></header>
    <dl class="facts">
      <div><dt>${say("who_it_is")}</dt>
        <dd>${identityText({ ...item, handoff: { ...item.handoff, merged: [] } })}</dd></div>
      <div><dt>${say("wristband")}</dt><dd class="number">${admission?.wristband ?? say("none")}</dd></div>
      ${merged.map((one) => html`<div key=${one.event_id ?? one.merged ?? one}>
        <dt>${say("merged")}</dt><dd>${one.merged ?? one}</dd></div>`)}
    </dl>
    <div class="row-of">
      <button onClick=${() => page.ask({ name: "bind" })}>${say(identity ? "do.bind_again" : "do.bind")}</button>
      ${identity && html`<button onClick=${() => page.ask({ name: "merge" })}>${say("do.merge")}</button>
        <button onClick=${() => page.ask({ name: "split" })}>${say("do.split")}</button>`}
    </div>
    <h3>${say("formalities")}</h3>
    ${admission
      ? html`<p class="note">${say("formalities_after")}</p>
        <ul class="ticks">${(house?.formalities?.length ? house.formalities : FORMALITIES).map((name) => html`
          <li key=${name}>
            ${pending.has(name)
              ? html`<${Tick} name=${name} page=${page} />`
              : html`<span class="ticked"><i class="box">✓</i>${say(`formality.${name}`)}</span>`}</li>`)}</ul>`
      : html`<p class="none">${say("not_boarded")}</p>`}
  </section>`;
}

function Addendum({ page }) {
  const [button, told] = useReturn(page, "addendum");
  const text = page.draft.addendum ?? "";
  return html`<form class="addendum" onSubmit=${(event) => { event.preventDefault(); page.addendum(); }}>
    ${told}
    <label class="field"><span>${say("addendum_what")} · ${say("no_names")}</span>
      <textarea value=${text} onInput=${(e) => page.write({ addendum: e.target.value })}
        maxlength="500"></textarea></label>
    <button ref=${button} disabled=${!text.trim()}>${say("sign_addendum")}</button></form>`;
}

export function Later({ item, page }) {
  const { outcome, addenda, transferred_at: over } = item.handoff;
  if (!over) return null;
  return html`<section class="part" id="afterwards" aria-label=${say("afterwards")}>
    <header><h2>${say("afterwards")}</h2></header>
    <dl class="facts">
      <div><dt>${say("how_it_went_on")}</dt>
        <dd>${outcome
          ? `${say(`outcome.${outcome.outcome}`)}${outcome.diagnosis ? ` · ICD-10 ${outcome.diagnosis}` : ""}`
          : say("unknown")}</dd></div>
      ${outcome?.confirmed && html`<div><dt>${say("confirmed")}</dt>
        <dd>${outcome.confirmed.length
          ? outcome.confirmed.map((c) => code("centres", c)).join(say("comma"))
          : say("no_centre")}</dd></div>`}</dl>
    <div class="row-of"><button onClick=${() => page.ask({ name: "outcome" })}>${say("do.outcome")}</button></div>
    <h3>${say("addenda")}</h3>
    ${addenda.length > 0 && html`<ul class="addenda">${addenda.map((one) => html`<li key=${one.event_id}>
      <p>${one.text}</p><small>${timeOf(one.occurred_at)} · ${one.staff_id}</small></li>`)}</ul>`}
    <${Addendum} page=${page} />
  </section>`;
}

export const Locked = ({ item }) => (item.handoff.transferred_at
  ? html`<p class="locked" role="status">
    <b>${say("locked_at", { at: secondOf(item.handoff.transferred_at) })}</b> ${say("locked_means")}</p>`
  : null);
