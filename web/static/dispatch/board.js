// The dispatch board: every call with its clocks, the most urgent first; what is due; the map; the units;
// the figures of the day.

import { ask, own, poll, whoami } from "../kit/api.js";
import { ms, now, secondOf } from "../kit/clock.js";
import { begin, CutOff, Foot, Head, Live, Notices, notify } from "../kit/frame.js";
import { Component, html } from "../kit/html.js";
import { stayThere } from "../kit/keep.js";
import { both, onLanguage, say, use } from "../kit/language.js";
import { Sounder } from "../kit/sound.js";
import { Panel, Tabs } from "../kit/tabs.js";
import en from "../words/en/dispatch.js";
import zh from "../words/zh/dispatch.js";
import { send } from "./acts.js";
import { Alarms, titleOf } from "./alarms.js";
import { Opened } from "./call.js";
import { ASSIGNABLE, asBefore, goesOn, isEmergency, isTelephone, loud, order, waits } from "./calls.js";
import { DIALOGS } from "./dialogs.js";
import { Figures, Strip } from "./figures.js";
import { Intake } from "./intake.js";
import { Plan } from "./plan.js";
import { Row } from "./row.js";
import { refusal } from "./sending.js";
import { Units } from "./units.js";

use({ zh, en });

const BOARD_MS = 2000;
// What the clocks turn on is looked at as often, also between two answers.
const LOOK_MS = 1000;
// Older than this, and it is said as of when it is.
const OLD_MS = 5000;
const FIGURES_MS = 30_000;
const REGISTER_MS = 120_000;
// A telephone call that is ended by a slip of the hand is nobody's any more: so long it can be undone (ours).
const UNDO_MS = 10_000;
// Whose pointer has moved over the list of calls within this aims at one of them: no row moves away (ours).
const AIM_MS = 3000;

class Board extends Component {
  constructor() {
    super();
    // Telephone calls that count once they can be undone no more.
    this.calling = {};
    // The order in which calls stay while somebody aims at one.
    this.held = null;
    this.sounder = new Sounder((isOn) => this.setState({ isOn }));
    this.state = {
      incidents: [], units: [], alarms: [], heard: null, live: "connecting", hasBoard: false,
      tab: "emergency", opened: location.hash.slice(1) || null, dialog: null, intake: false,
      names: {}, people: {}, hospitals: [], stations: [], same_event: null, figures: null,
      isOn: false, at: now(), fresh: 0, called: {},
    };
  }

  componentDidMount() {
    const named = (list) => Object.fromEntries(list.map((one) => [one.facility_id, one.name]));
    this.ends = [
      onLanguage(() => this.setState({})),
      poll("dispatch", "overview", BOARD_MS, (board) => this.take(board), () => this.look()),
      this.every(LOOK_MS, () => this.look()),
      this.every(FIGURES_MS, async () => this.setState({ figures: await ask("dispatch", "GET", "indicators") })),
      this.every(REGISTER_MS, async () => {
        const hospitals = await ask("dispatch", "GET", "facilities");
        this.setState({ hospitals, names: named(hospitals) });
      }),
      this.every(REGISTER_MS, async () =>
        this.setState({ stations: (await ask("dispatch", "GET", "stations")).stations })),
      this.every(REGISTER_MS, () => this.meet()),
      this.every(10 * REGISTER_MS, whoami),
    ];
    addEventListener("hashchange", this.moved = () => this.setState({ opened: location.hash.slice(1) || null }));
    addEventListener("keydown", this.pressed = ({ key }) => {
      const { opened, dialog, intake } = this.state;
      if (key === "Escape" && opened && !dialog && !intake) this.open(opened);
    });
    stayThere();
  }

  componentWillUnmount() {
    this.ends.forEach((end) => end());
    this.sounder.end();
    clearTimeout(this.aiming);
    Object.values(this.calling).forEach(clearTimeout); // what was not entered is still to be done
    removeEventListener("hashchange", this.moved);
    removeEventListener("keydown", this.pressed);
  }

  every(period, work) {
    const once = async () => { try { await work(); } catch { /* it is asked again */ } };
    once();
    const timer = setInterval(once, period);
    return () => clearInterval(timer);
  }

  // How colleagues are called. Who has signed out since they were met keeps their name on this board.
  async meet() {
    const met = await own("GET", "colleagues");
    this.setState(({ people }) => ({ people: { ...people, ...met } }));
  }

  calledOf(name) { return both(this.state.people[name]) || (name ?? ""); }

