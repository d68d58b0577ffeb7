// The crew's phone: one unit, its mission, its patients; it goes on without a line.

import { ask, poll } from "../kit/api.js";
import { now } from "../kit/clock.js";
import { explain, Foot, Notices } from "../kit/frame.js";
import { Component, html, render } from "../kit/html.js";
import { forget, keep, kept, stayThere } from "../kit/keep.js";
import { onLanguage, say, use } from "../kit/language.js";
import en from "../words/en/crew.js";
import zh from "../words/zh/crew.js";
import { actsFor } from "./acts.js";
import { sound } from "./alarm.js";
import { LineBar, NewMission, news, Subjects, TakenBack, Top, Undo } from "./bars.js";
import { Driver } from "./driver.js";
import { actingOf, begun, recall, recallClock, refresh, signsOn, switchTo } from "./duty.js";
import { Pending } from "./entered.js";
import { mindTheFinger } from "./finger.js";
import { line, onLine, reopen, tidy, wake } from "./line.js";
import { isNew, patientsOf, stampsOf } from "./mission.js";
import { Whose } from "./parts.js";
import { Patient } from "./patient.js";
import { SHEETS } from "./sheets.js";
import { Duties, Enrol, SignOn } from "./signon.js";
import { whoseOf } from "./whose.js";

use({ zh, en });

const MISSION_MS = 3000;
const OLD_MS = 15_000;
const DUTIES_MS = 60_000;

class Crew extends Component {
  constructor() {
    super();
    this.state = {
      known: null, mission: null, at: null, isCut: false, problem: "", acts: [], names: {},
      shown: null, sheet: null, bar: null, adds: signsOn()
    };
    this.followed = null;
    line.heard = () => (this.isFresh() ? { leg: this.state.mission?.leg?.leg_id ?? null, at: this.state.at } : null);
    this.act = actsFor(() => ({
      duty: this.state.known.acting,
      unit: actingOf(this.state.known).unit_id,
      leg: this.state.mission?.leg?.leg_id ?? null
    }));
  }

  async componentDidMount() {
    onLanguage(() => this.setState({}));
    onLine((acts) => this.setState({ acts }));
    await recallClock();
    const names = await kept("copies", "names");
    await new Promise((done) => { recall().then((known) => this.setState({ known, names: names ?? {} }, done)); });
    await reopen();
    this.follow();
    await this.look();
    setInterval(() => this.look(), DUTIES_MS);
    setInterval(() => this.grow(), MISSION_MS);
    stayThere();
    const [, signs] = /^#sign=([A-Za-z0-9._:-]+)$/.exec(location.hash) ?? [];
    if (signs) this.setState({ shown: signs, sheet: { name: "sign" } });
  }

  // Who is on duty, as the boards say it; without a line it stays as it was.
  async look() {
    try {
      const known = await refresh(this.state.known);
      this.setState({ known }, () => this.follow());
    } catch (problem) {
      if (!problem.isAway) this.setState({ problem: explain(problem) });
      else this.setState(({ known }) => ({
        isCut: true,
        known: known.enrolled === null ? { ...known, enrolled: undefined } : known
      }));
    }
  }

  // The mission of the unit that somebody is on duty with.
  async follow() {
    const duty = actingOf(this.state.known);
    if (duty?.duty_id === this.followed) return;
    this.followed = duty?.duty_id;
    this.end?.();
    this.end = null;
    if (!duty) {
      this.setState({ mission: null, at: null });
      sound(false);
      await forget("copies", "mission");
      await tidy();
      return;
    }
    // Another unit has other patients: those of the one before are not shown as its own.
    if (this.state.mission && this.state.mission.unit.unit_id !== duty.unit_id) this.setState({
      mission: null, at: null, sheet: null, problem: ""
    });
    const copy = await kept("copies", "mission");
    if (copy?.unit === duty.unit_id && !this.state.mission) this.setState({ mission: copy.mission, at: copy.at });
    const headers = { "green-channel-duty": duty.duty_id };
    this.end = poll("dispatch", `units/${duty.unit_id}/mission`, MISSION_MS,
      (mission) => this.take(duty, mission), (problem) => this.lose(problem), headers);
    ask("dispatch", "GET", "facility-names", undefined, { headers }).then((list) => {
      const names = Object.fromEntries(list.map((one) => [one.facility_id, one.name]));
      this.setState({ names });
      keep("copies", "names", names);
    }).catch(() => {});
  }

  take(duty, mission) {
    const was = this.state.isCut;
    const shown = mission ?? this.state.mission;
    this.setState({ mission: shown, at: now(), isCut: false, problem: "" }, was ? wake : undefined);
    if (shown) keep("copies", "mission", { unit: duty.unit_id, mission: shown, at: now() });
  }

  // A phone that slept, or a line that hangs: what is shown grows old without anybody saying so.
  isFresh = () => this.state.at !== null && now() - this.state.at < OLD_MS;
  grow() {
    if (this.end && this.state.at !== null && !this.isFresh() && !this.state.isCut) this.setState({ isCut: true });
  }

  lose(problem) {
    if (problem.isAway) this.setState({ isCut: true });
    else if (problem.status === 404) this.setState({
      problem: say("unit_unknown"), mission: null, at: null, sheet: null, isCut: false
    });
    else if (problem.status === 401 || problem.status === 403) {
      this.setState({ problem: say("duty_over") });
      this.look();
    }
    else this.setState({ problem: explain(problem) });
  }

