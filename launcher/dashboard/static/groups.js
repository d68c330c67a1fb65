// Rows that stand for all runs that share a value.

import { stateChip } from "./cells.js";
import { h } from "./dom.js";
import { number } from "./format.js";
import { t } from "./i18n.js";

/** The row of a group: its value, how many runs in which states, its best run. */
export function groupRow(group, span) {
  const open = group.key_rows > 0;
  const states = Object.entries(group.states).map(([name, count]) => {
    const chip = stateChip(name);
    chip.append(` ${count}`);
    return chip;
  });
  const content = h(
    "div",
    { class: "group" },
    h("span", { class: "twist", "aria-hidden": "true" }, open ? "▾" : "▸"),
    h("strong", {}, group.value),
    h("span", { class: "muted" }, t(group.count === 1 ? "{n} run" : "{n} runs", { n: number(group.count) })),
    states,
    best(group.best),
  );
  return h("tr", { class: "group-row", "aria-expanded": String(open) }, h("td", { colspan: span }, content));
}

function best(found) {
  if (!found) return null;
  const text = t("best {metric} {value}", { metric: found.metric, value: number(found.value) });
  return h("a", { class: "muted", href: `/run/${found.key}`, tabindex: "-1" }, text);
}
