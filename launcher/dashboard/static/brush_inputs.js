// Brushes by keyboard: for each axis the least and the greatest value, or the first and the last choice.

import { h, replace } from "./dom.js";
import { t } from "./i18n.js";

/**
 * The fields. `onBrush(brushes)` is called with all brushes once one has changed.
 *
 * Returns {element, update(axes, brushes)}; a field that has the focus is left alone.
 */
export function makeBrushInputs({ onBrush }) {
  const fields = h("div", { class: "ranges" });
  const element = h("details", { class: "ranges-box" }, h("summary", {}, t("Ranges by keyboard")), fields);
  let shown = null;
  let rows = [];
  return {
    element,
    update(axes, brushes) {
      if (axes !== shown) {
        shown = axes;
        rows = axes.map((axis) => makeRow(axis));
        replace(
          fields,
          rows.map((row) => row.element),
        );
      }
      rows.forEach((row) => row.set(brushes.get(row.name) ?? [-Infinity, Infinity]));
    },
  };

  function makeRow(axis) {
    const make = axis.kind === "choice" ? choiceField : numberField;
    const fields = [make(axis, t("at least"), -Infinity), make(axis, t("at most"), Infinity)];
    const changed = () => {
      const next = new Map();
      rows.forEach(({ name, range }) => range().some(Number.isFinite) && next.set(name, range()));
      onBrush(next);
    };
    fields.forEach(({ input }) => input.addEventListener("change", changed));
    const inputs = fields.map(({ input }) => input);
    return {
      name: axis.name,
      element: h(
        "div",
        { class: "range" },
        h("span", { title: axis.label }, axis.label),
        inputs[0],
        h("span", {}, "–"),
        inputs[1],
      ),
      range: () => fields.map(({ value }) => value()),
      set: (range) =>
        fields.forEach((field, index) => field.input !== document.activeElement && field.set(range[index])),
    };
  }
}

function numberField(axis, end, open) {
  const input = h("input", {
    type: "text",
    inputmode: "decimal",
    size: 9,
    placeholder: end,
    "aria-label": `${axis.label} ${end}`,
  });
  const value = () => (input.value.trim() === "" || Number.isNaN(Number(input.value)) ? open : Number(input.value));
  return {
    input,
    value,
    set: (next) => (input.value = Number.isFinite(next) ? String(Number(next.toPrecision(5))) : ""),
  };
}

function choiceField(axis, end, open) {
  const options = axis.choices.map((choice, index) => h("option", { value: String(index) }, choice));
  const input = h("select", { "aria-label": `${axis.label} ${end}` }, h("option", { value: "" }, end), options);
  const value = () => (input.value === "" ? open : Number(input.value));
  return { input, value, set: (next) => (input.value = Number.isFinite(next) ? String(next) : "") };
}
