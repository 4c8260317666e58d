// Guided starts: a sentence and a state each. tests/lab/test_page_presets.py holds that they do what they say.

/** @typedef {{ title: string, sentence: string, setup: any }} Preset */

const both = (/** @type {any} */ network, /** @type {any} */ other) => [network, { ...network, ...other }];

/** @type {Preset[]} */
export const PRESETS = [
  {
    title: "Does random feedback learn?",
    sentence: "B sends its errors back through fixed random weights, and learns the spirals all the same: its weights turn towards the feedback, most of all the last.",
    setup: {
      data: { name: "spirals", n: 400, noise: 0.03, test: 0.5, seed: 0 }, seed: 0, batch: 32, stop_step: 4000,
      networks: both({ layers: [[32, "tanh"], [32, "tanh"]], rule: "backprop", optimizer: "adam", rate: 0.01, loss: "binary_crossentropy" }, { rule: "fa" }),
    },
  },
  {
    title: "Too deep for sigmoid",
    sentence: "Six layers of sigmoid (A) let almost no gradient through, and A stays where it is; six of relu (B) learn.",
    setup: {
      data: { name: "circles", n: 400, noise: 0.05, test: 0.5, seed: 0 }, seed: 0, batch: 32, stop_step: 2000,
      networks: both(
        { layers: Array(6).fill([12, "sigmoid"]), rule: "backprop", optimizer: "sgd", rate: 0.05, momentum: 0.9, loss: "binary_crossentropy", initializer: "glorot_uniform" },
        { layers: Array(6).fill([12, "relu"]), initializer: "fitting" }),
    },
  },
  {
    title: "Learning rate too high",
    sentence: "A takes steps of a good size; B takes steps 100 times as large, and never comes as low.",
    setup: {
      data: { name: "moons", n: 400, noise: 0.15, test: 0.5, seed: 0 }, seed: 0, batch: 32, stop_step: 1500,
      networks: both({ layers: [[16, "tanh"], [16, "tanh"]], rule: "backprop", optimizer: "sgd", rate: 0.1, momentum: 0.9, loss: "binary_crossentropy" }, { rate: 10 }),
    },
  },
];
