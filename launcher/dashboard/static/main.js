// The page around every view: which view an address shows, how one goes from one to the next, keys that always work.

import { Problem } from "./api.js";
import { h, replace, $ } from "./dom.js";
import { drawHeader, nextTheme } from "./header.js";
import { t } from "./i18n.js";
import * as keys from "./keys.js";
import { navigate } from "./location.js";

const ROUTES = [
  [/^\/$/, () => import("./runs.js")],
  [/^\/run\/[^/]+$/, () => import("./run.js")],
  [/^\/compare$/, () => import("./compare.js")],
  [/^\/sweeps$/, () => import("./sweeps.js")],
  [/^\/sweep\/[^/]+$/, () => import("./sweep.js")],
  [/^\/launch$/, () => import("./launch.js")],
];

let leave = null;
let shown = 0;

/** Shows what the address says. A view is a module with `show(main, url)`, which returns what ends it. */
async function route() {
  const turn = ++shown;
  const url = new URL(location.href);
  leave?.();
  leave = null;
  keys.page([]);
  document.title = "Windlass";
  drawHeader(url.pathname, route);
  const main = h("main", { id: "main" }); // a view that is still loading draws into one that nobody sees
  $("#main").replaceWith(main);
  try {
    const ended = await (await routeOf(url.pathname)()).show(main, url);
    if (turn === shown) leave = ended;
    else ended?.();
  } catch (error) {
    if (turn === shown) replace(main, sorry(error.message));
    if (!(error instanceof Problem)) throw error;
  }
}

/** What loads the view of an address; the server answers at no others. */
function routeOf(pathname) {
  return ROUTES.find(([pattern]) => pattern.test(pathname))?.[1];
}

function sorry(message) {
  return h(
    "section",
    { class: "card empty", role: "alert" },
    h("h1", {}, t("This cannot be shown")),
    h("p", {}, message),
    h("p", {}, h("a", { href: "/" }, t("All runs"))),
  );
}

/** Links to other views do not load the page again. */
function follow(event) {
  const link = event.target.closest?.("a[href]");
  if (!link || event.defaultPrevented || event.button !== 0) return;
  if (event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
  if (link.origin !== location.origin || link.target || link.hasAttribute("download")) return;
  if (!routeOf(link.pathname)) return;
  event.preventDefault();
  navigate(link.pathname + link.search);
}

document.addEventListener("click", follow);
addEventListener("popstate", route);
keys.bind("g r", "Go to the runs", () => navigate("/"));
keys.bind("g s", "Go to the sweeps", () => navigate("/sweeps"));
keys.bind("t", "Switch between light and dark", nextTheme);
keys.bind("?", "Show the keys", keys.help);
route();
