// What can be done to a run: stop, resume, delete, launch another like it. Only where the dashboard was allowed to.

import { info, post } from "./api.js";
import { h, replace, toast } from "./dom.js";
import { t } from "./i18n.js";
import { navigate } from "./location.js";

const ACTIVE = ["starting", "running"];
const RESUMABLE = ["stopped", "failed", "lost"];

/**
 * The buttons for a run. `row` is {id, state, kind}; `onChange()` is called once something was done; one
 * that is deleted is left for the table of runs.
 *
 * The element is empty until the server has said what it allows, and stays empty where it allows nothing, or where
 * the run is none of Windlass'.
 */
export function runControls(key, row, { onChange }) {
  const element = h("div", { class: "run-controls" });
  const { id, state } = row;
  const button = (text, kind, act) =>
    h("button", { type: "button", class: `button ${kind}`, on: { click: act } }, text);
  const buttons = [
    ACTIVE.includes(state) ? button(t("Stop"), "", () => askStop(key, id, onChange)) : null,
    RESUMABLE.includes(state) ? button(t("Resume"), "", () => askResume(key, id, onChange)) : null,
    h("a", { class: "button", href: `/launch?from=${key}` }, t("Launch with changes")),
    ACTIVE.includes(state) ? null : button(t("Delete"), "danger", () => askDelete(key, id)),
  ];
  if (row.kind !== "wandb") whenAllowed(() => replace(element, buttons));
  return element;
}

function whenAllowed(show) {
  info().then(
    (facts) => facts.allow_control && show(),
    (problem) => toast(problem.message, "error"),
  );
}

function askStop(key, id, done) {
  ask({
    title: t("Stop {id}?", { id }),
    body: h("p", {}, t("It writes a last checkpoint and ends; it can be resumed later.")),
    verb: t("Stop"),
    act: () => post(`/api/control/stop/${key}`),
    said: t("{id} is stopping", { id }),
    done,
  });
}

function askResume(key, id, done) {
  const field = h("textarea", { rows: 4, spellcheck: "false", class: "mono", placeholder: "trainer.max_steps=2000" });
  ask({
    title: t("Resume {id}?", { id }),
    body: [
      h("p", {}, t("It goes on from its last checkpoint.")),
      h("label", { class: "field" }, h("span", {}, t("What changes, one override a line (optional)")), field),
    ],
    verb: t("Resume"),
    act: () => post(`/api/control/resume/${key}`, { overrides: linesOf(field.value) }),
    said: t("{id} goes on", { id }),
    done,
  });
}

function askDelete(key, id) {
  const field = h("input", { type: "text", autocomplete: "off", spellcheck: "false", class: "mono" });
  ask({
    title: t("Delete {id}?", { id }),
    body: [
      h("p", {}, t("Its directory with checkpoints, logs and metrics is removed. Nothing brings it back.")),
      h("label", { class: "field" }, h("span", {}, t("Type {id} to confirm", { id })), field),
    ],
    verb: t("Delete"),
    danger: true,
    field,
    isReady: () => field.value.trim() === id,
    act: () => post(`/api/control/delete/${key}`, { confirm: id }),
    said: t("{id} is deleted", { id }),
    done: () => navigate("/"),
  });
}

/** A dialog with one verb. It stays open when the server refuses, whose words are then shown as a toast and inside. */
function ask({ title, body, verb, danger = false, field = null, isReady = () => true, act, said, done }) {
  const go = h(
    "button",
    { type: "submit", class: `button primary ${danger ? "danger" : ""}`, disabled: !isReady() },
    verb,
  );
  const cancel = h("button", { type: "button", class: "button", on: { click: () => dialog.close() } }, t("Cancel"));
  const refusal = h("p", { class: "refusal", role: "alert" });
  const form = h(
    "form",
    { method: "dialog" },
    h("h2", {}, title),
    body,
    refusal,
    h("div", { class: "verbs" }, cancel, go),
  );
  const dialog = h(
    "dialog",
    { class: "dialog control", "aria-label": title, on: { close: () => dialog.remove() } },
    form,
  );
  field?.addEventListener("input", () => (go.disabled = !isReady()));
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (!isReady()) return;
    go.disabled = true;
    try {
      await act();
    } catch (problem) {
      replace(refusal, problem.message);
      toast(problem.message, "error");
      go.disabled = !isReady();
      return;
    }
    dialog.close();
    toast(said);
    done();
  });
  document.body.append(dialog);
  dialog.showModal();
}

/** Overrides from a text with one a line; empty lines and what follows a `# ` at the start of one say nothing. */
export function linesOf(text) {
  return text
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "" && !line.startsWith("#"));
}
