// How an act is sent: under a name and a moment that stay while it is repeated.

import { ask, newKey } from "../kit/api.js";
import { isoNow } from "../kit/clock.js";

const AGAIN_MS = [400, 800, 1600];

// An act that may be sent again: the same content keeps its key and its moment, other content gets new
// ones, and so does what was refused.
export class Attempt {
  constructor() { this.content = null; }

  async send(method, path, body) {
    const content = JSON.stringify([method, path, body]);
    if (this.content !== content) Object.assign(this, { content, key: newKey(), at: isoNow() });
    const said = { occurred_at: this.at, ...body };
    for (let again = 0; ; again += 1) {
      try {
        const answer = await ask("dispatch", method, path, said, { key: this.key });
        this.content = null;
        return answer;
      } catch (problem) {
        if (!problem.isAway) this.content = null;
        if (!problem.isAway || again === AGAIN_MS.length) throw problem;
        await new Promise((go) => { setTimeout(go, AGAIN_MS[again]); });
      }
    }
  }
}
export const send = (method, path, body = {}) => new Attempt().send(method, path, body);
