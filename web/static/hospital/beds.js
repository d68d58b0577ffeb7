// The beds of a facility, on a phone: counted where they stand, and said with the time of the count.

import { ask, fetchFrom, newKey } from "../kit/api.js";
import { isoNow, now, secondOf } from "../kit/clock.js";
import { begin, CutOff, explain, Foot, Head, Notices, tellSent } from "../kit/frame.js";
import { Component, html } from "../kit/html.js";
import { keep, kept, stayThere } from "../kit/keep.js";
import { both, onLanguage, say, use } from "../kit/language.js";
import en from "../words/en/hospital.js";
import zh from "../words/zh/hospital.js";
import enBeds from "../words/en/beds.js";
import zhBeds from "../words/zh/beds.js";
import { Divert, Waiting } from "./divert.js";
import { Ward } from "./ward_card.js";
import { changed, counted, DEPARTMENTS, isOpen, remember, rows } from "./wards.js";

use({ zh: { ...zh, ...zhBeds }, en: { ...en, ...enBeds } });
const EVERY_MS = 10_000;

class Beds extends Component {
  constructor({ session }) {
    super();
    this.facility = session.facility_id;
    this.path = `facilities/${this.facility}`;
    this.notes = `beds.${this.facility}`;
    this.state = {
      beds: null, last: {}, drafts: {}, house: null, houseAway: false, names: {}, who: {}, busy: null, wrong: {},
      away: false, heard: null, all: false
    };
  }

  async componentDidMount() {
    this.end = onLanguage(() => this.setState({}));
    window.addEventListener("online", this.look = () => this.read());
    stayThere();
    try {
      const found = await kept("notes", this.notes);
      if (found) this.setState({
        drafts: found.drafts,
        last: found.last,
        beds: this.state.beds ?? found.beds,
        heard: this.state.heard ?? found.heard
      });
    } catch { /* a browser that keeps nothing */ }
    this.read();
    this.timer = setInterval(() => this.read(), EVERY_MS);
    ask("dispatch", "GET", "facility-names")
      .then((list) => this.setState({ names: Object.fromEntries(list.map((one) => [one.facility_id, one.name])) }))
      .catch(() => {});
  }

  componentWillUnmount() { clearInterval(this.timer); this.end(); window.removeEventListener("online", this.look); }

  // What was counted and not sent stays in this browser, with the moment of the count.
  hold(state, more) {
    const after = { ...state, ...more };
    keep("notes", this.notes, { drafts: after.drafts, last: after.last, beds: after.beds, heard: after.heard })
      .catch(() => {});
    return more;
  }

  async read() {
    if (!this.state.house) {
      ask("bridge", "GET", this.path)
        .then((house) => this.setState({ house, houseAway: false }))
        .catch((problem) => { if (!problem.isSignedOut) this.setState({ houseAway: true }); });
    }
    try {
      this.take(await ask("bridge", "GET", `${this.path}/beds`, undefined, { patience: 8000 }));
    } catch (problem) {
      if (!problem.isSignedOut) this.setState({ away: true });
      return;
    }
    for (const [department, draft] of Object.entries(this.state.drafts))
      if (draft.waits && !this.state.busy) await this.report(department);
  }

  take(beds) {
    this.setState((state) => {
      const drafts = Object.fromEntries(Object.entries(state.drafts)
        .filter(([name, draft]) => isOpen(draft, beds.wards.find((ward) => ward.department === name))));
      return this.hold(state, { beds, drafts, away: false, heard: now(), last: remember(state.last, beds.wards) });
    });
    const unknown = beds.wards.flatMap((ward) => ward.reservations)
      .some((one) => !(one.encounter_id in this.state.who));
    if (unknown) this.readWho();
  }

  async readWho() {
    try {
      const { items } = await ask("bridge", "GET", `${this.path}/queue`);
      this.setState({ who: Object.fromEntries(items.map((item) => [item.encounter_id, item.record.patient])) });
    } catch { /* they are patients of ours, then */ }
  }

  draft(department, draft) {
    this.setState((state) => this.hold(state, {
      drafts: { ...state.drafts, [department]: draft },
      wrong: { ...state.wrong, [department]: null }
    }));
  }

  count(row, name, value) { this.draft(row.department, { ...changed(row, name, value, isoNow()), key: newKey() }); }

