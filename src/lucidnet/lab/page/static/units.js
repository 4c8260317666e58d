// The network drawn: each unit with what it puts out over the plane, lines as thick as the weights.

import { paint, palette } from "./colour.js";
import { largest } from "./frame.js";
import { make, paced, short } from "./numbers.js";
import { blockOf, read } from "./readout.js";

const MOST = 16;

/**
 * A layer as it is drawn: how many units it has, and where they stand.
 * @typedef {{ name: string, count: number, shown: number, x: number, size: number, top: number, pitch: number }} Column
 */

/** A picture of what a unit puts out over the plane. @type {HTMLCanvasElement} */
const stamp = make("canvas", { width: 24, height: 24 });

/** One network, drawn. */
export class Units {
  /**
   * @param {string} letter @param {(letter: string, name: string|null, unit: number) => void} hover Shows a unit on the plane; no name: the output again.
   * @param {() => Record<string, string|null>} sources Whose output each layer takes; the network's input has no name.
   */
  constructor(letter, hover, sources) {
    this.letter = letter;
    this.sources = sources;
    this.path = `${letter}/units`;
    this.hover = hover;
    this.row = this.column = 0;
    this.active = false;
    this.slow = paced(60, () => {
      this.lay();
      this.draw();
    });
    /** @type {Column[]} */ this.columns = [];
    /** The name of what comes in. */ this.first = "";
    /** @type {import("./frame.js").Frame|null} */ this.frame = null;
    this.canvas = make("canvas", {
      class: "units", tabindex: "0", role: "img", "data-path": this.path,
      "aria-label": `Network ${letter}, drawn: lines are weights, boxes are units; arrow keys go from unit to unit`,
      onpointermove: (/** @type {PointerEvent} */ e) => this.point(e),
      onpointerdown: (/** @type {PointerEvent} */ e) => this.point(e),
      onpointerleave: () => this.leave(),
      onblur: () => this.leave(),
      onfocus: () => this.choose(this.column, this.row, true),
      onkeydown: (/** @type {KeyboardEvent} */ e) => {
        /** @type {Record<string, number[]>} */
        const ways = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
        const way = ways[e.key];
        if (!way) return;
        this.choose(this.column + way[0], this.row + way[1], true);
        e.preventDefault();
        e.stopPropagation();
      },
    });
  }

  /** @param {number} column @param {number} row @param {boolean} aloud */
  choose(column, row, aloud = false) {
    if (!this.columns.length) return;
    this.active = true;
    this.column = Math.max(0, Math.min(this.columns.length - 1, column));
    this.row = Math.max(0, Math.min(this.columns[this.column].shown - 1, row));
    read(this, this.row, this.column, aloud);
    this.hover(this.letter, this.columns[this.column].name, this.row);
    this.draw();
  }

  leave() {
    this.active = false;
    this.draw();
    this.hover(this.letter, null, 0);
  }

  /** @param {PointerEvent} e */
  point(e) {
    const box = this.canvas.getBoundingClientRect(), x = e.clientX - box.left, y = e.clientY - box.top;
    const c = this.columns.findIndex((one) => x >= one.x - 4 && x <= one.x + one.size + 4);
    if (c < 0) return;
    const { top, pitch } = this.columns[c];
    this.choose(c, Math.floor((y - top) / pitch));
  }

  /** @param {number} row @param {number} column */
  tell(row, column) {
    const one = this.columns[column];
    if (!one || !this.frame) return "";
    const words = [`Network ${this.letter}, ${one.name}, unit ${row + 1} of ${one.count}`];
    const raw = this.frame.arrays.get(`${this.letter}/units/${one.name}`), scale = this.header()?.units?.[one.name];
    if (raw && scale) {
      const own = Array.from(raw.data.subarray(row * 576, row * 576 + 576)), unit = scale[0] / 127;
      words.push(`from ${short(Math.min(...own) * unit)} to ${short(Math.max(...own) * unit)} over the plane`);
    }
    const weights = this.weights(column);
    if (weights) {
      const { data, shape } = weights.raw;
      let best = 0;
      for (let i = 0; i < shape[0]; i++) if (Math.abs(data[i * shape[1] + row]) > Math.abs(data[best * shape[1] + row])) best = i;
      words.push(`strongest weight ${short(data[best * shape[1] + row])}, from ${best + 1}`);
    }
    return words.join("; ");
  }

