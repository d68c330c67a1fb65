// Why a run failed, and what to type next.

import { h } from "./dom.js";
import { exactTime } from "./format.js";
import { t } from "./i18n.js";

/** A card from failure.json as it is. */
export function failureCard({
  cause,
  message,
  advice,
  rank,
  attempt,
  step,
  phase,
  exit_code: exitCode,
  traceback,
  log_tail: tail,
  time,
}) {
  const facts = [
    [t("Rank"), rank],
    [t("Attempt"), attempt],
    [t("Phase"), phase],
    [t("Step"), step],
    [t("Exit code"), exitCode],
    [t("Time"), time && exactTime(time)],
  ].filter(([, fact]) => fact !== null && fact !== undefined);
  return h(
    "section",
    { class: "card failure", role: "alert" },
    h("h2", {}, t("Failed: {cause}", { cause: cause ?? t("unknown") })),
    h("p", { class: "message" }, message),
    advice ? h("p", { class: "advice" }, h("strong", {}, t("What to do: ")), advice) : null,
    h(
      "dl",
      { class: "facts" },
      facts.map(([name, fact]) => h("div", {}, h("dt", {}, name), h("dd", {}, fact))),
    ),
    folded(t("Traceback"), traceback),
    folded(t("The end of its log"), (tail ?? []).join("\n")),
  );
}

function folded(title, text) {
  return text ? h("details", {}, h("summary", {}, title), h("pre", {}, text)) : null;
}
