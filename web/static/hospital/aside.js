// Beside the cards: what the house has free, with the age and the owner of each number; what is over.

import { Age, timeOf } from "../kit/clock.js";
import { html } from "../kit/html.js";
import { code, say } from "../kit/language.js";
import { personOf } from "../kit/person.js";

function Ward({ ward }) {
  const value = ward.is_known
    ? html`<b class=${ward.lacks_since ? "lacks" : ""}>${ward.free}<small> + ${ward.emergency}</small></b>`
    : html`<b class="unknown">${say("unknown")}</b>`;
  return html`<li><span>${say(`department.${ward.department}`)}</span>${value}
    <small>${ward.reported_at ? html`<${Age} at=${ward.reported_at} /> · ${ward.reported_by}` : say("never_reported")}
      ${ward.reservations.length > 0 ? ` · ${say("reserved", { n: ward.reservations.length })}` : ""}</small></li>`;
}

export function Beds({ beds }) {
  if (!beds) return null;
  return html`<section><h2>${say("beds")}</h2>
    ${beds.divert && html`<p class="divert" title=${beds.divert.reason}>
      ${say("divert_until", { at: timeOf(beds.divert.until) })} · ${beds.divert.reason}</p>`}
    ${beds.wards.length
      ? html`<ul>${beds.wards.map((ward) => html`<${Ward} key=${ward.department} ward=${ward} />`)}</ul>`
      : html`<p class="none">${say("beds_never")}</p>`}
    <p><a href="/hospital/beds">${say("report_beds")}</a></p></section>`;
}

// Who was handed over in the last day or went elsewhere while this board was open: [{key, at, how,
// encounter_id, patient, level, number, pending}], the newest first. The page of who is not ours opens no more.
export function Recent({ recent }) {
  const who = (one) => (one.patient ? personOf(one.patient) : one.encounter_id);
  return html`<section class="recent"><h2>${say("recent")}</h2>
    ${recent.length
      ? html`<ul>${recent.map((one) => html`<li key=${one.key}>
        <span>${timeOf(one.at)} ${say(`over.${one.how}`)}</span><b>${one.level ? code("levels", one.level) : ""}</b>
        <small>${one.how === "transferred"
          ? html`<a href=${`/hospital/patient/${one.encounter_id}`}>${who(one)}</a>`
          : who(one)} ${one.number ?? ""}
          ${one.pending?.length
            ? ` · ${say("pending")}${one.pending.map((each) => say(`formality.${each}`)).join(say("comma"))}`
            : ""}</small></li>`)}</ul>`
      : html`<p class="none">${say("recent_none")}</p>`}</section>`;
}
