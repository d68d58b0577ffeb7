// The emergency board of one facility: everybody who is bound for it, the most urgent first.

import { ask, newKey } from "../kit/api.js";
import { ms, now } from "../kit/clock.js";
import { follow } from "../kit/feed.js";
import { begin, CutOff, explain, Foot, Head, Live, Notices, notify, tellSent } from "../kit/frame.js";
import { Component, html } from "../kit/html.js";
import { stayThere } from "../kit/keep.js";
import { both, code, language, onLanguage, say, use } from "../kit/language.js";
import { Sounder } from "../kit/sound.js";
import { AskForSound, SoundSwitch } from "./others.js";
import { Panel, Tabs } from "../kit/tabs.js";
import en from "../words/en/hospital.js";
import zh from "../words/zh/hospital.js";
import { personOf } from "../kit/person.js";
import { actOf, firstOf, send, sentAfterAll, tellFirst, tellUnsent, waiting } from "./acts.js";
import { Beds, Recent } from "./aside.js";
import { Below, HEIGHT } from "./below.js";
import { Card } from "./card.js";
import { DIALOGS } from "./dialogs.js";
import { Copy } from "./keeping.js";
import { besides, Histories, isHere, isOver, loud, markOf, order, toAcknowledge } from "./patients.js";
import { Receipts } from "./receipts.js";

use({ zh, en });

const CENTRES = ["chest_pain", "stroke", "trauma", "maternal", "neonatal"];
const BEDS_MS = 30_000;
const MOST_RECENT = 200;
const GONE_MS = 60_000; // on a wall nobody closes what was told
const AT_FIRST = 8; // what no window is higher than
const isWall = new URLSearchParams(location.search).has("wall");
document.documentElement.classList.toggle("wall", isWall);

// Of each item the words are found once in each language, as often as the list is drawn.
const words = { zh: new WeakMap(), en: new WeakMap() };
function nameOf(item) {
  const known = words[language()];
  if (!known.has(item)) known.set(item, `${personOf(item.record.patient)} ${markOf(item)}`);
  return known.get(item);
}

class Board extends Component {
  constructor({ session }) {
    super();
    this.facility = session.facility_id;
    this.items = new Map();
    this.histories = new Histories();
    this.receipts = new Receipts(this.facility, isWall ? HEIGHT : 0);
    this.sounder = new Sounder((isOn) => this.setState({ isOn }), { isWanted: true });
    this.copy = new Copy(this.facility);
    this.pending = [];
    this.shown = { act: (act, item) => this.act(act, item), receipts: this.receipts, isWall };
    this.state = {
      live: "connecting", heard: null, centre: "all", dialog: null, beds: null, recent: [], names: {}, house: null,
      isOn: false, isKnown: false
    };
  }

  componentDidMount() {
    const path = `facilities/${this.facility}`;
    this.ends = [
      onLanguage(() => this.setState({})),
      follow(`${path}/feed`, {
        snapshot: ({ items }) => { this.take(items, true); this.copy.take(items, true); },
        item: (item) => { this.take([item]); this.copy.take([item]); },
        state: (live, heard) => { this.setState({ live, heard }); this.copy.line(live, heard); },
      }),
      this.every(BEDS_MS, async () => this.setState({ beds: await ask("bridge", "GET", `${path}/beds`) })),
      () => this.copy.end(),
    ];
    ask("bridge", "GET", path).then((house) => { this.setState({ house }); this.copy.name ??= house.name; })
      .catch(() => {});
    ask("dispatch", "GET", "facility-names").then((list) => {
      const names = Object.fromEntries(list.map((one) => [one.facility_id, one.name]));
      this.setState({ names });
      this.copy.name = names[this.facility] ?? this.copy.name;
    }).catch(() => {});
    ask("bridge", "GET", `${path}/vitals`).then(({ patients }) => this.remember(patients)).catch(() => {});
    if (!isWall) this.readHandedOver();
    stayThere();
  }

  componentWillUnmount() {
    this.ends.forEach((end) => end());
    this.receipts.end();
    this.sounder.end();
  }

  every(period, work, first = 0) {
    const once = async () => { try { await work(); } catch { /* it is asked again */ } };
    const starter = setTimeout(once, first);
    const timer = setInterval(once, period);
    return () => { clearTimeout(starter); clearInterval(timer); };
  }

  // Who was handed over stays to be found: what comes afterwards is written on their page.
  readHandedOver() {
    const known = ({ encounter_id: id, transferred_at: at, admission_number: number, ...more }) =>
      ({ ...more, key: id, encounter_id: id, at, number, how: "transferred" });
    ask("bridge", "GET", `facilities/${this.facility}/handed-over`)
      .then(({ patients }) => this.over(patients.map(known)))
      .catch(() => {});
  }

