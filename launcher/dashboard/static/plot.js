// Plotly: loaded when the first charts are on screen already, and told what to draw.

import { h } from "./dom.js";
import { t } from "./i18n.js";
import { colour, token } from "./palette.js";
import { MARGIN } from "./scale.js";

const FEW = 20; // that many points are marked, not only joined
const LONGEST_NAME = 40; // in a legend
const CONFIG = { displayModeBar: false, doubleClick: false, responsive: true, displaylogo: false, showTips: false };
const SHORT_DATES = [
  { dtickrange: [null, 60_000], value: "%H:%M:%S" },
  { dtickrange: [60_000, 86_400_000], value: "%H:%M" },
  { dtickrange: [86_400_000, null], value: "%b %d" },
]; // one row of text below a small chart
const PNG = { format: "png", width: 1200, height: 675, scale: 2 };

let loading = null;
let draws = 0;

/** Plotly, once its script has run. */
export function plotly() {
  loading ??= new Promise((resolve, reject) => {
    const failed = () => reject(new Error(t("Plotly did not load; charts stay as they are.")));
    const events = { load: () => resolve(window.Plotly), error: failed };
    document.head.append(h("script", { src: "/plotly.js", on: events }));
  });
  return loading;
}

/** Draws a picture (see charts.js) into an element, or changes what it shows. `isLarge` is for a chart on its own. */
export function plot(Plotly, element, picture, { isLarge = false } = {}) {
  return Plotly.react(element, traces(picture), layout(picture, isLarge), CONFIG);
}

/** Saves a picture as PNG, with its title and a legend. */
export async function savePng(picture, title, filename) {
  const Plotly = await plotly();
  const shown = { ...layout(picture, true), title: { text: inert(title), font: { size: 16 } } };
  shown.margin = { l: 70, r: 24, t: 56, b: 56 };
  await Plotly.downloadImage({ data: traces(picture), layout: shown }, { ...PNG, filename });
}

function shortened(name) {
  return name.length > LONGEST_NAME ? `${name.slice(0, LONGEST_NAME - 1)}…` : name;
}

/** Text as Plotly shows it without taking it for markup. */
export function inert(text) {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}

function traces({ curves, axis }) {
  return curves.flatMap(({ name, slot, x, y, smoothed }) => {
    const common = {
      type: "scatter",
      x: axis.toPlot(x),
      name: inert(shortened(name)),
      line: { color: colour(slot), width: 1.4 },
    };
    const strong = {
      ...common,
      y: smoothed ?? y,
      mode: x.length <= FEW ? "lines+markers" : "lines",
      marker: { size: 5 },
      hovertemplate: "%{y:.5~g}",
    };
    if (!smoothed) return [strong];
    const faint = { ...common, y, mode: "lines", opacity: 0.25, hoverinfo: "skip", showlegend: false };
    return [{ ...faint, line: { ...common.line, width: 1 } }, strong];
  });
}

function layout(picture, isLarge) {
  const { axis, curves, logx, logy, range } = picture;
  const [text, muted, grid, surface] = ["--text", "--muted", "--border", "--surface"].map(token);
  const lines = { gridcolor: grid, linecolor: grid, zeroline: false, tickfont: { color: muted, size: 11 } };
  const ends = range && axis.toPlot(Float64Array.from(range));
  return {
    autosize: true,
    margin: isLarge ? { l: 60, r: 20, t: 22, b: 48 } : MARGIN,
    paper_bgcolor: surface,
    plot_bgcolor: surface,
    font: { family: token("--sans"), size: 11, color: text },
    showlegend: isLarge && curves.length > 1,
    legend: { font: { color: text, size: 12 }, bgcolor: surface },
    dragmode: "zoom",
    hovermode: "x unified",
    hoverlabel: { bgcolor: token("--raised"), bordercolor: token("--strong-border"), font: { size: 11, color: text } },
    shapes: picture.restarts.map((each) => restart(each, axis, isLarge)),
    xaxis: {
      ...lines,
      showgrid: false,
      type: logx ? "log" : axis.type,
      title: isLarge ? { text: axis.title, font: { size: 12, color: muted } } : undefined,
      ...(ends ? { range: logx ? ends.map(Math.log10) : Array.from(ends), autorange: false } : { autorange: true }),
      exponentformat: "SI",
      ticksuffix: axis.unit && ` ${axis.unit}`,
      showticksuffix: "last",
      uirevision: ++draws, // the range is the page's, whatever was dragged in this chart
      nticks: isLarge ? 10 : 6,
      tickformatstops: axis.type === "date" && !isLarge ? SHORT_DATES : undefined,
    },
    yaxis: {
      ...lines,
      type: logy ? "log" : "linear",
      autorange: true,
      automargin: "left", // numbers may be longer than the margin is wide
      fixedrange: !isLarge,
      exponentformat: largest(curves) >= 1 ? "SI" : "e",
      uirevision: `${logy}`,
      nticks: isLarge ? 10 : 6,
    },
  };
}

function restart({ x, attempt }, axis, isNamed) {
  const [place] = axis.toPlot(Float64Array.of(x));
  const text = isNamed ? t("restart {n}", { n: attempt }) : "";
  const label = {
    text,
    textposition: "end",
    textangle: 0,
    xanchor: "left",
    font: { size: 11, color: token("--muted") },
  };
  const line = { color: token("--muted"), width: 1, dash: "4px,4px" };
  return { type: "line", x0: place, x1: place, yref: "paper", y0: 0, y1: 1, line, label, layer: "below" };
}

function largest(curves) {
  let most = 0;
  for (const { y } of curves)
    for (const value of y) if (Number.isFinite(value) && Math.abs(value) > most) most = Math.abs(value);
  return most;
}
