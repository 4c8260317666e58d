"""Every rule in every kind of network beside scalar loops, at 1e-10: a table of rules and networks.

Dense, convolution (with and without a border of zeros), recurrent, stacked (with a dense layer over time below), and
padded (masks, the last output only).
"""

import math
import warnings
from collections import defaultdict

import numpy as np
import pytest
from literal import Tape, zeros

import lucidnet as ln
from lucidnet import rules
from lucidnet.backend import StepStream, Stream
from lucidnet.data.batch import Batch
from lucidnet.engine.build import initial, problem_of
from lucidnet.engine.numbers import Numbers
from lucidnet.engine.update import advance, training_run
from lucidnet.layers import Conv2D, Dense, Flatten, Input, LeakyRNN, Sequential
from lucidnet.losses import HalfSquaredError
from lucidnet.optimizers import SGD
from lucidnet.rules import UORO, KeRNL, Rule, SnAp, TruncatedBPTT
from lucidnet.rules.space import perturbation

N, T, TAU = 2, 5, (3.0, 2.0)
RNG = np.random.default_rng(0)
COUNTS = np.array([[1, 1, 1, 1, 0], [0, 1, 0, 1, 1]], bool)
ALL = np.ones((N, T), bool)
WEIGHTS = np.array([0.5, 2.0])


def rnn(units, k, sequences=True):
    return LeakyRNN(units, tau=TAU[k], return_sequences=sequences)


NETS = {
    "dense": ([Input(3), Dense(4, "tanh"), Dense(3, "tanh"), Dense(2)], (3,)),
    "convolution": (
        [
            Input((3, 4, 2)),
            Conv2D(2, 2, activation="tanh"),
            Conv2D(2, (2, 3), padding="same", activation="tanh"),
            Flatten(),
            Dense(2),
        ],
        (3, 4, 2),
    ),
    "recurrent": ([Input((T, 2)), Dense(3, "tanh"), rnn(3, 0), Dense(2)], (T, 2)),
    "stacked": ([Input((T, 2)), Dense(3, "tanh"), rnn(3, 0), rnn(2, 1), Dense(2)], (T, 2)),
    "padded": ([Input((T, 2)), Dense(3, "tanh"), rnn(3, 0), rnn(2, 1, False), Dense(2)], (T, 2)),
}


def forward(tape, name, x, n, counts):
    """The output of a network in single numbers, by index."""
    names = [key for key, own in tape.params.items() if own]
    x = {index: tape.cell(value) for index, value in np.ndenumerate(x)}
    if name == "dense":
        for key in names[:-1]:
            x = tape.dense(key, x, n, tanh=True)
    elif name == "convolution":
        x = tape.conv(names[0], x, n, (3, 4), tanh=True)
        x = tape.conv(names[1], x, n, (2, 3), same=True, tanh=True)
        x = {(i,): cell for i, (_, cell) in enumerate(sorted(x.items()))}
    else:
        x = tape.dense(names[0], x, n, tanh=True)
        for k, key in enumerate(names[1:-1]):
            x = tape.leaky(key, x, n, TAU[k], counts, name != "padded" or k == 0)
    return tape.dense(names[-1], x, n)


