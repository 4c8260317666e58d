"""Pictures of what happens inside a network, read back from the figures."""

import numpy as np
import pytest

import lucidnet as ln
from lucidnet import data, layers, plots
from lucidnet.errors import DataError, SettingError, ShapeError, UnknownNameError
from lucidnet.layers import Conv1D, Conv2D, Dense, Input


def compiled(net, loss="categorical_crossentropy", optimizer="sgd", seed=0):
    model = ln.Model(net, seed=seed, dtype="float64")
    model.compile(loss, optimizer)
    return model


@pytest.fixture
def digits():
    (x, y), _ = data.load("digits", images=True)
    return x[:40], y[:40]


@pytest.fixture
def convolutions():
    hidden = [Conv2D(6, 3, activation="relu"), Conv2D(4, 2), layers.Flatten()]
    return compiled([Input((8, 8, 1)), *hidden, Dense(10, "softmax")])


class TestGradientFlow:
    def test_the_sizes_are_those_of_pytorch(self):
        torch = pytest.importorskip("torch")
        model = compiled([Input(3), *[Dense(4, "tanh") for _ in range(3)], Dense(2)], "mse")
        rng = np.random.default_rng(0)
        x, y = rng.normal(size=(5, 3)), rng.normal(size=(5, 2))
        axes = plots.gradient_flow(model, x, y).axes[0]
        largest, mean = (line.get_ydata() for line in axes.lines)
        names = [label.get_text() for label in axes.get_xticklabels()]
        assert names == ["dense1", "dense2", "dense3", "dense4"]
        made = [[torch.tensor(model.params[n][k], requires_grad=True) for k in "Wb"] for n in names]
        h = torch.tensor(x)
        for W, b in made[:-1]:
            h = torch.tanh(h @ W + b)
        torch.nn.functional.mse_loss(h @ made[-1][0] + made[-1][1], torch.tensor(y)).backward()
        sizes = [torch.cat([W.grad.ravel(), b.grad]).abs() for W, b in made]
        np.testing.assert_allclose(mean, [float(s.mean()) for s in sizes], rtol=1e-9)
        np.testing.assert_allclose(largest, [float(s.max()) for s in sizes], rtol=1e-9)
        assert axes.get_yscale() == "log"
        assert axes.get_xlabel() and axes.get_ylabel()

    def test_a_layer_without_gradient_is_marked(self):
        model = compiled([Input(3), Dense(4, "relu"), Dense(2, initializer="zeros")], "mse")
        before = model.get_weights()
        axes = plots.gradient_flow(model, np.ones((2, 3)), np.ones((2, 2))).axes[0]
        assert np.isnan(axes.lines[0].get_ydata()[0])
        assert axes.lines[2].get_marker() == "x"
        assert axes.lines[2].get_xdata().tolist() == [0]
        assert np.array_equal(model.get_weights(), before)

    def test_no_weights(self):
        with pytest.raises(DataError, match="no weights"):
            plots.gradient_flow(compiled([Input(3), layers.ReLU()], "mse"), np.ones((2, 3)), np.ones((2, 3)))