  header() {
    return this.frame?.header.networks["AB".indexOf(this.letter)];
  }

  /** The weights into a column and the column that they come from, if there is one for each pair of units. @param {number} column */
  weights(column) {
    const here = this.columns[column], before = here && this.before(here.name);
    const raw = before && this.frame?.arrays.get(`${this.letter}/weights/${here.name}.W`);
    if (!raw || this.header()?.shapes[`weights/${here.name}.W`].length !== 2) return null;
    return raw.shape[0] === before.count && raw.shape[1] === here.count ? { raw, before } : null;
  }

  /** The column whose outputs a layer takes: that of the nearest layer before it that has one. @param {string} name */
  before(name) {
    const sources = this.sources();
    for (let source = sources[name]; typeof source === "string"; source = sources[source]) {
      const found = this.columns.findLast((one) => one.name === source || one.name.startsWith(`${source}.`));
      if (found) return found;
      if (!source) return this.columns[0].name === "input" ? this.columns[0] : null;
    }
    return null;
  }

  /** @param {import("./frame.js").Frame} frame */
  show(frame) {
    this.frame = frame;
    this.slow(frame);
  }

  /** Finds the columns, and where they stand. */
  lay() {
    const { shapes = {}, rows = {} } = this.header() ?? {};
    /** @type {[string, number][]} */ const found = [];
    const units = (/** @type {string} */ name) => (Array.isArray(rows[name]) ? rows[name][4] : shapes[`activations/${name}`]?.at(-1));
    this.first = Object.keys(rows)[0] ?? "";
    for (const [path, shape] of Object.entries(shapes)) { // a column for each layer with a matrix of weights, or more
      const name = path.slice(8, path.lastIndexOf("."));
      if (!path.startsWith("weights/") || shape.length < 2 || found.at(-1)?.[0] === name) continue;
      if (!found.length) found.push(["input", this.first === name ? shape.at(-2) : units(this.first) ?? shape[0]]);
      found.push([name, units(name) ?? shape.at(-1)]);
    }
    const width = this.canvas.clientWidth || 300, most = Math.max(1, ...found.map(([, n]) => Math.min(MOST, n)));
    const size = Math.max(10, Math.min(30, Math.floor(252 / most) - 3, width / (found.length * 1.6 || 1)));
    const height = Math.round(most * (size + 3) + 22);
    if (this.canvas.style.height !== `${height}px`) this.canvas.style.height = `${height}px`;
    this.columns = found.map(([name, count], i) => {
      const shown = Math.min(MOST, count), pitch = size + 3;
      return { name, count, shown, size, pitch, x: found.length > 1 ? (i / (found.length - 1)) * (width - size) : 0, top: (height - 20 - shown * pitch) / 2 };
    });
  }

  draw() {
    const ratio = devicePixelRatio || 1, width = this.canvas.clientWidth, height = this.canvas.clientHeight;
    if (!width || !this.frame) return;
    if (this.canvas.width !== Math.round(width * ratio)) this.canvas.width = Math.round(width * ratio);
    if (this.canvas.height !== Math.round(height * ratio)) this.canvas.height = Math.round(height * ratio);
    const c = this.canvas.getContext("2d"), colours = palette();
    c.setTransform(ratio, 0, 0, ratio, 0, 0);
    c.clearRect(0, 0, width, height);
    this.columns.forEach((_, i) => this.lines(c, i));
    c.imageSmoothingEnabled = false;
    c.font = "11px system-ui, sans-serif";
    this.columns.forEach((one, k) => {
      for (let i = 0; i < one.shown; i++) {
        const y = one.top + i * one.pitch, marked = this.active && k === this.column && i === this.row;
        this.unit(one, i);
        c.drawImage(stamp, one.x, y, one.size, one.size);
        c.strokeStyle = marked ? colours.ink : colours.muted;
        c.lineWidth = marked ? 2 : 0.7;
        c.strokeRect(one.x, y, one.size, one.size);
      }
      c.fillStyle = colours.muted;
      c.textAlign = k === 0 ? "left" : k === this.columns.length - 1 ? "right" : "center";
      const x = k === 0 ? one.x : k === this.columns.length - 1 ? one.x + one.size : one.x + one.size / 2;
      c.fillText(one.count > one.shown ? `${one.name} (${one.count})` : one.name, x, height - 5);
    });
  }