class Case:
    """A network with a batch, the gradient by a rule, and its state."""

    def __init__(self, name, rule, weights=None, decay=0.0):
        layers, shape = NETS[name]
        self.name, net = name, Sequential(layers)
        self.counts = COUNTS if name == "padded" else ALL
        params = initial(net, shape, 3, "float64")
        params = {
            k: {n: a + 0.1 * RNG.normal(size=a.shape) for n, a in own.items()} for k, own in params.items()
        }
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            optimizer = SGD(0.1, weight_decay=decay)
            self.problem = problem_of(net, HalfSquaredError(), optimizer, rules.get(rule), params, shape)
        self.state = self.problem.start(params, 3)
        self.params, self.B = self.state.params, self.state.feedback.weights
        x = RNG.normal(size=(N, *shape))
        y = net.forward(params, x)[0]
        self.x, self.weights = x, weights
        self.batch = Batch(x, RNG.normal(size=y.shape), weights, self.counts if name == "padded" else None)

    def made(self):
        run = training_run(self.state, self.batch, Numbers(3))
        return self.problem.objective.gradient(self.params, self.batch, run, self.B)

    def share(self):
        """1 / N, and the weight of each example."""
        places = N * T if self.name in ("recurrent", "stacked") else N
        return [(1.0 if self.weights is None else self.weights[n]) / places for n in range(N)]

    def literal(self, carry=lambda key, w: w, signal=None):
        """The gradients by loops; `signal(error, target)` is what a direct rule sends, by B."""
        grads = zeros(self.params)
        for n, share in enumerate(self.share()):
            tape = Tape(self.params, carry)
            out = forward(tape, self.name, self.x[n], n, self.counts[n])
            error = {i: (c.value - self.batch.target[(n, *i)]) * share for i, c in out.items()}
            for i, cell in out.items():
                cell.error = error[i]
            if signal is not None:
                sent = {i: signal(e, self.batch.target[(n, *i)] * share) for i, e in error.items()}
                self._inject(tape, sent)
            tape.back(grads)
        return grads

    def _inject(self, tape, sent):
        for layer, own in self.B.items():
            B = own["B"]
            for index, cell in tape.inputs[layer].items():
                over_time = B.ndim == 2 and len(index) > 1
                for k, (place, e) in enumerate(sorted(sent.items())):
                    if over_time and place[0] != index[0]:
                        continue
                    row = place[-1] if over_time else k
                    cell.error += e * B[(row, *((index[-1],) if over_time else index))]


def close(made, expected):
    for layer, own in expected.items():
        for name, array in own.items():
            scale = max(np.abs(array).max(), 1e-3)
            assert np.abs(made[layer][name] - array).max() <= 1e-10 * scale, (layer, name)


def by_b(case, change=lambda w, b, B: b):
    """What carries an error: a function of W and B, W itself where there is no B."""

    def carry(key, w):
        layer, name, index = key
        B = case.B.get(layer, {}).get(name)
        return w if B is None else change(w, B[index], B)

    return carry


CARRIED = {
    "backprop": lambda w, b, B: w,
    "fa": lambda w, b, B: b,
    "kp": lambda w, b, B: b,
    "wm": lambda w, b, B: b,
    "usf": lambda w, b, B: np.sign(w) * math.sqrt((B * B).sum() / B.size),
    "frsf": lambda w, b, B: np.sign(w) * abs(b),
    "brsf": lambda w, b, B: np.sign(w) * abs(b),
    "shallow": lambda w, b, B: 0.0,
}
SENT = {"dfa": lambda e, t: e, "drtp": lambda e, t: t}


@pytest.mark.parametrize("weights", [None, WEIGHTS], ids=["", "weights"])
@pytest.mark.parametrize("name", NETS)
@pytest.mark.parametrize("rule", [*CARRIED, *SENT])
def test_rules_across_layers(rule, name, weights):
    case = Case(name, rule, weights)
    made = case.made()
    if rule in SENT:
        close(made.grads, case.literal(lambda key, w: 0.0, SENT[rule]))
    elif rule == "shallow":
        close(made.grads, case.literal(lambda key, w: 0.0))
    else:
        close(made.grads, case.literal(by_b(case, CARRIED[rule])))


# --- feedback that learns ----------------------------------------------------------------------------


@pytest.mark.parametrize("name", NETS)
def test_kolen_pollack_moves_both_alike(name):
    """W - rate (g + decay W) and B - rate (g + decay B)."""
    case = Case(name, "kp", decay=0.2)
    grads = case.literal(by_b(case, CARRIED["kp"]))
    after, _ = advance(case.problem, case.state, [case.batch], Numbers(3))
    close(after.params, moved(case.params, grads, 0.2))
    B = after.feedback.weights
    assert B.keys() == case.B.keys()
    close(B, moved(case.B, grads, 0.2))


def moved(tree, grads, decay):
    return {k: {n: a - 0.1 * (grads[k][n] + decay * a) for n, a in own.items()} for k, own in tree.items()}


