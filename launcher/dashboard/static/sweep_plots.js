// The charts of a sweep beside the parallel coordinates: best so far, scatter, Pareto front, importance, slots.

import { onWidth } from "./axes.js";
import { h, replace } from "./dom.js";
import { percent } from "./format.js";
import { t } from "./i18n.js";
import { drawPoints } from "./points.js";
import { drawSlots } from "./slots.js";
import { describeTrial, finite } from "./sweep_data.js";
import { hideTip } from "./tip.js";

/**
 * All charts of a sweep. `onSelect({x, y, first, second})` is called with the one that changed; `onOpen(trial)` for a
 * click on a trial.
 *
 * Returns {element, update(state), close}: state is {sweep, dimensions, axes, shades, passing, selects} with `passing`
 * the set of the numbers that brushes leave and `selects` the names of what the scatter and the front show.
 */
export function makeCharts({ onSelect, onOpen }) {
  const cards = [
    bestCard(onOpen),
    scatterCard(onSelect, onOpen),
    frontCard(onSelect, onOpen),
    importanceCard(),
    slotsCard(onOpen),
  ];
  return {
    element: h(
      "div",
      { class: "sweep-charts" },
      cards.map(({ element }) => element),
    ),
    update: (state) => cards.forEach((card) => card.update(state)),
    close: () => (cards.forEach(({ close }) => close()), hideTip()),
  };
}

/** A card with a chart; `draw(state, width)` gives the chart, or a string that says why there is none. */
function makeCard(title, draw, { name, controls = null, adapt = null }) {
  const body = h("div", { class: "plot-body" });
  let state = null;
  let width = 0;
  const redraw = () => {
    if (state === null || width === 0) return;
    const drawn = draw(state, width);
    replace(body, typeof drawn === "string" ? h("p", { class: "muted nothing" }, drawn) : drawn);
  };
  const close = onWidth(body, (now) => ((width = now), redraw()));
  const heading = h("div", { class: "plot-head" }, h("h2", {}, title), h("span", { class: "spacer" }), controls);
  const element = h("section", { class: "card sweep-plot", "data-plot": name }, heading, body);
  const update = (next) => {
    state = next;
    adapt?.(next, element);
    redraw();
  };
  return { element, update, close };
}

function bestCard(onOpen) {
  const draw = ({ sweep, shades, passing, axes }, width) => {
    const [metric] = Object.keys(sweep.objectives);
    const y = axes.find(({ name }) => name === metric);
    if (y === undefined) return t("The sweep does not say what it compares by.");
    const over = sweep.trials.filter((trial) => trial.ended > 0 && y.of(trial) !== null);
    if (over.length === 0) return t("No trial has ended yet.");
    const begun = Math.min(...sweep.trials.filter((trial) => trial.begun > 0).map((trial) => trial.begun));
    const last = Math.max(...over.map((trial) => trial.ended)) - begun;
    const path = sweep.best_so_far
      .map(([, time, value]) => [time - begun, finite(value)])
      .filter(([, value]) => value !== null);
    if (path.length > 0) path.push([last, path.at(-1)[1]]);
    const points = over.map((trial) => ({
      ...pointOf(trial, axes, { shades, passing, onOpen }),
      x: trial.ended - begun,
      y: y.of(trial),
    }));
    const x = { label: t("time since the sweep began"), kind: "duration" };
    return drawPoints(width, { x, y, points, path, steps: true, label: t("best so far") });
  };
  return makeCard(t("Best so far"), draw, { name: "best" });
}

function scatterCard(onSelect, onOpen) {
  const draw = ({ sweep, dimensions, shades, passing, axes, selects }, width) => {
    const [x, y] = [selects.x, selects.y].map((name) => dimensions.find((each) => each.name === name));
    const points = pointsOver(sweep.trials, x, y, (trial) => pointOf(trial, axes, { shades, passing, onOpen }));
    if (points.length === 0) return t("No trial has both values yet.");
    return drawPoints(width, { x, y, points, label: t("{y} against {x}", { x: x.label, y: y.label }) });
  };
  const [y, x] = [
    makeSelect(t("vertical"), (name) => onSelect({ y: name })),
    makeSelect(t("horizontal"), (name) => onSelect({ x: name })),
  ];
  const adapt = ({ dimensions, selects }) => {
    x.update(dimensions, selects.x);
    y.update(
      dimensions.filter(({ role }) => role !== "parameter"),
      selects.y,
    );
  };
  const controls = [y.element, h("span", { class: "muted" }, t("against")), x.element];
  return makeCard(t("Scatter"), draw, { name: "scatter", controls, adapt });
}

