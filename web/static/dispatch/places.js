// Where things stand on a flat picture of the earth: scale, what lies together, names that do not collide.

const RAD = Math.PI / 180;
// Mercator, the world 1 wide; north is up.
export const flat = ({ latitude, longitude }) => ({
  x: longitude / 360 + 0.5,
  y: 0.5 - Math.log(Math.tan(Math.PI / 4 + (latitude * RAD) / 2)) / (2 * Math.PI),
});
export const round = ({ x, y }) => ({
  longitude: (x - 0.5) * 360,
  latitude: (2 * Math.atan(Math.exp((0.5 - y) * 2 * Math.PI)) - Math.PI / 2) / RAD,
});

const EARTH_M = 40_075_017;
// Nearer than a street, and farther than a province, nothing is seen.
const LEAST_M = 600;
const MARGIN = 1.25;

// Metres between two points, over the ground.
export function metres(a, b) {
  const half = (angle) => Math.sin((angle * RAD) / 2) ** 2;
  const square = half(b.latitude - a.latitude)
    + Math.cos(a.latitude * RAD) * Math.cos(b.latitude * RAD) * half(b.longitude - a.longitude);
  return (EARTH_M / Math.PI) * Math.asin(Math.min(1, Math.sqrt(square)));
}

// Tells which points are far off: farther from each of these places than any two of them are from each
// other. Of fewer than two nobody can say what is far.
export function farFrom(places) {
  const wide = Math.max(0, ...places.flatMap((one) => places.map((other) => metres(one, other))));
  return (point) => wide > 0 && places.every((place) => metres(place, point) > wide);
}

// A view: its middle, and how wide a pixel is. All of these points lie in it.
export function around(points, width, height) {
  const flats = points.map(flat);
  if (!flats.length) return { x: 0.79, y: 0.4, pixel: 0.4 / Math.max(width, 1) };
  const [xs, ys] = [flats.map((p) => p.x), flats.map((p) => p.y)];
  const [left, right, top, bottom] = [Math.min(...xs), Math.max(...xs), Math.min(...ys), Math.max(...ys)];
  const least = LEAST_M / EARTH_M;
  const pixel = Math.max(Math.max(right - left, least) / width, Math.max(bottom - top, least) / height) * MARGIN;
  return { x: (left + right) / 2, y: (top + bottom) / 2, pixel };
}

export const onView = (view, width, height) => (point) => {
  const { x, y } = flat(point);
  return { x: width / 2 + (x - view.x) / view.pixel, y: height / 2 + (y - view.y) / view.pixel };
};
export const fromView = (view, width, height) => (x, y) =>
  round({ x: view.x + (x - width / 2) * view.pixel, y: view.y + (y - height / 2) * view.pixel });

// Nearer or farther by `factor`, what is at (x, y) stays there.
export function zoomed(view, factor, x, y, width, height) {
  const pixel = Math.min(0.5 / width, Math.max(20 / EARTH_M / width, view.pixel * factor));
  return {
    x: view.x + (x - width / 2) * (view.pixel - pixel),
    y: view.y + (y - height / 2) * (view.pixel - pixel),
    pixel
  };
}

// A length that is written beside a bar: metres, and how many pixels it is.
export function bar(view, most = 120) {
  const { latitude } = round(view);
  const metre = 1 / (EARTH_M * Math.cos(latitude * RAD) * view.pixel);
  const power = 10 ** Math.floor(Math.log10(most / metre));
  const metres = [5, 2, 1].map((n) => n * power).find((n) => n * metre <= most) ?? power;
  return { metres, pixels: metres * metre };
}

// Lines as far apart as the bar is long, that stand still on the earth.
export function grid(view, width, height, { pixels }) {
  const step = pixels * view.pixel;
  const lines = (middle, size, draw) => {
    const first = Math.ceil((middle - (size / 2) * view.pixel) / step);
    return Array.from(
      { length: Math.min(200, Math.floor(size / pixels) + 1) },
      (_, n) => draw((size / 2 + ((first + n) * step - middle) / view.pixel).toFixed(1))).join("");
  };
  return lines(view.x, width, (x) => `M${x} 0V${height}`) + lines(view.y, height, (y) => `M0 ${y}H${width}`);
}

// From one point to another, in degrees clockwise from up, as it is drawn.
export const bearing = (from, to) => (Math.atan2(to.x - from.x, from.y - to.y) / RAD + 360) % 360;

// Which of these stand on each other: the first of each heap has the others in `more`.
export function heaps(marks, apart = 18) {
  const found = [];
  for (const mark of marks) {
    const heap = found.find((other) => other.kind === mark.kind && other.canHeap && mark.canHeap
      && Math.hypot(other.x - mark.x, other.y - mark.y) < apart);
    if (heap) heap.more.push(mark);
    else found.push({ ...mark, more: [] });
  }
  return found;
}

const meets = (a, b) => a.x < b.x + b.width && b.x < a.x + a.width && a.y < b.y + b.height && b.y < a.y + a.height;
const wide = (text, size) =>
  [...text].reduce((sum, letter) => sum + (letter.codePointAt(0) > 0x2e7f ? size : size * 0.6), 0);

// A place for the name of each mark, the most important first: right, left, below or above of it, where no
// other name, no mark and nothing `kept` free is; a name that finds none is left out.
export function named(marks, width, height, kept = [], size = 13) {
  const taken = marks.map((mark) => ({ x: mark.x - 11, y: mark.y - 11, width: 22, height: 22, of: mark })).concat(kept);
  const names = [];
  for (const mark of [...marks].sort((a, b) => (b.weight ?? 0) - (a.weight ?? 0))) {
    if (!mark.name) continue;
    const [w, h] = [wide(mark.name, size) + 6, size + 5];
    const { reach = 14 } = mark;
    const [right, left, low, high] = [reach, -reach - w, reach, -reach - h];
    const tries = [
      [right, -h / 2], [left, -h / 2], [-w / 2, low], [-w / 2, high],
      [right, low - h / 2], [right, high + h / 2], [left, low - h / 2], [left, high + h / 2]
    ].map(([dx, dy]) => ({ x: mark.x + dx, y: mark.y + dy, width: w, height: h }));
    const box = tries.find((one) => one.x >= 0 && one.y >= 0 && one.x + w <= width && one.y + h <= height
      && !taken.some((other) => other.of !== mark && meets(one, other)));
    if (!box) continue;
    taken.push({ ...box, of: mark });
    names.push({ mark, x: box.x + 3, y: box.y + size });
  }
  return names;
}
