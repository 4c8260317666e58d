"""Networks as lists of single numbers: each unit, place and time step is a cell that knows where it came from.

Nothing of the library is used but the weights. A pass back goes through the cells in reverse order. What a rule
changes is said by three functions of the weights: by what the error is carried, what is put in its place, and
whether the past is carried.
"""

import math
from collections import defaultdict
from itertools import product

import numpy as np


class Cell:
    """A number; what it was made of, with slopes; and the weights that it was made by, with their inputs."""

    def __init__(self, value, parents=(), weights=()):
        self.value, self.parents, self.weights, self.error = float(value), parents, weights, 0.0


class Tape:
    """A forward pass in single numbers.

    `carry(key, w)` is the weight that carries an error down across the weight w; `past` is whether errors go back in
    time; `noise(layer)` is added to the outputs (or the state) of a layer with weights, if given.
    """

    def __init__(self, params, carry=lambda key, w: w, past=True, noise=None):
        self.params, self.carry, self.past, self.noise = params, carry, past, noise
        self.cells, self.inputs = [], defaultdict(list)

    def cell(self, *given):
        self.cells.append(Cell(*given))
        return self.cells[-1]

    def w(self, key):
        layer, name, index = key
        return float(self.params[layer][name][index])

    def affine(self, terms, bias):
        """sum_i x_i w_i + b; the input weights W are crossed by `carry`, recurrent ones as they are."""
        value = sum(x.value * self.w(key) for x, key in terms) + self.w(bias)
        slopes = [(x, self.across(key)) for x, key in terms]
        return self.cell(value, slopes, [*((key, x) for x, key in terms), (bias, None)])

    def across(self, key):
        if key[1] == "U":
            return self.w(key) if self.past else 0.0
        return self.carry(key, self.w(key))

    def tanh(self, x):
        y = math.tanh(x.value)
        return self.cell(y, [(x, 1 - y * y)])

    def noisy(self, layer, index, x):
        """x + sigma xi, of a layer's output or state."""
        if self.noise is None:
            return x
        sigma, xi = self.noise(layer)
        made = self.cell(x.value + sigma * xi[index], [(x, 1.0)])
        made.xi = xi[index]
        return made

    # --- layers; x is a dict from index to cell ---

    def dense(self, layer, x, n, tanh=False):
        """Of a vector, or of each time step of a sequence (index (t, i))."""
        units = self.params[layer]["b"].shape[0]
        places = sorted({index[:-1] for index in x})
        self.used(layer, x)
        made = {}
        for place in places:
            mine = [(index[-1], cell) for index, cell in x.items() if index[:-1] == place]
            for j in range(units):
                z = self.affine([(c, (layer, "W", (i, j))) for i, c in mine], (layer, "b", (j,)))
                made[*place, j] = self.noisy(layer, (n, *place, j), self.tanh(z) if tanh else z)
        return made

    def conv(self, layer, x, n, size, same=False, tanh=False):
        """Kernel (rows, columns, inputs, filters), stride 1; with `same` a border of zeros, more of it behind."""
        kernel = self.params[layer]["W"]
        rows, columns, inputs, filters = kernel.shape
        before = [(k - 1) // 2 if same else 0 for k in (rows, columns)]
        out = [s if same else s - k + 1 for s, k in zip(size, (rows, columns), strict=True)]
        self.used(layer, x)
        made = {}
        for r, c, f in product(range(out[0]), range(out[1]), range(filters)):
            terms = []
            for i, j, k in product(range(rows), range(columns), range(inputs)):
                place = (r + i - before[0], c + j - before[1], k)
                if place in x:
                    terms.append((x[place], (layer, "W", (i, j, k, f))))
            z = self.affine(terms, (layer, "b", (f,)))
            made[r, c, f] = self.noisy(layer, (n, r, c, f), self.tanh(z) if tanh else z)
        return made

    def leaky(self, layer, x, n, tau, counts, sequences):
        """h' = (1 - 1/tau) h + 1/tau tanh(x W + h U + b); where a time step does not count h stays."""
        units, features = self.params[layer]["b"].shape[0], self.params[layer]["W"].shape[0]
        self.used(layer, x, counts)
        h, made = [self.cell(0.0) for _ in range(units)], {}
        for t in range(len(counts)):
            before = h
            if counts[t]:
                h = []
                for a in range(units):
                    terms = [(x[t, i], (layer, "W", (i, a))) for i in range(features)]
                    terms += [(before[j], (layer, "U", (j, a))) for j in range(units)]
                    f = self.tanh(self.affine(terms, (layer, "b", (a,))))
                    keep = 1 - 1 / tau
                    new = keep * before[a].value + f.value / tau
                    made_h = self.cell(new, [(before[a], keep if self.past else 0.0), (f, 1 / tau)])
                    h.append(self.noisy(layer, (n, t, a), made_h))
            made |= {(t, a): h[a] for a in range(units)}
        return made if sequences else {(a,): h[a] for a in range(units)}

    def used(self, layer, x, counts=None):
        """Note the inputs of a layer: there a direct rule puts its signal, where they count."""
        self.inputs[layer] = {i: c for i, c in x.items() if counts is None or counts[i[0]]}

    def back(self, grads):
        """Carry errors back through all cells, and add up the gradients of the weights."""
        for cell in reversed(self.cells):
            for parent, slope in cell.parents:
                parent.error += cell.error * slope
            for (layer, name, index), x in cell.weights:
                grads[layer][name][index] += cell.error * (1.0 if x is None else x.value)


def zeros(params):
    return {layer: {name: np.zeros(a.shape) for name, a in own.items()} for layer, own in params.items()}
