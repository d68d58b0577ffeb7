// Who gives signs, and has just shown who they are: a signature is a person's, and waits for a line.
// What was typed is kept over the sign-in, and the wristband says whether it is this patient.

import { ask, goSignIn, newKey } from "../kit/api.js";
import { isoNow } from "../kit/clock.js";
import { explain } from "../kit/frame.js";
import { html, useEffect, useRef, useState } from "../kit/html.js";
import { forget, keep, kept } from "../kit/keep.js";
import { both, say } from "../kit/language.js";
import { session } from "./duty.js";
import { together } from "./mission.js";
import { Sheet } from "./parts.js";
import { nameOf } from "./whose.js";

// A field for a reason, below what it is the reason for.
const Because = ({ name, value, onInput }) => html`<label class="field">
  <span>${say(name)} · ${say("no_names")}</span>
  <input value=${value ?? ""} onInput=${(event) => onInput(event.target.value)} maxlength="200" />
</label>`;

const isSame = (one, other) => one.trim().toLowerCase() === other.trim().toLowerCase();

export function Sign({ patient, patients, names, duties, act, onClose }) {
  const place = `draft:sign:${patient.encounter_id}`;
  const told = useRef(null);
  const [draft, setDraft] = useState(null);
  const [wrong, setWrong] = useState({ text: "", wristband: null, isOff: false });
  const [isSent, setSent] = useState(false);
  const isDone = isSent || Boolean(patient.signed);
  useEffect(() => { kept("notes", place).then((found) => setDraft(found ?? {})); }, [place]);
  if (draft === null) return null;
  const write = (more) => { const after = { ...draft, ...more }; setDraft(after); keep("notes", place, after); };
  const wristband = (draft.wristband ?? "").trim();
  const reason = (draft.reason ?? "").trim();
  // The numbers of all who are here are known: whose it is need not be asked for.
  const whose = wristband && patients.find((one) => one.encounter_id !== patient.encounter_id
    && [one.wristband, one.admission_number].some((number) => number && isSame(number, wristband)));
  const isAnothers = wristband !== "" && (Boolean(whose) || wristband === wrong.wristband);
  // Of several who came in one vehicle the wristbands alone tell who is who.
  const many = together(patients).length;
  const isUnread = wristband === "" && many > 1;
  const asksWhy = isAnothers || isUnread;
  const isOff = wrong.isOff || !patient.boarded_at;
  const off = (draft.off ?? "").trim();
  const lacks = (asksWhy && !reason) || (isOff && !off);
  const said = {
    ...(wristband ? { wristband } : {}),
    ...(asksWhy ? { wristband_reason: reason } : {}),
    ...(isOff ? { not_aboard_reason: off } : {})
  };
  // The key and the time stay while the same is sent again: the answer alone may have been lost.
  const same = () => {
    const text = JSON.stringify(said);
    if (told.current?.text !== text) told.current = { text, key: newKey(), at: isoNow() };
    return told.current;
  };
  const anew = () => goSignIn({ to: `/crew/#sign=${patient.encounter_id}`, anew: true });
  const sign = async () => {
    setWrong({ ...wrong, text: "", wristband: isAnothers ? wristband : null });
    const { key, at } = same();
    try {
      const me = await session();
      const duty = duties.find((one) => one.name === me.name);
      await ask(
        "bridge", "POST", `facilities/${patient.destination}/encounters/${patient.encounter_id}/handover`,
        { occurred_at: at, ...said },
        { key, headers: { "as-signed-in": "true", ...(duty ? { "green-channel-duty": duty.duty_id } : {}) } });
      setSent(true);
      await act.signed(patient, at);
      await forget("notes", place);
    } catch (problem) {
      if (!problem.isAway) told.current = null;
      if (problem.isToSignAnew || problem.isSignedOut) anew();
      else if (problem.title === "Another wristband") setWrong({ ...wrong, text: "", wristband });
      else if (problem.title === "Not aboard" && !isOff) setWrong({ ...wrong, text: "", isOff: true });
      else setWrong({ ...wrong, text: explain(problem), wristband: null });
    }
  };
  return html`<${Sheet} title=${say("more.sign")} onClose=${onClose}>
    <p>${say("sign_means", { name: both(names[patient.destination]) || patient.destination })}</p>
    <label class="field">
      <span>${say(many > 1 ? "sign_wristband_of" : "sign_wristband", { n: many })}</span>
      <input value=${draft.wristband ?? ""} onInput=${(event) => write({ wristband: event.target.value })}
        autocomplete="off" autocapitalize="characters" spellcheck=${false} maxlength="64"
        aria-invalid=${isAnothers ? "true" : "false"} />
    </label>
    ${isAnothers && !isDone && html`
      <p class="wrong" role="alert">
        <b>✕ ${whose ? say("wristband_of", { who: nameOf(whose) }) : say("another_wristband")}</b>
        ${" "}${say("another_wristband_means")}
      </p>
      <${Because} name="wristband_reason" value=${draft.reason} onInput=${(is) => write({ reason: is })} />`}
    ${isUnread && !isDone && html`
      <p class="wrong" role="alert">
        <b>! ${say("wristband_unread", { n: many })}</b> ${say("wristband_unread_means")}
      </p>
      <${Because} name="wristband_unread_reason" value=${draft.reason} onInput=${(is) => write({ reason: is })} />`}
    ${isOff && !isDone && html`
      <p class="wrong" role="alert"><b>✕ ${say("never_aboard")}</b> ${say("never_aboard_means")}</p>
      <${Because} name="never_aboard_reason" value=${draft.off} onInput=${(is) => write({ off: is })} />`}
    ${wrong.text && html`<p class="wrong" role="alert">${wrong.text}</p>`}
    ${isDone
      ? html`<p role="status"><b>${say("signed_over")}</b></p>`
      : html`
          <button class=${asksWhy || isOff ? "grave huge" : "primary huge"} disabled=${lacks} onClick=${sign}>
            ${say(asksWhy || isOff ? "sign_all_the_same" : "sign_now")}
          </button>
          <button onClick=${anew}>${say("sign_in_first")}</button>`}
  </${Sheet}>`;
}
