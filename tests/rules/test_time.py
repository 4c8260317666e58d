"""Rules through time: exact where they are, and what the published updates say where they are not."""

import math

import numpy as np
import pytest

import lucidnet as ln
from lucidnet.backend import StepStream, Stream
from lucidnet.errors import LucidnetError
from lucidnet.layers import GRU, LSTM, Dense, Input, LeakyRNN, Run, Sequential, SimpleRNN
from lucidnet.rules import RFLO, RTRL, UORO, Diagonal, EProp, KeRNL, Rule, SnAp, TruncatedBPTT
from lucidnet.rules.time import rtrl
from lucidnet.rules.time.base import part
from lucidnet.rules.time.online import gathered, time_step
from lucidnet.training import Step
from lucidnet.tree import Layout, leaves
from passes import by_chain_rule, by_rule

N, T, D, U = 3, 6, 2, 4
RNG = np.random.default_rng(0)
X = RNG.normal(size=(N, T, D))
MASK = np.array([[1, 1, 1, 1, 1, 1], [1, 1, 1, 1, 0, 0], [0, 1, 1, 0, 1, 1]], bool)
CELLS = {
    "SimpleRNN": SimpleRNN(U),
    "LeakyRNN": LeakyRNN(U, tau=3.0),
    "GRU": GRU(U),
    "LSTM": LSTM(U),
}
every_cell = pytest.mark.parametrize("name", CELLS)


def made(name, sequences=True, mask=None, backwards=False):
    """A layer with a forward pass over X, and an error at its output."""
    from dataclasses import replace

    layer = replace(CELLS[name], return_sequences=sequences, go_backwards=backwards)
    params, _ = layer.init(Stream(1, dtype="float64"), (T, D))
    params = {k: a + 0.1 * RNG.normal(size=a.shape) for k, a in params.items()}
    y, cache = layer.forward(params, X, Run(mask=mask))
    return layer, params, cache, np.random.default_rng(3).normal(size=y.shape)


def passed(rule, layer, params, cache, dy, need_dx=True):
    """The gradients of inputs and parameters by a rule through time."""
    return rule.route(layer, params, cache, dy, need_dx, rule.feedback(layer, Stream(0, dtype="float64")))[:2]


def close(one, two, tolerance=1e-8):
    assert list(one) == list(two)
    for name in one:
        scale = max(np.abs(two[name]).max(), 1e-3)
        assert np.abs(one[name] - two[name]).max() <= tolerance * scale, name


@every_cell
@pytest.mark.parametrize("sequences", [True, False])
@pytest.mark.parametrize("mask", [None, MASK], ids=["all", "mask"])
@pytest.mark.parametrize("backwards", [False, True])
def test_rtrl_is_bptt(name, sequences, mask, backwards):
    """And BPTT is finite differences: the table of layers shows that at 1e-7."""
    layer, params, cache, dy = made(name, sequences, mask, backwards)
    _, true = layer.backward(params, cache, dy)
    close(passed(RTRL(), layer, params, cache, dy)[1], true)
    close(passed(SnAp(U), layer, params, cache, dy)[1], true)


@every_cell
@pytest.mark.parametrize("sequences", [True, False])
@pytest.mark.parametrize("backwards", [False, True])
def test_a_window_of_the_whole_sequence_is_bptt(name, sequences, backwards):
    layer, params, cache, dy = made(name, sequences, MASK, backwards)
    dx, true = layer.backward(params, cache, dy)
    for rule in (TruncatedBPTT(T), TruncatedBPTT(T + 5, 2), TruncatedBPTT(T, T)):
        made_dx, grads = passed(rule, layer, params, cache, dy)
        close(grads, true, 1e-12)
        np.testing.assert_allclose(made_dx, dx, rtol=1e-10, atol=1e-14)


