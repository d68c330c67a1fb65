// A flat config as a table that one can search; ten thousand keys are fine.

import { h } from "./dom.js";
import { value } from "./format.js";
import { t } from "./i18n.js";
import { lazyTable } from "./lazy_table.js";

/** A flat config, {key: value}. Returns {element, show(config), close}. */
export function configTable() {
  let entries = [];
  const count = h("span", { class: "muted" });
  const search = h("input", {
    type: "search",
    name: "config",
    "aria-label": t("Search keys and values"),
    placeholder: t("Search keys and values"),
  });
  const head = h("tr", {}, h("th", {}, t("Key")), h("th", {}, t("Value")));
  const table = lazyTable(head, ([key, item]) => h("tr", {}, h("td", { class: "key" }, key), h("td", {}, value(item))));
  const find = () => {
    const wanted = search.value.trim().toLowerCase();
    const found = entries.filter(([key, item]) => `${key} ${value(item)}`.toLowerCase().includes(wanted));
    count.textContent = t("{n} of {total}", { n: found.length, total: entries.length });
    table.show(found);
  };
  search.addEventListener("input", find);
  const show = (config) => {
    const next = Object.entries(config).sort(([a], [b]) => (a < b ? -1 : 1));
    if (JSON.stringify(next) === JSON.stringify(entries)) return;
    entries = next;
    find();
  };
  const element = h(
    "div",
    { class: "config" },
    h("div", { class: "config-bar" }, search, count),
    h("div", { class: "card" }, table.element),
  );
  return { element, show, close: table.close };
}
