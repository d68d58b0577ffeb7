// A dialog that sends one act, and what its questions are put together from.

import { Dialog, explain, notify, tellSent } from "../kit/frame.js";
import { html, useEffect, useRef, useState } from "../kit/html.js";
import { say } from "../kit/language.js";
import zh from "../words/zh/dispatch.js";
import { Attempt } from "./acts.js";
import { aboutOf, ASSIGNABLE } from "./calls.js";
import { addressOf } from "./row.js";

export function Choice({ options, value, onPick, name }) {
  return html`<div class="choice" role="group" aria-label=${name}>
    ${options.map(([key, text]) => html`<button type="button" key=${key}
        aria-pressed=${value === key ? "true" : "false"} onClick=${() => onPick(key)}>
      ${text}
    </button>`)}
  </div>`;
}

export const Field = ({ name, children }) => html`<label class="field"><span>${name}</span>${children}</label>`;
export const Reason = ({ value, set, isNeeded = true }) => html`
  <${Field} name=${isNeeded ? `${say("reason")} (${say("required")})` : say("reason")}>
    <input value=${value} onInput=${(e) => set(e.target.value)} maxlength="200" name="reason" />
  </${Field}>`;

// Why dispatch says no, in words of ours where we have them.
export function refusal(problem) {
  const key = `refused.${problem.title}`;
  return key in zh ? say(key) : explain(problem);
}

// Who was quicker: by now the unit is on another call than the one that it was to be taken from.
function told(problem, { unit_id: unit }, { call, diverts }, board) {
  const now = board.state.units.find((one) => one.unit_id === unit);
  const isTaken = now?.incident_id && now.incident_id !== diverts && !ASSIGNABLE.includes(now.status);
  if (problem.status !== 409 || !isTaken) return refusal(problem);
  const status = say(`status.${now.status}`);
  if (now.incident_id === call?.incident_id) return say("unit_sent_already", { unit, status });
  const other = board.state.incidents.find((one) => one.incident_id === now.incident_id);
  return say("unit_taken", { unit, status, address: other ? addressOf(other) : now.incident_id });
}

// A dialog that sends one act: `body()` answers with what to send, null while something lacks, or with the
// names of what lacks as a list, or with what is wrong with it. `doubt(body)`: what is asked before it is
// sent all the same. `done`: what is said afterwards, or what makes it of the answer.
export function Sending({
  title, call, diverts, path, method = "POST", body, doubt, go, grave, done, board, onClose, children, kind,
  about = true, onCancel = onClose
}) {
  const [busy, setBusy] = useState(false);
  const [wrong, setWrong] = useState(null);
  const [asked, ask] = useState(null);
  const attempt = useRef(new Attempt());
  const form = useRef();
  // Who works by keys begins at the first field; where there is none, at the act, unless it is grave.
  useEffect(() => form.current.querySelector(
    `input, select, textarea, .choice button, .dialog-end ${grave ? "button" : ".primary"}`)?.focus(), []);
  const anew = () => { setWrong(null); ask(null); };
  const submit = async (event) => {
    event.preventDefault();
    const said = body();
    if (said === null) { setWrong(say("something_lacks")); return; }
    if (Array.isArray(said)) { setWrong(say("lacks", { what: said.join(say("comma")) })); return; }
    if (typeof said === "string") { setWrong(said); return; }
    const doubtful = doubt?.(said) ?? null;
    if (doubtful !== null && doubtful !== asked) { setWrong(null); ask(doubtful); return; }
    setBusy(true);
    try {
      const answer = await attempt.current.send(method, typeof path === "function" ? path() : path, said);
      onClose();
      const text = typeof done === "function" ? done(answer) : done;
      if (text) notify(text);
      else tellSent(title);
      board.refresh();
      board.sent?.(answer);
    } catch (problem) {
      if (problem.status === 409) await board.refresh();
      setWrong(told(problem, said, { call, diverts }, board));
      setBusy(false);
    }
  };
  return html`<${Dialog} title=${title} onClose=${onClose} kind=${kind}>
    ${about && call && html`<p class="about">${addressOf(call)} · ${aboutOf(call).join(" · ")}</p>`}
    <form ref=${form} onSubmit=${submit} onInput=${anew}
        onClick=${(event) => { if (event.target.closest(".choice, .map")) anew(); }}
        onKeyDown=${(event) => { if (event.key === "Enter" && event.repeat) event.preventDefault(); }}>
      ${children}
      ${asked && html`<p class="doubt" role="alert">${asked}</p>`}
      ${wrong && html`<p class="wrong" role="alert">${wrong}</p>`}
      <div class="dialog-end">
        <button type="button" onClick=${onCancel}>${say("cancel")}</button>
        <button class=${grave ? "grave" : "primary"} disabled=${busy}>
          ${asked ? say("do.all_the_same") : go ?? title}
        </button>
      </div>
    </form>
  </${Dialog}>`;
}
