// The page of one run: its charts, logs, config, and what else is known of it.

import { get } from "./api.js";
import { Charts } from "./charts.js";
import { h, replace } from "./dom.js";
import { t } from "./i18n.js";
import { page } from "./keys.js";
import { Live } from "./live.js";
import { Logs } from "./logs.js";
import { configTable } from "./run_config.js";
import { details } from "./run_details.js";
import { failureCard } from "./run_failure.js";
import { runHeader } from "./run_header.js";
import { makeTabs } from "./tabs.js";

const FACTS_MS = 5000; // what is known of a run that goes on is asked again at most that often

/** Shows the run that the address names; returns what ends it. */
export async function show(main, url) {
  const view = new RunPage(url.pathname.split("/").at(-1), url);
  replace(main, view.element);
  try {
    await view.refresh();
  } catch (problem) {
    view.close();
    throw problem;
  }
  return () => view.close();
}

class RunPage {
  constructor(key, url) {
    this.key = key;
    this.run = null;
    this.timer = null;
    this.log = null; // the file that is shown
    this.charts = new Charts([key], url);
    this.logs = new Logs(key, url, { onWatch: (file) => this.watch(file) });
    this.config = configTable();
    this.head = runHeader(key, { onChange: () => this.refresh() });
    this.above = h("div", {});
    this.notice = h("p", { class: "card notice", role: "alert", hidden: true });
    this.details = h("div", {});
    const tabs = [
      { name: "charts", title: t("Charts"), panel: this.charts.element, onShow: () => this.watch(null) },
      { name: "logs", title: t("Logs"), panel: this.logs.element, onShow: () => this.showLogs() },
      { name: "config", title: t("Config"), panel: this.config.element },
      { name: "details", title: t("Details"), panel: this.details },
    ];
    this.tabs = makeTabs(tabs, url.searchParams.get("tab"));
    this.element = h("div", { class: "run-page" }, this.head.element, this.notice, this.above, this.tabs.element);
    this.live = new Live([key], {
      points: (_, cursor) => this.charts.catchUp(key, cursor),
      facts: (_, state) => this.changed(state),
      log: (size) => this.logs.grew(size),
      gone: () => this.gone(),
    });
    page([["/", "Find metrics", () => this.charts.focus()]]);
  }

  /** Asks what is known of the run, and shows it. Throws Problem. */
  async refresh() {
    const run = await get(`/api/run/${this.key}`);
    const isFirst = this.run === null;
    this.run = run;
    this.notice.hidden = true; // what kept it from being known is over
    document.title = `${run.name || run.id} · Windlass`;
    this.head.show(run);
    redraw(this.above, run.failure, () => failureCard(run.failure));
    if (isFirst) this.charts.setAxes(run.axes);
    if (isFirst) this.charts.setNames([[this.key, run.name || run.id]]);
    this.charts.setMetrics(run.metrics.map(({ name }) => name));
    this.config.show(run.config);
    const { command, problems, plan, measured, checkpoints, restarts, warnings } = run;
    redraw(this.details, [command, problems, plan, measured, checkpoints, restarts, warnings], () => details(run));
    if (this.isLogsShown) this.logs.setFiles(run.logs);
  }

  /** The run's state or points changed: at once for a state, now and then for the rest. */
  changed(state) {
    if (this.run === null) return;
    if (state !== this.run.state) this.again(0);
    else if (this.timer === null) this.again(FACTS_MS);
  }

  again(delay) {
    clearTimeout(this.timer);
    this.timer = setTimeout(async () => {
      this.timer = null;
      try {
        await this.refresh();
      } catch (problem) {
        this.say(problem.message);
      }
    }, delay);
  }

  showLogs() {
    this.isLogsShown = true;
    if (this.run) this.logs.setFiles(this.run.logs);
    this.watch(this.logs.file);
  }

  watch(file) {
    if (file === this.log) return;
    this.log = file;
    this.live?.watch(file && { key: this.key, file });
  }

  gone() {
    this.charts.series.leave(this.key);
    this.live.leave(this.key);
    clearTimeout(this.timer);
    this.say(t("This run was deleted. What was loaded of it is still shown."));
  }

  say(message) {
    this.notice.textContent = message;
    this.notice.hidden = false;
  }

  close() {
    clearTimeout(this.timer);
    this.live.close();
    this.charts.close();
    this.logs.close();
    this.config.close();
  }
}

/** Draws facts into an element unless they stand there already: what one has unfolded or marked stays so. */
function redraw(element, facts, draw) {
  const known = JSON.stringify(facts);
  if (element.facts === known) return;
  element.facts = known;
  replace(element, facts ? draw() : null);
}
