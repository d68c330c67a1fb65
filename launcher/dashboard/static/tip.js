// One small box of text beside the pointer, for all charts that are drawn as SVG.

import { h, replace } from "./dom.js";

let box = null;

/** Show lines of text beside a pointer event; the first is a heading. A line is a string or [name, value]. */
export function showTip(event, [heading, ...lines]) {
  if (box === null || !box.isConnected) document.body.append((box = h("div", { class: "tip", role: "status" })));
  const rows = lines.map((line) =>
    Array.isArray(line)
      ? h("div", { class: "tip-row" }, h("span", {}, line[0]), h("b", {}, line[1]))
      : h("div", {}, line),
  );
  replace(box, h("strong", {}, heading), rows);
  box.hidden = false;
  const { offsetWidth: width, offsetHeight: height } = box;
  const left = event.clientX + 14 + width > window.innerWidth ? event.clientX - 14 - width : event.clientX + 14;
  const top = Math.min(event.clientY + 14, window.innerHeight - height - 8);
  box.style.left = `${Math.max(4, left)}px`;
  box.style.top = `${Math.max(4, top)}px`;
}

/** Take it away. */
export function hideTip() {
  if (box !== null) box.hidden = true;
}
