// When charts are drawn: those on screen, previews first, with a breath for the page in between; Plotly once it is here.

import { toast } from "./dom.js";
import { plotly } from "./plot.js";

const BREATH_MS = 12; // drawing goes on that long at once
const LIVE_MS = 400; // new points are drawn at most that often

/** Draws the charts that `all()` gives and that are waiting, inside an element. */
export class Drawing {
  constructor(element, all) {
    this.all = all;
    this.Plotly = null;
    this.isAsked = false; // for Plotly
    this.isDrawing = false;
    this.isHeld = false; // a button of the mouse is down: a chart that is drawn now would let go of it
    this.timer = null;
    this.listening = new AbortController();
    const { signal } = this.listening;
    document.addEventListener("visibilitychange", () => this.draw(), { signal });
    element.addEventListener("pointerdown", () => (this.isHeld = true), { signal });
    for (const name of ["pointerup", "pointercancel"]) addEventListener(name, () => this.release(), { signal });
  }

  /** Draws what is seen and not up to date. */
  async draw() {
    if (this.isDrawing || this.isHeld || document.hidden) return;
    this.isDrawing = true;
    try {
      await this.drawAll();
    } finally {
      this.isDrawing = false;
    }
    this.load();
  }

  /** Draws at once, and what comes soon after together. */
  drawLive() {
    if (this.timer !== null) return;
    this.draw();
    this.timer = setTimeout(() => {
      this.timer = null;
      if (this.all().some((chart) => chart.isWaiting)) this.drawLive();
    }, LIVE_MS);
  }

  close() {
    clearTimeout(this.timer);
    this.listening.abort();
  }

  async drawAll() {
    let since = performance.now();
    for (let chart = this.next(); chart && !this.isHeld; chart = this.next()) {
      await chart.draw();
      if (performance.now() - since < BREATH_MS) continue;
      await new Promise((resolve) => setTimeout(resolve));
      since = performance.now();
    }
  }

  next() {
    const waiting = this.all().filter((chart) => chart.isWaiting);
    return waiting.find((chart) => chart.stage === null) ?? waiting[0];
  }

  release() {
    if (!this.isHeld) return;
    this.isHeld = false;
    setTimeout(() => this.draw()); // after Plotly has seen it
  }

  /** Gets Plotly once previews are painted, and the browser has nothing better to do. */
  load() {
    if (this.isAsked || !this.all().some((chart) => chart.stage !== null)) return;
    this.isAsked = true;
    requestAnimationFrame(() => requestIdleCallback(() => this.use(), { timeout: 500 }));
  }

  async use() {
    try {
      this.Plotly = await plotly();
    } catch (error) {
      toast(error.message, "error");
    }
    this.draw();
  }
}
