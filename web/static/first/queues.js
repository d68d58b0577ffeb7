// The queue of the emergency departments, and the centres that some of its patients concern; a card
// turns over at the moment its patient is admitted.

import { Component, Fitted, html, now, Shape } from "./base.js";
import { both, clock, complaint, minute, person, say } from "./words.js";

const CARD = 118, TITLE = 50, CENTRES = 216, NONE = 48, STACKED = 6, JUST_MS = 4000;

// The second line of a card, on two sides. A card that comes to be seen just after the admission
// shows its first side for a moment and then turns.
class Turning extends Component {
  constructor(props) {
    super(props);
    const just = props.card.admission && now() - props.card.admitted_seen < JUST_MS;
    this.state = { turned: Boolean(props.card.admission) && !just };
  }

  componentDidMount() { this.turn(); }
  componentDidUpdate() { this.turn(); }
  componentWillUnmount() { clearTimeout(this.soon); }

  turn() {
    if (!this.props.card.admission || this.state.turned || this.soon) return;
    this.soon = setTimeout(() => { this.soon = 0; this.setState({ turned: true }); }, 60);
  }

  render({ card }, { turned }) {
    return html`<div class=${`turning ${turned ? "turned" : ""}`}>
      <div class="side front" aria-hidden=${turned}>
        <span>${card.boarded ? say("aboard_waiting") : say("not_aboard")}</span>
        <${Seen} card=${card} />
      </div>
      <div class="side back" aria-hidden=${!turned}>
        <b>${say("admitted")} ${clock(card.admitted)}<i>${card.admission}</i></b><${Seen} card=${card} />
        ${card.after_ms != null && html`<em>+${Math.round(card.after_ms)} ms<i>${say("since_boarding")}</i></em>`}
      </div>
    </div>`;
  }
}

function where(card) {
  if (card.arrived) return say("at_hospital");
  if (!card.boarded) return say("at_scene");
  return card.distance_km == null ? "" : say("away", { n: card.distance_km.toFixed(1) });
}

function Seen({ card }) {
  if (card.transferred) return html`<span class="seen done">✓✓<i>${say("handed_over")}</i></span>`;
  if (!card.acknowledged) return html`<span class="seen">${say("not_seen")}</span>`;
  if (card.again) return html`<span class="seen again">${say("seen_again")}</span>`;
  return html`<span class="seen done"
      title=${`${say("seen_by", { who: card.acknowledged_by })} ${clock(card.acknowledged)}`}>
    ✓ ${minute(card.acknowledged)}<i>${say("step_acknowledged")}</i>
  </span>`;
}

function Card({ card, names }) {
  const leaving = card.transferred || card.ended;
  const just = card.admission && now() - card.admitted_seen < JUST_MS;
  return html`<li class=${`card ${card.level} ${leaving ? "leaving" : ""} ${card.admission ? "in" : ""} ${
      just ? "just" : ""}`}>
    <div class="mark" key=${card.level}><${Shape} level=${card.level} size=${34} /><b>${say(card.level)}</b></div>
    <div class="told">
      <p class="top">
        <b>${person(card.patient)}</b>
        ${card.patient.identity !== "known" && html`<span class="tag">${say("identity_unknown")}</span>`}
        <span class="where">${where(card)}</span>
      </p>
      <p class="line">
        ${complaint(card.patient)}<span class="dim"> · ${both(names[card.facility]) || card.facility}</span>
      </p>
      <${Turning} card=${card} />
      <p class="reason line">${both(card.reason) || say("no_reason")}</p>
    </div>
  </li>`;
}

function Queue({ queue, room, names }) {
  const cards = queue.cards.slice(0, room);
  return html`<section class="queue" aria-label=${say("emergency_centre")}>
    <h2>
      ${say("emergency_centre")} <b>${queue.all}</b>
      <span class="aside">${say("admitted_of", { n: queue.admitted })}</span>
    </h2>
    <ul>${cards.map((card) => html`<${Card} key=${card.id} card=${card} names=${names} />`)}</ul>
    ${cards.length === 0 && html`<p class="none">${say("queue_none")}</p>`}
    ${queue.all > cards.length && html`<p class="more">${say("more_patients", { n: queue.all - cards.length })}</p>`}
  </section>`;
}

// Who of them concerns a centre: a shape for each, lined where admitted.
function Centre({ centre }) {
  const name = say(`${centre.centre}_centre`);
  return html`<li aria-label=${`${name} ${centre.all}`}>
    <span class="name">${name}</span>
    <span class="chips">
      ${centre.chips.map((chip) => html`<i key=${chip.id}
          class=${`chip ${chip.admitted ? "in" : ""} ${chip.leaving ? "leaving" : ""}`}>
        <${Shape} level=${chip.level} size=${17} bare=${true} />
      </i>`)}
    </span>
    <b class=${centre.all ? "" : "zero"}>${centre.all}</b>
  </li>`;
}

// As many cards as the column has room for above the centres.
export function Queues({ queue, centres, names }) {
  if (!queue) return html`<div class="queues"></div>`;
  const fill = (height) => {
    const room = height == null
      ? STACKED
      : Math.max(1, Math.floor((height - TITLE - CENTRES - (queue.cards.length ? 0 : NONE)) / CARD));
    return html`<${Queue} queue=${queue} room=${room} names=${names} />
      <section class="centres" aria-label=${say("centres")}>
        <h2>${say("centres")}<span class="aside">${say("centres_long")}</span></h2>
        <ul>${(centres || []).map((centre) => html`<${Centre} key=${centre.centre} centre=${centre} />`)}</ul>
      </section>`;
  };
  return html`<${Fitted} kind="queues" fill=${fill} />`;
}
