// The page of one patient at this facility: everything that is known, and everything that can be done.

import { ask, goSignIn, newKey } from "../kit/api.js";
import { isoNow, ms, now } from "../kit/clock.js";
import { follow } from "../kit/feed.js";
import { asOf, begin, CutOff, explain, Foot, Head, Live, Notices, notify, tellSent } from "../kit/frame.js";
import { Component, html } from "../kit/html.js";
import { stayThere } from "../kit/keep.js";
import { both, onLanguage, say, use } from "../kit/language.js";
import { refusalOfPatient } from "../kit/refusal.js";
import en from "../words/en/hospital.js";
import zh from "../words/zh/hospital.js";
import enPatient from "../words/en/patient.js";
import zhPatient from "../words/zh/patient.js";
import { actOf, firstOf, send, sentAfterAll, tellFirst, tellUnsent, waiting } from "./acts.js";
import { ASKED } from "./asking.js";
import { Axis, Story } from "./axis.js";
import { Banner } from "./banner.js";
import { Background, Care, Examinations } from "./clinical.js";
import { Course } from "./course.js";
import { Identity, Later, Locked } from "./formal.js";
import { Handover } from "./handover.js";
import { Strip } from "./milestones.js";
import { firstContact, signature } from "./moments.js";
import { Others, Watch } from "./others.js";
import { Vitals } from "./plots.js";
import { examined, given } from "./sentences.js";
import { Draft } from "./draft.js";
import { Copy } from "./keeping.js";

use({ zh: { ...zh, ...zhPatient }, en: { ...en, ...enPatient } });

const AGAIN_MS = 1500;
const TICK_MS = 15_000;
const id = decodeURIComponent(location.pathname.split("/").pop());

class Patient extends Component {
  constructor({ session }) {
    super();
    this.facility = session.facility_id;
    this.path = `facilities/${this.facility}/encounters/${id}`;
    this.course = new Course();
    this.kept = new Draft(id);
    this.lost = new Map();
    this.watch = new Watch(id);
    this.copy = new Copy(this.facility);
    this.state = {
      live: "connecting", heard: null, item: null, entries: null, house: null, names: {}, wards: null, dialog: null,
      gone: null, away: {}, draft: this.kept.value, against: {}, for: this.kept.value.gave != null, busy: null,
      version: 0, span: null
    };
  }

  componentDidMount() {
    this.ends = [
      onLanguage(() => this.setState({})),
      follow(`facilities/${this.facility}/feed`, {
        snapshot: ({ items }) => { this.watch.take(items, true); this.copy.take(items, true); this.snapshot(items); },
        item: (item) => {
          this.watch.take([item]);
          this.copy.take([item]);
          if (item.encounter_id === id) this.take(item);
        },
        state: (live, heard) => { this.setState({ live, heard }); this.copy.line(live, heard); },
      }),
    ];
    const timer = setInterval(() => this.setState({ span: this.span() }), TICK_MS);
    this.ends.push(() => clearInterval(timer), () => this.watch.end(), () => this.copy.end());
    this.read();
    this.readVitals();
    ask("bridge", "GET", `facilities/${this.facility}`)
      .then((house) => this.setState({ house }))
      .catch(() => this.absent("house"));
    ask("dispatch", "GET", "facility-names")
      .then((list) => {
        const names = Object.fromEntries(list.map((one) => [one.facility_id, one.name]));
        this.setState({ names });
        this.copy.name = names[this.facility] ?? null;
      })
      .catch(() => {});
    stayThere();
  }

  componentWillUnmount() { this.ends.forEach((end) => end()); }

  absent(what, is = true) { this.setState(({ away }) => ({ away: { ...away, [what]: is } })); }

  async read() {
    try {
      this.take(await ask("bridge", "GET", this.path));
    } catch (problem) {
      if (problem.status === 404) this.leave("not_here");
      else if (!problem.isSignedOut) { this.setState({ problem }); setTimeout(() => this.read(), 3000); }
    }
  }

  async readVitals() {
    try {
      const { series } = await ask("bridge", "GET", `${this.path}/vitals`);
      this.course.history(series);
      this.setState(({ version }) => ({ version: version + 1, span: this.span() }));
    } catch (problem) {
      if (!problem.isSignedOut) this.absent("vitals");
    }
  }

  // Every read of a timeline is written down; so it is asked for only when something was said.
  readTimeline() {
    clearTimeout(this.reading);
    this.reading = setTimeout(async () => {
      try {
        const { entries } = await ask("bridge", "GET", `${this.path}/timeline`);
        this.setState({ entries });
        this.absent("timeline", false);
      } catch (problem) {
        if (problem.status === 404) this.leave("not_here");
        else { this.absent("timeline"); this.signed = null; }
      }
    }, this.state.entries ? AGAIN_MS : 0);
  }

  snapshot(items) {
    const there = items.find((item) => item.encounter_id === id);
    if (there) this.take(there);
    else if (this.state.item && !this.state.item.handoff.transferred_at) this.read();
  }

