// How well the layers are: how their weights are spread, what is flat or dead, how far a step moves them.

import { palette } from "./colour.js";
import { make, short } from "./numbers.js";

const LOW = -6, HIGH = 0;

/** A histogram of numbers, in the colour of its network. @param {ArrayLike<number>} values @param {string} letter @param {string} name */
export function histogram(values, letter, name) {
  const bins = new Array(31).fill(0);
  let most = 0;
  for (let i = 0; i < values.length; i++) if (Number.isFinite(values[i])) most = Math.max(most, Math.abs(values[i]));
  for (let i = 0; i < values.length; i++) {
    const at = Math.round((values[i] / (most || 1)) * 15) + 15;
    if (at >= 0 && at < 31) bins[at] += 1;
  }
  const label = `Network ${letter}: weights of ${name}, from -${short(most)} to ${short(most)}`;
  const canvas = make("canvas", { width: 155, height: 34, role: "img", "aria-label": label, title: label });
  const c = canvas.getContext("2d"), top = Math.max(...bins, 1), colours = palette();
  c.fillStyle = letter === "B" ? colours.b : colours.a;
  bins.forEach((count, i) => c.fillRect(5 * i, 33 - (32 * count) / top, 4, (32 * count) / top + 1));
  return canvas;
}

/** How far a step moves weights, for their size, on a log axis with a line at 1e-3. @param {number|null|undefined} ratio @param {string} letter @param {string} name */
export function ratioBar(ratio, letter, name) {
  const told = ratio === null || ratio === undefined ? "not measured yet" : short(ratio);
  const label = `Network ${letter}: update to weight of ${name}: ${told}; the line is 1e-3`;
  const canvas = make("canvas", { width: 155, height: 14, role: "img", "aria-label": label, title: label });
  const c = canvas.getContext("2d"), colours = palette();
  const x = (/** @type {number} */ power) => 4 + ((power - LOW) / (HIGH - LOW)) * 147;
  c.fillStyle = colours.line;
  c.fillRect(4, 6, 147, 2);
  c.fillStyle = colours.muted;
  c.fillRect(x(-3) - 1, 0, 2, 14);
  if (ratio) {
    c.fillStyle = letter === "B" ? colours.b : colours.a;
    c.beginPath();
    c.arc(x(Math.max(LOW, Math.min(HIGH, Math.log10(ratio)))), 7, 5, 0, 7);
    c.fill();
  }
  return canvas;
}

/** What is known of one layer. @param {import("./frame.js").Frame} frame @param {number} network @param {string} layer */
export function healthOf(frame, network, layer) {
  const letter = "AB"[network], header = frame.header.networks[network], name = `${layer}.W`;
  const raw = frame.arrays.get(`${letter}/weights/${name}`);
  const parts = [];
  if (raw) parts.push(histogram(raw.data, letter, name), ratioBar(header.moves[name], letter, name));
  const [flat, dead] = header.health[layer] ?? [];
  const words = [`update/weight ${short(header.moves[name])}`];
  if (flat !== undefined) words.push(`${Math.round(100 * flat)}% flat`, `${Math.round(100 * dead)}% dead`);
  return make("div", { class: "maps" }, ...parts, make("span", { class: "hint" }, words.join(", ")));
}