class TestHistograms:
    def test_shares_are_those_of_numpy(self):
        rng = np.random.default_rng(0)
        pairs = [(step, rng.normal(size=(20, 4)) * (1 + step)) for step in (0, 5, 20)]
        figure = plots.activation_histograms({"activations/h": pairs, "val_loss": [(0, 1.0), (5, 0.5)]})
        axes = figure.axes[0]
        (picture,) = axes.collections
        shares = np.ma.filled(picture.get_array(), 0.0)
        everything = np.concatenate([array.ravel() for _, array in pairs])
        edges = np.linspace(everything.min(), everything.max(), len(shares) + 1)
        for column, (_, array) in zip(shares.T, pairs, strict=True):
            np.testing.assert_allclose(column, np.histogram(array, edges)[0] / array.size)
        np.testing.assert_allclose(shares.sum(0), 1)
        assert picture.get_coordinates()[0, :, 0].tolist() == [-2.5, 2.5, 12.5, 27.5]
        assert [a.get_title(loc="left") for a in figure.axes if a.get_title(loc="left")] == ["activations/h"]
        assert (axes.get_xlabel(), axes.get_ylabel()) == ("step", "value")

    def test_what_fit_records(self, digits):
        x, y = digits
        model = compiled([Input((8, 8, 1)), layers.Flatten(), Dense(5, "relu"), Dense(10, "softmax")])
        history = model.fit(x, y, epochs=2, verbose=0, record=["activations/dense*"])
        figure = plots.activation_histograms(history.steps)
        titles = {a.get_title(loc="left") for a in figure.axes}
        assert {"activations/dense2", "activations/dense3"} <= titles

    @pytest.mark.parametrize("array", [np.zeros(3), np.array([1.0, np.nan, np.inf]), np.full(4, np.nan)])
    def test_odd_arrays(self, array):
        plots.activation_histograms({"a": [(3, array)]})

    def test_nothing_recorded(self):
        with pytest.raises(DataError, match=r"no arrays were recorded: fit\(..., record="):
            plots.activation_histograms({"val_loss": [(0, 1.0)]})


def holds(canvas, image):
    """Whether an image stands somewhere on a canvas."""
    canvas = np.ma.filled(canvas, np.nan)
    windows = np.lib.stride_tricks.sliding_window_view(canvas, image.shape)
    return bool((windows == image.astype("f")).all((-2, -1)).any())


class TestConvolutions:
    def test_filters_of_one_channel(self, convolutions):
        axes = plots.convolution_filters(convolutions).axes[0]
        W = convolutions.params["conv2d1"]["W"]
        assert axes.get_title(loc="left") == "conv2d1: 6 filters of 3 x 3"
        assert all(holds(axes.images[0].get_array(), W[:, :, 0, k]) for k in range(6))
        low, high = axes.images[0].get_clim()
        assert high == -low == np.abs(W).max()

    def test_filters_of_many_channels(self, convolutions):
        axes = plots.convolution_filters(convolutions, "conv2d2", limit=5).axes[0]
        W = convolutions.params["conv2d2"]["W"]
        canvas = axes.images[0].get_array()
        assert all(holds(canvas, W[:, :, c, k]) == (c < 5) for c in range(6) for k in range(4))
        assert axes.get_title(loc="left").endswith("column: channel (of 6)")

    def test_filters_of_colours(self):
        model = compiled([Input((8, 8, 3)), Conv2D(4, 3), layers.Flatten(), Dense(2)], "mse")
        canvas = plots.convolution_filters(model).axes[0].images[0].get_array()
        assert canvas.shape[-1] == 3
        W = model.params["conv2d1"]["W"]
        np.testing.assert_allclose(canvas[:3, :3], 0.5 + W[..., 0] / (2 * np.abs(W).max()), rtol=1e-6)

    def test_of_sequences(self):
        model = compiled([Input((8, 2)), Conv1D(4, 3), layers.Flatten(), Dense(2)], "mse")
        axes = plots.convolution_filters(model).axes[0]
        assert axes.get_title(loc="left").startswith("conv1d1: 4 filters of 1 x 3")

    def test_maps_are_the_outputs_of_the_layer(self, convolutions, digits):
        torch = pytest.importorskip("torch")
        x, _ = digits
        params = convolutions.params["conv2d1"]
        W = torch.tensor(params["W"].transpose(3, 2, 0, 1).copy())
        image = torch.tensor(x[7].astype("d")).permute(2, 0, 1)[None]
        expected = torch.relu(torch.nn.functional.conv2d(image, W, torch.tensor(params["b"])))[0].numpy()
        for given in (x[7], x[7:]):
            axes = plots.feature_maps(convolutions, given).axes[0]
            canvas = np.ma.filled(axes.images[0].get_array(), np.nan)
            np.testing.assert_allclose(canvas[:6, :6], expected[0], atol=1e-6)
            np.testing.assert_allclose(canvas[:6, 7:13], expected[1], atol=1e-6)

    def test_names(self, convolutions, digits):
        with pytest.raises(UnknownNameError, match="no layer is called 'conv1': did you mean 'conv2d1'"):
            plots.convolution_filters(convolutions, "conv1")
        with pytest.raises(ShapeError, match="'dense4' is no convolution"):
            plots.convolution_filters(convolutions, "dense4")
        with pytest.raises(ShapeError, match="no maps"):
            plots.feature_maps(convolutions, digits[0][0], "dense4")
        with pytest.raises(UnknownNameError, match="no convolution"):
            plots.convolution_filters(compiled([Input(2), Dense(1)], "mse"))

    def test_inside_a_container(self, digits):
        block = layers.Residual(Conv2D(1, 3, padding="same"))
        model = compiled([Input((8, 8, 1)), block, layers.Flatten(), Dense(10, "softmax")])
        assert plots.feature_maps(model, digits[0][0], "residual1.body").axes
        assert plots.feature_maps(model, digits[0][0], "residual1").axes

    def test_maps_of_sequences_are_rows(self):
        model = compiled([Input((9, 2)), Conv1D(3, 2), layers.Flatten(), Dense(2, "softmax")])
        x = np.random.default_rng(0).normal(size=(9, 2))
        axes = plots.feature_maps(model, x).axes[0]
        assert axes.get_title(loc="left") == "conv1d1: 3 maps of 8 time steps"
        seen = model.activations(x[None])["conv1d1"][0]
        assert all(holds(axes.images[0].get_array(), seen[None, :, k]) for k in range(3))


