// Values as people read them.

import { language, t } from "./i18n.js";

const UNKNOWN = "–";
const NOT_FINITE = new Set(["NaN", "Infinity", "-Infinity"]);

/** A number with at most 5 digits that matter; NaN and infinities by name (JSON carries them as strings). */
export function number(v) {
  if (v === null || v === undefined) return UNKNOWN;
  if (typeof v === "string" && NOT_FINITE.has(v)) return v.replace("Infinity", "∞");
  if (typeof v !== "number") return String(v);
  if (Number.isNaN(v)) return "NaN";
  if (!Number.isFinite(v)) return v > 0 ? "∞" : "-∞";
  const size = Math.abs(v);
  if (Number.isInteger(v) && size < 1e9) return grouped(v);
  if (size >= 1e6 || (size < 1e-3 && size > 0))
    return v
      .toExponential(3)
      .replace(/\.?0+e/, "e")
      .replace("e+", "e");
  return String(Number(v.toPrecision(5)));
}

/** A duration in its two largest units: 3d 4h, 2h 05m, 3m 20s, 12s, 0.4s. */
export function seconds(s) {
  if (typeof s !== "number" || !Number.isFinite(s)) return number(s);
  if (s < 0) return `-${seconds(-s)}`;
  if (s > 0 && s < 0.0995) return t("{n}ms", { n: Math.max(1, Math.round(s * 1000)) });
  if (s < 9.95) return t("{n}s", { n: Number(s.toFixed(1)) });
  const whole = Math.round(s);
  const [d, h, m] = [Math.floor(whole / 86400), Math.floor(whole / 3600) % 24, Math.floor(whole / 60) % 60];
  if (d) return t("{d}d {h}h", { d, h });
  if (h) return t("{h}h {m}m", { h, m: two(m) });
  if (m) return t("{m}m {s}s", { m, s: two(whole % 60) });
  return t("{n}s", { n: whole });
}

/** A moment in unix seconds, in local time; the year only if it is another one. */
export function time(unix) {
  if (typeof unix !== "number" || !Number.isFinite(unix)) return number(unix);
  const date = new Date(unix * 1000);
  return clock(language(), date.getFullYear() !== new Date().getFullYear()).format(date);
}

/** A moment in unix seconds, to the second. */
export function exactTime(unix) {
  if (typeof unix !== "number" || !Number.isFinite(unix)) return number(unix);
  const date = new Date(unix * 1000);
  const day = [date.getFullYear(), two(date.getMonth() + 1), two(date.getDate())].join("-");
  return `${day} ${[date.getHours(), date.getMinutes(), date.getSeconds()].map(two).join(":")}`;
}

/** Bytes in powers of 1,024. */
export function size(bytes) {
  if (typeof bytes !== "number" || !Number.isFinite(bytes)) return number(bytes);
  const units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];
  const power = Math.min(Math.floor(Math.log2(Math.max(Math.abs(bytes), 1)) / 10), units.length - 1);
  return `${Number((bytes / 1024 ** power).toPrecision(3))} ${units[power]}`;
}

/** A share of 1. */
export function percent(v) {
  return typeof v === "number" && Number.isFinite(v) ? `${Number((100 * v).toFixed(v < 0.1 ? 1 : 0))}%` : number(v);
}

/** Any value of a config or a cell. */
export function value(v) {
  if (typeof v === "number") return number(v);
  if (Array.isArray(v)) return v.map(value).join(", ");
  if (v !== null && typeof v === "object") return JSON.stringify(v);
  return v === null || v === undefined || v === "" ? UNKNOWN : String(v);
}

const clocks = new Map();

function clock(code, year) {
  const name = `${code} ${year}`;
  if (!clocks.has(name)) {
    const parts = { month: "short", day: "numeric", hour: "2-digit", minute: "2-digit", hourCycle: "h23" };
    const locale = code === "zh" ? "zh-CN" : "en-US";
    clocks.set(name, new Intl.DateTimeFormat(locale, year ? { year: "numeric", ...parts } : parts));
  }
  return clocks.get(name);
}

const groupings = new Intl.NumberFormat("en-US");
const grouped = (v) => groupings.format(v);
const two = (n) => String(n).padStart(2, "0");
