// The set-up: data, layers, rules, optimizers, by the names of the library, which the server tells.

import { byId, make } from "./numbers.js";
import { PRESETS } from "./presets.js";
import { thumbnail } from "./thumbs.js";

const SERIES = ["periodic_pattern", "delayed_add"], NUMBERS = ["slope", "hills"];
/** What data are called where there is little room. @type {Record<string, string>} */
const BRIEF = { periodic_pattern: "periodic", delayed_add: "delayed" };

/** The rules to begin with, where the others are for another kind of data. @param {string} name @param {number} i */
const first = (name, i) => (SERIES.includes(name) ? [{ rule: "backprop", time: "bptt" }, { rule: "backprop", time: "rflo" }] : [{ rule: "backprop", time: "" }, { rule: "fa", time: "" }])[i];

/** Which network the panel shows. */
let shownNetwork = 0;

/** A choice with a label. @param {string} label @param {Record<string, string>} options @param {string} value @param {(value: string) => void} changed */
function choice(label, options, value, changed) {
  const list = make("select", { onchange: () => changed(list.value), title: options[value] ?? "" },
    ...Object.entries(options).map(([name, words]) => make("option", { value: name, title: words }, name || "none")));
  list.value = value;
  return make("label", { class: "field" }, make("span", {}, label), list);
}

/** A number with a label. @param {string} label @param {number|null} value @param {Record<string, any>} attrs @param {(value: number|null) => void} changed */
function number(label, value, attrs, changed) {
  const field = make("input", {
    type: "number", step: "any", ...attrs,
    onchange: () => changed(field.value === "" ? null : Number(field.value)),
  });
  field.value = value === null ? "" : String(value);
  return make("label", { class: "field" }, make("span", {}, label), field);
}

/** A box to tick, with a label. @param {string} label @param {boolean} value @param {string} title @param {(value: boolean) => void} changed */
function tick(label, value, title, changed) {
  const box = make("input", { type: "checkbox", checked: value, onchange: () => changed(box.checked) });
  return make("label", { class: "tick", title }, box, ` ${label}`);
}

/** Fields side by side. @param {...any} fields */
const duo = (...fields) => make("div", { class: "duo" }, ...fields);

/**
 * Shows the set-up; `change` sends another one.
 * @param {any} config @param {(setup: any) => void} change @param {(file: File) => void} csv
 */