class TestAttention:
    def test_a_panel_for_each_head(self):
        layer = layers.MultiHeadAttention(2, causal=True)
        params, _ = layer.init(ln.backend.Stream(0), (5, 4))
        weights = layer.weights(params, np.random.default_rng(0).normal(size=(3, 5, 4)).astype("f"))
        tokens = ["a", "b", "c", "d", "e"]
        figure = plots.attention_weights(weights[1], tokens)
        for head, axes in enumerate(figure.axes[:2]):
            np.testing.assert_allclose(axes.images[0].get_array(), weights[1, head], rtol=1e-6)
            assert [label.get_text() for label in axes.get_yticklabels()] == tokens
            assert [label.get_text() for label in axes.get_xticklabels()] == tokens
            assert axes.images[0].get_clim() == (0, weights[1].max())
            assert (axes.get_xlabel(), axes.get_ylabel()) == ("looks at", "position")

    def test_others_than_oneself(self):
        figure = plots.attention_weights(np.ones((2, 3)), ["a", "b"], ["x", "y", "z"])
        assert [label.get_text() for label in figure.axes[0].get_xticklabels()] == ["x", "y", "z"]

    def test_errors(self):
        with pytest.raises(ShapeError, match="3 tokens were given for 4 positions"):
            plots.attention_weights(np.ones((1, 4, 4)), ["a", "b", "c"])
        with pytest.raises(ShapeError, match=r"expected weights \(heads, queries, keys\)"):
            plots.attention_weights(np.ones((2, 1, 4, 4)))

    def test_of_a_layer_in_a_model(self):
        attention = layers.MultiHeadAttention(2, causal=True)
        model = ln.Model([Input((None,)), layers.Embedding(9, 4, mask_zero=True), layers.Residual(attention)])
        tokens = np.array([[3, 1, 4, 0], [5, 2, 6, 5]])
        figure = plots.attention_maps(model, tokens, tokens=list("pi 0"))
        inside = model.params["embedding1"]["W"][tokens]
        own = model.params["residual2"]["body"]
        expected = attention.weights(own, inside, layers.Run(mask=tokens != 0))[0]
        for head, axes in enumerate(figure.axes[:2]):
            np.testing.assert_allclose(axes.images[0].get_array(), expected[head], rtol=1e-5)
        assert plots.attention_maps(model, tokens[0], "residual2.body").axes
        with pytest.raises(ShapeError, match="'residual2' is no attention but Residual"):
            plots.attention_maps(model, tokens, "residual2")
        with pytest.raises(UnknownNameError, match="no attention"):
            plots.attention_maps(ln.Model([Input(2), Dense(1)]), np.ones(2))

    def test_of_the_layer_inside_a_block(self):
        model = ln.Model([Input((3, 8)), layers.TransformerBlock(2, 8)])
        figure = plots.attention_maps(model, np.ones((3, 8)))
        assert [axes.get_title(loc="left") for axes in figure.axes[:2]] == ["head 1", "head 2"]


