// Arrival, and the two signatures; the wristband says whether it is this patient.

import { secondOf } from "../kit/clock.js";
import { Dialog } from "../kit/frame.js";
import { html, useEffect, useRef, useState } from "../kit/html.js";
import { code, say } from "../kit/language.js";
import { personOf, problemOf } from "../kit/person.js";
import { whoOf } from "./acts.js";
import { Field } from "./asking.js";

const SIDES = ["gave", "received"];

function Signed({ signature }) {
  return html`<p class="signed"><b>✓ ${signature.staff_id}</b> ${secondOf(signature.occurred_at)}
    ${signature.wristband && html` · ${say("wristband")} <span class="number">${signature.wristband}</span>`}
    ${signature.wristband_reason && html`<br />
      <em class="late">
        ${say(signature.wristband ? "wristband_why" : "wristband_unread_why")} ${signature.wristband_reason}
      </em>`}
    ${signature.not_aboard_reason && html`<br />
      <em class="late">${say("not_aboard_why")} ${signature.not_aboard_reason}</em>`}
    ${signature.reason && html`<br /><small>${say("signed_for_crew")} ${signature.reason}</small>`}</p>`;
}

// Whose wristband it is, by what the board calls them, where it is somebody's who is bound for here.
function Whose({ number, page }) {
  const other = page.whose(number ?? "");
  return other ? html`<p class="whose">${say("wristband_of", { who: whoOf(other) })}</p>` : null;
}

// What stands against a signature: another's wristband, large and red; or two sides and one person.
function Against({ wrong, page }) {
  if (!wrong) return null;
  if (wrong.kind === "wristband") {
    return html`<div class="another" role="alert"><b>✕ ${say("another_wristband")}</b>
      <${Whose} number=${wrong.wristband} page=${page} />
      <p>${say("another_wristband_means")}</p></div>`;
  }
  return html`<p class="wrong" role="alert">${wrong.text}</p>`;
}

// Who comes back from a fresh sign-in is told to sign what they had typed, with the button ready.
export function useReturn(page, what) {
  const button = useRef();
  const isBack = page.draft.back === what;
  useEffect(() => { if (isBack) button.current?.focus(); }, [isBack]);
  return [button, isBack && html`<p class="back" role="status">${say("signed_in_anew")}</p>`];
}

// What will be signed, and for whom: a signature is not taken back, and so it is no single tap.
function Signing({ item, side, page, isAnothers, onClose }) {
  const { record, handoff } = item;
  const draft = page.draft[side] ?? {};
  const isAboard = Boolean(record.admission);
  const isLast = handoff.signatures.length > 0;
  const submit = (event) => { event.preventDefault(); onClose(); page.sign(side); };
  const fact = (name, value) => html`<div><dt>${name}</dt>
    <dd class=${value ? "" : "unknown"}>${value || say("unknown")}</dd></div>`;
  return html`<${Dialog} title=${say(`side.${side}`)} onClose=${onClose}><form onSubmit=${submit}>
    <p class="about">${code("levels", record.worst)} · ${personOf(record.patient)} · ${problemOf(record.patient)}</p>
    <dl class="facts">${fact(say("of_unit"), record.unit_id)}
      ${fact(say("of_admission"), record.admission?.admission_number ?? say("not_boarded"))}
      ${fact(say("wristband"), record.admission?.wristband ?? say("none"))}
      ${fact(say("wristband_read"), (draft.wristband ?? "").trim() || say("band_not_read"))}
      ${isAnothers && fact(say("wristband_reason"), draft.wristband_reason.trim())}</dl>
    ${isAnothers && html`<div class="another" role="alert"><b>✕ ${say("another_wristband")}</b>
      <${Whose} number=${draft.wristband} page=${page} />
      <p>${say("another_wristband_signed")}</p></div>`}
    ${!isAboard && html`<div class="another" role="alert"><b>✕ ${say("never_aboard")}</b>
        <p>${say("never_aboard_means")}</p></div>
      <${Field} name=${`${say("never_aboard_reason")} · ${say("no_names")}`} value=${draft.not_aboard_reason ?? ""}
        onInput=${(not_aboard_reason) => page.write({ [side]: { ...draft, not_aboard_reason } })}
        required maxlength="200" />`}
    ${isAboard && !handoff.arrived_at && html`<div class="another" role="alert"><b>! ${say("not_arrived")}</b></div>`}
    <p class=${isLast ? "warned" : "note"}>
      ${say(isLast ? "last_signature" : handoff.arrived_at ? "first_signature" : "first_signature_arrives")}</p>
    <div class="dialog-end"><button type="button" onClick=${onClose}>${say("go_back")}</button>
      <button class=${isAnothers ? "override" : "primary"} disabled=${!isAboard && !draft.not_aboard_reason?.trim()}>
        ${say(isAnothers ? "sign_another" : `sign_now.${side}`)}</button></div></form></${Dialog}>`;
}