  // A board, or that nothing has changed since.
  take(board) {
    if (board) this.tellSeen(board.alarms);
    const heard = board ? Math.max(ms(board.as_of), this.state.heard ?? 0) : now();
    this.setState({ ...board, ...(board && { hasBoard: true }), heard });
    this.look();
  }

  // What another has acknowledged would only be gone: who it was is said.
  tellSeen(alarms) {
    const open = new Set(this.state.alarms.filter((one) => !one.acknowledged_at).map((one) => one.alarm_id));
    const { names } = this.state;
    for (const alarm of alarms) {
      const who = alarm.acknowledged_by;
      if (open.has(alarm.alarm_id) && alarm.acknowledged_at && who !== this.props.session.name)
        this.tellWho(who, titleOf(alarm, names), isTelephone(alarm) ? "called_by_other" : "seen_by_other");
    }
  }

  // Whoever has signed in a moment ago was not met yet.
  async tellWho(who, what, did) {
    if (who && !this.state.people[who]) await this.meet().catch(() => {});
    notify(say(did, { who: this.calledOf(who), what }));
  }

  // Asks at once, as after an act of ours or of somebody else.
  async refresh() {
    try {
      this.take(await ask("dispatch", "GET", "overview"));
      this.setState(({ fresh }) => ({ fresh: fresh + 1 }));
    } catch { /* the next look finds it */ }
  }

  look() {
    const { heard, incidents, alarms } = this.state;
    const at = now();
    const live = heard == null ? "connecting" : at - heard > OLD_MS ? "cut" : "live";
    // Cut off, nobody knows what has been done: what was loud stays so, and nothing becomes it.
    const silent = alarms.filter((one) => !this.state.called[one.alarm_id]);
    if (live === "live") this.sounder.want(loud({ incidents, alarms: silent }, at));
    // Clocks tick by themselves: all of it is drawn again only when another call comes first.
    const first = order(incidents, at).map((call) => call.incident_id).join();
    if (live === this.state.live && first === this.first) return;
    this.first = first;
    this.setState({ live, at });
  }

  open(id) {
    const opened = this.state.opened === id ? null : id;
    history.replaceState(null, "", opened ? `#${opened}` : location.pathname);
    this.setState({ opened, tab: ["units", "figures"].includes(this.state.tab) ? "emergency" : this.state.tab });
    // Who works by keys goes on at its head, and back in the list where they were.
    requestAnimationFrame(() => {
      if (!opened) { document.querySelector(`[data-call="${CSS.escape(id)}"] .open`)?.focus(); return; }
      document.querySelector(".opened")?.scrollIntoView({ block: "nearest" });
      document.querySelector(".opened .head-of")?.focus({ preventScroll: true });
    });
  }

  ask(name, about) { this.setState({ dialog: { name, about } }); }

  async acknowledge(alarm) {
    try {
      await send("POST", `alarms/${alarm.alarm_id}/acknowledged`);
      await this.refresh();
    } catch (problem) { this.wrong(problem); }
  }

  aim(shown) {
    this.held ??= shown.map((call) => call.incident_id);
    clearTimeout(this.aiming);
    this.aiming = setTimeout(() => this.letGo(), AIM_MS);
  }

  letGo() {
    clearTimeout(this.aiming);
    if (this.held) { this.held = null; this.setState({}); }
  }

  // Somebody has telephoned; it is entered when they have had time to take that back.
  called(alarm) {
    const id = alarm.alarm_id;
    if (this.calling[id]) return;
    this.calling[id] = setTimeout(async () => {
      if (this.state.alarms.some((one) => one.alarm_id === id && !one.acknowledged_at)) await this.acknowledge(alarm);
      this.notCalled(alarm);
    }, UNDO_MS);
    this.setState(({ called }) => ({ called: { ...called, [id]: now() + UNDO_MS } }));
  }

  notCalled({ alarm_id: id }) {
    clearTimeout(this.calling[id]);
    delete this.calling[id];
    this.setState(({ called }) => ({ called: { ...called, [id]: undefined } }));
  }

  // What was refused because of what another has done meanwhile is told as that, and looked at anew.
  wrong(problem) {
    notify(
      problem.status === 409 ? `${say("somebody_else")} · ${refusal(problem)}` : refusal(problem),
      problem.status === 409 ? "told" : "wrong");
    this.refresh();
  }