export function showSetup(config, change, csv) {
  const { setup } = config;
  shownNetwork = Math.min(shownNetwork, setup.networks.length - 1);
  const focused = document.activeElement?.closest?.("#data,#network,#rest") ? standing(document.activeElement) : null;
  const data = (/** @type {any} */ changes) => change({ ...setup, data: { ...setup.data, ...changes } });
  showStarts(change);
  showData(config, data, change, csv);
  showNetwork(config, change);
  byId("rest").replaceChildren(
    duo(
      number("Stop at step", setup.stop_step, { min: "1" }, (v) => change({ ...setup, stop_step: v })),
      number("or at loss", setup.stop_loss, { min: "0" }, (v) => change({ ...setup, stop_loss: v })),
      number("Seed", setup.seed, { min: "0" }, (v) => change({ ...setup, seed: v ?? 0 })),
      number("Batch size", setup.batch, { min: "1" }, (v) => change({ ...setup, batch: v ?? 32 })),
      number("Seed of data", setup.data.seed, { min: "0" }, (v) => data({ seed: v ?? 0 })),
    ),
    make("button", { type: "button", id: "renew", title: "Another seed (N)", onclick: () => change({ ...setup, seed: setup.seed + 1 }) }, "New weights"),
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

/** What is kept of a set-up, and what begins anew, with other data. @param {any} config @param {string} name */
function withData(config, name) {
  const { setup } = config, given = setup.data, series = SERIES.includes(name);
  const alike = name !== "own" && given.name !== "own" && series === Boolean(config.data.series);
  const networks = setup.networks.map((/** @type {any} */ one, /** @type {number} */ i) => ({
    ...one, loss: "", ...(alike ? {} : first(name, i)), layers: alike && name !== "digits" && given.name !== "digits" ? one.layers : usual(one.layers, series),
  }));
  const plane = !series && !["digits", "own"].includes(name);
  const data = { ...given, name, extra: [], features: plane ? given.features : [], n: alike ? given.n : series ? 32 : 400 };
  return { ...setup, networks, data, online: series && setup.online };
}

/** Layers that go with all data. @param {any[]} layers @param {boolean} series */
function usual(layers, series) {
  const kept = layers.filter(([, , kind]) => ["", "Dense", "Dropout", "LayerNormalization"].includes(kind));
  const made = kept.map(([n, activation, kind]) => [n, activation, series && kind === "Dense" ? "" : kind]);
  return series ? made.slice(0, 1) : made; // rules through time are exact in one recurrent layer
}

/** @param {any} config @param {(changes: any) => void} data @param {(setup: any) => void} change @param {(file: File) => void} csv */
function showData(config, data, change, csv) {
  const { setup, lists } = config, given = setup.data;
  const buttons = Object.keys(lists.data).map((name) => make("button", {
    type: "button", title: lists.data[name], "aria-pressed": String(name === given.name),
    onclick: () => change(withData(config, name)),
  }, thumbnail(config.thumbs[name]), make("span", {}, BRIEF[name] ?? name)));
  const file = make("input", { type: "file", accept: ".csv,.tsv", hidden: true, onchange: () => file.files[0] && csv(file.files[0]) });
  const generated = !["digits", "own"].includes(given.name), sequences = config.data.series;
  byId("data").replaceChildren(make("div", { class: "sets" }, ...buttons), duo(
    ...(generated ? [number(sequences ? "Sequences" : "Points", given.n, { min: "4", max: "5000" }, (v) => data({ n: v ?? 400 }))] : []),
    ...(generated && !sequences ? [number("Noise", given.noise, { min: "0", max: "10" }, (v) => data({ noise: v ?? 0 }))] : []),
    number("Test share", given.test, { min: "0.05", max: "0.9" }, (v) => data({ test: v ?? 0.5 })),
    make("button", { type: "button", title: "A table of your own: the last column is what is learned", onclick: () => file.click() }, "Own CSV…"), file));
  const features = Object.keys(lists.feature);
  if (features.length) {
    const chosen = given.features.length ? given.features : ["x1", "x2"];
    byId("data").append(make("div", { class: "features", role: "group", "aria-label": "Inputs of the networks" }, ...features.map((name) => make("button", {
      type: "button", "aria-pressed": String(chosen.includes(name)), title: "An input of the networks",
      onclick: () => {
        const next = features.filter((one) => chosen.includes(one) !== (one === name));
        if (next.length) data({ features: next.join() === "x1,x2" ? [] : next });
      },
    }, name))));
  }
  if (given.extra.length) byId("data").append(make("button", { type: "button", onclick: () => data({ extra: [] }) }, `Remove ${given.extra.length} added`));
  byId("look").hidden = !config.data.plane;
}

/** The row of one hidden layer. @param {any[]} layer @param {number} i @param {any} lists @param {boolean} series @param {(layer: any[]|null) => void} put */
function layerRow([amount, activation, kind], i, lists, series, put) {
  const own = kind || (series ? "LeakyRNN" : "Dense"), facts = lists.numbers[own];
  const size = make("input", { type: "number", step: facts.whole ? "1" : "any", min: String(facts.low), max: String(facts.high), "aria-label": `${facts.number === "units" ? "Units" : facts.number || "number"} of layer ${i + 1}`, title: facts.number, onchange: () => put([Number(size.value), activation, kind]) });
  size.value = String(amount);
  const shape = make("select", { "aria-label": `Activation of layer ${i + 1}`, onchange: () => put([amount, shape.value, kind]) },
    ...Object.keys(lists.activation).map((name) => make("option", { value: name }, name)));
  shape.value = activation;
  const kinds = make("select", {
    "aria-label": `Kind of layer ${i + 1}`, title: lists.kind[own],
    onchange: () => {
      const next = lists.numbers[kinds.value], fits = next.number === facts.number && amount >= next.low && amount <= next.high;
      put([fits ? amount : next.usual, activation, kinds.value]);
    },
  }, ...Object.keys(lists.kind).map((name) => make("option", { value: name, title: lists.kind[name] }, name)));
  kinds.value = own;
  const remove = make("button", { type: "button", "aria-label": `Remove layer ${i + 1}`, onclick: () => put(null) }, "×");
  return make("div", { class: `layer${facts.number ? "" : " bare"}${facts.activated ? "" : " plain"}` }, kinds, ...(facts.number ? [size] : []), ...(facts.activated ? [shape] : []), remove);
}

/** @param {any} config @param {(setup: any) => void} change */
function showNetwork(config, change) {
  const { setup, lists } = config, network = setup.networks[shownNetwork], series = Boolean(config.data.series);
  const changed = (/** @type {any} */ changes) =>
    change({ ...setup, networks: setup.networks.map((/** @type {any} */ one, /** @type {number} */ i) => (i === shownNetwork ? { ...one, ...changes } : one)) });
  const put = (/** @type {number} */ i) => (/** @type {any[]|null} */ layer) =>
    changed({ layers: network.layers.flatMap((/** @type {any} */ one, /** @type {number} */ k) => (k !== i ? [one] : layer ? [layer] : [])) });
  const tabs = setup.networks.map((/** @type {any} */ _, /** @type {number} */ i) => make("button", {
    type: "button", "aria-pressed": String(i === shownNetwork), "aria-label": `Set-up of network ${"AB"[i]}`,
    onclick: () => {
      shownNetwork = i;
      showNetwork(config, change);
      /** @type {any} */ (byId("network").querySelectorAll(".pair button")[i]).focus();
    },
  }, "AB"[i]));
  const two = setup.networks.length === 2, head = config.heads[shownNetwork];
  if (two) {
    tabs.push(make("button", { type: "button", title: "All settings of the other network", onclick: () => changed(setup.networks[1 - shownNetwork]) }, `As ${"BA"[shownNetwork]}`));
    tabs.push(make("button", { type: "button", onclick: () => change({ ...setup, networks: [setup.networks[0]] }) }, "Only A"));
  } else {
    const other = series ? { time: network.time === "rflo" ? "eprop" : "rflo" } : { rule: network.rule === "fa" ? "dfa" : "fa" };
    tabs.push(make("button", { type: "button", onclick: () => change({ ...setup, networks: [network, { ...network, ...other }] }) }, "Compare with B"));
  }
  const last = network.layers.findLast((/** @type {any} */ one) => lists.numbers[one[2] || "Dense"]?.activated !== false) ?? [16, "tanh", ""];
  byId("network").replaceChildren(
    make("div", { class: "pair" }, ...tabs),
    make("p", { class: "hint" }, `${config.data.inputs} input${config.data.inputs > 1 ? "s" : ""}`),
    ...network.layers.map((/** @type {any} */ one, /** @type {number} */ i) => layerRow(one, i, lists, series, put(i))),
    make("button", { type: "button", disabled: network.layers.length >= 8, onclick: () => changed({ layers: [...network.layers, last] }) }, "+ Add layer"),
    make("p", { class: "hint" }, `${head.units} output${head.units > 1 ? "s" : ""} (${head.activation})`),
    duo(
      choice("Rule", lists.rule, network.rule, (rule) => changed({ rule })),
      ...(lists.time ? [choice("Through time", lists.time, network.time || "bptt", (time) => changed({ time }))] : []),
      choice("Optimizer", lists.optimizer, network.optimizer, (optimizer) => changed({ optimizer })),
      number("Rate", network.rate, { min: "0" }, (v) => changed({ rate: v ?? 0.01 })),
      ...(["sgd", "rmsprop", "muon"].includes(network.optimizer) ? [number("Momentum", network.momentum, { min: "0", max: "1" }, (v) => changed({ momentum: v }))] : []),
      Object.assign(choice("Loss", lists.loss, head.loss, (loss) => changed({ loss })), { className: "field wide" }), // long names
      choice("First weights", lists.initializer, network.initializer, (initializer) => changed({ initializer })),
      choice("Schedule", { "": "The rate stays as it is.", ...lists.schedule }, network.schedule, (schedule) => changed({ schedule })),
      ...(network.schedule ? [number("over steps", network.over, { min: "1" }, (v) => changed({ over: v ?? 2000 }))] : []),
      number("L1", network.l1, { min: "0", max: "1" }, (v) => changed({ l1: v ?? 0 })),
      number("L2", network.l2, { min: "0", max: "1" }, (v) => changed({ l2: v ?? 0 })),
    ),
    ...(series ? [tick("Learn at each time step", setup.online, "A step is one time step, after which the weights move", (online) => change({ ...setup, online, networks: setup.networks.map((/** @type {any} */ one) => ({ ...one, time: online && ["", "bptt"].includes(one.time) ? "truncated" : one.time })) }))] : []),
    make("p", { class: "hint" }, lists.rule[network.rule] + (lists.time ? ` Through time: ${lists.time[network.time || "bptt"]}` : "")),
    make("p", { class: "hint" }, "Rate, schedule and rule act from this step on; all else starts anew."),
  );
}
