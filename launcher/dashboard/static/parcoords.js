// Parallel coordinates: one axis a dimension, one line a trial, a brush an axis.
//
// Lines of one shade are one path, so that a thousand trials are a dozen elements and a brush that moves stays smooth.

import { fitted, labelled, makeScale, onWidth } from "./axes.js";
import { axisBrush } from "./axis_brush.js";
import { passes } from "./brushes.js";
import { h, replace, svg } from "./dom.js";
import { t } from "./i18n.js";
import { describeTrial, SHADES } from "./sweep_data.js";
import { hideTip, showTip } from "./tip.js";

const HEIGHT = 340;
const TOP = 40;
const BOTTOM = HEIGHT - 34;
const MISSING = HEIGHT - 12; // where a trial without a value crosses
const SIDE = 78;
const MANY = 300; // trials whose lines are drawn thinner
const NEAR = 14; // pixels from the pointer within which a line counts as meant

/**
 * The chart. `onBrush(brushes, {done})` is called while a brush moves and once it is `done`; `onPoint(trial or null)`
 * when the pointer is at a line; `onOpen(trial)` for a click there.
 *
 * Returns {element, update({trials, axes, shades, brushes}), highlight(number or null), close}.
 */
export function makeParcoords({ onBrush, onPoint, onOpen }) {
  const element = h("div", { class: "parcoords" });
  let data = null;
  let drawn = null;
  let width = 0;
  const draw = () => {
    if (data === null || width === 0) return;
    drawn = drawChart(data, width, { onBrush, onPoint, onOpen });
    replace(element, drawn.root);
  };
  const close = onWidth(element, (now) => ((width = now), draw()));
  return {
    element,
    update(next) {
      if (drawn?.isHeld()) return; // it shows what is dragged already, and is told the rest once that is let go
      const isSame = data !== null && ["trials", "axes", "shades"].every((name) => data[name] === next[name]);
      data = next;
      if (isSame && drawn !== null) drawn.brush(next.brushes);
      else draw();
    },
    highlight: (number) => drawn?.highlight(number),
    close: () => (close(), hideTip()),
  };
}

function drawChart({ trials, axes, shades, brushes }, width, { onBrush, onPoint, onOpen }) {
  const gap = (width - 2 * SIDE) / Math.max(1, axes.length - 1);
  const columns = axes.map((axis, index) => {
    const seen = trials.map(axis.of).filter((value) => value !== null);
    const x = axes.length === 1 ? width / 2 : SIDE + index * gap;
    return { axis, x, scale: makeScale(axis, seen, BOTTOM, TOP, { count: 6 }), gaps: seen.length < trials.length };
  });
  const lines = trials.map((trial) => lineOf(trial, columns));
  const marked = svg("path", { class: "trial-line marked" });
  const paths = makePaths();
  let shown = new Map(brushes);

  const controls = columns.map((column) =>
    axisBrush(column, {
      onChange(range, { done }) {
        if (range === null) shown.delete(column.axis.name);
        else shown.set(column.axis.name, range);
        paths.draw(lines, shades, shown, axes);
        onBrush(new Map(shown), { done });
      },
    }),
  );
  const brush = (next) => {
    shown = new Map(next);
    columns.forEach(({ axis }, index) => controls[index].set(shown.get(axis.name) ?? null));
    paths.draw(lines, shades, shown, axes);
  };
  brush(brushes);

  const highlight = (number) => {
    const line = lines.find(({ trial }) => trial.number === number);
    marked.setAttribute("d", line === undefined ? "" : line.path);
    marked.setAttribute("class", `trial-line marked ${line === undefined ? "" : shadeClass(shades, line.trial)}`);
  };
  const labels = columns.map((column) => drawAxis(column, gap));
  const root = svg(
    "svg",
    {
      class: trials.length > MANY ? "drawing many" : "drawing",
      width,
      height: HEIGHT,
      role: "group",
      "aria-label": t("parallel coordinates"),
    },
    [...paths.elements, marked, ...labels, ...controls.map(({ element }) => element)],
  );
  const open = (event) => nearest(event, root, lines, columns, { shown, axes });
  root.addEventListener("pointermove", (event) => {
    const line = event.buttons === 0 ? open(event) : null;
    highlight(line === null ? null : line.trial.number);
    onPoint(line === null ? null : line.trial);
    if (line === null) hideTip();
    else showTip(event, describeTrial(line.trial, axes));
  });
  root.addEventListener("pointerleave", () => (highlight(null), onPoint(null), hideTip()));
  root.addEventListener("click", (event) => {
    const line = controls.some(({ element }) => element.contains(event.target)) ? null : open(event);
    if (line !== null) onOpen(line.trial);
  });
  return { root, brush, highlight, isHeld: () => controls.some((control) => control.isHeld()) };
}

