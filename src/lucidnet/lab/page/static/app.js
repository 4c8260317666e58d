// The page: where frames come from, what each part shows of them, and what keys and buttons ask for.

import { onTheme } from "./colour.js";
import { Curve } from "./curve.js";
import { formulasOfLayer, formulasOfRule } from "./formula.js";
import { Inside, parted, VIEWS } from "./inside.js";
import { Networks } from "./networks.js";
import { byId, make, thousands } from "./numbers.js";
import { invite, refresh } from "./readout.js";
import { showSetup } from "./setup.js";
import { recorded, served } from "./stream.js";

const record = byId("recorded") && JSON.parse(byId("recorded").textContent);
const fragment = new URLSearchParams(location.hash.slice(1));
const source = record ? recorded(record) : served(theToken());

/** @type {any} */ let config = null;
/** @type {import("./frame.js").Frame|null} */ let frame = null;
/** Where the state lies, also for people who script the page: `window.lucidnet.frame` has raw numbers. */
const lucidnet = { frame: /** @type {import("./frame.js").Frame|null} */ (null), config };
Object.assign(window, { lucidnet });

/** The token of the address; it is kept, so that a link without it works in this browser. */
function theToken() {
  const given = fragment.get("token");
  try {
    if (given) localStorage.setItem("lucidnet token", given);
    return given ?? localStorage.getItem("lucidnet token") ?? "";
  } catch {
    return given ?? "";
  }
}

/** Tells something above the page; nothing hides it. @param {string} words */
function note(words) {
  byId("note").textContent = words;
  byId("note").hidden = !words;
}

/** Asks the server for something; what it refuses is told. @param {any} asked */
async function ask(asked) {
  try {
    const done = await source.control(asked);
    note("");
    return done;
  } catch (error) {
    note(/** @type {Error} */ (error).message);
    if (config && asked.do !== "setup") rebuild();
    return null;
  }
}

/** Tells below the maps how something is made. @param {...(Node|string)} what */
function tellMade(...what) {
  byId("made").hidden = false;
  byId("made").replaceChildren(...what);
  byId("made").scrollTop = 0;
  byId("made").scrollIntoView({ block: "nearest" });
}

/** Sends another set-up; the panel shows it at once, so that a second click builds on the first. @param {any} setup */
async function change(setup) {
  const before = config;
  if ("online" in setup && setup.data.name === config.setup.data.name && setup.networks.length === config.setup.networks.length) {
    config = { ...config, setup };
    showSetup(config, change, sendCsv);
  }
  const mine = config, done = await ask({ do: "setup", setup });
  if (!done && config === mine && before) {
    config = before;
    rebuild();
  }
  return done;
}
const inside = new Inside(async (map, row, column) => {
  const [letter, kind, name] = map.path.split("/"), network = "AB".indexOf(letter), known = config.formulas[network], [layer] = parted(name, kind);
  const done = config.source === "lab" ? await ask({ do: "cell", network, name, row, column }) : { lines: [map.tell(row, column)] };
  if (done) tellMade(`At step ${thousands(done.step ?? frame?.header.step)}:\n${done.lines.join("\n")}`, ...formulasOfLayer(known, layer), ...formulasOfRule(known, layer));
}, (layer) => {
  const each = config.formulas.map((/** @type {any} */ known) => formulasOfLayer(known, layer));
  const words = each.map((/** @type {any[]} */ nodes) => nodes.map((node) => node.textContent).join());
  const two = each.length > 1 && words[0] && words[1] && words[0] !== words[1]; // of one name, but not alike
  tellMade(...each.flatMap((/** @type {any[]} */ nodes, /** @type {number} */ n) => (two ? [`Network ${"AB"[n]}: `, ...nodes] : words[n] === words[n - 1] ? [] : nodes)));
}, (letter, name, unit) => networks.point(letter, name, unit), () => source.wish());
const networks = new Networks(
  (number, changes) => change({ ...config.setup, networks: config.setup.networks.map((/** @type {any} */ one, /** @type {number} */ i) => (i === number ? { ...one, ...changes } : one)) }),
  (x, y, other) => {
    if (config.source === "lab" && config.data.classes)
      change({ ...config.setup, data: { ...config.setup.data, extra: [...config.setup.data.extra, [x, y, other ? 1 : 0]] } });
  });
const goto = (/** @type {number} */ step) => config?.source === "lab" && ask({ do: "back", step });
/** @type {Curve[]} */ let curves = [];

