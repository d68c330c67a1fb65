// The page that lays runs over each other: charts, what differs in their configs, their metrics side by side.

import { address, get } from "./api.js";
import { Charts } from "./charts.js";
import { configDifferences, metricTable, runLabel } from "./compare_tables.js";
import { h, replace, toast } from "./dom.js";
import { value } from "./format.js";
import { t } from "./i18n.js";
import { page } from "./keys.js";
import { Live } from "./live.js";
import { setQuery } from "./location.js";
import { makeTabs } from "./tabs.js";

const AXES = ["step", "time", "relative", "tokens"];
const TOLD_KEYS = 3; // of those that differ, beside a run's name

/** Shows the runs that the address names; returns what ends it. */
export async function show(main, url) {
  const keys = [...new Set((url.searchParams.get("runs") ?? "").split(",").filter(Boolean))];
  document.title = `${t("Compare")} · Windlass`;
  if (keys.length === 0) {
    const text = t("No runs are chosen. Choose some in the table of runs, then press Compare.");
    replace(main, h("section", { class: "card empty" }, h("p", {}, text), h("a", { href: "/" }, t("All runs"))));
    return null;
  }
  const view = new ComparePage(keys, url);
  replace(main, view.element);
  try {
    await view.refresh();
  } catch (problem) {
    view.close();
    throw problem;
  }
  return () => view.close();
}

class ComparePage {
  constructor(keys, url) {
    this.keys = keys;
    this.charts = new Charts(keys, url);
    this.charts.setAxes(AXES);
    this.config = configDifferences();
    this.metrics = metricTable();
    this.chips = h("div", { class: "run-chips" });
    this.report = h("a", { class: "button", download: "comparison.html" }, t("Report (HTML)"));
    this.tabs = makeTabs(
      [
        { name: "charts", title: t("Charts"), panel: this.charts.element },
        { name: "config", title: t("Config"), panel: this.config.element },
        { name: "metrics", title: t("Metrics"), panel: this.metrics.element, onShow: () => this.again() },
      ],
      url.searchParams.get("tab"),
    );
    const head = h("header", { class: "compare-head" }, h("h1", {}, t("Compare")), this.report);
    this.element = h("div", { class: "compare-page" }, head, this.chips, this.tabs.element);
    this.live = new Live(keys, {
      points: (key, cursor) => this.charts.catchUp(key, cursor),
      facts: (key, state) => this.changed(key, state),
      gone: (key) => this.gone(key),
    });
    page([["/", "Find metrics", () => this.charts.focus()]]);
  }

  /** Asks for what is compared, and shows it. Throws Problem. */
  async refresh() {
    this.compared = await get("/api/compare", { runs: this.keys.join(",") });
    this.draw();
    this.charts.setNames(this.compared.runs.map(({ key, name }) => [key, name]));
    this.charts.setMetrics(this.compared.metrics.map(({ name }) => name));
  }

  /** The numbers of runs that go on are those of now whenever the table is shown. */
  async again() {
    if (!this.compared || this.keys.length === 0) return;
    try {
      await this.refresh();
    } catch (problem) {
      toast(problem.message, "error");
    }
  }

  changed(key, state) {
    const run = this.compared?.runs.find((each) => each.key === key);
    if (!run || run.state === state) return;
    run.state = state;
    this.draw();
  }

  draw() {
    const { runs, config } = this.compared;
    const told = config.filter(setsApart).slice(0, TOLD_KEYS);
    replace(
      this.chips,
      runs.map((run, index) =>
        this.chip(
          run,
          told.map(({ key, values }) => `${key.split(".").at(-1)}=${value(values[index])}`),
        ),
      ),
    );
    this.report.href = address("/api/report", { runs: this.keys.join(",") });
    const n = config.filter(({ differs }) => differs).length;
    this.tabs.label("config", n > 0 ? t("Config ({n} differ)", { n }) : t("Config"));
    this.config.show(this.compared);
    this.metrics.show(this.compared);
  }

  /** A run: its colour, which shows or hides it; its name, which leads to it; what sets it apart; a button to remove it. */
  chip(run, told) {
    const [dot, name] = runLabel(run);
    const { hidden } = this.charts.settings;
    const toggle = h(
      "button",
      { type: "button", class: "swatch", title: t("Show or hide"), "aria-label": t("Show or hide {name}", run) },
      dot,
    );
    toggle.addEventListener("click", () => {
      this.charts.toggle(run.key);
      toggle.setAttribute("aria-pressed", !hidden.has(run.key));
    });
    toggle.setAttribute("aria-pressed", !hidden.has(run.key));
    const remove = { type: "button", class: "remove", title: t("Remove"), "aria-label": t("Remove {name}", run) };
    return h(
      "div",
      { class: "card run-chip", "data-run": run.key },
      toggle,
      h("a", { href: `/run/${run.key}` }, name),
      h("span", { class: `chip state-${run.state}` }, t(run.state)),
      told.length > 0 ? h("span", { class: "muted told", title: told.join(", ") }, told.join(", ")) : null,
      this.keys.length > 1 ? h("button", { ...remove, on: { click: () => this.remove(run.key) } }, "×") : null,
    );
  }

  remove(key) {
    const index = this.compared.runs.findIndex((run) => run.key === key);
    const without = (values) => values.filter((_, i) => i !== index);
    const { runs, config, metrics } = this.compared;
    this.keys = this.keys.filter((each) => each !== key);
    setQuery({ runs: this.keys.join(",") });
    this.compared = {
      runs: without(runs),
      config: config
        .map(({ key: name, values }) => differing(name, without(values)))
        .sort((a, b) => b.differs - a.differs),
      metrics: metrics.map(({ name, last, min, max }) => ({
        name,
        last: without(last),
        min: without(min),
        max: without(max),
      })),
    };
    this.draw();
    this.charts.remove(key);
    this.live.leave(key);
  }

  gone(key) {
    const run = this.compared?.runs.find((each) => each.key === key);
    this.charts.series.leave(key);
    this.live.leave(key);
    this.keys = this.keys.filter((each) => each !== key);
    toast(t("{name} was deleted. What was loaded of it is still shown.", { name: run?.name ?? key }));
  }

  close() {
    this.live.close();
    this.charts.close();
    this.config.close();
  }
}

/** Whether a config key says briefly how runs differ: each has it, and it is neither their name nor a class. */
function setsApart({ key, values, differs }) {
  return differs && key !== "run_id" && !/(^|\.)_[^.]*$/.test(key) && values.every((item) => item !== null);
}

function differing(key, values) {
  return { key, values, differs: values.some((item) => JSON.stringify(item) !== JSON.stringify(values[0])) };
}
