// Numbers over steps: A solid, B dashed; the loss on a log axis; a line that reads values by mouse or keys.

import { palette } from "./colour.js";
import { make, paced, short, thousands } from "./numbers.js";

/**
 * What a chart shows: which columns of the curves of each network, each with how thick its line is.
 * @typedef {{ title: string, unit: string, log?: boolean, low?: number, high?: number, named?: [number, string][],
 *   columns: [number, number, string][], hint: string }} Chart
 */

/** One chart. */
export class Curve {
  /** @param {Chart} chart @param {(step: number) => void} goto Goes back to a step; called by Enter and double click. */
  constructor(chart, goto) {
    this.chart = chart;
    /** @type {number|null} */ this.at = null;
    /** @type {import("./frame.js").Raw|null} */ this.raw = null;
    this.networks = 1;
    this.slow = paced(60, () => this.draw()); // hundreds of rows: the eye needs no more
    this.canvas = make("canvas", {
      tabindex: "0", role: "img", "aria-label": `${chart.title} over steps; arrow keys read values, Enter goes back to the step`,
      "data-path": `curves/${chart.title}`,
      onpointermove: (/** @type {PointerEvent} */ e) => {
        const box = this.canvas.getBoundingClientRect();
        this.look(Math.round(((e.clientX - box.left - 44) / (box.width - 52)) * (this.rows() - 1)));
      },
      onpointerleave: () => this.look(null),
      onblur: () => this.look(null),
      onfocus: () => this.look(this.rows() - 1, true),
      ondblclick: () => this.at !== null && goto(this.step(this.at)),
      onkeydown: (/** @type {KeyboardEvent} */ e) => {
        const now = this.at ?? this.rows() - 1;
        if (e.key === "Enter") goto(this.step(now));
        else if (e.key === "ArrowLeft") this.look(now - 1, true);
        else if (e.key === "ArrowRight") this.look(now + 1, true);
        else if (e.key === "Home") this.look(0, true);
        else if (e.key === "End") this.look(this.rows() - 1, true);
        else return;
        e.preventDefault();
        e.stopPropagation();
      },
    });
    /** Whether the axis is logarithmic: where it is to be, and no loss is negative. */ this.log = Boolean(chart.log);
    this.line = make("p", {}, chart.hint);
    this.unit = make("span", {}, chart.unit);
    this.spoken = make("p", { class: "hidden", "aria-live": "polite" });
    this.title = make("h2", {}, chart.title);
    this.element = make("section", { class: "panel curve" },
      make("div", { class: "title" }, this.title, this.unit), this.canvas, this.line, this.spoken);
  }

  rows() {
    return this.raw ? this.raw.shape[0] : 0;
  }

  /** @param {number} row */
  step(row) {
    return this.raw ? this.raw.data[row * this.raw.shape[1]] : 0;
  }

  /** @param {number|null} row @param {boolean} aloud */
  look(row, aloud = false) {
    this.at = row === null || !this.rows() ? null : Math.max(0, Math.min(this.rows() - 1, row));
    this.draw();
    if (aloud) this.spoken.textContent = this.line.textContent;
  }

  /** @param {import("./frame.js").Raw} raw @param {number} networks */
  show(raw, networks) {
    this.raw = raw;
    this.networks = networks;
    this.slow(null);
  }

  /** The number of a network in a row. @param {number} row @param {number} network @param {number} column */
  value(row, network, column) {
    const raw = /** @type {import("./frame.js").Raw} */ (this.raw);
    return raw.data[row * raw.shape[1] + 1 + 4 * network + column];
  }

  tell() {
    if (this.at === null || !this.raw) return this.chart.hint;
    const parts = [`Step ${thousands(this.step(this.at))}`];
    for (let n = 0; n < this.networks; n++) {
      const numbers = this.chart.columns.map(([column, , name]) => `${name} ${short(this.value(/** @type {number} */ (this.at), n, column))}`);
      parts.push(`${"AB"[n]} ${numbers.join(", ")}`);
    }
    return parts.join("; ");
  }

  /** The range of the axis. @returns {[number, number]} */
  range() {
    const { low, high, columns } = this.chart;
    let least = Infinity, most = -Infinity;
    for (let row = 0; row < this.rows(); row++)
      for (let n = 0; n < this.networks; n++)
        for (const [column] of columns) {
          const v = this.value(row, n, column);
          if (!Number.isFinite(v) || (v === 0 && this.chart.log)) continue;
          least = Math.min(least, v);
          most = Math.max(most, v);
        }
    const log = (this.log = Boolean(this.chart.log) && !(least < 0));
    if (!log && low !== undefined && high !== undefined) return [low, Math.max(high, Number.isFinite(most) ? most : high)];
    if (!Number.isFinite(least)) [least, most] = log ? [0.1, 1] : [0, 1];
    if (!log) return [low ?? least, high ?? Math.max(most, least + 1e-3)];
    const bottom = Math.log10(least) - 0.05, top = Math.log10(most) + 0.05;
    const more = Math.max(0, 0.5 - (top - bottom)) / 2; // what hardly moves lies in the middle
    return [bottom - more, top + more];
  }

