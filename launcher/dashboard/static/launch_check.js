// What the server says of overrides while they are typed: what is wrong, or the config and command that they make.

import { post } from "./api.js";
import { h, replace, toast } from "./dom.js";
import { t } from "./i18n.js";

const PAUSE_MS = 300;

/**
 * The card with the answer. `onResult(isOk)` is called with each answer to what was asked last; answers to what was
 * asked before are passed over.
 *
 * Returns {element, ask({from, overrides}), close}.
 */
export function makeCheck({ onResult }) {
  const verdict = h("span", { class: "chip", role: "status" });
  const problem = h("p", { class: "refusal", role: "alert" });
  const command = h("pre", { class: "same-command" });
  const config = h("pre", { class: "resolved", tabindex: 0, "aria-label": t("Resolved config") });
  const copy = h(
    "button",
    { type: "button", class: "button quiet", on: { click: () => copyText(command.textContent) } },
    t("Copy"),
  );
  const made = h(
    "div",
    { class: "made nothing-yet" },
    h(
      "div",
      { class: "plot-head" },
      h("h3", {}, t("The same on the command line")),
      h("span", { class: "spacer" }),
      copy,
    ),
    command,
    h("div", { class: "plot-head" }, h("h3", {}, t("Resolved config"))),
    config,
  );
  const head = h("div", { class: "plot-head" }, h("h2", {}, t("Check")), verdict);
  let timer = null;
  let turn = 0;

  function say(kind, text) {
    verdict.className = `chip state-${kind}`;
    replace(verdict, text);
  }

  function answer({ ok, error, config_yaml: yaml, command: typed }) {
    say(ok ? "finished" : "failed", ok ? t("ready to launch") : t("cannot be launched"));
    replace(problem, error ?? "");
    made.classList.toggle("stale", !ok);
    if (ok) {
      made.classList.remove("nothing-yet");
      replace(command, typed);
      replace(config, yaml);
    }
    onResult(ok);
  }

  async function send(asked, mine) {
    let said;
    try {
      said = await post("/api/control/check", asked);
    } catch (refusal) {
      said = { ok: false, error: refusal.message };
    }
    if (mine === turn) answer(said);
  }

  return {
    element: h("section", { class: "card launch-check" }, head, problem, made),
    ask(asked) {
      const mine = ++turn;
      say("waiting", t("checking…"));
      clearTimeout(timer);
      timer = setTimeout(() => send(asked, mine), PAUSE_MS);
    },
    close: () => (turn++, clearTimeout(timer)),
  };
}

async function copyText(text) {
  try {
    await navigator.clipboard.writeText(text);
    toast(t("Copied"));
  } catch (refusal) {
    toast(t("The browser did not let it be copied: {reason}", { reason: refusal.message }), "error");
  }
}