@every_cell
def test_a_window_cuts_what_is_older(name):
    """With a window of 2 and stride 1, the sum over t of two steps of the chain rule each."""
    layer, params, cache, dy = made(name)
    _, grads = passed(TruncatedBPTT(2, 1), layer, params, cache, dy)
    total = {k: np.zeros_like(a) for k, a in params.items()}
    states = [cache.first]
    for t in range(T):
        z = layer.project(params, X[:, t], Run())
        states.append(layer.step(params, z, states[-1])[0])
    for t in range(T):
        begin = max(0, t - 1)
        # The window by itself, from the state in which it began.
        y, part = layer.forward(params, (X[:, begin : t + 1], *states[begin]))
        error = np.zeros_like(y)
        error[:, -1] = dy[:, t]
        for k, g in layer.backward(params, part, error)[1].items():
            total[k] += g
    close(grads, total)
    _, true = layer.backward(params, cache, dy)
    assert max(np.abs(grads[k] - true[k]).max() for k in grads) > 1e-3


@every_cell
def test_the_diagonal_is_snap_of_one_step(name):
    layer, params, cache, dy = made(name, mask=MASK)
    close(
        passed(Diagonal(), layer, params, cache, dy)[1], passed(SnAp(1), layer, params, cache, dy)[1], 1e-10
    )
    _, true = layer.backward(params, cache, dy)
    assert (
        max(np.abs(passed(Diagonal(), layer, params, cache, dy)[1][k] - true[k]).max() for k in true) > 1e-3
    )


@every_cell
def test_without_recurrent_weights_all_rules_agree(name):
    """Where no unit hears of another, local traces are exact."""
    layer, params, _, dy = made(name)
    params = params | {"U": np.zeros_like(params["U"])}
    y, cache = layer.forward(params, X)
    _, true = layer.backward(params, cache, dy)
    for rule in (RFLO(), EProp(), Diagonal(), SnAp(1), RTRL()):
        close(passed(rule, layer, params, cache, dy)[1], true)


def test_rflo_is_the_published_update():
    """Murray 2019, number by number."""
    layer, p, cache, dy = made("LeakyRNN")
    grads = {k: np.zeros_like(a) for k, a in p.items()}
    keep = 1 - 1 / 3.0
    for n in range(N):
        h = [0.0] * U
        traces = {}
        for t in range(T):
            inputs = {("W", i): X[n, t, i] for i in range(D)}
            inputs |= {("U", i): h[i] for i in range(U)} | {("b", None): 1.0}
            new = []
            for a in range(U):
                u = p["b"][a] + sum(p[k][i, a] * v for (k, i), v in inputs.items() if k != "b")
                slope = 1 - math.tanh(u) ** 2
                for (k, i), v in inputs.items():
                    old = traces.get((k, i, a), 0.0)
                    traces[k, i, a] = keep * old + slope * v / 3.0
                    index = (i, a) if i is not None else (a,)
                    grads[k][index] += dy[n, t, a] * traces[k, i, a]
                new.append(keep * h[a] + math.tanh(u) / 3.0)
            h = new
    close(passed(RFLO(), layer, p, cache, dy)[1], grads, 1e-10)


def test_eprop_of_an_lstm_is_the_published_update():
    """Bellec et al. 2020: eps = f eps + dc/dw, eligibility = dh/dc eps (+ dh/dw for the output gate)."""
    layer, p, cache, dy = made("LSTM")
    grads = {k: np.zeros_like(a) for k, a in p.items()}
    sigmoid = lambda v: 1 / (1 + math.exp(-v))  # noqa: E731
    for n in range(N):
        h, c, eps = np.zeros(U), np.zeros(U), {}
        for t in range(T):
            inputs = {("W", i): X[n, t, i] for i in range(D)}
            inputs |= {("U", i): h[i] for i in range(U)} | {("b", 0): 1.0}
            z = X[n, t] @ p["W"] + h @ p["U"] + p["b"]
            new_h, new_c = np.zeros(U), np.zeros(U)
            for a in range(U):
                i, f, o = (sigmoid(z[g * U + a]) for g in (0, 1, 3))
                g = math.tanh(z[2 * U + a])
                new_c[a] = f * c[a] + i * g
                new_h[a] = o * math.tanh(new_c[a])
                dc = {0: g * i * (1 - i), 1: c[a] * f * (1 - f), 2: i * (1 - g * g), 3: 0.0}
                through = o * (1 - math.tanh(new_c[a]) ** 2)
                for (k, row), v in inputs.items():
                    for gate in range(4):
                        key = (k, row, gate, a)
                        eps[key] = f * eps.get(key, 0.0) + dc[gate] * v
                        direct = math.tanh(new_c[a]) * o * (1 - o) * v if gate == 3 else 0.0
                        index = (row, gate * U + a) if k != "b" else (gate * U + a,)
                        grads[k][index] += dy[n, t, a] * (through * eps[key] + direct)
            h, c = new_h, new_c
    close(passed(EProp(), layer, p, cache, dy)[1], grads, 1e-10)