  over(more) {
    this.setState(({ recent }) => {
      const by = new Map([...more, ...recent].reverse().map((one) => [one.key, one]));
      return { recent: [...by.values()].sort((a, b) => ms(b.at) - ms(a.at)).slice(0, MOST_RECENT) };
    });
  }

  remember(patients) {
    for (const { encounter_id: id, series } of patients) this.histories.merge(id, series);
    this.setState({});
  }

  // What the feed says is drawn once for each frame, however much of it comes.
  take(items, isAll = false) {
    if (isAll) this.pending = [];
    this.pending.push({ items, isAll });
    this.since ??= performance.now();
    this.frame ??= requestAnimationFrame(() => this.draw());
    this.late ??= setTimeout(() => this.draw(), 250); // a window in the background draws no frames
  }

  draw() {
    cancelAnimationFrame(this.frame);
    clearTimeout(this.late);
    this.frame = this.late = null;
    const over = [];
    for (const { items, isAll } of this.pending.splice(0)) {
      if (isAll) {
        const there = new Set(items.map((item) => item.encounter_id));
        for (const [id, item] of this.items) if (!there.has(id)) {
          this.leave(id);
          this.tellGone(item, "gone_meanwhile");
        }
        this.setState({ isKnown: true });
      }
      for (const item of items) over.push(...this.one(item));
    }
    this.sounder.want(new Map([...this.items.values()]
      .map((item) => [item.encounter_id, loud(item)])
      .filter(([, why]) => why)));
    if (over.length) this.over(over);
    this.setState({}, () => { this.measure(); this.refocus(); });
  }

  // The button that was pressed is gone with what it did: the keys go on at the same patient.
  refocus() {
    if (this.focusOn && document.activeElement === document.body)
      document.querySelector(`[data-encounter="${CSS.escape(this.focusOn)}"] h2 a`)?.focus({ preventScroll: true });
    this.focusOn = null;
  }

  // From what came first in this frame until it is painted: to be seen in the browser's own tools.
  measure() {
    const since = this.since;
    this.since = null;
    if (since == null || document.visibilityState !== "visible") return;
    requestAnimationFrame(() => setTimeout(() => {
      performance.measure("update", { start: since, end: performance.now() });
      performance.clearMeasures("update"); // who listens has been told; nothing piles up
    }));
  }

  one(item) {
    const { encounter_id: id } = item;
    const before = this.items.get(id);
    if (before && before.feed != null && item.feed != null && item.feed < before.feed) return [];
    this.receipts.take(item);
    sentAfterAll(item);
    if (!isOver(item)) {
      this.histories.take(id, item.record.inputs);
      this.items.set(id, item);
      return [];
    }
    this.leave(id);
    if (!before) return [];
    const { patient, worst: level, admission } = item.record ?? before.record;
    if (item.withdrawn) this.tellGone(before, "gone_elsewhere");
    const at = item.handoff?.transferred_at ?? new Date(now()).toISOString();
    return [{
      key: id,
      encounter_id: id,
      at,
      how: item.withdrawn ? "withdrawn" : "transferred",
      patient,
      level,
      number: admission?.admission_number,
      pending: admission?.pending
    }];
  }

  // Who comes no more is told where everybody sees it, and why a question about them is gone.
  tellGone(item, how) {
    const wasAsked = this.state.dialog?.id === item.encounter_id;
    const { worst, patient } = item.record;
    const text = say(how, { level: code("levels", worst), who: personOf(patient), mark: markOf(item) });
    notify(wasAsked ? `${text} · ${say("question_gone")}` : text, "told", isWall ? GONE_MS : null);
    if (wasAsked) this.setState({ dialog: null });
  }

  leave(id) {
    this.items.delete(id);
    this.histories.forget(id);
  }

  // Without a line another page would stay empty: what is shown here is all there is.
  stay = (event) => {
    if (this.state.live !== "cut" || !event.target.closest?.("a[href^='/hospital/patient/']")) return;
    event.preventDefault();
    notify(say("cut_stays"), "wrong");
  };

  act(act, item) {
    if (act.name === "transfer" && this.state.live === "cut") { notify(say("cut_stays"), "wrong"); return null; }
    if (act.name === "transfer") { location.assign(`/hospital/patient/${item.encounter_id}#handover`); return null; }
    if (DIALOGS[act.name]) { this.setState({ dialog: { act, id: item.encounter_id } }); return null; }
    return this.now(act, item);
  }

