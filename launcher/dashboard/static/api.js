// What the server is asked, and what it says by itself.

import { t } from "./i18n.js";

const RETRY_MS = 3000;
const EVENTS = ["hello", "table", "run", "log", "sweep", "gone"];

/** What the server refused, in words for people; status 0 if it did not answer. */
export class Problem extends Error {
  constructor(message, status) {
    super(message);
    this.status = status;
  }
}

/** JSON from the server. Parameters that are null are left out; an array repeats its name. Throws Problem. */
export async function get(path, parameters = {}, options = {}) {
  return (await ask(address(path, parameters), options)).json();
}

/** Sends JSON; the header tells the server that the request comes from this page. Throws Problem. */
export async function post(path, body = {}) {
  const headers = { "Content-Type": "application/json", "X-Windlass": "1" };
  return (await ask(path, { method: "POST", headers, body: JSON.stringify(body) })).json();
}

/** Points of metrics: {header, lines: [{run, metric, total, x, y, smoothed}]} with Float64Arrays. Throws Problem. */
export async function getSeries(parameters, options = {}) {
  const buffer = await (await ask(address("/api/series", parameters), options)).arrayBuffer();
  const length = new DataView(buffer).getUint32(0, true);
  const header = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 4, length)));
  const data = Math.ceil((4 + length) / 8) * 8;
  const array = (offset, count) => new Float64Array(buffer, data + 8 * offset, count);
  const lines = header.lines.map(({ run, metric, count, total, offset }) => ({
    run,
    metric,
    total,
    x: array(offset, count),
    y: array(offset + count, count),
    smoothed: header.smoothed ? array(offset + 2 * count, count) : null,
  }));
  return { header, lines };
}

let facts = null;

/** What /api/info says; asked once, or again when `fresh`. */
export function info({ fresh = false } = {}) {
  if (facts === null || fresh) {
    facts = get("/api/info");
    facts.catch(() => (facts = null));
  }
  return facts;
}

/** An address with parameters; commas, slashes and colons stay readable. */
export function address(path, parameters) {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(parameters)) {
    for (const each of [value].flat()) if (each !== null && each !== undefined && each !== "") query.append(name, each);
  }
  const text = query.toString().replaceAll("%2C", ",").replaceAll("%2F", "/").replaceAll("%3A", ":");
  return text ? `${path}?${text}` : path;
}

/**
 * Listens to what changes, until the function that it returns is called. `handlers` are named like the events and get
 * their data. Each new connection begins with `hello` and then tells how far each watched thing has come, so nothing
 * is missed. A page in the background lets its connection go (a browser has only six for one server) and takes a new
 * one when it is seen again.
 */
export function live(parameters, handlers) {
  let source = null;
  let retry = null;
  const disconnect = () => {
    clearTimeout(retry);
    source?.close();
    source = null;
  };
  const connect = () => {
    disconnect();
    source = new EventSource(address("/api/live", parameters));
    for (const name of EVENTS) {
      source.addEventListener(name, (event) => {
        if (name === "hello") tell(true);
        handlers[name]?.(JSON.parse(event.data));
      });
    }
    source.addEventListener("error", () => {
      if (source?.readyState === EventSource.CLOSED) {
        retry = setTimeout(connect, RETRY_MS);
        tellWhy();
      } else tell(false);
    });
  };
  const seen = () => (document.hidden ? disconnect() : connect());
  document.addEventListener("visibilitychange", seen);
  seen();
  return () => {
    document.removeEventListener("visibilitychange", seen);
    disconnect();
  };
}

function tell(connected, { refused = false } = {}) {
  document.dispatchEvent(new CustomEvent("connection", { detail: { connected, refused } }));
}

/** A server that was started anew answers, but knows this page's cookie no more; an EventSource does not say which. */
async function tellWhy() {
  try {
    await get("/api/info");
    tell(false);
  } catch ({ status }) {
    tell(false, { refused: status === 401 });
  }
}

async function ask(path, options) {
  let response;
  try {
    response = await fetch(path, options);
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Problem(t("The dashboard does not answer. Is `windlass dashboard` still running?"), 0);
  }
  if (response.ok) return response;
  throw new Problem(await reason(response), response.status);
}

async function reason(response) {
  const text = await response.text();
  try {
    return JSON.parse(text).error;
  } catch {
    return text || response.statusText; // the page that asks for the token is no JSON
  }
}