  drop(department) {
    this.setState((state) => {
      const { [department]: _, ...drafts } = state.drafts;
      return this.hold(state, { drafts, wrong: { ...state.wrong, [department]: null } });
    });
  }

  // Somebody has just looked, and it is as it was: a new count of the same numbers.
  same(row) {
    const { free, emergency, staffed } = counted(row);
    this.draft(row.department, { free, emergency, staffed, at: isoNow(), key: newKey() });
    setTimeout(() => this.report(row.department));
  }

  // Sends a count with the moment of counting, however late; its key stays while it is sent again.
  async report(department) {
    const draft = this.state.drafts[department];
    if (!draft) return;
    const { free, emergency, staffed, at, key } = draft;
    this.setState({ busy: department });
    try {
      const answer = await fetchFrom(`/hospital/api/bridge/v1/${this.path}/beds/${department}`, {
        method: "PUT",
        key,
        body: { free, emergency, ...(staffed != null && { staffed }), occurred_at: at }
      });
      this.drop(department);
      this.take(await answer.json());
      tellSent(say(`department.${department}`));
    } catch (problem) {
      const wrong = problem.title === "More than staffed" ? say("more_than_staffed") : explain(problem);
      if (problem.isAway) this.draft(department, { ...draft, waits: true });
      else if (!problem.isSignedOut) this.draft(department, { ...draft, waits: false, key: newKey() });
      this.setState((state) => ({
        away: problem.isAway || state.away,
        wrong: { ...state.wrong, [department]: problem.isAway ? null : wrong }
      }));
    }
    this.setState({ busy: null });
  }

  async post(path, body) {
    const text = JSON.stringify([path, { ...body, occurred_at: null }]);
    if (this.told?.text !== text) this.told = { text, key: newKey(), body };
    this.setState({ busy: "divert" });
    try {
      this.take(await ask("bridge", "POST", `${this.path}/${path}`, this.told.body, { key: this.told.key }));
      this.told = null;
      this.setState({ wrong: {} });
      tellSent(say(path === "divert" ? "divert_go" : "divert_end"));
    } catch (problem) {
      if (!problem.isAway) this.told = null;
      this.setState(({ wrong }) => ({ wrong: { ...wrong, divert: explain(problem) } }));
    }
    this.setState({ busy: null });
  }

  render({ session }, state) {
    const { beds, house, names, who, busy, wrong, away, heard, all } = state;
    const kept = house?.beds?.emergency?.kept ?? null;
    const name = both(names[this.facility]) || both(house?.name) || this.facility;
    const page = {
      count: (...a) => this.count(...a),
      drop: (d) => this.drop(d),
      same: (row) => this.same(row),
      report: (d) => this.report(d),
      divert: (body) => this.post("divert", body),
      divertEnd: () => this.post("divert/ended", { occurred_at: isoNow() })
    };
    const list = beds ? rows({ wards: beds.wards, last: state.last, drafts: state.drafts }) : [];
    const shown = list.filter((row) => all || row.ward || row.draft);
    return html`<${Head} title=${say("beds_page")} sub=${name} session=${session} clock=${false}>
        <a class="button small" href="/hospital/board">← ${say("board")}</a></${Head}>
      ${away && html`<${CutOff}>${say("offline")}
        ${heard ? ` ${say("beds_as_of", { at: secondOf(heard) })}` : ""}<//>`}
      <main class="beds">
        ${!beds && html`<p class="none" role="status">${say(away ? "nothing_kept" : "loading")}</p>`}
        ${beds && html`<${Waiting} waiting=${beds.waiting} />
        <div class="wards">${shown.map((row) => html`<${Ward} key=${row.department} row=${row} kept=${kept} who=${who}
          busy=${busy === row.department} wrong=${wrong[row.department]} page=${page} />`)}</div>
        ${!shown.length && html`<p class="none">${say("beds_never")}</p>`}
        ${shown.length < DEPARTMENTS.length && html`<button class="more" onClick=${() => this.setState({ all: true })}>
          ${say("other_departments", { n: list.length - shown.length })}</button>`}
        <${Divert} divert=${beds.divert} longest=${house?.beds?.divert_for_s} busy=${busy === "divert"}
          wrong=${wrong.divert} page=${page} />
        ${kept != null && html`<p class="note">
          ${say("kept_by", { n: kept, source: house.beds.emergency.source })}</p>`}`}
      </main><${Foot} /><${Notices} />`;
  }
}

begin(Beds);
