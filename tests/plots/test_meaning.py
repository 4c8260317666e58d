"""What pictures say: lines, limits and labels, read back from what was drawn, beside figures of NumPy."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from matplotlib.colors import rgb_to_hsv, to_rgb
from matplotlib.patches import Patch

import lucidnet as ln
from lucidnet import plots
from lucidnet.errors import DataError, LucidnetError, ShapeError
from lucidnet.layers import Conv2D, Dense, Flatten, Input, LeakyRNN
from lucidnet.plots import colors
from lucidnet.plots.race import equal_rules
from lucidnet.rules import RFLO, FeedbackAlignment, Rule
from lucidnet.rules.registry import short_name

RNG = np.random.default_rng(0)


def compiled(net, loss="mse", **more):
    model = ln.Model(net, seed=0)
    model.compile(loss, "sgd", **more)
    return model


def ticks(axis):
    return dict(zip(axis.get_ticklocs(), [label.get_text() for label in axis.get_ticklabels()], strict=True))


class TestAngles:
    """Degrees, with 0 and 90 named and in sight."""

    def test_the_lines_at_0_and_90_are_seen_and_named(self):
        axes = plots.alignment({"gradient_alignment/dense1": [(0, 1.0), (9, 1.0)]}).axes[0]
        low, high = axes.get_ylim()
        assert low < 0 and high > 90
        named = ticks(axes.yaxis)
        assert named[0.0] == "0°\nas backprop" and named[90.0] == "90°\nunrelated"
        assert {line.get_ydata()[0] for line in axes.lines if line.get_linestyle() == "--"} == {0, 90}
        assert axes.get_ylabel() == "angle in degrees"

    def test_a_layer_has_one_colour_in_both_panels(self):
        records = {f"gradient_alignment/{n}": [(0, 0.5)] for n in ("one", "two", "three")}
        records |= {f"weight_alignment/{n}": [(0, 0.5)] for n in ("three", "two")}
        left, right = plots.alignment(records).axes
        look = [{line.get_label(): line.get_color() for line in axes.lines} for axes in (left, right)]
        assert look[1]["three"] == look[0]["three"] != look[0]["two"] == look[1]["two"]

    def test_angles_are_those_of_the_cosines(self):
        cosines = [1.0, 0.5, 0.0, -0.5, -1.0]
        axes = plots.alignment({"gradient_alignment/d": list(enumerate(cosines))}).axes[0]
        np.testing.assert_allclose(axes.lines[0].get_ydata(), [0, 60, 90, 120, 180], atol=1e-6)
        assert axes.get_ylim()[1] > 180 and ticks(axes.yaxis)[180.0] == "180°\nagainst"

    def test_no_angle(self):
        axes = plots.alignment({"gradient_alignment/d": [(0, float("nan")), (1, float("nan"))]}).axes[0]
        assert axes.lines[0].get_label() == "d (zero: no angle)"

    def test_nothing_recorded(self):
        with pytest.raises(DataError, match="none was recorded"):
            plots.alignment({})


QUANTITIES = {
    "loss": {"backprop": RNG.random((3, 4)), "fa": RNG.random((3, 4))},
    "gradient_alignment": {"backprop": np.ones((3, 4)), "fa": np.full((3, 4), 0.5)},
}


def inside(figure):
    """Draw a figure, and see that all its texts are within it."""
    figure.draw_without_rendering()
    texts = [text for legend in figure.legends for text in legend.get_texts()]
    for axes in figure.axes:
        texts += [*axes.texts, axes._left_title]
        if axes.axison:
            texts += [axes.xaxis.label, axes.yaxis.label, *axes.get_xticklabels(), *axes.get_yticklabels()]
    for text in texts:
        box = text.get_window_extent()
        ends = (*box.min, *(figure.bbox.max - box.max))
        assert not text.get_text() or min(ends) > -2, text


def brightness(color):
    return sum(to_rgb(color))


def legend_texts(figure):
    return [text.get_text() for text in figure.legends[0].get_texts()]


class TestRace:
    """Learning rules side by side."""

    def test_angles_and_bands(self):
        figure = plots.race_curves(QUANTITIES)
        loss, angle = figure.axes
        assert angle.get_title(loc="left") == "angle to the true gradient"
        lines = {line.get_label(): line.get_ydata() for line in angle.lines}
        np.testing.assert_allclose(lines["backprop"], 0, atol=1e-6)
        np.testing.assert_allclose(lines["fa"], 60)
        assert ticks(angle.yaxis)[90.0] == "90°\nunrelated" and angle.get_ylim()[0] < 0
        runs = QUANTITIES["loss"]["fa"]
        band = loss.collections[1].get_paths()[0].vertices
        assert band[:, 1].max() == pytest.approx((runs.mean(0) + runs.std(0)).max())
        (legend,) = figure.legends
        names = [text.get_text() for text in legend.get_texts()]
        assert names == ["backprop", "fa", "band: ± 1 standard deviation"]
        assert isinstance(legend.legend_handles[-1], Patch)

    def test_a_single_seed_has_no_band(self):
        figure = plots.race_curves({"loss": {"fa": np.ones((1, 2))}})
        assert not figure.axes[0].collections
        assert [text.get_text() for text in figure.legends[0].get_texts()] == ["fa"]

    def test_the_spread_of_a_single_epoch_is_seen(self):
        axes = plots.race_curves({"loss": {"fa": [[1.0], [3.0]]}}).axes[0]
        (line,) = axes.collections[-1].get_segments()
        assert line[:, 1].tolist() == [1.0, 3.0]

    def test_rules_of_a_single_epoch_stand_beside_each_other(self):
        axes = plots.race_curves({"loss": {rule: [[1.0], [3.0]] for rule in ("fa", "dfa", "kp")}}).axes[0]
        places = [line.get_xdata()[0] for line in axes.lines]
        assert places == sorted(set(places)) and np.mean(places) == pytest.approx(1)
        assert [band.get_segments()[0][0, 0] for band in axes.collections] == places

    def test_a_thousand_epochs_are_marked_here_and_there(self):
        curves = {rule: np.ones((1, 1000)) * k for k, rule in enumerate(("backprop", "fa", "dfa"))}
        lines = plots.race_curves({"loss": curves}).axes[0].lines
        marked = [set(range(1000)[line.get_markevery()[0] :: line.get_markevery()[1]]) for line in lines]
        assert all(8 < len(some) < 13 for some in marked)
        assert not marked[0] & marked[1] and not marked[1] & marked[2]

    def test_equal_rules_are_said_to_be_equal_and_both_are_seen(self):
        runs = RNG.random((2, 3))
        quantities = {"loss": {"rflo": runs, "bptt": runs + 1, "eprop": runs.copy()}}
        lines = {line.get_label(): line for line in plots.race_curves(quantities).axes[0].lines}
        assert set(lines) == {"rflo", "bptt", "eprop = rflo"}
        assert lines["eprop = rflo"].get_linewidth() < lines["rflo"].get_linewidth()
        assert (
            lines["eprop = rflo"].is_dashed()
            and lines["eprop = rflo"].get_zorder() > lines["rflo"].get_zorder()
        )

    def test_alike_in_one_quantity_is_not_equal(self):
        quantities = {
            "loss": {"a": np.ones((1, 2)), "b": np.ones((1, 2))},
            "accuracy": {"a": np.ones((1, 2)), "b": np.zeros((1, 2))},
        }
        assert not equal_rules(quantities)

    def test_rflo_and_eprop_are_one_rule_on_a_leaky_rnn(self):
        model = compiled([Input((4, 2)), LeakyRNN(4), Dense(1)])
        x = RNG.normal(size=(32, 4, 2))
        done = ln.race(model, (x, x.sum((1, 2))[:, None]), ["rflo", "eprop"], seeds=1, epochs=2, verbose=0)
        labels = {line.get_label() for line in done.plot().axes[0].lines}
        assert labels == {"rflo", "eprop = rflo"}

    def test_runs_that_ended_early_and_runs_with_nan(self):
        figure = plots.race_curves({"loss": {"fa": [[3.0, 2.0, 1.0], [3.0, 4.0]], "dfa": [[np.nan, 1.0]]}})
        one, left, two = figure.axes[0].lines
        np.testing.assert_array_equal(one.get_ydata(), [3, 3, np.nan])  # the mean of all, where all are
        np.testing.assert_array_equal(left.get_ydata(), [np.nan, 3, 1])
        assert left.get_linestyle() == ":" and one.get_linestyle() != ":"
        assert legend_texts(figure)[:2] == [
            "fa (1 of 2 runs ended early)",
            "dfa (1 of 1 runs ended early)",
        ]
        assert np.isnan(two.get_ydata()[0]) and two.get_ydata()[1] == 1

    def test_a_steep_loss_has_a_logarithmic_axis(self):
        runs = np.array([[1.0, 1e-3]])
        axes = plots.race_curves({"loss": {"a": runs}, "accuracy": {"a": runs}}).axes
        assert [a.get_yscale() for a in axes] == ["log", "linear"]

    def test_nothing(self):
        with pytest.raises(DataError, match="no run with an epoch"):
            plots.race_curves({"loss": {"fa": np.ones((2, 0))}})

    def test_a_race_counts_its_failed_runs(self):
        x = RNG.normal(size=(32, 2))
        model = compiled([Input(2), Dense(1)])
        done = ln.race(model, (x, x[:, :1]), {"_a": "backprop"}, seeds=3, epochs=2, verbose=0)
        assert legend_texts(done.plot()) == ["_a", "band: ± 1 standard deviation"]
        first, *others = done.runs
        ended = replace(done, runs=(replace(first, failed="the loss is nan"), *others))
        assert legend_texts(ended.plot())[0] == "_a (1 of 3 runs ended early)"

    def test_bands_of_many_rules_let_the_others_through(self):
        curves = {name: RNG.random((3, 4)) for name in "abcdef"}
        bands = plots.race_curves({"loss": curves}).axes[0].collections
        through = np.prod([1 - band.get_facecolor()[0, 3] for band in bands])
        assert len(bands) == 6 and through > 0.5


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ("backprop", "backprop"),
        (Rule(FeedbackAlignment(), RFLO()), "fa + rflo"),
        (Rule("backprop", "rflo"), "rflo"),
        (FeedbackAlignment(), "fa"),
        (FeedbackAlignment(seed=3), "fa(seed=3)"),
        ("truncated", "truncated"),
    ],
)
def test_names_of_rules(given, name):
    assert short_name(given) == name


def test_a_race_calls_rules_by_these_names():
    model = compiled([Input((4, 2)), LeakyRNN(4), Dense(1)])
    x = RNG.normal(size=(16, 4, 2))
    done = ln.race(
        model, (x, x.sum((1, 2))[:, None]), [Rule(FeedbackAlignment(), RFLO())], seeds=1, epochs=1, verbose=0
    )
    assert done.rules == ["fa + rflo"]


class TestFeedbackWeights:
    def test_w_and_b_have_one_scale_and_an_angle(self):
        model = compiled([Input(2), Dense(4, "tanh"), Dense(3)], rule="fa")
        model.set_weights(5 * model.get_weights())
        left, right = plots.feedback_weights(model).axes[:2]
        W, B = model.params["dense2"]["W"], model.feedback["dense2"]["W"]
        assert left.images[0].get_clim() == right.images[0].get_clim()
        assert right.images[0].get_clim()[1] == pytest.approx(max(np.abs(W).max(), np.abs(B).max()))
        cosine = (W * B).sum() / np.linalg.norm(W) / np.linalg.norm(B)
        assert right.get_xlabel() == f"unit; B lies {np.degrees(np.arccos(cosine)):.0f}° from W"

    def test_direct_feedback_says_that_there_is_no_w(self):
        model = compiled([Input(2), Dense(4, "tanh"), Dense(5, "tanh"), Dense(3)], rule="dfa")
        assert [a.get_title(loc="left") for a in plots.feedback_weights(model).axes] == [
            "dense2: feedback B",
            "dense3: feedback B",
        ]
        mixed = compiled([Input(2), Dense(4, "tanh"), Dense(5, "tanh", rule="dfa"), Dense(3)], rule="fa")
        axes = plots.feedback_weights(mixed).axes
        assert "there is no dense2.B" in axes[0].texts[0].get_text()
        assert [a.get_title(loc="left") for a in axes[1:]] == [
            "dense2: feedback B",
            "dense3.W",
            "dense3: feedback B",
        ]

    def test_none(self):
        with pytest.raises(DataError, match="which has none"):
            plots.feedback_weights(compiled([Input(2), Dense(1)]))


def cell_color(axes, row, column):
    """The colour of a cell: that of the uppermost picture with something there."""
    for image in reversed(axes.images):
        data = np.ma.masked_invalid(image.get_array())
        if not np.ma.getmaskarray(data)[row, column]:
            return image.to_rgba(data)[row, column, :3]
    raise AssertionError


class TestConfusion:
    def test_wrong_cells_are_orange_and_right_ones_blue(self):
        axes = plots.confusion_matrix([[97, 3], [50, 50]]).axes[0]
        for row, column in ((0, 0), (1, 1)):
            assert 0.5 < rgb_to_hsv(cell_color(axes, row, column))[0] < 0.65
        for row, column in ((0, 1), (1, 0)):
            hue, saturation, _ = rgb_to_hsv(cell_color(axes, row, column))
            assert 0.03 < hue < 0.13 and saturation > 0.1

    def test_bars_are_named(self):
        axes = plots.confusion_matrix(np.eye(3, dtype=int)).axes[0]
        assert {bar.get_ylabel() for bar in axes.child_axes} == {"share right", "share wrong"}

    def test_counts_fit_their_cells(self):
        figure = plots.confusion_matrix(np.full((16, 16), 12345))
        figure.draw_without_rendering()
        axes = figure.axes[0]
        width = axes.bbox.width / 16
        assert all(text.get_window_extent().width < width for text in axes.texts)

    def test_a_thousand_classes(self):
        matrix = 3 * np.eye(1000, dtype=int)
        matrix[0, 0], matrix[0, 998] = 2, 1
        axes = plots.confusion_matrix(matrix).axes[0]
        assert axes.get_title(loc="left") == "a cell: the largest share in 4 x 4 classes"
        wrong, right = (np.ma.filled(image.get_array(), 0) for image in axes.images)
        assert wrong.shape == (250, 250) and wrong[0, 249] == pytest.approx(1 / 3) and wrong.sum() < 0.4
        np.testing.assert_array_equal(np.diag(right), 1)
        assert axes.get_xlim() == (-0.5, 999.5) and not axes.texts

    def test_long_names_are_cut_and_one_class_is_drawn(self):
        axes = plots.confusion_matrix([[5]], ["a" * 60]).axes[0]
        assert axes.get_yticklabels()[0].get_text() == "a" * 12 + "…" + "a" * 11

    def test_many_mistakes_of_many_classes(self):
        p = RNG.dirichlet(np.ones(1000), 40)
        figure = plots.worst_mistakes(RNG.random((40, 64)), RNG.integers(0, 1000, 40), p)
        assert len(figure.axes[0].texts) == 25


class TestMaps:
    def test_relu_uses_the_whole_map_and_tanh_both_halves(self):
        net = [
            Input((6, 6, 1)),
            Conv2D(3, 3, activation="relu"),
            Conv2D(3, 3, activation="tanh"),
            Flatten(),
            Dense(2),
        ]
        model = compiled(net)
        x = RNG.normal(size=(6, 6, 1))
        relu, tanh = (plots.feature_maps(model, x, name).axes[0] for name in ("conv2d1", "conv2d2"))
        low, high = relu.images[0].get_clim()
        assert low == 0 < high
        assert relu.images[0].get_cmap()(1.0) == pytest.approx((*to_rgb(colors.LIGHT.signed[-1]), 1))
        low, high = tanh.images[0].get_clim()
        assert low == -high
        assert relu.child_axes[0].get_ylabel() == "activation"

    def test_weights_that_are_not_finite_have_a_colour_of_their_own(self):
        axes = plots.heat_map([[1.0, np.nan, np.inf, -2.0]]).axes[0]
        image = axes.images[0]
        drawn = image.to_rgba(np.ma.masked_invalid(image.get_array()))
        assert drawn[0, 1, :3] == pytest.approx(to_rgb(colors.LIGHT.missing))
        assert image.get_clim() == (-2, 2)
        assert axes.child_axes[0].get_ylabel() == "weight (grey: not finite)"

    def test_the_self_organising_map(self):
        som = ln.SelfOrganizingMap(3, 5, seed=0).fit(RNG.normal(size=(30, 2)), epochs=1)
        axes = som.plot().axes[0]
        assert (axes.get_xlabel(), axes.get_ylabel()) == ("column", "row")
        np.testing.assert_array_equal(axes.images[0].get_array(), som.distances())
        assert axes.images[0].get_clim() == (0, som.distances().max())
        assert axes.child_axes[0].get_ylabel() == "mean distance\nto the neighbours"
        light = axes.images[0].get_cmap()(np.linspace(0, 1, 9))[:, :3] @ (0.299, 0.587, 0.114)
        assert (np.diff(light) < 0).all()  # one direction, from the page on

    @pytest.mark.parametrize("draw", ["heat_map", "first_layer_weights", "confusion_matrix"])
    def test_all_bars_say_what_they_measure(self, draw):
        figure = getattr(plots, draw)(np.eye(64))
        bars = [child for axes in figure.axes for child in axes.child_axes]
        assert bars and all(bar.get_ylabel() for bar in bars)


class TestCurves:
    def test_nan_is_marked(self):
        axes = plots.training_curves({"loss": [1.0, np.nan, 0.5, 0.4]}).axes[0]
        crosses = next(line for line in axes.lines if line.get_marker() == "x")
        assert crosses.get_xdata().tolist() == [2]
        assert "not finite" in axes.get_legend_handles_labels()[1]

    def test_nothing_but_nan(self):
        axes = plots.training_curves({"loss": [np.nan, np.inf]}).axes[0]
        assert "no finite value" in [text.get_text() for text in axes.texts]

    def test_numbers_between_nans_are_visible(self):
        values = [np.nan if k % 2 else 1.0 for k in range(60)]
        assert plots.training_curves({"loss": values}).axes[0].lines[0].get_marker() == "o"

    def test_training_is_thin_and_validation_thick(self):
        thin, thick = plots.training_curves({"loss": [2.0, 1.0], "val_loss": [2.0, 1.5]}).axes[0].lines
        assert thin.get_linewidth() < thick.get_linewidth()

    def test_equal_curves_are_both_seen(self):
        thin, thick = plots.training_curves({"loss": [2.0, 1.0], "val_loss": [2.0, 1.0]}).axes[0].lines
        assert thin.get_zorder() > thick.get_zorder()

    @pytest.mark.parametrize(
        ("values", "scale"), [([1e4, 1e-4], "log"), ([2.0, 0.1], "linear"), ([1, -1e4], "linear")]
    )
    def test_powers_of_ten_have_a_logarithmic_axis(self, values, scale):
        history = {"loss": values, "accuracy": [1e-4, 1.0]}
        loss, accuracy = plots.training_curves(history).axes
        assert (loss.get_yscale(), accuracy.get_yscale()) == (scale, "linear")
        loss.figure.draw_without_rendering()
        assert scale == "linear" or {"0.01", "100"} <= set(ticks(loss.yaxis).values())

    def test_ticks_say_the_values_themselves(self):
        figure = plots.training_curves({"accuracy": (0.99999 + 1e-6 * np.arange(8)).tolist()})
        figure.draw_without_rendering()
        axes = figure.axes[0]
        assert not axes.yaxis.get_offset_text().get_text()
        assert "0.999992" in ticks(axes.yaxis).values()

    def test_nothing_recorded_is_finite(self):
        axes = plots.activation_histograms({"a": [(0, np.full(5, np.nan))]}).axes[0]
        assert "no finite value" in [text.get_text() for text in axes.texts]
        assert all(tick == round(tick) for tick in axes.get_xticks())

    def test_a_rate_curve_with_one_step_and_one_with_nan(self):
        assert plots.learning_rate_finder([0.1], [1.0]).axes[0].lines[0].get_marker() == "o"
        axes = plots.learning_rate_finder([0.1, 0.2, 0.3], [1.0, np.nan, 2.0]).axes[0]
        assert any(line.get_marker() == "x" for line in axes.lines)


class TestHistograms:
    def test_median_and_nine_in_ten(self):
        pairs = [(step, RNG.normal(size=200) * (1 + step)) for step in (0, 4)]
        figure = plots.activation_histograms({"activations/h": pairs})
        median, low, high = figure.axes[0].lines
        for line, share in ((median, 0.5), (low, 0.05), (high, 0.95)):
            np.testing.assert_allclose(line.get_ydata(), [np.quantile(array, share) for _, array in pairs])
        assert [t.get_text() for t in figure.legends[0].get_texts()] == ["median", "nine in ten lie between"]

    def test_a_few_values_far_out_leave_room_for_the_others(self):
        values = np.append(RNG.normal(size=400), 1e4)
        axes = plots.activation_histograms({"activations/h": [(0, values)]}).axes[0]
        assert axes.get_ylim()[1] < 10 and axes.get_title(loc="left").endswith("outer cells: all beyond")
        assert axes.collections[0].get_array().sum() == pytest.approx(1)  # none is left out
        near = plots.activation_histograms({"activations/h": [(0, values[:-1])]}).axes[0]
        assert near.get_title(loc="left") == "activations/h"
        assert near.get_ylim() == (values[:-1].min(), values[:-1].max())

    def test_the_bar_is_in_per_cent(self):
        figure = plots.activation_histograms({"activations/h": [(0, np.arange(10.0))]})
        bar = next(axes for axes in figure.axes if axes.get_ylabel() == "share of the values")
        assert "5 %" in [label.get_text() for label in bar.get_yticklabels()]


class TestLongNames:
    """Long names and narrow pictures: nothing is cut at the edge, nothing lies upon something else."""

    @pytest.mark.parametrize(
        "names", [None, [f"number {k} of a class with a very long name, no {k}" for k in range(3)]]
    )
    @pytest.mark.parametrize("limit", [1, 4])
    @pytest.mark.parametrize("inputs", [64, 6])
    def test_worst_mistakes_are_within_the_figure(self, names, limit, inputs):
        p = RNG.dirichlet(np.ones(3), 30)
        x = RNG.random((30, inputs))
        figure = plots.worst_mistakes(x, np.arange(30) % 3, p, classes=names, limit=limit)
        inside(figure)

    def test_names_of_classes_can_be_told_apart(self):
        ends = [f"{'a' * 40} {k}" for k in range(3)]
        middles = [f"{'a' * 40} {k} {'b' * 40}" for k in range(3)]
        for names in (ends, middles):
            figure = plots.confusion_matrix(np.eye(3), names)
            inside(figure)
            assert len({label.get_text() for label in figure.axes[0].get_yticklabels()}) == 3

    @pytest.mark.parametrize("count", [1, 6, 30])
    def test_tokens(self, count):
        tokens = ["x" * 40, *(f"{'y' * 30}{k}" for k in range(count - 1))]
        figure = plots.attention_weights(np.full((2, count, count), 1 / count), tokens)
        inside(figure)
        for axis in (figure.axes[0].xaxis, figure.axes[0].yaxis):
            boxes = [label.get_window_extent() for label in axis.get_ticklabels()]
            assert len(boxes) == count and not any(a.overlaps(b) for a, b in pairwise(boxes))

    def test_one_position_has_one_tick(self):
        axes = plots.attention_weights([[1.0]]).axes[0]
        low, high = axes.get_xlim()
        assert [tick for tick in axes.get_xticks() if low <= tick <= high] == [0]


class TestDeepNetworks:
    """Pictures of fifty layers stay small enough to be looked at."""

    def test_alignment_has_a_colour_bar(self):
        figure = plots.alignment({f"gradient_alignment/dense{k}": [(0, 0.1), (4, 0.5)] for k in range(1, 51)})
        figure.draw_without_rendering()
        assert figure.axes[0].get_legend() is None
        shades = [brightness(line.get_color()) for line in figure.axes[0].lines[:50]]
        assert shades == sorted(shades, reverse=True)
        bar = figure.axes[0].child_axes[0]
        assert [t.get_text() for t in bar.get_yticklabels()] == [f"dense{k}" for k in (1, 13, 25, 38, 50)]

    def test_only_the_ends_are_drawn(self):
        histograms = plots.activation_histograms({f"a{k}": [(0, np.arange(3.0))] for k in range(50)})
        titles = [a.get_title(loc="left") for a in histograms.axes if a.get_title(loc="left")]
        names = [
            *(f"a{k}" for k in range(6)),
            "… 38 more, not shown …\na44",
            *(f"a{k}" for k in range(45, 50)),
        ]
        assert titles == names
        net = compiled([Input(2), *(Dense(2, "tanh") for _ in range(50))], rule="fa")
        weights = plots.feedback_weights(net)
        titles = [axes.get_title(loc="left") for axes in weights.axes]
        assert len(titles) == 16 and titles[8] == "… 41 more, not shown …\ndense47.W"
        for figure in (histograms, weights):
            assert figure.get_figheight() < 20

    def test_ticks_of_small_panels_do_not_touch(self):
        figure = plots.feedback_weights(compiled([Input(2), Dense(36, "tanh"), Dense(10)], rule="fa"))
        figure.draw_without_rendering()
        for axis in (figure.axes[0].xaxis, figure.axes[0].yaxis):
            boxes = [label.get_window_extent() for label in axis.get_ticklabels()]
            assert len(boxes) > 1 and not any(a.overlaps(b) for a, b in pairwise(boxes))


class TestBoundary:
    def test_many_points_are_small(self):
        model = compiled([Input(2), Dense(2, "softmax")], "categorical_crossentropy")
        sizes = []
        for count in (100, 1000, 4000):
            points = plots.decision_boundary(model, RNG.normal(size=(count, 2)), np.arange(count) % 2, 5)
            sizes.append(points.axes[0].collections[-1].get_sizes()[0])
        assert sizes == [18, 9, 4]

    def test_many_classes(self):
        model = compiled([Input(2), Dense(30, "softmax")], "categorical_crossentropy")
        figure = plots.decision_boundary(model, RNG.normal(size=(90, 2)), np.arange(90) % 30, resolution=10)
        assert figure.legends[0].get_texts()[-1].get_text() == "11 more classes"

    def test_no_two_classes_look_alike(self):
        model = compiled([Input(2), Dense(12, "softmax")], "categorical_crossentropy")
        points = plots.decision_boundary(model, RNG.normal(size=(12, 2)), np.arange(12), resolution=5).axes[0]
        groups = [c for c in points.collections if str(c.get_label()).startswith("class")]
        looks = {(tuple(c.get_facecolor()[0]), c.get_paths()[0].vertices.tobytes()) for c in groups}
        assert len(groups) == len(looks) == 12

    def test_labels_that_are_names(self):
        model = compiled([Input(2), Dense(2, "softmax")], "categorical_crossentropy")
        with pytest.raises(DataError, match=r"numbers of classes, got 'cat': names, y = np.unique"):
            plots.decision_boundary(model, [[0, 0], [1, 1]], ["cat", "dog"])

    def test_one_class_and_one_point(self):
        model = compiled([Input(2), Dense(1, "sigmoid")], "binary_crossentropy")
        assert plots.decision_boundary(model, [[1.0, 2.0]], [1], resolution=5).axes

    @pytest.mark.parametrize(
        ("x", "y", "words"),
        [
            (np.zeros((0, 2)), [], r"expected inputs \(n, 2\), got shape \(0, 2\)"),
            ([[1.0, np.nan]], [1], r"x holds nan at index \(0, 1\)"),
            ([[1.0, 2.0]], [1, 0], "1 inputs, but 2 labels"),
            ([[1.0, 2.0, 3.0]], [1], r"expected inputs \(n, 2\), got shape \(1, 3\)"),
        ],
    )
    def test_wrong_data(self, x, y, words):
        with pytest.raises(LucidnetError, match=words):
            plots.decision_boundary(compiled([Input(2), Dense(1)]), x, y)


def test_what_is_not_finite_hides_nothing_else():
    (axes, *_) = plots.attention_weights([[np.nan, 1.0], [0.5, 0.5]]).axes
    assert axes.images[0].get_clim() == (0, 1)
    (axes,) = plots.learning_rate_finder([1e-4, 1e-3, 1e-2], [3.0, np.nan, np.inf]).axes
    assert axes.lines[0].get_marker() == "o"  # between its neighbours there is no line


def test_the_numbers_of_one_run_are_its_epochs():
    (axes,) = plots.race_curves({"loss": {"fa": [2.0, 1.0, 0.5]}}).axes
    assert list(axes.lines[0].get_ydata()) == [2.0, 1.0, 0.5]


def test_the_end_of_a_very_long_title_is_shortened():
    title = plots.heat_map([[1.0, 2.0]], title="a very long title " * 20).axes[0].get_title(loc="left")
    assert title.count("\n") == 3
    assert "…" in title.rpartition("\n")[2]


def test_a_surface_of_nothing_finite():
    model = compiled([Input(1), Dense(1)])
    model.set_weights(np.full(2, 1e30, "f"))
    with pytest.raises(DataError, match="no loss around these weights is finite"):
        plots.loss_surface(model, [[1e30]], [[0.0]], points=3)


def test_gradients_of_a_deep_network_are_named_as_far_as_there_is_room():
    model = compiled([Input(4), *[Dense(4, "tanh") for _ in range(60)]])
    axes = plots.gradient_flow(model, RNG.normal(size=(2, 4)), np.zeros((2, 4))).axes[0]
    assert len(axes.get_xticklabels()) == 20
    assert axes.get_xlim() == (-0.5, 59.5)


def test_distances_must_be_a_table():
    with pytest.raises(ShapeError, match="expected distances"):
        plots.distance_map([1.0, 2.0])


class TestOddInput:
    """A good picture, or an error that says what is wrong."""

    @pytest.mark.parametrize("shape", [(4,), (3, 3, 2, 5), (5, 2)])
    def test_overviews_of_all_kinds_of_weights(self, shape):
        axes = plots.overview({"loss": [1.0]}, RNG.normal(size=shape)).axes
        assert axes[-1].get_title(loc="left") == "weights of the first layer"

    @pytest.mark.parametrize("matrix", [[[1, -1], [0, 1]], [[1.0, np.nan], [0, 1]], [["a", "b"], ["c", "d"]]])
    def test_a_confusion_matrix_counts(self, matrix):
        with pytest.raises(DataError, match="expected counts"):
            plots.confusion_matrix(matrix)

    def test_limits(self):
        model = compiled([Input((6, 6, 1)), Conv2D(2, 3), Flatten(), Dense(2)])
        for draw in (
            lambda: plots.convolution_filters(model, limit=0),
            lambda: plots.feature_maps(model, np.ones((6, 6, 1)), limit=-1),
            lambda: plots.first_layer_weights(np.ones((64, 3)), limit=0),
            lambda: plots.worst_mistakes(np.ones((2, 64)), [1, 1], [[0.9, 0.1], [0.1, 0.9]], limit=0),
        ):
            with pytest.raises(LucidnetError, match="limit must be a whole number of 1 or more"):
                draw()

    def test_empty_histories(self):
        empty = ln.training.history.History()
        for draw, words in (
            (plots.training_curves, "no epoch; call fit first"),
            (plots.alignment, r'none was recorded: fit\(..., record=\["gradient_alignment"\]'),
            (plots.activation_histograms, r'no arrays were recorded: fit\(..., record=\["activations/'),
        ):
            with pytest.raises(DataError, match=words):
                draw(empty)

    def test_a_map_of_nothing_finite_and_one_of_zeros(self):
        for values in (np.full((2, 2), np.nan), np.zeros((2, 2))):
            assert plots.heat_map(values).axes[0].images[0].get_clim() == (-1, 1)
            assert plots.distance_map(values).axes[0].images[0].get_clim() == (0, 1)

    def test_a_network_of_one_layer(self):
        model = compiled([Input(2), Dense(1)])
        assert plots.gradient_flow(model, [[1.0, 2.0]], [[0.5]]).axes
        assert plots.architecture(model).axes


def test_many_classes_are_counted_in_round_numbers():
    axes = plots.confusion_matrix(np.eye(1000, dtype=int)).axes[0]
    assert list(ticks(axes.xaxis).values()) == [str(number) for number in range(0, 1000, 50)]


def test_a_line_that_another_would_hide_lies_above_it():
    """Two rules that do the same share a thick line, and backprop, whose curve is nearly theirs, is seen on it."""
    race = {"loss": {"backprop": [[2.0, 1.001]], "rflo": [[2.0, 1.0]], "eprop": [[2.0, 1.0]]}}
    lines = {line.get_label(): line for line in plots.race_curves(race).axes[0].lines}
    assert lines["rflo"].get_zorder() < lines["backprop"].get_zorder() < lines["eprop = rflo"].get_zorder()
