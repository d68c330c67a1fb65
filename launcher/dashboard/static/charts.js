// A page of charts: all metrics of one run, or of several laid over each other.
//
// One request brings the lines; those on screen are drawn as previews at once, then Plotly is loaded and takes their
// place, chart after chart, with a breath for the page in between. What is out of sight costs nothing.

import { Chart } from "./chart.js";
import { enlarged } from "./chart_dialog.js";
import { Groups, SYSTEM } from "./chart_groups.js";
import { asQuery, readSettings, settingsBar } from "./chart_settings.js";
import { h, replace, toast } from "./dom.js";
import { Drawing } from "./drawing.js";
import { t } from "./i18n.js";
import { setQuery } from "./location.js";
import { assign, slotOf } from "./palette.js";
import { axisOf } from "./scale.js";
import { Series } from "./series.js";

const AHEAD = "300px"; // charts that near to the screen are drawn already
const TYPED_MS = 150; // a slider that moves, a zoom that goes on: ask once it rests

/** The charts of runs, whose settings are those of the address. It starts to load at once. */
export class Charts {
  constructor(keys, url) {
    this.settings = readSettings(url.searchParams);
    this.names = new Map(); // run key -> name
    this.charts = new Map(); // metric -> Chart
    this.large = null;
    this.known = null; // the x axis
    this.timers = {};
    assign(keys);
    this.series = new Series(keys, this.settings, {
      onChange: (metrics, { live }) => this.changed(metrics, live),
      onProblem: (problem) => this.sorry(problem),
    });
    this.bar = settingsBar(this.settings, (what) => this.set(what));
    this.groups = new Groups({ closed: this.settings.closed, onFold: () => this.remember() });
    this.notice = h("p", { class: "muted", role: "status" }, t("Loading…"));
    this.element = h("div", { class: "charts" }, this.bar.element, this.notice, this.groups.element);
    this.sight = new IntersectionObserver((entries) => this.seen(entries), { rootMargin: AHEAD });
    this.drawing = new Drawing(this.element, () => this.all());
    this.listening = new AbortController();
    document.addEventListener("theme", () => this.redraw(), this.listening);
  }

  /** Names for people, once they are known. */
  setNames(names) {
    this.names = new Map(names);
    this.redraw((chart) => chart.stage === "plotly"); // previews have none
  }

  /** All metrics that there are: those of the system get charts that load once they are seen. */
  setMetrics(names) {
    this.make(names.filter((name) => name.startsWith(SYSTEM)));
  }

  setAxes(names) {
    this.bar.setAxes(names);
  }

  /** Shows a run in all charts, or does not. */
  toggle(key) {
    const { hidden } = this.settings;
    hidden[hidden.has(key) ? "delete" : "add"](key);
    this.remember();
    this.redraw();
  }

  /** Takes a run out. */
  remove(key) {
    this.series.leave(key);
    for (const lines of [this.series.metrics, this.series.detail ?? new Map()])
      for (const runs of lines.values()) runs.delete(key);
    this.redraw();
  }

  /** Puts the cursor into the search box. */
  focus() {
    this.bar.focus();
  }

  catchUp(key, cursor) {
    return this.series.catchUp(key, cursor);
  }

  close() {
    this.sight.disconnect();
    this.listening.abort();
    this.drawing.close();
    Object.values(this.timers).forEach(clearTimeout);
    this.large?.dialog.remove();
    this.large?.close();
    this.large = null;
    this.series.close();
    for (const chart of this.charts.values()) chart.close();
    this.charts.clear();
  }

  // What a chart asks its page

  get Plotly() {
    return this.drawing.Plotly;
  }

  has(metric) {
    return this.series.metrics.has(metric);
  }

