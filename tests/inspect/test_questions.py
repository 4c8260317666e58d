"""What a model answers when it is asked is right, and asking changes nothing."""

import copy
import pickle
from dataclasses import dataclass

import numpy as np
import pytest

import lucidnet as ln
from lucidnet.errors import DataError, NotReadyError, SettingError, ShapeError, UnknownNameError
from lucidnet.layers import (
    GRU,
    LSTM,
    Add,
    BatchNormalization,
    Bidirectional,
    Concatenate,
    Conv2D,
    Dense,
    Dropout,
    Embedding,
    Flatten,
    Graph,
    Input,
    LayerNormalization,
    MaxPooling2D,
    Residual,
    Sequential,
    SimpleRNN,
)
from lucidnet.layers.base import INFERENCE
from lucidnet.rules import Rule
from lucidnet.tree import leaves

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(12, 3)), RNG.normal(size=(12, 2))
LABELS = RNG.integers(0, 2, 12)
SEQUENCES, LENGTHS = RNG.normal(size=(12, 5, 3)), RNG.integers(1, 6, 12)
BACKENDS = ("numpy", "jax")


def mixed():
    """Dropout, statistics of the batch, penalties, a frozen layer, layers inside layers."""
    return [
        Input(3),
        Dense(4, "tanh", name="first", l2=0.02),
        BatchNormalization(name="norm"),
        Dropout(0.4),
        Residual(Sequential([Dense(6, "sigmoid", l1=0.01), Dense(4)]), name="block"),
        Dense(3, "tanh", frozen=True, name="still"),
        Dense(2, name="out"),
    ]


def made(layers, loss="mse", optimizer="adam", backend="numpy", steps=2, x=X, y=Y, **settings):
    model = ln.Model(layers, seed=1, dtype="float64", backend=backend)
    model.compile(loss, optimizer, **settings)
    for _ in range(steps):
        model.train_step(x, y)
    return model


def same(one, two):
    """Compare two trees of arrays, bit by bit."""
    one, two = dict(leaves(one)), dict(leaves(two))
    assert one.keys() == two.keys()
    for path, array in one.items():
        np.testing.assert_array_equal(array, two[path], err_msg=str(path))


def close(one, two, tolerance=1e-10):
    one, two = dict(leaves(one)), dict(leaves(two))
    assert one.keys() == two.keys()
    for path, array in one.items():
        np.testing.assert_allclose(array, two[path], rtol=tolerance, atol=tolerance, err_msg=str(path))


def differences(function, array, h=1e-6):
    """The gradient of a number by all entries of an array, which is written to meanwhile."""
    slope = np.zeros_like(array)
    for place in np.ndindex(array.shape):
        old = array[place]
        array[place] = old + h
        above = function()
        array[place] = old - h
        below = function()
        array[place] = old
        slope[place] = (above - below) / (2 * h)
    return slope


def by_weights(model, loss):
    """The gradient by central differences of a number that depends on a model, by layer and name."""
    vector, state, found = model.get_weights(), model.state, {}

    def number():
        model.state = state._replace(params=state.params.layout.bind(vector.copy()))
        return loss(model)

    slopes = differences(number, vector)
    for path, array in leaves(state.params.layout.unravel(slopes)):
        found.setdefault(".".join(path[:-1]), {})[path[-1]] = array
    model.state = state
    return found


# --- activations ----------------------------------------------------------------------------------


