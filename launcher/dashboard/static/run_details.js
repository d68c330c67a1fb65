// What else is known of a run: plan against what was measured, checkpoints, restarts, warnings, how to do it again.

import { address } from "./api.js";
import { h, toast } from "./dom.js";
import { exactTime, number, percent, seconds, size, value } from "./format.js";
import { t } from "./i18n.js";

const COPIED_MS = 1500;
const MEASURED = {
  peak_memory_bytes: ["Peak memory", size],
  samples_per_second: ["Samples per second", number],
  tokens_per_second: ["Tokens per second", number],
  mfu: ["Model FLOPs utilisation", percent],
  device_hours: ["Device-hours", number],
  train_seconds: ["Time in training", seconds],
  wall_seconds: ["Time in all", seconds],
  num_parameters: ["Parameters", number],
};

/** The cards of a run, from what /api/run says. */
export function details(run) {
  return h(
    "div",
    { class: "details" },
    reproduce(run),
    problems(run),
    planned(run),
    list(t("Checkpoints"), [t("Step"), t("Time"), t("Written in"), t("Size"), ""], run.checkpoints, (each) => [
      number(each.step),
      exactTime(each.time),
      seconds(each.seconds),
      size(each.bytes),
      each.kept ? t("kept") : t("deleted since"),
    ]),
    list(t("Restarts"), [t("Attempt"), t("Time"), t("Step")], run.restarts, (each) => [
      number(each.attempt),
      exactTime(each.time),
      number(each.step),
    ]),
    list(t("Warnings"), [t("Time"), t("Message")], run.warnings, (each) => [exactTime(each.time), each.message]),
  );
}

function card(title, ...children) {
  return h("section", { class: "card" }, h("h2", {}, title), children);
}

function reproduce({ key, command, id }) {
  const copy = h("button", { type: "button", class: "button", on: { click: () => copied(copy, command) } }, t("Copy"));
  return card(
    t("Again, and for others"),
    command
      ? h("div", { class: "command" }, h("code", {}, command), copy)
      : h("p", { class: "muted" }, t("How it was started is not known.")),
    h(
      "p",
      { class: "links" },
      h(
        "a",
        { class: "button", href: address("/api/report", { runs: key }), download: `${id}.html` },
        t("Report (HTML)"),
      ),
      h(
        "a",
        { class: "button", href: address("/api/csv", { runs: key, metrics: "*" }), download: `${id}.csv` },
        t("All metrics (CSV)"),
      ),
    ),
  );
}

async function copied(button, text) {
  try {
    await navigator.clipboard.writeText(text);
    button.textContent = t("Copied");
    setTimeout(() => (button.textContent = t("Copy")), COPIED_MS);
  } catch {
    toast(t("The browser does not let this page copy; mark the text instead."), "error");
  }
}

function problems({ problems: found }) {
  if (found.length === 0) return null;
  return card(
    t("Problems with its files"),
    h(
      "ul",
      {},
      found.map((problem) => h("li", { class: "problem" }, problem)),
    ),
  );
}

/** What the plan says about something that was measured stands beside it; the rest of the plan is listed below. */
function planned({ plan, measured }) {
  const known = Object.entries(MEASURED).filter(([name]) => isKnown(measured?.[name]) || isKnown(plan?.[name]));
  const others = Object.entries(plan ?? {}).filter(
    ([name, item]) => !(name in MEASURED) && isKnown(item) && value(item) !== "",
  );
  if (known.length + others.length === 0) return null;
  const rows = known.map(([name, [title, format]]) => [t(title), plan?.[name], measured?.[name], format]);
  return card(
    t("Plan and measurement"),
    h(
      "table",
      { class: "plain" },
      h("thead", {}, h("tr", {}, h("th", {}, ""), h("th", {}, t("Planned")), h("th", {}, t("Measured")))),
      h(
        "tbody",
        {},
        rows.map(([title, plan_, measure, format]) =>
          row(title, ...[plan_, measure].map((v) => (isKnown(v) ? format(v) : ""))),
        ),
        others.map(([name, item]) => row(name.replaceAll("_", " "), planText(item), "")),
      ),
    ),
  );
}

function isKnown(item) {
  return item !== null && item !== undefined && !(Array.isArray(item) && item.length === 0);
}

/** Axes of a mesh and the like: what differs from 1. */
function planText(item) {
  if (typeof item !== "object" || Array.isArray(item)) return value(item);
  const parts = Object.entries(item).filter(([, size_]) => size_ !== 1);
  return parts.map(([name, size_]) => `${name}=${value(size_)}`).join(", ") || "1";
}

function row(...cells) {
  return h(
    "tr",
    {},
    cells.map((cell) => h("td", {}, cell)),
  );
}

function list(title, names, items, draw) {
  if (items.length === 0) return null;
  const head = h(
    "thead",
    {},
    h(
      "tr",
      {},
      names.map((name) => h("th", {}, name)),
    ),
  );
  const body = h(
    "tbody",
    {},
    items.map((item) => row(...draw(item))),
  );
  return card(
    `${title} (${items.length})`,
    h("div", { class: "scrolled" }, h("table", { class: "plain" }, head, body)),
  );
}
