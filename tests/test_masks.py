"""What stands in the padding does not matter, and padded sequences give what they give alone.

Random networks of layers over time, containers and graphs, on sequences of random lengths: outputs, losses,
metrics, gradients, updates and running statistics.
"""

from contextlib import nullcontext
from dataclasses import dataclass, replace

import hypothesis
import numpy as np
import pytest
from hypothesis import strategies as st

import lucidnet as ln
from harness import LAYERS
from lucidnet import layers as L
from lucidnet.core.trees import leaves
from lucidnet.errors import DataError, SettingError, ShapeError
from lucidnet.layers.base import Run
from lucidnet.rules import SPACE, TIME

LENGTH, FEATURES, CLASSES = 9, 3, 2
BACKENDS = ["numpy", "jax"]


def settings(examples):
    return hypothesis.settings(
        max_examples=examples,
        deadline=None,
        derandomize=True,
        suppress_health_check=list(hypothesis.HealthCheck),
    )


# --- random networks ------------------------------------------------------------------------------

WIDTHS = st.integers(1, 4)
KERNELS = st.integers(1, 3)


def steps(width):
    """Layers (time, width) to (time', width'): each with the width that it gives, and how it changes lengths."""
    same = st.sampled_from(
        [
            L.Dense(width, "tanh"),
            L.LayerNormalization(),
            L.RMSNormalization(),
            L.PReLU(),
            L.Linear(),
            L.Softmax(),
            L.GRU(width, return_sequences=True),
            L.LSTM(width, return_sequences=True, go_backwards=True),
            L.Bidirectional(L.SimpleRNN(width, return_sequences=True), merge="sum"),
            L.MultiHeadAttention(1),
            L.MultiHeadAttention(1, causal=True),
            L.TransformerBlock(1, width, 3),
            L.SinusoidalEncoding(),
            L.GroupNormalization(1),
            L.Reshape((-1, width)),
            L.ZeroPadding1D((1, 2)),
            L.Residual(L.Dense(width, "tanh")),
            L.Residual(L.Sequential([L.Conv1D(width, 3, padding="same"), L.Dense(width)])),
            L.Add([L.Dense(width), L.LeakyRNN(width, return_sequences=True)]),
            L.Multiply([L.Dense(width, "sigmoid"), L.Linear()]),
        ]
    )
    windows = st.one_of(
        st.builds(
            lambda k, s, p: L.Conv1D(width, k, strides=s, padding=p, activation="tanh"),
            KERNELS,
            st.integers(1, 2),
            st.sampled_from(["valid", "causal", 1, ((0, 2),)]),
        ),
        st.builds(lambda k: L.Conv1D(width, k, padding="same"), KERNELS),
        st.builds(lambda k: L.Conv1D(width, 2, dilation=k), KERNELS),
        st.builds(lambda k, kind: kind(k), KERNELS, st.sampled_from([L.MaxPooling1D, L.AveragePooling1D])),
        st.builds(
            lambda k, kind: kind(k, strides=1, padding="same"),
            KERNELS,
            st.sampled_from([L.MaxPooling1D, L.AveragePooling1D]),
        ),
    )
    return st.one_of(same, same, windows)


ENDS = st.sampled_from(
    [
        L.GRU(3),
        L.SimpleRNN(3, go_backwards=True),
        L.Bidirectional(L.LSTM(2)),
        L.GlobalAveragePooling1D(),
        L.GlobalMaxPooling1D(),
        None,
    ]
)


@st.composite
def bodies(draw):
    """A network over (time, FEATURES), and whether its output has time."""
    body = [L.Dense(3)]
    body += [draw(steps(3)) for _ in range(draw(st.integers(1, 4)))]
    end = draw(ENDS)
    if end is not None:
        body.append(end)
    body.append(L.Dense(CLASSES))
    if draw(st.booleans()):
        body = [body[0], L.Sequential(body[1:-1]), body[-1]]
    return body, end is None


@st.composite
def problems(draw):
    body, time = draw(bodies())
    seed = draw(st.integers(0, 1000))
    lengths = draw(st.lists(st.integers(1, LENGTH), min_size=2, max_size=4))
    return body, time, seed, np.array(lengths)


def data(seed, lengths, padding=0.0):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(len(lengths), LENGTH, FEATURES))
    for row, length in enumerate(lengths):
        x[row, length:] = padding * rng.normal(size=(LENGTH - length, FEATURES))
    return x


def network(body, kind, backend="numpy", rule="backprop", optimizer="sgd"):
    """The same network as a Sequential, or as a Graph; with `mask=`, or with a Masking layer."""
    if kind == "graph":
        names = ["x", *(f"n{k}" for k in range(len(body)))]
        nodes = [(names[k + 1], layer, names[k]) for k, layer in enumerate(body)]
        net = L.Graph({"x": (LENGTH, FEATURES)}, nodes, names[-1])
    else:
        net = L.Sequential([L.Input((LENGTH, FEATURES)), *body])
    model = ln.Model(net, seed=1, dtype="float64", backend=backend)
    model.compile("mse", optimizer, ["mae", "mse"], rule=rule)
    return model


