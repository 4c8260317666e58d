"""The model: what a person does with it."""

import copy
import pickle

import numpy as np
import pytest

import lucidnet as ln
from lucidnet.data.batch import Batch
from lucidnet.errors import (
    DataError,
    LucidnetError,
    NonFiniteError,
    NotReadyError,
    SettingError,
    ShapeError,
    UnknownNameError,
)
from lucidnet.layers import Dense, Dropout, Input, Residual, Sequential

(X, Y), (X_TEST, Y_TEST) = ln.data.load("digits")
X, Y = X[:200], Y[:200]


def small(seed=0, dropout=0.0, optimizer="adam", **settings):
    layers = [Input(64), Dense(16, "relu"), *([Dropout(dropout)] if dropout else []), Dense(10, "softmax")]
    model = ln.Model(layers, seed=seed, **settings)
    model.compile("categorical_crossentropy", optimizer, ["accuracy"])
    return model


def test_or_and_xor_as_in_the_readme():
    gates = ln.Model([Input(2), Dense(3, activation="tanh"), Dense(2, activation="tanh")], seed=0)
    gates.compile(loss="mse", optimizer=ln.optimizers.SGD(learning_rate=0.1))
    for _ in range(2000):
        step = gates.train_step([[-1, -1], [-1, 1], [1, -1], [1, 1]], [[-1, -1], [1, 1], [1, 1], [1, -1]])
    assert step.loss < 0.01
    assert np.sign(gates.predict([[1, 1], [-1, 1]])).tolist() == [[1, -1], [1, 1]]


def test_mnist_as_in_the_readme(data_folder, tmp_path):
    model = ln.Model(seed=0)
    model.add(Input(784))
    model.add(Dense(128, activation="relu"))
    model.add(Dropout(0.2))
    model.add(Dense(10, activation="softmax", learning_rate=0.01))
    model.compile(loss="categorical_crossentropy", optimizer="adam", metrics=["accuracy"])
    (x, y), (x_test, y_test) = ln.data.load("mnist")
    model.fit(x[:20_000], y[:20_000], epochs=1, batch_size=64, validation_split=0.1, verbose=0)
    result = model.evaluate(x_test, y_test)
    assert result.accuracy > 0.93
    model.save(tmp_path / "mnist.safetensors")
    np.testing.assert_array_equal(
        ln.load(tmp_path / "mnist.safetensors").predict(x_test), model.predict(x_test)
    )


