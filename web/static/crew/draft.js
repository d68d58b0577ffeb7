// What was typed and not recorded: it stays when its sheet is left, with the moment that was chosen for it,
// and says since when it stands.

import { isoNow, ms, secondOf, span, Ticking } from "../kit/clock.js";
import { html, useEffect, useState } from "../kit/html.js";
import { forget, keep, kept } from "../kit/keep.js";
import { say } from "../kit/language.js";

const NONE = { values: {}, at: null, since: null, isOld: false };

// {draft: {values, at, since, isOld}, write, drop}; `draft` is null until what was kept is known.
export function useDraft(place) {
  const [draft, setDraft] = useState(null);
  useEffect(() => {
    kept("notes", place).then((found) => setDraft(found?.since ? { ...NONE, ...found, isOld: true } : NONE));
  }, [place]);
  const drop = () => { setDraft(NONE); return forget("notes", place); };
  const write = (change) => {
    const { isOld, ...whole } = { ...draft, ...change };
    const isAny = Object.keys(whole.values).length > 0;
    const since = isAny ? whole.since ?? isoNow() : null;
    setDraft({ ...whole, since, isOld: isOld && isAny });
    if (isAny) keep("notes", place, { ...whole, since });
    else forget("notes", place);
  };
  return { draft, write, drop };
}

// Said of what was left standing, and thrown away by one tap.
export function Left({ draft, onDrop }) {
  if (!draft.isOld) return null;
  return html`<div class="over left-over" role="status">
    <${Ticking} of=${(t) => say("draft_since", { at: secondOf(draft.since), span: span(t - ms(draft.since)) })} />
    <button onClick=${onDrop}>${say("draft_drop")}</button>
  </div>`;
}
