// The table of a sweep's trials: sortable, those that brushes leave, with a choice of some to compare.

import { fitted } from "./axes.js";
import { h, replace } from "./dom.js";
import { finite } from "./sweep_data.js";
import { number, seconds } from "./format.js";
import { t } from "./i18n.js";

const PAGE = 100; // rows that are drawn before somebody asks for more

/** What can be sorted by: {name, label, kind, of(trial), cell(trial)}; `of` gives null where there is nothing to sort by. */
export function trialColumns(axes) {
  const written = ({ of, text, kind, name, label, role, direction }) => ({
    name,
    label: label + ({ min: " ↓", max: " ↑" }[direction] ?? ""),
    kind: kind === "choice" ? "text" : "number",
    role,
    of,
    cell: text,
  });
  return [
    { name: "trial", label: "#", kind: "number", of: (trial) => trial.number, cell: runLink },
    { name: "state", label: t("state"), kind: "text", of: (trial) => trial.state, cell: stateChip },
    ...axes.map(written),
    {
      name: "evaluations",
      label: t("evaluations"),
      kind: "number",
      of: (trial) => trial.reports,
      cell: (trial) => number(trial.reports),
    },
    {
      name: "device_seconds",
      label: t("device time"),
      kind: "number",
      of: (trial) => finite(trial.device_seconds),
      cell: deviceTime,
    },
    {
      name: "reason",
      label: t("reason"),
      kind: "reason",
      of: (trial) => trial.reason || null,
      cell: (trial) => trial.reason ?? "",
    },
  ];
}

const deviceTime = (trial) => (trial.device_seconds > 0 ? seconds(trial.device_seconds) : "");
const stateChip = (trial) => h("span", { class: `chip state-${trial.state}` }, t(trial.state));

function runLink(trial) {
  const name = String(trial.number);
  return trial.key === null ? name : h("a", { href: `/run/${trial.key}`, title: trial.run }, name);
}

/**
 * The table. `onSort(sort)` is called with "name" or "-name" (greatest first), `onPoint(number or null)` when the
 * pointer is at a row, `onCompare(keys)` with the runs that were chosen.
 *
 * Returns {element, update({trials, total, columns, best, sort}), highlight(number or null)}: `trials` are those that
 * are shown, of `total`; `best` is a set of numbers.
 */
export function makeTrials({ onSort, onPoint, onCompare }) {
  const chosen = new Map(); // run key by trial number
  const rows = new Map();
  const count = h("span", { class: "count", role: "status" });
  const compare = h("button", {
    type: "button",
    class: "button",
    disabled: true,
    on: { click: () => onCompare([...chosen.values()]) },
  });
  const head = h("tr");
  const body = h("tbody");
  const more = h("button", { type: "button", class: "button more", hidden: true, on: { click: showMore } });
  const table = h("table", { class: "plain trials" }, h("thead", {}, head), body);
  const bar = h(
    "div",
    { class: "bar-above" },
    h("h2", {}, t("Trials")),
    count,
    h("span", { class: "spacer" }),
    compare,
  );
  const element = h("section", { class: "card trials-card" }, bar, h("div", { class: "trials-scrolled" }, table, more));
  let shown = null;
  let limit = PAGE;

  function update(next) {
    if (shown?.columns !== next.columns) rows.clear();
    shown = next;
    const ordered = sorted(next.trials, next.columns, next.sort);
    replace(count, t("{shown} of {total}", { shown: number(next.trials.length), total: number(next.total) }));
    replace(
      head,
      h("th", { class: "choosing" }),
      next.columns.map((column) => headOf(column, next.sort, onSort)),
    );
    put(ordered.slice(0, limit).map((trial) => rowOf(trial, next)));
    more.hidden = ordered.length <= limit;
    replace(more, t("Show all {n}", { n: ordered.length }));
    showChosen();
  }

  function showMore() {
    limit = Infinity;
    update(shown);
  }

  function put(list) {
    if (list.length === body.children.length && list.every((row, index) => row === body.children[index])) return;
    const focused = document.activeElement;
    replace(body, list);
    if (focused !== document.activeElement && focused.isConnected) focused.focus();
  }

  function rowOf(trial, { columns, best }) {
    const signature = JSON.stringify([trial, best.has(trial.number)]);
    const kept = rows.get(trial.number);
    if (kept?.signature === signature) return kept.row;
    const row = drawRow(trial, columns, best.has(trial.number));
    rows.set(trial.number, { signature, row });
    return row;
  }

  function drawRow(trial, columns, isBest) {
    const label = t("choose trial {number}", { number: trial.number });
    const pick = h("input", {
      type: "checkbox",
      "aria-label": label,
      checked: chosen.has(trial.number),
      disabled: trial.key === null,
    });
    pick.addEventListener("change", () => {
      if (pick.checked) chosen.set(trial.number, trial.key);
      else chosen.delete(trial.number);
      showChosen();
    });
    const star = isBest ? h("span", { class: "star", title: t("best") }, "★") : null;
    const cells = columns.map((column) => {
      const shown = column.cell(trial);
      const title = typeof shown === "string" && column.kind !== "number" ? shown : null;
      return h("td", { class: column.kind, title }, shown, column.name === "trial" ? star : null);
    });
    const on = { pointerenter: () => onPoint(trial.number), pointerleave: () => onPoint(null) };
    return h(
      "tr",
      { class: isBest ? "is-best" : "", "data-trial": trial.number, on },
      h("td", { class: "choosing" }, pick),
      cells,
    );
  }

  function showChosen() {
    compare.disabled = chosen.size < 2;
    replace(compare, chosen.size < 2 ? t("Compare") : t("Compare {n}", { n: chosen.size }));
  }

  const highlight = (number) => rows.forEach(({ row }, each) => row.classList.toggle("pointed", each === number));
  return { element, update, highlight };
}

function headOf({ name, label, kind }, sort, onSort) {
  const direction = sort === name ? "ascending" : sort === `-${name}` ? "descending" : null;
  const next = direction === "ascending" ? `-${name}` : name;
  const arrow = { ascending: "▲", descending: "▼" }[direction] ?? "";
  const button = h(
    "button",
    { type: "button", class: "sort", on: { click: () => onSort(next) } },
    fitted(label, 20, { end: true }),
    h("i", {}, arrow),
  );
  return h("th", { class: kind, "aria-sort": direction, scope: "col", title: label }, button);
}

/** Trials by a column; those without a value come last, whichever the direction. */
function sorted(trials, columns, sort) {
  const name = sort.replace(/^-/, "");
  const column = columns.find((each) => each.name === name) ?? columns[0];
  const sign = sort.startsWith("-") ? -1 : 1;
  const compare = (one, other) => (typeof one === "number" ? one - other : String(one).localeCompare(String(other)));
  const keyed = trials.map((trial) => ({ trial, value: column.of(trial) }));
  keyed.sort((one, other) => {
    if (one.value === null || other.value === null) return (one.value === null) - (other.value === null);
    return sign * compare(one.value, other.value) || one.trial.number - other.trial.number;
  });
  return keyed.map(({ trial }) => trial);
}
