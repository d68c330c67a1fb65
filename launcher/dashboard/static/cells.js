// How one cell of the table looks, by the kind of its column.

import { h } from "./dom.js";
import { exactTime, number, percent, seconds, time, value } from "./format.js";
import { t } from "./i18n.js";

const DRAW = { run, state, progress, duration, time: moment, number: figure, tags, sweep, text };
const RIGHT = new Set(["number", "duration"]);

/** The element of a cell; `row` is the run that it belongs to. */
export function cell(kind, content, row) {
  return DRAW[kind](content, row);
}

/** Whether a column of this kind has its texts on the right. */
export const onTheRight = (kind) => RIGHT.has(kind);

/** A state as a coloured word. */
export function stateChip(name) {
  return h("span", { class: `chip state-${name}` }, t(name));
}

function run(name, row) {
  return h("td", { class: "run", title: name }, h("a", { href: `/run/${row.key}`, tabindex: "-1" }, name));
}

function state(name) {
  return h("td", {}, stateChip(name));
}

function progress(content, row) {
  const { step, num_steps: all } = content ?? {};
  if (typeof step !== "number") return empty();
  if (!all) return h("td", { title: t("{n} steps", { n: number(step) }) }, number(step));
  const share = Math.min(Math.max(step / all, 0), 1);
  const bar = h("span", { class: "meter" }, h("span", { style: { width: `${100 * share}%` } }));
  const shown = {
    class: `progress of-${row.state}`,
    title: t("Step {step} of {all}", { step: number(step), all: number(all) }),
  };
  return h("td", {}, h("span", shown, bar, h("span", { class: "percent" }, percent(Math.floor(100 * share) / 100))));
}

function duration(content) {
  return content === null ? empty("right") : h("td", { class: "right" }, seconds(content));
}

function moment(content) {
  return content === null ? empty() : h("td", { title: exactTime(content) }, time(content));
}

function figure(content) {
  if (content === null) return empty("right");
  const odd = typeof content === "string";
  return h("td", { class: odd ? "right odd" : "right", title: String(content) }, number(content));
}

function tags(content) {
  if (!content?.length) return empty();
  const chips = content.map((tag) => h("span", { class: "chip" }, tag));
  return h("td", { class: "tags", title: content.join(", ") }, chips);
}

function sweep(content, row) {
  if (content === null) return empty();
  const name = row.sweep_key ? h("a", { href: `/sweep/${row.sweep_key}`, tabindex: "-1" }, content) : content;
  return h("td", { title: content }, name);
}

function text(content) {
  const shown = value(content);
  if (content === null || content === "") return empty();
  return h("td", { title: shown }, shown);
}

function empty(side = "") {
  return h("td", { class: `${side} muted` }, "–");
}
