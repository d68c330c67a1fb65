// The head of a run's page: what it is, how far it came, what can be done to it.

import { info } from "./api.js";
import { h, replace } from "./dom.js";
import { number, percent, seconds, time } from "./format.js";
import { t } from "./i18n.js";

const ACTIVE = ["starting", "running"];

/** The head; `show(run)` takes what /api/run says. `onChange()` is called once something was done to the run. */
export function runHeader(key, { onChange }) {
  const title = h("h1", {}, h("span", { class: "muted" }, t("Loading…")));
  const facts = h("div", { class: "run-facts" });
  const bar = h("progress", { max: 1, hidden: true, "aria-label": t("Progress") });
  const controls = h("div", { class: "run-actions" });
  const element = h("header", { class: "run-head" }, h("div", { class: "run-title" }, title, controls), facts, bar);
  let shownState = null;
  const show = (run) => {
    const { row, state } = run;
    replace(title, run.name || run.id, " ", h("span", { class: `chip state-${state}` }, t(state)));
    replace(
      facts,
      factsOf(run).map(([name, fact, whole]) =>
        h("span", { title: whole ?? null }, h("span", { class: "muted" }, name), " ", fact),
      ),
    );
    bar.hidden = !(ACTIVE.includes(state) && row.num_steps > 0);
    if (!bar.hidden) bar.value = (row.step ?? 0) / row.num_steps;
    if (state === shownState) return;
    shownState = state;
    showControls(controls, key, run, onChange);
  };
  return { element, show };
}

function factsOf({ id, name, state, row }) {
  const isActive = ACTIVE.includes(state);
  const end = row.ended ?? (isActive ? Date.now() / 1000 : row.last_sign);
  const steps =
    row.step !== null && row.num_steps
      ? `${number(row.step)} / ${number(row.num_steps)} (${percent(row.step / row.num_steps)})`
      : null;
  return [
    name && name !== id ? [t("id"), id] : null,
    [t("Step"), steps ?? number(row.step)],
    isActive && row.seconds_left !== null ? [t("Time left"), seconds(row.seconds_left)] : null,
    row.started && end ? [t("Duration"), seconds(end - row.started)] : null,
    row.started ? [t("Started"), time(row.started)] : null,
    row.model ? [t("Model"), row.model] : null,
    row.dataset ? [t("Dataset"), row.dataset] : null,
    row.device ? [t("Device"), row.num_processes > 1 ? `${row.num_processes} × ${row.device}` : row.device] : null,
    row.host ? [t("Host"), row.host] : null,
    row.project ? [t("Project"), row.project] : null,
    row.group ? [t("Group"), row.group] : null,
    row.tags?.length ? [t("Tags"), row.tags.join(", ")] : null,
  ].filter(Boolean);
}

/** The buttons come from a module of their own, which most pages never need. */
async function showControls(parent, key, run, onChange) {
  const { allow_control: isAllowed } = await info();
  if (!isAllowed) return;
  const { runControls } = await import("./control.js");
  replace(parent, runControls(key, { id: run.id, state: run.state, kind: run.kind }, { onChange }));
}