function buildCurves() {
  const classes = config.metric === "accuracy";
  curves = [
    new Curve({ title: "Loss", unit: "log scale", log: true, columns: [[0, 0.9, "batch"], [1, 1.8, "test"]], hint: "Thin: batches; thick: test. A solid, B dashed." }, goto),
    ...(config.metric ? [new Curve({ title: classes ? "Accuracy" : `Test ${config.metric}`, unit: classes ? "share of the test part" : "", ...(classes ? { low: 0, high: 1 } : {}), columns: [[2, 1.8, "test"]], hint: config.source === "lab" ? "Enter on a curve goes back to its step." : "Of the validation data." }, goto)] : []),
    new Curve({ title: "Angle to the true gradient", unit: "degrees", low: 0, high: 100, named: [[0, "0°"], [45, "45°"], [90, "90°"], [135, "135°"], [180, "180°"]], columns: [[3, 1.8, "angle"]], hint: "0° is as backprop; 90° is unrelated." }, goto),
  ];
  byId("curves").replaceChildren(...curves.map((curve) => curve.element));
}

/** Builds what hangs on the configuration. */
function rebuild() {
  document.body.dataset.source = config.source;
  byId("made").hidden = true;
  inside.formulas = config.formulas;
  invite(`Point at, tap or focus a map to read a value; a click or Enter tells ${config.source === "lab" ? "how it is made" : "the formula"}.`);
  networks.build(config, config.networks ?? config.setup.networks.length);
  if (config.source === "lab") showSetup(config, change, sendCsv);
  if (frame && (frame.header.revision ?? 0) === config.revision) networks.show(frame); // while it is paused no other comes
}

/** @param {File} file */
async function sendCsv(file) {
  if (file.size > 2_000_000) note("This file is larger than 2 MB: start with  lucidnet lab FILE");
  else await ask({ do: "csv", name: file.name, text: await file.text() });
}

/** Shows a frame once the browser paints. @param {import("./frame.js").Frame} next @param {() => void} shown Called once it is the one that is shown. */
async function paintFrame(next, shown) {
  if (!config || (next.header.revision ?? 0) !== config.revision) {
    const before = config;
    config = lucidnet.config = await source.config();
    if (!before || before.metric !== config.metric) buildCurves();
    rebuild();
  }
  if (!document.hidden) await new Promise((go) => requestAnimationFrame(go));
  frame = lucidnet.frame = next;
  shown();
  const { step, running, over, networks: each, notes = [], speed } = next.header;
  byId("count").textContent = thousands(step);
  const play = byId("play");
  play.textContent = over ? "■ Ended" : running ? "❚❚ Pause" : "▶ Play";
  play.dataset.running = String(running);
  play.disabled = Boolean(over);
  byId("step").disabled = over || (running && config.source !== "lab");
  byId("back").disabled = config.source === "lab" && step <= (next.header.least ?? 0);
  if (document.activeElement !== byId("speed") && speed) showSpeed(speed);
  if (notes.join() !== (byId("note").dataset.told ?? "")) {
    byId("note").dataset.told = notes.join();
    if (notes.length) note(notes.join(" "));
  }
  networks.show(next);
  inside.show(next);
  const rows = next.arrays.get("curves");
  if (rows) for (const curve of curves) curve.show(rows, each.length);
  refresh();
  document.body.dataset.step = String(step);
}

/** @param {number} speed */
function showSpeed(speed) {
  byId("speed").value = String(Math.round(100 * Math.log10(speed)));
  byId("pace").textContent = `${thousands(speed)} steps/s`;
}

const toggle = () => byId("play").disabled || ask({ do: byId("play").dataset.running === "true" ? "pause" : "play" });
const back = () => ask({ do: "back", step: Math.max(0, Number(document.body.dataset.step) - 1) });
const renew = () => config?.setup && change({ ...config.setup, seed: config.setup.seed + 1 });
const KEYS = /** @type {[string, string, () => void][]} */ ([
  [" ", "Space: play and pause", toggle],
  ["s", "S: one step", () => byId("step").disabled || ask({ do: "step" })],
  ["b", "B: one step back", back],
  ["r", "R: restart with the same weights", () => ask({ do: "restart" })],
  ["n", "N: new weights", renew],
  ...VIEWS.map((view, i) => [String(i + 1), `${i + 1}: ${view}`, () => inside.choose(view)]),
  ["escape", "Escape: close what is told", () => (byId("made").hidden = true)],
  ["?", "?: this list", () => byId("keys").showModal()],
]);
byId("keys").querySelector("dl").append(...KEYS.flatMap(([, words]) => {
  const [key, what] = words.split(": ");
  return [make("dt", {}, key), make("dd", {}, what)];
}));
document.addEventListener("keydown", (e) => {
  const target = /** @type {Element} */ (e.target);
  if (e.ctrlKey || e.metaKey || e.altKey || target.closest("input:not([type=checkbox]),select,textarea,dialog")) return;
  if (e.key === " " && target.closest("button,summary,input")) return; // it presses that
  const found = KEYS.find(([key]) => key === e.key.toLowerCase());
  if (!found) return;
  e.preventDefault();
  found[2]();
});

