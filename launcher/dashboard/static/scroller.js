// A table body of any length of which only the rows in sight are in the page.

import { h } from "./dom.js";

export const ROW_HEIGHT = 32;
const OVERSCAN = 12;
const AHEAD = 100;

/**
 * Draws the rows in sight into `body`, between two empty rows that stand for all others. `view` scrolls; `source` has
 * `length` and `at(index)`; `make(item, index)` gives the element of an item, which is kept while the item is the same
 * object; `want(from, to)` is told which places will be looked at soon.
 */
export class Scroller {
  #view;
  #body;
  #above = h("tr", { class: "gap", "aria-hidden": "true" }, h("td"));
  #below = h("tr", { class: "gap", "aria-hidden": "true" }, h("td"));
  #drawn = new Map();
  #make;
  #want;
  #frame = null;
  #observer = new ResizeObserver(() => this.#soon());

  constructor(view, body, { make, want }) {
    this.#view = view;
    this.#body = body;
    this.#make = make;
    this.#want = want;
    body.replaceChildren(this.#above, this.#below);
    view.addEventListener("scroll", () => this.#soon(), { passive: true });
    this.#observer.observe(view);
  }

  source = { length: 0, at: () => null };

  /** The places in sight, [from, to). */
  range() {
    const from = Math.floor(this.#view.scrollTop / ROW_HEIGHT);
    const to = from + Math.ceil(this.#view.clientHeight / ROW_HEIGHT) + 1;
    return [Math.max(Math.min(from, this.source.length - 1), 0), Math.min(to, this.source.length)];
  }

  /** Scrolls just so far that a place is in sight. `covered` is how much of the top the heading hides. */
  reveal(index, covered) {
    const [top, height] = [index * ROW_HEIGHT, this.#view.clientHeight - covered];
    if (top < this.#view.scrollTop) this.#view.scrollTop = top;
    else if (top + ROW_HEIGHT > this.#view.scrollTop + height) this.#view.scrollTop = top + ROW_HEIGHT - height;
  }

  /** Ends what watches its size. */
  close() {
    this.#observer.disconnect();
  }

  /** Makes all elements anew at the next `draw`. */
  forget() {
    for (const element of this.#drawn.values()) element.remove();
    this.#drawn.clear();
  }

  /** Brings the page in line with what is in sight now. */
  draw() {
    const [first, last] = this.range();
    const [from, to] = [Math.max(first - OVERSCAN, 0), Math.min(last + OVERSCAN, this.source.length)];
    const wanted = new Map();
    for (let index = from; index < to; index++) {
      const item = this.source.at(index);
      wanted.set(item ?? index, this.#drawn.get(item ?? index) ?? this.#make(item, index));
    }
    for (const [item, element] of this.#drawn) if (wanted.get(item) !== element) element.remove();
    this.#drawn = wanted;
    this.#place([...wanted.values()], from);
    this.#above.firstChild.style.height = `${from * ROW_HEIGHT}px`;
    this.#below.firstChild.style.height = `${Math.max(this.source.length - to, 0) * ROW_HEIGHT}px`;
    if (this.source.length) this.#want(Math.max(first - AHEAD, 0), Math.min(last + AHEAD, this.source.length));
  }

  /** Elements that stay are not moved, so that focus and a marked text stay too. */
  #place(elements, from) {
    let next = this.#above.nextSibling;
    elements.forEach((element, i) => {
      element.setAttribute("aria-rowindex", from + i + 2);
      element.dataset.index = from + i;
      if (element === next) next = next.nextSibling;
      else this.#body.insertBefore(element, next);
    });
  }

  #soon() {
    this.#frame ??= requestAnimationFrame(() => {
      this.#frame = null;
      if (this.#body.isConnected) this.draw();
    });
  }
}
