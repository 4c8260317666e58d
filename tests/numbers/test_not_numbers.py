"""NaN, infinities and numbers out of range: never counted as right, and found where data come in."""

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import lucidnet as ln
from lucidnet import metrics
from lucidnet.errors import DataError, SettingError
from lucidnet.layers import (
    AveragePooling1D,
    AveragePooling2D,
    Concatenate,
    Dense,
    Embedding,
    Flatten,
    Graph,
    Input,
    Masking,
    MaxPooling1D,
    MaxPooling2D,
    Reshape,
    SimpleRNN,
)
from lucidnet.losses import CategoricalCrossentropy
from lucidnet.optimizers import SGD, schedules

NAN = float("nan")
BACKENDS = pytest.mark.parametrize("backend", ["numpy", "jax"])


# --- metrics ----------------------------------------------------------------------------------------


def test_scores_of_nan_are_never_right():
    y = [0, 1, 0, 1]
    nothing = np.full(4, NAN)
    table = np.full((4, 2), NAN)
    for measure in (metrics.accuracy, metrics.precision, metrics.recall, metrics.f1):
        for prediction in (nothing, nothing[:, None], table):
            assert measure(y, prediction) == 0
    assert metrics.binary_accuracy([[0, 1]], [[NAN, NAN]]) == 0
    assert metrics.binary_accuracy([[NAN, 1]], [[0.1, 0.9]]) == 0.5
    for k in (1, 2, 5):
        assert metrics.top_k(y, np.full((4, 6), NAN), k) == 0
    assert metrics.accuracy([-1, 0], table[:2]) == 0
    for average in ("macro", "micro", "weighted"):
        assert metrics.recall(y, table, average=average) == 0
    with pytest.raises(DataError, match="scores of example 2 hold NaN"):
        metrics.confusion_matrix(y, [0.1, 0.9, NAN, 0.8])
    with pytest.raises(DataError, match="NaN, which has no place in an order"):
        metrics.roc_auc(y, nothing)
    for measure in (metrics.mae, metrics.mse, metrics.rmse, metrics.r2):
        assert np.isnan(measure(y, [0.0, 1.0, NAN, 1.0]))


def test_r2_of_constant_targets():
    """scikit-learn: 1 where they are met, else 0; NaN is neither."""
    assert metrics.r2([1.0, 1.0], [1.0, 1.0]) == 1
    assert metrics.r2([1.0, 1.0], [1.0, 2.0]) == 0
    assert np.isnan(metrics.r2([1.0, 1.0], [1.0, NAN]))
    assert metrics.r2([0.1] * 3, [0.1, 0.1, 0.1]) == 1


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from([0, 1, 2]),
            st.lists(st.sampled_from([NAN, 0.0, 0.3, np.inf]), min_size=3, max_size=3),
        ),
        min_size=1,
        max_size=6,
    )
)
def test_any_scores(examples):
    """Beside literal counting: an example with a NaN is no hit, and else the first of the largest counts."""
    y, scores = [label for label, _ in examples], np.array([row for _, row in examples])
    hits = [not np.isnan(row).any() and row.index(max(row)) == label for label, row in examples]
    assert metrics.accuracy(y, scores) == pytest.approx(np.mean(hits))
    wider = np.column_stack([scores, np.full(len(scores), -np.inf)])  # which is never among the first three
    assert metrics.top_k(y, wider, 3) == pytest.approx(np.mean(~np.isnan(scores).any(1)))


def test_weights_that_are_not_finite():
    with pytest.raises(DataError, match="finite, got nan for example 1"):
        metrics.accuracy([0, 1], [0.1, 0.9], sample_weight=[1.0, NAN])


# --- where data come in -----------------------------------------------------------------------------


def line(backend, **settings):
    model = ln.Model([Input(2), Dense(3)], backend=backend, **settings)
    model.compile("mse", SGD(0.1))
    return model


