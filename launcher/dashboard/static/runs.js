// The first page: all runs.

import { address, info, live, Problem } from "./api.js";
import { columnsButton, groupButton } from "./columns.js";
import { h, replace, toast } from "./dom.js";
import { filterBox } from "./filter_box.js";
import { number } from "./format.js";
import { t } from "./i18n.js";
import * as keys from "./keys.js";
import { navigate, setQuery } from "./location.js";
import { noRuns, noneMatches } from "./no_runs.js";
import { firstWindow, Rows } from "./rows.js";
import { Table } from "./table.js";

const ASKED = ["filter", "sort", "group", "columns", "expanded"];
const DEFAULT_SORT = "-started";
const REFRESH_MS = 500;
const SEARCHING_MS = 1000;

/** Shows the table. What it shows stands in the address: filter, sort, group, columns, expanded, selected. */
export async function show(main, url) {
  const page = new RunsPage(url);
  await page.start(main);
  return () => page.end();
}

class RunsPage {
  #ask;
  #selected;
  #rows = null;
  #facts = null;
  #turn = 0;
  #refreshing = false;
  #stale = false;
  #ended = false;
  #timer = null;
  #close = () => {};

  constructor(url) {
    this.#ask = Object.fromEntries(ASKED.map((name) => [name, url.searchParams.get(name) ?? ""]));
    this.#selected = (url.searchParams.get("selected") ?? "").split(",").filter(Boolean);
  }

  async start(main) {
    const query = this.#query();
    const first = firstWindow(query);
    document.title = `${t("Runs")} · Windlass`;
    this.#build(main);
    this.#bindKeys();
    await this.#load(query, first);
    this.#close = live({ table: 1 }, { table: ({ version }) => this.#changed(version) });
    this.#watchSearch();
  }

