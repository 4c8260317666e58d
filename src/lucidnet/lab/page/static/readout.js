// The line that tells the value under the pointer, or under the keys; it goes on being told as it changes.

import { byId, short } from "./numbers.js";

/**
 * What can be read: a place in it, and what the value there is called.
 * @typedef {{ path: string, canvas: HTMLElement, tell: (row: number, column: number) => string }} Readable
 */

/** @type {{ source: Readable, row: number, column: number }|null} */
let place = null;

/** What stands there while nothing is read. */
let idle = "";

/** Says what can be read, where nothing is. @param {string} words */
export function invite(words) {
  idle = words;
  refresh();
}

/** Reads a place from now on. @param {Readable} source @param {number} row @param {number} column @param {boolean} aloud */
export function read(source, row, column, aloud = false) {
  place = { source, row, column };
  refresh();
  if (aloud) byId("spoken").textContent = byId("reading").textContent;
}

/** Tells the value again, as it is now. */
export function refresh() {
  if (place && !place.source.canvas.isConnected) place = null; // it shows something else now
  byId("reading").textContent = place ? place.source.tell(place.row, place.column) : idle;
}

/** What is read now. */
export function reading() {
  return place;
}

/** The largest map: arrays with more rows or columns are shown as means of blocks. */
const MAPPED = 128;

/** Where a block of an axis begins, as on the server. @param {number} size @param {number} k */
const edge = (size, k) => Math.floor((k * size) / Math.min(size, MAPPED));

/** The block of an axis in which a row or column lies. @param {number} size @param {number} at */
export const blockOf = (size, at) => Math.ceil(((at + 1) * Math.min(size, MAPPED)) / size) - 1;

/** Which rows or columns a cell of a map stands for: "5", or "9–10" where it is a mean. @param {number} size @param {number} k */
function span(size, k) {
  const first = edge(size, k) + 1, last = edge(size, k + 1);
  return first < last ? `${first}–${last}` : String(first);
}

/** A place in an array of several axes, counted from 1. @param {number[]} shape @param {number} at */
function entry(shape, at) {
  const found = [];
  for (const size of [...shape].reverse()) {
    found.unshift((at % size) + 1);
    at = Math.floor(at / size);
  }
  return found.join(", ");
}

/**
 * What an array is: its own shape, and of activations what the rows of the map are: examples, times, or the channels of an
 * image beside and below each other, with a line behind each (height, width, how many beside each other, how many shown, how many there are).
 * @typedef {{ shape: number[], rows: string|number[] }} Sort
 */

/** "Network B, weights of dense1, from 5 to 3: -0.412". @param {string} path @param {number} row @param {number} column @param {number} value @param {Sort} sort */
export function sentence(path, row, column, value, { shape, rows }) {
  const [letter, kind, name] = path.split("/");
  const wide = shape.at(-1) ?? 1, before = shape.slice(0, -1), tall = before.reduce((a, b) => a * b, 1);
  const mean = Math.max(wide, tall) > MAPPED ? ", mean" : "";
  if (Array.isArray(rows)) {
    const [height, width, beside, shown] = rows, at = edge(tall, row), right = edge(wide, column);
    const channel = Math.floor(at / (height + 1)) * beside + Math.floor(right / (width + 1)), i = at % (height + 1), j = right % (width + 1);
    if (channel >= shown || i === height || j === width) return `Network ${letter}, ${name}: between the channels`;
    return `Network ${letter}, ${name}, example 1, channel ${channel + 1}, at (${i + 1}, ${j + 1})${mean}: ${short(value)}`;
  }
  if (kind === "activations") {
    const which = rows === "example" ? `example ${span(tall, row)}` : `example 1, ${rows} ${before.length < 2 ? span(tall, row) : entry(before, edge(tall, row))}`;
    return `Network ${letter}, ${name}, ${which}, unit ${span(wide, column)}${mean}: ${short(value)}`;
  }
  const dot = name.lastIndexOf("."), layer = name.slice(0, dot < 0 ? undefined : dot), what = dot < 0 ? "" : name.slice(dot + 1);
  let where = `from ${span(tall, row)} to ${span(wide, column)}`;
  if (!before.length) where = `of unit ${span(wide, column)}`;
  else if (before.length > 1) where = `at (${entry(before, edge(tall, row))}, ${span(wide, column)})`;
  return `Network ${letter}, ${kind} ${what} of ${layer}, ${where}${mean}: ${short(value)}`;
}
