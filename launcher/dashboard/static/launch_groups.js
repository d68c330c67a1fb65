// What can be chosen from: the groups of the config and their options.

import { h, replace } from "./dom.js";
import { t } from "./i18n.js";

/** The card; `onChoose(group, option)` is called for a click on an option. Returns {element}. */
export function makeGroups(groups, onChoose) {
  const list = h("div", { class: "option-groups" });
  const search = h("input", {
    type: "search",
    placeholder: t("search"),
    "aria-label": t("Search groups and options"),
    on: { input: draw },
  });

  function draw() {
    const sought = search.value.trim().toLowerCase();
    const found = Object.entries(groups).map(([group, options]) => {
      const all = group.toLowerCase().includes(sought);
      return [group, options.filter((option) => all || option.toLowerCase().includes(sought))];
    });
    const filled = found.filter(([, options]) => options.length > 0);
    replace(
      list,
      filled.length > 0
        ? filled.map(([group, options]) => rowOf(group, options))
        : h("p", { class: "muted" }, t("Nothing found.")),
    );
  }

  function rowOf(group, options) {
    const button = (option) => {
      const title = `${group}=${option}`;
      return h(
        "button",
        { type: "button", class: "chip option", title, on: { click: () => onChoose(group, option) } },
        option,
      );
    };
    return [h("code", {}, group), h("div", { class: "options" }, options.map(button))];
  }

  draw();
  const head = h(
    "div",
    { class: "plot-head" },
    h("h2", {}, t("Options")),
    h("span", { class: "muted hint" }, t("click one to add it")),
    h("span", { class: "spacer" }),
    search,
  );
  return { element: h("section", { class: "card" }, head, list) };
}
