// The rows of the table, fetched in windows where they are looked at, and kept fresh.

import { get } from "./api.js";

const WINDOW = 200;

/** What `GET /api/runs` answers for the start of a table. */
export function firstWindow(query) {
  return get("/api/runs", { ...query, offset: 0, limit: WINDOW });
}

/**
 * A list of items, some of which are not here yet. An item is {heading: group} or a row, both as the server has them; an
 * item that did not change stays the same object.
 */
export class Rows {
  #query;
  #windows = new Map();
  #parts = [];
  #asked = new Map();
  #turn = 0;

  constructor(query, answer) {
    this.#query = query;
    this.version = answer.version; // the oldest of what is shown
    this.#take(0, answer);
  }

  /** How many items there are. */
  length = 0;

  /** The item at a place, or null while it is not here. */
  at(index) {
    const part = this.#partAt(index);
    if (!part) return null;
    if (part.item) return part.item;
    const row = part.row + index - part.start;
    return this.#windows.get(Math.floor(row / WINDOW))?.[row % WINDOW] ?? null;
  }

  /** Fetches what is missing between two places; whether anything came. Throws Problem. */
  async want(from, to) {
    const missing = this.#windowsBetween(from, to).filter((each) => !this.#windows.has(each));
    await Promise.all(missing.map((each) => this.#fetch(each)));
    return missing.length > 0;
  }

  /** Fetches again what is between two places; the rest will be fetched when it is looked at. Throws Problem. */
  async refresh(from, to) {
    const seen = this.#windowsBetween(from, to);
    const fresh = seen.length ? seen : [0];
    this.#turn++;
    this.#asked.clear();
    const versions = await Promise.all(fresh.map((each) => this.#fetch(each)));
    this.version = Math.min(...versions);
    for (const each of this.#windows.keys()) if (!fresh.includes(each)) this.#windows.delete(each);
  }

  #windowsBetween(from, to) {
    const found = new Set();
    for (const part of this.#parts) {
      if (part.item || part.start >= to || part.start + part.count <= from) continue;
      const first = part.row + Math.max(from - part.start, 0);
      const last = part.row + Math.min(to - part.start, part.count) - 1;
      for (let each = Math.floor(first / WINDOW); each <= Math.floor(last / WINDOW); each++) found.add(each);
    }
    return [...found];
  }

  /** Asks for a window, once at a time; gives the version that came. */
  #fetch(window) {
    if (!this.#asked.has(window)) this.#asked.set(window, this.#ask(window));
    return this.#asked.get(window);
  }

  async #ask(window) {
    const turn = this.#turn;
    const [offset, limit] = [window * WINDOW, WINDOW];
    try {
      const answer = await get("/api/runs", { ...this.#query, offset, limit });
      if (turn === this.#turn) this.#take(window, answer);
      return answer.version;
    } finally {
      if (turn === this.#turn) this.#asked.delete(window);
    }
  }

  #take(window, answer) {
    const { total, matching, columns, known, groups, rows } = answer;
    Object.assign(this, { total, matching, columns, known, groups });
    this.#windows.set(
      window,
      kept(this.#windows.get(window) ?? [], rows, (row) => row.key),
    );
    this.#parts = this.#divide(groups, matching);
    const last = this.#parts.at(-1);
    this.length = last ? last.start + last.count : 0;
  }

  /** Where groups and rows stand: parts {start, count} with one `item`, or with the rows from number `row` on. */
  #divide(groups, matching) {
    if (!groups) return [{ start: 0, count: matching, row: 0 }];
    const before = this.#parts.filter((part) => part.item).map((part) => part.item);
    const parts = [];
    let [start, row] = [0, 0];
    for (const item of kept(
      before,
      groups.map((group) => ({ heading: group })),
      ({ heading }) => heading.value,
    )) {
      parts.push({ start: start++, count: 1, item });
      const count = item.heading.key_rows;
      if (count) parts.push({ start, count, row });
      start += count;
      row += count;
    }
    return parts;
  }

  #partAt(index) {
    let [low, high] = [0, this.#parts.length - 1];
    while (low <= high) {
      const middle = (low + high) >> 1;
      const { start, count } = this.#parts[middle];
      if (index < start) high = middle - 1;
      else if (index >= start + count) low = middle + 1;
      else return this.#parts[middle];
    }
    return null;
  }
}

/** The new items, but the old object wherever nothing about it changed. */
function kept(before, after, name) {
  const known = new Map(before.map((item) => [name(item), item]));
  return after.map((item) => {
    const old = known.get(name(item));
    return old && JSON.stringify(old) === JSON.stringify(item) ? old : item;
  });
}