class TestBuilding:
    """From layers to weights."""

    def test_sizes_are_inferred_from_the_input_layer(self):
        model = ln.Model([Input((8, 8)), ln.layers.Flatten(), Dense(3)])
        assert model.output_shape == (3,)
        assert model.params["dense2"]["W"].shape == (64, 3)

    def test_sizes_are_inferred_from_the_data(self):
        model = ln.Model([Dense(3)])
        with pytest.raises(NotReadyError, match=r"begin with Input\(features\)"):
            _ = model.params
        model.compile("mse", "sgd")
        model.train_step([[1.0, 2.0]], [[0.0, 0.0, 0.0]])
        assert model.params["dense0"]["W"].shape == (2, 3)
        assert ln.Model([Dense(3)]).predict([[1.0, 2.0]]).shape == (1, 3)

    def test_weights_of_other_shapes_are_not_taken(self):
        model = small()
        weights = model.get_weights()
        name = next(name for name in model.params if "W" in model.params[name])
        others = [
            model.params | {name: model.params[name] | {"W": np.ones((1, 2))}},
            {key: tree for key, tree in model.params.items() if key != name},
            model.params | {"more": {}},
        ]
        for params in others:
            with pytest.raises(ShapeError, match="set_params: expected arrays of shapes .*, got"):
                model.set_params(params)
        np.testing.assert_array_equal(model.get_weights(), weights)

    def test_add_equals_the_list(self):
        model = ln.Model(seed=3)
        for layer in (Input(4), Dense(3), Dense(2)):
            model.add(layer)
        same = ln.Model(Sequential([Input(4), Dense(3), Dense(2)]), seed=3)
        assert model.net == same.net
        np.testing.assert_array_equal(model.get_weights(), same.get_weights())

    def test_settings_of_a_given_network_are_kept(self, tmp_path):
        model = ln.Model(Sequential([Input(4), Dense(3)], frozen=True))
        model.add(Dense(2, name="last"))
        assert model.net == Sequential([Input(4), Dense(3), Dense(2, name="last")], frozen=True)
        assert model.summary().endswith("0 of them trained")
        model.save(tmp_path / "m.safetensors")
        assert ln.load(tmp_path / "m.safetensors").net == model.net

    def test_the_seed_makes_the_weights(self):
        assert (small(seed=1).get_weights() == small(seed=1).get_weights()).all()
        assert (small(seed=1).get_weights() != small(seed=2).get_weights()).any()

    def test_another_layer_leaves_the_weights_of_the_first_alone(self):
        one = ln.Model([Input(4), Dense(3, name="a")])
        two = ln.Model([Input(4), Dense(3, name="a"), Dense(2)])
        np.testing.assert_array_equal(one.params["a"]["W"], two.params["a"]["W"])

    def test_compiling_again_keeps_the_weights_and_the_memory_of_the_same_kind(self):
        model = small()
        model.train_step(X, Y)
        weights, memory = model.get_weights(), model.state.memory["m"]
        model.compile("categorical_crossentropy", ln.optimizers.Adam(0.1))
        np.testing.assert_array_equal(model.get_weights(), weights)
        np.testing.assert_array_equal(model.state.memory["m"], memory)
        assert memory.any()
        assert model.state.step == 1
        with pytest.warns(
            UserWarning, match=r"compile: Lion\(\) remembers other .* steps are counted from 0"
        ):
            model.compile("categorical_crossentropy", "lion")
        np.testing.assert_array_equal(model.get_weights(), weights)
        assert not model.state.memory["m"].any()
        assert model.state.step == 0

    def test_weights_as_one_vector(self):
        model, other = small(seed=1), small(seed=2)
        vector = model.get_weights()
        assert vector.shape == (64 * 16 + 16 + 16 * 10 + 10,)
        other.set_weights(vector)
        np.testing.assert_array_equal(model.predict(X), other.predict(X))
        vector[:] = 0
        assert model.get_weights().any(), "a copy was returned"

    def test_summary(self):
        text = ln.Model([Input(64), Residual(Dense(64), frozen=True), Dense(10, name="out")]).summary()
        assert "Residual" in text
        assert "  body" in text
        assert text.splitlines()[-1] == "4,810 parameters (18.8 KiB), 650 of them trained"


class TestUse:
    """Predicting and measuring."""

    def test_predict_is_the_formula(self):
        model = small()
        p = model.params
        hidden = np.maximum(X @ p["dense1"]["W"] + p["dense1"]["b"], 0)
        logits = hidden @ p["dense2"]["W"] + p["dense2"]["b"]
        expected = np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)
        np.testing.assert_allclose(model.predict(X), expected, rtol=1e-4)

    def test_predict_in_blocks(self, monkeypatch):
        model = small()
        whole = model.predict(X)
        monkeypatch.setattr("lucidnet.training.sources.ROWS", 7)
        np.testing.assert_allclose(model.predict(X), whole, rtol=1e-5)
        assert model.predict(X[:1]).shape == (1, 10)

    def test_evaluate(self):
        model = small()
        model.fit(X, Y, epochs=3, verbose=0)
        result = model.evaluate(X, Y)
        y = model.predict(X)
        assert result.accuracy == np.mean(y.argmax(-1) == Y)
        np.testing.assert_allclose(result.loss, -np.log(y[range(200), Y]).mean(), rtol=1e-5)
        assert dict(result) == {"loss": result["loss"], "accuracy": result["accuracy"]}
        np.testing.assert_allclose(model.evaluate(X, Y, batch_size=33).loss, result.loss, rtol=1e-6)
        with pytest.raises(AttributeError, match="no 'recall' was measured; there are: loss, accuracy"):
            _ = result.recall

    def test_train_step_returns_what_was_before_it(self):
        model = small()
        before = model.evaluate(X, Y)
        step = model.train_step(X, Y)
        np.testing.assert_allclose(step.loss, before.loss, rtol=1e-6)
        assert step.accuracy == before.accuracy
        assert model.evaluate(X, Y).loss < before.loss

    @pytest.mark.parametrize("kind", ["uint8", "float64", "int64", "bool"])
    def test_any_numeric_data(self, kind):
        model = small()
        model.fit((X > 0.5).astype(kind), Y, verbose=0)
        assert model.predict((X > 0.5).astype(kind)).dtype == np.float32
        np.testing.assert_array_equal(
            model.predict((X > 0.5).astype(kind)), model.predict((X > 0.5).astype("float32"))
        )

    def test_double_precision(self):
        model = small(dtype="float64")
        model.train_step(X, Y)
        assert model.get_weights().dtype == model.predict(X).dtype == np.float64

    def test_plain_lists(self):
        model = ln.Model([Dense(1)])
        model.compile("mse", "sgd")
        model.fit([[0], [1], [2]], [1, 3, 5], epochs=200, batch_size=3, verbose=0)
        np.testing.assert_allclose(model.predict([[10]]), [[21]], rtol=0.2)

    def test_metrics_of_all_kinds(self):
        def sure(y, prediction):
            return prediction.max(-1).mean()

        model = small()
        model.compile("categorical_crossentropy", "adam", ["accuracy", "top_3", ln.metrics.F1("macro"), sure])
        assert list(model.evaluate(X, Y)) == ["loss", "accuracy", "top_3", "f1_macro", "sure"]


