// All points that a page of charts holds: loaded once, thinned, and read on from a cursor while runs go on.

import { getSeries } from "./api.js";

const POINTS = 600; // a line, before it grows
const MOST = 6000; // a line that grew that long is thinned here

/**
 * Lines of some runs. `settings` has x, smooth, low and high; `onChange(names, {live})` is told which metrics changed,
 * `onProblem(problem)` why there is nothing to show.
 */
export class Series {
  constructor(keys, settings, { onChange, onProblem }) {
    this.keys = [...keys];
    this.settings = settings;
    this.onChange = onChange;
    this.onProblem = onProblem;
    this.x = settings.x; // of what is loaded
    this.streams = [{ what: { metrics: "*" }, cursors: {} }]; // each is asked for on its own, with its own cursors
    this.metrics = new Map(); // name -> run key -> {x, y, smoothed}
    this.detail = null; // the same for the range that is zoomed into
    this.restarts = {};
    this.behind = new Map(); // runs that have points which are not here, and up to which cursor
    this.age = 0; // grows when all is loaded anew: answers to older questions are dropped
    this.catching = null;
    this.loading = this.load();
  }

  names() {
    return [...this.metrics.keys()];
  }

  /** The lines of a metric by run, in full detail where that is loaded. */
  lines(name) {
    return this.detail?.get(name) ?? this.metrics.get(name) ?? new Map();
  }

  /** The largest x of all lines. */
  longest() {
    const ends = [...this.metrics.values()].flatMap((runs) => [...runs.values()]).map(({ x }) => x.at(-1) ?? 0);
    return ends.reduce((most, end) => Math.max(most, end), 0);
  }

  /** Fetches all lines, as the settings are now. */
  load() {
    const age = ++this.age;
    const { x } = this.settings;
    this.loading = this.attempt(async () => {
      const answers = await Promise.all([...this.streams.map((stream) => this.whole(stream)), this.zoomed()]);
      if (age !== this.age) return;
      this.x = x;
      this.detail = answers.pop();
      this.metrics = new Map();
      answers.forEach((answer, index) => this.take(this.streams[index], answer));
      this.onChange(null, { live: false });
    });
    return this.loading;
  }

  /** Fetches metrics that `*` leaves out (those of the system), once. */
  want(names) {
    const missing = names.filter((name) => !this.streams.some(({ what }) => what.metric?.includes(name)));
    if (missing.length === 0) return;
    const stream = { what: { metric: missing }, cursors: {} };
    this.streams.push(stream);
    this.attempt(async () => {
      const age = this.age;
      const answer = await this.whole(stream);
      if (age !== this.age) return; // the load that came between brought these too
      this.take(stream, answer);
      this.onChange(missing, { live: false });
    });
  }

  /** Fetches the range that the settings zoom into in full detail, or goes back to all. */
  async zoom() {
    const age = this.age;
    const { low, high } = this.settings;
    await this.attempt(async () => {
      const detail = await this.zoomed();
      if (age !== this.age || low !== this.settings.low || high !== this.settings.high) return;
      this.detail = detail;
      this.onChange(null, { live: false });
    });
  }

  /**
   * Fetches what a run logged since its cursors, unless they are at this one already. What is asked for while an answer
   * is under way comes with the next.
   */
  catchUp(key, cursor) {
    if (this.keys.includes(key)) this.behind.set(key, cursor);
    this.catching ??= this.readOn().finally(() => (this.catching = null));
    return this.catching;
  }

  /** Asks no more for a run, whose points stay. */
  leave(key) {
    this.keys = this.keys.filter((each) => each !== key);
    this.behind.delete(key);
  }

  /** Drops answers that are under way. */
  close() {
    this.keys = [];
    this.age++;
  }

  async readOn() {
    await this.loading;
    while (this.behind.size > 0) {
      const behind = [...this.behind];
      this.behind.clear();
      for (const stream of this.streams) {
        const keys = behind.filter(([key, cursor]) => (stream.cursors[key] ?? cursor) !== cursor).map(([key]) => key);
        if (keys.length > 0) await this.attempt(() => this.append(stream, keys));
      }
    }
  }

