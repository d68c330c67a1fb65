// Scales, ticks and axes of the charts that are drawn as SVG, without a library.

import { svg } from "./dom.js";
import { seconds } from "./format.js";
import { t } from "./i18n.js";

const TICK_GAP = 40; // pixels
const DURATIONS = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400];

/** A number as short as a tick needs it: 0.003, 1e-5, 12000. */
export function short(value) {
  const size = Math.abs(value);
  if (size !== 0 && (size < 1e-3 || size >= 1e5))
    return Number(value.toPrecision(3)).toExponential().replace("e+", "e");
  return String(Number(value.toPrecision(4)));
}

/** A text that fits `chars` characters; of a dotted name the end says most, so its beginning goes. */
export function fitted(text, chars, { end = false } = {}) {
  if (text.length <= chars) return text;
  const kept = Math.max(1, chars - 1);
  return end ? "…" + text.slice(-kept) : text.slice(0, kept) + "…";
}

/**
 * A scale for a dimension (see sweep_data.js) over numbers, from pixel `from` to pixel `to`.
 * Kind "duration" is of seconds from 0 on. `at(value)` gives the pixel, `value(pixel)` the way back, `ticks` what to write beside it.
 */
export function makeScale({ kind, choices = [] }, numbers, from, to, { count = 5 } = {}) {
  if (kind === "choice") {
    const ticks = choices.map((choice, index) => ({ value: index, label: choice }));
    return { kind, ...along(-0.5, choices.length - 0.5, from, to), ticks };
  }
  let low = Infinity;
  let high = -Infinity;
  for (const number of numbers) {
    low = Math.min(low, number);
    high = Math.max(high, number);
  }
  if (low > high) return { kind: "linear", ...along(0, 1, from, to), ticks: [] };
  if (kind === "duration")
    return { kind, ...along(0, Math.max(1, high), from, to), ticks: durationTicks(Math.max(1, high), count) };
  if (kind === "log" && low > 0) return atChoices(logarithmic(low, high, from, to, count), choices);
  const margin = (high - low) * 0.04 || Math.abs(low) * 0.05 || 0.5;
  const scale = along(low - margin, high + margin, from, to);
  return atChoices({ kind: "linear", ...scale, ticks: linearTicks(scale.low, scale.high, count) }, choices);
}

/** The scale with its ticks at the few numbers that could be chosen, where they stand far enough from each other. */
function atChoices(scale, choices) {
  const values = [...choices].sort((a, b) => a - b).filter((value) => value >= scale.low && value <= scale.high);
  const places = values.map(scale.at);
  const fits = places.every((place, index) => index === 0 || Math.abs(place - places[index - 1]) >= TICK_GAP);
  if (values.length === 0 || !fits) return scale;
  return { ...scale, ticks: values.map((value) => ({ value, label: short(value) })) };
}

function along(low, high, from, to) {
  return {
    low,
    high,
    from,
    to,
    at: (value) => from + ((value - low) / (high - low)) * (to - from),
    value: (pixel) => low + ((pixel - from) / (to - from)) * (high - low),
  };
}

function logarithmic(low, high, from, to, count) {
  const margin = (Math.log10(high) - Math.log10(low)) * 0.04 || 0.1;
  const inner = along(Math.log10(low) - margin, Math.log10(high) + margin, from, to);
  const scale = {
    low: 10 ** inner.low,
    high: 10 ** inner.high,
    from,
    to,
    at: (value) => inner.at(Math.log10(value)),
    value: (pixel) => 10 ** inner.value(pixel),
  };
  return { kind: "log", ...scale, ticks: logTicks(scale.low, scale.high, count) };
}

function linearTicks(low, high, count) {
  const rough = (high - low) / count;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * [1, 2, 5, 10].find((factor) => rough <= power * factor * 1.0001);
  const ticks = [];
  for (let index = Math.ceil(low / step); index * step <= high; index++) {
    ticks.push({ value: index * step, label: short(Number((index * step).toPrecision(10))) });
  }
  return ticks;
}

function logTicks(low, high, count) {
  const first = Math.floor(Math.log10(low));
  const last = Math.ceil(Math.log10(high));
  const ticksOf = (factors, every) => {
    const ticks = [];
    for (let power = first; power <= last; power += every) {
      for (const factor of factors) {
        const value = Number((factor * 10 ** power).toPrecision(6));
        if (value >= low && value <= high) ticks.push({ value, label: short(value) });
      }
    }
    return ticks;
  };
  if (last - first > count + 1) return ticksOf([1], Math.ceil((last - first) / count));
  const forms = [[1], [1, 3], [1, 2, 5]].map((factors) => ticksOf(factors, 1));
  return forms.find((ticks) => ticks.length >= 3) ?? linearTicks(low, high, count);
}

/** At most about `most` ticks from 0 to `span` seconds. */
export function durationTicks(span, most) {
  const step = DURATIONS.find((unit) => span / unit <= most) ?? 86400 * Math.ceil(span / 86400 / most);
  const numTicks = Math.floor(span / step) + 1;
  return Array.from({ length: numTicks }, (_, index) => ({ value: index * step, label: durationLabel(index * step) }));
}

function durationLabel(span) {
  if (span >= 86400 && span % 86400 === 0) return t("{n}d", { n: span / 86400 });
  if (span >= 3600 && span % 3600 === 0) return t("{n}h", { n: span / 3600 });
  return span >= 60 && span < 3600 && span % 60 === 0 ? t("{n}m", { n: span / 60 }) : seconds(span);
}

/** The frame of a chart with two axes: grid, ticks, names. `x` and `y` are scales. */
export function frame(x, y, { xName, yName }) {
  const [left, right] = [x.from, x.to];
  const [bottom, top] = [y.from, y.to];
  const wide = x.kind === "choice" ? Math.abs(x.to - x.from) / x.ticks.length / 6.5 : 10;
  return svg(
    "g",
    { class: "axes" },
    y.ticks.map(({ value }) =>
      svg("line", { class: "axis-grid", x1: left, x2: right, y1: y.at(value), y2: y.at(value) }),
    ),
    x.ticks.map(({ value }) =>
      svg("line", { class: "axis-grid", x1: x.at(value), x2: x.at(value), y1: top, y2: bottom }),
    ),
    svg("line", { class: "axis-edge", x1: left, x2: right, y1: bottom, y2: bottom }),
    y.ticks.map(({ value, label }) => labelled(left - 6, y.at(value) + 3.5, fitted(label, 8), "end", label)),
    x.ticks.map(({ value, label }) =>
      labelled(x.at(value), bottom + 15, fitted(label, Math.max(3, wide)), "middle", label),
    ),
    labelled(right, bottom + 31, xName, "end", null, "axis-name"),
    labelled(left - 44, top - 9, yName, "start", null, "axis-name"),
  );
}

/** A text; `whole`, where it differs, is shown when the pointer rests on it. */
export function labelled(x, y, text, anchor, whole = null, kind = "tick") {
  const title = whole !== null && whole !== text ? svg("title", {}, whole) : null;
  return svg("text", { class: kind, x, y, "text-anchor": anchor }, text, title);
}

/** Calls `draw(width)` now that `host` has a width, and whenever that changes; returns how to end it. */
export function onWidth(host, draw) {
  let width = 0;
  const observer = new ResizeObserver(([entry]) => {
    const now = Math.round(entry.contentRect.width);
    if (now > 0 && now !== width) draw((width = now));
  });
  observer.observe(host);
  return () => observer.disconnect();
}
