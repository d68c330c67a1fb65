// Keyboard: one table of keys for the whole page, one for the view that is shown, and a page that lists both.

import { $, h } from "./dom.js";
import { t } from "./i18n.js";

const SEQUENCE_MS = 1000;
const global = new Map();
let local = new Map();
let prefix = "";
let forget = null;

/**
 * Binds a key ("/", "ArrowDown", "Shift+ArrowDown") or two in a row ("g r") for as long as the page is open. The
 * label is English and is translated where it is shown. Without a label the key is not listed.
 */
export function bind(combination, label, action) {
  global.set(combination, { label, action });
}

/** Binds keys of a view, [[combination, label, action], ...]; those of the view before end. */
export function page(keys) {
  local = new Map(keys.map(([combination, label, action]) => [combination, { label, action }]));
}

/** Shows which keys there are. */
export function help() {
  if ($("#keys")) return;
  const rows = [...local, ...global].filter(([, { label }]) => label);
  const dialog = h(
    "dialog",
    { id: "keys", class: "dialog", "aria-labelledby": "keys-title", on: { close: () => dialog.remove() } },
    h("h2", { id: "keys-title" }, t("Keyboard")),
    h(
      "dl",
      { class: "keys" },
      rows.map(([combination, { label }]) => [h("dt", {}, drawn(combination)), h("dd", {}, t(label))]),
    ),
    h("form", { method: "dialog" }, h("button", { class: "button" }, t("Close"))),
  );
  document.body.append(dialog);
  dialog.showModal();
}

const SYMBOLS = { ArrowDown: "↓", ArrowUp: "↑", " ": "space" };

function drawn(combination) {
  const keys = combination === " " ? [" "] : combination.split(/[ +]/);
  return keys.map((key) => h("kbd", {}, SYMBOLS[key] ?? key));
}

function typing(target) {
  if (target.isContentEditable || target.matches("textarea, select")) return true;
  return target.matches("input") && !["checkbox", "radio", "button"].includes(target.type);
}

/** Whether the element does something of its own with this key. */
function taken({ key, target }) {
  if (typing(target)) return true;
  return (key === "Enter" || key === " ") && target.matches("button, a, summary, input, [role=option]");
}

function combined({ key, shiftKey }) {
  return shiftKey && key.length > 1 ? `Shift+${key}` : key;
}

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || taken(event) || $("dialog[open], :popover-open")) return;
  const key = prefix + combined(event);
  const found = local.get(key) ?? global.get(key);
  clearTimeout(forget);
  prefix = "";
  if (found) {
    event.preventDefault();
    found.action(event);
  } else if ([...local.keys(), ...global.keys()].some((each) => each.startsWith(`${key} `))) {
    prefix = `${key} `;
    forget = setTimeout(() => (prefix = ""), SEQUENCE_MS);
  }
});