@pytest.mark.parametrize("name", NETS)
def test_weight_mirrors_by_loops(name):
    """B <- (1 - decay) B + rate times the mean of xi z over examples and over the uses of each weight."""
    case = Case(name, "wm")
    after, _ = advance(case.problem, case.state, [case.batch], Numbers(3))
    own = case.problem.rule.space
    for layer, B in case.B.items():
        shape = case.problem.edges[layer,]
        rng = StepStream.like(case.x, 3, case.state.step, ("mirror",)).child(layer).child("noise")
        alone = layer.startswith("leaky")
        rows = own.examples * (shape[0] if alone else 1)
        xi = rng.child("W").normal((rows, shape[-1])) if alone else rng.normal((rows, *shape))
        total, uses = np.zeros(B["W"].shape), np.zeros(B["W"].shape)
        params = {layer: {"W": case.params[layer]["W"], "b": np.zeros(B["W"].shape[-1])}}
        for row in xi:
            tape = Tape(params)
            x = {i: tape.cell(v) for i, v in np.ndenumerate(row)}
            z = tape.conv(layer, x, 0, shape[:2], same=True) if B["W"].ndim == 4 else tape.dense(layer, x, 0)
            for cell in z.values():
                for (_, which, index), source in cell.weights:
                    if which == "W":
                        total[index] += source.value * cell.value
                        uses[index] += 1
        expected = (1 - own.decay) * B["W"] + own.rate * total / uses
        np.testing.assert_allclose(after.feedback.weights[layer]["W"], expected, rtol=1e-10, atol=1e-13)


# --- rules by noise ----------------------------------------------------------------------------------


@pytest.fixture
def noises(monkeypatch):
    """The noise of each place, as the rules draw it."""
    found, draw = {}, perturbation.noise

    def noted(stream, name, shape, like):
        xi = draw(stream, name, shape, like)
        found[stream.path[-1] if name == "outputs" else "weights"] = xi
        return xi

    monkeypatch.setattr(perturbation, "noise", noted)
    return found


def half_square(case, out, n):
    """The loss of an example, a sum over its places."""
    return sum((c.value - case.batch.target[(n, *i)]) ** 2 / 2 for i, c in out.items()) * case.share()[n]


@pytest.mark.parametrize("name", NETS)
def test_node_perturbation_by_loops(name, noises):
    """Each output hears its own noise times the change of the loss; no error goes from layer to layer."""
    case, sigma = Case(name, "np"), 1e-3
    made = case.made()
    grads = zeros(case.params)
    for n in range(N):
        plain = forward(Tape(case.params), name, case.x[n], n, case.counts[n])
        where = {key: xi * case.counts[..., None] if xi.ndim == 3 else xi for key, xi in noises.items()}
        tape = Tape(
            case.params, lambda key, w: 0.0, past=False, noise=lambda layer, xi=where: (sigma, xi[layer])
        )
        out = forward(tape, name, case.x[n], n, case.counts[n])
        change = (half_square(case, out, n) - half_square(case, plain, n)) / sigma
        for cell in tape.cells:
            cell.error = getattr(cell, "xi", 0.0) * change
        tape.back(grads)
    # A difference of two losses over sigma has 1e-16 / 1e-3 of rounding.
    for layer, own in grads.items():
        for which, array in own.items():
            np.testing.assert_allclose(made.grads[layer][which], array, rtol=0, atol=1e-11)


@pytest.mark.parametrize("name", NETS)
def test_weight_perturbation_by_loops(name, noises):
    case, sigma = Case(name, "wp"), 1e-3
    made = case.made()
    xi, begin, others, drawn = noises["weights"], 0, {}, {}
    for layer, own in case.params.items():
        others[layer], drawn[layer] = {}, {}
        for which, array in own.items():
            drawn[layer][which] = xi[begin : begin + array.size].reshape(array.shape)
            others[layer][which] = array + sigma * drawn[layer][which]
            begin += array.size
    change = 0.0
    for n in range(N):
        for params, sign in ((others, 1), (case.params, -1)):
            out = forward(Tape(params), name, case.x[n], n, case.counts[n])
            change += sign * half_square(case, out, n) / sigma
    for layer, own in drawn.items():
        for which, array in own.items():
            np.testing.assert_allclose(made.grads[layer][which], change * array, rtol=0, atol=1e-11)


def test_the_mean_of_node_perturbation_is_the_gradient_in_time():
    """Within five standard errors of each entry, over 1,500 draws, in two recurrent layers with padding."""
    case = Case("padded", "np")
    true = {layer: own for layer, own in case.literal().items() if own}
    draws = defaultdict(list)
    for i in range(1500):
        run = ln.layers.Run(True, Stream(7, i, "float64"), mask=COUNTS)
        grads = case.problem.objective.gradient(case.params, case.batch, run, {}).grads
        for layer in true:
            draws[layer].append(np.concatenate([grads[layer][which].ravel() for which in true[layer]]))
    for layer, own in draws.items():
        own, expected = np.array(own), np.concatenate([a.ravel() for a in true[layer].values()])
        error = own.std(0) / math.sqrt(len(own))
        assert (np.abs(own.mean(0) - expected) < 5 * error + 1e-3 * np.abs(expected).max()).all(), layer


