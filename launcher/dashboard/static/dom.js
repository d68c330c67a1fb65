// Elements without HTML: all text becomes text nodes, so that markup in names stays inert.

const PROPERTIES = new Set(["value", "checked", "disabled", "indeterminate", "selected", "open", "hidden"]);
const SVG = "http://www.w3.org/2000/svg";
const TOAST_MS = 6000;

/** The first element that a selector finds. */
export const $ = (selector, root = document) => root.querySelector(selector);

/**
 * An element. Attributes: `on: {click: fn}` adds listeners, `style: {width: "2px"}` sets styles one by one (the
 * content security policy refuses them as text), `true` is an attribute without a value, null and false leave it out.
 * Children: nodes, strings, numbers, arrays of these; null and false are left out.
 */
export function h(tag, attributes = {}, ...children) {
  return fill(document.createElement(tag), attributes, children);
}

/** The same for SVG. */
export function svg(tag, attributes = {}, ...children) {
  return fill(document.createElementNS(SVG, tag), attributes, children);
}

/** Puts these children in the place of what an element holds. */
export function replace(parent, ...children) {
  parent.replaceChildren(...flat(children));
  return parent;
}

/** A message that goes away by itself; kind "error" or "info". */
export function toast(text, kind = "info") {
  const message = h("div", { class: `toast toast-${kind}`, role: kind === "error" ? "alert" : "status" }, text);
  $("#toasts").append(message);
  setTimeout(() => message.remove(), TOAST_MS);
}

function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) set(element, name, value);
  element.append(...flat(children));
  return element;
}

function set(element, name, value) {
  if (name === "on") {
    for (const [event, listener] of Object.entries(value)) element.addEventListener(event, listener);
  } else if (name === "style") {
    for (const [property, text] of Object.entries(value)) element.style.setProperty(property, text);
  } else if (PROPERTIES.has(name)) {
    if (value !== null && value !== undefined) element[name] = value;
  } else if (value !== null && value !== undefined && value !== false) {
    element.setAttribute(name, value === true ? "" : String(value));
  }
}

function flat(children) {
  return children
    .flat(Infinity)
    .filter((child) => child !== null && child !== undefined && child !== false)
    .map((child) => (child instanceof Node ? child : String(child)));
}