  render({ session }, state) {
    const {
      incidents, units, alarms, heard, live, hasBoard, tab, opened, dialog, intake,
      names, hospitals, stations, figures, isOn, at
    } = state;
    const all = order(incidents, at);
    const lists = { emergency: all.filter(isEmergency), transfer: all.filter((call) => !isEmergency(call)) };
    const due = lists[tab] ?? [];
    const shown = this.held ? asBefore(due, this.held) : due;
    const isHeld = shown.some((one, place) => one !== due[place]);
    const calls = new Map(incidents.map((call) => [call.incident_id, call]));
    const byId = new Map(units.map((unit) => [unit.unit_id, unit]));
    const call = opened && calls.get(opened);
    const going = all.filter(goesOn);
    const counted = {
      emergency: going.filter(isEmergency).length,
      transfer: going.filter((one) => !isEmergency(one)).length,
      units: units.length
    };
    const tabs = ["emergency", "transfer", "units", "figures"].map((key) =>
      [key, html`${say(`tab.${key}`)}${key in counted && html` <b>${counted[key]}</b>`}`]);
    const Asking = dialog && DIALOGS[dialog.name];
    const known = { names, hospitals, stations, units: byId, calls };
    const drawn = html`<${Plan} calls=${going} units=${units} hospitals=${hospitals} stations=${stations}
      opened=${opened} onOpen=${(id) => this.open(id)} />`;
    return html`
      <${Head} title=${say("dispatch")} session=${session} live=${html`<${Live} state=${live} heard=${heard} />`}
          sub=${hasBoard
            ? `${say("going_on", { n: going.length })} · ${
              say("waiting_n", { n: going.filter(waits).length })} · ${
              say("free_n", {
                n: units.filter((unit) => ASSIGNABLE.includes(unit.status)).length,
                of: units.length
              })}`
            : say("loading")}>
        <${Tabs} of="view" label=${say("views")} tabs=${tabs} chosen=${tab}
          onChoose=${(key) => this.setState({ tab: key })} />
        <button class=${`sound ${isOn ? "on" : "off"}`} aria-pressed=${isOn ? "true" : "false"}
            onClick=${() => this.sounder.turn(!isOn)}>
          ${say(isOn ? "sound_on" : "sound_off")}
        </button>
        <button class="primary new-call" onClick=${() => this.setState({ intake: true })}>${say("new_call")}</button>
      </${Head}>
      ${live === "cut" && html`<${CutOff}>${say("cut_off", { at: secondOf(heard) })}<//>`}
      <main class=${`dispatch ${live === "cut" ? "is-cut" : ""} ${call ? "has-opened" : ""} on-${tab}`}>
        <${Alarms} alarms=${alarms} calls=${calls} names=${names} hospitals=${hospitals} board=${this} />
        <${Panel} of="view" chosen=${tab}>
          ${tab === "units"
            ? html`<${Units} units=${units} stations=${stations} calls=${calls} board=${this} />`
            : tab === "figures"
              ? html`<${Figures} figures=${figures} stations=${stations} />`
              : html`
                <section class="calls" aria-label=${say(`tab.${tab}`)} onPointerMove=${() => this.aim(shown)}
                    onPointerDown=${() => this.aim(shown)} onPointerLeave=${() => this.letGo()}>
                  <h2 class="unseen">${say(`tab.${tab}`)}</h2>
                  ${isHeld && html`<p class="list-changed-at">
                    <button class="list-changed" onClick=${() => this.letGo()}>${say("list_changed")}</button>
                  </p>`}
                  ${tab === "emergency" && shown.length > 0 && html`<p class="ring-heads" aria-hidden="true">
                    <span>${say("ring.told")}</span>
                    <span>${say("ring.left_station")}</span>
                  </p>`}
                  <ul>${shown.map((one) => html`<${Row} key=${one.incident_id} call=${one} units=${byId} names=${names}
                    isOpened=${one.incident_id === opened} board=${this} />`)}</ul>
                  ${shown.length === 0 && html`<p class="nobody">${say(hasBoard ? "no_calls" : "loading")}</p>`}
                </section>
                <section class="beside">
                  <h2 class="unseen">${say(call ? "this_call" : "tab.figures")}</h2>
                  ${call
                    ? html`<${Opened} key=${call.incident_id} call=${call} known=${known} board=${this} />`
                    : html`<${Strip} figures=${figures} />`}
                  ${drawn}
                </section>`}
        </${Panel}>
      </main>
      <${Foot} />
      ${Asking && html`<${Asking} ...${dialog.about} known=${known} board=${this}
        onClose=${() => this.setState({ dialog: null })} />`}
      ${intake && html`<${Intake} known=${known} board=${this} onClose=${() => this.setState({ intake: false })} />`}
      <${Notices} />`;
  }
}

begin(Board);
