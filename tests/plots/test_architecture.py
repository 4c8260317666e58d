"""The network as a picture: boxes, lines and arrows, read back."""

from itertools import pairwise

import gallery
import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch
from matplotlib.path import Path

import lucidnet as ln
from lucidnet import plots
from lucidnet.core.trees import leaves
from lucidnet.errors import NotReadyError
from lucidnet.layers import BatchNormalization, Concatenate, Dense, Flatten, Input, Residual
from lucidnet.plots.colors import rule_styles
from lucidnet.plots.error_ways import error_ways
from lucidnet.plots.layout import across, cuts, in_rows, ranked
from lucidnet.plots.wiring import Box, wired


def texts(axes):
    return [text.get_text() for text in axes.texts]


def arrows(axes, color):
    return [p for p in axes.patches if isinstance(p, FancyArrowPatch) and same(p.get_edgecolor(), color)]


def same(rgba, name):
    from matplotlib.colors import to_rgba

    return np.allclose(rgba, to_rgba(name))


def drawn(name):
    return plots.architecture(gallery.networks()[name]).axes[0]


class TestBoxes:
    @pytest.mark.parametrize("name", list(gallery.networks()))
    def test_every_weight_is_in_a_box(self, name):
        model = gallery.networks()[name]
        total = sum(array.size for _, array in leaves(model.params))
        axes = plots.architecture(model).axes[0]
        assert axes.get_title(loc="left").startswith(f"{total:,} weights, learns by ")

    def test_shapes_and_weights(self):
        found = texts(drawn("dense"))
        assert "dense1: Dense(100, ReLU)" in found and "→ 100   78,500 weights" in found
        assert "dropout2: Dropout(0.5)" in found and "CategoricalCrossentropy" in found

    def test_wiring_of_branches_and_of_what_goes_around(self):
        net = ln.layers.Sequential(
            [Input(4), Residual(Dense(4)), Concatenate([Dense(2), Dense(3)]), Dense(1)]
        )
        params, _ = net.init(ln.backend.Stream(0), (4,))
        wiring = wired(net, params, (4,))
        names = [box.title for box in wiring.boxes]
        assert names == [
            "input0",
            "body: Dense(4)",
            "+",
            "dense0: Dense(2)",
            "dense1: Dense(3)",
            "Concatenate",
            "dense3: Dense(1)",
        ]
        assert sorted(wiring.edges) == [(0, 1), (0, 2), (1, 2), (2, 3), (2, 4), (3, 5), (4, 5), (5, 6)]
        assert [box.detail.split("   ")[0] for box in wiring.boxes[3:5]] == ["→ 2", "→ 3"]

    def test_a_shared_layer_is_named_and_tied(self):
        axes = drawn("twins")
        assert {"left", "right", "other = code"} <= set(texts(axes))
        dotted = [p for p in axes.patches if isinstance(p, FancyArrowPatch) and p.get_linestyle() == ":"]
        assert len(dotted) == 1

    def test_no_box_lies_on_another(self):
        for name in gallery.networks():
            boxes = [p for p in drawn(name).patches if isinstance(p, FancyBboxPatch)]
            place = np.array([(b.get_x(), b.get_y(), b.get_width(), b.get_height()) for b in boxes])
            low, high = place[:, :2], place[:, :2] + place[:, 2:]
            meet = (low[:, None] < high[None] - 1e-6).all(-1) & (low[None] < high[:, None] - 1e-6).all(-1)
            assert meet.sum() == len(boxes), name

    def test_texts_fit_their_boxes(self):
        figure = plots.architecture(gallery.networks()["fa"])
        figure.draw_without_rendering()
        axes = figure.axes[0]
        boxes = [p.get_window_extent() for p in axes.patches if isinstance(p, FancyBboxPatch)]
        for text in axes.texts:
            inside = text.get_window_extent()
            assert any(b.x0 <= inside.x0 and inside.x1 <= b.x1 and b.y0 <= inside.y0 for b in boxes), text

    def test_a_hundred_layers(self):
        figure = plots.architecture(gallery.networks()["deep"])
        found = texts(figure.axes[0])
        assert sum(text.startswith("dense") for text in found) == 99
        assert figure.get_figwidth() <= 7.4 and figure.get_figheight() < 22
        assert min(text.get_fontsize() for text in figure.axes[0].texts) >= 6.5

    def test_four_hundred_layers(self):
        found = texts(drawn("very_deep"))
        assert any(text.startswith("280 more layers") for text in found)

    def test_a_large_network_has_its_containers_closed(self):
        blocks = [Residual(ln.layers.Sequential([Dense(2) for _ in range(8)])) for _ in range(30)]
        net = ln.layers.Sequential([Input(2), *blocks])
        params, _ = net.init(ln.backend.Stream(0), (2,))
        wiring = wired(net, params, (2,))
        assert len(wiring.boxes) <= 150
        assert sum(box.weights for box in wiring.boxes) == 30 * 8 * 6


