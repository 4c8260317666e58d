// A matrix as a picture: one pixel for each number, which the browser makes larger.

import { paint } from "./colour.js";
import { make } from "./numbers.js";
import { read, sentence } from "./readout.js";

/** A map of one array of a frame. */
export class HeatMap {
  /** @param {string} path Its name in the frame, as "A/weights/dense1.W". @param {(map: HeatMap, row: number, column: number) => void} enter */
  constructor(path, enter) {
    this.path = path;
    this.row = this.column = 0;
    /** @type {ArrayLike<number>} */ this.values = [];
    this.shape = [0, 0];
    /** @type {import("./readout.js").Sort} */ this.sort = { shape: [], rows: "example" };
    this.turned = false;
    this.canvas = make("canvas", {
      class: "map", tabindex: "0", role: "img", "data-path": path,
      onpointermove: (/** @type {PointerEvent} */ e) => this.point(e),
      onpointerdown: (/** @type {PointerEvent} */ e) => this.point(e),
      onclick: () => enter(this, this.row, this.column),
      onfocus: () => read(this, this.row, this.column, true),
      onkeydown: (/** @type {KeyboardEvent} */ e) => {
        if (e.key === "Enter") enter(this, this.row, this.column);
        else if (!this.move(e.key)) return;
        e.preventDefault();
        e.stopPropagation();
      },
    });
  }

  /** Shows an array. @param {import("./frame.js").Raw} raw @param {number} scale What has the strongest colour. @param {import("./readout.js").Sort} sort */
  show(raw, scale, sort) {
    this.sort = sort;
    const [rows, columns] = raw.shape;
    this.turned = columns === 1 && rows > 1; // a column is drawn as a row
    const width = this.turned ? rows : columns, height = this.turned ? 1 : rows;
    this.values = raw.data;
    this.shape = [rows, columns];
    const canvas = this.canvas;
    if (canvas.width !== width || canvas.height !== height) {
      canvas.width = width;
      canvas.height = height;
      const side = Math.max(3, Math.min(14, 96 / height));
      const picture = Array.isArray(sort.rows); // of square pixels
      canvas.style.height = picture ? "auto" : `${Math.max(12, Math.round(side * height))}px`;
      canvas.style.aspectRatio = picture ? `${width} / ${height}` : "";
      canvas.style.maxWidth = `${(picture ? side : 40) * width}px`; // a bias of one unit is no bar across the page
      const [, kind, name] = this.path.split("/");
      canvas.setAttribute("aria-label", `Network ${this.path[0]}: ${kind} of ${name}, ${rows} by ${columns}; arrow keys read values`);
    }
    const context = canvas.getContext("2d"), picture = context.createImageData(width, height);
    for (let i = 0; i < rows * columns; i++) paint(picture.data, 4 * i, raw.data[i] / scale);
    context.putImageData(picture, 0, 0);
  }

  /** @param {number} row @param {number} column */
  value(row, column) {
    return this.values[row * this.shape[1] + column];
  }

  /** @param {number} row @param {number} column */
  tell(row, column) {
    return sentence(this.path, row, column, this.value(row, column), this.sort);
  }

  /** @param {PointerEvent} e */
  point(e) {
    const box = this.canvas.getBoundingClientRect();
    let column = Math.floor(((e.clientX - box.left) / box.width) * this.canvas.width);
    let row = Math.floor(((e.clientY - box.top) / box.height) * this.canvas.height);
    column = Math.max(0, Math.min(this.canvas.width - 1, column));
    row = Math.max(0, Math.min(this.canvas.height - 1, row));
    [this.row, this.column] = this.turned ? [column, 0] : [row, column];
    read(this, this.row, this.column);
  }

  /** @param {string} key @returns {boolean} */
  move(key) {
    /** @type {Record<string, number[]>} */
    const ways = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] };
    let way = ways[key];
    if (!way) return false;
    if (this.turned) way = [way[1], way[0]];
    this.row = Math.max(0, Math.min(this.shape[0] - 1, this.row + way[0]));
    this.column = Math.max(0, Math.min(this.shape[1] - 1, this.column + way[1]));
    read(this, this.row, this.column, true);
    return true;
  }
}
