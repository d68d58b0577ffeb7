// The questions that an act asks before it is sent. Nothing is chosen beforehand that is not known.

import { ask, newKey } from "../kit/api.js";
import { isoNow, secondOf, timeOf } from "../kit/clock.js";
import { dial } from "../kit/dial.js";
import { Dialog, notify } from "../kit/frame.js";
import { html, useEffect, useRef, useState } from "../kit/html.js";
import { both, code, say } from "../kit/language.js";
import { personOf, problemOf } from "../kit/person.js";
import { actOf, callable, firstOf, send, unsent } from "./acts.js";
import { centresOf, markOf, teamsOf } from "./patients.js";
import { DEPARTMENTS } from "./wards.js";

const WAYS = ["resus", "cath_lab", "theatre", "icu", "ct", "delivery_room", "picu", "nicu"];
const CENTRES = ["emergency", "chest_pain", "stroke", "trauma", "maternal", "neonatal"];
const REASONS = ["no_bed", "no_capability", "equipment_failure", "other"];

export function Choice({ options, value, onPick, name }) {
  return html`<div class="choice" role="group" aria-label=${name}>
    ${options.map(([key, text]) => html`<button type="button" key=${key}
      aria-pressed=${value === key ? "true" : "false"} onClick=${() => onPick(key)}>${text}</button>`)}</div>`;
}

// Whom it is about: who looks like another is told by their unit and the last of their number.
const About = ({ item }) => html`<p class="about">
  ${personOf(item.record.patient)} · ${problemOf(item.record.patient)} · <b>${markOf(item)}</b></p>`;

// Whoever goes back while an act is under way is told that it is, and how it ended: `over` is what was told, or
// null while the question stands.
function useUnderWay(text) {
  const way = useRef({ is: false, over: null });
  useEffect(() => () => {
    if (way.current.is) way.current.over = notify(say("act_under_way", { act: text }), "told");
  }, []);
  return way.current;
}

// What a refusal says; of what somebody else has done first, who and when.
async function refused(problem, item, path, said) {
  if (problem.status !== 409 || !["activation/withdrawn", "acceptance/withdrawn"].includes(path)) return null;
  const after = await ask("bridge", "GET", `facilities/${item.facility_id}/encounters/${item.encounter_id}`)
    .catch(() => null);
  return after && firstOf(after, path, said);
}

// A dialog that sends one act: `body()` answers with what to send, or nothing while something lacks.
// Said again after a lost answer it is the same act, with its key and its time; `onProblem` may take
// what went wrong upon itself.
export function Sending({ title, item, path, body, onClose, onDone, go, onProblem = () => false, children }) {
  const [busy, setBusy] = useState(false);
  const [wrong, setWrong] = useState(null);
  const [waits, setWaits] = useState(false);
  const told = useRef(null);
  const way = useUnderWay(actOf(title, item));
  const submit = async (event) => {
    event.preventDefault();
    const said = body();
    if (!said) { setWrong(say("something_lacks")); return; }
    const [where, text] = [typeof path === "function" ? path() : path, JSON.stringify(said)];
    if (told.current?.where !== where || told.current.text !== text)
      told.current = { where, text, key: newKey(), at: isoNow() };
    setBusy(true);
    setWrong(null);
    way.is = true;
    try {
      const after = await send(item, where, { occurred_at: told.current.at, ...said }, told.current.key, setWaits);
      way.is = false;
      way.over?.();
      onDone(after, title);
      if (!way.over) onClose();
    } catch (problem) {
      if (!problem.isAway) told.current = null;
      const first = await refused(problem, item, where, said);
      const text = first ? say("was_first", { act: title, who: first.who, at: secondOf(first.at) })
        : unsent(problem, title);
      way.is = false;
      way.over?.();
      if (way.over) notify(`${actOf(title, item)} · ${text}`, "wrong");
      else if (!onProblem(problem)) setWrong(text);
    }
    setBusy(false);
  };
  return html`<${Dialog} title=${title} onClose=${onClose}>
    <${About} item=${item} />
    <form onSubmit=${submit}>${children}
      ${wrong && html`<p class="wrong" role="alert">${wrong}</p>`}
      ${waits && html`<p class="waits" role="alert">${say("act_waits", { act: title })}</p>`}
      <div class="dialog-end"><button type="button" onClick=${onClose}>${say("back")}</button>
        <button class="primary" disabled=${busy}>${busy ? say("sending") : go ?? say("confirm")}</button></div></form>
  </${Dialog}>`;
}

