// A new call. It is accepted when the form is opened. What was typed is kept until it was sent, or until
// somebody says that there is no call: closed by accident, it is there again, with the time it was begun.

import { isoNow, ms, secondOf } from "../kit/clock.js";
import { html, useState } from "../kit/html.js";
import { code, language, say } from "../kit/language.js";
import { momentOf, rightNow, When } from "../kit/when.js";
import zhCodes from "../words/zh/codes.js";
import { sameEvent } from "./calls.js";
import { tooMany } from "./corrections.js";
import { CLASSES, farPlace, likeOf, locationOf, PlaceFields, wrongPlace } from "./dialogs.js";
import { addressOf } from "./row.js";
import { Choice, Field, Sending } from "./sending.js";

const COUNTS = [1, 2, 3, 4];
const COMPLAINTS = Object.keys(zhCodes.complaints);
let draft = null;
const begun = () => ({
  place: {}, accepted_at: isoNow(), complaint: "", text: "", count: null, classification: null, scheduled: null
});

function bodyOf({ place, accepted_at, complaint, text, count, classification, scheduled }) {
  const location = locationOf(place);
  const isWanted = classification === "non_emergency_transfer" && scheduled !== null;
  const lacks = [
    !location && say("place.point"),
    !count && say("how_many"),
    !classification && say("class"),
    isWanted && !momentOf(scheduled) && say("wanted")
  ].filter(Boolean);
  const wrong = wrongPlace(place) ?? tooMany(count);
  if (wrong || lacks.length) return wrong ?? lacks;
  const patient = { ...(complaint && { complaint }), ...(text.trim() && { complaint_text: text.trim() }) };
  return {
    call: { accepted_at }, location, classification, patients: Array.from({ length: count }, () => patient),
    ...(isWanted && { scheduled_at: momentOf(scheduled) }),
  };
}

export function Intake({ known, board, onClose }) {
  const [isAgain] = useState(draft !== null);
  const [form, write] = useState(() => (draft ??= begun()));
  const set = (more) => write((before) => (draft = { ...before, ...more }));
  // Coordinates of another map lie half a kilometre off: of those it is asked when the call was entered.
  const point = form.place.system === "WGS-84" ? locationOf(form.place) : null;
  const near = point ? sameEvent(point, ms(form.accepted_at), [...known.calls.values()], board.state.same_event) : [];
  const many = form.count != null && !COUNTS.includes(form.count);
  const host = {
    refresh: () => board.refresh(),
    state: board.state,
    sent: async (call) => {
      draft = null; board.setState({ tab: call.classification === "emergency" ? "emergency" : "transfer" });
      if (board.state.opened !== call.incident_id) board.open(call.incident_id);
      if (!near.some((one) => one.call.incident_id === form.into)) return;
      await board.refresh();
      const entered = board.state.incidents.find((one) => one.incident_id === call.incident_id);
      if (entered) board.ask("merge", { call: entered, into: form.into });
    },
  };
  return html`<${Sending} kind="wide intake" title=${say("new_call")} go=${say("do.enter_call")} path="incidents"
      body=${() => bodyOf(form)} doubt=${farPlace(known)} board=${host} onClose=${onClose}
      onCancel=${() => { draft = null; onClose(); }} 
      done=${({ location }) => say("call_entered", { where: addressOf({ location }) })}>
    <p class="accepted">
      ${say("time.accepted")} <b>${secondOf(form.accepted_at)}</b>
      ${isAgain && html` · ${say("begun_before")} <button type="button" onClick=${() => set(begun())}>
        ${say("begin_anew")}
      </button>`}
    </p>
    <div class="two">
      <div>
        <${PlaceFields} place=${form.place} set=${(place) => set({ place })} known=${known} />
        ${near.length > 0 && html`<div class="near" role="status">
          <p>${say("near_calls")}</p>
          <${Choice} name=${say("near_calls")} value=${form.into}
            onPick=${(into) => set({ into: into === form.into ? null : into })}
            options=${near.map((one) => [one.call.incident_id, likeOf(one)])} />
        </div>`}
      </div>
      <div>
        <${Field} name=${say("complaint")}>
          <select value=${form.complaint} onChange=${(e) => set({ complaint: e.target.value })} name="complaint">
            <option value="">${say("nobody_said")}</option>
            ${COMPLAINTS.map((one) => html`<option value=${one} key=${one} lang=${language()}>
              ${code("complaints", one)}
            </option>`)}
          </select>
        </${Field}>
        <${Field} name=${say("complaint_text")}>
          <textarea name="text" value=${form.text} onInput=${(e) => set({ text: e.target.value })}
            maxlength="500" rows="3"></textarea>
        </${Field}>
        <p class="label">${say("how_many")}</p>
        <${Choice} name=${say("how_many")} value=${many ? null : form.count} onPick=${(count) => set({ count })}
          options=${COUNTS.map((n) => [n, String(n)])} />
        <${Field} name=${say("more_than", { n: COUNTS.at(-1) })}>
          <input inputmode="numeric" value=${many ? form.count : ""}
            onInput=${(e) => set({ count: Math.trunc(+e.target.value) || null })} name="count" />
        </${Field}>
        <p class="label">${say("class")}</p>
        <${Choice} name=${say("class")} value=${form.classification}
          onPick=${(classification) => set({ classification })}
          options=${CLASSES.map((one) => [one, say(`class.${one}`)])} />
        ${form.classification === "non_emergency_transfer" && html`
          <p class="label">${say("wanted")}</p>
          ${form.scheduled === null
            ? html`<button type="button" onClick=${() => set({ scheduled: rightNow() })}>
              ${say("do.another_time")}
            </button>`
            : html`<${When} value=${form.scheduled} onChange=${(scheduled) => set({ scheduled })} />`}`}
        <p class="aside">${say("no_names")}</p>
      </div>
    </div>
  </${Sending}>`;
}