  async append(stream, keys) {
    const { age } = this;
    const after = keys.map((key) => `${key}:${stream.cursors[key]}`);
    const answer = await getSeries({ ...this.question(stream, keys), after });
    if (age !== this.age) return;
    const reset = answer.header.reset ?? [];
    if (reset.length > 0) {
      this.take(stream, await this.whole(stream, reset), reset);
      answer.lines = answer.lines.filter(({ run }) => !reset.includes(run));
      for (const key of reset) delete answer.header.cursors[key];
    }
    Object.assign(stream.cursors, answer.header.cursors);
    Object.assign(this.restarts, answer.header.restarts);
    for (const line of answer.lines) this.extend(line);
    const changed = reset.length > 0 ? null : [...new Set(answer.lines.map(({ metric }) => metric))];
    if (changed?.length !== 0) this.onChange(changed, { live: true });
  }

  question({ what }, keys = this.keys) {
    const { x, smooth } = this.settings;
    return { runs: keys.join(","), ...what, x, smooth: smooth || null };
  }

  whole(stream, keys = this.keys) {
    return getSeries({ ...this.question(stream, keys), points: POINTS });
  }

  async zoomed() {
    const { low, high } = this.settings;
    if (low === null) return null;
    const detail = new Map();
    const ask = (stream) => getSeries({ ...this.question(stream), points: POINTS, low, high });
    for (const { lines } of await Promise.all(this.streams.map(ask))) for (const line of lines) put(detail, line);
    return detail;
  }

  take(stream, { header, lines }, replaced = []) {
    Object.assign(stream.cursors, header.cursors);
    Object.assign(this.restarts, header.restarts);
    const isOwn = (name) => (stream.what.metric ? stream.what.metric.includes(name) : !name.startsWith("system/"));
    for (const [name, runs] of this.metrics) if (isOwn(name)) for (const key of replaced) runs.delete(key);
    for (const line of lines) put(this.metrics, line);
  }

  extend({ run, metric, x, y, smoothed }) {
    if (x.length === 0) return;
    grow(this.metrics, run, metric, { x, y, smoothed });
    const { low, high } = this.settings;
    if (this.detail && x.at(-1) >= low && x[0] <= high) grow(this.detail, run, metric, { x, y, smoothed });
  }

  /** Asks the server, unless all runs are gone; why it refused is told to the page. */
  async attempt(work) {
    if (this.keys.length === 0) return;
    try {
      await work();
    } catch (problem) {
      this.onProblem(problem);
    }
  }
}

function put(metrics, { run, metric, x, y, smoothed }) {
  if (!metrics.has(metric)) metrics.set(metric, new Map());
  metrics.get(metric).set(run, { x, y, smoothed });
}

function grow(metrics, run, metric, more) {
  const line = metrics.get(metric)?.get(run);
  if (line === undefined) return put(metrics, { run, metric, ...more });
  const whole = {
    x: joined(line.x, more.x),
    y: joined(line.y, more.y),
    smoothed: line.smoothed && more.smoothed ? joined(line.smoothed, more.smoothed) : null,
  };
  put(metrics, { run, metric, ...(whole.x.length > MOST ? thinned(whole) : whole) });
}

function joined(first, second) {
  const all = new Float64Array(first.length + second.length);
  all.set(first);
  all.set(second, first.length);
  return all;
}

/** Of each four neighbours the lowest and the highest stay, and whatever is no finite number. */
export function thinned({ x, y, smoothed }) {
  const kept = [];
  for (let start = 0; start < x.length; start += 4) {
    const places = Array.from({ length: Math.min(4, x.length - start) }, (_, i) => start + i);
    const finite = places.filter((i) => Number.isFinite(y[i])).sort((a, b) => y[a] - y[b]);
    const extremes = new Set([finite[0], finite.at(-1)]);
    kept.push(...places.filter((i) => extremes.has(i) || !Number.isFinite(y[i])));
  }
  const pick = (values) => values && Float64Array.from(kept, (i) => values[i]);
  return { x: pick(x), y: pick(y), smoothed: pick(smoothed) };
}
