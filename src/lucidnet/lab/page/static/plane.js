// Which class a network gives to each point of a plane, and the data on it; shapes tell classes, too.

import { channels, paint, palette, shade } from "./colour.js";
import { make, short } from "./numbers.js";
import { read } from "./readout.js";

const FINE = 32767;
/** @type {Record<string, number[]>} */
const WAYS = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [1, 0], ArrowDown: [-1, 0] };

/** Draws the marker of a class around a place. @param {CanvasRenderingContext2D} c @param {number} kind @param {number} x @param {number} y @param {number} r */
export function marker(c, kind, x, y, r) {
  c.beginPath();
  if (kind % 4 === 0) c.arc(x, y, r, 0, 7);
  else if (kind % 4 === 1) c.rect(x - r * 0.9, y - r * 0.9, 1.8 * r, 1.8 * r);
  else {
    const corners = kind % 4 === 2 ? 4 : 3;
    for (let i = 0; i < corners; i++) {
      const angle = -Math.PI / 2 + (2 * Math.PI * i) / corners;
      c.lineTo(x + 1.2 * r * Math.cos(angle), y + 1.2 * r * Math.sin(angle));
    }
    c.closePath();
  }
}

/** The plane of one network. */
export class Plane {
  /** @param {string} letter @param {(x: number, y: number, other: boolean) => void} add Adds a point; null where that is not possible. */
  constructor(letter, add) {
    this.letter = letter;
    this.path = `${letter}/plane`;
    this.row = this.column = 50;
    /** @type {any} */ this.data = null;
    /** @type {any} */ this.sure = null;
    /** @type {any} */ this.winner = null;
    /** @type {any} */ this.values = null;
    /** The layer whose unit is shown, and which; none: the output. @type {string|null} */ this.layer = null;
    this.unit = 0;
    /** @type {import("./frame.js").Frame|null} */ this.frame = null;
    let held = 0;
    this.canvas = make("canvas", {
      width: 100, height: 100, tabindex: "0", role: "img", "data-path": this.path, class: "map",
      "aria-label": `Network ${letter}: its output on the plane; arrow keys read values, Enter adds a point, Shift and Enter of the other class`,
      onpointermove: (/** @type {PointerEvent} */ e) => this.point(e),
      onpointerdown: () => (held = performance.now()),
      onclick: (/** @type {PointerEvent} */ e) => {
        this.point(e);
        const [x, y] = this.where();
        add(x, y, e.shiftKey || performance.now() - held > 500);
      },
      onfocus: () => read(this, this.row, this.column, true),
      onkeydown: (/** @type {KeyboardEvent} */ e) => {
        const way = WAYS[e.key];
        if (e.key === "Enter") {
          const [x, y] = this.where();
          add(x, y, e.shiftKey);
        } else if (way) {
          this.row = Math.max(0, Math.min(99, this.row + way[0]));
          this.column = Math.max(0, Math.min(99, this.column + way[1]));
          read(this, this.row, this.column, true);
        } else return;
        e.preventDefault();
        e.stopPropagation();
      },
    });
    this.points = make("canvas", { "aria-hidden": "true" });
    this.element = make("div", { class: "plane" }, this.canvas, this.points);
  }

  /** Shows a unit, or the output again. @param {string|null} layer @param {number} unit */
  choose(layer, unit) {
    this.layer = layer;
    this.unit = unit;
    if (this.frame) this.show(this.frame, this.data);
  }

  /** The place in the plane that is read. */
  where() {
    const [left, right, bottom, top] = this.data.extent;
    return [left + (this.column / 99) * (right - left), bottom + (this.row / 99) * (top - bottom)];
  }

  /** @param {PointerEvent} e */
  point(e) {
    const box = this.canvas.getBoundingClientRect();
    this.column = Math.max(0, Math.min(99, Math.floor(((e.clientX - box.left) / box.width) * 100)));
    this.row = Math.max(0, Math.min(99, 99 - Math.floor(((e.clientY - box.top) / box.height) * 100)));
    read(this, this.row, this.column);
  }

  /** @param {number} row @param {number} column */
  tell(row, column) {
    const i = row * 100 + column, [x, y] = this.where();
    const at = `Network ${this.letter} at (${short(x)}, ${short(y)})`;
    if (this.values) return `${at}: ${short(this.values[i])}`;
    if (!this.winner) return at;
    const k = this.data.outputs, sure = this.sure[i] / FINE;
    const name = this.data.names?.[this.winner[i]] ?? this.winner[i];
    return `${at}: class ${name}, probability ${short(1 / k + sure * (1 - 1 / k))}`;
  }

  /** @param {import("./frame.js").Frame} frame @param {any} data The data of the configuration. */
  show(frame, data) {
    this.data = data;
    this.frame = frame;
    const get = (/** @type {string} */ name) => frame.arrays.get(`${this.letter}/${name}`)?.data ?? null;
    this.sure = get("sure");
    this.winner = get("winner");
    this.values = get("plane");
    const context = this.canvas.getContext("2d"), picture = context.createImageData(100, 100);
    const { page, classes } = palette(), shown = this.layer && frame.arrays.get(this.layer);
    const sharp = /** @type {any} */ (document.getElementById("sharp"))?.checked;
    const zero = channels(page), tints = classes.map(channels);
    for (let row = 0; row < 100; row++) {
      for (let column = 0; column < 100; column++) {
        const i = row * 100 + column, place = 4 * ((99 - row) * 100 + column);
        if (shown) {
          paint(picture.data, place, shown.data[this.unit * 576 + Math.floor(row * 0.24) * 24 + Math.floor(column * 0.24)] / 127);
          continue;
        }
        if (this.values) {
          const [low, high] = data.range;
          const share = (2 * (this.values[i] - low)) / (high - low || 1) - 1;
          paint(picture.data, place, 0.5 * (sharp ? Math.sign(share) : share));
          continue;
        }
        const sure = (this.sure?.[i] ?? 0) / FINE, tint = tints[(this.winner?.[i] ?? 0) % 8];
        const share = sharp ? 0.5 : 0.08 + 0.42 * sure;
        for (let k = 0; k < 3; k++) picture.data[place + k] = Math.round(zero[k] + (tint[k] - zero[k]) * share);
        picture.data[place + 3] = 255;
      }
    }
    context.putImageData(picture, 0, 0);
  }

  /** Draws the data: filled those of the training, hollow those of the test. @param {any} data */
  scatter(data) {
    const ratio = devicePixelRatio || 1, size = Math.round(this.element.clientWidth * ratio);
    if (!size) return;
    this.points.width = this.points.height = size;
    const c = this.points.getContext("2d"), [left, right, bottom, top] = data.extent;
    const { classes, panel } = palette();
    const most = data.range ? Math.max(Math.abs(data.range[0]), Math.abs(data.range[1])) : 1;
    const hidden = /** @type {any} */ (document.getElementById("only-train"))?.checked;
    data.points.forEach((/** @type {number[]} */ [x, y, label], /** @type {number} */ i) => {
      if (hidden && i >= data.tested_from) return;
      const kind = data.classes ? label : label / (most || 1) > 0 ? 0 : 1;
      const px = ((x - left) / (right - left)) * size, py = size - ((y - bottom) / (top - bottom)) * size;
      marker(c, kind, px, py, 2.6 * ratio);
      const own = data.classes ? classes[kind % 8] : shade(label / (most || 1)), tested = i >= data.tested_from;
      c.fillStyle = tested ? panel : own;
      c.strokeStyle = tested ? own : panel;
      c.lineWidth = (tested ? 1.3 : 0.7) * ratio;
      c.fill();
      c.stroke();
    });
  }
}
