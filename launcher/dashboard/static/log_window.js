// The part of a log that is on screen: some thousand lines around where one reads, more as one scrolls.

import { get } from "./api.js";
import { h } from "./dom.js";
import { logLine } from "./log_lines.js";

const PAGE_BYTES = 65536;
const LEAST_BYTES = 1024; // what the server gives at least
const MOST_LINES = 5000;
const FAR_BYTES = 1 << 20; // so far behind, it is better to begin again at the end
const NEAR_PX = 400; // of an end, where more is loaded
const AT_END_PX = 24;

/** Lines of one log. `onFollow(whether)` is called when scrolling leaves the end of the log or comes back to it. */
export class LogWindow {
  constructor(key, { onFollow }) {
    this.key = key;
    this.onFollow = onFollow;
    this.file = null;
    this.size = 0;
    this.isFollowing = true;
    this.queue = Promise.resolve();
    this.waiting = 0; // how much is in the queue
    this.rest = h("div", { class: "log-rest" });
    this.lines = h("div", {});
    this.element = h("div", { class: "log", role: "log", tabindex: "0" }, this.lines, this.rest);
    this.element.addEventListener("scroll", () => this.scrolled());
    this.clear();
  }

  /** Shows a log from its end, or from a byte offset on. */
  open(file, offset = null) {
    this.file = file;
    return this.inTurn(() => this.load(offset));
  }

  /** The log grew to this size. */
  grew(size) {
    this.size = Math.max(this.size, size);
    if (this.isAtEnd && this.end < this.size) this.inTurn(() => this.later());
  }

  /** Stays at the end of the log, or where it is. */
  follow(whether) {
    this.isFollowing = whether;
    this.onFollow(whether);
    if (whether && this.isAtEnd) this.toEnd();
    if (whether) this.inTurn(() => (this.isAtEnd ? this.later() : this.load()));
  }

  /** Does one thing after the other: each request begins where the one before ended. */
  inTurn(work) {
    this.waiting++;
    this.queue = this.queue
      .then(work)
      .catch((problem) => this.rest.replaceChildren(h("p", { class: "problem" }, problem.message)))
      .finally(() => this.waiting--);
    return this.queue;
  }

  async load(offset = null) {
    let page = await this.ask(offset ?? -PAGE_BYTES, PAGE_BYTES);
    if (page.start > 0 && page.start < LEAST_BYTES) page = await this.ask(0, page.end);
    this.clear();
    this.start = page.start;
    this.isFollowing = offset === null;
    this.onFollow(this.isFollowing);
    this.put(page);
    if (offset !== null) this.element.scrollTop = 0;
  }

  clear() {
    this.chunks = []; // {end, element}, in order; lines go out of the window a chunk at a time
    this.start = this.end = 0;
    this.isAtEnd = false;
    this.lines.replaceChildren();
    this.rest.replaceChildren();
  }

  async later() {
    if (this.isFollowing && this.size - this.end > FAR_BYTES) return this.load();
    for (let end = -1; end !== this.end && (this.isFollowing || this.count() < MOST_LINES);) {
      end = this.end;
      this.put(await this.ask(end, PAGE_BYTES));
    }
    return null;
  }

  async earlier() {
    if (this.start === 0) return;
    const from = this.start > PAGE_BYTES + 2 * LEAST_BYTES ? this.start - PAGE_BYTES : 0;
    let page = await this.ask(from, this.start - from);
    if (page.end > this.start) page = await this.ask(page.start, this.start - page.start); // it began behind `from`
    const element = h(
      "div",
      {},
      page.lines.map((line) => logLine(line)),
    );
    const before = this.element.scrollHeight;
    this.chunks.unshift({ end: page.end, element });
    this.lines.prepend(element);
    this.start = page.start;
    this.element.scrollTop += this.element.scrollHeight - before;
    while (this.chunks.length > 1 && this.count() - this.chunks.at(-1).element.childElementCount >= MOST_LINES) {
      this.chunks.pop().element.remove();
      this.end = this.chunks.at(-1).end;
      this.isAtEnd = false;
      this.rest.replaceChildren();
    }
  }

  /** Adds a page behind the others. */
  put({ lines, rest, end, size }) {
    if (this.chunks.length === 0 || this.chunks.at(-1).element.childElementCount > 500) {
      const element = h("div", {});
      this.chunks.push({ end, element });
      this.lines.append(element);
    }
    const last = this.chunks.at(-1);
    last.element.append(...lines.map((line) => logLine(line)));
    last.end = this.end = end;
    this.size = Math.max(this.size, size);
    this.isAtEnd = size - end < PAGE_BYTES;
    this.rest.replaceChildren(...(rest.length > 0 ? [logLine(rest)] : []));
    if (!this.isFollowing) return;
    this.trimAbove();
    this.toEnd();
  }

  trimAbove() {
    while (this.count() - this.chunks[0].element.childElementCount >= MOST_LINES) {
      this.start = this.chunks[0].end;
      this.chunks.shift().element.remove();
    }
  }

  scrolled() {
    const { scrollTop, scrollHeight, clientHeight } = this.element;
    const below = scrollHeight - scrollTop - clientHeight;
    const isUp = scrollTop < (this.before ?? 0);
    this.before = scrollTop;
    if (this.isFollowing && isUp && below > AT_END_PX) this.follow(false);
    else if (!this.isFollowing && this.isAtEnd && below < AT_END_PX && !isUp) this.follow(true);
    if (this.waiting > 0) return;
    if (scrollTop < NEAR_PX && isUp) this.inTurn(() => this.earlier());
    else if (below < NEAR_PX && this.end < this.size && !this.isFollowing) this.inTurn(() => this.more());
  }

  /** One page more at the end, and less at the beginning. */
  async more() {
    this.put(await this.ask(this.end, PAGE_BYTES));
    this.trimAbove();
  }

  toEnd() {
    this.element.scrollTop = this.element.scrollHeight;
    this.before = this.element.scrollTop;
  }

  count() {
    return this.chunks.reduce((sum, { element }) => sum + element.childElementCount, 0);
  }

  ask(offset, limit) {
    return get(`/api/logs/${this.key}`, { file: this.file, offset, limit });
  }
}
