// The networks side by side: what they put out, and their numbers.

import { byId, make, paced, short, thousands } from "./numbers.js";
import { paint, palette, shade } from "./colour.js";
import { Plane } from "./plane.js";

/** A list of rules. @param {string} label @param {Record<string, string>} names @param {string} value @param {(name: string) => void} choose @param {string} letter */
function rules(label, names, value, choose, letter) {
  const list = make("select", { "aria-label": `${label} of network ${letter}`, title: names[value] ?? "", onchange: () => choose(list.value) },
    ...Object.keys(names).map((name) => make("option", { value: name, title: names[name] }, name)));
  list.value = value;
  return list;
}

/** A cell of a confusion matrix: right ones blue, wrong ones orange, the stronger the larger their share. @param {number} n @param {boolean} right @param {number[]} row */
function confused(n, right, row) {
  const cell = make("td", { class: right ? "right" : "" }, n ? thousands(n) : "·");
  const share = n / Math.max(1, row.reduce((a, b) => a + b, 0));
  if (n) cell.style.background = shade((right ? 0.4 : -0.4) * Math.sqrt(share));
  return cell;
}

/** One network. */
class Card {
  /** @param {number} number @param {any} config @param {(changes: any) => void} choose @param {(x: number, y: number, other: boolean) => void} add */
  constructor(number, config, choose, add) {
    this.letter = "AB"[number];
    this.number = number;
    this.config = config;
    const { data, lists, setup } = config;
    const head = make("header", {}, make("h3", { class: "badge", "data-letter": this.letter }, this.letter));
    if (setup) {
      const own = setup.networks[number];
      head.append(rules("Learning rule", lists.rule, own.rule, (rule) => choose({ rule }), this.letter));
      if (lists.time) head.append(rules("Rule through time", lists.time, own.time || "bptt", (time) => choose({ time }), this.letter));
    } else head.append(make("span", {}, config.titles?.[number] ?? ""));
    this.facts = make("dl", { class: "facts" });
    this.plane = data?.plane ? new Plane(this.letter, add) : null;
    this.out = make("div", { tabindex: "0", role: "group", "aria-label": `Network ${this.letter}: what it puts out` });
    this.pictures = make("div", { class: "pictures" });
    this.failed = make("p", { class: "failed", hidden: true });
    const picture = this.plane ? this.plane.element : this.out;
    this.element = make("section", { class: "panel network", "data-letter": this.letter, "aria-label": `Network ${this.letter}` },
      head, make("div", { class: "body" }, picture, this.facts), this.failed, this.pictures);
    if (!data) {
      picture.remove();
      this.facts.classList.add("wide");
    }
    this.slow = paced(150, (/** @type {import("./frame.js").Frame} */ frame) => this.draw(frame));
  }

  /** @param {import("./frame.js").Frame} frame */
  show(frame) {
    const one = frame.header.networks[this.number], metric = this.config.metric;
    const share = metric === "accuracy" && one.metric !== null;
    const facts = [
      ["Test loss", short(one.loss ?? null)],
      [metric ? `Test ${metric}` : "", share ? `${(100 * one.metric).toFixed(1)}%` : short(one.metric)],
      [this.config.data?.stream ? "Loss now" : "Batch loss", short(one.batch_loss)],
      ["Angle", one.angle === null ? "–" : `${one.angle.toFixed(0)}°`],
      ["A step takes", one.ms === null ? "–" : `${Number(one.ms.toPrecision(2))} ms`],
    ].filter(([name, words]) => name && words !== "–");
    this.facts.replaceChildren(...facts.map(([name, words]) => make("div", {}, make("dt", {}, name), make("dd", {}, words))));
    this.failed.textContent = this.failed.title = one.error ?? "";
    this.failed.hidden = !one.error;
    if (this.plane) this.plane.show(frame, this.config.data);
    else if (this.config.data) this.slow(frame);
  }

  /** Draws what is no plane. @param {import("./frame.js").Frame} frame */
  draw(frame) {
    const found = frame.arrays.get(`${this.letter}/predicted`), outputs = frame.arrays.get(`${this.letter}/outputs`)?.data;
    if (found) this.classes(found.data);
    else if (this.config.data.series) this.series(this.config.data.series, outputs);
    else if (this.config.data.stream) this.series(frame.arrays.get(`${this.letter}/target`)?.data ?? [], outputs);
    else this.scatter(outputs);
  }

  /** The confusion matrix, and pictures with the predicted class. @param {ArrayLike<number>} predicted */
  classes(predicted) {
    const { labels, outputs, names, pictures } = this.config.data;
    const counts = Array.from({ length: outputs }, () => new Array(outputs).fill(0));
    labels.forEach((/** @type {number} */ label, /** @type {number} */ i) => (counts[label][predicted[i]] += 1));
    const named = (/** @type {number} */ k) => String(names?.[k] ?? k);
    const numbered = names && (outputs > 4 || names.some((/** @type {string} */ name) => name.length > 8)); // names have room beside the rows only
    const head = (/** @type {string} */ scope, /** @type {number} */ k, /** @type {string} */ words) => make("th", { scope, title: named(k) }, words);
    const parts = outputs > (names ? 10 : 12) ? this.matrix(counts) : [
      make("table", { class: names ? "confusion named" : "confusion" }, make("caption", { class: "hint" }, "rows: true class, columns: predicted"),
        make("tr", {}, make("td"), ...counts.map((_, k) => head("col", k, numbered ? String(k) : named(k)))),
        ...counts.map((row, k) => make("tr", {}, head("row", k, numbered ? `${k} ${named(k)}` : named(k)),
          ...row.map((n, m) => confused(n, k === m, row)))))];
    if (pictures) {
      this.pictures.replaceChildren(...pictures.pixels.slice(0, 16).map((/** @type {number[]} */ pixels, /** @type {number} */ i) => {
        const canvas = make("canvas", { width: pictures.side, height: pictures.side, "aria-hidden": "true" });
        const c = canvas.getContext("2d"), picture = c.createImageData(pictures.side, pictures.side);
        pixels.forEach((v, k) => picture.data.set([v, v, v, 255], 4 * k));
        c.putImageData(picture, 0, 0);
        const wrong = predicted[i] !== labels[i];
        return make("figure", { class: wrong ? "wrong" : "" }, canvas, make("figcaption", {}, wrong ? `${named(predicted[i])}≠${named(labels[i])}` : named(predicted[i])));
      }), make("p", { class: "hint" }, "predicted, and ≠ true where that is wrong"));
    }
    this.out.replaceChildren(...parts);
  }

