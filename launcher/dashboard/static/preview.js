// A chart as a small SVG, which is there at once: what is seen until Plotly has come.

import { svg } from "./dom.js";
import { colourToken } from "./palette.js";
import { compact, MARGIN, ticks } from "./scale.js";

const FEW = 20; // that many points are marked, not only joined
const PADDING = 0.055; // of the height, above and below the lines, as Plotly has it

/** Draws a picture (see charts.js) as an SVG element of this size in pixels. */
export function preview(picture, width, height) {
  const x = span(picture.curves, "x", picture.logx, picture.range);
  const y = span(picture.curves, "y", picture.logy, null, picture.range);
  const across = scale(x, picture.logx, MARGIN.l, width - MARGIN.r, 0);
  const up = scale(y, picture.logy, height - MARGIN.b, MARGIN.t, PADDING);
  return svg(
    "svg",
    { class: "preview", viewBox: `0 0 ${width} ${height}`, width, height, "aria-hidden": "true" },
    marks(up, 5).map((value) => level(up(value), value, width)),
    below(marks(across, 5), across, height, picture.axis),
    picture.restarts.map(({ x: at }) => restart(across(at), height)),
    picture.curves.map((curve) => line(curve, across, up)),
  );
}

function level(y, value, width) {
  return svg(
    "g",
    {},
    svg("line", { class: "grid", x1: MARGIN.l, x2: width - MARGIN.r, y1: y, y2: y }),
    svg("text", { x: MARGIN.l - 5, y: y + 3.5, "text-anchor": "end" }, compact(value)),
  );
}

function below(values, across, height, { label, unit }) {
  return values.map((value, index) => {
    const suffix = unit && index === values.length - 1 ? ` ${unit}` : "";
    return svg("text", { x: across(value), y: height - 13, "text-anchor": "middle" }, label(value) + suffix);
  });
}

function restart(x, height) {
  return svg("line", { class: "restart", x1: x, x2: x, y1: MARGIN.t, y2: height - MARGIN.b });
}

/** The smallest and the largest value that can be drawn; of y only where x is in the range that is shown. */
function span(curves, name, isLog, fixed, within = null) {
  if (fixed) return fixed;
  let [low, high] = [Infinity, -Infinity];
  for (const curve of curves) {
    for (let i = 0; i < curve.x.length; i++) {
      const value = curve[name][i];
      if (!Number.isFinite(value) || (isLog && value <= 0)) continue;
      if (within && (curve.x[i] < within[0] || curve.x[i] > within[1])) continue;
      if (value < low) low = value;
      if (value > high) high = value;
    }
  }
  return low <= high ? [low, high] : isLog ? [1, 10] : [0, 1];
}

/** A function from values to pixels; it knows its own ends. */
function scale([low, high], isLog, from, to, padding) {
  const forward = isLog ? Math.log10 : (value) => value;
  let [first, last] = [forward(low), forward(high)];
  const margin = last > first ? padding * (last - first) : Math.abs(first) * 0.1 || 1;
  [first, last] = [first - margin, last + margin];
  const at = (value) => Math.round(10 * (from + ((forward(value) - first) / (last - first)) * (to - from))) / 10;
  return Object.assign(at, { first, last, isLog });
}

function marks({ first, last, isLog }, count) {
  if (!isLog) return ticks(first, last, count);
  return ticks(first, last, count)
    .filter(Number.isInteger)
    .map((power) => 10 ** power);
}

function line({ slot, x, y, smoothed }, across, up) {
  const style = { stroke: colourToken(slot) };
  const path = (values, kind) => svg("path", { class: kind, d: outline(x, values, across, up), style });
  if (smoothed) return [path(y, "line raw"), path(smoothed, "line")];
  return [path(y, "line"), x.length <= FEW ? dots(x, y, across, up, slot) : null];
}

/** Infinities and NaN leave gaps. */
function outline(x, y, across, up) {
  let path = "";
  let pen = "M";
  for (let i = 0; i < x.length; i++) {
    const [left, top] = [across(x[i]), up(y[i])];
    if (Number.isFinite(left) && Number.isFinite(top)) {
      path += `${pen}${left} ${top}`;
      pen = "L";
    } else pen = "M";
  }
  return path;
}

function dots(x, y, across, up, slot) {
  const places = Array.from(x, (value, i) => [across(value), up(y[i])]).filter((place) => place.every(Number.isFinite));
  return places.map(([cx, cy]) => svg("circle", { cx, cy, r: 2.5, style: { fill: colourToken(slot) } }));
}