def drawn(layer, params, x, dy, draws):
    """The gradient of one sequence by UORO with so many signs: examples of one batch have signs of their own."""
    _, cache = layer.forward(params, np.repeat(x, draws, axis=0))
    rule, total = UORO(3), 0.0
    trace = rule.start(layer, params, draws, cache.h, {})
    for t in range(x.shape[1]):
        trace = rule.advance(trace, layer, params, time_step(part(cache, t, t + 1)))
        told = trace[1][:, : layer.units] @ dy[0, t]
        total = total + told[:, None] * np.concatenate([w.reshape(draws, -1) for w in trace[2]], axis=1)
    return total


@every_cell
def test_the_mean_of_uoro_is_rtrl(name):
    """Within five standard errors of each entry, over 4,000 draws of the signs."""
    layer, params, _, dy = made(name)
    x, dy = X[:1, :3], dy[:1, :3]
    _, cache = layer.forward(params, x)
    _, true = layer.backward(params, cache, dy)
    draws = drawn(layer, params, x, dy, 4000)
    by_z, by_s = np.split(np.arange(draws.shape[1]), [params["W"].size + params["b"].size])
    expected = gathered(layer, by_z.reshape(-1, params["b"].size), by_s.reshape(-1, params["b"].size))
    assert list(expected) == list(true)
    for key, where in expected.items():  # where among the numbers of a draw each entry stands
        own = draws[:, where.ravel().astype(int)]
        error = own.std(0) / math.sqrt(len(own))
        assert (np.abs(own.mean(0) - true[key].ravel()) <= 5 * error + 1e-12).all(), key
    assert draws.std(0).max() > 0.01


def transcribed(layer, p, x, dy, draws, signs=None):
    """Tallec & Ollivier 2017, algorithm 1, for one sequence, with other or given signs: the gradient of each draw.

    Whole Jacobians in place of products with them, found column by column from the layer's step; its epsilon 1e-7.
    """
    rng, size = np.random.default_rng(11), layer.units * len(layer.carried)
    state, step = np.zeros(size), 1e-6

    def F(s, theta, x_t):  # noqa: N802
        q, begin = {}, 0
        for k, a in p.items():
            q[k] = theta[begin : begin + a.size].reshape(a.shape)
            begin += a.size
        parts = tuple(s[None, k : k + layer.units] for k in range(0, size, layer.units))
        return np.concatenate([a[0] for a in layer.step(q, layer.project(q, x_t[None], Run()), parts)[0]])

    theta = np.concatenate([a.ravel() for a in p.values()])
    s, w, total = np.zeros((draws, size)), np.zeros((draws, theta.size)), np.zeros((draws, theta.size))
    norm = lambda a: np.linalg.norm(a, axis=-1, keepdims=True)  # noqa: E731
    for t in range(len(x)):
        by_s = slopes(lambda v, t=t: F(v, theta, x[t]), state, step)
        by_w = slopes(lambda v, t=t, s=state: F(s, v, x[t]), theta, step)
        nu = rng.choice([-1.0, 1.0], (draws, size)) if signs is None else signs[t]
        s, fresh = s @ by_s.T, nu @ by_w
        r0 = np.sqrt(norm(w) / (norm(s) + 1e-7)) + 1e-7
        r1 = np.sqrt(norm(fresh) / (norm(nu) + 1e-7)) + 1e-7
        s, w = r0 * s + r1 * nu, w / r0 + fresh / r1
        total += (s[:, : layer.units] @ dy[t])[:, None] * w
        state = F(state, theta, x[t])
    return total