  // Nothing of a patient who is another hospital's now stays on the screen.
  leave(gone) {
    this.course = new Course();
    this.kept.forget();
    this.setState({ gone, item: null, entries: null, dialog: null });
  }

  take(item) {
    if (item.withdrawn) { this.leave("withdrawn"); return; }
    const before = this.state.item;
    // What an act is answered with, and what the feed says, come in any order.
    if (before && (item.feed != null && before.feed != null
      ? item.feed < before.feed
      : item.version < before.version)) return;
    sentAfterAll(item);
    this.course.take(item.record);
    const signed = signature(item);
    if (signed !== this.signed) { this.signed = signed; this.readTimeline(); }
    this.setState(({ version }) => ({
      item: { feed: before?.feed, ...item },
      problem: null,
      gone: null,
      version: version + 1,
      span: this.span(item)
    }), () => {
      if (!before && location.hash) document.getElementById(location.hash.slice(1))?.scrollIntoView();
    });
  }

  // From the first contact, or the first that was measured, until now or the handover.
  span(item = this.state.item) {
    if (!item) return null;
    const { handoff, record } = item;
    const begin = Math.min(...[
      firstContact(item, this.state.house),
      handoff.notified_at,
      record.boarded_at,
      ...record.treatments.map((t) => t.occurred_at),
      ...record.examinations.map((e) => e.occurred_at)
    ].filter(Boolean).map(ms), this.course.first);
    const end = handoff.transferred_at
      ? Math.max(ms(handoff.transferred_at), ...handoff.milestones.map((m) => ms(m.occurred_at)))
      : now();
    return [begin, Math.max(end, begin + 60_000)];
  }

  ask(act) {
    if (act.name === "transfer") {
      document.getElementById("handover").scrollIntoView({ behavior: "smooth" });
      document.getElementById("handover").focus();
      return;
    }
    if (act.name === "bed")
      ask("bridge", "GET", `facilities/${this.facility}/beds`)
        .then(({ wards }) => this.setState({ wards }))
        .catch(() => {});
    if (ASKED[act.name]) this.setState({ dialog: act });
    else if (act.name === "acknowledge") this.send("acknowledgement", { version: this.state.item.version }, act);
    else if (act.name === "accept") this.send("acceptance", {}, act);
  }

  // An act without a question. Pressed again after a lost answer it is the same act, of the same time.
  async send(path, body = {}, { name: what = path, text = say("this_act") } = {}) {
    const { item } = this.state;
    const name = JSON.stringify([path, { ...body, occurred_at: null }]);
    const act = this.lost.get(name) ?? { key: newKey(), said: { occurred_at: isoNow(), ...body } };
    this.lost.set(name, act);
    try {
      this.done(await send(this.state.item, path, act.said, act.key, waiting(actOf(text, item))), text);
      this.lost.delete(name);
      sentAfterAll(item, what);
    } catch (problem) {
      if (!problem.isAway) this.lost.delete(name);
      if (problem.status === 409) await this.tellWho(problem, path, text);
      else tellUnsent(problem, item, what, text);
    }
  }

  // Of two who press at once one wins, and the other is told who: of this version, and not of the first.
  async tellWho(problem, path, text) {
    await this.read();
    const { item } = this.state;
    const first = item && firstOf(item, path);
    if (first) tellFirst(item, text, first);
    else notify(explain(problem), "told");
  }

  done(after, act) {
    const { item } = this.state;
    if (after.record) this.take(after);
    else this.read();
    tellSent(item ? actOf(act, item) : act);
  }

  write(more) { this.setState({ draft: this.kept.write(more) }); }

  // Whether the number that was read is this patient's: the service says the same again.
  isOwn(side) {
    const wristband = (this.state.draft[side]?.wristband ?? "").trim();
    const admission = this.state.item.record.admission ?? {};
    const own = [admission.wristband, admission.admission_number].filter(Boolean);
    const isOwn = !wristband || own.some((number) => number.toLowerCase() === wristband.toLowerCase());
    const wrong = { kind: "wristband", wristband: this.state.draft[side]?.wristband };
    if (!isOwn) this.setState(({ against }) => ({ against: { ...against, [side]: wrong } }));
    return isOwn;
  }

  // A signature is of who has just signed in: they are led there, and come back to what they typed.
  async sign(side) {
    const typed = this.state.draft[side] ?? {};
    const { admission } = this.state.item.record;
    const against = this.state.against[side];
    const isAsked = {
      wristband_reason: against?.kind === "wristband" && against.wristband === typed.wristband,
      not_aboard_reason: !admission
    };
    const said = Object.fromEntries(["reason", "wristband", "wristband_reason", "not_aboard_reason"]
      .map((name) => [name, (typed[name] ?? "").trim()])
      .filter(([name, text]) => text && (isAsked[name] ?? true)));
    const set = (wrong) => this.setState(({ against }) => ({ against: { ...against, [side]: wrong }, busy: null }));
    this.setState({ busy: side });
    const { key, at } = this.same(side, said);
    try {
      const after = await send(
        this.state.item, side === "gave" ? "handover" : "transfer", { ...said, occurred_at: at }, key);
      this.write({ [side]: null, back: null });
      set(null);
      this.done(after, say(`sign.${side}`));
    } catch (problem) {
      if (problem.isToSignAnew) { this.signAnew(side, "handover"); return; }
      if (!problem.isAway) this.told = null;
      if (problem.title === "Another wristband") set({ kind: "wristband", wristband: typed.wristband });
      else set({ kind: "other", text: problem.title === "Two people" ? say("two_people_needed") : explain(problem) });
    }
  }

