// The list of sweeps.

import { get, info, live } from "./api.js";
import { h, replace, toast } from "./dom.js";
import { number, time } from "./format.js";
import { t } from "./i18n.js";
import { stateBar } from "./sweep_head.js";

/** Shows it; returns how to leave it. */
export async function show(main) {
  document.title = `${t("Sweeps")} · Windlass`;
  const body = h("div");
  const draw = async () => {
    const [sweeps, { searched }] = await Promise.all([get("/api/sweeps"), info({ fresh: true })]);
    replace(body, drawList(sweeps, searched));
  };
  await draw();
  replace(main, h("div", { class: "page-head" }, h("h1", {}, t("Sweeps"))), body);
  const again = () => draw().catch((problem) => toast(problem.message, "error"));
  return live({ table: 1 }, { table: again, hello: again });
}

function drawList(sweeps, searched) {
  if (sweeps.length === 0 && !searched) return h("section", { class: "card empty" }, t("Searching for sweeps…"));
  if (sweeps.length === 0) {
    return h(
      "section",
      { class: "card empty" },
      h("p", {}, t("There are no sweeps here yet. This begins one:")),
      h("pre", {}, "windlass train -m model=cnn dataset=digits optimizer.lr=1e-3,3e-4"),
    );
  }
  const titles = ["Sweep", "State", "Algorithm", "Trials", "Objective", "Best", "Started"];
  const numeric = new Set(["Best"]);
  const head = titles.map((title) => h("th", { scope: "col", class: numeric.has(title) ? "number" : null }, t(title)));
  const table = h(
    "table",
    { class: "plain sweeps-table" },
    h("thead", {}, h("tr", {}, head)),
    h("tbody", {}, sweeps.map(rowOf)),
  );
  return h("section", { class: "card" }, table);
}

function rowOf({ key, id, state, algorithm, created, trials, objectives, best }) {
  const total = Object.values(trials).reduce((sum, count) => sum + count, 0);
  const aims = Object.entries(objectives).map(([metric, direction]) => `${metric} ${direction === "max" ? "↑" : "↓"}`);
  return h(
    "tr",
    {},
    h("td", {}, h("a", { href: `/sweep/${key}` }, id)),
    h("td", {}, h("span", { class: `chip state-${state}` }, t(state))),
    h("td", {}, algorithm ?? "–"),
    h("td", {}, h("span", { class: "trials-cell" }, h("span", {}, number(total)), stateBar(trials))),
    h("td", {}, aims.join(", ")),
    h("td", { class: "number" }, Array.isArray(best) ? best.map(number).join(", ") : number(best)),
    h("td", {}, created ? time(created) : "–"),
  );
}
