// One department: how many are free and kept, since when and by whom; one tap says "as before".

import { Age, timeOf } from "../kit/clock.js";
import { html, useEffect, useState } from "../kit/html.js";
import { say } from "../kit/language.js";
import { personOf, problemOf } from "../kit/person.js";
import { against, COUNTS, counted, far, isOpen, lacks, MOST, typed } from "./wards.js";

// By taps from what stands, or typed: the twelfth bed is not the twelfth tap.
function Count({ name, value, onCount, what }) {
  return html`<div class="count" role="group" aria-label=${`${what} ${say(`count.${name}`)}`}>
    <span>${say(`count.${name}`)}</span>
    <button class="step" onClick=${() => onCount(Math.max(0, (value ?? 0) - 1))} disabled=${value === 0}
      aria-label=${`${say("less")}: ${say(`count.${name}`)}`}>−</button>
    <input class="number" inputmode="numeric" autocomplete="off" maxlength="3" placeholder="?" value=${value ?? ""}
      aria-label=${`${what} ${say(`count.${name}`)}`}
      onFocus=${(event) => event.target.select()} onInput=${(event) => onCount(typed(event.target.value))} />
    <button class="step" onClick=${() => onCount(Math.min(MOST, (value ?? 0) + 1))}
      aria-label=${`${say("one_more")}: ${say(`count.${name}`)}`}>＋</button></div>`;
}

function Reserved({ ward, who }) {
  if (!ward?.reservations?.length) return null;
  return html`<ul class="reserved">${ward.reservations.map((one) => html`<li key=${one.encounter_id}>
    <a href=${`/hospital/patient/${one.encounter_id}`}>${who[one.encounter_id]
      ? `${personOf(who[one.encounter_id])} · ${problemOf(who[one.encounter_id])}`
      : say("patient_of_ours")}</a>
    <small>${say(`kind.${one.kind}`)} · ${timeOf(one.since)}</small></li>`)}</ul>`;
}

export function Ward({ row, kept, who, busy, wrong, page }) {
  const { department, ward, last, draft } = row;
  const [isWide, setWide] = useState(false);
  const what = say(`department.${department}`);
  const open = isOpen(draft, ward) ? draft : null;
  // What somebody is about to change does not change under their hand: as it was when they began, until it is sent.
  const [held, setHeld] = useState(null);
  useEffect(() => { if (!open) { setWide(false); setHeld(null); } }, [Boolean(open)]);
  const isOvertaken = held && ward?.is_known && COUNTS.some((name) => (held[name] ?? null) !== (ward[name] ?? null));
  const from = { ...row, ward: held ?? ward };
  const shown = open ?? held ?? (ward?.is_known ? ward : { free: null, emergency: null, staffed: null });
  const same = counted(row);
  const isLow = lacks(ward, kept);
  const missing = open && against(open, row);
  const doubt = open && !missing ? far(open, row) : null;
  // Sure of this number, and of no other.
  const [sure, setSure] = useState(null);
  const isSure = !doubt || sure === doubt.n;
  const isAsked = isWide || open || !ward?.is_known;
  return html`<article class=${`ward ${isLow ? "is-low" : ""} ${open ? "is-open" : ""} ${isAsked ? "is-asked" : ""}`}
      aria-label=${what}>
    <header><h2>${what}</h2>
      <p class="age-of">${ward?.reported_at
        ? html`<${Age} at=${ward.reported_at} /> · ${ward.reported_by}`
        : say("never_reported")}</p></header>
    ${ward && !ward.is_known && html`<p class="old" role="status">${say("too_old")}${last
      ? ` ${say("last_known", { free: last.free, emergency: last.emergency, at: timeOf(last.at) })}`
      : ""}</p>`}
    ${isLow && html`<p class="low" role="status">⚠ ${say("keeps_fewer", { n: kept ?? "" })}</p>`}
    <div class="counts">${COUNTS.map((name) => html`<${Count} key=${name} name=${name} what=${what}
      value=${shown[name] ?? null} onCount=${(count) => page.count(from, name, count)} />`)}</div>
    ${isOvertaken && html`<p class="overtaken" role="status">${say("counted_meanwhile", {
      who: ward.reported_by, at: timeOf(ward.reported_at), free: ward.free, emergency: ward.emergency
    })} <button onClick=${() => { setHeld(ward); page.drop(department); }}>${say("take_their_count")}</button></p>`}
    ${wrong && html`<p class="wrong" role="alert">${wrong}</p>`}
    ${open
      ? html`<div class="row-of ends"><button onClick=${() => page.drop(department)}>${say("drop")}</button>
          <button class="primary" disabled=${busy || Boolean(missing) || !isSure}
            onClick=${() => page.report(department)}>
            ${say("report_count", { at: timeOf(open.at) })}</button></div>
        ${missing && html`<p class="note">${say(missing)}</p>`}
        ${doubt && html`<div class="doubt" role="alert"><p>⚠ ${doubt.before == null
          ? say("many_beds", { n: doubt.n })
          : say("far_more_beds", doubt)}</p>
          <button aria-pressed=${isSure ? "true" : "false"} onClick=${() => setSure(isSure ? null : doubt.n)}>
            ${say("beds_sure", { n: doubt.n })}</button></div>`}
        ${draft.waits && html`<p class="waits" role="status">
          ${say("waits_for_line", { at: timeOf(open.at) })}</p>`}`
      : same && html`<div class="row-of ends"><button class="same" disabled=${busy} onClick=${() => page.same(row)}>
          ${say("same_as_before")} <b>${same.free} + ${same.emergency}
            ${same.staffed != null ? ` / ${same.staffed}` : ""}</b></button>
        ${!isAsked && html`<button class="ask-counts" onClick=${() => { setWide(true); setHeld(ward); }}
          aria-label=${`${what}: ${say("change_counts")}`}>${say("change_counts")}</button>`}</div>`}
    <${Reserved} ward=${ward} who=${who} />
  </article>`;
}
