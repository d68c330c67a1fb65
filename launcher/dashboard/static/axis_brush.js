// The brush of one axis: drag to make it, drag it to move it, drag an end to change it, double click or Escape to clear it.

import { svg } from "./dom.js";
import { t } from "./i18n.js";

const REACH = 17; // pixels on each side of an axis that belong to it
const WIDTH = 16;
const END = 6; // pixels at an end of a brush that take hold of that end
const LEAST = 4; // a shorter drag is a click

/**
 * The brush of a column {axis, x, scale}. `onChange([low, high] or null, {done})` is called at most once a frame.
 *
 * Returns {element, set(range or null), isHeld()}.
 */
export function axisBrush({ axis, x, scale }, { onChange }) {
  const area = svg("rect", {
    class: "reach",
    x: x - REACH,
    width: 2 * REACH,
    y: scale.to - 4,
    height: scale.from - scale.to + 8,
  });
  const mark = svg("rect", { class: "brush", x: x - WIDTH / 2, width: WIDTH, rx: 3, visibility: "hidden" });
  const element = svg(
    "g",
    {
      class: "axis-brush",
      "data-axis": axis.name,
      tabindex: 0,
      role: "group",
      "aria-label": t("brush of {axis}", { axis: axis.label }),
    },
    [area, mark],
  );
  let range = null;
  let held = null;

  const set = (next) => {
    range = next;
    mark.setAttribute("visibility", range === null ? "hidden" : "visible");
    if (range === null) return;
    const [top, bottom] = pixels(range, scale);
    mark.setAttribute("y", top);
    mark.setAttribute("height", Math.max(2, bottom - top));
  };
  const tell = framed((next, done) => onChange(next, { done }));
  const clear = () => {
    if (range === null) return;
    set(null);
    tell(null, true);
  };

  element.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    held = { ...grip(heightOf(event, element), range, scale), from: heightOf(event, element), moved: false };
    element.setPointerCapture(event.pointerId);
  });
  element.addEventListener("pointermove", (event) => {
    const y = heightOf(event, element);
    if (held === null) {
      element.style.cursor =
        { low: "ns-resize", high: "ns-resize", move: "move" }[grip(y, range, scale).part] ?? "crosshair";
      return;
    }
    held.moved ||= Math.abs(y - held.from) >= LEAST;
    if (!held.moved) return;
    set(dragged(held, y, scale));
    tell(range, false);
  });
  const release = () => {
    if (held === null) return;
    if (held.moved) set(snapped(range, axis, scale));
    held = null;
    tell(range, true);
  };
  element.addEventListener("pointerup", release);
  element.addEventListener("pointercancel", release);
  element.addEventListener("dblclick", clear);
  element.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || range === null) return; // then it clears all brushes
    event.stopPropagation();
    clear();
  });
  return { element, set, isHeld: () => held !== null };
}

function heightOf(event, element) {
  return event.clientY - element.ownerSVGElement.getBoundingClientRect().top;
}

/** The top and bottom pixel of a range; of a choice it reaches half way to its neighbours. */
function pixels([low, high], scale) {
  const half = scale.kind === "choice" && Number.isInteger(low) && Number.isInteger(high) ? 0.4 : 0;
  const within = (value) => Math.min(scale.from, Math.max(scale.to, value));
  const y = (value, open) => (Number.isFinite(value) ? within(scale.at(value)) : open);
  return [y(high + half, scale.to), y(low - half, scale.from)];
}

/** What a press at `y` takes hold of. */
function grip(y, range, scale) {
  if (range === null) return { part: "new" };
  const [top, bottom] = pixels(range, scale);
  if (Math.abs(y - top) <= END) return { part: "high", top, bottom };
  if (Math.abs(y - bottom) <= END) return { part: "low", top, bottom };
  return { part: y > top && y < bottom ? "move" : "new", top, bottom };
}

/** The range once what is held was dragged to `y`. */
function dragged({ part, from, top, bottom }, y, scale) {
  let [one, other] = [from, y];
  if (part === "high") [one, other] = [y, bottom];
  if (part === "low") [one, other] = [top, y];
  if (part === "move") {
    const by = Math.min(scale.from - bottom, Math.max(scale.to - top, y - from));
    [one, other] = [top + by, bottom + by];
  }
  const ends = [one, other].map((pixel) => scale.value(Math.min(scale.from, Math.max(scale.to, pixel))));
  return [Math.min(...ends), Math.max(...ends)];
}

/** What is kept once it is let go: whole choices, five digits, and nothing where no choice is in it. */
function snapped([low, high], { kind }) {
  if (kind !== "choice") return [low, high].map((value) => Number(value.toPrecision(5)));
  return Math.ceil(low) > Math.floor(high) ? null : [Math.ceil(low), Math.floor(high)];
}

/** The last call of each frame; one that is done is not put off. */
function framed(call) {
  let next = null;
  return (range, done) => {
    if (done) {
      next = null;
      call(range, done);
      return;
    }
    if (next === null) requestAnimationFrame(() => next !== null && (call(next, false), (next = null)));
    next = range;
  };
}
