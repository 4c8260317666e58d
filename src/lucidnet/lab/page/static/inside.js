// Inside the layers: a row for each, A and B on one scale.

import { palette, paint } from "./colour.js";
import { largest } from "./frame.js";
import { HeatMap } from "./heatmap.js";
import { healthOf } from "./health.js";
import { byId, make, paced, short } from "./numbers.js";
import { refresh } from "./readout.js";
import { Units } from "./units.js";

export const VIEWS = ["weights", "gradients", "activations", "feedback", "health", "units"];

/** @param {import("./frame.js").Frame} frame @param {string} kind @returns {string[]} */
function namesOf(frame, kind) {
  const found = new Set();
  for (const path of frame.arrays.keys()) {
    const [, what, name] = path.split("/");
    if (what === kind) found.add(name);
  }
  return [...found];
}

/** The layer that an array belongs to, and what is left of its name. @param {string} name @param {string} kind @returns {[string, string]} */
export function parted(name, kind) {
  const at = name.lastIndexOf(".");
  return kind === "activations" || at < 0 ? [name, ""] : [name.slice(0, at), name.slice(at + 1)];
}

/** How the channels of an image are shown. @param {number[]} rows */
const tiled = ([height, width, , shown, all]) => `${height}×${width}, ${shown < all ? `the first ${shown} of ` : ""}${all} channel${all > 1 ? "s" : ""} of the first example`;

/** The part of the page that shows one view at a time. */
export class Inside {
  /**
   * @param {(map: HeatMap, row: number, column: number) => void} enter @param {(layer: string) => void} explain
   * @param {(letter: string, name: string|null, unit: number) => void} hover @param {() => void} wish Called when units are wanted.
   */
  constructor(enter, explain, hover, wish) {
    this.enter = enter;
    this.explain = explain;
    this.hover = hover;
    this.wish = wish;
    /** @type {import("./formula.js").Formulas[]} */ this.formulas = [];
    this.view = "";
    this.key = "";
    this.health = paced(200, (/** @type {import("./frame.js").Frame} */ frame) => this.drawHealth(frame)); // histograms are for eyes
    /** @type {Map<string, HeatMap>} */ this.maps = new Map();
    /** @type {Map<string, HTMLElement>} */ this.scales = new Map();
    /** @type {Units[]} */ this.drawings = [];
    /** @type {import("./frame.js").Frame|null} */ this.frame = null;
    this.tabs = VIEWS.map((view) => make("button", { type: "button", onclick: () => this.choose(view) }, view[0].toUpperCase() + view.slice(1)));
    byId("views").append(...this.tabs);
    byId("table").addEventListener("change", () => this.again());
    this.choose("weights");
  }

  /** @param {string} view */
  choose(view) {
    if (this.view === "units") for (const one of this.drawings) one.leave();
    this.view = view;
    this.tabs.forEach((tab, i) => tab.setAttribute("aria-pressed", String(VIEWS[i] === view)));
    if (view === "units") this.wish();
    this.again();
    refresh(); // what was read may be gone
  }

  /** Draws all anew. */
  again() {
    this.key = "";
    const scale = byId("scale").getContext("2d"), picture = scale.createImageData(120, 1);
    for (let i = 0; i < 120; i++) paint(picture.data, 4 * i, i / 59.5 - 1);
    scale.putImageData(picture, 0, 0);
    palette();
    byId("scale").parentElement.hidden = this.view === "health";
    byId("table").closest("label").hidden = ["health", "units"].includes(this.view);
    if (this.frame) this.show(this.frame);
  }

