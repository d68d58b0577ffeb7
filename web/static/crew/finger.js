// A finger that taps twice means what it aimed at: what has come under it since is not pressed by it.

// So long after a tap, and so near to it, a tap counts only on what stood there then. Ours (design).
export const STILL_MS = 1000;
const NEAR_PX = 40;
// A finger of a glove does not hit the same point twice.
const SLACK_PX = 4;
const PRESSED = "button, a, label, summary";

// What a button does, by its words: a node that is used for another act has others. `data-is` where words change.
const meaningOf = (node) => node.dataset.is ?? node.textContent;
const clamp = (value, low, high) => Math.min(Math.max(value, low), high);
const isIn = (box, x, y, slack) => x >= box.left - slack && x <= box.right + slack
  && y >= box.top - slack && y <= box.bottom + slack;

// What can be pressed around a point, and where it is; what lies under something else cannot.
const around = (x, y) => [...document.querySelectorAll(PRESSED)].flatMap((node) => {
  const box = node.getBoundingClientRect();
  if (!box.width || !isIn(box, x, y, NEAR_PX)) return [];
  const over = document.elementFromPoint(
    clamp(x, box.left + 1, box.right - 1), clamp(y, box.top + 1, box.bottom - 1));
  return node.contains(over) ? [{ node, box, meaning: meaningOf(node) }] : [];
});

// Keys press what they stand on, and a mouse does not tremble: both are left alone.
export function mindTheFinger() {
  let last = null;
  addEventListener("click", (event) => {
    const node = event.target.closest?.(PRESSED);
    if (!node || event.detail === 0 || event.pointerType === "mouse" || event.pointerType === "") return;
    const { clientX: x, clientY: y, timeStamp: at } = event;
    const isSoon = last && at - last.at < STILL_MS && Math.hypot(x - last.x, y - last.y) <= NEAR_PX;
    const isSame = (one) => one.node === node && one.meaning === meaningOf(node);
    const stood = !isSoon || isSame(last) || last.seen.some((one) => isSame(one) && isIn(one.box, x, y, SLACK_PX));
    if (stood) last = { node, meaning: meaningOf(node), x, y, at, seen: around(x, y) };
    else {
      // A finger that goes on tapping has not looked yet.
      last.at = at;
      event.preventDefault();
      event.stopImmediatePropagation();
    }
  }, true);
}
