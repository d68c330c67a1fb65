// What the pages of a sweep draw, from the JSON of /api/sweep/KEY: trials seen along dimensions.
//
// A dimension is {name, label, role, kind, choices, direction, of(trial), text(trial)}: role is "parameter", "metric" or
// "trial"; kind "linear", "log" or "choice"; direction "min", "max" or null; `of` gives a number (of a choice its
// index) or null where the trial has none.

import { number, seconds } from "./format.js";
import { t } from "./i18n.js";

const WIDE = 50; // a metric whose largest value is that many times its smallest is read best on a logarithmic axis

/** A finite number, or null: NaN and infinity travel as strings. */
export function finite(raw) {
  if (raw === null || raw === undefined || raw === "" || typeof raw === "boolean") return null;
  const value = Number(raw);
  return Number.isFinite(value) ? value : null;
}

/** All dimensions of a sweep: its parameters, every metric that a trial has (objectives first), and what each trial has. */
export function dimensionsOf(sweep) {
  const metrics = new Set(Object.keys(sweep.objectives));
  for (const trial of sweep.trials) Object.keys(trial.values).forEach((name) => metrics.add(name));
  return [
    ...sweep.parameters.map((parameter) => parameterDimension(parameter, sweep.trials)),
    ...[...metrics].map((name) => metricDimension(name, sweep)),
    trialDimension("trial", t("trial number"), (trial) => trial.number, String),
    trialDimension("evaluations", t("evaluations"), (trial) => trial.reports, String),
    trialDimension("device_seconds", t("device time"), (trial) => finite(trial.device_seconds), seconds),
  ];
}

function parameterDimension({ name, kind, choices }, trials) {
  const raw = (trial) => trial.parameters[name] ?? null;
  const common = { name, label: name, role: "parameter", direction: null };
  if (kind !== "choice") {
    const text = (trial) => (finite(raw(trial)) === null ? String(raw(trial) ?? "") : number(finite(raw(trial))));
    const numbers = (choices ?? []).map(finite).filter((choice) => choice !== null);
    const scale = kind === "log" ? "log" : "linear";
    return { ...common, kind: scale, choices: numbers, of: (trial) => finite(raw(trial)), text };
  }
  const used = trials.map(raw).filter((value) => value !== null);
  const all = [...new Set([...(choices ?? []), ...used].map(String))];
  const index = new Map(all.map((choice, position) => [choice, position]));
  const text = (trial) => String(raw(trial) ?? "");
  return { ...common, kind: "choice", choices: all, of: (trial) => index.get(text(trial)) ?? null, text };
}

function metricDimension(name, { objectives, trials }) {
  const of = (trial) => finite(trial.values[name]);
  const seen = trials.map(of).filter((value) => value !== null);
  const wide = Math.min(...seen) > 0 && Math.max(...seen) > WIDE * Math.min(...seen);
  const text = (trial) => (name in trial.values ? number(of(trial) ?? trial.values[name]) : "");
  const kind = wide ? "log" : "linear";
  return { name, label: name, role: "metric", kind, choices: [], direction: objectives[name] ?? null, of, text };
}

function trialDimension(name, label, of, words) {
  const text = (trial) => (of(trial) === null ? "" : words(of(trial)));
  return { name, label, role: "trial", kind: "linear", choices: [], direction: null, of, text };
}

/** The axes of the parallel coordinates: parameters, then objectives. */
export function axesOf(dimensions) {
  return dimensions.filter(({ role, direction }) => role === "parameter" || direction !== null);
}

export const SHADES = 9;

/** The shade of each trial by number, 0 (worst) to SHADES - 1 (best) by rank in an objective; absent where it has no value.
 *  Ranks, not values: one trial that diverged would take all of the colours from the others. */
export function shadesOf(trials, { of, direction }) {
  const sign = direction === "max" ? 1 : -1;
  const known = trials.filter((trial) => of(trial) !== null);
  known.sort((one, other) => sign * (of(one) - of(other)));
  const last = Math.max(1, known.length - 1);
  return new Map(known.map((trial, rank) => [trial.number, Math.round((rank / last) * (SHADES - 1))]));
}

/** What a tooltip says of a trial: a heading, then [name, value] pairs. */
export function describeTrial(trial, dimensions) {
  const lines = dimensions.map(({ label, text }) => [label, text(trial)]).filter(([, value]) => value !== "");
  return [`${t("trial {number}", { number: trial.number })} · ${t(trial.state)}`, ...lines];
}