def slopes(f, at, step):
    """The Jacobian of f by central differences."""
    eye = step * np.eye(at.size)
    return np.stack([(f(at + e) - f(at - e)) / (2 * step) for e in eye], axis=1)


def drawn_signs(shape, time):
    """The signs that UORO(3) draws for a time."""
    return 2.0 * StepStream.like(X, 3, time, ("uoro", "state")).bernoulli(shape, 0.5) - 1


@every_cell
def test_uoro_is_the_published_algorithm(name):
    """With the signs that ours draws for each time, up to the epsilon and the differences of the transcription."""
    layer, params, _, dy = made(name)
    shape = (20, layer.units * len(layer.carried))
    signs = [drawn_signs(shape, t) for t in range(3)]
    x, dy = X[:1, :3], dy[:1, :3]
    theirs = transcribed(layer, params, x[0], dy[0], 20, signs)
    width = params["W"].shape[1]
    for found, true in zip(drawn(layer, params, x, dy, 20), theirs, strict=True):
        by_z, by_s = np.split(found.reshape(-1, width), [D + 1])
        grads = gathered(layer, by_z, by_s)
        ours = np.concatenate([grads[k].ravel() for k in params])
        assert np.abs(ours - true).max() <= 1e-4 * np.abs(true).max()


def test_the_signs_of_uoro_are_drawn_a_time_ahead():
    """A compiler would work them out again for each number of the trace if they were drawn where they are used."""
    layer, params, cache, _ = made("GRU")
    trace = UORO(3).start(layer, params, N, cache.h, {})
    for t in range(3):
        np.testing.assert_array_equal(trace[3], drawn_signs((N, U), t))
        trace = UORO(3).advance(trace, layer, params, time_step(part(cache, t, t + 1)))


@every_cell
def test_uoro_varies_as_the_published_algorithm(name):
    """The total variance is that of a transcription with signs of its own: within 15 %, over 3,000 draws each."""
    layer, params, _, dy = made(name)
    x, dy = X[:1, :3], dy[:1, :3]
    ours, theirs = drawn(layer, params, x, dy, 3000), transcribed(layer, params, x[0], dy[0], 3000)
    ours, theirs = (draws.var(0).sum() for draws in (ours, theirs))
    assert abs(ours / theirs - 1) < 0.15


@every_cell
def test_a_change_of_the_state_is_pushed_through_a_step(name):
    """J s in one pass is the product with the whole Jacobian, with and without padding."""
    layer, params, cache, _ = made(name)
    for t in range(T):
        now = time_step(part(cache, t, t + 1))
        s = RNG.normal(size=(N, layer.units * len(layer.carried)))
        J = rtrl.jacobians(layer, params, now)[0]
        np.testing.assert_allclose(rtrl.pushed(layer, params, now, s), (J @ s[..., None])[..., 0], rtol=1e-10)


@every_cell
def test_uoro_takes_no_jacobian(name, monkeypatch):
    """One product forwards and one back at each time step, N^2 numbers: no S copies of a batch."""
    monkeypatch.setattr(rtrl, "jacobians", None)
    layer, params, cache, dy = made(name, mask=MASK)
    passed(UORO(), layer, params, cache, dy)


def test_each_batch_has_signs_of_its_own():
    """Else what the signs add to the gradient would be the same at each step, and never average out."""
    layer, params, cache, dy = made("LeakyRNN")
    rule, B, found = UORO(3), UORO(3).feedback(layer, Stream(0, dtype="float64")), []
    for _ in range(400):
        _, grads, B = rule.route(layer, params, cache, dy, False, B)
        found.append(grads["U"])
    true = RTRL().route(layer, params, cache, dy, False, {})[1]["U"]
    error = np.std(found, axis=0) / 20
    assert B["steps"] == 400 * T and error.min() > 0
    assert (np.abs(np.mean(found, axis=0) - true) < 5 * error).all()