// Whom an activation calls; who is alerted is a nurse, and no department.
const Calls = ({ how, teams }) => (how === "alert" ? html`<p class="teams">${say("calls_nobody")}</p>`
  : teams && html`<p class="teams">${say("calls")} ${teams.map((name) => say(`team.${name}`)).join(" · ")}</p>`);

export function Activate({ item, act, ...more }) {
  const { concern } = act;
  return html`<${Sending} ...${more} item=${item} title=${act.text} path="activation" go=${act.text}
      body=${() => ({ centre: concern.centre, activation: concern.activation })}>
    <p>${both(concern.text)}</p>
    <${Calls} how=${concern.activation} teams=${more.teams?.[concern.centre]} />
    <p class="aside">${say("source")} ${concern.source}${concern.evidence ? ` (${concern.evidence})` : ""}</p>
  </${Sending}>`;
}

export function Call({ item, act, ...more }) {
  const [centre, setCentre] = useState(null);
  const [how, setHow] = useState(null);
  return html`<${Sending} ...${more} item=${item} title=${act.text} path="activation"
      body=${() => centre && how && { centre, activation: how }}>
    <${Choice} name=${say("centre")} value=${centre} onPick=${setCentre}
      options=${callable(item, CENTRES).map((c) => [c, code("centres", c)])} />
    <${Choice} name=${say("how")} value=${how} onPick=${setHow}
      options=${["alert", "activate"].map((a) => [a, code("activations", a)])} />
    ${how && html`<${Calls} how=${how} teams=${more.teams?.[centre]} />`}
  </${Sending}>`;
}

// What is telephoned at a department: what was said for the way there, or was typed on this browser before.
const PHONE = "greenchannel.phone";
const kept = (way) => {
  try { return JSON.parse(localStorage.getItem(`${PHONE}.${way}`) ?? "{}"); } catch { return {}; }
};
const phoneOf = ({ handoff: { direct_to: way } }, department) =>
  (way?.direct_to === department && way.phone) || kept(department).phone || null;
const Phone = ({ of }) => (of ? html`<a href=${dial(of)}>☎ ${of}</a>` : html`<b>${say("phone_unknown")}</b>`);

// A team that was called by mistake is called off: both stand in the record. Who comes already is not reached
// by this alone.
export function Uncall({ item, act, ...more }) {
  const [all] = useState([...new Set(item.handoff.activations.map((one) => one.centre))]);
  const [centre, setCentre] = useState(all.length === 1 ? all[0] : null);
  const [reason, setReason] = useState("");
  const others = new Set(item.handoff.activations.filter((one) => one.centre !== centre)
    .flatMap((one) => one.departments));
  const called = centresOf(item).find((one) => one.centre === centre)?.teams ?? [];
  const free = called.filter((team) => !others.has(team.department));
  return html`<${Sending} ...${more} item=${item} title=${act.text} path="activation/withdrawn"
      go=${say("do.uncall_go")} body=${() => centre && reason.trim() && { centre, reason: reason.trim() }}>
    <p class="aside">${say("uncall_means")}</p>
    <${Choice} name=${say("centre")} value=${centre} onPick=${setCentre}
      options=${all.map((c) => [c, code("centres", c)])} />
    ${free.length > 0 && html`<p class="teams"><b>${say("uncall_telephone")}</b></p>
      <ul class="teams">${free.map(({ department, answer }) => html`<li key=${department}>
        ${say(`team.${department}`)} ${say(`answer.${answer ?? "silent"}`)} · <${Phone} of=${phoneOf(item, department)}
          /></li>`)}</ul>`}
    <label class="field"><span>${say("reason")} · ${say("no_names_here")}</span>
      <input value=${reason} onInput=${(e) => setReason(e.target.value)} required maxlength="200" /></label>
  </${Sending}>`;
}

export function Unaccept({ item, act, ...more }) {
  const [at] = useState(item.handoff.accepted_at); // it is gone once it is sent
  const [reason, setReason] = useState("");
  return html`<${Sending} ...${more} item=${item} title=${act.text} path="acceptance/withdrawn" go=${act.text}
      body=${() => reason.trim() && { reason: reason.trim() }}>
    <p>${say("unaccept_means", { at: timeOf(at) })}</p>
    <label class="field"><span>${say("reason")} · ${say("no_names_here")}</span>
      <input value=${reason} onInput=${(e) => setReason(e.target.value)} required maxlength="200" /></label>
  </${Sending}>`;
}

