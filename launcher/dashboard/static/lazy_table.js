// A table of many rows, which are made as one scrolls.

import { h } from "./dom.js";

const ROWS = 200; // made at once

/** A table of `rows`, in parts. `draw(row)` makes one `tr`. Returns {element, show(rows), close}. */
export function lazyTable(head, draw) {
  const body = h("tbody", {});
  const end = h("div", { class: "table-end" });
  const element = h("div", { class: "lazy-table" }, h("table", { class: "plain" }, h("thead", {}, head), body), end);
  let rows = [];
  const more = () => {
    const next = rows.slice(body.childElementCount, body.childElementCount + ROWS);
    body.append(...next.map(draw));
    if (next.length === 0) return;
    sight.unobserve(end); // it is told again whether the end is seen: a screen may hold more than one part
    sight.observe(end);
  };
  const sight = new IntersectionObserver(([{ isIntersecting }]) => isIntersecting && more(), { rootMargin: "400px" });
  const show = (shown) => {
    rows = shown;
    body.replaceChildren();
    more();
  };
  sight.observe(end);
  return { element, show, close: () => sight.disconnect() };
}