class TestErrors:
    """Which way errors come back."""

    def color(self, axes, rule):
        return rule_styles([rule], axes)[rule].color

    def test_from_layer_to_layer(self):
        axes = drawn("fa")
        assert len(arrows(axes, self.color(axes, "fa"))) == 4  # past all five layers but the first
        assert (
            axes.get_legend().get_texts()[0].get_text() == "fa: error from layer to layer by feedback weights"
        )

    @pytest.mark.parametrize(("rule", "count"), [("backprop", 5), ("fa", 5), ("dfa", 5)])
    def test_errors_pass_layers_without_weights(self, rule, count):
        layers = [Input((4, 4, 1)), ln.layers.Conv2D(2, 3), ln.layers.ReLU(), Flatten(), Dense(3)]
        model = ln.Model([*layers, ln.layers.Tanh(), Dense(2), ln.layers.Softmax()])
        model.compile("categorical_crossentropy", "sgd", rule=rule)
        wiring = wired(model.net, model.params, model.input_shape)
        wiring.put(Box("loss", "", "loss"), wiring.ends)
        ways = error_ways(model, wiring).ways
        titles = [wiring.boxes[way.target].title.split(":")[0] for way in ways]
        assert sorted(titles) == ["conv2d1", "dense4", "flatten3", "relu2", "tanh5"] and len(ways) == count
        straight = {wiring.boxes[way.target].title.split(":")[0] for way in ways if way.source is None}
        assert straight == ({"flatten3", "tanh5"} if rule == "dfa" else set())

    @pytest.mark.parametrize("rule", ["backprop", "fa", "dfa"])
    def test_errors_pass_layers_whose_weights_carry_none(self, rule):
        net = [Input(4), Dense(8, "tanh"), BatchNormalization(), Dense(8, "tanh"), Dense(3, "softmax")]
        model = ln.Model(net, seed=0)
        model.compile("categorical_crossentropy", rule=rule)
        model.build()
        wiring = wired(model.net, model.params, model.input_shape)
        names = [box.title.split(":")[0] for box in wiring.boxes]
        ways = {(names[t], None if s is None else names[s]) for _, t, s in error_ways(model, wiring).ways}
        assert ("dense1", "batchnormalization2") in ways  # as dense1 gets a gradient there
        model.train_step(np.eye(4), [0, 1, 2, 0])
        gradients = model.gradients(np.eye(4), [0, 1, 2, 0])
        assert abs(gradients["dense1"]["W"]).max() > 0

    def test_straight_from_the_output(self):
        axes = drawn("dfa")
        ways = [way.get_path().vertices for way in arrows(axes, self.color(axes, "dfa"))]
        begins = {tuple(way[0].round(3)) for way in ways}
        loss = next(text for text in axes.texts if text.get_text() == "loss").get_position()
        assert len(ways) == 4 and len(begins) == 1  # all from the loss
        assert begins.pop()[1] == pytest.approx(loss[1], abs=0.2)
        assert (
            axes.get_legend().get_texts()[0].get_text() == "dfa: the output's error, straight to each layer"
        )

    def test_rules_of_single_layers(self):
        axes = drawn("mixed")
        assert len(arrows(axes, self.color(axes, "fa"))) == 2
        assert len(arrows(axes, self.color(axes, "dfa"))) == 1

    @pytest.mark.parametrize("name", ["residual", "branches", "transformer", "wide"])
    def test_no_arrow_crosses_a_box(self, name):
        axes = drawn(name)
        axes.figure.draw_without_rendering()
        boxes = [p.get_window_extent().padded(-4) for p in axes.patches if isinstance(p, FancyBboxPatch)]
        for arrow in (p for p in axes.patches if isinstance(p, FancyArrowPatch)):
            for line in axes.transData.transform_path(arrow.get_path()).to_polygons(closed_only=False):
                ways = Path(line).interpolated(20).vertices
                assert not any(box.contains(x, y) for box in boxes for x, y in ways)

    def test_noise_has_no_way_back(self):
        assert drawn("noise").get_legend().get_texts()[0].get_text() == "errors: estimated by noise"

    def test_time(self):
        assert any("↺ rflo" in text for text in texts(drawn("recurrent")))

    def test_before_compile_there_is_no_rule(self):
        axes = plots.architecture(ln.Model([Input(2), Dense(3)])).axes[0]
        assert axes.get_title(loc="left") == "9 weights" and axes.get_legend() is None


class TestUse:
    def test_unknown_input(self):
        with pytest.raises(NotReadyError, match="input size"):
            plots.architecture(ln.Model([Dense(3)]))

    def test_positions_of_path_and_ax(self, tmp_path):
        figure = Figure(figsize=(4, 4))
        axes = figure.subplots()
        model = gallery.networks()["fa"]
        assert plots.architecture(model, tmp_path / "a.png", axes) is figure
        assert (tmp_path / "a.png").stat().st_size > 1000
        assert max(text.get_fontsize() for text in axes.texts) < 9  # drawn smaller, as its axes are

    def test_the_model_stays_as_it_is(self):
        model = gallery.networks()["dfa"]
        before = model.get_weights()
        plots.architecture(model)
        np.testing.assert_array_equal(model.get_weights(), before)


class TestLayout:
    def test_rows_come_after_their_sources(self):
        edges = [(0, 1), (1, 2), (0, 2), (2, 4), (3, 4)]
        assert ranked(5, edges) == [0, 1, 2, 2, 3]

    def test_passing_lines_have_a_place_in_each_row(self):
        made = in_rows([1.0] * 4, [(0, 1), (1, 2), (2, 3), (0, 3)])
        assert [len(row) for row in made.rows] == [1, 2, 2, 1]
        assert len(made.routes[0, 3]) == 4
        x = across(made)
        for row in made.rows:
            edges = [(x[i] - made.widths[i] / 2, x[i] + made.widths[i] / 2) for i in row]
            assert all(a[1] < b[0] for a, b in pairwise(edges))

    def test_columns_begin_where_one_line_passes(self):
        made = in_rows([1.0] * 6, [(0, 1), (0, 2), (1, 3), (2, 3), (3, 4), (4, 5)])
        assert cuts(made, 3) == [0, 3]


@pytest.mark.parametrize("name", ["wide", "very_deep"])
def test_fits_a_page_of_700_pixels_and_can_be_read_there(name):
    figure = drawn(name).figure
    assert figure.get_figwidth() <= 7.2
    assert min(text.get_fontsize() for text in figure.axes[0].texts if text.get_text()) >= 5.9
