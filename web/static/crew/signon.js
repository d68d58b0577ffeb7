// How a shift begins: the phone is enrolled, who is there signs in, and says with which unit.

import { goSignIn, told } from "../kit/api.js";
import { timeOf } from "../kit/clock.js";
import { explain, Foot, LanguageSwitch } from "../kit/frame.js";
import { html, useEffect, useState } from "../kit/html.js";
import { both, say } from "../kit/language.js";
import { calledOf, enrol, leave, session, signOn, signOut, unitNames } from "./duty.js";
import { Sheet } from "./parts.js";

const Frame = ({ title, children }) => html`<main class="begin">
  <div class="begin-head">
    <img src="/static/mark.svg" alt="" width="48" height="48" />
    <h1>${say("green_channel")}<small>${title}</small></h1>
    <${LanguageSwitch} />
  </div>
  ${children}
  <${Foot} />
</main>`;

// Who is led here with a code need not type it.
const given = () => new URLSearchParams(location.hash.slice(1)).get("code") ?? "";

// A code as it was made, however it was typed: in capitals, in groups of four.
export const codeOf = (typed) => typed.toUpperCase().replace(/[^A-Z0-9]/g, "").replace(/.{4}(?=.)/g, "$&-");

export function Enrol({ onDone }) {
  const [typed, setTyped] = useState(given);
  const [wrong, setWrong] = useState("");
  const [isBusy, setBusy] = useState(false);
  const go = async (event) => {
    event.preventDefault();
    setBusy(true);
    try { await enrol(codeOf(typed)); onDone(); } catch (problem) {
      setWrong(problem.status === 403 ? say("code_wrong") : explain(problem));
      setBusy(false);
    }
  };
  return html`<${Frame} title=${say("enrol_title")}>
    <form onSubmit=${go}>
      <p>${say("enrol_why")}</p>
      <label class="field">
        <span>${say("enrol_code")}</span>
        <input class="code" value=${typed} onInput=${(event) => setTyped(event.target.value)}
          autocomplete="off" autocapitalize="characters" spellcheck=${false} placeholder="XXXX-XXXX-XXXX"
          maxlength="32" required aria-invalid=${wrong ? "true" : "false"} />
      </label>
      ${wrong && html`<p class="wrong" role="alert">${wrong}</p>`}
      <button class="primary huge" disabled=${isBusy || typed.trim().length < 4}>${say("enrol")}</button>
      ${told.codes && !typed && html`<p><a href=${told.codes}>${say("code_there")}</a></p>`}
    </form>
  </${Frame}>`;
}

// Units that the register knows: with any other there would be no mission, and no patient.
// First the one that the person's name names, then the one before.
const SHOWN = 12;
export const isNamed = (who, unit) => [who.name, ...Object.values(who.spoken ?? {})]
  .some((name) => name.split(/[\s·,，;；()（）]+/).includes(unit));
function Units({ onPick, isBusy, last, who }) {
  const [names, setNames] = useState(null);
  const [typed, setTyped] = useState("");
  const [wrong, setWrong] = useState("");
  const load = () => unitNames().then((found) => {
    setNames(found);
    setWrong("");
  }, (problem) => setWrong(explain(problem)));
  useEffect(() => { load(); }, []);
  const wanted = typed.trim().toLowerCase();
  const rank = ({ unit_id: unit }) => (isNamed(who, unit) ? 2 : Number(unit === last));
  const fits = (names ?? []).filter((one) => !wanted || one.unit_id.toLowerCase().includes(wanted))
    .sort((a, b) => rank(b) - rank(a));
  const found = fits.slice(0, SHOWN);
  return html`
    <label class="field">
      <span>${say("unit_which")}</span>
      <input class="code" value=${typed} onInput=${(event) => setTyped(event.target.value)}
        placeholder=${last ?? ""} autocomplete="off" spellcheck=${false} maxlength="64" />
    </label>
    <div class="units" role="group" aria-label=${say("unit_which")}>
      ${found.map((one) => html`<button key=${one.unit_id} class=${isNamed(who, one.unit_id) ? "is-named" : ""}
          disabled=${isBusy} onClick=${() => onPick(one.unit_id)}>
        <b>${one.unit_id}</b>
        <small>${say(`kind.${one.kind}`)} · ${one.station_id}</small>
        ${isNamed(who, one.unit_id) && html`<small>${say("unit_named")}</small>`}
      </button>`)}
    </div>
    ${fits.length > SHOWN && html`<p class="dim" role="status">${say("units_more", { n: fits.length - SHOWN })}</p>`}
    ${names === null && !wrong && html`<p class="dim">${say("loading")}</p>`}
    ${names !== null && !found.length && html`<p class="wrong" role="alert">
      ${say("unit_not_known", { unit: typed.trim() })}
    </p>`}
    ${wrong && html`
      <p class="wrong" role="alert">${wrong}</p>
      <button onClick=${load}>${say("try_again")}</button>`}`;
}

