// Who gives signs, and has just shown who they are: a signature is a person's, and waits for a line.
// What was typed is kept over the sign-in, and the wristband says whether it is this patient.

import { ask, goSignIn, newKey } from "../kit/api.js";
import { isoNow } from "../kit/clock.js";
import { explain } from "../kit/frame.js";
import { html, useEffect, useRef, useState } from "../kit/html.js";
import { forget, keep, kept } from "../kit/keep.js";
import { both, say } from "../kit/language.js";
import { session } from "./duty.js";
import { Sheet } from "./parts.js";

export function Sign({ patient, names, duties, onClose }) {
  const place = `draft:sign:${patient.encounter_id}`;
  const told = useRef(null);
  const [draft, setDraft] = useState(null);
  const [wrong, setWrong] = useState({ text: "", wristband: null });
  const [isDone, setDone] = useState(false);
  useEffect(() => { kept("notes", place).then((found) => setDraft(found ?? {})); }, [place]);
  if (draft === null) return null;
  const write = (more) => { const after = { ...draft, ...more }; setDraft(after); keep("notes", place, after); };
  const wristband = (draft.wristband ?? "").trim();
  const reason = (draft.reason ?? "").trim();
  const isAnothers = wristband !== "" && wristband === wrong.wristband;
  const said = { ...(wristband ? { wristband } : {}), ...(isAnothers ? { wristband_reason: reason } : {}) };
  // The key and the time stay while the same is sent again: the answer alone may have been lost.
  const same = () => {
    const text = JSON.stringify(said);
    if (told.current?.text !== text) told.current = { text, key: newKey(), at: isoNow() };
    return told.current;
  };
  const anew = () => goSignIn({ to: `/crew/#sign=${patient.encounter_id}`, anew: true });
  const sign = async () => {
    setWrong({ text: "", wristband: isAnothers ? wristband : null });
    const { key, at } = same();
    try {
      const me = await session();
      const duty = duties.find((one) => one.name === me.name);
      await ask(
        "bridge", "POST", `facilities/${patient.destination}/encounters/${patient.encounter_id}/handover`,
        { occurred_at: at, ...said },
        { key, headers: { "as-signed-in": "true", ...(duty ? { "green-channel-duty": duty.duty_id } : {}) } });
      setDone(true);
      await forget("notes", place);
    } catch (problem) {
      if (!problem.isAway) told.current = null;
      if (problem.isToSignAnew || problem.isSignedOut) anew();
      else if (problem.title === "Another wristband") setWrong({ text: "", wristband });
      else setWrong({ text: explain(problem), wristband: null });
    }
  };
  return html`<${Sheet} title=${say("more.sign")} onClose=${onClose}>
    <p>${say("sign_means", { name: both(names[patient.destination]) || patient.destination })}</p>
    <label class="field">
      <span>${say("sign_wristband")}</span>
      <input value=${draft.wristband ?? ""} onInput=${(event) => write({ wristband: event.target.value })}
        autocomplete="off" autocapitalize="characters" spellcheck=${false} maxlength="64"
        aria-invalid=${isAnothers ? "true" : "false"} />
    </label>
    ${isAnothers && !isDone && html`
      <p class="wrong" role="alert"><b>✕ ${say("another_wristband")}</b> ${say("another_wristband_means")}</p>
      <label class="field">
        <span>${say("wristband_reason")} · ${say("no_names")}</span>
        <input value=${draft.reason ?? ""} onInput=${(event) => write({ reason: event.target.value })}
          maxlength="200" />
      </label>`}
    ${wrong.text && html`<p class="wrong" role="alert">${wrong.text}</p>`}
    ${isDone
      ? html`<p role="status"><b>${say("signed_over")}</b></p>`
      : html`
          <button class=${isAnothers ? "grave huge" : "primary huge"} disabled=${isAnothers && !reason} onClick=${sign}>
            ${say(isAnothers ? "sign_all_the_same" : "sign_now")}
          </button>
          <button onClick=${anew}>${say("sign_in_first")}</button>`}
  </${Sheet}>`;
}
