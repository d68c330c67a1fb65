// One chart: a preview at once, Plotly in its place once it has come.

import { address } from "./api.js";
import { h, replace, toast } from "./dom.js";
import { number } from "./format.js";
import { t } from "./i18n.js";
import { plot, savePng } from "./plot.js";
import { preview } from "./preview.js";

/** A chart of one metric. `view` is the page of charts that it belongs to (charts.js). */
export class Chart {
  constructor(metric, view, { isLarge = false } = {}) {
    this.metric = metric;
    this.view = view;
    this.isLarge = isLarge;
    this.isVisible = isLarge; // one on its own is always seen
    this.isDirty = true;
    this.plot = h("div", { class: "plot" });
    this.last = h("span", { class: "last" });
    this.element = h(
      "figure",
      { class: isLarge ? "chart large" : "card chart", "data-metric": metric },
      h("figcaption", {}, h("span", { class: "name", title: metric }, metric), this.last, this.buttons()),
      this.plot,
    );
  }

  get stage() {
    return this.element.dataset.drawn ?? null;
  }

  /** Whether there is something to do for it now. */
  get isWaiting() {
    return (
      this.isVisible && this.view.has(this.metric) && (this.isDirty || (this.view.Plotly && this.stage !== "plotly"))
    );
  }

  /** Draws what the page shows now: a preview first, and until Plotly is there. */
  async draw() {
    this.isDirty = false;
    const picture = this.view.picture(this.metric);
    this.describe(picture);
    if (!this.view.Plotly || (this.stage === null && !this.isLarge)) {
      replace(this.plot, preview(picture, this.plot.clientWidth, this.plot.clientHeight));
      this.element.dataset.drawn = "preview";
    } else {
      if (this.stage !== "plotly") replace(this.plot);
      await plot(this.view.Plotly, this.plot, picture, { isLarge: this.isLarge });
      if (this.stage !== "plotly") this.listen();
      this.element.dataset.drawn = "plotly";
    }
  }

  close() {
    if (this.stage === "plotly") this.view.Plotly.purge(this.plot);
  }

  /** Zoom and its end are the whole page's. */
  listen() {
    this.plot.on("plotly_relayout", (change) => {
      const [low, high] = change["xaxis.range"] ?? [change["xaxis.range[0]"], change["xaxis.range[1]"]];
      if (low !== undefined) this.view.zoomTo(...[low, high].map((value) => this.view.fromPlot(value)));
    });
    this.plot.on("plotly_doubleclick", () => this.view.zoomTo(null, null));
  }

  describe({ curves }) {
    const value = curves.length === 1 ? curves[0].y.at(-1) : undefined;
    this.last.textContent = value === undefined ? "" : number(value);
    this.last.classList.toggle("problem", value !== undefined && !Number.isFinite(value));
  }

  buttons() {
    const png = () => this.save().catch((error) => toast(error.message, "error"));
    const large = () => this.view.maximise(this.metric);
    const button = (text, label, click) =>
      h("button", { type: "button", title: label, "aria-label": label, on: { click } }, text);
    this.csv = h("a", { href: "#", download: "", title: t("Save as CSV") }, "CSV");
    this.csv.addEventListener("click", () => (this.csv.href = this.csvAddress()));
    return h(
      "span",
      { class: "chart-buttons" },
      button("PNG", t("Save as PNG"), png),
      this.csv,
      this.isLarge ? null : button("⤢", t("Enlarge"), large),
    );
  }

  csvAddress() {
    return address("/api/csv", { runs: this.view.series.keys.join(","), metric: this.metric, x: this.view.settings.x });
  }

  async save() {
    await savePng(this.view.picture(this.metric), this.metric, this.metric.replace(/[^\w.-]+/g, "_"));
  }
}