class TestActivations:
    def test_names_are_those_of_the_summary(self):
        model = made(mixed(), steps=0)
        rows = model.summary().splitlines()[1:-1]
        inner = [row.split()[0] for row in rows]
        assert [name.split(".")[-1] for name in model.activations(X)] == inner
        assert "block.body.dense0" in model.activations(X)

    def test_each_is_what_the_layers_before_it_make(self):
        model = made(mixed())
        found, params = model.activations(X), model.params
        y = X
        for name, layer in model.net.children():
            y, _ = layer.forward(params[name], y, INFERENCE)
            np.testing.assert_array_equal(found[name], y, err_msg=name)
        np.testing.assert_array_equal(y, model.predict(X))
        body = params["block"]["body"]
        inner = 1 / (1 + np.exp(-(found["dropout3"] @ body["dense0"]["W"] + body["dense0"]["b"])))
        np.testing.assert_allclose(found["block.body.dense0"], inner, rtol=1e-12)

    @pytest.mark.parametrize(
        ("layers", "names"),
        [
            ("out", ["out"]),
            (["out", "first"], ["first", "out"]),
            ("block*", ["block", "block.body", "block.body.dense0", "block.body.dense1"]),
            (("*norm", "s?ill"), ["norm", "still"]),
            ([], []),
        ],
    )
    def test_chosen_by_name_or_pattern(self, layers, names):
        assert list(made(mixed(), steps=0).activations(X, layers)) == names

    def test_more_rows_than_pass_together(self):
        model, many = made(mixed()), RNG.normal(size=(2300, 3))
        found = model.activations(many, ["first", "out"])
        np.testing.assert_array_equal(found["out"], model.predict(many))
        np.testing.assert_allclose(found["first"][1500:1510], model.activations(many[1500:1510])["first"])

    def test_a_mask_counts(self):
        model = made([Input((None, 3)), LSTM(4, name="cell"), Dense(2)], x=SEQUENCES)
        found = model.activations(SEQUENCES, "cell", mask=LENGTHS)["cell"]
        for row in range(12):
            alone = model.activations(SEQUENCES[row : row + 1, : LENGTHS[row]])["cell"]
            np.testing.assert_allclose(found[row : row + 1], alone, rtol=1e-12)

    def test_the_mask_of_an_embedding(self):
        words = np.array([[3, 1, 2], [4, 0, 0]])
        model = ln.Model([Input((None,)), Embedding(5, 2, mask_zero=True), GRU(3, name="cell")])
        found = model.activations(words)["cell"]
        np.testing.assert_allclose(found[1], model.activations([[4]])["cell"][0], rtol=1e-6)

    def test_shared_layers_and_several_inputs(self):
        nodes = [("code", Dense(2, "tanh"), "a"), ("other", "code", "b"), ("both", Add(), ("code", "other"))]
        model = ln.Model(Graph({"a": (3,), "b": (3,)}, nodes, ["both", "code"]), dtype="float64")
        x = {"a": X, "b": X[::-1]}
        found = model.activations(x)
        assert list(found) == ["code", "code#2", "both"]
        np.testing.assert_array_equal(found["code#2"], found["code"][::-1])
        np.testing.assert_array_equal(found["both"], model.predict(x)["both"])
        assert list(model.activations(x, "code")) == ["code", "code#2"]
        assert list(model.activations(x, "code#2")) == ["code#2"]

    def test_both_directions(self):
        model = ln.Model([Input((None, 3)), Bidirectional(GRU(2), name="two")], dtype="float64")
        found = model.activations(SEQUENCES)
        there, back = (found[f"two.{way}"] for way in ("forward", "backward"))
        np.testing.assert_array_equal(found["two"], np.concatenate([there, back], -1))

    def test_a_model_that_was_not_compiled(self):
        assert ln.Model([Dense(2)]).activations(X)["dense0"].shape == (12, 2)

    def test_what_cannot_be_asked(self):
        model = made(mixed(), steps=0)
        with pytest.raises(UnknownNameError, match="no layer is called 'frist': did you mean 'first'"):
            model.activations(X, "frist")
        with pytest.raises(UnknownNameError, match=r"no layer is called 'conv\*'"):
            model.activations(X, ["first", "conv*"])
        with pytest.raises(SettingError, match="expected the names of layers"):
            model.activations(X, [1])
        with pytest.raises(SettingError, match="expected the names of layers"):
            model.activations(X, 1)
        with pytest.raises(DataError, match="empty"):
            model.activations(X[:0])
        with pytest.raises(DataError, match="nan at index"):
            model.activations(np.full((2, 3), np.nan))
        with pytest.raises(ShapeError, match="expected 3 input features, got 5"):
            model.activations(np.ones((2, 5)))
        with pytest.raises(NotReadyError, match="no layers"):
            ln.Model().activations(X)

    def test_a_layer_that_is_used_in_parts(self):
        @dataclass(frozen=True)
        class Inside(ln.layers.Container):
            body: ln.layers.Layer

            def children(self):
                return (("body", self.body),)

            def output_shape(self, shape):
                return self.body.output_shape(shape)

            def inner_shapes(self, shape):
                return {"body": shape}

            def init(self, rng, shape):
                params, shape = self.body.init(rng, shape)
                return {"body": params}, shape

            def forward(self, params, x, run=INFERENCE):
                return x @ params["body"]["W"], {"body": None}

        model = ln.Model([Input(3), Inside(Dense(2), name="odd")])
        assert list(model.activations(X)) == ["input0", "odd"]
        with pytest.raises(SettingError, match=r"'odd.body' has no output of its own"):
            model.activations(X, "odd.body")
        with pytest.raises(SettingError, match=r"'odd.body' has no output of its own"):
            model.intervene(X, {"odd.body": 0})


# --- gradients ------------------------------------------------------------------------------------


def penalized(model):
    """What l1 and l2 of `mixed` add to the loss."""
    params = model.params
    inner = params["block"]["body"]["dense0"]["W"]
    return 0.02 * (params["first"]["W"] ** 2).sum() + 0.01 * np.abs(inner).sum()