# --- rules through time ------------------------------------------------------------------------------


class Layer:
    """A recurrent layer in single numbers: a pass over one example, with its slopes by time."""

    def __init__(self, p, tau, x, counts):
        self.p, self.k, self.counts, self.x = p, 1 / tau, counts, x
        self.units, self.features = len(p["b"]), p["W"].shape[0]
        self.h, self.before, self.slope = [], [], []
        h = [0.0] * self.units
        for t in range(len(x)):
            self.before.append(h)
            a = [
                sum(x[t][i] * p["W"][i, u] for i in range(self.features))
                + sum(h[j] * p["U"][j, u] for j in range(self.units))
                + p["b"][u]
                for u in range(self.units)
            ]
            self.slope.append([self.k * (1 - math.tanh(v) ** 2) if counts[t] else 0.0 for v in a])
            if counts[t]:
                h = [(1 - self.k) * h[u] + self.k * math.tanh(a[u]) for u in range(self.units)]
            self.h.append(h)

    def J(self, t, to, of):  # noqa: N802
        """How unit `to` after time t changes with unit `of` before."""
        if not self.counts[t]:
            return float(to == of)
        return (1 - self.k) * (to == of) + self.slope[t][to] * self.p["U"][of, to]

    def keys(self, t):
        """The weights into each unit, with their inputs at time t: (name, row), input."""
        return [
            *((("W", i), self.x[t][i]) for i in range(self.features)),
            *((("U", j), self.before[t][j]) for j in range(self.units)),
            (("b", None), 1.0),
        ]

    def below(self, t, error):
        """The error at the input of the same time."""
        return [
            sum(error[u] * self.slope[t][u] * self.p["W"][i, u] for u in range(self.units))
            for i in range(self.features)
        ]

    def add(self, grads, name, row, unit, value):
        grads[name][(unit,) if row is None else (row, unit)] += value


def carried_back(layer, errors, grads, begin, end, dx):
    """Backpropagation from time `end` to `begin`, both counted; `errors` by time."""
    d = [0.0] * layer.units
    for t in reversed(range(begin, end + 1)):
        d = [d[u] + errors[t][u] for u in range(layer.units)]
        for u in range(layer.units):
            for (name, row), value in layer.keys(t):
                layer.add(grads, name, row, u, d[u] * layer.slope[t][u] * value)
        dx[t] = [a + b for a, b in zip(dx[t], layer.below(t, d), strict=True)]
        d = [sum(d[to] * layer.J(t, to, of) for to in range(layer.units)) for of in range(layer.units)]


def windows(window, stride):
    def learn(layer, errors, grads, n):
        times = len(errors)
        dx, done, nothing = [[0.0] * layer.features for _ in errors], 0, [0.0] * layer.units
        for t in range(times):
            if (t + 1) % stride == 0 or t == times - 1:
                own = [e if s >= done else nothing for s, e in enumerate(errors)]
                carried_back(layer, own, grads, max(0, t + 1 - window), t, dx)
                done = t + 1
        return dx

    return learn


def traced(step):
    """A rule of traces: `step(layer, t, P)` moves on the influences P[name, row, unit][k] on each unit k."""

    def learn(layer, errors, grads, n):
        P = defaultdict(lambda: [0.0] * layer.units)
        dx = []
        for t, e in enumerate(errors):
            P = step(layer, t, P)
            for (name, row, unit), influence in P.items():
                layer.add(grads, name, row, unit, sum(e[k] * influence[k] for k in range(layer.units)))
            dx.append(layer.below(t, e))
        return dx

    return learn


def influences(kept, reach=None):
    """P_k = sum_j kept(layer, t, k, j) P_j + the immediate influence on the weight's own unit."""

    def step(layer, t, P):
        new = defaultdict(lambda: [0.0] * layer.units)
        for (name, row), value in layer.keys(t):
            for unit in range(layer.units):
                old = P[name, row, unit]
                made = [
                    sum(kept(layer, t, k, j) * old[j] for j in range(layer.units))
                    + (layer.slope[t][unit] * value if k == unit else 0.0)
                    for k in range(layer.units)
                ]
                within = [reach is None or reach(layer, k, unit) for k in range(layer.units)]
                new[name, row, unit] = [m if w else 0.0 for m, w in zip(made, within, strict=True)]
        return new

    return step