// Somebody signs in at the provider and comes back to this; then they say with which unit. Who is on duty
// here already does not begin a second one: another of the crew signs in instead.
export function SignOn({ duties, last, onDone, onCancel }) {
  const [who, setWho] = useState(undefined);
  const [wrong, setWrong] = useState("");
  const [isBusy, setBusy] = useState(false);
  useEffect(() => {
    session().then(setWho).catch((problem) => {
      setWho(null);
      if (problem.status !== 401) setWrong(explain(problem));
    });
  }, []);
  const pick = async (unit) => {
    setBusy(true);
    try { await signOn(unit); onDone(who); } catch (problem) {
      setWrong(explain(problem));
      setBusy(false);
      if (problem.status === 401) setWho(null);
    }
  };
  const duty = who && duties.find((one) => one.name === who.name);
  const goOut = () => signOut().catch((problem) => {
    setWho(null);
    setWrong(problem.isSignedOut ? "" : explain(problem));
  });
  return html`<${Frame} title=${say("sign_on_title")}>
    ${who === undefined && html`<p>${say("loading")}</p>`}
    ${who === null && html`
      <p>${say("sign_on_why")}</p>
      <button class="primary huge" onClick=${() => goSignIn({ to: "/crew/#sign-on" })}>${say("sign_in")}</button>`}
    ${who && html`
      <p class="signed-in">
        <b>${both(who.spoken) || who.name}</b>
        ${!duty && html`<button class="quiet" onClick=${goOut}>${say("sign_out")}</button>`}
      </p>
      ${duty
        ? html`
            <p>${say("on_duty_already", { unit: duty.unit_id, at: timeOf(duty.began_at) })}</p>
            <button class="primary huge" onClick=${goOut}>${say("another_signs_in")}</button>`
        : html`<${Units} onPick=${pick} isBusy=${isBusy} last=${last} who=${who} />`}`}
    ${wrong && html`<p class="wrong" role="alert">${wrong}</p>`}
    ${onCancel && html`<button onClick=${onCancel}>${say("back")}</button>`}
  </${Frame}>`;
}

// Who is on duty with this phone: one tap says who acts now.
export function Duties({ known, onSwitch, onAdd, onEnded, onClose }) {
  const [sure, setSure] = useState(null);
  const [wrong, setWrong] = useState("");
  const end = async (duty) => {
    try { await leave(duty); setSure(null); } catch (problem) { setWrong(explain(problem)); }
    onEnded();
  };
  return html`<${Sheet} title=${say("who_acts")} onClose=${onClose}>
    <ul class="duties">
      ${known.duties.map((one) => html`<li key=${one.duty_id}>
        <button class="huge" aria-pressed=${one.duty_id === known.acting ? "true" : "false"}
          onClick=${() => onSwitch(one.duty_id)}>
          <b>${calledOf(one)}</b>
          <small>${one.unit_id} · ${say("since", { at: timeOf(one.began_at) })}</small>
        </button>
        ${sure === one.duty_id
          ? html`<button class="grave" onClick=${() => end(one)}>${say("sign_off_sure")}</button>`
          : html`<button onClick=${() => setSure(one.duty_id)}>${say("sign_off")}</button>`}
      </li>`)}
    </ul>
    ${wrong && html`<p class="wrong" role="alert">${wrong}</p>`}
    <button class="huge" onClick=${onAdd}>${say("second_person")}</button>
    <p class="dim">${say("duty_means")}</p>
  </${Sheet}>`;
}