class TestGradients:
    def test_against_differences_of_the_loss_that_train_step_reports(self):
        """Dropout, statistics of the batch and penalties act as they do there."""
        model, weights = made(mixed()), RNG.uniform(0.5, 2, 12)
        found = model.gradients(X, Y, sample_weight=weights)

        def loss(asked):
            return copy.deepcopy(asked).train_step(X, Y, weights).loss

        expected = by_weights(model, loss)
        for name, arrays in found.items():
            close(arrays, {key: expected[name][key] for key in arrays}, 1e-6)
        assert list(found) == ["first", "norm", "block.body.dense0", "block.body.dense1", "still", "out"]
        assert list(found["norm"]) == ["gamma", "beta"]  # running statistics have none

    @pytest.mark.parametrize("backend", BACKENDS)
    def test_it_is_what_sgd_subtracts(self, backend):
        model = made(mixed(), optimizer=ln.optimizers.SGD(0.5), backend=backend, steps=0)
        for _ in range(3):
            found, before = model.gradients(X, Y), model.params
            model.train_step(X, Y)
            for path, array in leaves(model.params):
                name, key = ".".join(path[:-1]), path[-1]
                if name != "still" and key in found.get(name, {}):
                    old = before
                    for part in path:
                        old = old[part]
                    np.testing.assert_allclose(array, old - 0.5 * found[name][key], rtol=1e-10, atol=1e-12)

    def test_unclipped_and_without_decay(self):
        plain = made([Input(3), Dense(2)], optimizer=ln.optimizers.SGD(0.1), steps=0)
        clip = ln.optimizers.ClipGlobalNorm(1e-3)
        clipped = made(
            [Input(3), Dense(2)], optimizer=ln.optimizers.SGD(0.1, clip=clip, weight_decay=0.5), steps=0
        )
        same(clipped.gradients(X, Y), plain.gradients(X, Y))

    def test_masks(self):
        model = made([Input((None, 3)), SimpleRNN(4), Dense(2)], x=SEQUENCES)
        found = model.gradients(SEQUENCES, Y, mask=LENGTHS)
        expected = by_weights(model, lambda m: ((m.predict(SEQUENCES, mask=LENGTHS) - Y) ** 2).mean())
        close(found, expected, 1e-6)
        assert (
            np.abs(found["simplernn1"]["W"] - model.gradients(SEQUENCES, Y)["simplernn1"]["W"]).max() > 1e-3
        )

    def test_feedback_alignment_as_its_formula_says(self):
        model = made([Input(3), Dense(4, "tanh"), Dense(2)], rule="fa")
        params, B = model.params, model.feedback["dense2"]["W"]
        h = np.tanh(X @ params["dense1"]["W"] + params["dense1"]["b"])
        e = 2 * (h @ params["dense2"]["W"] + params["dense2"]["b"] - Y) / Y.size
        d = (e @ B.T) * (1 - h**2)
        expected = {"dense1": {"W": X.T @ d, "b": d.sum(0)}, "dense2": {"W": h.T @ e, "b": e.sum(0)}}
        close(model.gradients(X, Y), expected)
        close(model.gradients(X, Y, rule="fa"), expected)
        true = (e @ params["dense2"]["W"].T) * (1 - h**2)
        expected["dense1"] = {"W": X.T @ true, "b": true.sum(0)}
        close(model.gradients(X, Y, rule="backprop"), expected)
        close(model.gradients(X, Y, rule=Rule()), expected)

    def test_the_true_gradient_where_a_layer_has_a_rule(self):
        layers = [Input(3), Dense(4, "tanh"), Dense(4, "tanh", rule="fa"), Dense(2)]
        model = made(layers)
        plain = made([Input(3), Dense(4, "tanh"), Dense(4, "tanh"), Dense(2)], steps=0)
        plain.set_params(model.params)
        same(model.gradients(X, Y, rule="backprop"), plain.gradients(X, Y))
        assert (
            np.abs(model.gradients(X, Y)["dense1"]["W"] - plain.gradients(X, Y)["dense1"]["W"]).max() > 1e-6
        )

    @pytest.mark.parametrize("rule", ["fa", "dfa", "kp", "np", "drtp", Rule("usf")])
    def test_another_rule_is_as_if_compiled_with_it(self, rule):
        layers = [Input(3), Dense(4, "tanh"), Dense(2)]
        model, other = made(layers, steps=0), made(layers, steps=0, rule=rule)
        same(model.gradients(X, Y, rule=rule), other.gradients(X, Y))

    @pytest.mark.filterwarnings("ignore:compile")
    def test_stateful_layers_go_on(self):
        model = made([Input((5, 3)), LSTM(4, stateful=True), Dense(2)], x=SEQUENCES)
        found, before = model.gradients(SEQUENCES, Y), model.params
        model.compile("mse", ln.optimizers.SGD(1.0))
        state = model.state
        twin = made([Input((5, 3)), LSTM(4, stateful=True), Dense(2)], x=SEQUENCES)
        model.state = state._replace(carried=twin.state.carried, step=twin.state.step)
        model.train_step(SEQUENCES, Y)
        np.testing.assert_allclose(
            before["lstm1"]["W"] - model.params["lstm1"]["W"], found["lstm1"]["W"], rtol=1e-9, atol=1e-12
        )

    def test_numbers_that_are_not_finite_are_told(self):
        model = ln.Model([Input(1), Dense(1)])
        model.compile("mse")
        model.set_weights([1e30, 0])
        assert not np.isfinite(model.gradients([[1e20]], [[0]])["dense1"]["W"]).all()

    def test_what_cannot_be_asked(self):
        model = made(mixed(), steps=0)
        with pytest.raises(NotReadyError, match="not compiled"):
            ln.Model(mixed()).gradients(X, Y)
        with pytest.raises(NotReadyError, match="not compiled"):
            ln.Model(mixed()).input_gradient(X, Y)
        with pytest.raises(UnknownNameError, match="'backprob'"):
            model.gradients(X, Y, rule="backprob")
        with pytest.raises(DataError, match="differ in length"):
            model.gradients(X, Y[:3])
        with pytest.raises(DataError, match="sample_weight"):
            model.gradients(X, Y, sample_weight=np.ones(3))
        with pytest.raises(DataError, match="empty"):
            model.gradients(X[:0], Y[:0])


