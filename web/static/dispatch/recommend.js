// What fits a call or a patient, each with what speaks for it and against it. A human chooses: nothing is
// chosen before, and what speaks against it stands in the question.

import { ask } from "../kit/api.js";
import { explain } from "../kit/frame.js";
import { html, useEffect, useRef, useState } from "../kit/html.js";
import { both, code, say } from "../kit/language.js";
import { addressOf, nameOf } from "./row.js";

const AGAIN_MS = 10_000;
const MOST = 4;
// Of these reasons the names are worth their place: what is lacking, who waits.
const TOLD = new Set([
  "lacks_equipment", "lacks_centre", "others_wait", "taken_from_less_severe", "capable", "equipped"
]);
const MOST_NAMES = 4;

const wordOf = (name) => ["levels", "centres", "equipment", "department"]
  .map((kind) => code(kind, name))
  .find((word) => word !== name) ?? name;

export function reasonOf(argument) {
  const names = TOLD.has(argument.why) ? [...new Set(argument.names)].map(wordOf) : [];
  const more = names.length > MOST_NAMES ? ` +${names.length - MOST_NAMES}` : "";
  return `${both(argument.text)}${names.length ? ` · ${names.slice(0, MOST_NAMES).join(say("comma"))}${more}` : ""}`;
}

export const Reasons = ({ advice }) => html`<ul class="reasons">
  ${advice.con.map((one) => html`<li class="con" key=${one.why}>
    <span aria-hidden="true">✕</span>
    <span class="unseen">${say("against")}</span> ${reasonOf(one)}
  </li>`)}
  ${advice.pro.map((one) => html`<li class="pro" key=${one.why}>
    <span aria-hidden="true">✓</span>
    <span class="unseen">${say("for_it")}</span> ${reasonOf(one)}
  </li>`)}
</ul>`;

export function minutes(seconds) {
  if (seconds == null) return say("eta_unknown");
  const n = Math.max(1, Math.round(seconds / 60));
  return n < 100 ? say("minutes", { n }) : say("hours", { n: Math.round(n / 60) });
}

// Who looks at one list, and is told of it by whoever asks: a question never knows less than the list behind it.
const watching = new Map();
// The list as it is now: `path` is asked at once, every ten seconds, and when `fresh` is another.
export function useAdvice(path, fresh) {
  const [advised, set] = useState({ list: null, problem: null, fresh });
  useEffect(() => {
    let ended = false;
    const take = (list) => set((before) => ({ ...before, list, problem: null }));
    const takers = watching.get(path) ?? new Set();
    watching.set(path, takers.add(take));
    const once = async () => {
      try {
        const list = await ask("dispatch", "GET", path);
        if (!ended) set({ list, problem: null, fresh });
        for (const other of takers) if (other !== take) other(list);
      } catch (problem) { if (!ended) set((before) => ({ ...before, problem })); }
    };
    once();
    const timer = setInterval(once, AGAIN_MS);
    return () => {
      ended = true;
      clearInterval(timer);
      takers.delete(take);
      if (!takers.size && watching.get(path) === takers) watching.delete(path);
    };
  }, [path, fresh]);
  return advised;
}

const contentOf = (argument) => [argument.why, ...new Set(argument.names)].join(" ");
// What a question was opened about, as it is by now, and what speaks against it only since then.
export function useFollowed(path, advice, fresh) {
  const [before] = useState(() => advice.con.map(contentOf));
  const { list } = useAdvice(path, fresh);
  const is = list?.find((one) => idOf(one) === idOf(advice)) ?? advice;
  const news = is.con.filter((one) => !before.includes(contentOf(one)));
  return { ...is, news: news.length ? say("against_since", { what: news.map(reasonOf).join(say("comma")) }) : null };
}

const idOf = (advice) => advice.unit_id ?? advice.facility_id;
// What is aimed at stays where it is: rows keep their places until somebody asks for the list as it is now.
// Each is as it was told last; one that fits no more stays too, and cannot be chosen. After an act of
// one's own (`fresh`) the list is anew.
function useHeld(list, fresh) {
  const held = useRef({ list: null, fresh });
  const [, draw] = useState(0);
  if (!held.current.list?.length || held.current.fresh !== fresh) held.current = { list, fresh };
  const told = new Map((list ?? []).map((one) => [idOf(one), one]));
  const shown = held.current.list?.map((one) => told.get(idOf(one)) ?? { ...one, isGone: true }) ?? null;
  const isChanged = shown !== null && shown.map(idOf).join() !== list.map(idOf).join();
  return { shown, isChanged, renew: () => { held.current = { list, fresh }; draw((n) => n + 1); } };
}

