// What is far from the window is drawn when it comes near, or when there is nothing else to do: a
// long list costs what is looked at.

import { Component, createRef } from "./html.js";

const MARGIN = "60% 0px";
const AT_ONCE = 4;
const parts = new WeakMap(); // by node
const waiting = new Set();
const idle = window.requestIdleCallback ?? ((work) => setTimeout(work, 50));
let isAsked = false;

const observer = new IntersectionObserver((entries) => {
  for (const { target, isIntersecting } of entries) parts.get(target)?.come(isIntersecting);
}, { rootMargin: MARGIN });

function wait(part) {
  waiting.add(part);
  if (isAsked) return;
  isAsked = true;
  idle(drawSome);
}

function drawSome() {
  isAsked = false;
  [...waiting].slice(0, AT_ONCE).forEach((part) => part.draw());
  if (waiting.size) wait(waiting.values().next().value);
}

const differs = (before, next) =>
  [...new Set([...Object.keys(before), ...Object.keys(next)])].some((name) => before[name] !== next[name]);

// A part with one node of its own, `box`, drawn again when one of its properties is another value.
// `outline(props)` stands for it until it has been drawn for the first time by `whole(props)`; with
// the property `isFirst` it is drawn at once.
export class Near extends Component {
  box = createRef();

  componentDidMount() {
    parts.set(this.box.current, this);
    observer.observe(this.box.current);
    if (!this.isWhole) wait(this);
  }

  componentWillUnmount() {
    observer.unobserve(this.box.current);
    waiting.delete(this);
  }

  shouldComponentUpdate(next) {
    if (!differs(this.props, next)) return false;
    if (!this.isNear) wait(this);
    return Boolean(this.isNear);
  }

  come(isNear) {
    this.isNear = isNear;
    if (isNear && waiting.has(this)) this.draw();
  }

  draw() {
    waiting.delete(this);
    this.isWhole = true;
    this.forceUpdate();
  }

  render(props) {
    this.isWhole ||= props.isFirst;
    return this.isWhole ? this.whole(props) : this.outline(props);
  }
}