class TestBoundary:
    def test_the_line_is_where_the_class_changes(self):
        model = compiled([Input(2), Dense(1, "sigmoid")], "binary_crossentropy")
        model.set_params({"input0": {}, "dense1": {"W": np.array([[2.0], [-1.0]]), "b": np.array([0.5])}})
        x, y = np.random.default_rng(0).normal(size=(30, 2)), np.arange(30) % 2
        axes = plots.decision_boundary(model, x, y, resolution=60).axes[0]
        line = axes.collections[0].get_paths()[0].vertices
        np.testing.assert_allclose(2 * line[:, 0] - line[:, 1] + 0.5, 0, atol=0.02)
        points = np.concatenate([scatter.get_offsets() for scatter in axes.collections[-2:]])
        assert {tuple(p) for p in points.tolist()} == {tuple(p) for p in x.tolist()}
        assert (axes.get_xlabel(), axes.get_ylabel()) == ("feature 0", "feature 1")

    def test_colours_are_those_of_the_classes(self):
        model = compiled([Input(2), Dense(3, "softmax")])
        W = np.array([[-50.0, 0.0, 50.0], [0.0, 0.0, 0.0]])
        model.set_params({"input0": {}, "dense1": {"W": W, "b": np.array([-25.0, 0.0, -25.0])}})
        x = np.array([[-1.0, 0], [0, 0], [1, 0]])
        figure = plots.decision_boundary(model, x, np.eye(3), resolution=31)
        picture = figure.axes[0].images[0].get_array()
        left, middle, right = picture[15, 1], picture[15, 15], picture[15, 29]
        assert left.argmax() == 2 and left.argmin() == 0  # blue
        assert middle.argmax() == 0 and middle.argmin() == 2  # vermillion
        assert right.argmax() == 1 and right.argmin() == 0  # green
        assert [text.get_text() for text in figure.legends[0].get_texts()] == [
            "class 0",
            "class 1",
            "class 2",
        ]

    @pytest.mark.parametrize(
        ("units", "last", "loss"),
        [(1, "linear", "hinge"), (1, "tanh", "mse"), (2, "linear", "categorical_hinge")],
    )
    def test_scores(self, units, last, loss):
        model = compiled([Input(2), Dense(units, last)], loss)
        x = np.random.default_rng(0).normal(size=(20, 2))
        size = 0.9 if last == "tanh" else 1.0
        y = size * np.sign(x[:, 0]) if units == 1 else (x[:, 0] > 0).astype(int)
        plots.decision_boundary(model, x, y, 20)

    def test_more_than_two_features(self):
        with pytest.raises(ShapeError, match=r"expected inputs \(n, 2\), got shape \(4, 3\)"):
            plots.decision_boundary(compiled([Input(3), Dense(1)], "mse"), np.ones((4, 3)), np.ones(4))


class TestRates:
    def test_rates_are_above_zero(self):
        with pytest.raises(DataError, match="expected learning rates above 0"):
            plots.learning_rate_finder([0.0, 0.1], [1.0, 0.5], 0.1)

    def test_curve_and_suggestion(self):
        rates, losses = [1e-4, 1e-3, 1e-2, 1e-1], [2.0, 1.8, 1.0, 5.0]
        axes = plots.learning_rate_finder(rates, losses, 10**-2.5).axes[0]
        curve, line, dot = axes.lines
        assert (curve.get_xdata().tolist(), curve.get_ydata().tolist()) == (rates, losses)
        assert line.get_xdata()[0] == 10**-2.5
        assert dot.get_ydata()[0] == pytest.approx(1.4)
        assert axes.get_xscale() == "log"
        assert (axes.get_xlabel(), axes.get_ylabel()) == ("learning rate", "loss")
        assert len(plots.learning_rate_finder(rates, losses).axes[0].lines) == 1

    def test_lengths(self):
        with pytest.raises(DataError, match="one loss per rate, got 2 rates and 1 losses"):
            plots.learning_rate_finder([1.0, 2.0], [1.0])


