// The page of one sweep. What is brushed, coloured, sorted and drawn against what is in its address.

import { get, live } from "./api.js";
import { makeBrushInputs } from "./brush_inputs.js";
import { passes, readBrushes, writeBrushes } from "./brushes.js";
import { h, replace, toast } from "./dom.js";
import { t } from "./i18n.js";
import { page } from "./keys.js";
import { navigate, setQuery } from "./location.js";
import { makeParcoords } from "./parcoords.js";
import { axesOf, dimensionsOf, SHADES, shadesOf } from "./sweep_data.js";
import { drawHead } from "./sweep_head.js";
import { makeCharts, makeSelect } from "./sweep_plots.js";
import { makeTrials, trialColumns } from "./trials.js";

const AGAIN_MS = 1000;

/** Shows the sweep that the address names; returns how to leave it. */
export async function show(main, url) {
  const key = url.pathname.split("/").at(-1);
  const view = makeView(url, await get(`/api/sweep/${key}`));
  document.title = `${view.name()} · Windlass`;
  replace(main, view.element);
  page([["Escape", "Clear all brushes", view.clear]]);
  const refresh = throttled(async () => view.take(await get(`/api/sweep/${key}`)));
  const close = live(
    { sweep: key },
    {
      hello: refresh.ask, // what changed before it was connected
      sweep: refresh.ask,
      gone: () => toast(t("This sweep was deleted."), "error"),
    },
  );
  return () => (close(), refresh.close(), view.close());
}

/** Everything on the page, for what the server says of the sweep now (`take` shows what it says later). */
function makeView(url, first) {
  let sweep = first;
  let data = read(sweep);
  let brushes = readBrushes(url.searchParams.getAll("brush"), data.axes);
  let selects = Object.fromEntries(
    ["colour", "sort", "x", "y", "first", "second"].map((name) => [name, url.searchParams.get(name)]),
  );

  const open = (trial) => trial.key !== null && navigate(`/run/${trial.key}`);
  const select = (change) => {
    selects = { ...selects, ...change };
    setQuery(change);
    draw();
  };
  const brush = (next, { done = true } = {}) => {
    brushes = next;
    if (done) setQuery({ brush: writeBrushes(brushes) });
    if (done) draw();
    else drawFiltered();
  };
  const clear = () => brush(new Map());
  const point = (number) => (parcoords.highlight(number), trials.highlight(number));

  const parcoords = makeParcoords({
    onBrush: brush,
    onOpen: open,
    onPoint: (trial) => trials.highlight(trial?.number ?? null),
  });
  const inputs = makeBrushInputs({ onBrush: brush });
  const colour = makeSelect(t("colour"), (name) => select({ colour: name }));
  const trials = makeTrials({
    onSort: (sort) => select({ sort }),
    onPoint: point,
    onCompare: (keys) => navigate(`/compare?runs=${keys.join(",")}`),
  });
  const charts = makeCharts({ onSelect: select, onOpen: open });
  const head = h("header", { class: "sweep-head" });
  const cleared = h("button", { type: "button", class: "button", on: { click: clear } }, t("Clear brushes"));
  const card = coordinatesCard({ colour, cleared, parcoords, inputs });

  function drawFiltered() {
    const chosen = choose(selects, data);
    const passing = sweep.trials.filter((trial) => passes(trial, brushes, data.axes));
    const best = new Set([...sweep.best, ...sweep.front]);
    trials.update({ trials: passing, total: sweep.trials.length, columns: data.columns, best, sort: chosen.sort });
    cleared.disabled = brushes.size === 0;
    return { chosen, passing: new Set(passing.map(({ number }) => number)) };
  }

  function draw() {
    const { chosen, passing } = drawFiltered();
    const { dimensions, axes } = data;
    const shades = data.shades(chosen.colour);
    const objectives = axes.filter(({ direction }) => direction !== null);
    drawHead(head, sweep);
    card.querySelector(".colouring").hidden = objectives.length === 0;
    colour.update(objectives, chosen.colour);
    parcoords.update({ trials: sweep.trials, axes, shades, brushes });
    inputs.update(axes, brushes);
    charts.update({ sweep, dimensions, axes, shades, passing, selects: chosen });
  }

  draw();
  return {
    element: h("div", { class: "sweep-page" }, head, card, trials.element, charts.element),
    name: () => sweep.id,
    clear,
    take(next) {
      if (JSON.stringify(next) === JSON.stringify(sweep)) return;
      sweep = next;
      data = read(sweep);
      draw();
    },
    close: () => (parcoords.close(), charts.close()),
  };
}

function coordinatesCard({ colour, cleared, parcoords, inputs }) {
  const ramp = h(
    "span",
    { class: "ramp", "aria-hidden": "true" },
    [...Array(SHADES).keys()].map((shade) => h("i", { class: `shade-${shade}` })),
  );
  const legend = h(
    "span",
    { class: "legend muted", title: t("by rank among the trials") },
    t("worst"),
    ramp,
    t("best"),
  );
  const head = h(
    "div",
    { class: "plot-head" },
    h("h2", {}, t("Parallel coordinates")),
    h("span", { class: "muted hint" }, t("drag on an axis to filter, double click to clear")),
    h("span", { class: "spacer" }),
    h("label", { class: "colouring" }, legend, h("span", { class: "muted" }, t("colour")), colour.element),
    cleared,
  );
  return h("section", { class: "card coordinates" }, head, parcoords.element, inputs.element);
}

/** What follows from the JSON alone. */
function read(sweep) {
  const dimensions = dimensionsOf(sweep);
  const axes = axesOf(dimensions);
  const known = new Map();
  const shades = (name) => {
    const axis = axes.find((each) => each.name === name);
    if (!known.has(name)) known.set(name, axis === undefined ? new Map() : shadesOf(sweep.trials, axis));
    return known.get(name);
  };
  return { dimensions, axes, columns: trialColumns(axes), shades };
}

/** What is chosen, with what stands for each that is not, or that is no more. */
function choose(selects, { dimensions, axes, columns }) {
  const objectives = axes.filter(({ direction }) => direction !== null).map(({ name }) => name);
  const parameters = axes.filter(({ role }) => role === "parameter").map(({ name }) => name);
  const all = dimensions.map(({ name }) => name);
  const [metric, other] = objectives;
  const among = (name, names, otherwise) => (names.includes(name) ? name : otherwise);
  const bestFirst = axes.some(({ name, direction }) => name === metric && direction === "max") ? `-${metric}` : metric;
  const sortable = columns.flatMap(({ name }) => [name, `-${name}`]);
  return {
    colour: among(selects.colour, objectives, metric),
    sort: among(selects.sort, sortable, bestFirst ?? "trial"),
    x: among(selects.x, all, parameters[0] ?? "trial"),
    y: among(selects.y, all, metric ?? "device_seconds"),
    first: among(selects.first, objectives, metric),
    second: among(selects.second, objectives, other),
  };
}

/** Calls `act` at most once in AGAIN_MS, and once more after if it was asked for meanwhile. */
function throttled(act) {
  let timer = null;
  let asked = false;
  const ask = async () => {
    asked = true;
    if (timer !== null) return;
    asked = false;
    timer = setTimeout(() => ((timer = null), asked && ask()), AGAIN_MS);
    try {
      await act();
    } catch (problem) {
      toast(problem.message, "error");
    }
  };
  return { ask, close: () => ((asked = false), clearTimeout(timer)) };
}