  /** @param {import("./frame.js").Frame} frame */
  show(frame) {
    this.frame = frame;
    const networks = frame.header.networks.length;
    if (this.view === "health") return this.health(frame);
    if (this.view === "units") return this.units(frame, networks);
    const names = namesOf(frame, this.view), table = byId("table").checked;
    const shapes = frame.header.networks.map((/** @type {any} */ one) => names.map((name) => `${one.shapes[`${this.view}/${name}`]}`).join(";"));
    const key = [this.view, table, ...names, ...shapes].join("|");
    if (key !== this.key) this.build(frame, names, networks, table);
    this.key = key;
    for (const name of names) {
      const paths = ["A", "B"].map((letter) => `${letter}/${this.view}/${name}`);
      const most = Math.max(...paths.map((path) => largest(frame.arrays.get(path))));
      const scale = this.scales.get(name), words = `±${short(Number(most.toPrecision(2)))}`;
      if (scale && scale.textContent !== words) scale.textContent = words;
      for (const path of paths) {
        const map = this.maps.get(path), raw = frame.arrays.get(path);
        if (map && raw) {
          map.show(raw, most || 1, this.sort(frame, path));
          if (table) this.table(path, raw);
        }
      }
    }
    if (this.view === "feedback") this.beside(frame);
  }

  /** @param {import("./frame.js").Frame} frame @param {string[]} names @param {number} networks @param {boolean} table */
  build(frame, names, networks, table) {
    this.maps.clear();
    this.scales.clear();
    /** @type {Map<string, string[]>} */ const layers = new Map();
    for (const name of names) {
      const [layer] = parted(name, this.view);
      layers.set(layer, [...(layers.get(layer) ?? []), name]);
    }
    const rows = [...layers].map(([layer, own]) => {
      const facts = own.map((name) => make("span", {}, this.shape(frame, name, networks), " ", this.scale(name)));
      const cells = Array.from({ length: networks }, (_, n) => make("div", { class: "maps" }, ...own.flatMap((name) => this.cell(frame, `${"AB"[n]}/${this.view}/${name}`, table))));
      return make("div", { class: "inner" }, make("div", { class: "name" }, this.title(layer), ...facts), ...cells);
    });
    if (!names.length) rows.push(make("p", { class: "hint" }, this.view === "feedback"
      ? "No network has feedback weights of its own here: backprop sends errors back through the weights themselves."
      : "Nothing to show yet."));
    if (this.view === "feedback" && names.length) this.mirror(frame, rows);
    byId("layers").replaceChildren(...rows);
  }

  /** The name of a layer, which tells what it computes. @param {string} layer */
  title(layer) {
    return make("button", { type: "button", title: "What it computes", onclick: () => this.explain(layer) }, layer);
  }

  /** @param {string} name */
  scale(name) {
    const words = make("i", {});
    this.scales.set(name, words);
    return words;
  }

  /** What an array is, and the rows of its map. @param {import("./frame.js").Frame} frame @param {string} path @returns {import("./readout.js").Sort} */
  sort(frame, path) {
    const [letter, kind, name] = path.split("/"), header = frame.header.networks["AB".indexOf(letter)];
    return { shape: header.shapes[`${kind}/${name}`], rows: kind === "activations" ? header.rows[name] : "" };
  }

  /** What an array is called, and its shape, in both networks where they differ. @param {import("./frame.js").Frame} frame @param {string} name @param {number} networks */
  shape(frame, name, networks) {
    /** @type {Map<string, string>} */ const found = new Map();
    for (let n = 0; n < networks; n++) {
      const raw = frame.arrays.get(`${"AB"[n]}/${this.view}/${name}`), real = frame.header.networks[n].shapes[`${this.view}/${name}`];
      if (!raw) continue;
      const rows = this.sort(frame, `${"AB"[n]}/${this.view}/${name}`).rows;
      const means = real.reduce((/** @type {number} */ a, /** @type {number} */ b) => a * b, 1) > raw.data.length;
      const words = `${Array.isArray(rows) ? tiled(rows) : real.join("×")}${means ? ` as means of ${raw.shape.join("×")} blocks` : ""}`;
      found.set(words, (found.get(words) ?? "") + "AB"[n]);
    }
    const each = [...found].map(([words, letters]) => (found.size > 1 ? `${letters} ${words}` : words));
    return `${parted(name, this.view)[1]} ${each.join(", ")}`.trim();
  }

  /** @param {import("./frame.js").Frame} frame @param {string} path @param {boolean} table @returns {any[]} */
  cell(frame, path, table) {
    if (!frame.arrays.get(path)) return [make("span", { class: "hint" }, this.view === "feedback" ? "the weights themselves carry the error" : "–")];
    const map = new HeatMap(path, this.enter);
    this.maps.set(path, map);
    return [map.canvas, ...(table ? [make("div", { "data-table": path, tabindex: "0", role: "group", "aria-label": `Numbers of ${path}` })] : [])];
  }