// What each department that was called says; the last answer counts, and each is sent as it is tapped.
export function Answers({ item, act, onClose, onDone }) {
  const [busy, setBusy] = useState(null);
  const [wrong, setWrong] = useState(null);
  const [waits, setWaits] = useState(false);
  const lost = useRef(new Map());
  const way = useUnderWay(actOf(act.text, item));
  const teams = teamsOf(item);
  const silent = teams.filter((team) => !team.answer);
  const tell = async (names, answer) => {
    setWrong(null);
    for (const name of names) {
      const said = `${name} ${answer}`;
      const what = `${say(`team.${name}`)} ${say(`answer.${answer}`)}`;
      if (!lost.current.has(said)) lost.current.set(said, { key: newKey(), at: isoNow() });
      const { key, at } = lost.current.get(said);
      setBusy(name);
      way.is = true;
      try {
        onDone(await send(item, `departments/${name}/answer`, { answer, occurred_at: at }, key, setWaits), what);
        lost.current.delete(said);
      } catch (problem) {
        if (!problem.isAway) lost.current.delete(said);
        const text = unsent(problem, what);
        if (way.over) notify(`${actOf(act.text, item)} · ${text}`, "wrong");
        else setWrong(text);
        break;
      }
    }
    way.is = false;
    way.over?.();
    setBusy(null);
  };
  const answer = (team, word) => html`<button type="button" aria-pressed=${team.answer === word ? "true" : "false"}
    disabled=${busy !== null} onClick=${() => tell([team.department], word)}>${say(`answer.${word}`)}</button>`;
  return html`<${Dialog} title=${act.text} onClose=${onClose}>
    <${About} item=${item} />
    <ul class="answering">${teams.map((team) => html`<li key=${team.department}>
      <span>${say(`team.${team.department}`)}
        ${busy === team.department ? html` <small>${say("sending")}</small>` : ""}</span>
      ${answer(team, "coming")}${answer(team, "cannot")}</li>`)}</ul>
    ${wrong && html`<p class="wrong" role="alert">${wrong}</p>`}
    ${waits && html`<p class="waits" role="alert">${say("act_waits", { act: act.text })}</p>`}
    <div class="dialog-end"><button type="button" onClick=${onClose}>${say("back")}</button>
      ${silent.length > 1 && html`<button type="button" class="primary" disabled=${busy !== null}
        onClick=${() => tell(silent.map((team) => team.department), "coming")}>
        ${say("all_coming", { n: silent.length })}</button>`}</div>
  </${Dialog}>`;
}

export function Direct({ item, act, ...more }) {
  const [way, setWay] = useState(act.way);
  const [phone, setPhone] = useState(kept(act.way).phone ?? "");
  const [gate, setGate] = useState(kept(act.way).gate ?? "");
  const pick = (next) => { setWay(next); setPhone(kept(next).phone ?? phone); setGate(kept(next).gate ?? gate); };
  const body = () => {
    try {
      localStorage.setItem(`${PHONE}.${way}`, JSON.stringify({ phone, gate }));
    } catch { /* asked again next time */ }
    return { direct_to: way, ...(phone.trim() && { phone: phone.trim() }), ...(gate.trim() && { gate: gate.trim() }) };
  };
  return html`<${Sending} ...${more} item=${item} title=${say("do.direct_title")} path="direct-to" body=${body}>
    <${Choice} name=${say("where_to")} value=${way} onPick=${pick} options=${WAYS.map((w) => [w, code("places", w)])} />
    <label class="field"><span>${say("phone_of_there")}</span>
      <input value=${phone} onInput=${(e) => setPhone(e.target.value)} inputmode="tel"
        pattern="[0-9 +\\-]{2,20}" title=${say("phone_form")} /></label>
    <label class="field"><span>${say("gate")}</span>
      <input value=${gate} onInput=${(e) => setGate(e.target.value)} maxlength="40" /></label>
  </${Sending}>`;
}

export function Revoke({ item, act, ...more }) {
  const [way] = useState(item.handoff.direct_to?.direct_to); // it is gone once it is sent
  return html`<${Sending} ...${more} item=${item} title=${act.text} path="direct-to/revoked"
      body=${() => ({ direct_to: way })} go=${say("do.revoke_go")}>
    <p>${say("revoke_means", { place: code("places", way) })}</p></${Sending}>`;
}