class TestSettingsOfLayers:
    """Settings of a layer go before the optimizer's."""

    @pytest.mark.parametrize(("layer", "rate"), [(Dense(3, learning_rate=0.5), 0.5), (Dense(3), 0.1)])
    def test_learning_rate(self, layer, rate):
        model = ln.Model([Input(2), layer, Dense(2)])
        model.compile("mse", ln.optimizers.SGD(0.1))
        before = model.get_weights()
        x, y = np.ones((4, 2), "float32"), np.ones((4, 2), "float32")
        grads = model.problem.objective.gradient(model.params, Batch(x, y)).grads
        model.train_step(x, y)
        moved = before - model.get_weights()
        parts = [grads["dense1"]["W"].ravel() * rate, grads["dense1"]["b"] * rate]
        parts += [grads["dense2"]["W"].ravel() * 0.1, grads["dense2"]["b"] * 0.1]
        np.testing.assert_allclose(moved, np.concatenate(parts), rtol=1e-4, atol=1e-7)

    def test_frozen(self):
        inner = Sequential([Dense(4, "tanh"), Dense(3)], frozen=True)
        model = ln.Model([Input(2), inner, Dense(1)])
        model.compile("mse", "adam")
        before = model.get_weights()
        model.fit(np.ones((8, 2)), np.ones(8), epochs=3, verbose=0)
        changed = model.get_weights() != before
        assert changed[-4:].all()
        assert not changed[:-4].any()

    def test_weight_decay(self):
        model = ln.Model([Input(2), Dense(3, weight_decay=0.5, use_bias=False), Dense(1, use_bias=False)])
        model.compile("mse", ln.optimizers.AdamW(0.1, weight_decay=0.0))
        W = model.params["dense1"]["W"].copy()
        model.train_step(np.zeros((4, 2)), np.zeros(4))  # no gradient at all
        np.testing.assert_allclose(model.params["dense1"]["W"], W * (1 - 0.1 * 0.5), rtol=1e-6)

    def test_penalties_are_in_the_loss(self):
        plain, fined = (
            ln.Model([Input(2), Dense(3, **kind), Dense(1)], dtype="float64")
            for kind in ({}, {"l1": 0.1, "l2": 0.2})
        )
        for model in (plain, fined):
            model.compile("mse", ln.optimizers.SGD(1.0))
        W = plain.params["dense1"]["W"].copy()
        x, y = np.ones((4, 2)), np.ones(4)
        fine = 0.1 * np.abs(W).sum() + 0.2 * (W**2).sum()
        np.testing.assert_allclose(fined.evaluate(x, y).loss - plain.evaluate(x, y).loss, fine, rtol=1e-10)
        np.testing.assert_allclose(
            fined.train_step(x, y).loss - plain.train_step(x, y).loss, fine, rtol=1e-10
        )
        difference = plain.params["dense1"]["W"] - fined.params["dense1"]["W"]
        np.testing.assert_allclose(difference, 0.1 * np.sign(W) + 0.4 * W, rtol=1e-10)
        np.testing.assert_allclose(plain.params["dense1"]["b"], fined.params["dense1"]["b"], rtol=1e-10)

    def test_a_setting_without_effect_is_an_error(self):
        model = ln.Model([Input(2), Dropout(0.2, learning_rate=0.1), Dense(1)])
        with pytest.raises(
            SettingError, match=r"Dropout\(0.2, learning_rate=0.1\): learning_rate has no effect"
        ):
            model.build()


