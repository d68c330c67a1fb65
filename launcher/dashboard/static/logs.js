// The logs of a run: which of them, its lines as they come, and what a search finds in it.

import { get } from "./api.js";
import { h, replace } from "./dom.js";
import { size } from "./format.js";
import { t } from "./i18n.js";
import { logLine } from "./log_lines.js";
import { LogWindow } from "./log_window.js";
import { setQuery } from "./location.js";

const TYPED_MS = 300;

/** The logs of a run; `onWatch(file)` is called with the log that is shown. Logs are listed by `setFiles`. */
export class Logs {
  constructor(key, url, { onWatch }) {
    this.key = key;
    this.onWatch = onWatch;
    this.file = null;
    this.asked = url.searchParams.get("file");
    this.files = h("select", {
      name: "file",
      "aria-label": t("Log"),
      on: { change: () => this.open(this.files.value) },
    });
    this.status = h("span", { class: "muted", role: "status" });
    this.tail = h("button", { type: "button", class: "button", name: "follow" }, t("Follow"));
    this.tail.addEventListener("click", () => this.window.follow(!this.window.isFollowing));
    this.window = new LogWindow(key, { onFollow: (whether) => this.tail.setAttribute("aria-pressed", whether) });
    this.found = h("div", { class: "log found", hidden: true });
    const bar = h(
      "div",
      { class: "log-bar" },
      this.files,
      this.searchBox(url.searchParams.get("find") ?? ""),
      this.tail,
      this.status,
    );
    this.empty = h("p", { class: "muted" }, t("There are no logs yet."));
    this.body = h("div", { class: "log-body" }, bar, this.window.element, this.found);
    this.element = h("div", { class: "logs" }, this.empty, this.body);
    this.body.hidden = true;
  }

  /** The logs that there are, [{name, attempt, rank, size}]; shows the one that the address names, else the first. */
  setFiles(files) {
    this.body.hidden = files.length === 0;
    this.empty.hidden = files.length > 0;
    const names = files.map(({ name }) => name);
    if (names.join() !== [...this.files.options].map(({ value }) => value).join()) {
      const options = files.map(({ name }) => h("option", { value: name }));
      replace(this.files, options);
    }
    files.forEach((file, index) => (this.files.options[index].textContent = describe(file)));
    if (files.length === 0) return;
    if (this.file !== null && names.includes(this.file)) this.files.value = this.file;
    else this.open(names.includes(this.asked) ? this.asked : names[0]);
  }

  open(file) {
    this.file = this.files.value = file;
    setQuery({ file });
    this.onWatch(file);
    this.window.open(file);
    if (this.search.value) this.find();
  }

  /** The log that is shown grew to this size. */
  grew(bytes) {
    this.window.grew(bytes);
  }

  close() {
    clearTimeout(this.typing);
  }

  searchBox(text) {
    this.search = h("input", {
      type: "search",
      name: "find",
      value: text,
      placeholder: t("Search this log"),
      "aria-label": t("Search this log"),
    });
    this.search.addEventListener("input", () => {
      clearTimeout(this.typing);
      this.typing = setTimeout(() => this.find(), TYPED_MS);
    });
    return this.search;
  }

  /** Shows the lines that hold what was typed; without that the log itself. */
  async find() {
    const wanted = this.search.value;
    setQuery({ find: wanted });
    this.found.hidden = !wanted;
    this.window.element.hidden = Boolean(wanted);
    this.status.textContent = "";
    if (!wanted) return this.window.follow(this.window.isFollowing);
    try {
      const answer = await get(`/api/logs/${this.key}`, { file: this.file, search: wanted });
      if (wanted === this.search.value) this.show(answer, wanted);
    } catch (problem) {
      this.status.textContent = problem.message;
    }
    return null;
  }

  show({ lines, offsets, matches, more }, wanted) {
    this.status.textContent = more ? t("the first {n} lines", { n: matches }) : t("{n} lines", { n: matches });
    const open = (offset) => {
      this.search.value = "";
      this.find();
      this.window.open(this.file, offset);
    };
    replace(
      this.found,
      lines.map((line, index) => {
        const label = {
          type: "button",
          class: "found-line",
          title: t("Show it in the log"),
          on: { click: () => open(offsets[index]) },
        };
        return h("button", label, logLine(line, wanted));
      }),
    );
  }
}

function describe({ name, attempt, rank, size: bytes }) {
  const known = attempt !== null && rank !== null && /rank_\d+\.log$/.test(name);
  const what = known ? t("attempt {attempt} · rank {rank}", { attempt, rank }) : name;
  return `${what} · ${size(bytes)}`;
}