  /** The confusion matrix of many classes: a picture with a cell for each pair. @param {number[][]} counts */
  matrix(counts) {
    const n = counts.length, all = counts.flat().reduce((a, b) => a + b, 0), right = counts.reduce((sum, row, k) => sum + row[k], 0);
    const canvas = make("canvas", { width: n, height: n, class: "series matrix", role: "img", "aria-label": `Network ${this.letter}: confusion matrix of ${n} classes, ${right} of ${all} right` });
    const c = canvas.getContext("2d"), picture = c.createImageData(n, n);
    counts.forEach((row, k) => {
      const sum = Math.max(1, row.reduce((a, b) => a + b, 0));
      row.forEach((count, m) => paint(picture.data, 4 * (k * n + m), (k === m ? 1 : -1) * Math.sqrt(count / sum)));
    });
    c.putImageData(picture, 0, 0);
    return [canvas, make("p", { class: "hint" }, `${n} classes; rows: true class, the first above; columns: predicted. Blue is right.`)];
  }

  /** What comes out of a sequence over time, and what should. @param {ArrayLike<number>} target @param {ArrayLike<number>|undefined} outputs */
  series(target, outputs) {
    if (!outputs) return;
    const all = Array.from(target).filter(Number.isFinite);
    if (!all.length) all.push(...Array.from(outputs));
    const canvas = make("canvas", { width: 460, height: 300, class: "series", "data-path": `${this.letter}/outputs`, role: "img", "aria-label": `Network ${this.letter}: output and target over ${target.length} time steps` });
    const c = canvas.getContext("2d"), colours = palette();
    const low = Math.min(...all), wide = Math.max(...all) - low || 1;
    const draw = (/** @type {ArrayLike<number>} */ values, /** @type {string} */ colour, /** @type {number} */ width) => {
      c.strokeStyle = colour;
      c.lineWidth = width;
      c.beginPath();
      for (let t = 0; t < values.length; t++) {
        if (!Number.isFinite(values[t])) continue;
        const y = 270 - (240 * (values[t] - low)) / wide;
        c.lineTo(8 + (444 * t) / (values.length - 1 || 1), Math.max(4, Math.min(296, y)));
      }
      c.stroke();
    };
    draw(target, colours.muted, 6);
    draw(outputs, this.letter === "B" ? colours.b : colours.a, 3);
    this.out.replaceChildren(canvas, make("p", { class: "hint" }, "Over time: thick and grey the target, coloured the output."));
  }

  /** Predictions against targets. @param {ArrayLike<number>|undefined} outputs */
  scatter(outputs) {
    const targets = this.config.data.targets;
    if (!outputs || !targets) return;
    const canvas = make("canvas", { width: 230, height: 230, class: "series", role: "img", "aria-label": `Network ${this.letter}: predictions over targets` });
    const c = canvas.getContext("2d"), low = Math.min(...targets), high = Math.max(...targets), wide = high - low || 1;
    const style = getComputedStyle(this.element);
    c.fillStyle = c.strokeStyle = style.getPropertyValue("--own");
    c.beginPath();
    c.moveTo(10, 220);
    c.lineTo(220, 10);
    c.stroke();
    targets.forEach((/** @type {number} */ t, /** @type {number} */ i) =>
      c.fillRect(9 + (210 * (t - low)) / wide, 219 - (210 * (Math.max(low, Math.min(high, outputs[i])) - low)) / wide, 3, 3));
    this.out.replaceChildren(canvas, make("p", { class: "hint" }, `Prediction (up) over target (right), both from ${short(low)} to ${short(high)}, for the test part.`));
  }
}

/** All networks. */
export class Networks {
  /** @param {(number: number, changes: any) => void} choose @param {(x: number, y: number, other: boolean) => void} add */
  constructor(choose, add) {
    this.choose = choose;
    this.add = add;
    /** @type {Card[]} */ this.cards = [];
    new ResizeObserver(() => this.scatter()).observe(byId("networks"));
  }

  /** @param {any} config @param {number} count */
  build(config, count) {
    this.config = config;
    this.cards = Array.from({ length: count }, (_, i) => new Card(i, config, (changes) => this.choose(i, changes), this.add));
    byId("networks").replaceChildren(...this.cards.map((card) => card.element));
    this.scatter();
  }

  /** Shows a unit on the plane of its network, or the output again. @param {string} letter @param {string|null} name @param {number} unit */
  point(letter, name, unit) {
    const plane = this.cards.find((card) => card.letter === letter)?.plane;
    if (plane) plane.choose(name === null ? null : `${letter}/units/${name}`, unit);
  }

  scatter() {
    for (const card of this.cards) card.plane?.scatter(this.config.data);
  }

  /** @param {import("./frame.js").Frame} frame */
  show(frame) {
    for (const card of this.cards) card.show(frame);
  }
}