def test_uoro_with_an_activation_that_is_no_function_of_single_units():
    from dataclasses import replace

    layer = replace(CELLS["SimpleRNN"], activation="log_softmax", return_sequences=True)
    params, _ = layer.init(Stream(1, dtype="float64"), (T, D))
    y, cache = layer.forward(params, X)
    assert layer.push(params, cache.kept[0], (y[:, 0],)) is None
    passed(UORO(), layer, params, cache, np.ones_like(y))


@pytest.mark.filterwarnings("ignore::lucidnet.errors.InexactWarning")
@pytest.mark.parametrize("rule", ["truncated", "rtrl", "snap1", "uoro", "rflo", "eprop"])
@every_cell
def test_every_rule_trains_a_network(rule, name):
    from dataclasses import replace

    net = Sequential(
        [
            Input((T, D)),
            replace(CELLS[name], return_sequences=True),
            Dense(5, "tanh"),
            replace(CELLS[name]),
            Dense(1),
        ]
    )
    step = Step(net, ln.losses.get("mse"), ln.optimizers.SGD(0.05), Rule("fa", rule))
    state = step.start((T, D), dtype="float64")
    before = Layout.of(state.params).ravel(state.params)
    for _ in range(3):
        state, measured = step(state, X, np.ones((N, 1)))
    assert math.isfinite(measured.loss)
    assert all((a != b).any() for a, b in _pairs(state.params, Layout.of(state.params).unravel(before)))


def _pairs(one, two):
    return [(a, b) for (_, a), (_, b) in zip(leaves(one), leaves(two), strict=True)]


def test_a_rule_for_one_layer_and_another_for_the_next():
    net = Sequential(
        [Input((T, D)), SimpleRNN(U, return_sequences=True, rule=RTRL()), SimpleRNN(U), Dense(1)]
    )
    step = Step(net, ln.losses.get("mse"), ln.optimizers.SGD(0.1))
    state = step.start((T, D), dtype="float64")
    made_grads = by_rule(step, state, X, np.ones((N, 1)), {})
    true = by_chain_rule(step, state, X, np.ones((N, 1)))
    np.testing.assert_allclose(
        made_grads.grads["simplernn1"]["W"], true.grads["simplernn1"]["W"], rtol=1e-8, atol=1e-12
    )


def test_settings():
    with pytest.raises(LucidnetError, match="stride 3 is longer than the window of 2"):
        TruncatedBPTT(2, 3)
    with pytest.raises(LucidnetError, match="n must be a whole number"):
        SnAp(0)


def test_kernl_is_the_published_update():
    """Algorithm 1 of Roth et al. 2019, for one unit, one weight, one example at a time."""
    rule = KeRNL(rate=0.3, deviation=0.01, decay=0.25, seed=5)
    layer, p, cache, dy = made("LeakyRNN")
    W, R, b, tau = p["W"], p["U"], p["b"], layer.tau
    A, alpha = np.eye(U), np.full(U, 0.25)
    grads = {"W": np.zeros((D, U)), "U": np.zeros((U, U)), "b": np.zeros(U)}
    h, noisy, omega, gamma = (np.zeros((N, U)) for _ in range(4))
    traces = {name: np.zeros((N, *value.shape)) for name, value in grads.items()}
    for t in range(T):
        xi = StepStream.like(X, 5, t, ("kernl",)).normal((N, U))
        old_omega, errors = omega.copy(), np.zeros((N, U))
        before, noisy_before = h.copy(), noisy.copy()
        for n in range(N):
            for i in range(U):
                drive = sum(X[n, t, d] * W[d, i] for d in range(D)) + b[i]
                a = drive + sum(before[n, j] * R[j, i] for j in range(U))
                other = drive + sum(noisy_before[n, j] * R[j, i] for j in range(U))
                h[n, i] = (1 - 1 / tau) * before[n, i] + math.tanh(a) / tau
                noisy[n, i] = (1 - 1 / tau) * noisy_before[n, i] + math.tanh(other) / tau + 0.01 * xi[n, i]
                slope = (1 - math.tanh(a) ** 2) / tau
                for name, inputs in (("W", X[n, t]), ("U", before[n])):
                    for j, value in enumerate(inputs):
                        traces[name][n, j, i] = (1 - alpha[i]) * traces[name][n, j, i] + slope * value
                traces["b"][n, i] = (1 - alpha[i]) * traces["b"][n, i] + slope
                gamma[n, i] = (1 - alpha[i]) * gamma[n, i] - old_omega[n, i]
                omega[n, i] = (1 - alpha[i]) * old_omega[n, i] + xi[n, i]
            for k in range(U):
                errors[n, k] = sum(A[k, i] * omega[n, i] for i in range(U)) - (noisy[n, k] - h[n, k]) / 0.01
        dA, dalpha = np.zeros((U, U)), np.zeros(U)
        for n in range(N):
            for k in range(U):
                for i in range(U):
                    dA[k, i] += errors[n, k] * omega[n, i]
                    dalpha[i] += errors[n, k] * A[k, i] * gamma[n, i]
        sizes = [
            sum(A[k, i] ** 2 for k in range(U)) * sum(gamma[n, i] ** 2 for n in range(N)) for i in range(U)
        ]
        alpha = np.clip([alpha[i] - 0.3 * dalpha[i] / (N + sizes[i]) for i in range(U)], 0, 1)
        A = A - 0.3 * dA / (N + np.sum(omega**2))
        for n in range(N):
            sent = [sum(dy[n, t, k] * A[k, i] for k in range(U)) for i in range(U)]
            for name, trace in traces.items():
                grads[name] += np.array(sent) * trace[n]
    B = rule.feedback(layer, Stream(0, dtype="float64"))
    _, found, learned = rule.route(layer, p, cache, dy, False, B)
    close(found, grads, 1e-10)
    np.testing.assert_allclose(learned["A"], A, rtol=1e-10)
    np.testing.assert_allclose(learned["alpha"], alpha, rtol=1e-10)
    assert learned["steps"] == T