  // Acts that need no question. Who presses second is told who was first.
  async now(act, item) {
    const path = { acknowledge: "acknowledgement", accept: "acceptance" }[act.name];
    try {
      const said = act.name === "acknowledge" ? { version: item.version } : {};
      const after = await send(item, path, said, newKey(), waiting(actOf(act.text, item)));
      sentAfterAll(item, act.name);
      this.focusOn = item.encounter_id;
      this.done(after);
      tellSent(actOf(act.text, item));
    } catch (problem) {
      if (problem.status === 409) await this.tellWho(item, problem, act, path);
      else tellUnsent(problem, item, act.name, act.text);
    }
  }

  async tellWho(item, problem, act, path) {
    try {
      const after = await ask("bridge", "GET", `facilities/${this.facility}/encounters/${item.encounter_id}`);
      const first = firstOf(after, path);
      this.done(after);
      if (first) tellFirst(item, act.text, first);
      else notify(explain(problem), "told");
    } catch { notify(explain(problem), "told"); }
  }

  done(after) {
    const known = this.items.get(after.encounter_id);
    if (known && known.version <= after.version) this.take([{ ...after, feed: known.feed }]);
  }

  render({ session }, { live, heard, centre, dialog, beds, recent, names, house, isOn, isKnown }) {
    const all = order(this.items.values());
    const shown = centre === "all" ? all : all.filter((item) => item.centres.includes(centre));
    const coming = all.filter((item) => !isHere(item)).length;
    const owed = all.filter(toAcknowledge).length;
    const beside = besides(all);
    const withThem = (id) => (beside.get(id) ?? []).slice(0, 3).map(nameOf).join(say("comma"));
    const name = both(names[this.facility]) || both(house?.name) || this.facility;
    const about = dialog && this.items.get(dialog.id);
    const Asking = dialog && DIALOGS[dialog.act.name];
    const isLoud = all.some(loud);
    const count = (n) => (isKnown ? n : "?");
    const tab = (key, text, items) => [key, html`${text} <b>${count(items.length)}</b>
      ${items.some(loud) && html`<i class="dot"><span class="unseen">${say("unacknowledged")}</span></i>`}`];
    const of = (key) => all.filter((item) => item.centres.includes(key));
    const centres = CENTRES.filter((key) => !isWall || key === centre || of(key).length); // a wall has one line
    const tabs = [tab("all", say("all"), all), ...centres.map((key) => tab(key, say(`centre.${key}`), of(key)))];
    return html`
      <${Head} title=${`${name} · ${say("emergency")}`} session=${isWall ? null : session}
          live=${html`<${Live} state=${live} heard=${heard} />`}
          sub=${`${say("coming", { n: count(coming) })} · ${say("owed_n", { n: count(owed) })} · ${
            say("here_n", { n: count(all.length - coming) })}`}>
        <${Tabs} of="centre" label=${say("centre")} tabs=${tabs} chosen=${centre}
          onChoose=${(key) => this.setState({ centre: key })} />
        <${SoundSwitch} sounder=${this.sounder} isOn=${isOn} />
      </${Head}>
      <${AskForSound} sounder=${this.sounder} isOn=${isOn} isFirst />
      ${live === "cut" && html`<${CutOff}>
        ${say(isKnown ? "cut_off" : "never_heard_long")} <a href="/hospital/copy">${say("downtime_copy")}</a><//>`}
      <main class=${`board ${isLoud ? "has-loud" : ""} ${live === "cut" ? "is-cut" : ""}`} onClickCapture=${this.stay}>
        <${Panel} of="centre" chosen=${centre}><section class="cards" aria-label=${say("patients")}>
          ${shown.map((item, place) => html`<${Card} key=${item.encounter_id} isFirst=${place < AT_FIRST} item=${item}
            history=${this.histories.of.get(item.encounter_id)} board=${this.shown}
            beside=${withThem(item.encounter_id)} language=${say("other_language")} />`)}
          ${shown.length === 0 && html`<p class="nobody">
            ${isKnown ? all.length ? say("nobody_here", { n: all.length }) : say("nobody")
              : say(live === "cut" ? "never_heard" : "loading")}</p>`}
        </section></${Panel}>
        <aside><${Beds} beds=${beds} /><${Recent} recent=${recent} />
          <section class="quiet-links">
            <a href="/hospital/board?wall">${say("wall")}</a> · <a href="/hospital/copy">${say("downtime_copy")}</a>
          </section></aside>
      </main>
      ${isWall ? html`<${Below} items=${shown} receipts=${this.receipts} divert=${beds?.divert} />` : html`<${Foot} />`}
      ${about && html`<${Asking} item=${about} act=${dialog.act} wards=${beds?.wards} names=${names}
        teams=${house?.teams} onClose=${() => this.setState({ dialog: null })}
        onDone=${(after, what) => { this.done(after); tellSent(actOf(what, about)); }} />`}
      <${Notices} />`;
  }
}

begin(Board);
