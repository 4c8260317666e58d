// Inside the layers: a row for each, A and B on one scale.

import { palette, paint } from "./colour.js";
import { HeatMap } from "./heatmap.js";
import { healthOf } from "./health.js";
import { byId, make, short } from "./numbers.js";

export const VIEWS = ["weights", "gradients", "activations", "feedback", "health"];

/** @param {import("./frame.js").Frame} frame @param {string} kind @returns {string[]} */
function namesOf(frame, kind) {
  const found = new Set();
  for (const path of frame.arrays.keys()) {
    const [, what, name] = path.split("/");
    if (what === kind) found.add(name);
  }
  return [...found];
}

/** The largest size in an array. @param {import("./frame.js").Raw|undefined} raw */
function largest(raw) {
  let most = 0;
  for (const v of raw?.data ?? []) if (Math.abs(v) > most) most = Math.abs(v);
  return most;
}

/** The part of the page that shows one view at a time. */
export class Inside {
  /** @param {(map: HeatMap, row: number, column: number) => void} enter */
  constructor(enter) {
    this.enter = enter;
    this.view = "weights";
    this.key = "";
    this.healthy = 0;
    /** @type {Map<string, HeatMap>} */ this.maps = new Map();
    /** @type {import("./frame.js").Frame|null} */ this.frame = null;
    this.tabs = VIEWS.map((view) => make("button", { type: "button", onclick: () => this.choose(view) }, view[0].toUpperCase() + view.slice(1)));
    byId("views").append(...this.tabs);
    byId("table").addEventListener("change", () => this.again());
    this.choose("weights");
  }

  /** @param {string} view */
  choose(view) {
    this.view = view;
    this.tabs.forEach((tab, i) => tab.setAttribute("aria-pressed", String(VIEWS[i] === view)));
    this.again();
  }

  /** Draws all anew. */
  again() {
    this.key = "";
    this.healthy = 0;
    const scale = byId("scale").getContext("2d"), picture = scale.createImageData(120, 1);
    for (let i = 0; i < 120; i++) paint(picture.data, 4 * i, i / 59.5 - 1);
    scale.putImageData(picture, 0, 0);
    palette();
    if (this.frame) this.show(this.frame);
  }

  /** @param {import("./frame.js").Frame} frame */
  show(frame) {
    this.frame = frame;
    const networks = frame.header.networks.length;
    if (this.view === "health") return this.health(frame, networks);
    const names = namesOf(frame, this.view), table = byId("table").checked;
    const key = [this.view, networks, table, ...names].join();
    if (key !== this.key) this.build(frame, names, networks, table);
    this.key = key;
    for (const name of names) {
      const paths = ["A", "B"].map((letter) => `${letter}/${this.view}/${name}`);
      const most = Math.max(...paths.map((path) => largest(frame.arrays.get(path))));
      for (const path of paths) {
        const map = this.maps.get(path), raw = frame.arrays.get(path);
        if (map && raw) {
          map.show(raw, most || 1);
          if (table) this.table(path, raw);
        }
      }
    }
    for (const line of this.view === "feedback" ? document.querySelectorAll("[data-mirror]") : []) {
      const n = Number(/** @type {HTMLElement} */ (line).dataset.mirror);
      const words = Object.entries(frame.header.networks[n]?.mirror ?? {}).map(([name, cosine]) => `${name} ${short(/** @type {number} */ (cosine))}`);
      line.textContent = `Network ${"AB"[n]}, cosine of B and W: ${words.join(", ")}.`;
    }
    for (const [path, map] of this.view === "feedback" ? this.maps : []) {
      const raw = path.includes("/weights/") && frame.arrays.get(path);
      if (raw) map.show(raw, largest(raw) || 1);
    }
  }

  /** @param {import("./frame.js").Frame} frame @param {string[]} names @param {number} networks @param {boolean} table */
  build(frame, names, networks, table) {
    this.maps.clear();
    const rows = names.map((name) => {
      const cells = [];
      let shape = "";
      for (let n = 0; n < networks; n++) {
        const path = `${"AB"[n]}/${this.view}/${name}`, raw = frame.arrays.get(path);
        const real = frame.header.networks[n].shapes[`${this.view}/${name}`];
        if (raw) {
          shape = shape || real.join(" × ") + (real.length === 2 && (real[0] > raw.shape[0] || real[1] > raw.shape[1]) ? ` as means of ${raw.shape.join(" × ")} blocks` : "");
          const map = new HeatMap(path, this.enter);
          this.maps.set(path, map);
          cells.push(make("div", { class: "maps" }, map.canvas, ...(table ? [make("div", { "data-table": path, tabindex: "0", role: "group", "aria-label": `Numbers of ${path}` })] : [])));
        } else cells.push(make("div", { class: "maps hint" }, this.view === "feedback" ? "the weights themselves carry the error" : "–"));
      }
      return make("div", { class: "inner" }, make("div", { class: "name" }, name, make("span", {}, shape)), ...cells);
    });
    if (!names.length) rows.push(make("p", { class: "hint" }, "No network has feedback weights of its own here: backprop sends errors back through the weights themselves."));
    if (this.view === "feedback" && names.length) this.mirror(frame, rows);
    byId("layers").replaceChildren(...rows);
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
      this.maps.get(path)?.canvas.parentElement.append(make("span", { class: "hint" }, "and W:"), map.canvas);
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
    document.querySelector(`[data-table="${path}"]`)?.replaceChildren(make("table", {}, ...lines));
  }

  /** @param {import("./frame.js").Frame} frame @param {number} networks */
  health(frame, networks) {
    if (performance.now() - this.healthy < 200) return; // histograms are for eyes
    this.healthy = performance.now();
    const layers = [...new Set(namesOf(frame, "weights").map((name) => name.split(".")[0]))];
    byId("layers").replaceChildren(...layers.map((layer) =>
      make("div", { class: "inner" }, make("div", { class: "name" }, layer),
        ...Array.from({ length: networks }, (_, n) => healthOf(frame, n, layer)))));
  }
}