def own_only(layer, t, k, j):
    """What a unit keeps of itself, without its recurrent weight."""
    return 0.0 if k != j else (1 - layer.k if layer.counts[t] else 1.0)


def one_step(layer, k, unit):
    return k == unit


def two_steps(layer, k, unit):
    return k == unit or layer.p["U"][unit, k] != 0


def uoro(seed):
    """Tallec & Ollivier 2017, algorithm 1, with the signs of the library: one for each number of the state."""

    def learn(layer, errors, grads, n):
        s, w, dx = [0.0] * layer.units, defaultdict(float), []
        for t, e in enumerate(errors):
            drawn = StepStream.like(RNG.normal(size=1), seed, t, ("uoro",)).child("state")
            nu = 2.0 * np.asarray(drawn.bernoulli((N, layer.units), 0.5))[n] - 1
            if layer.counts[t]:
                Js = [sum(layer.J(t, a, b) * s[b] for b in range(layer.units)) for a in range(layer.units)]
                fresh = {
                    (name, row, u): nu[u] * layer.slope[t][u] * value
                    for (name, row), value in layer.keys(t)
                    for u in range(layer.units)
                }
                r0, r1 = ratio(w.values(), Js), ratio(fresh.values(), nu)
                s = [r0 * a + r1 * v for a, v in zip(Js, nu, strict=True)]
                w = {key: w.get(key, 0.0) / r0 + fresh[key] / r1 for key in fresh}
            told = sum(e[u] * s[u] for u in range(layer.units))
            for (name, row, u), value in w.items():
                layer.add(grads, name, row, u, told * value)
            dx.append(layer.below(t, e))
        return dx

    return learn


def ratio(large, small):
    one, two = (math.sqrt(sum(v * v for v in values)) for values in (large, small))
    return math.sqrt(one / two) if one and two else 1.0


LITERAL = {
    "bptt": (rules.BPTT(), windows(T, T)),
    "truncated": (TruncatedBPTT(3), windows(3, 1)),
    "truncated, stride": (TruncatedBPTT(3, 2), windows(3, 2)),
    "rtrl": (rules.RTRL(), traced(influences(Layer.J))),
    "snap1": (rules.Diagonal(), traced(influences(Layer.J, one_step))),
    "SnAp(1)": (SnAp(1), traced(influences(Layer.J, one_step))),
    "SnAp(2)": (SnAp(2), traced(influences(Layer.J, two_steps))),
    "uoro": (UORO(4), uoro(4)),
    "rflo": (rules.RFLO(), traced(influences(own_only))),
    "eprop": (rules.EProp(), traced(influences(own_only))),
}


@pytest.mark.parametrize("name", ["recurrent", "stacked", "padded"])
@pytest.mark.parametrize("rule", LITERAL)
def test_rules_through_time(rule, name):
    rule, learn = LITERAL[rule]
    case = Case(name, Rule(time=rule))
    U = case.params[next(k for k in case.params if k.startswith("leaky"))]["U"]
    U[0, 1:] = 0.0  # so that two steps do not reach all units
    close(case.made().grads, by_time(case, learn))


def by_time(case, learn, together=None):
    """The gradients of all layers: dense layers at each time by themselves, recurrent ones by a rule.

    `learn` is asked for each example by itself, or `together` once for all of them.
    """
    grads, names = zeros(case.params), [key for key, own in case.params.items() if own]
    bottom, top, stacks, errors = case.params[names[0]], case.params[names[-1]], [], []
    x = [[[float(v) for v in row] for row in one] for one in case.x]
    low = [[dense(bottom, row, True) for row in one] for one in x]
    for n, share in enumerate(case.share()):
        layers, seen = [], low[n]
        for k, key in enumerate(names[1:-1]):
            layers.append(Layer(case.params[key], TAU[k], seen, case.counts[n]))
            seen = layers[-1].h
        stacks.append(layers)
        target, e = case.batch.target[n], [[0.0] * layers[-1].units for _ in range(T)]
        last = max(t for t in range(T) if case.counts[n][t])
        for t in [last] if case.name == "padded" else range(T):
            want = target if case.name == "padded" else target[t]
            d = [(y - v) * share for y, v in zip(dense(top, seen[t], False), want, strict=True)]
            e[t] = dense_back(top, grads[names[-1]], seen[t], d)
        errors.append(e)
    for k, key in reversed(list(enumerate(names[1:-1]))):
        layers = [stack[k] for stack in stacks]
        if together is None:
            errors = [
                learn(layer, e, grads[key], n)
                for n, (layer, e) in enumerate(zip(layers, errors, strict=True))
            ]
        else:
            errors = together(layers, errors, grads[key])
    for n, t in np.ndindex(N, T):
        d = [e * (1 - y * y) for e, y in zip(errors[n][t], low[n][t], strict=True)]
        dense_back(bottom, grads[names[0]], x[n][t], d)
    return grads


