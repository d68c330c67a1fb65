// The page that launches: an experiment or an existing run, and what changes. What is typed is checked by the server.

import { get, info } from "./api.js";
import { linesOf } from "./control.js";
import { h, replace } from "./dom.js";
import { t } from "./i18n.js";
import { makeCheck } from "./launch_check.js";
import { makeGroups } from "./launch_groups.js";
import { startRun } from "./launch_start.js";
import { setQuery } from "./location.js";

/** Shows it; returns how to leave it. */
export async function show(main, url) {
  document.title = `${t("Launch")} · Windlass`;
  const head = h("div", { class: "page-head" }, h("h1", {}, t("Launch a run")));
  const { allow_control: isAllowed } = await info();
  if (!isAllowed) {
    replace(main, head, notAllowed());
    return () => {};
  }
  const from = url.searchParams.get("from");
  const [known, origin] = await Promise.all([get("/api/control/experiments"), from ? get(`/api/run/${from}`) : null]);
  const view = makeView(known, origin, url);
  replace(main, head, view.element);
  return view.close;
}

function notAllowed() {
  return h(
    "section",
    { class: "card empty" },
    h("p", {}, t("This dashboard only looks. To launch, stop, resume and delete runs from it, start it with:")),
    h("pre", {}, "windlass dashboard --allow-control"),
  );
}

function makeView(known, origin, url) {
  const experiment = makeExperiments(known.experiments, url.searchParams.get("experiment"), changed);
  const editor = makeEditor(url.searchParams.getAll("override"), changed);
  const groups = makeGroups(known.groups, (group, option) => editor.choose(group, option));
  const launch = h(
    "button",
    { type: "button", class: "button primary", disabled: true, on: { click: go } },
    t("Launch"),
  );
  const status = h("p", { class: "launch-status", role: "status" });
  const check = makeCheck({ onResult: (isOk) => (launch.disabled = !isOk) });
  let starting = null;

  const asked = () => ({
    from: origin?.key ?? null,
    overrides: [...experiment.overrides(), ...linesOf(editor.text())],
  });

  function changed() {
    launch.disabled = true;
    setQuery({ experiment: experiment.chosen(), override: linesOf(editor.text()) });
    check.ask(asked());
  }

  async function go() {
    launch.disabled = true;
    starting = startRun(asked(), status);
    if (!(await starting.done)) launch.disabled = false;
  }

  check.ask(asked());
  const left = h(
    "div",
    { class: "launch-left" },
    h(
      "section",
      { class: "card launch-form" },
      originOf(origin, experiment),
      editor.element,
      h("div", { class: "verbs" }, launch, status),
    ),
    groups.element,
  );
  return {
    element: h("div", { class: "launch-page launch-columns" }, left, check.element),
    close: () => (check.close(), starting?.close()),
  };
}

function originOf(origin, experiment) {
  if (origin === null)
    return h("label", { class: "field" }, h("span", {}, t("Start from an experiment")), experiment.element);
  return h(
    "div",
    { class: "field" },
    h("span", {}, t("Start from the run")),
    h(
      "div",
      { class: "origin" },
      h("a", { href: `/run/${origin.key}` }, origin.id),
      h("a", { class: "button quiet", href: "/launch" }, t("Start anew")),
    ),
    origin.command ? h("code", { class: "origin-command" }, origin.command) : null,
  );
}

function makeExperiments(names, chosen, onChange) {
  const options = names.map((name) => h("option", { value: name, selected: name === chosen }, name));
  const element = h(
    "select",
    { on: { change: onChange } },
    h("option", { value: "" }, t("none: the defaults")),
    options,
  );
  return {
    element,
    chosen: () => element.value || null,
    overrides: () => (element.value === "" ? [] : [`experiment=${element.value}`]),
  };
}

/** The field of overrides; `choose` puts `group=option` in the place of what the field says of that group. */
function makeEditor(lines, onChange) {
  const field = h("textarea", {
    rows: 9,
    class: "mono",
    spellcheck: "false",
    autocomplete: "off",
    placeholder: "model=mlp\ndataset=digits\noptimizer.lr=3e-4\ntrainer.max_steps=200",
    value: lines.join("\n"),
    on: { input: onChange },
  });
  return {
    element: h("label", { class: "field" }, h("span", {}, t("Overrides, one a line, as on the command line")), field),
    text: () => field.value,
    choose(group, option) {
      const kept = field.value.split("\n").filter((line) => line.trim() !== "");
      const at = kept.findIndex((line) => line.trim().startsWith(`${group}=`));
      if (at < 0) kept.push(`${group}=${option}`);
      else kept[at] = `${group}=${option}`;
      field.value = `${kept.join("\n")}\n`;
      onChange();
    },
  };
}