  // Where they come back to is `part`; that they have is said only then, and not before they go.
  signAnew(what, part) {
    this.kept.write({ back: what });
    goSignIn({ to: `${location.pathname}#${part}`, anew: true });
  }

  // The key and the time of what is sent: the same while the same is sent again.
  same(side, said) {
    const text = JSON.stringify(said);
    if (this.told?.side !== side || this.told.text !== text) this.told = { side, text, key: newKey(), at: isoNow() };
    return this.told;
  }

  async addendum() {
    const said = { text: (this.state.draft.addendum ?? "").trim() };
    const { key, at } = this.same("addendum", said);
    try {
      this.done(await send(this.state.item, "addenda", { ...said, occurred_at: at }, key), say("sign_addendum"));
      this.write({ addendum: null, back: null });
    } catch (problem) {
      if (problem.isToSignAnew) this.signAnew("addendum", "afterwards");
      else notify(explain(problem), "wrong");
      if (!problem.isAway) this.told = null;
    }
  }

  // What was done, numbered in the order of its times.
  marks(record) {
    return [
      ...record.treatments.map((e) => ({ at: ms(e.occurred_at), text: given(e) })),
      ...record.examinations.map((e) => ({ at: ms(e.occurred_at), text: examined(e) }))
    ].sort((a, b) => a.at - b.at).map((mark, place) => ({ ...mark, number: place + 1 }));
  }

  render({ session }, {
    live, heard, item, entries, house, names, wards, dialog, gone, problem, away, draft, against, busy, version, span
  }) {
    const name = both(names[this.facility]) || both(house?.name) || this.facility;
    const head = html`<${Head} title=${say("patient_page")} sub=${name} session=${session}
          live=${html`<${Live} state=${live} heard=${heard} />`}>
        <a class="button small" href="/hospital/board">← ${say("to_board")}</a></${Head}>
      <${Others} watch=${this.watch} />`;
    if (!item) {
      const text = gone
        ? say(gone === "withdrawn" ? "withdrawn" : "p404")
        : problem ? refusalOfPatient(problem) : say("loading");
      return html`${head}<main class="nobody-here"><p role=${gone || problem ? "alert" : "status"}>${text}</p>
        ${gone && html`<a class="button" href="/hospital/board">← ${say("to_board")}</a>`}</main><${Foot} />`;
    }
    const page = {
      ask: (act) => this.ask(act),
      send: (path, body, act) => this.send(path, body, act),
      sign: (side) => this.sign(side),
      isOwn: (side) => this.isOwn(side),
      write: (more) => this.write(more),
      signFor: () => this.setState({ for: true }),
      addendum: () => this.addendum(),
      whose: (number) => this.watch.whose(number),
      draft,
      against,
      busy,
      for: this.state.for
    };
    const Asking = dialog && ASKED[dialog.name];
    const [from, to] = span ?? this.span();
    return html`${head}
      ${live === "cut" && html`<${CutOff}>${asOf(heard)}<//>`}
      <main class=${`patient ${live === "cut" ? "is-cut" : ""} ${item.handoff.transferred_at ? "is-locked" : ""}`}>
        <${Locked} item=${item} />
        <${Banner} item=${item} history=${this.course} page=${page} />
        <${Strip} item=${item} house=${house} page=${page} />
        <div class="columns">
          <div class="wide"><${Axis} item=${item} house=${house} from=${from} to=${to} />
            <${Vitals} course=${this.course} record=${item.record} span=${[from / 1000, to / 1000]}
              done=${this.marks(item.record)} version=${version} isAway=${away.vitals} /></div>
          <div class="middle"><${Handover} item=${item} house=${house} page=${page} />
            <${Later} item=${item} page=${page} />
            <${Examinations} item=${item} /><${Care} item=${item} /><${Background} item=${item} />
            <${Identity} item=${item} house=${house} page=${page} /></div>
          <div class="tail">
            <${Story} item=${item} entries=${entries} house=${house} isAway=${away.timeline} /></div></div>
      </main>
      <${Foot} />
      ${Asking && html`<${Asking} item=${item} act=${dialog} wards=${wards} names=${names} teams=${house?.teams}
        onClose=${() => this.setState({ dialog: null })} onDone=${(after, what) => this.done(after, what)} />`}
      <${Notices} />`;
  }
}

begin(Patient);
