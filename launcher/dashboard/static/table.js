// The table of runs: headings that sort, rows that can be selected and walked through, groups that open.

import { cell, onTheRight } from "./cells.js";
import { label } from "./columns.js";
import { h, replace } from "./dom.js";
import { groupRow } from "./groups.js";
import { t } from "./i18n.js";
import { Scroller } from "./scroller.js";

const WIDTHS = {
  run: 180,
  state: 106,
  progress: 132,
  duration: 88,
  time: 112,
  number: 96,
  tags: 150,
  sweep: 130,
  text: 130,
};
const SELECT_WIDTH = 36;
const HEADING_ROOM = 34; // padding and the arrow
const HEAD_HEIGHT = 34;

/**
 * `on` is told what happens: sort(name), select(keys), toggle(group), want(from, to) for rows to fetch,
 * open(row). `element` is what to put into the page.
 */
export class Table {
  #on;
  #head = h("thead");
  #body = h("tbody");
  #columns = h("colgroup");
  #table = h(
    "table",
    { role: "grid", tabindex: "0", "aria-multiselectable": "true" },
    this.#columns,
    this.#head,
    this.#body,
  );
  #scroller;
  #rows = null;
  #heading = "";
  #selected = new Set();
  #active = -1;
  #anchor = -1;

  constructor(on) {
    this.#on = on;
    this.element = h("div", { class: "table-view" }, this.#table);
    this.#table.setAttribute("aria-label", t("Runs"));
    const make = (item, index) => this.#make(item, index);
    this.#scroller = new Scroller(this.element, this.#body, { make, want: on.want });
    this.#body.addEventListener("click", (event) => this.#click(event));
    this.#table.addEventListener("focus", () => this.#active < 0 && this.#activate(this.#scroller.range()[0]));
  }

  /** The places in sight. */
  range() {
    return this.#scroller.range();
  }

  /** Shows these rows, sorted by `sort` ("name" or "-name"), with these keys selected. */
  show(rows, { sort, selected }) {
    this.#rows = rows;
    this.#selected = new Set(selected);
    this.#scroller.source = rows;
    this.#drawHead(sort);
    this.#table.setAttribute("aria-rowcount", rows.length + 1);
    this.#active = Math.min(this.#active, rows.length - 1);
    this.#scroller.draw();
    this.#markAll();
  }

  /** Back to the first row: another list is shown now. */
  toTop() {
    this.element.scrollTop = 0;
    this.#active = this.#anchor = -1;
  }

  /** Ends what watches its size. */
  close() {
    this.#scroller.close();
  }

  /** Walks by so many rows; with `extend` those walked over are selected. */
  move(by, { extend = false } = {}) {
    if (!this.#rows?.length) return;
    const before = this.#active;
    const from = before < 0 ? this.#scroller.range()[0] - Math.sign(by) : before;
    const to = Math.min(Math.max(from + by, 0), this.#rows.length - 1);
    if (extend && before >= 0) this.#selectRange(before, to);
    this.#activate(to);
  }

  /** Opens the run, or the group, that one has walked to. */
  open() {
    const item = this.#item(this.#active);
    if (item?.heading) this.#on.toggle(item.heading);
    else if (item) this.#on.open(item);
  }

  /** Selects the run that one has walked to, or no longer; with `extend` all from the last one that was selected. */
  select({ extend = false } = {}) {
    if (this.#item(this.#active)) this.#choose(this.#active, extend);
  }

  #item(index) {
    return index < 0 ? null : this.#rows.at(index);
  }

  #drawHead(sort) {
    const { columns, groups } = this.#rows;
    const heading = JSON.stringify([columns, sort, Boolean(groups)]);
    if (heading === this.#heading) return;
    this.#heading = heading;
    this.#scroller.forget();
    const widths = columns.map(({ name, kind }) => Math.max(WIDTHS[kind], textWidth(label(name)) + HEADING_ROOM));
    const col = (width) => h("col", { style: { width: `${width}px` } });
    replace(this.#columns, col(SELECT_WIDTH), widths.map(col));
    this.#table.style.minWidth = `${widths.reduce((sum, width) => sum + width, SELECT_WIDTH)}px`;
    const selectHead = h("th", { class: "pick", scope: "col" }, h("span", { class: "unseen" }, t("Selected")));
    replace(
      this.#head,
      h(
        "tr",
        { "aria-rowindex": 1 },
        selectHead,
        columns.map((column) => this.#headCell(column, sort)),
      ),
    );
  }

  #headCell({ name, kind }, sort) {
    const [sorted, down] = [sort.replace(/^-/, "") === name, sort.startsWith("-")];
    const order = sorted ? (down ? "descending" : "ascending") : "none";
    const next = sorted ? (down ? name : `-${name}`) : onTheRight(kind) || kind === "time" ? `-${name}` : name;
    const arrow = h("span", { class: "arrow", "aria-hidden": "true" }, sorted ? (down ? "↓" : "↑") : "");
    const words = h("span", {}, label(name));
    const button = h("button", { type: "button", title: name, on: { click: () => this.#on.sort(next) } }, words, arrow);
    const place = onTheRight(kind) ? "right" : kind === "run" ? "run" : null;
    return h("th", { class: place, scope: "col", "aria-sort": order }, button);
  }

  #make(item, index) {
    const span = this.#rows.columns.length + 1;
    if (item === null) return h("tr", { class: "waiting" }, h("td", { colspan: span }, h("span")));
    const element = item.heading ? groupRow(item.heading, span) : this.#runRow(item);
    this.#mark(element, item, index);
    return element;
  }

  #runRow(row) {
    const name = row.cells[0] ?? row.key;
    const box = h("input", {
      type: "checkbox",
      tabindex: "-1",
      "aria-label": t("Select {name}", { name: String(name) }),
    });
    const cells = this.#rows.columns.map(({ kind }, i) => cell(kind, row.cells[i], row));
    return h("tr", { id: `row-${row.key}`, "data-key": row.key }, h("td", { class: "pick" }, box), cells);
  }

  #mark(element, item, index) {
    element.classList.toggle("active", index === this.#active);
    if (!item || item.heading) return;
    const selected = this.#selected.has(item.key);
    element.setAttribute("aria-selected", selected);
    element.querySelector(".pick input").checked = selected;
  }

  #markAll() {
    for (const element of this.#body.querySelectorAll("tr:not(.gap)")) {
      const index = Number(element.dataset.index);
      this.#mark(element, this.#rows.at(index), index);
    }
    const active = this.#body.querySelector("tr.active");
    if (active?.id) this.#table.setAttribute("aria-activedescendant", active.id);
    else this.#table.removeAttribute("aria-activedescendant");
  }

  #activate(index) {
    this.#active = index;
    this.#scroller.reveal(index, HEAD_HEIGHT);
    this.#scroller.draw();
    this.#markAll();
  }

  #click(event) {
    const element = event.target.closest("tr[data-index]");
    const index = Number(element?.dataset.index);
    const item = element ? this.#rows.at(index) : null;
    if (!item) return;
    this.#active = index;
    if (event.target.closest("a")) return;
    if (item.heading) this.#on.toggle(item.heading);
    else if (event.target.closest(".pick")) this.#choose(index, event.shiftKey);
    else if (event.shiftKey) this.#choose(index, true);
    this.#markAll();
  }

  #choose(index, extend) {
    if (extend && this.#anchor >= 0) return this.#selectRange(this.#anchor, index);
    this.#anchor = index;
    const item = this.#item(index);
    if (item.heading) return undefined;
    if (!this.#selected.delete(item.key)) this.#selected.add(item.key);
    return this.#selectionChanged();
  }

  #selectRange(one, other) {
    for (let index = Math.min(one, other); index <= Math.max(one, other); index++) {
      const item = this.#rows.at(index);
      if (item && !item.heading) this.#selected.add(item.key);
    }
    this.#anchor = other;
    this.#selectionChanged();
  }

  #selectionChanged() {
    this.#markAll();
    this.#on.select([...this.#selected]);
  }
}

const brush = document.createElement("canvas").getContext("2d");

/** How wide a heading is, in pixels, so that none is cut off. */
function textWidth(text) {
  brush.font = `550 12px ${getComputedStyle(document.documentElement).getPropertyValue("--sans")}`;
  return Math.ceil(brush.measureText(text).width);
}
