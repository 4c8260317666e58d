// The line that tells the value under the pointer, or under the keys; it goes on being told as it changes.

import { byId, short } from "./numbers.js";

/**
 * What can be read: a place in it, and what the value there is called.
 * @typedef {{ path: string, canvas: HTMLElement, tell: (row: number, column: number) => string }} Readable
 */

/** @type {{ source: Readable, row: number, column: number }|null} */
let place = null;

/** Reads a place from now on. @param {Readable} source @param {number} row @param {number} column @param {boolean} aloud */
export function read(source, row, column, aloud = false) {
  place = { source, row, column };
  refresh();
  if (aloud) byId("spoken").textContent = byId("reading").textContent;
}

/** Tells the value again, as it is now. */
export function refresh() {
  if (place && !place.source.canvas.isConnected) place = null; // it shows something else now
  if (place) byId("reading").textContent = place.source.tell(place.row, place.column);
}

/** What is read now. */
export function reading() {
  return place;
}

/** "Network B, weights of dense1, from 5 to 3: -0.412". @param {string} path @param {number} row @param {number} column @param {number} value */
export function sentence(path, row, column, value) {
  const [letter, kind, name] = path.split("/");
  const at = name.lastIndexOf("."), layer = name.slice(0, at < 0 ? undefined : at), what = at < 0 ? "" : name.slice(at + 1);
  if (kind === "activations") return `Network ${letter}, ${layer}, example ${row + 1}, unit ${column + 1}: ${short(value)}`;
  const where = what === "b" ? `of unit ${column + 1}` : `from ${row + 1} to ${column + 1}`;
  return `Network ${letter}, ${kind} ${what} of ${layer}, ${where}: ${short(value)}`;
}
