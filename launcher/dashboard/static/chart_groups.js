// Charts in groups by what their metrics' names begin with; a group can be folded.

import { h } from "./dom.js";
import { t } from "./i18n.js";

export const SYSTEM = "system/";
const FIRST = ["train", "validation", "val", "eval", "test", ""]; // these groups lead, in this order
const SYSTEM_GROUPS = [
  ["gpu", /^(gpu|tpu|npu|trainium)/],
  ["cpu", /cpu/],
  ["memory", /memory|swap/i],
  ["disk", /^disk/],
  ["network", /^network/],
];
const TITLES = {
  "": "Metrics",
  "system/gpu": "System: GPU",
  "system/cpu": "System: CPU",
  "system/memory": "System: memory",
  "system/disk": "System: disk",
  "system/network": "System: network",
  "system/other": "System: other",
};

/** The name of the group that a metric belongs to. */
export function groupOf(metric) {
  if (!metric.startsWith(SYSTEM)) return metric.includes("/") ? metric.slice(0, metric.indexOf("/")) : "";
  const rest = metric.slice(SYSTEM.length);
  return SYSTEM + (SYSTEM_GROUPS.find(([, pattern]) => pattern.test(rest))?.[0] ?? "other");
}

/** What a text in the search box finds: part of a name, or a regular expression; capitals don't matter. */
export function matcher(text) {
  const wanted = text.trim().toLowerCase();
  let pattern = null;
  try {
    pattern = new RegExp(wanted, "i");
  } catch {
    // half a regular expression, as it is while one types
  }
  return (metric) => metric.toLowerCase().includes(wanted) || (pattern?.test(metric) ?? false);
}

/** The groups of a page: they take charts, order them, fold, and hide what a search does not find. */
export class Groups {
  constructor({ closed, onFold }) {
    this.element = h("div", { class: "chart-groups" });
    this.empty = h("p", { class: "muted", hidden: true });
    this.closed = closed; // names of those that are folded
    this.onFold = onFold;
    this.groups = new Map(); // name -> {section, grid, count}
    this.charts = [];
  }

  /** Adds charts, each at its place. */
  add(charts) {
    this.charts = [...this.charts, ...charts].sort((a, b) => compareMetrics(a.metric, b.metric));
    const names = [...new Set(this.charts.map(({ metric }) => groupOf(metric)))].sort(compareGroups);
    for (const name of names) if (!this.groups.has(name)) this.groups.set(name, this.make(name));
    for (const [name, { grid }] of this.groups)
      insert(
        grid,
        this.of(name).map(({ element }) => element),
      );
    insert(this.element, [this.empty, ...names.map((name) => this.groups.get(name).section)]);
  }

  /** Shows only charts whose metric the text finds. */
  filter(text) {
    const isFound = matcher(text);
    for (const chart of this.charts) chart.element.hidden = !isFound(chart.metric);
    for (const [name, { section, count }] of this.groups) {
      const found = this.of(name).filter(({ element }) => !element.hidden).length;
      section.hidden = found === 0;
      count.textContent = found;
    }
    this.empty.hidden = this.charts.length === 0 || this.charts.some(({ element }) => !element.hidden);
    this.empty.textContent = t("No metric is called “{text}”.", { text });
  }

  of(name) {
    return this.charts.filter(({ metric }) => groupOf(metric) === name);
  }

  make(name) {
    const grid = h("div", { class: "grid-charts", hidden: this.closed.has(name) });
    const count = h("span", { class: "muted" });
    const title = Object.hasOwn(TITLES, name) ? t(TITLES[name]) : name;
    const fold = h("button", { type: "button", class: "fold", "aria-expanded": !this.closed.has(name) }, title, count);
    fold.addEventListener("click", () => {
      grid.hidden = !grid.hidden;
      fold.setAttribute("aria-expanded", !grid.hidden);
      this.closed[grid.hidden ? "add" : "delete"](name);
      this.onFold();
    });
    fold.setAttribute("aria-expanded", !grid.hidden);
    return {
      section: h("section", { class: "chart-group", "data-group": name }, h("h2", {}, fold), grid),
      grid,
      count,
    };
  }
}

/** Makes these the children without moving those that stand right: a chart that moves would lose its place in view. */
function insert(parent, children) {
  children.forEach((child, index) => {
    if (parent.children[index] !== child) parent.insertBefore(child, parent.children[index] ?? null);
  });
}

const natural = new Intl.Collator("en", { numeric: true }).compare;

function compareGroups(a, b) {
  return rank(a) - rank(b) || natural(a, b);
}

function rank(name) {
  if (name.startsWith(SYSTEM)) return 200 + SYSTEM_GROUPS.findIndex(([each]) => name === SYSTEM + each);
  const place = FIRST.indexOf(name);
  return place < 0 ? 100 : place;
}

function compareMetrics(a, b) {
  const isLoss = (name) => /(^|\/)loss$/.test(name);
  return isLoss(b) - isLoss(a) || natural(a, b);
}