// What was chosen by the mouse does not keep the focus, so that Space plays; what was reached by keys does.
let byMouse = false;
document.addEventListener("pointerdown", () => (byMouse = true), true);
document.addEventListener("keydown", () => (byMouse = false), true);
for (const kind of ["click", "change"])
  document.addEventListener(kind, (e) => {
    const used = /** @type {HTMLElement|null} */ (/** @type {Element} */ (e.target).closest(kind === "click" ? "button,summary" : "select,[type=checkbox]"));
    if (byMouse) used?.blur();
  });
byId("play").addEventListener("click", toggle);
byId("step").addEventListener("click", () => ask({ do: "step" }));
byId("back").addEventListener("click", back);
byId("restart").addEventListener("click", () => ask({ do: "restart" }));
byId("help").addEventListener("click", () => byId("keys").showModal());
byId("speed").addEventListener("input", () => {
  const speed = Math.round(10 ** (Number(byId("speed").value) / 100));
  byId("pace").textContent = `${thousands(speed)} steps/s`;
  ask({ do: "speed", speed });
});

/** Shows a text to be copied, and copies it where the browser lets us. @param {any} button @param {string} text */
async function copy(button, text) {
  const words = button.textContent;
  byId("python").hidden = false;
  byId("python").textContent = text;
  try {
    await navigator.clipboard.writeText(text);
    button.textContent = "Copied";
  } catch {
    button.textContent = "Select below";
  }
  setTimeout(() => (button.textContent = words), 1500);
}

byId("code").addEventListener("click", async (/** @type {MouseEvent} */ e) => {
  const made = [], button = e.currentTarget;
  for (let i = 0; i < config.setup.networks.length; i++) {
    const done = await ask({ do: "code", network: i });
    if (done) made.push(config.setup.networks.length > 1 ? `# network ${"AB"[i]}\n${done.code}` : done.code);
  }
  copy(button, made.join("\n\n"));
});
byId("link").addEventListener("click", (/** @type {MouseEvent} */ e) => {
  const state = btoa(JSON.stringify(config.setup)).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
  copy(e.currentTarget, `${location.origin}${location.pathname}#state=${state}`);
});

/** Takes over the state of a link; once, so that a reload keeps what has been trained. */
async function takeState() {
  const state = fragment.get("state");
  if (!state) return;
  fragment.delete("state");
  history.replaceState(null, "", `#${fragment}`);
  try {
    await ask({ do: "setup", setup: JSON.parse(atob(state.replaceAll("-", "+").replaceAll("_", "/"))) });
  } catch {
    note("The state in this link cannot be read.");
  }
}

byId("weights").addEventListener("click", async () => {
  /** @type {Record<string, any>} */ const made = {};
  for (let i = 0; i < config.setup.networks.length; i++) made["AB"[i]] = (await ask({ do: "weights", network: i }))?.weights;
  const url = URL.createObjectURL(new Blob([JSON.stringify(made)], { type: "application/json" }));
  make("a", { href: url, download: `weights-${document.body.dataset.step}.json` }).click();
  setTimeout(() => URL.revokeObjectURL(url), 1000);
});
for (const id of ["sharp", "only-train"])
  byId(id).addEventListener("change", () => {
    networks.scatter();
    if (frame) networks.show(frame);
  });
for (const panel of /** @type {HTMLDetailsElement[]} */ ([...document.querySelectorAll("[data-open]")]))
  panel.open = innerWidth > 760 && innerHeight >= Number(panel.dataset.open); // folded where there is little room

onTheme(() => {
  if (config?.source === "lab") showSetup(config, change, sendCsv);
  networks.scatter();
  inside.again();
  if (frame) networks.show(frame);
  for (const curve of curves) curve.draw();
});
// Another token or state in this tab's address, as when the server was started again: that alone loads no page anew.
addEventListener("hashchange", () => /[#&](token|state)=/.test(location.hash) && location.reload());
addEventListener("resize", () => curves.forEach((curve) => curve.draw()));
await takeState();
source.follow(paintFrame, (words) => (byId("link-state").textContent = words), () => inside.view === "units");