class TestInputGradient:
    @pytest.mark.parametrize("loss", ["mse", "categorical_crossentropy"])
    def test_against_differences(self, loss):
        layers = [Input(3), Dense(4, "tanh"), Dropout(0.3), BatchNormalization(), Dense(2, "softmax")]
        y, x = (Y if loss == "mse" else LABELS), X.copy()
        model = made(layers, loss, y=y)
        found = model.input_gradient(X, y)
        np.testing.assert_allclose(
            found, differences(lambda: model.evaluate(x, y).loss, x), rtol=1e-6, atol=1e-9
        )

    def test_a_mask_and_several_steps(self):
        model, x = made([Input((None, 3)), GRU(3), Dense(2)], x=SEQUENCES), SEQUENCES[:4].copy()
        found = model.input_gradient(x, Y[:4], mask=LENGTHS[:4])
        expected = differences(lambda: model.evaluate(x, Y[:4], mask=LENGTHS[:4]).loss, x)
        np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-9)

    def test_more_rows_than_pass_together_are_one_mean(self):
        model = made([Input(3), Dense(4, "tanh"), Dense(2)])
        x, y = RNG.normal(size=(2500, 3)), RNG.normal(size=(2500, 2))
        found = model.input_gradient(x, y)
        params = model.params
        h = np.tanh(x @ params["dense1"]["W"] + params["dense1"]["b"])
        e = 2 * (h @ params["dense2"]["W"] + params["dense2"]["b"] - y) / y.size
        expected = ((e @ params["dense2"]["W"].T) * (1 - h**2)) @ params["dense1"]["W"].T
        np.testing.assert_allclose(found, expected, rtol=1e-10, atol=1e-15)

    def test_it_is_the_true_one_whatever_the_rule(self):
        model = made([Input(3), Dense(4, "tanh"), Dense(2)], rule="fa")
        x = X.copy()
        expected = differences(lambda: model.evaluate(x, Y).loss, x)
        np.testing.assert_allclose(model.input_gradient(X, Y), expected, rtol=1e-6, atol=1e-9)

    def test_several_inputs(self):
        nodes = [
            ("word", Embedding(5, 2), "ids"),
            ("flat", Flatten(), "word"),
            ("both", Concatenate(), ("flat", "size")),
            ("out", Dense(1), "both"),
        ]
        x = {"ids": RNG.integers(0, 5, (12, 3)), "size": X}
        model = made(Graph({"ids": (3,), "size": (3,)}, nodes, "out"), x=x, y=Y[:, :1])
        found = model.input_gradient(x, Y[:, :1])
        assert list(found) == ["size"]
        W = model.params["out"]["W"][6:]
        e = 2 * (model.predict(x) - Y[:, :1]) / 12
        np.testing.assert_allclose(found["size"], e @ W.T, rtol=1e-10)

    @pytest.mark.parametrize("before", [(), (ln.layers.Reshape((3,)),)], ids=["first", "below others"])
    def test_whole_numbers_have_none(self, before):
        layers = [Input(3), *before, Embedding(5, 2, name="words"), Flatten(), Dense(2)]
        model = made(layers, x=RNG.integers(0, 5, (12, 3)))
        with pytest.raises(SettingError, match="input_gradient: 'words' takes whole numbers"):
            model.input_gradient(RNG.integers(0, 5, (4, 3)), Y[:4])