# --- errors: what was given, what was expected, where, what to do -------------------------------------

NAN = X.copy()
NAN[17, 3] = np.nan


@pytest.mark.parametrize(
    ("act", "error", "message"),
    [
        (lambda m: m.predict(X[:, :60]), ShapeError, "layer 0 Input: expected 64 input features, got 60"),
        (lambda m: m.fit(X.reshape(-1, 8, 8), Y), ShapeError, r"reshape them: x.reshape\(len\(x\), 64\)"),
        (lambda m: m.predict(X[0]), ShapeError, r"that is one example; give a batch, x\[None\]$"),
        (
            lambda m: ln.Model([Input(X.shape), Dense(2)]).predict(X),
            ShapeError,
            r"\(if these are all examples, Input takes the shape of one: Input\(64\)\)",
        ),
        (
            lambda m: m.fit(X, Y + 1),
            DataError,
            "label 10 at index .* is out of range: the network has 10 outputs",
        ),
        (lambda m: m.fit(X, np.eye(7)[Y % 7]), ShapeError, r"targets of shape \(200, 7\) do not fit outputs"),
        (lambda m: m.fit(X, Y[:-1]), DataError, "x and y differ in length: 200 examples, 199 targets"),
        (lambda m: m.fit(X, 3), DataError, "200 examples, a single number targets"),
        (lambda m: m.fit(NAN, Y), DataError, r"x holds nan at index \(17, 3\): remove or replace"),
        (lambda m: m.predict(X + np.inf), DataError, "x holds (nan|inf|-inf) at index"),
        (lambda m: m.fit(X[:0], Y[:0]), DataError, "x is empty: expected at least one example"),
        (
            lambda m: m.fit(X, Y, batch_size=0),
            SettingError,
            "batch_size must be a whole number of 1 or more, or None, got 0",
        ),
        (
            lambda m: m.fit(X, Y, epochs=1.5),
            SettingError,
            "epochs must be a whole number of 1 or more, got 1.5",
        ),
        (
            lambda m: m.fit(X, Y, validation_split=1.0),
            DataError,
            "validation_split=1 of 200 examples leaves 0 to train",
        ),
        (lambda m: m.fit(X, Y, class_weight={12: 1.0}), DataError, r"class_weight names the classes \[12\]"),
        (lambda m: m.fit(X, Y, sample_weight=[1.0]), DataError, "sample_weight: expected 200 finite numbers"),
        (lambda m: m.fit([[1, 2], [3]], [0, 1]), DataError, "x: the rows do not have one length"),
        (lambda m: m.fit([["a"] * 64], [0]), DataError, "x: expected numbers, got dtype"),
        (
            lambda m: m.compile("categorical_crossentropi"),
            UnknownNameError,
            "did you mean 'categorical_crossentropy'",
        ),
        (
            lambda m: m.compile("mse", "sdg"),
            UnknownNameError,
            "unknown optimizer 'sdg': did you mean 'sgd'",
        ),
        (lambda m: m.compile("mse", "sgd", ["acuracy"]), UnknownNameError, "did you mean 'accuracy'"),
        (
            lambda m: m.compile("mse", 0.1),
            SettingError,
            "optimizer: expected a name .* or an instance of Optimizer, got 0.1",
        ),
        (
            lambda m: m.add(Dense(2)),
            SettingError,
            "compiled or has weights already; add all layers before that",
        ),
        (
            lambda m: m.set_weights([1.0, 2.0]),
            ShapeError,
            r"expected a vector of 1210 numbers, got shape \(2,\)",
        ),
        (lambda m: Dense(3, "rellu"), UnknownNameError, "unknown activation 'rellu': did you mean 'relu'"),
        (lambda m: Dense(3, initializer="he"), UnknownNameError, "unknown initializer 'he'.*Known: constant"),
        (lambda m: ln.data.load("mnits"), UnknownNameError, "did you mean 'mnist'"),
        (lambda m: ln.Model(seed=-1), SettingError, "seed must be a whole number of 0 or more, got -1"),
        (
            lambda m: ln.Model(dtype="float16"),
            SettingError,
            "dtype must be one of float32, float64, mixed_bfloat16, got 'float16'",
        ),
        (
            lambda m: ln.Model([3]),
            SettingError,
            r"layers must be a sequence of layers such as Dense\(10\), made, not classes or sizes .*, got \[3\]",
        ),
        (lambda m: ln.Model().predict(X), NotReadyError, "this model has no layers yet"),
        (
            lambda m: ln.Model([Dense(2)]).fit(X, Y),
            NotReadyError,
            r"not compiled: call compile\(loss=..., optimizer",
        ),
        (lambda m: ln.Model([Dense(2)]).evaluate(X, Y), NotReadyError, "not compiled"),
        (
            lambda m: ln.Model([Input(3), Dense(2), Input(4)]).build(),
            ShapeError,
            r"layer 2 Input.*from layer 1 Dense\(2\)",
        ),
    ],
)
def test_errors(act, error, message):
    model = small()
    weights = model.get_weights()
    with pytest.raises(error, match=message):
        act(model)
    np.testing.assert_array_equal(model.get_weights(), weights)