def targets(model, seed, mask):
    shape = model.output_shape
    y = np.random.default_rng(seed + 1).normal(size=(len(mask), *shape))
    out = model.output_mask(np.zeros((len(mask), LENGTH, FEATURES)), mask)
    return y, out


def same(made, expected, tolerance=1e-9):
    for (path, one), (_, other) in zip(leaves(made), leaves(expected), strict=True):
        np.testing.assert_allclose(one, other, rtol=tolerance, atol=tolerance, err_msg=str(path))


def counted(y, mask):
    return y if mask is None else y[mask]


def small(body):
    """Whether no sequence is too short for a window of the network."""
    try:
        network(body, "sequential").build()
    except ShapeError:
        return False
    return True


def test_the_padding_does_not_matter():
    @settings(60)
    @hypothesis.given(problems(), st.sampled_from(["sequential", "graph"]))
    def check(problem, kind):
        body, time, seed, lengths = problem
        hypothesis.assume(small(body))
        mask = lengths[:, None] > np.arange(LENGTH)
        found = []
        for padding in (0.0, 3.0):
            model = network(body, kind)
            x = data(seed, lengths, padding)
            y, out = targets(model, seed, mask)
            assert (out is None) == (not time)
            if out is not None and not out.any():
                return
            if padding:
                y = y if out is None else np.where(out[..., None], y, 7.0)
            prediction = counted(model.predict(x, mask=mask), out)
            measured = model.evaluate(x, y, mask=mask)
            result = model.train_step(x, y, mask=mask)
            found.append((prediction, [*measured.values(), *result.values()], model.params))
        np.testing.assert_allclose(found[0][0], found[1][0], rtol=1e-9, atol=1e-9)
        np.testing.assert_allclose(found[0][1], found[1][1], rtol=1e-9, atol=1e-9)
        same(found[0][2], found[1][2])

    check()


def test_padded_sequences_are_as_alone():
    @settings(60)
    @hypothesis.given(problems(), st.sampled_from(["sequential", "graph"]))
    def check(problem, kind):
        body, _, seed, lengths = problem
        hypothesis.assume(small(body))
        model, x = network(body, kind), data(seed, lengths, 3.0)
        out = model.output_mask(x, lengths)
        together = model.predict(x, mask=lengths)
        for row, length in enumerate(lengths):
            net = model.net
            try:
                alone, _ = net.forward(model.params, x[row : row + 1, :length])
            except ShapeError:  # too short for a window
                assert out is None or not out[row].any()
                continue
            np.testing.assert_allclose(
                together[row] if out is None else together[row][out[row]], alone[0], rtol=1e-9, atol=1e-9
            )

    check()


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("loss", ["mse", "mae", "huber", "sparse_categorical_crossentropy", "hinge"])
def test_evaluate_at_all_batch_sizes(backend, loss):
    if backend == "jax":
        pytest.importorskip("jax")
    lengths = np.array([9, 2, 5, 0, 1, 7, 3])
    x, rng = data(0, lengths, 3.0), np.random.default_rng(5)
    end = [] if loss != "sparse_categorical_crossentropy" else [L.Softmax()]
    layers = [L.Input((None, FEATURES)), L.GRU(4, return_sequences=True), L.MaxPooling1D(2), L.Dense(2), *end]
    model = ln.Model(layers, dtype="float64", backend=backend)
    y = rng.normal(size=(7, 4, 2))
    metrics = ["mae", "mse"]
    if end:
        y, metrics = rng.integers(0, 2, size=(7, 4)), ["accuracy"]
    if loss == "hinge":
        y = np.sign(y)
    model.compile(loss, "sgd", metrics)
    whole = model.evaluate(x, y, mask=lengths)
    for size in (1, 2, 3):
        found = model.evaluate(x, y, mask=lengths, batch_size=size)
        np.testing.assert_allclose([*found.values()], [*whole.values()], rtol=1e-12)


