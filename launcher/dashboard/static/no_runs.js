// What stands in the place of a table without rows.

import { h } from "./dom.js";
import { t } from "./i18n.js";

/** Nothing was found; `facts` is what /api/info says, or null while that is not known. */
export function noRuns(facts) {
  const searched = facts?.searched;
  return h(
    "div",
    { class: "empty" },
    h("h2", {}, searched ? t("No runs were found") : t("Searching for runs…")),
    facts && h("p", {}, t("Looked for {what}.", { what: facts.looked_for })),
    h("p", { class: "muted" }, t("Runs appear here as soon as they start.")),
  );
}

/** There are runs, but the filter lets none through. */
export function noneMatches(filter, clear) {
  return h(
    "div",
    { class: "empty" },
    h("h2", {}, t("No run matches the filter")),
    h("p", {}, h("code", {}, filter)),
    h("button", { class: "button", on: { click: clear } }, t("Clear the filter")),
  );
}