  /** Says that each B stands beside W. @param {import("./frame.js").Frame} frame @param {any[]} rows */
  mirror(frame, rows) {
    frame.header.networks.forEach((/** @type {any} */ one, /** @type {number} */ n) => {
      if (Object.keys(one.mirror).length) rows.unshift(make("p", { class: "hint", "data-mirror": String(n) }));
    });
    for (const path of [...this.maps.keys()]) {
      const twin = path.replace("/feedback/", "/weights/"), raw = frame.arrays.get(twin), own = frame.arrays.get(path);
      if (!raw || !own || raw.shape.join() !== own.shape.join()) continue;
      const map = new HeatMap(twin, this.enter);
      this.maps.set(twin, map);
      this.maps.get(path)?.canvas.after(make("span", { class: "hint" }, "and W:"), map.canvas);
    }
  }

  /** Shows W beside B, and how near they are. @param {import("./frame.js").Frame} frame */
  beside(frame) {
    for (const line of /** @type {HTMLElement[]} */ ([...document.querySelectorAll("[data-mirror]")])) {
      const n = Number(line.dataset.mirror);
      const words = Object.entries(frame.header.networks[n]?.mirror ?? {}).map(([name, cosine]) => `${name} ${short(/** @type {number} */ (cosine))}`);
      line.textContent = `Network ${"AB"[n]}, cosine of B and W: ${words.join(", ")}.`;
    }
    for (const [path, map] of this.maps) {
      const raw = path.includes("/weights/") && frame.arrays.get(path);
      if (raw) map.show(raw, largest(raw) || 1, this.sort(frame, path));
    }
  }

  /** @param {string} path @param {import("./frame.js").Raw} raw */
  table(path, raw) {
    const [rows, columns] = raw.shape, lines = [];
    for (let i = 0; i < Math.min(rows, 32); i++) {
      const cells = [];
      for (let k = 0; k < Math.min(columns, 32); k++) cells.push(make("td", {}, short(raw.data[i * columns + k])));
      lines.push(make("tr", {}, ...cells));
    }
    const cut = rows > 32 || columns > 32 ? [make("caption", { class: "hint" }, `${Math.min(rows, 32)} of ${rows} rows, ${Math.min(columns, 32)} of ${columns} columns`)] : [];
    const holder = [...byId("layers").querySelectorAll("[data-table]")].find((one) => /** @type {HTMLElement} */ (one).dataset.table === path);
    holder?.replaceChildren(make("table", {}, ...cut, ...lines)); // a name may hold quotes: no selector is made of it
  }

  /** @param {import("./frame.js").Frame} frame */
  drawHealth(frame) {
    if (this.view !== "health") return; // another view was chosen meanwhile
    const networks = frame.header.networks.length;
    const layers = [...new Set(namesOf(frame, "weights").map((name) => parted(name, "weights")[0]))];
    byId("layers").replaceChildren(...layers.map((layer) =>
      make("div", { class: "inner" }, make("div", { class: "name" }, this.title(layer)),
        ...Array.from({ length: networks }, (_, n) => healthOf(frame, n, layer)))));
  }

  /** @param {import("./frame.js").Frame} frame @param {number} networks */
  units(frame, networks) {
    const key = `units ${networks} ${Object.keys(frame.header.networks[0].units ?? {})}`;
    if (this.key !== key) {
      this.key = key;
      this.drawings = Array.from({ length: networks }, (_, n) => new Units("AB"[n], this.hover, () => this.formulas[n]?.sources ?? {}));
      byId("layers").replaceChildren(make("div", { class: "drawn" }, ...this.drawings.map((one) => one.canvas)),
        make("p", { class: "hint" }, Object.keys(frame.header.networks[0].units ?? {}).length
          ? "Point at a unit to see what it puts out on the plane above." : "A unit has the colour of what it puts out for the first example; of a convolution it shows the picture."));
    }
    for (const one of this.drawings) one.show(frame);
  }
}