@pytest.mark.parametrize("name", ["recurrent", "stacked", "padded"])
def test_kernl_by_loops(name):
    """Roth et al. 2019, algorithm 1: A and alpha are of all examples whose time step counts."""
    rate, sigma, decay, seed = 0.3, 0.01, 0.25, 5
    case = Case(name, KeRNL(rate, sigma, decay, seed))

    def learn(layers, errors, grads):
        units = layers[0].units
        A, alpha = np.eye(units), np.full(units, decay)
        noisy, omega, gamma = (np.zeros((N, units)) for _ in range(3))
        P = [defaultdict(float) for _ in layers]
        dx = [[] for _ in layers]
        for t in range(T):
            xi = np.asarray(StepStream.like(omega, seed, t, ("kernl",)).normal((N, units)))
            real = [n for n in range(N) if layers[n].counts[t]]
            error = {}
            for n in real:
                layer, p = layers[n], layers[n].p
                for key, value in layer.keys(t):
                    for u in range(units):
                        P[n][*key, u] = (1 - alpha[u]) * P[n][*key, u] + layer.slope[t][u] * value
                before = noisy[n].copy()
                for u in range(units):
                    a = p["b"][u] + sum(layer.x[t][i] * p["W"][i, u] for i in range(layer.features))
                    a += sum(before[j] * p["U"][j, u] for j in range(units))
                    noisy[n, u] = (1 - layer.k) * before[u] + layer.k * math.tanh(a) + sigma * xi[n, u]
                    gamma[n, u] = (1 - alpha[u]) * gamma[n, u] - omega[n, u]
                    omega[n, u] = (1 - alpha[u]) * omega[n, u] + xi[n, u]
                error[n] = [
                    sum(A[k, u] * omega[n, u] for u in range(units)) - (noisy[n, k] - layer.h[t][k]) / sigma
                    for k in range(units)
                ]
            count = max(len(real), 1)
            size = sum(omega[n, u] ** 2 for n in real for u in range(units))
            sizes = [
                sum(A[k, u] ** 2 for k in range(units)) * sum(gamma[n, u] ** 2 for n in real)
                for u in range(units)
            ]
            dA = np.array(
                [[sum(error[n][k] * omega[n, u] for n in real) for u in range(units)] for k in range(units)]
            )
            back = [
                sum(error[n][k] * A[k, u] * gamma[n, u] for n in real for k in range(units))
                for u in range(units)
            ]
            alpha = np.clip([alpha[u] - rate * back[u] / (count + sizes[u]) for u in range(units)], 0, 1)
            A = A - rate * dA / (count + size)
            for n, layer in enumerate(layers):
                e = errors[n][t]
                sent = [sum(e[k] * A[k, u] for k in range(units)) for u in range(units)]
                for (which, row, u), value in P[n].items():
                    layer.add(grads, which, row, u, sent[u] * value)
                dx[n].append(layer.below(t, e))
        return dx

    close(case.made().grads, by_time(case, None, learn))


def dense(p, x, tanh):
    z = [sum(x[i] * p["W"][i, j] for i in range(len(x))) + p["b"][j] for j in range(len(p["b"]))]
    return [math.tanh(v) for v in z] if tanh else z


def dense_back(p, grads, x, d):
    for j, e in enumerate(d):
        grads["b"][j] += e
        for i, v in enumerate(x):
            grads["W"][i, j] += v * e
    return [sum(e * p["W"][i, j] for j, e in enumerate(d)) for i in range(len(x))]