  switchTo = async (acting) => {
    this.setState({ known: await switchTo(this.state.known, acting), bar: null }, () => this.follow());
  };
  began = async (who) => {
    history.replaceState(null, "", "/crew/");
    this.setState({ known: await begun(await refresh(this.state.known), who), adds: false }, () => this.follow());
  };

  // The patient that is looked at; who had a number of this phone's keeps their tab.
  shownOf(patients) {
    const { shown, acts } = this.state;
    const real = acts.find((one) => one.madeFor === shown)?.lane ?? shown;
    if (real === "unit") return "unit";
    if (patients.some((one) => one.encounter_id === real)) return real;
    const first = patients.find((one) => !one.outcome && (one.reached_at || one.reached)) ?? null;
    return first?.encounter_id ?? "unit";
  }

  render(_, { known, mission, at, isCut, problem, acts, names, sheet, bar, adds }) {
    if (known === null) return html`<main class="begin"><p>${say("loading")}</p></main>`;
    if (known.enrolled === undefined) return html`<main class="begin">
      <h1>${say("green_channel")}</h1>
      <p role="alert">${say("first_line")}</p>
      <button class="huge" onClick=${() => this.look()}>${say("try_again")}</button>
    </main>`;
    if (known.enrolled === null) return html`<main class="begin"><p>${say("loading")}</p></main>`;
    if (!known.enrolled) return html`<${Enrol} onDone=${() => this.look()} />`;
    const duty = actingOf(known);
    if (!duty || adds) return html`
      ${acts.some((one) => one.state !== "done") && html`
        <${Top} duties=${[]} acts=${acts} onPending=${() => this.setState({ bar: "pending" })} />
        ${bar === "pending" && html`<${Pending} acts=${acts} patients=${[]}
          onClose=${() => this.setState({ bar: null })} />`}`}
      <${SignOn} duties=${known.duties} last=${mission?.unit?.unit_id} onDone=${this.began}
        onCancel=${duty ? () => {
          history.replaceState(null, "", "/crew/");
          this.setState({ adds: false });
        } : null} />`;
    const patients = patientsOf(mission, acts);
    const shown = this.shownOf(patients);
    const selected = patients.find((one) => one.encounter_id === shown) ?? patients[0];
    const arrived = stampsOf(mission, acts).done.get("at_destination")?.at ?? null;
    const eta = !arrived && mission?.leg?.eta?.place === "destination" ? mission.leg.eta.arrives_at : null;
    const isCalled = isNew(mission, acts);
    sound(isCalled || news(patients, acts).length > 0);
    const open = (name, about) => this.setState({ sheet: { name, about } });
    const Asked = sheet && SHEETS[sheet.name];
    const whose = sheet && selected && sheet.name !== "another" ? whoseOf(selected, mission) : null;
    return html`
      <div class="above">
        <${Top} duty=${duty} duties=${known.duties} onSwitch=${this.switchTo} acts=${acts}
          onDuties=${() => this.setState({ bar: "duties" })} onPending=${() => this.setState({ bar: "pending" })} />
        <${LineBar} isCut=${isCut} at=${at} problem=${problem} />
        ${mission && html`<${Subjects} patients=${patients} shown=${shown}
          onShow=${(id) => this.setState({ shown: id })}
          onAnother=${mission.incident ? () => open("another") : null} />`}
        <${TakenBack} patients=${patients} acts=${acts} names=${names} act=${this.act} />
      </div>
      <main class=${`crew ${shown === "unit" ? "shows-unit" : "shows-patient"}`}>
        <div class="of-unit">
          ${mission
            ? html`<${Driver} mission=${mission} acts=${acts} patients=${patients} names=${names}
                known=${known} onStamp=${(status, when) => this.act.unit(status, when)} />`
            : html`<section class="nothing"><h2>${say(problem ? "no_mission" : "loading")}</h2></section>`}
        </div>
        <div class="of-patient">
          ${selected
            ? html`<${Patient} key=${selected.encounter_id} patient=${selected} acts=${acts} names=${names}
                eta=${eta} arrived=${arrived} act=${this.act} onSheet=${open} />`
            : html`<section class="nothing"><p>${say("no_patient")}</p></section>`}
        </div>
      </main>
      <${Foot} />
      <${Undo} acts=${acts} patients=${patients} mission=${mission} duties=${known.duties} act=${this.act} />
      ${Asked && (selected || sheet.name === "another") && html`<${Whose.Provider} value=${whose}>
        <${Asked} key=${sheet.name} patient=${selected} patients=${patients} mission=${mission} names=${names}
          duties=${known.duties} acts=${acts} act=${this.act} about=${sheet.about} onSheet=${open}
          onMade=${(made) => this.setState({ shown: made })} onClose=${() => this.setState({ sheet: null })} />
      </${Whose.Provider}>`}
      ${bar === "duties" && html`<${Duties} known=${known} onSwitch=${this.switchTo}
        onAdd=${() => this.setState({ bar: null, adds: true })} onEnded=${() => this.look()}
        onClose=${() => this.setState({ bar: null })} />`}
      ${bar === "pending" && html`<${Pending} acts=${acts} patients=${patients} mission=${mission}
        duties=${known.duties} onClose=${() => this.setState({ bar: null })} />`}
      ${isCalled && html`<${NewMission} mission=${mission} patients=${patients}
        onTake=${() => this.act.unit("acknowledged", null)} />`}
      <${Notices} />`;
  }
}

mindTheFinger();
render(html`<${Crew} />`, document.getElementById("page"));
