// From the button to the page of the run.

import { get, post } from "./api.js";
import { h, replace, toast } from "./dom.js";
import { t } from "./i18n.js";
import { navigate } from "./location.js";

const AGAIN_MS = 400;
const PATIENCE_MS = 60_000;

/**
 * Launches what was asked, says in `status` how far it is, and goes to the run's page once the dashboard knows it.
 *
 * Returns {done, close}: `done` is whether it was launched; after `close` the page is not left any more.
 */
export function startRun(asked, status) {
  let isOpen = true;
  const say = (...parts) => replace(status, parts);

  async function start() {
    say(t("Launching…"));
    let launched;
    try {
      launched = await post("/api/control/launch", asked);
    } catch (problem) {
      say();
      toast(problem.message, "error");
      return false;
    }
    say(t("{id} is launched; its page opens once it has begun…", { id: launched.id }));
    follow(launched);
    return true;
  }

  async function follow({ id, key: told }) {
    const until = Date.now() + PATIENCE_MS;
    while (isOpen && Date.now() < until) {
      const key = told ?? (await findKey(id));
      if (key !== null && isOpen) return navigate(`/run/${key}`);
      await new Promise((resolve) => setTimeout(resolve, AGAIN_MS));
    }
    say(t("{id} is launched, but has not begun yet.", { id }), " ", h("a", { href: "/" }, t("All runs")));
    return null;
  }

  return { done: start(), close: () => (isOpen = false) };
}

/** The run's key once the dashboard has seen it, else null. */
async function findKey(id) {
  try {
    const { rows } = await get("/api/runs", { filter: `id="${id}"`, limit: 1 });
    return rows.length > 0 ? rows[0].key : null;
  } catch {
    return null; // asked again, until patience ends
  }
}