  /** What is to be seen of a metric: curves, restarts, axis, range; all x as the server has them. */
  picture(metric) {
    const { settings, series } = this;
    const lines = [...series.lines(metric)].filter(([key]) => !settings.hidden.has(key));
    const curves = lines.map(([key, line]) => ({ name: this.names.get(key) ?? key, slot: slotOf(key), ...line }));
    const restarts = lines.flatMap(([key]) => series.restarts[key] ?? []).filter(({ x }) => Number.isFinite(x));
    const logx = this.isLogX();
    const range = settings.low === null || (logx && settings.low <= 0) ? null : [settings.low, settings.high];
    return { curves, restarts, axis: this.axis(), logx, logy: settings.logy, range };
  }

  fromPlot(value) {
    return this.axis().fromPlot(this.isLogX() ? 10 ** value : value);
  }

  zoomTo(low, high) {
    Object.assign(this.settings, { low, high });
    this.bar.update();
    this.set("zoom");
  }

  /** Shows one chart as large as the window. */
  maximise(metric) {
    this.settings.chart = metric;
    this.remember();
    this.large = enlarged(metric, this, () => {
      this.large = this.settings.chart = null;
      this.remember();
    });
    this.want([metric]);
    this.drawing.draw();
  }

  // What happens

  /** A setting changed: some ask for other points, the rest is drawn anew. */
  set(what) {
    this.later("remember", () => this.remember(), TYPED_MS);
    if (what === "search") this.groups.filter(this.settings.search);
    else if (what === "smooth") this.later("load", () => this.series.load(), TYPED_MS);
    else if (what === "x") {
      this.settings.low = this.settings.high = null;
      this.bar.update();
      this.series.load();
    } else {
      if (what === "zoom") this.later("zoom", () => this.series.zoom(), TYPED_MS);
      this.redraw();
    }
  }

  changed(metrics, live) {
    const before = this.axis().title;
    this.known = null;
    this.make(this.series.names());
    this.notice.hidden = this.charts.size > 0;
    this.notice.textContent = t("Nothing was logged yet.");
    const isChanged = (chart) => metrics === null || before !== this.axis().title || metrics.includes(chart.metric);
    for (const chart of this.all()) if (isChanged(chart)) chart.isDirty = true;
    if (live) this.drawing.drawLive();
    else this.drawing.draw();
  }

  sorry(problem) {
    if (this.charts.size > 0) toast(problem.message, "error");
    else replace(this.notice, problem.message);
  }

  seen(entries) {
    for (const { target, isIntersecting } of entries) this.charts.get(target.dataset.metric).isVisible = isIntersecting;
    this.want(this.all().flatMap(({ isVisible, metric }) => (isVisible ? metric : [])));
    this.drawing.draw();
  }

  /** Metrics of the system are loaded, all together, when the first of them is to be seen. */
  want(metrics) {
    const isOfSystem = (name) => name.startsWith(SYSTEM);
    if (metrics.some(isOfSystem)) this.series.want([...this.charts.keys()].filter(isOfSystem));
  }

  make(metrics) {
    const missing = metrics.filter((name) => !this.charts.has(name)).map((name) => new Chart(name, this));
    if (missing.length === 0) return;
    for (const chart of missing) this.charts.set(chart.metric, chart);
    this.groups.add(missing);
    this.groups.filter(this.settings.search);
    for (const chart of missing) this.sight.observe(chart.element);
    if (this.settings.chart !== null && !this.large && this.charts.has(this.settings.chart))
      this.maximise(this.settings.chart);
  }

  redraw(isMeant = () => true) {
    for (const chart of this.all().filter(isMeant)) chart.isDirty = true;
    this.drawing.draw();
  }

  all() {
    return [...(this.large ? [this.large] : []), ...this.charts.values()];
  }

  axis() {
    this.known ??= axisOf(this.series.x, this.series.longest());
    return this.known;
  }

  /** Dates have no logarithm. */
  isLogX() {
    return this.settings.logx && this.axis().type !== "date";
  }

  remember() {
    setQuery(asQuery(this.settings));
  }

  later(name, act, delay) {
    clearTimeout(this.timers[name]);
    this.timers[name] = setTimeout(act, delay);
  }
}
