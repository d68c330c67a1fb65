// What ran where: one row a slot, one bar a trial, along the time since the sweep began.

import { durationTicks, fitted, labelled } from "./axes.js";
import { svg } from "./dom.js";
import { exactTime, seconds } from "./format.js";
import { t } from "./i18n.js";
import { hideTip, showTip } from "./tip.js";

const ROOM = 480; // pixels that many slots share
const [LOWEST, HIGHEST] = [9, 26];
const TOP = 4;
const LEFT = 64;
const RIGHT = 14;

/**
 * The chart as an SVG of `width`. `bars` are {slot, trial, begun, ended, state} in unix seconds, `ended` null while it
 * runs: such a bar reaches to `now`. `tip(number)` says what a tooltip shows, `onOpen(number)` is called for a click.
 */
export function drawSlots(width, bars, { now, tip, onOpen }) {
  const names = [...new Set(bars.map(({ slot }) => slot))];
  names.sort((one, other) => one.localeCompare(other, undefined, { numeric: true }));
  const row = Math.min(HIGHEST, Math.max(LOWEST, ROOM / names.length));
  const middle = new Map(names.map((name, index) => [name, TOP + (index + 0.5) * row]));
  const whole = bars.map((bar) => ({ ...bar, end: Math.max(bar.begun, bar.ended ?? now) }));
  const low = Math.min(...whole.map(({ begun }) => begun));
  const span = Math.max(1, Math.max(...whole.map(({ end }) => end)) - low);
  const at = (unix) => LEFT + ((unix - low) / span) * (width - LEFT - RIGHT);
  const bottom = TOP + names.length * row + 4;
  const line = (x1, x2, y1, y2) => svg("line", { class: "axis-grid", x1, x2, y1, y2 });
  return svg(
    "svg",
    { class: "drawing", width, height: bottom + 24, role: "img", "aria-label": t("slots over time") },
    names.map((name) => [
      line(LEFT, width - RIGHT, middle.get(name), middle.get(name)),
      labelled(LEFT - 8, middle.get(name) + 4, fitted(name, 9), "end", name),
    ]),
    durationTicks(span, Math.max(2, Math.floor(width / 110))).map(({ value, label }) => [
      line(at(low + value), at(low + value), TOP, bottom),
      labelled(at(low + value), bottom + 15, label, "middle"),
    ]),
    whole.map((bar) => drawBar(bar, { at, middle: middle.get(bar.slot), height: row * 0.72, tip, onOpen })),
  );
}

function drawBar({ trial, begun, end, ended, state }, { at, middle, height, tip, onOpen }) {
  const whole = at(end) - at(begun);
  const width = Math.max(1, whole - (whole > 6 ? 1 : 0.3)); // with a gap to the next
  const name = String(trial);
  const hasRoom = height > 12 && width > 7 * name.length + 6;
  const group = svg(
    "g",
    { class: `bar bar-${state}`, "data-trial": name },
    svg("rect", { x: at(begun), y: middle - height / 2, width, height, rx: width > 8 ? 3 : 0 }),
    hasRoom ? labelled(at(begun) + width / 2, middle + 4, name, "middle", null, "inside") : null,
  );
  const took = `${seconds(end - begun)}${ended === null ? "…" : ""}`;
  group.addEventListener("pointermove", (event) => {
    const [heading, ...lines] = tip(trial);
    showTip(event, [heading, `${exactTime(begun)} · ${took}`, ...lines]);
  });
  group.addEventListener("pointerleave", hideTip);
  group.addEventListener("click", () => onOpen(trial));
  return group;
}
