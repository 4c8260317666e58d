// What layers and rules compute, as formulas: MathML that comes with the configuration.

import { make } from "./numbers.js";

/**
 * Whose output each layer takes, the classes of each layer (its own, and that of its activation) and of its rule, and what is told of each class.
 * @typedef {{ sources: Record<string, string|null>, layers: Record<string, string[]>, rules: Record<string, string[]>, classes: Record<string, { says: string, formulas: string[] }> }} Formulas
 */

/** A formula as an element. @param {string} mathml */
function written(mathml) {
  const made = new DOMParser().parseFromString(mathml, "text/html").body;
  return make("span", { class: "formula" }, ...document.importNode(made, true).childNodes);
}

/** A class in words, and its formulas. @param {Formulas} known @param {string} name @param {string} words @returns {Node[]} */
function told(known, name, words) {
  const { says, formulas } = known.classes[name], [value, back] = formulas;
  const line = make("span", { class: "formula" }, `${words} ${name}: ${says}`);
  if (!value) return [line];
  return [line, written(value), ...(back ? [make("span", { class: "formula" }, "and back:"), written(back)] : [])];
}

/** What a layer computes. @param {Formulas} known @param {string} layer @returns {Node[]} */
export function formulasOfLayer(known, layer) {
  const [kind, activation] = known.layers[layer] ?? [];
  if (!kind) return [];
  return [...told(known, kind, `${layer} is a layer of the kind`), ...(activation ? told(known, activation, "Its activation f is") : [])];
}

/** What the rule of a layer does. @param {Formulas} known @param {string} layer @returns {Node[]} */
export function formulasOfRule(known, layer) {
  return (known.rules[layer] ?? []).flatMap((name, i) => told(known, name, i ? "Through time" : "The rule is"));
}
