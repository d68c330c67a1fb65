// How charts are drawn: kept in the address, changed in a bar above them.

import { h } from "./dom.js";
import { t } from "./i18n.js";

const AXES = { step: "Step", time: "Time", relative: "Relative time", tokens: "Tokens" };
const MOST_SMOOTH = 0.99;

/** Settings from the query of an address: a plain object that the bar changes. */
export function readSettings(query) {
  const list = (name) => new Set((query.get(name) ?? "").split(",").filter(Boolean));
  const [low, high] = ["low", "high"].map((name) => Number.parseFloat(query.get(name)));
  const smooth = Number.parseFloat(query.get("smooth"));
  const isZoomed = low < high;
  return {
    x: query.get("x") in AXES ? query.get("x") : "step",
    smooth: smooth > 0 ? Math.min(smooth, MOST_SMOOTH) : 0,
    logx: query.get("logx") === "1",
    logy: query.get("logy") === "1",
    low: isZoomed ? low : null,
    high: isZoomed ? high : null,
    search: query.get("q") ?? "",
    closed: list("closed"),
    hidden: list("hidden"),
    chart: query.get("chart"),
  };
}

/** The same as parameters of an address; null for what is as it always is. */
export function asQuery(settings) {
  const { x, smooth, logx, logy, low, high, search, closed, hidden, chart } = settings;
  return {
    x: x === "step" ? null : x,
    smooth: smooth || null,
    logx: logx ? 1 : null,
    logy: logy ? 1 : null,
    low,
    high,
    q: search || null,
    closed: [...closed].join(",") || null,
    hidden: [...hidden].join(",") || null,
    chart,
  };
}

/**
 * The bar. `onChange(what)` is told which setting changed. Returns {element, update(), setAxes(names), focus()};
 * `update` shows what changed elsewhere.
 */
export function settingsBar(settings, onChange) {
  const change = (name, value) => {
    settings[name] = value;
    update();
    onChange(name);
  };
  const search = searchBox(settings.search, (text) => change("search", text));
  const axis = h("select", {
    "aria-label": t("Horizontal axis"),
    name: "x",
    on: { change: () => change("x", axis.value) },
  });
  axis.append(...Object.entries(AXES).map(([value, name]) => h("option", { value }, t(name))));
  const smooth = smoothing(settings.smooth, (value) => change("smooth", value));
  const toggles = ["logx", "logy"].map((name) => {
    const click = () => change(name, !settings[name]);
    return h(
      "button",
      { type: "button", class: "button", name, on: { click } },
      name === "logx" ? t("Log x") : t("Log y"),
    );
  });
  const reset = h("button", { type: "button", class: "button", name: "reset" }, t("Reset zoom"));
  reset.addEventListener("click", () => {
    settings.low = settings.high = null;
    update();
    onChange("zoom");
  });
  const update = () => {
    axis.value = settings.x;
    toggles.forEach((toggle) => toggle.setAttribute("aria-pressed", settings[toggle.name]));
    reset.hidden = settings.low === null;
  };
  update();
  const element = h("div", { class: "chart-settings", role: "toolbar", "aria-label": t("How charts are drawn") });
  element.append(search, axis, smooth, ...toggles, reset);
  const setAxes = (names) => {
    for (const option of axis.options) option.disabled = !names.includes(option.value);
  };
  return { element, update, setAxes, focus: () => search.focus() };
}

function searchBox(text, onInput) {
  const label = t("Find metrics");
  const input = h("input", {
    type: "search",
    name: "q",
    value: text,
    "aria-label": label,
    placeholder: t("Find metrics (text or pattern)"),
  });
  input.addEventListener("input", () => onInput(input.value));
  return input;
}

function smoothing(value, onInput) {
  const output = h("output", {}, value.toFixed(2));
  const slider = h("input", { type: "range", name: "smooth", min: 0, max: MOST_SMOOTH, step: 0.01, value });
  slider.addEventListener("input", () => {
    output.textContent = Number(slider.value).toFixed(2);
    onInput(Number(slider.value));
  });
  return h("label", { class: "smoothing" }, t("Smoothing"), slider, output);
}
