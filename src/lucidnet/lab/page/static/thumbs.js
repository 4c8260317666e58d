// Small pictures of the data that can be chosen.

import { palette } from "./colour.js";
import { make } from "./numbers.js";
import { marker } from "./plane.js";

/** A picture of a data set: points of two classes, a line, or pixels. @param {any} thumb @returns {HTMLCanvasElement} */
export function thumbnail(thumb) {
  const ratio = devicePixelRatio || 1, wide = 40, high = 30;
  const canvas = make("canvas", { width: wide * ratio, height: high * ratio, "aria-hidden": "true", class: "thumb" });
  const c = canvas.getContext("2d"), colours = palette();
  c.scale(ratio, ratio);
  for (const [x, y, label] of thumb?.points ?? []) {
    c.fillStyle = colours.classes[label];
    marker(c, label, 7 + x * 0.26, 28 - y * 0.26, 1.1);
    c.fill();
  }
  if (thumb?.line) {
    c.strokeStyle = colours.classes[0];
    c.lineWidth = 1.4;
    c.beginPath();
    thumb.line.forEach((/** @type {number} */ y, /** @type {number} */ t) => c.lineTo(2 + (36 * t) / thumb.line.length, 27 - 0.24 * y));
    c.stroke();
  }
  thumb?.pixels?.forEach((/** @type {number} */ v, /** @type {number} */ i) => {
    c.globalAlpha = v / 100;
    c.fillStyle = colours.ink;
    c.fillRect(8 + 3 * (i % 8), 3 + 3 * Math.floor(i / 8), 3, 3);
  });
  return canvas;
}
