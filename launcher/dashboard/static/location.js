// Where the page is: other views, and the state of this one in its address.

import { address } from "./api.js";

/** Goes to another view, with an entry in the history. */
export function navigate(path) {
  history.pushState(null, "", path);
  dispatchEvent(new PopStateEvent("popstate"));
}

/** Keeps the state of a view in its address. Null and "" take a parameter out; those not named stay. */
export function setQuery(parameters) {
  const { pathname, searchParams } = new URL(location.href);
  const before = Object.fromEntries([...searchParams.keys()].map((name) => [name, searchParams.getAll(name)]));
  history.replaceState(null, "", address(pathname, { ...before, ...parameters }));
}
