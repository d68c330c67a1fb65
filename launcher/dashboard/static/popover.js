// A panel that opens under a button and closes with a click elsewhere or Escape.

import { h } from "./dom.js";

const GAP = 6;

/** Opens a panel under `button` with what `fill(close)` gives; the button gets the focus back. */
export function openUnder(button, name, fill) {
  const panel = h("div", { class: "popover", popover: "auto", role: "dialog", "aria-label": name });
  const close = () => panel.hidePopover();
  panel.append(fill(close));
  panel.addEventListener("toggle", ({ newState }) => {
    if (newState !== "closed") return;
    panel.remove();
    button.setAttribute("aria-expanded", "false");
  });
  button.after(panel); // the focus goes on from the button into the panel
  panel.showPopover();
  button.setAttribute("aria-expanded", "true");
  const { left, bottom } = button.getBoundingClientRect();
  panel.style.left = `${Math.max(Math.min(left, innerWidth - panel.offsetWidth - GAP), GAP)}px`;
  panel.style.top = `${bottom + GAP}px`;
  panel.style.maxHeight = `${innerHeight - bottom - 3 * GAP}px`;
  panel.querySelector("input, button")?.focus();
  return close;
}