def test_sparse_loss_with_one_hot_says_what_to_do():
    model = ln.Model([Input(64), Dense(10, "softmax")])
    model.compile("sparse_categorical_crossentropy")
    with pytest.raises(
        ShapeError, match=r"takes integer labels of shape \(n,\), got rows of shape \(200, 10\)"
    ):
        model.fit(X, np.eye(10)[Y])


class TestCopies:
    """A copy has the weights, and nothing of what either learns afterwards."""

    @pytest.mark.parametrize(
        "copied", [copy.copy, copy.deepcopy, lambda model: pickle.loads(pickle.dumps(model))]
    )
    @pytest.mark.parametrize("backend", ["numpy", "jax"])
    def test_a_copy_goes_its_own_way(self, backend, copied):
        model = ln.Model([Input(64), Dense(8, "tanh"), Dense(10, "softmax")], seed=0, backend=backend)
        model.compile("categorical_crossentropy", "adam")
        copied(model)  # without weights, too
        model.fit(X, Y, epochs=2, verbose=0)
        weights, losses = model.get_weights(), list(model.history["loss"])
        other = copied(model)
        np.testing.assert_array_equal(other.get_weights(), weights)
        for _ in range(3):
            other.train_step(X, Y)
            other.fit(X, Y, verbose=0)
        np.testing.assert_array_equal(model.get_weights(), weights)
        assert model.history["loss"] == losses
        again = copied(model)
        for one in (model, again):
            one.fit(X, Y, verbose=0)
        np.testing.assert_array_equal(again.get_weights(), model.get_weights())


@pytest.mark.parametrize("backend", ["numpy", "jax"])
def test_a_rule_that_the_optimizer_cannot_follow_hinders_training_only(backend):
    model = ln.Model([Input(64), Dense(10, "softmax")], backend=backend)
    model.compile("categorical_crossentropy", ln.optimizers.LBFGS(), rule="fa")
    assert model.predict(X).shape == (len(X), 10)
    assert "dense1" in model.summary()
    with pytest.raises(SettingError, match=r"LBFGS\(\) takes all data as one batch, and the true gradient"):
        model.fit(X, Y, verbose=0)


class TestAnotherOptimizer:
    """`model.optimizer = ...` between steps."""

    def test_of_the_same_kind_goes_on_with_what_it_remembers(self):
        model, other = small(), small()
        for one, rates in ((model, (0.1, 0.001)), (other, (0.1, 0.1))):
            one.compile("categorical_crossentropy", ln.optimizers.Adam(rates[0]))
            one.train_step(X, Y)
            one.optimizer = ln.optimizers.Adam(rates[1])
            before = one.get_weights()
            one.train_step(X, Y)
            one.moved = one.get_weights() - before
        np.testing.assert_allclose(model.moved, other.moved / 100, rtol=2e-3, atol=1e-6)

    @pytest.mark.parametrize("given", [ln.optimizers.SGD(0.1), ln.optimizers.LBFGS()])
    def test_of_another_kind_is_an_error(self, given):
        model = small()
        model.compile("categorical_crossentropy", "adam")
        model.train_step(X, Y)
        with pytest.raises(SettingError, match=r"cannot take the place of Adam.*compile\("):
            model.optimizer = given
        assert model.optimizer == ln.optimizers.Adam()
        model.train_step(X, Y)