  draw() {
    this.line.textContent = this.tell();
    const ratio = devicePixelRatio || 1, width = this.canvas.clientWidth, height = this.canvas.clientHeight;
    if (!width) return;
    if (this.canvas.width !== Math.round(width * ratio)) this.canvas.width = Math.round(width * ratio);
    if (this.canvas.height !== Math.round(height * ratio)) this.canvas.height = Math.round(height * ratio);
    const c = this.canvas.getContext("2d"), colours = palette();
    c.setTransform(ratio, 0, 0, ratio, 0, 0);
    c.clearRect(0, 0, width, height);
    const left = 44, right = width - 8, top = 6, bottom = height - 18, [low, high] = this.range();
    const log = this.log;
    if (this.chart.log) this.unit.textContent = log ? this.chart.unit : "";
    const y = (/** @type {number} */ v) => bottom - (((log ? Math.log10(v) : v) - low) / (high - low || 1)) * (bottom - top);
    c.font = "11px system-ui, sans-serif";
    c.fillStyle = colours.muted;
    c.strokeStyle = colours.line;
    c.lineWidth = 1;
    c.textAlign = "right";
    for (const [value, name] of this.ticks(low, high)) {
      const at = y(value);
      c.beginPath();
      c.moveTo(left, at);
      c.lineTo(right, at);
      c.stroke();
      c.fillText(name, left - 5, at + 4);
    }
    const last = this.rows() ? this.step(this.rows() - 1) : 0;
    const x = (/** @type {number} */ step) => left + (step / (last || 1)) * (right - left);
    c.fillText(`${thousands(last)} step${last === 1 ? "" : "s"}`, right, height - 3);
    c.textAlign = "left";
    c.fillText("0", left, height - 3);
    for (let n = 0; n < this.networks; n++)
      for (const [column, thick] of this.chart.columns) {
        c.strokeStyle = n ? colours.b : colours.a;
        c.lineWidth = thick;
        c.globalAlpha = thick < 1 ? 0.45 : 1;
        c.setLineDash(n ? [5, 3] : []);
        c.beginPath();
        let open = false;
        for (let row = 0; row < this.rows(); row++) {
          const v = this.value(row, n, column);
          if (!Number.isFinite(v) || (log && v <= 0)) {
            open = false;
            continue;
          }
          const py = Math.max(top, Math.min(bottom, y(v)));
          if (open) c.lineTo(x(this.step(row)), py);
          else c.moveTo(x(this.step(row)), py);
          open = true;
        }
        c.stroke();
      }
    c.globalAlpha = 1;
    c.setLineDash([]);
    if (this.at !== null) {
      c.strokeStyle = colours.ink;
      c.lineWidth = 1;
      c.beginPath();
      c.moveTo(x(this.step(this.at)), top);
      c.lineTo(x(this.step(this.at)), bottom);
      c.stroke();
    }
  }

  /** @param {number} low @param {number} high @returns {[number, string][]} */
  ticks(low, high) {
    if (this.chart.named) return this.chart.named.filter(([value]) => value <= high);
    if (!this.log) {
      const rough = (high - low) / 4, power = 10 ** Math.floor(Math.log10(rough)), size = [1, 2, 2.5, 5, 10].find((k) => k * power >= rough * 0.99) ?? 10;
      /** @type {[number, string][]} */ const found = [];
      for (let k = Math.ceil(low / (size * power)); k * size * power <= high + 1e-9; k++) {
        const value = Number((k * size * power).toPrecision(6));
        found.push([value, this.chart.unit.includes("share") ? `${Math.round(100 * value)}%` : short(value)]);
      }
      return found;
    }
    const every = Math.max(1, Math.ceil((high - low) / 5)), made = [];
    for (let power = Math.floor(low); power <= high; power += every)
      for (const digit of high - low < 1.3 ? [1, 2, 5] : high - low < 2.6 ? [1, 3] : [1]) {
        const value = digit * 10 ** power, at = Math.log10(value);
        if (at < low || at > high) continue;
        const words = power < -3 || power > 4 ? `${digit}e${power}` : String(Number(value.toPrecision(1)));
        made.push(/** @type {[number, string]} */ ([value, words]));
      }
    return made;
  }
}