class TestAgainstTorch:
    def test_a_convolutional_network(self):
        torch = pytest.importorskip("torch")
        x, y = RNG.normal(size=(4, 8, 8, 2)), RNG.integers(0, 3, 4)
        layers = [
            Input((8, 8, 2)),
            Conv2D(3, 3, activation="relu", name="conv"),
            MaxPooling2D(2),
            Flatten(),
            Dense(3, "softmax", name="out"),
        ]
        model = made(layers, "categorical_crossentropy", x=x, y=y)
        w = {".".join(p): torch.tensor(np.array(a), requires_grad=True) for p, a in leaves(model.params)}
        given = torch.tensor(x, requires_grad=True)
        z = torch.nn.functional.conv2d(
            given.permute(0, 3, 1, 2), w["conv.W"].permute(3, 2, 0, 1), w["conv.b"]
        )
        z = torch.nn.functional.max_pool2d(torch.relu(z), 2)
        flat = z.permute(0, 2, 3, 1).reshape(4, -1)
        loss = torch.nn.functional.cross_entropy(flat @ w["out.W"] + w["out.b"], torch.tensor(y))
        loss.backward()
        found = model.gradients(x, y)
        for name, tensor in w.items():
            layer, key = name.split(".")
            np.testing.assert_allclose(found[layer][key], tensor.grad.numpy(), rtol=1e-9, atol=1e-12)
        np.testing.assert_allclose(model.input_gradient(x, y), given.grad.numpy(), rtol=1e-9, atol=1e-12)
        np.testing.assert_allclose(
            model.activations(x, "flatten3")["flatten3"], flat.detach().numpy(), rtol=1e-9, atol=1e-12
        )

    def test_an_lstm(self):
        torch = pytest.importorskip("torch")
        model = made([Input((5, 3)), LSTM(4, name="cell"), Dense(2, name="out")], x=SEQUENCES)
        params = model.params["cell"]
        given = torch.tensor(SEQUENCES, requires_grad=True)
        cell = torch.nn.LSTM(3, 4, batch_first=True, dtype=torch.float64)
        with torch.no_grad():
            cell.weight_ih_l0.copy_(torch.tensor(params["W"].T))
            cell.weight_hh_l0.copy_(torch.tensor(params["U"].T))
            cell.bias_ih_l0.copy_(torch.tensor(params["b"]))
            cell.bias_hh_l0.zero_()
        hidden, _ = cell(given)
        out = hidden[:, -1] @ torch.tensor(model.params["out"]["W"]) + torch.tensor(model.params["out"]["b"])
        ((out - torch.tensor(Y)) ** 2).mean().backward()
        np.testing.assert_allclose(
            model.activations(SEQUENCES)["cell"], hidden[:, -1].detach().numpy(), rtol=1e-9, atol=1e-12
        )
        np.testing.assert_allclose(
            model.input_gradient(SEQUENCES, Y), given.grad.numpy(), rtol=1e-9, atol=1e-12
        )
        found = model.gradients(SEQUENCES, Y)["cell"]
        np.testing.assert_allclose(found["W"].T, cell.weight_ih_l0.grad.numpy(), rtol=1e-9, atol=1e-12)
        np.testing.assert_allclose(found["U"].T, cell.weight_hh_l0.grad.numpy(), rtol=1e-9, atol=1e-12)


# --- what if --------------------------------------------------------------------------------------


