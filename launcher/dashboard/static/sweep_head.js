// The top of a sweep's page: what it is, how far it has come, what it cost.

import { h, replace } from "./dom.js";
import { number, seconds, time } from "./format.js";
import { t } from "./i18n.js";

const ORDER = ["finished", "pruned", "running", "paused", "waiting", "stopped", "lost", "failed"];

/** Draws it for the JSON of a sweep. */
export function drawHead(element, sweep) {
  const aims = Object.entries(sweep.objectives).map(
    ([metric, direction]) => `${metric} ${direction === "max" ? "↑" : "↓"}`,
  );
  const facts = [sweep.algorithm, aims.join(", "), sweep.created ? time(sweep.created) : null].filter(Boolean);
  replace(
    element,
    h(
      "div",
      { class: "sweep-title" },
      h("h1", {}, sweep.id),
      h("span", { class: `chip state-${sweep.state}` }, t(sweep.state)),
      h("span", { class: "muted" }, facts.join(" · ")),
    ),
    sweep.problems.map((problem) => h("p", { class: "problem" }, problem)),
    h("div", { class: "tiles" }, trialsTile(sweep.trials), bestTile(sweep), hourTiles(sweep.hours)),
  );
}

/** Counts of trials by state as one bar, and in words. */
export function stateBar(counts) {
  const states = ORDER.filter((state) => counts[state] > 0);
  const words = states.map((state) => `${counts[state]} ${t(state)}`).join(", ");
  const part = (state) => h("i", { class: `bar-${state}`, style: { "flex-grow": counts[state] } });
  return h("span", { class: "state-bar", title: words, role: "img", "aria-label": words }, states.map(part));
}

function trialsTile(trials) {
  const counts = {};
  for (const { state } of trials) counts[state] = (counts[state] ?? 0) + 1;
  const over = ["finished", "pruned", "failed"].reduce((sum, state) => sum + (counts[state] ?? 0), 0);
  const states = ORDER.filter((state) => counts[state] > 0);
  const legend = states.map((state) => h("span", { class: `bar-${state}` }, h("i"), `${counts[state]} ${t(state)}`));
  const value = over === trials.length ? number(over) : t("{over} of {all}", { over, all: trials.length });
  return tile("trials", t("Trials"), value, stateBar(counts), h("span", { class: "state-legend" }, legend));
}

function bestTile({ best, trials, objectives, front }) {
  const metrics = Object.keys(objectives);
  if (metrics.length > 1)
    return tile("best", t("Pareto front"), t("{n} trials", { n: front.length }), metrics.join(" · "));
  const trial = trials.find((each) => each.number === best[0]);
  if (trial === undefined) return tile("best", t("Best"), "–", metrics[0] ?? "");
  const name = t("trial {number}", { number: trial.number });
  const link = trial.key === null ? name : h("a", { href: `/run/${trial.key}` }, name);
  return tile("best", t("Best"), number(trial.values[metrics[0]]), h("span", {}, metrics[0], " · ", link));
}

function hourTiles({ spent, saved, lost }) {
  const whole = spent + saved;
  const share = (part) => (whole > 0 ? `${Math.round((100 * part) / whole)}%` : "");
  const hours = (name, title, value, why) =>
    tile(name, title, t("{n} h", { n: number(value) }), `${seconds(value * 3600)} · ${why}`);
  const less = saved > 0 ? t("by pruning: {share} less", { share: share(saved) }) : t("by pruning");
  return [
    hours("spent", t("Device-hours spent"), spent, t("on all trials")),
    hours("saved", t("Device-hours saved"), saved, less),
    hours("lost", t("Device-hours lost"), lost, t("to trials that failed")),
  ];
}

function tile(name, title, value, ...below) {
  return h(
    "div",
    { class: "card tile", "data-tile": name },
    h("h3", {}, title),
    h("b", {}, value),
    h("div", { class: "below" }, below),
  );
}