@pytest.mark.parametrize("backend", BACKENDS)
def test_branches_of_different_lengths(backend):
    """Encoder and decoder have masks of their own; each output is measured where it counts."""
    if backend == "jax":
        pytest.importorskip("jax")
    graph = L.Graph(
        {"source": (None,), "target": (None, 3)},
        [
            ("words", L.Embedding(9, 4, mask_zero=True), "source"),
            ("encoded", L.GRU(4, return_sequences=True), "words"),
            ("queries", L.Dense(4), "target"),
            ("seen", L.MultiHeadAttention(2), ("queries", "encoded")),
            ("out", L.Dense(2), "seen"),
            ("again", L.Dense(1), "encoded"),
        ],
        ("out", "again"),
    )
    model = ln.Model(graph, dtype="float64", backend=backend)
    model.compile({"out": "mse", "again": "mae"}, "sgd")
    rng = np.random.default_rng(0)
    source = np.array([[1, 2, 3, 0, 0], [4, 5, 6, 7, 8], [2, 0, 0, 0, 0]])
    lengths = np.array([2, 4, 3])
    target = rng.normal(size=(3, 4, 3))
    y = {"out": rng.normal(size=(3, 4, 2)), "again": rng.normal(size=(3, 5, 1))}
    x, mask = {"source": source, "target": target}, {"target": lengths}
    masks = model.output_mask(x, mask)
    np.testing.assert_array_equal(masks["out"], lengths[:, None] > np.arange(4))
    np.testing.assert_array_equal(masks["again"], source != 0)
    outputs = model.predict(x, mask=mask)
    for row, (words, steps_) in enumerate([(3, 2), (5, 4), (1, 3)]):
        alone = {"source": source[row : row + 1, :words], "target": target[row : row + 1, :steps_]}
        expected = model.predict(alone)
        np.testing.assert_allclose(outputs["out"][row, :steps_], expected["out"][0], rtol=1e-9)
        np.testing.assert_allclose(outputs["again"][row, :words], expected["again"][0], rtol=1e-9)
    counts = masks["out"][..., None], masks["again"][..., None]
    loss = (((outputs["out"] - y["out"]) ** 2).mean(-1, keepdims=True) * counts[0]).sum() / counts[0].sum()
    loss += (abs(outputs["again"] - y["again"]) * counts[1]).sum() / counts[1].sum()
    for size in (1, 2, 3):
        np.testing.assert_allclose(model.evaluate(x, y, mask=mask, batch_size=size).loss, loss, rtol=1e-12)
    start, made = model.get_weights(), []
    for size, accumulate in [(1, 3), (2, 2), (3, 1)]:
        model.set_weights(start)
        model.fit(x, y, mask=mask, batch_size=size, accumulate=accumulate, shuffle=False, verbose=0)
        np.testing.assert_allclose(model.history["loss"][-1], loss, rtol=1e-12)
        made.append(model.get_weights())
        np.testing.assert_allclose(made[-1], made[0], rtol=1e-12, atol=1e-15)
    assert np.abs(made[0] - start).max() > 1e-4
    model.set_weights(start)
    before = model.train_step(x, y, mask=mask)
    np.testing.assert_allclose(before.loss, loss, rtol=1e-12)
    np.testing.assert_allclose(model.get_weights(), made[0], rtol=1e-12, atol=1e-15)


def equal_on_both(examples):
    """Hold a step on JAX to one on NumPy, with masks: predictions, what is measured, weights."""
    pytest.importorskip("jax")

    @settings(examples)
    @hypothesis.given(problems(), st.sampled_from(["sequential", "graph"]))
    def check(problem, kind):
        body, _, seed, lengths = problem
        hypothesis.assume(small(body))
        found, x = [], data(seed, lengths, 3.0)
        for backend in BACKENDS:
            model = network(body, kind, backend)
            y, out = targets(model, seed, lengths)
            if out is not None and not out.any():
                return
            prediction = counted(model.predict(x, mask=lengths), out)
            result = model.train_step(x, y, mask=lengths)
            evaluated = model.evaluate(x, y, mask=lengths)
            found.append((prediction, [*result.values(), *evaluated.values()], model.params))
        np.testing.assert_allclose(found[1][0], found[0][0], rtol=1e-9, atol=1e-9)
        np.testing.assert_allclose(found[1][1], found[0][1], rtol=1e-9, atol=1e-9)
        same(found[1][2], found[0][2])

    check()


def test_both_engines():
    equal_on_both(6)


@pytest.mark.slow
def test_both_engines_often():
    equal_on_both(100)


RULES = [*SPACE, *TIME]
ALSO_ON_JAX = ["fa", "dfa", "drtp", "np", "rflo", "kernl"]


@pytest.mark.filterwarnings("ignore::lucidnet.errors.InexactWarning")  # of the layers below
@pytest.mark.parametrize(
    ("rule", "backend", "ends"),
    [(rule, "numpy", ends) for rule in RULES for ends in (True, False)]
    + [
        pytest.param(rule, "jax", True, marks=[] if rule in ALSO_ON_JAX else [pytest.mark.slow])
        for rule in RULES
    ],
)
def test_every_rule(rule, backend, ends):
    """A step does not change with what stands in the padding, by any rule."""
    if backend == "jax":
        pytest.importorskip("jax")
    lengths = np.array([9, 2, 5, 1])
    mask = lengths[:, None] > np.arange(LENGTH)
    found = []
    for padding in (0.0, 3.0):
        body = [L.Dense(4, "tanh"), L.SimpleRNN(4, return_sequences=True), L.Dense(3, "tanh")]
        body += [L.GRU(3)] if ends else []
        model = network([*body, L.Dense(CLASSES)], "sequential", backend, rule)
        x, (y, out) = data(0, lengths, padding), targets(model, 0, mask)
        if padding and out is not None:
            y = np.where(out[..., None], y, 7.0)
        for _ in range(2):
            model.train_step(x, y, mask=mask)
        found.append((model.params, model.feedback))
    for one, other in zip(*found, strict=True):
        same(one, other)