def test_kernl_begins_in_the_state_of_its_layer():
    """A first state acts like a first input that is larger by h U W^-1."""
    layer, rule, h = SimpleRNN(3), KeRNL(rate=0.3, deviation=1e-6), 2 * RNG.normal(size=(N, 3))
    p = {"W": RNG.normal(size=(3, 3)), "U": RNG.normal(size=(3, 3)), "b": np.zeros(3)}
    x = RNG.normal(size=(N, 4, 3))
    moved = x.copy()
    moved[:, 0] += h @ p["U"] @ np.linalg.inv(p["W"])
    learned = []
    for given in ((x, h), moved):
        _, cache = layer.forward(p, given)
        B = rule.feedback(layer, Stream(0, dtype="float64"))
        learned.append(rule.route(layer, p, cache, np.ones((N, 3)), False, B)[2])
    np.testing.assert_allclose(learned[0]["A"], learned[1]["A"], rtol=1e-6)
    np.testing.assert_allclose(learned[0]["alpha"], learned[1]["alpha"], rtol=1e-6)


def test_kernl_learns_how_far_a_change_reaches():
    """A linear unit with recurrent weight 0.6 keeps 0.6 of a change at each time: A is 1, alpha 0.4."""
    step = Step(
        SimpleRNN(1, activation="linear"), ln.losses.get("mse"), ln.optimizers.SGD(0.0), ln.rules.get("kernl")
    )
    state = step.start((20, 2), dtype="float64")
    state.params["U"][:] = 0.6
    x = RNG.normal(size=(8, 20, 2))
    for _ in range(150):
        state, _ = step(state, x, np.zeros((8, 1)))
    own = state.feedback.weights["time"]
    assert abs(own["A"].item() - 1) < 0.02
    assert abs(own["alpha"].item() - 0.4) < 0.02
    assert own["steps"] == 150 * 20


def test_kernl_stays_finite_in_a_large_layer():
    model = ln.Model([Input((None, 1)), LeakyRNN(100, return_sequences=True), Dense(1)])
    model.compile("mse", ln.optimizers.SGD(0.001))
    online = model.online("kernl")
    for _ in range(1000):
        online.step([[1.0]], [[1.0]])
    own = online.feedback["leakyrnn1"]["time"]
    assert np.abs(own["A"]).max() < 2
    assert ((own["alpha"] >= 0) & (own["alpha"] <= 1)).all()
