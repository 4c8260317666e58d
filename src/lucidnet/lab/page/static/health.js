// How well the layers are: how their weights are spread, what is flat or dead, how far a step moves them.

import { palette } from "./colour.js";
import { make, short } from "./numbers.js";

const LOW = -6, HIGH = 0;

/** A canvas of some size, sharp on all screens, with what it shows in words. @param {number} width @param {number} height @param {string} label */
function board(width, height, label) {
  const ratio = devicePixelRatio || 1;
  const canvas = make("canvas", { class: "small", width: Math.round(width * ratio), height: Math.round(height * ratio), role: "img", "aria-label": label, title: label });
  canvas.style.width = `${width}px`;
  canvas.style.height = `${height}px`;
  const c = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
  c.scale(ratio, ratio);
  c.font = "10px system-ui, sans-serif";
  return { canvas, c };
}

/**
 * How an array's numbers are spread, as the server tells it.
 * @typedef {{ bins: number[], most: number, low: number, high: number, mean: number, deviation: number }} Spread
 */

/** A histogram of numbers, in the colour of its network. @param {Spread} spread @param {string} letter @param {string} name */
export function histogram({ bins, most }, letter, name) {
  const { canvas, c } = board(124, 46, `Network ${letter}: weights of ${name}, from -${short(most)} to ${short(most)}`);
  const top = Math.max(...bins, 1), colours = palette();
  c.fillStyle = letter === "B" ? colours.b : colours.a;
  bins.forEach((count, i) => c.fillRect(4 * i, 33 - (32 * count) / top, 3, (32 * count) / top + 1));
  c.fillStyle = colours.muted;
  [[`−${short(most)}`, 0, "left"], ["0", 61, "center"], [short(most), 123, "right"]].forEach(([words, x, side]) => {
    c.textAlign = /** @type {CanvasTextAlign} */ (side);
    c.fillText(String(words), Number(x), 44);
  });
  return canvas;
}

/** How far a step moves weights, for their size, on a log axis with a line at 1e-3. @param {number|null|undefined} ratio @param {string} letter @param {string} name */
export function ratioBar(ratio, letter, name) {
  const told = ratio === null || ratio === undefined ? "not measured yet" : short(ratio);
  const { canvas, c } = board(124, 46, `Network ${letter}: update to weight of ${name}: ${told}; the line is 1e-3`);
  const colours = palette(), x = (/** @type {number} */ power) => 6 + ((power - LOW) / (HIGH - LOW)) * 112;
  c.fillStyle = colours.line;
  c.fillRect(6, 19, 112, 2);
  c.fillStyle = colours.muted;
  c.fillRect(x(-3) - 1, 8, 2, 24);
  [-6, -3, 0].forEach((power) => {
    c.textAlign = power === LOW ? "left" : power === HIGH ? "right" : "center";
    c.fillText(power ? `1e${power}` : "1", power === LOW ? 0 : power === HIGH ? 124 : x(power), 44);
  });
  if (ratio) {
    c.fillStyle = letter === "B" ? colours.b : colours.a;
    c.beginPath();
    c.arc(x(Math.max(LOW, Math.min(HIGH, Math.log10(ratio)))), 20, 6, 0, 7);
    c.fill();
  }
  return canvas;
}

/** What is known of one layer. @param {import("./frame.js").Frame} frame @param {number} network @param {string} layer */
export function healthOf(frame, network, layer) {
  const letter = "AB"[network], header = frame.header.networks[network], start = `${letter}/weights/`;
  const names = [...frame.arrays.keys()].filter((path) => path.startsWith(`${start}${layer}.`)).map((path) => path.slice(start.length));
  const name = names.find((one) => one.endsWith(".W")) ?? names[0], /** @type {Spread|undefined} */ spread = header.spread[name];
  if (!spread?.bins) return make("div", { class: "maps hint" }, name ? "no weight is a finite number" : "–");
  const [flat, dead] = header.health[layer] ?? [], move = header.moves[name];
  const words = [`update/weight ${short(move)}`];
  if (flat !== undefined) words.push(`${Math.round(100 * flat)}% flat`, `${Math.round(100 * dead)}% dead`);
  return make("div", { class: "maps" },
    make("div", { class: "pair" }, histogram(spread, letter, name), ratioBar(move, letter, name)),
    make("span", { class: "hint" }, `${words.join(", ")}; mean ${short(spread.mean)}, deviation ${short(spread.deviation)}, from ${short(spread.low)} to ${short(spread.high)}`));
}