# --- running statistics, containers ----------------------------------------------------------------


@pytest.mark.parametrize("backend", BACKENDS)
def test_running_statistics(backend):
    if backend == "jax":
        pytest.importorskip("jax")
    lengths = np.array([9, 2, 0, 4])
    x = data(0, lengths, 3.0)
    model = network([L.BatchNormalization(momentum=0.0), L.Dense(2)], "sequential", backend)
    model.train_step(x, np.zeros((4, LENGTH, 2)), mask=lengths)
    rows = x[lengths[:, None] > np.arange(LENGTH)]
    here = model.params["batchnormalization1"]
    np.testing.assert_allclose(here["mean"], rows.mean(0), rtol=1e-12)
    np.testing.assert_allclose(here["variance"], rows.var(0), rtol=1e-12)


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_batch_in_which_nothing_counts(backend):
    """It moves no running statistics, and weighs nothing in an accumulated step, a loss, a metric."""
    if backend == "jax":
        pytest.importorskip("jax")
    words = np.array([[1, 2, 3], [4, 5, 0], [0, 0, 0], [0, 0, 0]])
    y = np.random.default_rng(0).normal(size=(4, 3, 2))
    made = []
    for rows in (2, 4):
        layers = [L.Embedding(6, 3, mask_zero=True), L.BatchNormalization(), L.Dense(2)]
        model = ln.Model([L.Input((3,)), *layers], seed=3, dtype="float64", backend=backend)
        model.compile("mse", "sgd", ["mae"])
        history = model.fit(
            words[:rows], y[:rows], batch_size=2, accumulate=rows // 2, shuffle=False, verbose=0
        )
        made.append((model.params, history["loss"] + history["mae"]))
        found = model.evaluate(words[:rows], y[:rows], batch_size=2)
        np.testing.assert_allclose(
            [*found.values()], [*model.evaluate(words[:2], y[:2]).values()], rtol=1e-12
        )
    same(made[0][0], made[1][0], 1e-12)
    np.testing.assert_allclose(made[0][1], made[1][1], rtol=1e-12)
    with pytest.raises(DataError, match="nothing of these data counts"):
        model.evaluate(words[2:], y[2:])


@pytest.mark.parametrize("ends", [True, False])
@pytest.mark.parametrize(
    ("truncated", "backend"),
    [(each, "numpy") for each in [(1, 1), (3, 2), (4, 4), (5, 3), (20, 7)]] + [((5, 3), "jax")],
)
def test_a_truncated_window_lies_before_the_end_of_its_own_sequence(truncated, ends, backend):
    """The gradient of sequences together is that of each alone, without padding, weighted by its values."""
    if backend == "jax":
        pytest.importorskip("jax")
    rule = ln.rules.Rule(time=ln.rules.TruncatedBPTT(*truncated))
    layers = [L.Input((None, 2)), L.Dense(3, "tanh"), L.GRU(3, return_sequences=True)]
    layers += [L.SimpleRNN(4, return_sequences=not ends), L.Dense(2)]
    rng, lengths = np.random.default_rng(0), [9, 2, 5, 1, 7]
    model = ln.Model(layers, seed=1, dtype="float64", backend=backend)
    model.compile("mse", ln.optimizers.SGD(1.0), rule=rule)
    x, y = rng.normal(size=(5, 9, 2)), rng.normal(size=(5, 2) if ends else (5, 9, 2))
    model.build((None, 2))
    start, sum_, count = model.get_weights(), 0.0, 0
    for row, length in enumerate(lengths):
        model.set_weights(start)
        own = y[row : row + 1] if ends else y[row : row + 1, :length]
        model.train_step(x[row : row + 1, :length], own)
        terms = 1 if ends else length
        sum_, count = sum_ + terms * (start - model.get_weights()), count + terms
    model.set_weights(start)
    model.train_step(x, y, mask=lengths)
    np.testing.assert_allclose(start - model.get_weights(), sum_ / count, rtol=1e-9, atol=1e-13)


def test_a_window_with_a_stride_begins_where_the_sequence_does():
    layers = [L.Input((None, 2)), L.Bidirectional(L.GRU(3)), L.Dense(1)]
    model = ln.Model(layers, dtype="float64")
    model.compile("mse", "sgd", rule=ln.rules.Rule(time=ln.rules.TruncatedBPTT(4, 2)))
    x, y = np.ones((2, 5, 2)), np.ones((2, 1))
    model.train_step(x, y)
    with pytest.raises(SettingError, match="goes backwards.*take stride=1"):
        model.train_step(x, y, mask=[3, 5])


