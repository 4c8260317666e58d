// The set-up: data, layers, rules, optimizers, by the names of the library, which the server tells.

import { byId, make } from "./numbers.js";
import { PRESETS } from "./presets.js";

const SERIES = ["periodic_pattern", "delayed_add"];

/** The rules to begin with, where the others are for another kind of data. @param {string} name @param {number} i */
const first = (name, i) => (SERIES.includes(name) ? ["bptt", "rflo"] : ["backprop", "fa"])[i];

/** Which network the panel shows. */
let shown = 0;

/** A choice with a label. @param {string} label @param {Record<string, string>} options @param {string} value @param {(value: string) => void} changed */
function choice(label, options, value, changed) {
  const list = make("select", { onchange: () => changed(list.value), title: options[value] ?? "" },
    ...Object.entries(options).map(([name, words]) => make("option", { value: name, title: words }, name || "none")));
  list.value = value;
  return make("label", { class: "row" }, make("span", {}, label), list);
}

/** A number with a label. @param {string} label @param {number|null} value @param {Record<string, any>} attrs @param {(value: number|null) => void} changed */
function number(label, value, attrs, changed) {
  const field = make("input", {
    type: "number", step: "any", ...attrs,
    onchange: () => changed(field.value === "" ? null : Number(field.value)),
  });
  field.value = value === null ? "" : String(value);
  return make("label", { class: "row" }, make("span", {}, label), field);
}

/**
 * Shows the set-up; `change` sends another one.
 * @param {any} config @param {(setup: any) => void} change @param {(file: File) => void} csv
 */
export function showSetup(config, change, csv) {
  const { setup, lists } = config;
  shown = Math.min(shown, setup.networks.length - 1);
  const focused = document.activeElement?.closest?.("#data,#network,#rest") ? standing(document.activeElement) : null;
  const data = (/** @type {any} */ changes) => change({ ...setup, data: { ...setup.data, ...changes } });
  showStarts(change);
  showData(config, data, change, csv);
  showNetwork(config, change);
  byId("rest").replaceChildren(
    number("Stop at step", setup.stop_step, { min: "1" }, (v) => change({ ...setup, stop_step: v })),
    number("or at loss", setup.stop_loss, { min: "0" }, (v) => change({ ...setup, stop_loss: v })),
    number("Seed", setup.seed, { min: "0" }, (v) => change({ ...setup, seed: v ?? 0 })),
    make("button", { type: "button", id: "renew", title: "Another seed (N)", onclick: () => change({ ...setup, seed: setup.seed + 1 }) }, "New weights"),
    number("Batch size", setup.batch, { min: "1" }, (v) => change({ ...setup, batch: v ?? 32 })),
  );
  if (focused) find(focused)?.focus();
}

/** Where a control stands, to find it again. @param {Element} node */
function standing(node) {
  const panel = /** @type {Element} */ (node.closest("#data,#network,#rest"));
  return { panel: panel.id, at: [...panel.querySelectorAll("button,select,input")].indexOf(node) };
}

/** @param {{ panel: string, at: number }} where @returns {HTMLElement|undefined} */
function find(where) {
  return [...byId(where.panel).querySelectorAll("button,select,input")][where.at];
}

/** @param {(setup: any) => void} change */
function showStarts(change) {
  const panel = byId("starts");
  if (panel.children.length) return;
  const sentence = make("p", { class: "hint" }, "Each sets all up; then press Play.");
  for (const preset of PRESETS) {
    panel.append(make("button", {
      type: "button",
      onclick: () => {
        sentence.textContent = preset.sentence;
        change(preset.setup);
      },
    }, preset.title));
  }
  panel.append(sentence);
}

/** @param {any} config @param {(changes: any) => void} data @param {(setup: any) => void} change @param {(file: File) => void} csv */
function showData(config, data, change, csv) {
  const { setup, lists } = config;
  const names = Object.keys(lists.data), given = setup.data;
  const buttons = names.map((name) => make("button", {
    type: "button", title: lists.data[name], "aria-pressed": String(name === given.name),
    onclick: () => {
      const known = lists.data[name] && SERIES.includes(name) === Boolean(config.data.series);
      const networks = setup.networks.map((/** @type {any} */ one, /** @type {number} */ i) => ({ ...one, loss: "", rule: known ? one.rule : first(name, i) }));
      change({ ...setup, networks, data: { ...given, name, extra: [], n: known ? given.n : SERIES.includes(name) ? 32 : 400 } });
    },
  }, name.replace("_", " ")));
  const file = make("input", { type: "file", accept: ".csv,.tsv", hidden: true, onchange: () => file.files[0] && csv(file.files[0]) });
  const generated = !["digits", "own"].includes(given.name), sequences = config.data.series;
  byId("data").replaceChildren(make("div", { class: "sets" }, ...buttons));
  if (generated) {
    byId("data").append(
      number(sequences ? "Sequences" : "Points", given.n, { min: "4", max: "5000" }, (v) => data({ n: v ?? 400 })),
      ...(sequences ? [] : [number("Noise", given.noise, { min: "0", max: "10" }, (v) => data({ noise: v ?? 0 }))]),
    );
  }
  byId("data").append(
    number("Test share", given.test, { min: "0.05", max: "0.9" }, (v) => data({ test: v ?? 0.5 })),
    make("div", { class: "pair" },
      make("button", { type: "button", title: "A table of your own: the last column is what is learned", onclick: () => file.click() }, "Own CSV…"), file,
      ...(given.extra.length ? [make("button", { type: "button", onclick: () => data({ extra: [] }) }, `Remove ${given.extra.length} added`)] : [])),
  );
}