class TestIntervene:
    def test_the_rest_is_computed_from_it(self):
        model = made(mixed())
        params = model.params
        value = RNG.normal(size=(12, 4))
        found = model.intervene(X, {"norm": value})
        y, after = value, False
        for name, layer in model.net.children():
            if after:
                y, _ = layer.forward(params[name], y, INFERENCE)
            after = after or name == "norm"
        np.testing.assert_array_equal(found, y)

    def test_inside_a_container(self):
        model = made(mixed())
        found = model.activations(X)
        out = model.intervene(X, {"block.body.dense1": lambda y: 0 * y})  # what is left is the skip
        still, last = (dict(model.net.children())[name] for name in ("still", "out"))
        y, _ = still.forward(model.params["still"], found["dropout3"], INFERENCE)
        y, _ = last.forward(model.params["out"], y, INFERENCE)
        np.testing.assert_array_equal(out, y)

    def test_what_the_layer_gives_changes_nothing(self):
        model = made(mixed())
        found = model.activations(X)
        same(model.intervene(X, {}), model.predict(X))
        same(model.intervene(X, {name: y for name, y in found.items()}), model.predict(X))
        same(model.intervene(X, dict.fromkeys(found, lambda y: y)), model.predict(X))

    def test_a_function_may_write_its_copy_and_sees_all_rows(self):
        model, many = made([Input(3), Dense(4, "tanh"), Dense(2)]), RNG.normal(size=(1500, 3))

        def centred(y):
            y -= y.mean(0)
            return y

        h = model.activations(many)["dense1"]
        expected = (h - h.mean(0)) @ model.params["dense2"]["W"] + model.params["dense2"]["b"]
        np.testing.assert_allclose(
            model.intervene(many, {"dense1": centred}), expected, rtol=1e-9, atol=1e-12
        )

    def test_one_after_another(self):
        model = made([Input(3), Dense(4, "tanh"), Dense(4, "tanh"), Dense(2)])
        seen = []
        model.intervene(X, {"dense2": lambda y: seen.append(y) or y, "dense1": 0.5})
        params = model.params["dense2"]
        np.testing.assert_allclose(seen[0], np.tanh(np.full((12, 4), 0.5) @ params["W"] + params["b"]))

    def test_broadcast(self):
        model = made([Input(3), Dense(4, "tanh"), Dense(2)])
        row = np.arange(4)
        expected = row @ model.params["dense2"]["W"] + model.params["dense2"]["b"]
        for value in (row, row[None], np.tile(row, (12, 1)), list(row), lambda y: row):
            np.testing.assert_allclose(model.intervene(X, {"dense1": value}), np.tile(expected, (12, 1)))

    def test_a_recurrent_layer_with_a_mask(self):
        model = made([Input((None, 3)), LSTM(4, name="cell"), Dense(2, name="out")], x=SEQUENCES)
        expected = model.params["out"]["b"]
        np.testing.assert_allclose(
            model.intervene(SEQUENCES, {"cell": 0}, mask=LENGTHS), np.tile(expected, (12, 1))
        )
        same(model.intervene(SEQUENCES, {}, mask=LENGTHS), model.predict(SEQUENCES, mask=LENGTHS))

    def test_in_all_places_of_a_graph(self):
        nodes = [("code", Dense(2), "a"), ("other", "code", "b"), ("both", Add(), ("code", "other"))]
        model = ln.Model(Graph({"a": (3,), "b": (3,)}, nodes, ["both"]))
        found = model.intervene({"a": X, "b": X}, {"code": 3.0})
        np.testing.assert_array_equal(found, np.full((12, 2), 6.0))

    def test_what_cannot_be_asked(self):
        model = made(mixed(), steps=0)
        with pytest.raises(
            UnknownNameError, match="intervene: no layer is called 'outt': did you mean 'out'"
        ):
            model.intervene(X, {"outt": 0})
        with pytest.raises(UnknownNameError, match="no layer is called 1"):
            model.intervene(X, {1: 0})
        with pytest.raises(ShapeError, match=r"output of 'first' has shape \(12, 4\).* place \(12, 5\)"):
            model.intervene(X, {"first": np.ones((12, 5))})
        with pytest.raises(ShapeError, match="output of 'first'"):
            model.intervene(X, {"first": lambda y: y[:, :2]})
        with pytest.raises(ShapeError, match="output of 'first'"):
            model.intervene(X, {"first": np.ones((1, 12, 4))})
        with pytest.raises(SettingError, match="the function for 'first' returns None"):
            model.intervene(X, {"first": lambda y: None})
        with pytest.raises(DataError, match="what replaces 'first': expected numbers"):
            model.intervene(X, {"first": "zero"})
        with pytest.raises(SettingError, match="expected a dict"):
            model.intervene(X, "first")
        with pytest.raises(DataError, match="empty"):
            model.intervene(X[:0], {"first": 0})
        with pytest.raises(ShapeError, match="expected 3 input features"):
            model.intervene(Y, {"first": 0})


# --- parameters -----------------------------------------------------------------------------------


def by_name(model):
    return {parameter.name: parameter for parameter in model.parameters()}