function frontCard(onSelect, onOpen) {
  const draw = ({ sweep, dimensions, shades, passing, axes, selects }, width) => {
    const [x, y] = [selects.first, selects.second].map((name) => dimensions.find((each) => each.name === name));
    if (y === undefined) return "";
    const onFront = new Set(sweep.front);
    const points = pointsOver(sweep.trials, x, y, (trial) => {
      const point = pointOf(trial, axes, { shades, passing, onOpen });
      return onFront.has(trial.number) ? { ...point, class: `${point.class} on-front` } : point;
    });
    if (points.length === 0) return t("No trial has both values yet.");
    points.sort((one, other) => one.x - other.x);
    const path = points.filter((point) => point.class.includes("on-front")).map((point) => [point.x, point.y]);
    return drawPoints(width, { x, y, points, path, label: t("Pareto front") });
  };
  const [second, first] = [
    makeSelect(t("vertical"), (name) => onSelect({ second: name })),
    makeSelect(t("horizontal"), (name) => onSelect({ first: name })),
  ];
  const controls = h("span", {}, second.element, h("span", { class: "muted" }, t("against")), first.element);
  const adapt = ({ dimensions, selects }, element) => {
    const objectives = dimensions.filter(({ direction }) => direction !== null);
    element.hidden = objectives.length < 2;
    controls.hidden = objectives.length < 3;
    first.update(objectives, selects.first);
    second.update(objectives, selects.second);
  };
  return makeCard(t("Pareto front"), draw, { name: "front", controls, adapt });
}

function importanceCard() {
  const draw = ({ sweep }) => {
    const shares = Object.entries(sweep.importance);
    if (shares.length === 0 && !sweep.importance_is_final) return t("Being worked out…");
    if (shares.length === 0)
      return t("Importance needs at least four finished trials with different values, and Optuna.");
    const most = Math.max(...shares.map(([, share]) => share), 1e-9);
    return h(
      "div",
      { class: "importance" },
      shares.map(([name, share]) => importanceRow(name, share, most)),
    );
  };
  return makeCard(t("Importance"), draw, { name: "importance" });
}

function importanceRow(name, share, most) {
  const bar = h(
    "span",
    { class: "share" },
    h("span", { class: "share-bar", style: { width: `${(100 * share) / most}%` } }),
  );
  return h(
    "div",
    { title: name },
    h("span", { class: "share-name" }, name),
    h("span", { class: "share-value" }, percent(share)),
    bar,
  );
}

function slotsCard(onOpen) {
  const draw = ({ sweep, axes }, width) => {
    if (sweep.slots.length === 0) return t("No trial has started yet.");
    const trials = new Map(sweep.trials.map((trial) => [trial.number, trial]));
    const tip = (number) => describeTrial(trials.get(number), axes);
    return drawSlots(width, sweep.slots, {
      now: Date.now() / 1000,
      tip,
      onOpen: (number) => onOpen(trials.get(number)),
    });
  };
  return makeCard(t("Slots over time"), draw, { name: "slots" });
}

function pointOf(trial, axes, { shades, passing, onOpen }) {
  const away = passing.has(trial.number) ? "" : " away";
  return {
    class: `shade-${shades.get(trial.number) ?? "none"}${away}`,
    tip: () => describeTrial(trial, axes),
    onOpen: () => onOpen(trial),
  };
}

function pointsOver(trials, x, y, describe) {
  const placed = trials.map((trial) => ({ trial, x: x.of(trial), y: y.of(trial) }));
  const known = placed.filter((each) => each.x !== null && each.y !== null);
  return known.map((each) => ({ ...describe(each.trial), x: each.x, y: each.y }));
}

const ROLES = { parameter: "Parameters", metric: "Metrics", trial: "Trial" };

/** A select of dimensions by role. Its options are made anew only when they change: an open list stays open. */
export function makeSelect(label, onChange) {
  const element = h("select", { "aria-label": label, on: { change: () => onChange(element.value) } });
  let names = "";
  const update = (dimensions, chosen) => {
    const next = dimensions.map(({ name }) => name).join("\n");
    if (next !== names) {
      names = next;
      const groups = Object.entries(ROLES).map(([role, title]) => [
        title,
        dimensions.filter((each) => each.role === role),
      ]);
      const option = ({ name, label: text }) => h("option", { value: name }, text);
      const used = groups.filter(([, members]) => members.length > 0);
      const filled = used.map(([title, members]) => h("optgroup", { label: t(title) }, members.map(option)));
      replace(element, filled);
    }
    element.value = chosen;
  };
  return { element, update };
}