class TestSurface:
    def test_a_quadratic_is_drawn_as_it_is(self):
        from lucidnet.plots.surface import direction

        model = compiled([Input(2), Dense(1, use_bias=False)], "mse")
        rng = np.random.default_rng(0)
        x, y = rng.normal(size=(20, 2)), rng.normal(size=(20, 1))
        before, state = model.get_weights(), model.state
        axes = plots.loss_surface(model, x, y, directions=1, points=7, span=2.0, seed=3).axes[0]
        way = direction(state, 3, 0)
        steps = np.linspace(-2, 2, 7)
        expected = [np.mean((x @ (before + s * way)[:, None] - y) ** 2) for s in steps]
        np.testing.assert_allclose(axes.lines[0].get_ydata(), expected)
        assert axes.lines[1].get_ydata()[0] == pytest.approx(model.evaluate(x, y).loss)
        assert model.state is state
        assert np.array_equal(model.get_weights(), before)

    def test_directions_have_the_norm_of_each_unit(self):
        from lucidnet.plots.surface import direction

        model = compiled([Input((6, 6, 2)), Conv2D(3, 3), layers.Flatten(), Dense(2)], "mse")
        made = model.state.params.layout.unravel(direction(model.state, 0, 1))
        for name in ("conv2d1", "dense3"):
            W, d = model.params[name]["W"], made[name]["W"]
            norms = [np.linalg.norm(a.reshape(-1, a.shape[-1]), axis=0) for a in (W, d)]
            np.testing.assert_allclose(*norms)
            assert not made[name]["b"].any()

    def test_two_directions(self, digits):
        from lucidnet.plots.surface import direction, loss_grid

        x, y = digits
        model = compiled([Input((8, 8, 1)), layers.Flatten(), layers.Dropout(0.5), Dense(10, "softmax")])
        steps = np.linspace(-1, 1, 5)
        grid = loss_grid(model, x, y, 2, steps)
        twin = ln.Model(model.net, dtype="float64")
        twin.compile("categorical_crossentropy", "sgd")
        one, two = (direction(model.state, 0, k) for k in range(2))
        twin.set_weights(model.get_weights() + steps[4] * one + steps[1] * two)
        assert grid[1, 4] == pytest.approx(twin.evaluate(x, y).loss)
        assert grid[2, 2] == pytest.approx(model.evaluate(x, y).loss)
        axes = plots.loss_surface(model, x, y, points=5).axes[0]
        assert axes.lines[0].get_xdata().tolist() == [0]
        assert "direction 1" in axes.get_xlabel() and "direction 2" in axes.get_ylabel()

    def test_settings(self):
        model = compiled([Input(2), Dense(1)], "mse")
        with pytest.raises(SettingError, match="directions must be one of 1, 2, got 3"):
            plots.loss_surface(model, [[1.0, 2.0]], [[1.0]], directions=3)


def test_all_can_be_drawn(tmp_path, convolutions, digits):
    x, y = digits
    figures = [
        plots.gradient_flow(convolutions, x, y),
        plots.convolution_filters(convolutions),
        plots.feature_maps(convolutions, x),
        plots.attention_weights(np.ones((5, 3, 3))),
        plots.loss_surface(convolutions, x, y, points=3),
        plots.activation_histograms({"a": [(0, x), (1, x)]}),
    ]
    for number, figure in enumerate(figures):
        assert plots.save(figure, tmp_path / f"{number}.png", dpi=40).stat().st_size > 1000