class TestParameters:
    def test_names_values_and_what_is_trained(self):
        model = made(mixed(), steps=0)
        found = model.parameters()
        expected = {".".join(path): array for path, array in leaves(model.params)}
        assert [parameter.name for parameter in found] == list(expected)
        for parameter in found:
            np.testing.assert_array_equal(parameter.value, expected[parameter.name])
            assert parameter.shape == parameter.value.shape
            assert parameter.gradient is None
        untrained = {parameter.name for parameter in found if not parameter.trained}
        assert untrained == {"still.W", "still.b", "norm.mean", "norm.variance"}
        assert repr(found[0]) == "Parameter('first.W', 3 x 4)"
        assert repr(by_name(model)["still.b"]) == "Parameter('still.b', 3, not trained)"

    def test_a_model_that_was_not_compiled(self):
        assert [p.name for p in ln.Model([Input(3), Dense(1)]).parameters()] == ["dense1.W", "dense1.b"]

    @pytest.mark.parametrize(
        ("backend", "rule"), [*(("numpy", rule) for rule in ("backprop", "kp", "wm", "np")), ("jax", "wm")]
    )
    def test_the_gradient_is_that_of_the_last_step(self, backend, rule):
        """Also after several, where an executor writes over the states before; with dropout and penalties."""
        norm = LayerNormalization() if rule == "np" else BatchNormalization()
        layers = [Input(3), Dense(4, "tanh", l2=0.1), Dropout(0.4), norm, Dense(2)]
        model = made(layers, backend=backend, rule=rule, steps=3)
        expected = model.gradients(X, Y)
        model.train_step(X, Y)
        for name, parameter in by_name(model).items():
            layer, key = name.rsplit(".", 1)
            if key in ("mean", "variance"):
                assert parameter.gradient is None
            else:
                np.testing.assert_array_equal(parameter.gradient, expected[layer][key])

    @pytest.mark.parametrize(
        "optimizer", ["adam", "lbfgs", ln.optimizers.EMA(ln.optimizers.SGD(0.1))], ids=str
    )
    @pytest.mark.parametrize("backend", BACKENDS)
    def test_with_each_kind_of_step(self, optimizer, backend):
        model = made([Input(3), Dense(2)], optimizer=optimizer, backend=backend, steps=1)
        for _ in range(3):
            expected = model.gradients(X, Y)["dense1"]["W"]
            model.train_step(X, Y)
            np.testing.assert_array_equal(by_name(model)["dense1.W"].gradient, expected)

    @pytest.mark.filterwarnings("ignore:compile")
    def test_later_steps_do_not_falsify_it(self):
        model = made([Input(3), Dense(2)])
        expected = model.gradients(X, Y)["dense1"]["W"]
        x = X.copy()
        model.train_step(x, Y)
        asked = by_name(model)["dense1.W"]
        value = asked.value.copy()
        x[:] = 7  # the user's array is his
        for _ in range(4):
            model.train_step(X, Y)
        model.compile("mae", "sgd")
        np.testing.assert_array_equal(asked.gradient, expected)
        np.testing.assert_array_equal(asked.value, value)

    @pytest.mark.parametrize("backend", BACKENDS)
    def test_questions_in_between_do_not_lose_it(self, backend):
        model = made([Input(3), Dense(2)], backend=backend)
        expected = model.gradients(X, Y)["dense1"]["W"]
        model.train_step(X, Y)
        model.lr_find(X, Y, steps=10)
        model.predict(X)
        model.evaluate(X, Y)
        model.gradients(X, Y)
        model.doctor(X, Y, steps=2)
        np.testing.assert_array_equal(by_name(model)["dense1.W"].gradient, expected)

    @pytest.mark.parametrize(
        "change",
        [
            lambda m: m.fit(X, Y, verbose=0),
            lambda m: m.set_weights(m.get_weights()),
            lambda m: m.set_params(m.params),
            lambda m: m.compile("mse", "sgd"),
            lambda m: setattr(m, "state", m.state._replace(step=7)),
        ],
        ids=["fit", "set_weights", "set_params", "compile", "state"],
    )
    @pytest.mark.filterwarnings("ignore:compile")
    @pytest.mark.parametrize("backend", BACKENDS)
    def test_none_after_any_other_change(self, change, backend):
        model = made([Input(3), Dense(2)], backend=backend)
        change(model)
        assert [parameter.gradient for parameter in model.parameters()] == [None, None]
        model.train_step(X, Y)
        assert all(parameter.gradient is not None for parameter in model.parameters())

    @pytest.mark.parametrize("backend", BACKENDS)
    def test_it_can_be_pickled(self, backend):
        model = made([Input(3), Dense(2)], backend=backend)
        asked = by_name(model)["dense1.W"]
        kept = pickle.loads(pickle.dumps(asked))
        np.testing.assert_array_equal(kept.gradient, asked.gradient)
        assert (kept.name, kept.trained) == ("dense1.W", True)

    def test_a_copy_has_none(self):
        model = made([Input(3), Dense(2)])
        assert {p.gradient for p in copy.deepcopy(model).parameters()} == {None}

    def test_a_step_that_is_not_made_leaves_the_one_before(self):
        model = made([Input(3), Dense(2)])
        expected = model.gradients(X, Y)["dense1"]["W"]
        model.train_step(X, Y)
        with pytest.raises(ln.errors.NonFiniteError), np.errstate(all="ignore"):
            model.train_step(X * 1e200, Y)
        np.testing.assert_array_equal(by_name(model)["dense1.W"].gradient, expected)

    def test_a_run_that_fails_half_way_falsifies_nothing(self):
        """It may have written over the state before; then nobody knows the gradient any more."""

        @dataclass(frozen=True, repr=False)
        class Breaks(ln.optimizers.Optimizer):
            def descend(self, p, g, slots, rate, step):
                if step > 4 and p.size == 2:  # the second layer's bias and weight; the first is written
                    raise KeyboardInterrupt
                return rate * g, slots

        layers = [Input(3), Dense(1, name="first", l2=1.0), Dense(1, learning_rate=0.2)]
        model = made(layers, optimizer=Breaks(), steps=4, y=Y[:, :1])
        other = made(layers, optimizer=Breaks(), steps=3, y=Y[:, :1])
        expected = other.gradients(X, Y[:, :1])["first"]["W"]
        before = model.live
        with pytest.raises(KeyboardInterrupt):
            model.train_step(X, Y[:, :1])
        assert model.live is before
        found = by_name(model)["first.W"].gradient
        assert found is None or np.array_equal(found, expected)

    @pytest.mark.parametrize(("backend", "seed"), [*(("numpy", seed) for seed in range(12)), ("jax", 0)])
    def test_whatever_is_done_in_between(self, backend, seed):
        """A twin is asked for its gradients before each step, so that it keeps no state for the next ones."""
        layers = [Input(3), Dense(4, "tanh", l2=0.3), Dropout(0.3), Dense(2)]
        rule = ("backprop", "kp")[seed % 2]
        model, twin = (made(layers, backend=backend, rule=rule, steps=0) for _ in range(2))
        rng, expected = np.random.default_rng(seed), None

        def bad(m):
            with pytest.raises(ln.errors.NonFiniteError), np.errstate(all="ignore"):
                m.fit(X, Y * 1e200, verbose=0)

        nothing = [
            lambda m: m.predict(X),
            lambda m: m.evaluate(X, Y),
            lambda m: m.lr_find(X, Y, steps=10),
            lambda m: m.state,
            lambda m: m.gradients(X, Y, rule="fa"),
            bad,
        ]
        changes = [
            lambda m: m.fit(X, Y, verbose=0, batch_size=5),
            lambda m: m.set_weights(m.get_weights() * 0.9),
            lambda m: setattr(m, "state", m.state),
        ]
        for _ in range(40):
            draw = rng.random()
            if draw < 0.5:
                expected = twin.gradients(X, Y)
                for each in (model, twin):
                    each.train_step(X, Y)
            elif draw < 0.75:
                question = nothing[rng.integers(len(nothing))]
                for each in (model, twin):
                    question(each)
            elif draw < 0.85:
                change, expected = changes[rng.integers(len(changes))], None
                for each in (model, twin):
                    change(each)
            else:
                found = by_name(model)
                for name, parameter in found.items():
                    layer, key = name.rsplit(".", 1)
                    if expected is None:
                        assert parameter.gradient is None
                    elif backend == "numpy":
                        np.testing.assert_array_equal(parameter.gradient, expected[layer][key])
                    else:
                        np.testing.assert_allclose(parameter.gradient, expected[layer][key], rtol=1e-9)
        same(model.params, twin.params)