function Advised({ list: known, problem, draw, none, fresh }) {
  const [isAll, setAll] = useState(false);
  const { shown: list, isChanged, renew } = useHeld(known, fresh);
  if (!list) return html`<p class="none">${problem ? explain(problem) : say("loading")}</p>`;
  return html`${problem && html`<p class="wrong" role="alert">${explain(problem)}</p>`}
    ${list.length === 0
      ? html`<p class="none" role="status">${none}</p>`
      : html`<ul class="advised">${(isAll ? list : list.slice(0, MOST)).map(draw)}</ul>`}
    ${isChanged && html`<button class="list-changed" onClick=${renew}>${say("list_changed")}</button>`}
    ${list.length > MOST && !isAll && html`<button class="quiet" onClick=${() => setAll(true)}>
      ${say("all_of_them", { n: list.length })}
    </button>`}`;
}

export const unitsFor = (call) => `incidents/${call.incident_id}/recommended-units`;
export const hospitalsFor = (patient) => `encounters/${patient.encounter_id}/recommended-destinations`;

export function RecommendedUnits({ call, known, board, replaces, onChosen }) {
  const { list, problem, fresh } = useAdvice(unitsFor(call), board.state.fresh);
  const fits = list?.filter((one) => one.unit_id !== replaces && !(replaces && one.diverts)) ?? null;
  const stationOf = (id) =>
    both(known.stations.find((one) => one.station_id === known.units.get(id)?.station_id)?.name);
  // Dispatch asks from where a unit goes that nobody has registered, and nobody here could say it.
  const isStationless = (id) => known.units.has(id) && known.units.get(id).station_id == null;
  return html`<${Advised} list=${fits} problem=${problem} fresh=${fresh}
      none=${say("no_unit_fits")} draw=${(advice) => html`
    <li key=${advice.unit_id} data-unit=${advice.unit_id}>
      <b class="eta">${minutes(advice.eta_s)}</b>
      <div>
        <h4>${advice.unit_id} <small>${stationOf(advice.unit_id)}</small></h4>
        <${Reasons} advice=${advice} />
        ${advice.diverts && html`<p class="diverts">
          ${say("taken_from", {
            address: known.calls.has(advice.diverts) ? addressOf(known.calls.get(advice.diverts)) : advice.diverts
          })}
        </p>`}
      </div>
      ${isStationless(advice.unit_id)
        ? html`<span class="none">${say("no_station")}</span>`
        : html`<button class=${advice.diverts ? "grave" : "primary"} disabled=${Boolean(advice.isGone)}
            onClick=${() => board.ask("send", { call, advice, replaces, onChosen })}>
          ${say(advice.isGone ? "not_any_more" : advice.diverts ? "do.divert" : replaces ? "do.replace" : "do.send")}
        </button>`}
    </li>`} />`;
}

export function RecommendedHospitals({ call, patient, known, board, onChosen }) {
  const { list, problem, fresh } = useAdvice(hospitalsFor(patient), board.state.fresh);
  return html`<${Advised} list=${list} problem=${problem} fresh=${fresh}
      none=${say("no_hospital_known")} draw=${(advice) => html`
    <li key=${advice.facility_id} data-facility=${advice.facility_id}>
      <b class="eta">${minutes(advice.eta_s)}</b>
      <div>
        <h4>${nameOf(known.names, advice.facility_id)}</h4>
        <${Reasons} advice=${advice} />
      </div>
      ${patient.destination === advice.facility_id
        ? html`<span class="chosen">✓ ${say("chosen")}</span>`
        : html`<button class="primary" disabled=${Boolean(advice.isGone)}
            onClick=${() => board.ask("choose", { call, patient, advice, onChosen })}>
          ${say(advice.isGone ? "not_any_more" : "do.choose")}
        </button>`}
    </li>`} />`;
}
