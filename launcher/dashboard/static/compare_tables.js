// Runs side by side: what of their configs differs, and their metrics.

import { h } from "./dom.js";
import { number, value } from "./format.js";
import { t } from "./i18n.js";
import { lazyTable } from "./lazy_table.js";
import { colourToken, slotOf } from "./palette.js";

const AGGREGATES = ["last", "min", "max"];

/** A run's name after a dot in its colour. */
export function runLabel({ key, name }) {
  return [
    h("span", { class: "dot", style: { background: colourToken(slotOf(key)) } }),
    h("span", { class: "run-name", title: name }, name),
  ];
}

/** Keys of configs with a value a run. Returns {element, show(compared), close}. */
export function configDifferences() {
  let compared = null;
  let table = null;
  const only = h("input", { type: "checkbox", name: "differing", checked: true, on: { change: () => draw() } });
  const count = h("span", { class: "muted" });
  const place = h("div", { class: "card" });
  const draw = () => {
    table?.close();
    const rows = compared.config.filter(({ differs }) => differs || !only.checked);
    const head = h(
      "tr",
      {},
      h("th", {}, t("Key")),
      compared.runs.map((run) => h("th", {}, runLabel(run))),
    );
    table = lazyTable(head, ({ key, values, differs }) => {
      return h(
        "tr",
        { class: differs ? "differs" : null },
        h("td", { class: "key" }, key),
        values.map((item) => h("td", {}, value(item))),
      );
    });
    place.replaceChildren(
      rows.length > 0 ? table.element : h("p", { class: "muted padded" }, t("Their configs do not differ.")),
    );
    table.show(rows);
    count.textContent = t("{n} of {total} keys differ", {
      n: compared.config.filter(({ differs }) => differs).length,
      total: compared.config.length,
    });
  };
  const show = (next) => {
    compared = next;
    draw();
  };
  const bar = h("div", { class: "config-bar" }, h("label", { class: "check" }, only, t("Only differences")), count);
  return { element: h("div", { class: "config" }, bar, place), show, close: () => table?.close() };
}

/** Metrics with their last, smallest and largest values, a column a run. Returns {element, show(compared)}. */
export function metricTable() {
  const element = h("div", { class: "metric-tables card" });
  const show = ({ runs, metrics }) => {
    const first = h(
      "tr",
      {},
      h("th", { rowspan: 2 }, t("Metric")),
      runs.map((run) => h("th", { colspan: 3 }, runLabel(run))),
    );
    const second = h(
      "tr",
      {},
      runs.map(() => AGGREGATES.map((name) => h("th", { class: `number ${name}` }, t(name)))),
    );
    const body = metrics.map((metric) => {
      const cells = runs.map((_, i) =>
        AGGREGATES.map((name) => h("td", { class: `number ${name}` }, number(metric[name][i]))),
      );
      return h("tr", {}, h("td", { class: "key" }, metric.name), cells);
    });
    element.replaceChildren(h("table", { class: "plain" }, h("thead", {}, first, second), h("tbody", {}, body)));
  };
  return { element, show };
}