# --- nothing changes, and both engines --------------------------------------------------------------


def questions(model, x=X, y=Y):
    """Ask everything; return the answers."""
    return {
        "activations": model.activations(x),
        "gradients": model.gradients(x, y),
        "true": model.gradients(x, y, rule="backprop"),
        "others": model.gradients(x, y, rule="fa"),
        "inputs": model.input_gradient(x, y),
        "changed": model.intervene(x, {"first": lambda a: a * 2}),
        "values": {p.name: p.value for p in model.parameters()},
        "grads": {p.name: p.gradient for p in model.parameters() if p.gradient is not None},
    }


@pytest.mark.parametrize(
    ("backend", "rule"), [*(("numpy", rule) for rule in ("backprop", "fa", "kp", "wm")), ("jax", "kp")]
)
def test_nothing_of_the_model_changes(backend, rule):
    asked, other = (made(mixed(), backend=backend, rule=rule) for _ in range(2))
    before = asked.state
    kept = copy.deepcopy(before)
    questions(asked)
    same(
        asked.state._asdict() | {"feedback": dict(asked.feedback)},
        kept._asdict() | {"feedback": dict(kept[3][0])},
    )
    for _ in range(2):
        assert asked.train_step(X, Y) == other.train_step(X, Y)
        same(asked.params, other.params)
        same(asked.feedback, other.feedback)
        same(asked.state.memory, other.state.memory)
        questions(asked)


def test_carried_states_stay():
    layers = [Input((5, 3)), LSTM(4, stateful=True, name="first"), Dense(2)]
    asked, other = (made(layers, x=SEQUENCES) for _ in range(2))
    questions(asked, SEQUENCES)
    for _ in range(2):
        asked.train_step(SEQUENCES, Y)
        other.train_step(SEQUENCES, Y)
        same(asked.params, other.params)
        same(asked.state.carried, other.state.carried)


@pytest.mark.parametrize("rule", ["backprop", "fa"])
def test_both_engines_answer_alike(rule):
    plain, fast = (made(mixed(), backend=backend, rule=rule) for backend in BACKENDS)
    close(questions(plain), questions(fast))
    close({"y": fast.predict(X)}, {"y": fast.activations(X)["out"]})


@pytest.mark.parametrize("backend", BACKENDS)
def test_answers_are_arrays_that_nobody_writes(backend):
    model, x = made(mixed(), backend=backend), X.copy()
    for path, array in leaves(questions(model, x)):
        assert type(array) is np.ndarray, path
        assert array.dtype == "float64"
        with pytest.raises(ValueError, match="read-only"):
            array[...] = 0
    assert not np.shares_memory(model.activations(x)["input0"], x)


def test_single_precision():
    model = ln.Model(mixed())
    model.compile("mse")
    model.train_step(X, Y)
    assert {str(array.dtype) for _, array in leaves(questions(model))} == {"float32"}