@BACKENDS
def test_what_is_infinite_in_the_precision_of_the_model(backend):
    model, x, y = line(backend), np.ones((4, 2)), np.ones((4, 3))
    large, far, heavy = x.copy(), y.copy(), np.ones(4)
    large[2, 1], far[3, 2], heavy[1] = 1e39, -1e300, 1e39
    calls = {
        "fit": lambda x, y: model.fit(x, y, verbose=0),
        "train_step": model.train_step,
        "evaluate": model.evaluate,
        "predict": lambda x, y: model.predict(x),
        "activations": lambda x, y: model.activations(x),
        "input_gradient": model.input_gradient,
        "validation": lambda x, y: model.fit(np.ones((4, 2)), y, verbose=0, validation_data=(x, y)),
    }
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for name, call in calls.items():
            with pytest.raises(DataError, match=r"x holds 1e\+39 at index \(2, 1\).*row 2, column 1"):
                call(large, y)
            if name not in ("predict", "activations"):
                with pytest.raises(DataError, match=r"first at index \(3, 2\).*-1e\+300.*row 3, column 2"):
                    call(x, far)
        with pytest.raises(DataError, match=r"sample_weight.*1e\+39.*\(row 1\)"):
            model.fit(x, y, verbose=0, sample_weight=heavy)
        with pytest.raises(DataError, match=r"x holds 1e\+400 at index"):
            model.predict(np.array([[np.longdouble("1e400"), 1]]))
    for kind in ("float16", "longdouble", "bool", "uint64", "int8", "float64"):
        np.testing.assert_allclose(model.predict(x.astype(kind)), model.predict(x), rtol=1e-6)


@BACKENDS
def test_streams(backend):
    model = ln.Model([Input((None, 2)), SimpleRNN(3, return_sequences=True), Dense(1)], backend=backend)
    model.compile("mse", SGD(0.1))
    stepper, online = model.stepper(), model.online(rule="rflo")
    for call in (stepper.step, lambda x: online.step(x, [[1.0]])):
        for bad in (1e39, NAN, np.inf):
            with pytest.raises(DataError, match="xs? holds"):
                call([[bad, 0.0]])
    with pytest.raises(DataError, match="targets hold"):
        online.step([[1.0, 0.0]], [[1e39]])
    with pytest.raises(DataError, match="weights holds inf"):
        online.step([[1.0, 0.0]], [[1.0]], weights=[np.inf])


@BACKENDS
@pytest.mark.parametrize("bad", [10, -1, 2.5])
def test_numbers_that_are_of_no_row(backend, bad):
    model = ln.Model([Input((3,)), Embedding(10, 4), Flatten(), Dense(2, "softmax")], backend=backend)
    model.compile("categorical_crossentropy", SGD(0.1))
    x = np.zeros((2, 3))
    x[1, 2] = bad
    for call in (model.fit, model.evaluate, model.train_step):
        with pytest.raises(DataError, match=rf"x holds {bad} at index \(1, 2\).*0 to 9.*row 1, column 2"):
            call(x, [0, 1])
    with pytest.raises(DataError, match="whole numbers from 0 to 9"):
        model.predict(x)
    x[1, 2] = 9
    assert np.isfinite(model.predict(x)).all()


@BACKENDS
def test_numbers_of_rows_in_a_graph_and_behind_other_layers(backend):
    graph = Graph(
        inputs={"words": (3,), "sizes": (2,)},
        nodes=[
            ("turned", Reshape((3,)), "words"),
            ("vectors", Embedding(5, 2), "turned"),
            ("flat", Flatten(), "vectors"),
            ("both", Concatenate(), ("flat", "sizes")),
            ("out", Dense(1), "both"),
        ],
        outputs="out",
    )
    model = ln.Model(graph, backend=backend)
    model.compile("mse", SGD(0.1))
    good = {"words": [[1, 2, 4]], "sizes": [[7.5, -1.0]]}
    assert np.isfinite(model.predict(good)).all()
    with pytest.raises(DataError, match=r"x\['words'\] holds 5"):
        model.predict(good | {"words": [[1, 2, 5]]})


def test_what_compiled_code_makes_of_a_row_that_there_is_not():
    """NaN, which the loss shows; where nobody looked before, as in a network of one's own functions."""
    jnp = pytest.importorskip("jax.numpy")
    layer = Embedding(3, 2)
    table = jnp.ones((3, 2))
    made = np.asarray(layer.forward({"W": table}, jnp.asarray([[0.0, 2.0, 3.0, -1.0, 1.5]]))[0])[0, :, 0]
    np.testing.assert_array_equal(made, [1, 1, NAN, NAN, NAN])


def test_ids_that_float32_does_not_tell_apart():
    model = ln.Model([Input((1,)), Embedding(2**24 + 2, 1, initializer="zeros")])
    model.compile("mse", SGD(0.1))
    with pytest.raises(DataError, match="float32 tells apart"):
        model.predict([[2**24 + 1]])