/** @param {any} config @param {(setup: any) => void} change */
function showNetwork(config, change) {
  const { setup, lists } = config, network = setup.networks[shown];
  const changed = (/** @type {any} */ changes) =>
    change({ ...setup, networks: setup.networks.map((/** @type {any} */ one, /** @type {number} */ i) => (i === shown ? { ...one, ...changes } : one)) });
  const layers = (/** @type {any[]} */ made) => changed({ layers: made });
  const rows = network.layers.map((/** @type {[number, string]} */ [units, activation], /** @type {number} */ i) => {
    const put = (/** @type {any} */ pair) => layers(network.layers.map((/** @type {any} */ one, /** @type {number} */ k) => (k === i ? pair : one)));
    const size = make("input", { type: "number", min: "1", max: "256", "aria-label": `Units of layer ${i + 1}`, onchange: () => put([Number(size.value), activation]) });
    size.value = String(units);
    const kind = make("select", { "aria-label": `Activation of layer ${i + 1}`, onchange: () => put([units, kind.value]) },
      ...Object.keys(lists.activation).map((name) => make("option", { value: name }, name)));
    kind.value = activation;
    const remove = make("button", { type: "button", "aria-label": `Remove layer ${i + 1}`, onclick: () => layers(network.layers.filter((/** @type {any} */ _, /** @type {number} */ k) => k !== i)) }, "×");
    return make("div", { class: "layer" }, size, kind, remove);
  });
  const tabs = setup.networks.map((/** @type {any} */ _, /** @type {number} */ i) => make("button", {
    type: "button", "aria-pressed": String(i === shown),
    onclick: () => {
      shown = i;
      showNetwork(config, change);
    },
  }, "AB"[i]));
  const two = setup.networks.length === 2, head = config.heads[shown];
  if (two) {
    tabs.push(make("button", { type: "button", title: "All settings of the other network", onclick: () => changed(setup.networks[1 - shown]) }, `As ${"BA"[shown]}`));
    tabs.push(make("button", { type: "button", onclick: () => change({ ...setup, networks: [setup.networks[0]] }) }, "Only A"));
  } else tabs.push(make("button", { type: "button", onclick: () => change({ ...setup, networks: [network, { ...network, rule: network.rule === "fa" ? "dfa" : "fa" }] }) }, "Compare with B"));
  const last = network.layers.at(-1) ?? [16, "tanh"];
  byId("network").replaceChildren(
    make("div", { class: "pair" }, ...tabs),
    make("p", { class: "hint" }, `${config.data.inputs} inputs`),
    ...rows,
    make("button", { type: "button", disabled: network.layers.length >= 8, onclick: () => layers([...network.layers, last]) }, "+ Add layer"),
    make("p", { class: "hint" }, `${head.units} output${head.units > 1 ? "s" : ""} (${head.activation})`),
    choice("Rule", lists.rule, network.rule, (rule) => changed({ rule })),
    make("p", { class: "hint" }, lists.rule[network.rule]),
    choice("Optimizer", lists.optimizer, network.optimizer, (optimizer) => changed({ optimizer })),
    number("Rate", network.rate, { min: "0" }, (v) => changed({ rate: v ?? 0.01 })),
    ...(["sgd", "rmsprop", "muon"].includes(network.optimizer) ? [number("Momentum", network.momentum, { min: "0", max: "1" }, (v) => changed({ momentum: v }))] : []),
    choice("Loss", lists.loss, head.loss, (loss) => changed({ loss })),
    choice("Schedule", { "": "The rate stays as it is.", ...lists.schedule }, network.schedule, (schedule) => changed({ schedule })),
    ...(network.schedule ? [number("over steps", network.over, { min: "1" }, (v) => changed({ over: v ?? 2000 }))] : []),
    choice("Weights", lists.initializer, network.initializer, (initializer) => changed({ initializer })),
    make("p", { class: "hint" }, "Rate, schedule and rule act from this step on; all else starts anew."),
  );
}