  end() {
    this.#ended = true;
    this.#turn++;
    this.#close();
    clearTimeout(this.#timer);
    this.table.close();
  }

  #build(main) {
    this.filter = filterBox(this.#ask.filter, {
      changed: (filter) => filter !== this.#ask.filter && this.#change({ filter }),
      names: () => Object.values(this.#rows?.known ?? {}).flat(),
    });
    this.group = groupButton(
      () => ({ known: this.#rows?.known, group: this.#ask.group }),
      (group) => this.#change({ group, expanded: "" }),
    );
    const columns = columnsButton(
      () => ({ known: this.#rows.known, chosen: this.#rows.columns.map(({ name }) => name) }),
      (names) => this.#change({ columns: names.join(",") }),
    );
    this.table = new Table({
      sort: (sort) => this.#change({ sort: sort === DEFAULT_SORT ? "" : sort }),
      select: (selected) => this.#select(selected),
      toggle: (group) => this.#toggle(group),
      want: (from, to) => this.#want(from, to),
      open: (row) => navigate(`/run/${row.key}`),
    });
    this.count = h("span", { class: "muted", id: "count", role: "status" });
    this.compare = h("span", { class: "selection" });
    this.csv = h("a", { class: "button", download: "runs.csv" }, t("Export CSV"));
    this.empty = h("div", { hidden: true });
    this.problems = h("div", { role: "alert" });
    const tools = h("div", { class: "tools" }, this.compare, this.group.element, columns, this.csv);
    replace(
      main,
      h(
        "section",
        { class: "runs" },
        h("div", { class: "title" }, h("h1", {}, t("Runs")), this.count),
        h("div", { class: "toolbar" }, this.filter.element, tools),
        this.problems,
        h("div", { class: "card table-card" }, this.table.element, this.empty),
      ),
    );
    this.group.update();
    this.#drawSelection();
  }

  #bindKeys() {
    keys.page([
      ["/", "Go to the filter", () => this.filter.focus()],
      ["j", "Next run", () => this.table.move(1)],
      ["k", "Previous run", () => this.table.move(-1)],
      ["ArrowDown", "Next run", () => this.table.move(1)],
      ["ArrowUp", "Previous run", () => this.table.move(-1)],
      ["Shift+ArrowDown", "Select and go on", () => this.table.move(1, { extend: true })],
      ["Shift+ArrowUp", "Select and go back", () => this.table.move(-1, { extend: true })],
      ["Enter", "Open the run", () => this.table.open()],
      [" ", "Select the run", (event) => this.table.select({ extend: event.shiftKey })],
      ["c", "Compare what is selected", () => this.#compare()],
      ["Escape", "Select nothing", () => this.#select([])],
    ]);
  }

  #query() {
    return { ...this.#ask, sort: this.#ask.sort || DEFAULT_SORT };
  }

  /** Asks for another list; groups that open and columns that change leave the reader where they are. */
  async #change(changes) {
    Object.assign(this.#ask, changes);
    setQuery(this.#ask);
    this.group.update();
    if (!("expanded" in changes || "columns" in changes) || "group" in changes) this.table.toTop();
    await this.#load(this.#query());
  }

  async #load(query, answer = firstWindow(query)) {
    const turn = ++this.#turn;
    try {
      const found = await answer;
      if (turn !== this.#turn) return;
      this.#rows = new Rows(query, found);
    } catch (problem) {
      if (turn === this.#turn) await this.#refused(query, problem);
      return;
    }
    if (query.filter === this.#ask.filter) this.filter.complain(null);
    this.#draw();
  }

  /** What is wrong with a filter is told under its box, and the table stays as it was: at first without a filter. */
  async #refused(query, problem) {
    if (problem.status === 400 && query.filter) {
      this.filter.complain(problem.message);
      if (this.#rows === null) await this.#load({ ...query, filter: "" });
    } else if (this.#rows === null) throw problem;
    else this.#tell(problem);
  }

  #tell(problem) {
    if (!(problem instanceof Problem)) throw problem;
    toast(problem.message, "error");
  }

  #draw() {
    const { total, matching } = this.#rows;
    this.table.show(this.#rows, { sort: this.#query().sort, selected: this.#selected });
    this.table.element.hidden = matching === 0;
    this.empty.hidden = matching > 0;
    const clear = () => this.filter.set("");
    if (matching === 0) replace(this.empty, total === 0 ? noRuns(this.#facts) : noneMatches(this.#ask.filter, clear));
    const searching = this.#facts?.searched === false ? ` · ${t("still searching")}…` : "";
    const [some, all] = [number(matching), number(total)];
    replace(
      this.count,
      (matching === total
        ? t(total === 1 ? "{n} run" : "{n} runs", { n: all })
        : t("{some} of {all} runs", { some, all })) + searching,
    );
    const { filter, sort, columns } = this.#query();
    this.csv.href = address("/api/table.csv", { filter, sort, columns });
  }

  async #want(from, to) {
    const rows = this.#rows;
    try {
      if ((await rows.want(from, to)) && rows === this.#rows && !this.#ended) this.#draw();
    } catch (problem) {
      this.#tell(problem);
    }
  }

  #changed(version) {
    if (version !== this.#rows?.version) this.#refresh();
  }

  /** Fetches what is in sight again, at most twice a second. */
  async #refresh() {
    this.#stale = true;
    if (this.#refreshing) return;
    this.#refreshing = true;
    while (this.#stale && !this.#ended) {
      this.#stale = false;
      await this.#refreshOnce();
      await new Promise((resolve) => setTimeout(resolve, REFRESH_MS));
    }
    this.#refreshing = false;
  }

  async #refreshOnce() {
    const rows = this.#rows;
    if (rows === null) return;
    try {
      await rows.refresh(...this.table.range());
    } catch (problem) {
      if (!(problem instanceof Problem)) throw problem;
      if (problem.status === 400 && this.#ask.filter) this.filter.complain(problem.message); // now all names are known
      return; // the server tells of the next change again; the header says if it is gone
    }
    if (rows === this.#rows && !this.#ended) this.#draw();
  }

  /** Until all directories were searched the page says that more may come. */
  async #watchSearch() {
    try {
      this.#facts = await info({ fresh: this.#facts !== null });
    } catch (problem) {
      if (!(problem instanceof Problem)) throw problem;
    }
    if (this.#ended) return;
    if (this.#rows) this.#draw();
    replace(
      this.problems,
      (this.#facts?.problems ?? []).map((problem) => h("p", { class: "problem" }, problem)),
    );
    if (!this.#facts?.searched) this.#timer = setTimeout(() => this.#watchSearch(), SEARCHING_MS);
  }

  /** Opens or closes a group. A value may hold the comma that stands between values. */
  #toggle({ value, key_rows: shown }) {
    const open = `,${this.#ask.expanded},`;
    const next = shown ? open.replace(`,${value},`, () => ",") : `${open}${value},`;
    this.#change({ expanded: next.replace(/^,+|,+$/g, "") });
  }

  #select(selected) {
    this.#selected = selected;
    setQuery({ selected: selected.join(",") });
    this.#drawSelection();
    if (this.#rows) this.#draw();
  }

  #drawSelection() {
    const n = this.#selected.length;
    const clear = h("button", { class: "button quiet", on: { click: () => this.#select([]) } }, t("Select nothing"));
    const text = n ? t("Compare {n}", { n }) : t("Compare");
    const link = {
      class: "button primary",
      id: "compare",
      href: address("/compare", { runs: this.#selected.join(",") }),
    };
    const button = { class: "button", id: "compare", disabled: true, title: t("Select at least two runs (space)") };
    replace(this.compare, n > 0 && clear, n > 1 ? h("a", link, text) : h("button", button, text));
  }

  #compare() {
    if (this.#selected.length > 1) navigate(address("/compare", { runs: this.#selected.join(",") }));
    else toast(t("Select at least two runs (space)"));
  }
}