  /** Draws the weights into a column. @param {CanvasRenderingContext2D} c @param {number} column */
  lines(c, column) {
    const found = this.weights(column);
    if (!found) return;
    const { raw, before } = found, here = this.columns[column], [, wide] = raw.shape;
    const most = largest(raw) || 1;
    const { lut } = palette(), last = lut.length - 3, bits = [0.14, 0.86].map((share) => 3 * Math.round((share * last) / 3));
    const [minus, plus] = bits.map((i) => `rgb(${lut[i]},${lut[i + 1]},${lut[i + 2]})`);
    for (let i = 0; i < before.shown; i++)
      for (let k = 0; k < here.shown; k++) {
        const share = raw.data[i * wide + k] / most, marked = this.active && column === this.column && k === this.row;
        if (!(Math.abs(share) > 0.02)) continue;
        c.strokeStyle = share < 0 ? minus : plus;
        c.globalAlpha = marked ? 1 : 0.08 + 0.72 * Math.abs(share);
        c.lineWidth = 0.4 + 3 * Math.abs(share);
        c.beginPath();
        const x0 = before.x + before.size, y0 = before.top + i * before.pitch + before.size / 2;
        const x1 = here.x, y1 = here.top + k * here.pitch + here.size / 2, mid = (x0 + x1) / 2;
        c.moveTo(x0, y0);
        c.bezierCurveTo(mid, y0, mid, y1, x1, y1);
        c.stroke();
      }
    c.globalAlpha = 1;
  }

  /** Makes the stamp of a unit: over the plane, or in one colour by the first example. @param {Column} one @param {number} i */
  unit(one, i) {
    const c = stamp.getContext("2d"), frame = this.frame;
    if (!c || !frame) return;
    const picture = c.createImageData(24, 24), raw = frame.arrays.get(`${this.letter}/units/${one.name}`);
    const value = raw ? (/** @type {number} */ y, /** @type {number} */ x) => raw.data[i * 576 + y * 24 + x] / 127 : this.seen(one, i);
    for (let y = 0; y < 24; y++)
      for (let x = 0; x < 24; x++) paint(picture.data, 4 * ((23 - y) * 24 + x), value(y, x));
    c.putImageData(picture, 0, 0);
  }

  /** What a unit puts out for the first example, from -1 to 1: of an image at a place of the stamp. @param {Column} one @param {number} i @returns {(y: number, x: number) => number} */
  seen(one, i) {
    const name = one.name === "input" ? this.first : one.name, header = this.header(), rows = header?.rows[name];
    const seen = this.frame?.arrays.get(`${this.letter}/activations/${name}`);
    if (!seen || (Array.isArray(rows) && i >= rows[3])) return () => NaN;
    const most = largest(seen) || 1, [tall, wide] = header.shapes[`activations/${name}`].slice(-2);
    const at = (/** @type {number} */ row, /** @type {number} */ column) => seen.data[blockOf(tall, row) * seen.shape[1] + blockOf(wide, column)] / most;
    if (!Array.isArray(rows)) return () => at(0, i);
    const [height, width, beside] = rows, top = Math.floor(i / beside) * (height + 1), left = (i % beside) * (width + 1);
    return (y, x) => at(top + Math.floor(((23 - y) * height) / 24), left + Math.floor((x * width) / 24));
  }
}
