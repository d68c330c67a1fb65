// A chart of points over two dimensions, with a line through some of them: scatter, Pareto front, best so far.

import { frame, makeScale } from "./axes.js";
import { svg } from "./dom.js";
import { hideTip, showTip } from "./tip.js";

const HEIGHT = 260;
const MARGIN = { left: 60, right: 14, top: 26, bottom: 40 };
const RADIUS = 3.5;
const NEAR = 16; // pixels from the pointer within which a point counts as meant

/**
 * The chart as an SVG of `width`.
 *
 * `x` and `y` are {label, kind, choices}; `points` are {x, y, class, tip, onOpen} with numbers; `path` is a list of
 * [x, y] to be joined, by steps (first along x) if `steps`.
 */
export function drawPoints(width, { x, y, points, path = [], steps = false, label }) {
  const xs = scaleOf(
    x,
    [...points.map((point) => point.x), ...path.map((each) => each[0])],
    [MARGIN.left, width - MARGIN.right],
  );
  const ys = scaleOf(
    y,
    [...points.map((point) => point.y), ...path.map((each) => each[1])],
    [HEIGHT - MARGIN.bottom, MARGIN.top],
  );
  const placed = points.map((point) => ({ point, left: xs.at(point.x), top: ys.at(point.y) }));
  const marked = svg("circle", { class: "point-marked", r: RADIUS + 3, visibility: "hidden" });
  const root = svg(
    "svg",
    { class: "drawing", width, height: HEIGHT, role: "img", "aria-label": label },
    frame(xs, ys, { xName: x.label, yName: y.label }),
    path.length > 1
      ? svg("path", {
          class: "joined",
          d: joined(
            path.map((each) => [xs.at(each[0]), ys.at(each[1])]),
            steps,
          ),
        })
      : null,
    placed.map(({ point, left, top }) =>
      svg("circle", { class: `point ${point.class}`, cx: left.toFixed(1), cy: top.toFixed(1), r: RADIUS }),
    ),
    marked,
  );
  const meant = (event) => nearest(event, root, placed);
  root.addEventListener("pointermove", (event) => {
    const found = meant(event);
    marked.setAttribute("visibility", found === null ? "hidden" : "visible");
    root.style.cursor = found?.point.onOpen ? "pointer" : "";
    if (found === null) return hideTip();
    marked.setAttribute("cx", found.left);
    marked.setAttribute("cy", found.top);
    showTip(event, found.point.tip());
  });
  root.addEventListener("pointerleave", () => (marked.setAttribute("visibility", "hidden"), hideTip()));
  root.addEventListener("click", (event) => meant(event)?.point.onOpen?.());
  return root;
}

function scaleOf(dimension, numbers, [from, to]) {
  return makeScale(dimension, numbers, from, to, { count: Math.max(3, Math.round(Math.abs(to - from) / 45)) });
}

function joined(points, steps) {
  return points.map(([x, y], index) => (index === 0 ? `M${x},${y}` : steps ? `H${x}V${y}` : `L${x},${y}`)).join("");
}

function nearest(event, root, placed) {
  const box = root.getBoundingClientRect();
  let [best, distance] = [null, NEAR];
  for (const each of placed) {
    const away = Math.hypot(each.left - (event.clientX - box.left), each.top - (event.clientY - box.top));
    if (away < distance) [best, distance] = [each, away];
  }
  return best;
}