export function Bed({ item, act, wards, ...more }) {
  const [department, setDepartment] = useState(null);
  const [bed, setBed] = useState("");
  const known = Object.fromEntries((wards ?? []).map((ward) => [ward.department, ward]));
  const text = (name) => {
    const ward = known[name];
    const free = ward?.is_known ? `${ward.free} + ${ward.emergency}` : say("unknown");
    return html`${say(`department.${name}`)} <small>${free}</small>`;
  };
  return html`<${Sending} ...${more} item=${item} title=${act.text} path="bed"
      body=${() => department && { department, ...(bed.trim() && { bed: bed.trim() }) }}>
    <p class="aside">${say("bed_counts")}</p>
    <${Choice} name=${say("department")} value=${department} onPick=${setDepartment}
      options=${DEPARTMENTS.map((d) => [d, text(d)])} />
    <label class="field"><span>${say("bed_number")}</span>
      <input value=${bed} onInput=${(e) => setBed(e.target.value)} maxlength="64"
        pattern="[A-Za-z0-9][A-Za-z0-9._:\\-]*" /></label>
  </${Sending}>`;
}

export function Redirect({ item, act, names, ...more }) {
  const [reason, setReason] = useState(null);
  const [other, setOther] = useState(null);
  const [note, setNote] = useState("");
  const others = Object.entries(names ?? {}).filter(([id]) => id !== item.facility_id);
  const body = () => reason && {
    reason,
    ...(other && { alternative_facility_id: other }),
    ...(note.trim() && { note: note.trim() })
  };
  return html`<${Sending} ...${more} item=${item} title=${act.text} path="redirect-request" body=${body}>
    <p class="aside">${say("redirect_means")}</p>
    <${Choice} name=${say("reason")} value=${reason} onPick=${setReason}
      options=${REASONS.map((r) => [r, say(`redirect.${r}`)])} />
    ${others.length > 0 && html`<${Choice} name=${say("other_hospital")} value=${other}
      onPick=${(id) => setOther(id === other ? null : id)}
      options=${others.map(([id, name]) => [id, both(name)])} />`}
    <label class="field"><span>${say("note")}</span>
      <input value=${note} onInput=${(e) => setNote(e.target.value)} maxlength="200" /></label>
  </${Sending}>`;
}

export function Release({ item, act, ...more }) {
  const { department, bed } = act.bed;
  return html`<${Sending} ...${more} item=${item} title=${act.text} path="bed/released"
      body=${() => ({ department })} go=${act.text}>
    <p>${say("release_means", { department: say(`department.${department}`), bed: bed ?? "" })}</p></${Sending}>`;
}

export function RedirectBack({ item, act, ...more }) {
  const [at] = useState(item.handoff.redirect?.occurred_at); // it is gone once it is sent
  return html`<${Sending} ...${more} item=${item} title=${act.text} path="redirect-request/withdrawn"
      body=${() => ({})} go=${act.text}>
    <p>${say("redirect_back_means", { at: timeOf(at) })}</p></${Sending}>`;
}

// Who was never reported aboard may be somebody else: then nothing is chosen beforehand either.
export function Arrive({ item, act, ...more }) {
  const [isAboard] = useState(Boolean(item.record.admission));
  const [place, setPlace] = useState((isAboard && item.handoff.direct_to?.direct_to) || null);
  return html`<${Sending} ...${more} item=${item} title=${act.text} path="arrival"
      body=${() => (place ? { place } : {})}>
    ${!isAboard && html`<div class="another" role="alert"><b>✕ ${say("not_boarded")}</b>
      <p>${say("arrive_not_aboard")}</p></div>`}
    <p class="aside">${say("arrive_where")}</p>
    <${Choice} name=${say("where_to")} value=${place} onPick=${(p) => setPlace(p === place ? null : p)}
      options=${WAYS.map((w) => [w, code("places", w)])} />
  </${Sending}>`;
}

export function Death({ item, act, ...more }) {
  return html`<${Sending} ...${more} item=${item} title=${act.text} path="death" body=${() => ({})} go=${act.text}>
    <p>${say("death_means")}</p></${Sending}>`;
}

export const DIALOGS = {
  activate: Activate,
  call: Call,
  uncall: Uncall,
  unaccept: Unaccept,
  direct: Direct,
  revoke: Revoke,
  bed: Bed,
  release: Release,
  redirect: Redirect,
  redirect_back: RedirectBack,
  answer: Answers,
  arrive: Arrive,
  death: Death
};