# --- layers, rates, losses -----------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [MaxPooling2D, AveragePooling2D, MaxPooling1D, AveragePooling1D])
def test_each_window_has_something_to_pool(kind):
    for padding in (2, 5):
        with pytest.raises(
            SettingError, match=f"{kind.__name__}: padding must be below the size of a window"
        ):
            kind(2, padding=padding)
    if kind in (MaxPooling2D, AveragePooling2D):
        with pytest.raises(SettingError, match="padding must be below"):
            kind(2, padding=((0, 2), (0, 0)))
        with pytest.raises(SettingError, match="padding must be below"):
            kind((3, 2), padding=2)
        assert kind((3, 3), padding=2).output_shape((4, 4, 1)) == (2, 2, 1)
    y = kind(2, 1, padding=1)
    shape = (4, 4, 2)[-(y.dimensions + 1) :]
    assert np.isfinite(y.forward({}, np.ones((1, *shape)))[0]).all()


@BACKENDS
@pytest.mark.parametrize("data", ["float32", "float64", "float16"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_masking_knows_the_precision_of_the_data(backend, data, dtype):
    """0.1 of float32 in a model of float64 masked nothing."""
    model = ln.Model([Input((4, 1)), Masking(0.1), SimpleRNN(2)], dtype=dtype, backend=backend)
    model.build((4, 1))
    x = np.array([[[0.5], [0.7], [0.1], [0.1]]])
    np.testing.assert_allclose(model.predict(x.astype(data)), model.predict(x), rtol=1e-3)
    assert Masking(0.1).output_mask(x.astype(data).astype(dtype), None).tolist() == [
        [True, True, False, False]
    ]


def test_a_plateau_never_raises_the_rate():
    model = line("numpy")
    plateau = ln.callbacks.ReduceOnPlateau("loss", 0.5, 0, min_rate=0.5, min_delta=100.0)
    rates = []
    note = ln.callbacks.On(epoch=lambda loop, result: rates.append(loop.model.optimizer.learning_rate))
    model.fit(np.ones((4, 2)), np.ones((4, 3)), epochs=6, verbose=0, callbacks=[plateau, note])
    assert max(rates) <= 0.1


def test_a_warm_up_that_a_function_ends():
    rate = schedules.Warmup(3, lambda step: 0.1, start=0.2)
    with pytest.raises(SettingError, match="start must be at most 0.1"):
        rate(0)


def test_a_softmax_that_others_need():
    """Refused with the reason; before: "the network ends in no activation"."""

    def model(nodes, outputs, loss):
        made = ln.Model(Graph(inputs={"x": (3,)}, nodes=nodes, outputs=outputs))
        made.compile(loss, SGD(0.1))
        return made

    taken = [("p", Dense(3, "softmax"), "x"), ("q", Dense(3, "tanh"), "p")]
    with pytest.raises(
        SettingError, match="cannot take over Softmax.*other nodes of the graph take the output"
    ):
        model(taken, ["p", "q"], {"p": "categorical_crossentropy", "q": "mse"})
    with pytest.raises(SettingError, match="or share its layer"):
        model([("p", Dense(3, "softmax"), "x"), ("q", "p", "p")], "q", "categorical_crossentropy")
    with pytest.raises(SettingError, match="hinge takes signed scores"):
        model([("p", Dense(3, "softmax"), "x"), ("q", "p", "p")], "q", "hinge")
    counts = [("p", Dense(3, "exponential"), "x"), ("q", Dense(3, "tanh"), "p")]
    model(counts, ["p", "q"], {"p": "poisson", "q": "mse"})  # of rates that stay what they are
    apart = [("p", Dense(3), "x"), ("s", ln.layers.Activation("softmax"), "p"), ("q", Dense(3, "tanh"), "s")]
    made = model(apart, ["p", "q"], {"p": CategoricalCrossentropy(from_logits=True), "q": "mse"})
    made.fit(np.ones((2, 3)), {"p": [0, 1], "q": np.ones((2, 3))}, verbose=0)


@BACKENDS
def test_a_penalty_that_is_not_there_is_no_zero_times_infinity(backend):
    model = ln.Model([Input(2), Dense(3, use_bias=False, l1=1e-4)], backend=backend)
    model.compile("mae", SGD(0.1))
    model.build((2,))
    model.set_weights(np.full(6, 1e25, "float32"))
    loss = model.evaluate(np.zeros((2, 2)), np.zeros((2, 3)))["loss"]
    assert loss == pytest.approx(6e21, rel=1e-5)


@BACKENDS
def test_sequences_of_no_time(backend):
    model = ln.Model([Input((None, 2)), SimpleRNN(3)], backend=backend)
    with pytest.raises(DataError, match=r"x is empty.*\(3, 0, 2\)"):
        model.predict(np.zeros((3, 0, 2)))
    model.build((None, 2))
    with pytest.raises(DataError, match=r"x is empty.*\(3, 0, 2\)"):
        model.predict(np.zeros((3, 0, 2)))