@pytest.mark.parametrize(
    "wrap", [lambda inner: L.Sequential([inner]), L.Residual], ids=["sequential", "residual"]
)
@pytest.mark.parametrize("itself", [True, False], ids=["itself", "around"])
def test_frozen_is_read_through_containers(wrap, itself):
    inside = wrap(L.BatchNormalization())
    inside = replace(inside, frozen=True) if itself else L.Sequential([inside], frozen=True)
    model = ln.Model([L.Input(3), inside, L.Dense(2)], dtype="float64")
    model.compile("mse", "sgd")
    before = dict(leaves(model.params))
    x = np.random.default_rng(0).normal(3, 1, (8, 3))
    model.train_step(x, np.zeros((8, 2)))
    for path, array in leaves(model.params):
        assert np.array_equal(array, before[path]) == (path[0] != "dense2"), path


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("rule", ["rflo", "rtrl", "eprop", "kernl", "snap1", "uoro", "truncated"])
def test_online_learners_wait_where_a_step_does_not_count(rule, backend):
    if backend == "jax":
        if rule != "rflo":
            pytest.skip("one rule is enough there")
        pytest.importorskip("jax")
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(6, 1, 3)), rng.normal(size=(6, 1, 2))
    learners = []
    for _ in range(2):
        layers = [L.Input((None, 3)), L.Masking(), L.LeakyRNN(4, return_sequences=True), L.Dense(2)]
        model = ln.Model(layers, dtype="float64", backend=backend)
        model.compile("mse", ln.optimizers.SGD(0.1))
        learners.append(model.online(rule))
    whole, gaps = learners
    for t in range(6):
        whole.step(x[t], y[t])
        gaps.step(x[t], y[t])
        if rule not in ("kernl", "uoro"):  # which draw noise at each step
            before = gaps.model.get_weights()
            gaps.step(np.zeros((1, 3)), 9 * y[t])
            np.testing.assert_array_equal(gaps.model.get_weights(), before)
    np.testing.assert_allclose(gaps.model.get_weights(), whole.model.get_weights(), rtol=1e-12)


# --- what cannot be honoured -------------------------------------------------------------------------


def test_rows_of_features_have_no_time_steps():
    with pytest.raises(ShapeError, match=r"time steps.*: inputs of shape \(2, 5\) have none, as sequences"):
        ln.Model([L.Input(5), L.Dense(2)]).predict(np.ones((2, 5)), mask=np.ones((2, 5)))


@pytest.mark.parametrize(
    ("layers", "message"),
    [
        ([L.Flatten(), L.Dense(2)], r"flatten1: its input has a mask"),
        ([L.Reshape((3, 9)), L.Dense(2)], "reshape1, .* cannot be known"),
        (
            [L.Reshape((9, 3, 1)), L.Conv2D(2, 3), L.Flatten(), L.Dense(2)],
            "conv2d2, .*images have no time steps",
        ),
        (
            [L.Reshape((9, 3, 1)), L.MaxPooling2D(1), L.Flatten()],
            "maxpooling2d2, .*images have no time steps",
        ),
        ([L.GRU(2, return_sequences=True), L.Flatten(), L.Dense(2)], "flatten2"),
        ([L.Permute((2, 1))], "permute1, .*time does not stay the first axis of the output"),
    ],
    ids=str,
)
def test_what_becomes_of_a_mask_must_be_known(layers, message):
    model = ln.Model([L.Input((LENGTH, FEATURES)), *layers], dtype="float64")
    model.build()
    model.predict(data(0, [3, 4]))
    with pytest.raises(ShapeError, match=message):
        model.predict(data(0, [3, 4]), mask=[3, 4])


@pytest.mark.parametrize(
    "row",
    [row for row in LAYERS if type(row.layer).__name__.endswith("2D") and not row.layer.carried],
    ids=str,
)
def test_images_have_no_time_steps(row):
    with pytest.raises(ShapeError, match="images have no time steps|what becomes of them here cannot be"):
        row.layer.output_mask(np.zeros((2, *row.shape)), np.ones((2, row.shape[0]), bool))


@pytest.mark.parametrize(
    ("mask", "error"),
    [
        ([-1, 3], "lengths are from 0 to 9, got -1 for example 0"),
        ([3, 10], "lengths are from 0 to 9, got 10 for example 1"),
        ([2.5, 3.0], "expected"),
        ([True, False], "expected"),
        (np.ones((2, 8)), "expected"),
        (2 * np.ones((2, 9)), "with other values"),
        (np.ones((2, 9, 1)), "expected"),
        ({"x": [3, 4]}, "the network has one input, got a dict"),
        (5, "expected"),
    ],
    ids=str,
)
def test_what_is_no_mask(mask, error):
    model = network([L.GRU(2)], "sequential")
    x, y = data(0, [3, 4]), np.zeros((2, 2))
    for call in (
        lambda: model.predict(x, mask=mask),
        lambda: model.evaluate(x, y, mask=mask),
        lambda: model.train_step(x, y, mask=mask),
        lambda: model.fit(x, y, mask=mask, verbose=0),
    ):
        with pytest.raises(ShapeError, match=error):
            call()
    assert model.state.step == 0