/** Faint lines for what is brushed away, then one path a shade, the best drawn last. */
function makePaths() {
  const away = svg("path", { class: "trial-line away" });
  const kinds = ["none", ...Array(SHADES).keys()];
  const shaded = new Map(
    kinds.map((kind) => [kind, svg("path", { class: `trial-line shade-${kind}`, "data-shade": kind })]),
  );
  const draw = (lines, shades, brushes, axes) => {
    const parts = new Map(kinds.map((kind) => [kind, []]));
    const rest = [];
    for (const { trial, path } of lines) {
      if (passes(trial, brushes, axes)) parts.get(shades.get(trial.number) ?? "none").push(path);
      else rest.push(path);
    }
    away.setAttribute("d", rest.join(""));
    for (const [kind, path] of shaded) path.setAttribute("d", parts.get(kind).join(""));
  };
  return { elements: [away, ...shaded.values()], draw };
}

function shadeClass(shades, trial) {
  return `shade-${shades.get(trial.number) ?? "none"}`;
}

function lineOf(trial, columns) {
  const heights = columns.map(({ axis, scale }) => {
    const value = axis.of(trial);
    return value === null ? MISSING : scale.at(value);
  });
  const points = heights.map((y, index) => `${columns[index].x.toFixed(1)},${y.toFixed(1)}`);
  return { trial, heights, path: points.length < 2 ? "" : `M${points.join("L")}` };
}

function drawAxis({ axis, x, scale, gaps }, gap) {
  const room = Math.floor(Math.min(gap, 2 * SIDE) / 6.9);
  const aim = { min: ` ↓`, max: ` ↑` }[axis.direction] ?? "";
  const kind = axis.kind === "log" ? t("log") : "";
  return svg(
    "g",
    { class: "axes" },
    svg("line", { class: "axis-edge", x1: x, x2: x, y1: TOP, y2: BOTTOM }),
    labelled(
      x,
      TOP - 22,
      fitted(axis.label, room - aim.length, { end: true }) + aim,
      "middle",
      axis.label + aim,
      "axis-name",
    ),
    kind === "" ? null : labelled(x, TOP - 9, kind, "middle", null, "aside"),
    scale.ticks.map(({ value, label }) =>
      labelled(x - 7, scale.at(value) + 3.5, fitted(label, Math.max(4, room - 5)), "end", label),
    ),
    gaps ? labelled(x - 7, MISSING + 3.5, t("none"), "end", null, "aside") : null,
  );
}

/** The line under the pointer among those that are not brushed away, or null. */
function nearest(event, root, lines, columns, { shown, axes }) {
  const box = root.getBoundingClientRect();
  const [x, y] = [event.clientX - box.left, event.clientY - box.top];
  const right = columns.findIndex((column) => column.x >= x);
  if (right < 0 || (right === 0 && columns[0].x - x > NEAR)) return null;
  const left = Math.max(0, right - 1);
  const across = right === left ? 0 : (x - columns[left].x) / (columns[right].x - columns[left].x);
  let [best, distance] = [null, NEAR];
  for (const line of lines) {
    const away = Math.abs(line.heights[left] + (line.heights[right] - line.heights[left]) * across - y);
    if (away < distance && passes(line.trial, shown, axes)) [best, distance] = [line, away];
  }
  return best;
}
