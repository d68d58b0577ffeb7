// Advice to send elsewhere, which ends by itself; and who waits here for a doctor.

import { isoNow, now, Ticking, ms, running, timeOf } from "../kit/clock.js";
import { html, useEffect, useState } from "../kit/html.js";
import { code, say } from "../kit/language.js";
import { Shape } from "../kit/level.js";
import { Choice } from "./dialogs.js";
import { lasts } from "./wards.js";

export function Waiting({ waiting }) {
  return html`<section class="waiting" aria-label=${say("waiting")}><h2>${say("waiting")}</h2>
    ${waiting.length
      ? html`<ul>${waiting.map(({ level, patients }) => html`<li key=${level} class=${level}>
        <${Shape} level=${level} size=${30} /><b>${patients}</b><small>${code("levels", level)}</small></li>`)}</ul>`
      : html`<p class="none">${say("nobody_waits")}</p>`}</section>`;
}

export function Divert({ divert, longest, busy, wrong, page }) {
  const [isOpen, setOpen] = useState(false);
  // The moment that was chosen, as it was shown then: that one is sent.
  const [until, setUntil] = useState({});
  const [reason, setReason] = useState("");
  // What was said of one is no beginning of the next.
  useEffect(() => {
    if (divert) { setOpen(false); setUntil({}); setReason(""); }
  }, [Boolean(divert)]);
  if (divert) {
    return html`<section class="divert-box stands" aria-label=${say("divert")}>
      <h2>⚠ ${say("divert_until", { at: timeOf(divert.until) })}</h2>
      <p>${divert.reason}</p>
      <p class="note">${divert.by} · <${Ticking} of=${(t) =>
        say("left", { span: running(Math.max(0, ms(divert.until) - t)) })} /> · ${say("ends_by_itself")}</p>
      ${wrong && html`<p class="wrong" role="alert">${wrong}</p>`}
      <button class="primary" disabled=${busy} onClick=${() => page.divertEnd()}>
        ${say("divert_end")}</button></section>`;
  }
  if (!isOpen) return html`<section class="divert-box" aria-label=${say("divert")}>
    <button onClick=${() => setOpen(true)}>${say("divert_begin")}</button></section>`;
  const at = now();
  const shown = (s) => at + s * 1000;
  const submit = (event) => {
    event.preventDefault();
    page.divert({
      until: new Date(until.at).toISOString(),
      reason: reason.trim(),
      occurred_at: isoNow()
    });
  };
  return html`<section class="divert-box" aria-label=${say("divert")}><h2>${say("divert")}</h2>
    <p class="note">${say("divert_means")}</p>
    <form onSubmit=${submit}>
      <${Choice} name=${say("until")} value=${until.lasting} onPick=${(s) => setUntil({ lasting: s, at: shown(s) })}
        options=${lasts(longest).map((s) => [
        s,
        `${say("until_at", { at: timeOf(until.lasting === s ? until.at : shown(s)) })} (${
          s % 3600 ? `${Math.round(s / 60)} min` : `${s / 3600} h`})`
      ])} />
      ${!longest && html`<p class="wrong">${say("house_away")}</p>`}
      <label class="field"><span>${say("reason")} · ${say("required")}</span>
        <input value=${reason} onInput=${(e) => setReason(e.target.value)} maxlength="200" required /></label>
      ${wrong && html`<p class="wrong" role="alert">${wrong}</p>`}
      <div class="row-of ends"><button type="button" onClick=${() => setOpen(false)}>${say("cancel")}</button>
        <button class="primary" disabled=${busy || !until.at || !reason.trim()}>${say("divert_go")}</button></div>
    </form></section>`;
}
