// Which columns the table shows, and by what it is grouped: chosen from all that is known of the runs.

import { h, replace } from "./dom.js";
import { t } from "./i18n.js";
import { openUnder } from "./popover.js";

const LISTED = 100;
const NAMES = {
  run: "Run",
  id: "Id",
  name: "Name",
  state: "State",
  progress: "Progress",
  seconds_left: "Time left",
  duration: "Duration",
  device_hours: "Device-hours",
  sweep: "Sweep",
  trial: "Trial",
  tags: "Tags",
  started: "Started",
  ended: "Ended",
  last_sign: "Last sign",
  step: "Step",
  num_steps: "Steps",
  attempt: "Attempt",
  num_processes: "Processes",
  device: "Device",
  model: "Model",
  dataset: "Data set",
  group: "Group",
  project: "Project",
  host: "Host",
  root: "Directory",
  failure: "Failure",
  kind: "Kind",
};
const SECTIONS = [
  ["columns", "Columns"],
  ["metrics", "Metrics"],
  ["config", "Config"],
];
const EXTREMES = ["min", "max"];

/** What a column is called: its own name, unless every run has it. */
export function label(name) {
  if (Object.hasOwn(NAMES, name)) return t(NAMES[name]);
  const [, extreme, metric] = /^(min|max):(.*)$/.exec(name) ?? [];
  return extreme ? `${metric} ${t(extreme)}` : name;
}

/** A button that lets one choose columns; `state()` gives {known, chosen}, `choose(names)` is told what changed. */
export function columnsButton(state, choose) {
  const open = () => openUnder(button, t("Columns"), (close) => columnsPanel(state(), choose, close));
  const attributes = { class: "button", id: "columns", "aria-haspopup": "dialog", on: { click: open } };
  const button = h("button", attributes, t("Columns"));
  return button;
}

/** A button that lets one choose by what to group; `choose("")` stands for not at all. */
export function groupButton(state, choose) {
  const fill = (close) => {
    const pick = (name) => {
      close();
      choose(name);
    };
    const none = h("button", { class: "offer", on: { click: () => pick("") } }, t("No groups"));
    const offer = (name) => h("button", { class: "offer", title: name, on: { click: () => pick(name) } }, label(name));
    return [none, searchable({ ...state().known, metrics: [] }, offer)];
  };
  const open = () => openUnder(button, t("Group"), (close) => h("div", { class: "chooser" }, fill(close)));
  const button = h("button", { class: "button", id: "group", "aria-haspopup": "dialog", on: { click: open } });
  const update = () => {
    const { group } = state();
    replace(button, group ? t("Group: {name}", { name: label(group) }) : t("Group"));
  };
  return { element: button, update };
}

function columnsPanel({ known, chosen }, choose, close) {
  const names = [...chosen];
  const list = h("ol", { class: "chosen", "aria-label": t("Shown columns") });
  const boxes = new Map();
  const change = () => {
    choose([...names]);
    drawChosen();
    for (const [name, box] of boxes) box.checked = names.includes(name);
  };
  const toggle = (name) => {
    const at = names.indexOf(name);
    if (at < 0) names.push(name);
    else if (names.length > 1) names.splice(at, 1);
    change();
  };
  const move = (at, by) => {
    names.splice(at + by, 0, ...names.splice(at, 1));
    change();
    list.children[at + by].querySelector(by < 0 ? ".up" : ".down").focus();
  };
  const drawChosen = () =>
    replace(
      list,
      names.map((name, at) => chosenItem(name, at, names.length, { move, toggle })),
    );
  const offer = (name, section) => offerColumn(name, section, { boxes, toggle, shown: (each) => names.includes(each) });
  const standard = h("button", { class: "button", on: { click: () => (close(), choose([])) } }, t("Default columns"));
  drawChosen();
  return h(
    "div",
    { class: "chooser two" },
    h("div", {}, searchable(known, offer)),
    h("div", {}, h("h3", {}, t("Shown columns")), list, standard),
  );
}

function chosenItem(name, at, count, { move, toggle }) {
  const button = (kind, sign, text, disabled, click) =>
    h(
      "button",
      { class: `icon ${kind}`, title: text, "aria-label": `${text}: ${label(name)}`, disabled, on: { click } },
      sign,
    );
  return h(
    "li",
    {},
    h("span", { title: name }, label(name)),
    button("up", "↑", t("Move up"), at === 0, () => move(at, -1)),
    button("down", "↓", t("Move down"), at === count - 1, () => move(at, 1)),
    button("out", "×", t("Hide"), count === 1, () => toggle(name)),
  );
}

function offerColumn(name, section, { boxes, toggle, shown }) {
  const box = (column, text) => {
    const input = h("input", { type: "checkbox", checked: shown(column), on: { change: () => toggle(column) } });
    boxes.set(column, input);
    return h("label", { title: column }, input, h("span", {}, text));
  };
  const extremes = section === "metrics" ? EXTREMES.map((each) => box(`${each}:${name}`, t(each))) : [];
  return h("div", { class: "offer" }, box(name, label(name)), extremes);
}

/** A list of all known names under a box that searches them; `offer(name, section)` gives the element of one. */
function searchable(known, offer) {
  const list = h("div", { class: "offers" });
  const draw = () => {
    const wanted = search.value.trim().toLowerCase();
    const fits = (name) => name.toLowerCase().includes(wanted) || label(name).toLowerCase().includes(wanted);
    const parts = SECTIONS.map(([section, title]) => [section, title, known[section].filter(fits)]);
    const some = parts.filter(([, , names]) => names.length);
    replace(
      list,
      some.length ? some.map((part) => sectionOf(part, offer)) : h("p", { class: "muted" }, t("Nothing has this name")),
    );
  };
  const search = h("input", {
    type: "search",
    placeholder: t("Search"),
    "aria-label": t("Search"),
    on: { input: draw },
  });
  draw();
  return h("div", { class: "searchable" }, search, list);
}

function sectionOf([section, title, names], offer) {
  const more = names.length - LISTED;
  return [
    h("h3", {}, t(title)),
    names.slice(0, LISTED).map((name) => offer(name, section)),
    more > 0 && h("p", { class: "muted" }, t("{n} more: search for them", { n: more })),
  ];
}