def test_masks_of_several_inputs_are_given_by_name():
    graph = L.Graph({"a": (4, 2), "b": (4, 2)}, [("y", L.Add([L.GRU(2), L.GRU(2)]), ("a", "b"))], "y")
    model = ln.Model(graph)
    x = {"a": np.ones((3, 4, 2)), "b": np.ones((3, 4, 2))}
    for mask in ([1, 2, 3], {"c": [1, 2, 3]}, {}):
        with pytest.raises(ShapeError, match="expected a dict of masks by input"):
            model.predict(x, mask=mask)
    assert model.predict(x, mask={"b": [1, 2, 3]}).shape == (3, 2)


def test_the_old_name_is_refused():
    with pytest.raises(ln.errors.SettingError, match=r"output_mask\(x, mask\)"):

        class Old(L.Layer):
            def mask(self, x):
                return x[..., 0] > 0


def test_a_layer_of_ones_own_says_what_becomes_of_time():
    class Every(L.Layer):
        """Every second step."""

        def output_shape(self, shape):
            return (-(-shape[0] // 2), *shape[1:])

        def forward(self, params, x, run=None):
            return x[:, ::2], x.shape

        def backward(self, params, shape, dy, need_dx=True):
            dx = np.zeros(shape)
            dx[:, ::2] = dy
            return dx, {}

    class Told(Every):
        def output_mask(self, x, mask):
            return None if mask is None else mask[:, ::2]

    x = data(0, [3, 4], 3.0)
    with pytest.raises(ShapeError, match=r"every1, Every\(\): .*layer of your own says it by output_mask"):
        network([Every(), L.GRU(2)], "sequential").predict(x, mask=[3, 4])
    model = network([Told(), L.GRU(2)], "sequential")
    made = model.predict(x, mask=[3, 4])
    gru = model.net.layers[-1]
    for row, length in ((0, 3), (1, 4)):
        alone, _ = gru.forward(model.params["gru2"], x[row : row + 1, :length:2], Run())
        np.testing.assert_allclose(made[row : row + 1], alone, rtol=1e-12)


# --- found by use -----------------------------------------------------------------------------------


@pytest.mark.filterwarnings("ignore::lucidnet.errors.InexactWarning")  # of the layers below
@pytest.mark.parametrize("rule", ["truncated", "rflo", "rtrl", "eprop"])
def test_the_last_output_is_that_of_the_last_step_that_counts(rule):
    """A rule through time gets the error of the last output there, however long the padding is."""
    found = []
    for length in (5, 40):
        model = ln.Model([L.Input((None, 3)), L.Dense(3), L.LSTM(4), L.Dense(1)], dtype="float64")
        model.compile("mse", "sgd", rule=rule)
        x = np.random.default_rng(0).normal(size=(2, 5, 3))
        x = np.pad(x, [(0, 0), (0, length - 5), (0, 0)])
        found.append(model.gradients(x, [[1.0], [0.0]], mask=[5, 4]))
    for layer in found[0]:
        same(found[0][layer], found[1][layer], 1e-12)


def test_the_mask_of_one_sequence_after_another():
    again = L.Sequential([L.LSTM(2), L.RepeatVector(3)])  # all of its steps count
    both = L.Concatenate([L.Dense(2), again, L.Linear()], axis=1)
    model = ln.Model([L.Input((4, 2)), both, L.Dense(1)], dtype="float64")
    x, mask = np.random.default_rng(0).normal(size=(2, 4, 2)), np.arange(4) < np.array([[4], [2]])
    expected = np.concatenate([mask, np.ones((2, 3), bool), mask], 1)
    np.testing.assert_array_equal(model.output_mask(x, [4, 2]), expected)
    assert model.output_mask(x) is None


def test_no_logarithm_of_shares_of_steps_that_do_not_count():
    model = ln.Model([L.Input((4, 2)), L.LogSoftmax(axis=1)])
    model.predict(np.ones((1, 4, 2)))
    with pytest.raises(ShapeError, match="the logarithm at time steps that do not count would be that of 0"):
        model.predict(np.ones((1, 4, 2)), mask=[3])


def test_uoro_does_not_see_padding_before_a_sequence():
    x, y = np.random.default_rng(0).normal(size=(2, 5, 3)), np.ones((2, 5, 2))
    mask, found = np.array([[1] * 5, [0, 0, 1, 1, 1]], bool), []
    for padding in (0.0, 1e3):
        layers = [L.Input((5, 3)), L.LSTM(3, return_sequences=True), L.Dense(2)]
        model = ln.Model(layers, dtype="float64")
        model.compile("mse", "sgd", rule="uoro")
        found.append(model.gradients(np.where(mask[..., None], x, padding), y, mask=mask)["lstm1"])
    same(found[0], found[1])


@pytest.mark.parametrize("backend", BACKENDS)
def test_an_empty_sequence_counts_for_nothing_where_time_ends(backend):
    if backend == "jax":
        pytest.importorskip("jax")
    words, y = np.array([[1, 2, 0], [3, 0, 0], [0, 0, 0]]), np.array([[1.0], [2.0], [30.0]])
    found = []
    for rows in (2, 3):
        layers = [L.Input((None,)), L.Embedding(6, 3, mask_zero=True), L.GRU(4), L.Dense(1)]
        model = ln.Model(layers, dtype="float64", backend=backend)
        model.compile("mse", "sgd", ["mae"])
        measured = [*model.evaluate(words[:rows], y[:rows]).values()]
        model.train_step(words[:rows], y[:rows])
        assert model.output_mask(words) is None
        found.append((measured, model.params))
    np.testing.assert_allclose(found[0][0], found[1][0], rtol=1e-12)
    same(found[0][1], found[1][1], 1e-12)


@pytest.mark.parametrize("backend", BACKENDS)
def test_an_output_with_a_mask_beside_one_without(backend):
    if backend == "jax":
        pytest.importorskip("jax")
    nodes = [("steps", L.LSTM(1, return_sequences=True), "x"), ("whole", L.GlobalMaxPooling1D(), "steps")]
    model = ln.Model(L.Graph({"x": (5, 2)}, nodes, ("steps", "whole")), dtype="float64", backend=backend)
    model.compile({"steps": "mse", "whole": "mse"}, "sgd", {"whole": ["mae"]})
    x, rng = np.random.default_rng(0).normal(size=(3, 5, 2)), np.random.default_rng(1)
    y = {"steps": rng.normal(size=(3, 5, 1)), "whole": rng.normal(size=(3, 1))}
    whole = [*model.evaluate(x, y, mask=[5, 2, 0]).values()]
    for size in (1, 2):
        np.testing.assert_allclose([*model.evaluate(x, y, mask=[5, 2, 0], batch_size=size).values()], whole)
    out = model.predict(x, mask=[5, 2, 0])
    counts = (np.arange(5) < np.array([[5], [2], [0]]))[..., None]
    expected = (counts * (out["steps"] - y["steps"]) ** 2).sum() / 7
    expected += ((out["whole"] - y["whole"])[:2] ** 2).mean()
    np.testing.assert_allclose(model.train_step(x, y, mask=[5, 2, 0]).loss, expected, rtol=1e-12)


SQUARE = [L.Multiply([L.Dense(2), L.Dense(2)])]


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("masking", [True, False])
def test_large_numbers_in_the_padding(backend, masking):
    """Such as the missing values of climate data, whose squares are infinite in float32."""
    if backend == "jax":
        pytest.importorskip("jax")
    for layers in ([L.MultiHeadAttention(2)], [L.BatchNormalization()], [L.GroupNormalization(2)], SQUARE):
        found = []
        for value in (0.0, 1e20, -9e36):
            x = np.random.default_rng(0).normal(size=(2, 5, 4)).astype("float32")
            x[1, 2:] = value
            first, mask = ([L.Masking(value)], None) if masking else ([], [5, 2])
            net = [L.Input((5, 4)), *first, *layers, L.GlobalAveragePooling1D(), L.Dense(1)]
            model = ln.Model(net, backend=backend)
            model.compile("mse", "sgd")
            model.train_step(x, [[1.0], [0.0]], mask=mask)
            found.append(model.get_weights())
        for other in found[1:]:
            # On JAX other programs, which round in another order.
            np.testing.assert_allclose(found[0], other, rtol=1e-6 if backend == "numpy" else 1e-5)


def test_what_cannot_know_its_masks():
    @dataclass(frozen=True, repr=False)
    class Half(L.Container):
        body: L.Layer

        def children(self):
            return (("body", self.body),)

        def init(self, rng, shape):
            params, shape = self.body.init(rng, shape)
            return {"body": params}, shape

        def output_shape(self, shape):
            return self.body.output_shape(shape)

        def forward(self, params, x, run=None):
            y, cache = self.body.forward(params["body"], x, run)
            return y / 2, {"body": cache}

    model = ln.Model(
        [L.Input((3, 2)), L.Sequential([L.Masking()]), L.Conv1D(2, 3, strides=2, padding="same")]
    )
    with pytest.raises(ShapeError, match="padding='same' and strides above 1"):
        model.predict(np.ones((1, 3, 2)))
    with pytest.raises(
        ShapeError, match=r"a container of your own carries them on by flow\(params, x, run\)"
    ):
        ln.Model([L.Input((3, 2)), Half(L.Masking()), L.GRU(2)]).predict(np.ones((1, 3, 2)))


@pytest.mark.parametrize("backend", BACKENDS)
def test_what_is_masked_may_be_anything(backend):
    """NaN, as tables and PyTorch's pack_sequence leave it, or a word's number that there is not."""
    if backend == "jax":
        pytest.importorskip("jax")
    mask = np.arange(4) < np.array([[4], [2], [3]])
    x, y = np.random.default_rng(0).normal(size=(3, 4, 2)), np.ones((3, 4, 1))
    ids, found = np.array([[1, 2, 3, 4], [4, 3, 0, 0], [1, 1, 1, 0]]), []
    for odd, none in ((0.0, 0), (np.nan, -100), (np.inf, 99)):
        sequences, words = np.where(mask[..., None], x, odd), np.where(mask, ids, none)
        nodes = [("e", L.Embedding(5, 2), "w"), ("a", L.Add(), ("x", "e")), ("h", L.Dense(3, "tanh"), "a")]
        net = L.Graph({"x": (4, 2), "w": (4,)}, [*nodes, ("y", L.Dense(1), "h")], "y")
        model = ln.Model(net, dtype="float64", backend=backend)
        model.compile("mse", "sgd")
        given, masks = {"x": sequences, "w": words}, {"x": mask, "w": mask}
        made = [model.predict(given, mask=masks)[mask], model.forward(given, mask=masks).output[mask]]
        made += [model.input_gradient(given, y, mask=masks)["x"]]
        model.fit(given, y, mask=masks, verbose=0)
        found.append([*made, model.get_weights()])
        with pytest.raises(DataError, match="holds|has the rows") if none else nullcontext():
            model.predict(given)
    for other in found[1:]:
        for one, same in zip(found[0], other, strict=True):
            np.testing.assert_array_equal(one, same)


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_penalty_of_a_layer_is_a_mean_over_examples_at_all_batch_sizes(backend):
    """Where the loss is one over time steps: the divergence of an example is a sum over its steps."""
    if backend == "jax":
        pytest.importorskip("jax")
    lengths = np.array([4, 1, 2, 4, 3])
    x, y = np.random.default_rng(0).normal(size=(2, 5, 4, 2))
    mask = np.arange(4) < lengths[:, None]
    nodes = [("z", L.Sampling(0.3), "x"), ("a", L.Dense(2), "z"), ("b", L.Dense(2), "z")]
    models = [
        ln.Model([L.Input((4, 2)), L.Sampling(0.3), L.Dense(2)], dtype="float64", backend=backend),
        ln.Model(L.Graph({"x": (4, 2)}, nodes, ["a", "b"]), dtype="float64", backend=backend),
    ]
    both = list(zip(models, (y, {"a": y, "b": y}), ([""], ["a", "b"]), strict=True))
    for model, goal, outputs in both[: 1 if backend == "jax" else 2]:
        model.compile("mse" if len(outputs) == 1 else dict.fromkeys(outputs, "mse"), "sgd")
        m, v = x[..., :1], x[..., 1:]
        divergence = ((m**2 + np.exp(v) - 1 - v).sum((1, 2), where=mask[..., None])).mean() / 2
        made = model.predict(x, mask=mask)
        errors = [((made[name] if name else made)[mask] - y[mask]) ** 2 for name in outputs]
        expected = sum(each.mean() for each in errors) + 0.3 * divergence
        for size in (5, 2, 1):
            assert model.evaluate(x, goal, mask=mask, batch_size=size)["loss"] == pytest.approx(expected)
        with pytest.raises(SettingError, match=r"accumulate: what layer '(sampling1|z)' adds to the loss"):
            model.fit(x, goal, mask=mask, batch_size=2, accumulate=2, verbose=0)


def test_tools_know_masks_and_weights():
    """Of the same data with more padding they find the same."""
    rng = np.random.default_rng(0)
    x, y, weights = rng.normal(size=(12, 3, 2)), rng.integers(0, 2, (12, 3)), rng.random(12)
    wider = np.full((12, 5, 2), np.nan)
    wider[:, :3] = x
    labels = np.zeros((12, 5), int)
    labels[:, :3] = y
    mask = np.full(12, 3)
    layers = [L.Input((None, 2)), L.LeakyRNN(4, return_sequences=True), L.Dense(2, "softmax")]
    found = []
    for given, target, more in ((x, y, {}), (wider, labels, {"mask": mask})):
        model = ln.Model(layers, dtype="float64")
        model.compile("categorical_crossentropy", "sgd", rule="fa")
        more |= {"sample_weight": weights}
        curve = model.lr_find(given, target, steps=10, class_weight={0: 1.0, 1: 3.0}, **more)
        near = model.gradient_alignment(given, target, **more)["leakyrnn1"]
        found.append([*curve.losses, near.cosine, near.norm_ratio])
        assert model.doctor(given, target, steps=2, **more).steps == 2
        with pytest.raises(DataError, match="sample_weight: expected 12"):
            model.doctor(given, target, **more | {"sample_weight": weights[:3]})
    np.testing.assert_allclose(*found, rtol=1e-9)
    plain = model.lr_find(given, target, steps=10, mask=mask)
    assert abs(plain.losses[0] - found[1][0]) > 0.01
