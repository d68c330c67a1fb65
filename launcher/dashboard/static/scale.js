// Axes: what the server's numbers are on screen, in a preview and in Plotly alike.

import { t } from "./i18n.js";

export const MARGIN = { l: 52, r: 12, t: 8, b: 28 }; // pixels around a plot, so that a preview is replaced in its place
const UNITS = [
  ["s", 1],
  ["min", 60],
  ["h", 3600],
  ["d", 86400],
];

/**
 * The x axis of a page. `kind` is "step", "time", "relative" or "tokens", `longest` the largest x there is. Returns
 * {title, unit, type, toPlot(x array), fromPlot(value of Plotly's), label(x)}; all x are as the server has them.
 */
export function axisOf(kind, longest) {
  if (kind === "time") return timeAxis();
  if (kind === "relative") return relativeAxis(longest);
  const title = kind === "tokens" ? t("tokens") : t("step");
  return { kind, title, unit: "", type: "linear", toPlot: (x) => x, fromPlot: Number, label: compact };
}

/** Dates: Plotly takes milliseconds, shows local time, and gives that back as text. */
function timeAxis() {
  const two = (n) => String(n).padStart(2, "0");
  return {
    kind: "time",
    title: t("time"),
    unit: "",
    type: "date",
    toPlot: (x) => x.map((value) => value * 1000),
    fromPlot: (value) => (typeof value === "number" ? value : Date.parse(asLocal(value))) / 1000,
    label: (x) => {
      const date = new Date(x * 1000);
      return `${two(date.getHours())}:${two(date.getMinutes())}`;
    },
  };
}

/** "2026-01-31 14:02:07.5" or "2026-01-31" as what Date.parse takes for local time. */
function asLocal(text) {
  return text.includes(" ") ? text.replace(" ", "T") : `${text}T00:00`;
}

function relativeAxis(longest) {
  const [unit, factor] = UNITS.findLast(([, size]) => longest >= 3 * size) ?? UNITS[0];
  return {
    kind: "relative",
    title: t("time since the start ({unit})", { unit }),
    unit,
    type: "linear",
    toPlot: (x) => x.map((value) => value / factor),
    fromPlot: (value) => Number(value) * factor,
    label: (x) => compact(x / factor),
  };
}

/** Round values between two others, about `count` of them. */
export function ticks(low, high, count) {
  const rough = (high - low) / count;
  if (!(rough > 0) || !Number.isFinite(rough)) return [low];
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * [1, 2, 5, 10].find((factor) => rough <= power * factor);
  const first = Math.ceil(low / step);
  return Array.from({ length: Math.floor(high / step) - first + 1 }, (_, index) => (first + index) * step);
}

/** A number as short as an axis needs it: 12k, 0.25, 1e-4. */
export function compact(value) {
  const size = Math.abs(value);
  if (size >= 1e12 || (size > 0 && size < 1e-3)) return value.toExponential(1).replace(".0e", "e").replace("e+", "e");
  const [unit, factor] = [
    ["G", 1e9],
    ["M", 1e6],
    ["k", 1e3],
  ].find(([, each]) => size >= each) ?? ["", 1];
  return `${Number((value / factor).toPrecision(4))}${unit}`;
}
