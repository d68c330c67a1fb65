// The bar at the top: where one is, and how it looks.

import { info } from "./api.js";
import { $, h, replace } from "./dom.js";
import { language, setLanguage, t } from "./i18n.js";
import { help } from "./keys.js";
import { setTheme, theme, THEMES } from "./theme.js";

const LINKS = [
  ["/", "Runs", /^\/$|^\/run\/|^\/compare/],
  ["/sweeps", "Sweeps", /^\/sweep/],
];
const THEME_NAMES = { system: "System", light: "Light", dark: "Dark" };

/** Draws it for the view at this path; `redraw` shows the view again after a change of the language. */
export function drawHeader(path, redraw) {
  const links = h(
    "nav",
    { "aria-label": t("Pages") },
    LINKS.map(([href, name, own]) => link(href, name, own.test(path))),
  );
  replace(
    $("#header"),
    h("a", { class: "brand", href: "/" }, "Windlass"),
    links,
    h("span", { class: "spacer" }),
    h("span", { id: "connection", class: "chip state-failed", role: "status", hidden: true }, t("Not connected")),
    languageSwitch(redraw),
    themeSwitch(),
    h("button", { class: "button quiet", title: t("Keyboard"), "aria-label": t("Keyboard"), on: { click: help } }, "?"),
  );
  addLaunch(links, path);
}

/** Light or dark, the one that is not seen now. */
export function nextTheme() {
  choose(document.documentElement.dataset.theme === "dark" ? "light" : "dark");
}

async function addLaunch(links, path) {
  try {
    const { allow_control: allowed } = await info();
    if (allowed && links.isConnected) links.append(link("/launch", "Launch", path === "/launch"));
  } catch {
    // the view asks the same server and says what is wrong
  }
}

function link(href, name, here) {
  return h("a", { href, "aria-current": here ? "page" : null }, t(name));
}

function languageSwitch(redraw) {
  const other = language() === "en" ? "zh" : "en";
  const change = async () => {
    await setLanguage(other);
    await redraw();
    $("#language").focus();
  };
  const names = { en: "English", zh: "中文" };
  const label = { id: "language", class: "button quiet", lang: other, title: names[other], on: { click: change } };
  return h("button", label, other === "zh" ? "中文" : "EN");
}

function themeSwitch() {
  const options = THEMES.map((name) => h("option", { value: name, selected: name === theme() }, t(THEME_NAMES[name])));
  const change = (event) => choose(event.target.value);
  return h("select", { id: "theme", class: "quiet", "aria-label": t("Theme"), on: { change } }, options);
}

function choose(name) {
  setTheme(name);
  $("#theme").value = name;
}

document.addEventListener("connection", ({ detail: { connected, refused } }) => {
  const chip = $("#connection");
  replace(chip, refused ? t("Started anew: open the address that it printed") : t("Not connected"));
  chip.hidden = connected;
});
