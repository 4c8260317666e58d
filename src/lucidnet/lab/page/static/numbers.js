// Numbers as text, and elements made in one call.

/** A number as it is read: four digits, small ones with an exponent. @param {number|null|undefined} v */
export function short(v) {
  if (v === null || v === undefined || Number.isNaN(v)) return "–";
  if (v === 0) return "0";
  const size = Math.abs(v);
  if (size >= 1e5 || size < 1e-3) return v.toExponential(2);
  return String(Number(v.toPrecision(4)));
}

/** A whole number with commas. @param {number} n */
export function thousands(n) {
  return Math.round(n).toLocaleString("en");
}

/**
 * An element with attributes and what is in it; `on...` are listeners.
 * @param {string} tag @param {Record<string, any>} [attrs] @param {...(Node|string)} inside
 * @returns {any}
 */
export function make(tag, attrs = {}, ...inside) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attrs)) {
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (name in node && typeof value !== "string") Object.assign(node, { [name]: value });
    else node.setAttribute(name, String(value));
  }
  node.append(...inside);
  return node;
}

/** The element with an id. @param {string} id @returns {any} */
export function byId(id) {
  return document.getElementById(id);
}

/**
 * A function that draws at most every so many milliseconds; what was asked for last is always drawn.
 * @template T
 * @param {number} ms @param {(what: T) => void} draw @returns {(what: T) => void}
 */
export function paced(ms, draw) {
  let last = -Infinity, timer = 0;
  /** @type {T} */ let newest;
  const now = () => {
    timer = 0;
    last = performance.now();
    draw(newest);
  };
  return (what) => {
    newest = what;
    if (timer) return;
    const wait = last + ms - performance.now();
    if (wait <= 0) now();
    else timer = setTimeout(now, wait);
  };
}
