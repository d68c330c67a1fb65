// The box that filters the table; the server reads what is typed and says what is wrong with it.

import { h, replace } from "./dom.js";
import { t } from "./i18n.js";
import { openUnder } from "./popover.js";
import { suggest } from "./suggest.js";

const DEBOUNCE_MS = 200;
const EXAMPLES = [
  ["state=running", "runs that are running"],
  ["lr<1e-3 and state=finished", "a config key by its last part, and a column"],
  ["optimizer.lr>=0.01 or model=cnn", "either of two"],
  ["validation/loss<0.5", "the last value of a metric"],
  ["min:validation/loss<0.3", "its smallest value; max: the largest"],
  ["tags~baseline and not (host=node1)", "contains; not; parentheses"],
  ['name="my run"', "quotes around spaces"],
  ["baseline", "a word alone: in name, id or tags"],
];

/**
 * The box with its help and its error line. `changed(text)` is called when one stops typing; `names()` gives what a
 * filter can name.
 */
export function filterBox(text, { changed, names }) {
  let waiting = null;
  const tell = () => {
    clearTimeout(waiting);
    changed(input.value.trim());
  };
  const input = h("input", {
    type: "search",
    id: "filter",
    value: text,
    spellcheck: "false",
    autocomplete: "off",
    placeholder: t("Filter, for example lr<1e-3 and state=running"),
    "aria-label": t("Filter"),
    "aria-describedby": "filter-error",
    on: {
      input: () => {
        clearTimeout(waiting);
        waiting = setTimeout(tell, DEBOUNCE_MS);
      },
      keydown: ({ key }) => {
        if (key === "Enter") tell();
        if (key === "Enter" || key === "Escape") input.blur();
      },
    },
  });
  const use = (example) => {
    input.value = example;
    input.focus();
    tell();
  };
  const open = () => openUnder(help, t("Filter examples"), (close) => examples(use, close));
  const help = h(
    "button",
    {
      class: "button quiet",
      id: "filter-help",
      "aria-haspopup": "dialog",
      "aria-label": t("Filter examples"),
      on: { click: open },
    },
    "?",
  );
  const error = h("p", { id: "filter-error", class: "problem", role: "alert", hidden: true });
  return {
    element: h(
      "div",
      { class: "filter" },
      h("div", { class: "filter-field" }, input, suggest(input, names, tell), help),
      error,
    ),
    focus: () => input.select(),
    set: use,
    /** Shows what is wrong, or nothing. */
    complain(message) {
      error.hidden = message === null;
      replace(error, message);
      input.setAttribute("aria-invalid", String(message !== null));
    },
  };
}

function examples(use, close) {
  const row = ([example, meaning]) => {
    const click = () => {
      close();
      use(example);
    };
    return [
      h("dt", {}, h("button", { class: "example", on: { click } }, h("code", {}, example))),
      h("dd", {}, t(meaning)),
    ];
  };
  return h(
    "div",
    { class: "examples" },
    h("h3", {}, t("Filter examples")),
    h("dl", {}, EXAMPLES.map(row)),
    h("p", { class: "muted" }, t("Names: columns, config keys, metrics. Signs: = != < <= > >= ~ (contains).")),
  );
}