function Sign({ item, side, page }) {
  const [isAsked, setAsked] = useState(false);
  const draft = page.draft[side] ?? {};
  const write = (more) => page.write({ [side]: { ...draft, ...more } });
  const against = page.against[side];
  // Once the number is another one, what was said of the one before says nothing any more.
  const isAnothers = against?.kind === "wristband" && draft.wristband === against.wristband;
  const wrong = against?.kind === "wristband" && !isAnothers ? null : against;
  const [button, told] = useReturn(page, side);
  const needsReason = side === "gave";
  // What is another's number is said before anybody is asked whether they sign.
  const submit = (event) => {
    event.preventDefault();
    if (!lacks && (isAnothers || page.isOwn(side))) setAsked(true);
  };
  const lacks = (needsReason && !draft.reason?.trim()) || (isAnothers && !draft.wristband_reason?.trim());
  return html`<form class="signing" onSubmit=${submit}>
    ${told}
    ${needsReason && html`<${Field} name=${`${say("why_for_crew")} · ${say("no_names")}`} value=${draft.reason ?? ""}
      onInput=${(reason) => write({ reason })} maxlength="200" />`}
    <${Field} name=${say("wristband_scan")} value=${draft.wristband ?? ""}
      onInput=${(wristband) => write({ wristband })} maxlength="64"
      class="scan" autocapitalize="characters" spellcheck=${false}
      aria-invalid=${isAnothers ? "true" : "false"} />
    ${!item.record.admission?.wristband && html`<p class="note">${say("no_wristband_here")}</p>`}
    <${Against} wrong=${wrong} page=${page} />
    ${isAnothers && html`<${Field} name=${`${say("wristband_reason")} · ${say("no_names")}`}
      value=${draft.wristband_reason ?? ""}
      onInput=${(wristband_reason) => write({ wristband_reason })} maxlength="200" />`}
    ${!(draft.wristband ?? "").trim() && html`<p class="note warned">${say("without_wristband")}</p>`}
    <button ref=${button} class=${`${item.handoff.arrived_at ? "primary" : ""} ${isAnothers ? "override" : ""}`}
      disabled=${page.busy === side || lacks}>${say(isAnothers ? "sign_all_the_same" : `sign.${side}`)}</button>
  </form>
  ${isAsked && html`<${Signing} item=${item} side=${side} page=${page} isAnothers=${isAnothers}
    onClose=${() => setAsked(false)} />`}`;
}

export function Handover({ item, house, page }) {
  const { handoff } = item;
  const signed = Object.fromEntries(handoff.signatures.map((s) => [s.side, s]));
  const limit = house?.arrival?.revocable_for_s;
  return html`<section class="part handover" id="handover" tabindex="-1" aria-label=${say("handover")}>
    <header><h2>${say("handover")}</h2>
      <a class="button small" href=${`/hospital/sheet/${item.encounter_id}`}>${say("print_sheet")}</a></header>
    <ol class="handover-steps">
      <li class=${handoff.arrived_at ? "reached" : ""}><h3>1 · ${say("stamp.arrived")}</h3>
        ${handoff.arrived_at
          ? html`<p><b>${secondOf(handoff.arrived_at)}</b>
              ${handoff.arrived_in ? ` · ${code("places", handoff.arrived_in)}` : ` · ${say("place_unknown")}`}</p>
            ${!handoff.transferred_at && limit && html`<button class="quiet"
              onClick=${() => page.ask({ name: "arrival_back" })}>${say("do.arrival_back")}</button>`}`
          : html`<button class="primary" onClick=${() => page.ask({ name: "arrive", text: say("do.arrive") })}>
            ${say("do.arrive")}</button>`}</li>
      ${SIDES.map((side, n) => html`<li key=${side} class=${signed[side] ? "reached" : ""}>
        <h3>${n + 2} · ${say(`side.${side}`)}</h3>
        ${signed[side]
          ? html`<${Signed} signature=${signed[side]} />`
          : handoff.transferred_at
            ? html`<p class="none">${say("not_signed")}</p>`
            : side === "gave" && page.for !== true
              ? html`<p>${say("crew_signs")}</p>
                <button onClick=${() => page.signFor()}>${say("sign_for_crew")}</button>`
              : html`<${Sign} item=${item} side=${side} page=${page} />`}</li>`)}
    </ol>
    <p class="note">${say("two_people")}</p></section>`;
}