class TestNonFinite:
    """A loss that becomes NaN or infinite."""

    def diverging(self):
        model = ln.Model([Input(64), Dense(8, "relu"), Dense(1)], seed=0)
        model.compile("mse", ln.optimizers.SGD(1e6))
        return model

    def test_it_names_step_layer_and_quantity(self):
        message = r"step [1-9]\d*: .*the first quantity that is not finite is "
        with pytest.raises(NonFiniteError, match=message) as error:
            self.diverging().fit(X, Y, epochs=20, verbose=0)
        assert "layer" in str(error.value) or "gradient of dense" in str(error.value)
        assert "smaller learning rate" in str(error.value)

    def test_the_weights_of_the_last_good_step_are_kept(self):
        model, good = self.diverging(), []
        with pytest.raises(NonFiniteError):
            for _ in range(100):
                before = model.get_weights()
                model.train_step(X, Y)
                good.append(before)
        kept = model.get_weights()
        assert np.isfinite(kept).all()
        assert (kept == good[-1]).all() or (kept == before).all()
        assert np.isfinite(model.evaluate(X, Y).loss)

    def test_training_goes_on_with_a_smaller_rate(self):
        model = self.diverging()
        model.train_step(X, Y)
        with pytest.raises(NonFiniteError):
            model.fit(X, Y, epochs=50, verbose=0)
        with pytest.warns(UserWarning, match="its memory begins anew"):
            model.compile("mse", ln.optimizers.Adam(0.01))
        assert np.isfinite(model.fit(X, Y, verbose=0)["loss"]).all()

    def test_bad_weights_are_named(self):
        model = small()
        vector = model.get_weights()
        vector[0] = np.inf
        layout = model.state.params.layout
        model.state = model.state._replace(params=layout.bind(vector))
        with pytest.raises(NonFiniteError, match=r"step 0: .* is the parameter W of layer 1 Dense"):
            model.train_step(X, Y)


def test_a_network_may_end_in_any_layer():
    """Whatever its attributes are called: `Conv2DTranspose` has a method `outputs`, as a `Graph` has names."""
    kinds = [kind for kind in (getattr(ln.layers, name) for name in dir(ln.layers)) if isinstance(kind, type)]
    samples = [pair for kind in kinds if issubclass(kind, ln.layers.Layer) for pair in kind.samples()]
    assert len(samples) > 80
    for layer, shape in samples:
        model = ln.Model([layer])
        model.compile("mse", metrics=["mae"])
        model.build(shape)
        assert model.output_shape == layer.output_shape(shape)


@pytest.mark.parametrize("dtype", [np.float64, np.dtype("float64"), float])
def test_a_precision_as_numpy_writes_it(dtype):
    made = ln.Model([Input(2), Dense(1)], dtype=dtype)
    assert made.dtype == "float64"
    assert made.predict(np.ones((1, 2))).dtype == np.float64


@pytest.mark.parametrize(
    "wrong",
    [
        lambda m: m.activations(X[:2], "nope"),
        lambda m: m.params["nope"],
        lambda m: m.set_params({"nope": 1}),
        lambda m: m.load_weights({"nope": {"W": np.zeros(3)}}),
        lambda m: m.fit(X, Y, class_weight=dict.fromkeys(range(500), 1.0), verbose=0),
        lambda m: m.fit(X, Y, callbacks=[ln.callbacks.PrintWeights(["nope"])], verbose=0),
        lambda m: m.fit(X, Y, record=["nope"], verbose=0),
    ],
)
def test_a_message_about_a_deep_network_is_no_page(wrong):
    """Of two hundred names the first are told, and how many more there are."""
    deep = ln.Model([Input(64), *[Dense(2) for _ in range(200)], Dense(10, "softmax")], seed=0)
    deep.compile("categorical_crossentropy", "sgd")
    with pytest.raises((LucidnetError, KeyError), match=r" and [\d,]+ more") as error:
        wrong(deep)
    assert len(str(error.value)) < 700
