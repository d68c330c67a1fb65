// Tabs of a page; which one is shown stands in the address.

import { h } from "./dom.js";
import { setQuery } from "./location.js";

/**
 * Tabs over panels. `tabs` is [{name, title, panel, onShow}]; the first is shown unless `chosen` names another. Returns
 * {element, label(name, text)}, where `label` changes what stands on a tab.
 */
export function makeTabs(tabs, chosen) {
  const step = ({ key, target }) => {
    const by = { ArrowRight: 1, ArrowLeft: -1 }[key];
    if (by === undefined) return;
    const next = buttons[(buttons.indexOf(target) + by + buttons.length) % buttons.length];
    next.focus();
    next.click();
  };
  const buttons = tabs.map(({ name, title }) => {
    const label = { type: "button", role: "tab", id: `tab-${name}`, "aria-controls": `panel-${name}` };
    return h("button", { ...label, on: { click: () => show(name), keydown: step } }, title);
  });
  const panels = tabs.map(({ name, panel }) => {
    return h("div", { role: "tabpanel", id: `panel-${name}`, "aria-labelledby": `tab-${name}` }, panel);
  });
  const show = (chosenName) => {
    tabs.forEach(({ name, onShow }, index) => {
      const isShown = name === chosenName;
      buttons[index].setAttribute("aria-selected", isShown);
      buttons[index].tabIndex = isShown ? 0 : -1;
      panels[index].hidden = !isShown;
      if (isShown) onShow?.();
    });
    setQuery({ tab: chosenName === tabs[0].name ? null : chosenName });
  };
  const first = tabs.find(({ name }) => name === chosen) ?? tabs[0];
  show(first.name);
  const label = (name, text) => (buttons[tabs.findIndex((tab) => tab.name === name)].textContent = text);
  return { element: h("div", { class: "tabs" }, h("div", { role: "tablist" }, buttons), panels), label };
}
