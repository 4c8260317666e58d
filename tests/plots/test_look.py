"""What all pictures have in common: where they are drawn, their colours, that they can be read, how they show."""

import inspect
import os
import pickle
import subprocess
import sys
import textwrap
import warnings

import gallery
import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.colors import rgb_to_hsv, to_rgb
from matplotlib.figure import Figure
from matplotlib.style import context as style_context
from reading import readable

import lucidnet as ln
from lucidnet import plots, rules
from lucidnet.core.exports import exports
from lucidnet.errors import FileError, SettingError
from lucidnet.layers import Conv2D, Dense, Flatten, Input
from lucidnet.plots import colors
from lucidnet.plots.figures import new_figure

RNG = np.random.default_rng(0)
HISTORY = {"loss": [0.9, 0.5, 0.3], "val_loss": [1.0, 0.7, 0.6], "accuracy": [0.5, 0.7, 0.8]}
RECORDS = {
    f"{kind}/{layer}": [(0, 0.1), (9, 0.6)]
    for kind in ("gradient_alignment", "weight_alignment")
    for layer in "ab"
}


def compiled(net, loss="mse", **more):
    model = ln.Model(net, seed=0)
    model.compile(loss, "sgd", **more)
    return model


PLANE = compiled([Input(2), Dense(4, "tanh"), Dense(1, "sigmoid")], "binary_crossentropy", rule="fa")
IMAGES = compiled([Input((6, 6, 1)), Conv2D(4, 3, activation="relu"), Flatten(), Dense(2)])
X, Y = RNG.normal(size=(20, 2)), np.arange(20) % 2
HEADS = compiled([Input((3, 8)), ln.layers.MultiHeadAttention(2)])
P = RNG.dirichlet(np.ones(3), 30)
CALLS = {
    "activation_histograms": lambda **o: plots.activation_histograms(
        {"activations/h": [(0, X), (5, 2 * X)]}, **o
    ),
    "alignment": lambda **o: plots.alignment(RECORDS, **o),
    "architecture": lambda **o: plots.architecture(PLANE, **o),
    "attention_maps": lambda **o: plots.attention_maps(HEADS, RNG.normal(size=(3, 8)), tokens="abc", **o),
    "attention_weights": lambda **o: plots.attention_weights(np.full((1, 3, 3), 1 / 3), **o),
    "confusion_matrix": lambda **o: plots.confusion_matrix([[5, 1], [2, 4]], **o),
    "convolution_filters": lambda **o: plots.convolution_filters(IMAGES, **o),
    "decision_boundary": lambda **o: plots.decision_boundary(PLANE, X, Y, resolution=15, **o),
    "distance_map": lambda **o: plots.distance_map(RNG.random((3, 4)), **o),
    "examples": lambda **o: plots.examples(RNG.random((30, 64)), np.arange(30) % 3, **o),
    "feature_maps": lambda **o: plots.feature_maps(IMAGES, np.ones((6, 6, 1)), **o),
    "feedback_weights": lambda **o: plots.feedback_weights(PLANE, **o),
    "first_layer_weights": lambda **o: plots.first_layer_weights(RNG.normal(size=(64, 4)), **o),
    "gradient_flow": lambda **o: plots.gradient_flow(PLANE, X, Y, **o),
    "heat_map": lambda **o: plots.heat_map(RNG.normal(size=(3, 4)), **o),
    "learning_rate_finder": lambda **o: plots.learning_rate_finder(
        [1e-3, 1e-2, 1e-1], [2.0, 1.0, 3.0], 1e-2, **o
    ),
    "loss_surface": lambda **o: plots.loss_surface(PLANE, X, Y, points=3, **o),
    "overview": lambda **o: plots.overview(HISTORY, RNG.normal(size=(64, 4)), **o),
    "race_curves": lambda **o: plots.race_curves(
        {"loss": {"backprop": [[2.0, 1.0]], "fa": [[2.0, 1.5]]}}, **o
    ),
    "training_curves": lambda **o: plots.training_curves(HISTORY, **o),
    "worst_mistakes": lambda **o: plots.worst_mistakes(RNG.random((30, 64)), np.arange(30) % 3, P, **o),
}
NO_PICTURES = {"save", "animate"}


def titles(figure):
    found = [axes.get_title(loc=loc) for axes in figure.axes for loc in ("left", "center")]
    return [*found, figure.get_suptitle()]


def test_no_picture_is_missing_here():
    assert set(CALLS) == set(exports("lucidnet.plots")) - NO_PICTURES


@pytest.mark.parametrize("name", CALLS)
def test_takes_axes_title_size_style_and_path(name, tmp_path):
    own = inspect.signature(getattr(plots, name)).parameters
    assert {"ax", "title", "figsize", "style", "path"} <= set(own)
    figure = CALLS[name](title="my title", figsize=(5.0, 4.0), style="dark", path=tmp_path / "a.png")
    assert tuple(figure.get_size_inches()) == (5.0, 4.0)
    assert "my title" in titles(figure)
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")
    assert mpl.colors.to_hex(figure.get_facecolor()) == colors.DARK.page
    for text in figure.findobj(mpl.text.Text):  # on a dark page, or on a cell of its own colour
        if text.get_text() and (text.axes is None or not text.axes.images):
            assert brightness(text.get_color()) > 0.4, text


@pytest.mark.parametrize("name", CALLS)
def test_draws_on_axes_of_the_users_own(name):
    alone = CALLS[name]()
    count = len([axes for axes in alone.axes if axes.get_label() != "<colorbar>"])
    mine = Figure(figsize=(9, 7), layout="constrained")
    left, right = mine.subplots(1, 2)
    before = len(right.get_children())
    assert CALLS[name](ax=right, title="mine") is mine
    assert len(right.get_children()) > before or len(mine.axes) > 2
    assert not left.has_data()
    assert "mine" in titles(mine)
    if count > 1:
        several = Figure(figsize=(9, 9), layout="constrained")
        grid = several.subplots(count, 1)
        CALLS[name](ax=grid)
        assert all(axes.has_data() or axes.texts or axes.images for axes in grid)
    with pytest.raises(SettingError, match="figsize belong to a new figure, but ax= is part of one"):
        CALLS[name](ax=right, figsize=(3, 3))


@pytest.mark.parametrize("name", CALLS)
def test_all_text_is_inside_and_large_enough_at_700_pixels(name):
    readable(CALLS[name]())


SENTENCE = (
    "A title that somebody wrote in whole sentences, and that is longer than the picture below it is wide."
)
MANY_FILTERS = compiled([Input((8, 8, 1)), Conv2D(8, 3), Conv2D(70, 3), Flatten(), Dense(2)])
SEQUENCES = compiled([Input((20, 3)), ln.layers.Conv1D(4, 5, activation="relu"), Flatten(), Dense(2)])
LAYERS = [f"block.residual.dense{k}" for k in range(12)]
LONG = "a_name_that_somebody_gave_in_a_hurry_and_that_is_longer_than_its_panel"
ODD = {
    "angles of many layers": lambda: plots.alignment(
        {f"{kind}_alignment/{n}": [(0, 0.1), (9, 0.8)] for kind in ("gradient", "weight") for n in LAYERS}
    ),
    "one unit": lambda: plots.distance_map([[0.0]]),
    "one row": lambda: plots.distance_map(RNG.random((1, 40))),
    "long names of metrics": lambda: plots.training_curves({"loss": [1.0, 0.5], LONG: [1.0, 2.0]}),
    "long names of quantities": lambda: plots.race_curves(
        {name: {"fa": [[2.0, 1.0]]} for name in ("loss", LONG)}
    ),
    "long names of arrays": lambda: plots.activation_histograms({LONG: [(5, RNG.normal(size=50))]}),
    "tall images": lambda: plots.first_layer_weights(RNG.normal(size=(128, 7)), image_shape=(64, 2)),
    "wide images": lambda: plots.first_layer_weights(RNG.normal(size=(128, 7)), image_shape=(2, 64)),
    "mistakes in sequences": lambda: plots.worst_mistakes(RNG.random((30, 40, 2)), np.arange(30) % 3, P),
    "mistakes in wide images": lambda: plots.worst_mistakes(RNG.random((30, 4, 60)), np.arange(30) % 3, P),
    "many heads": lambda: plots.attention_weights(RNG.random((8, 60, 60))),
    "a steep surface": lambda: plots.loss_surface(PLANE, 100 * X, Y, points=3),
    "a long title": lambda: plots.confusion_matrix([[5, 1], [2, 4]], title=SENTENCE),
    "a long title of panels": lambda: plots.training_curves(HISTORY, title=SENTENCE),
    "a long title of weights": lambda: plots.heat_map(RNG.normal(size=(40, 2)), SENTENCE),
    "many filters": lambda: plots.convolution_filters(MANY_FILTERS, "conv2d2"),
    "a sequence's maps": lambda: plots.feature_maps(SEQUENCES, RNG.normal(size=(20, 3))),
    "one rate": lambda: plots.learning_rate_finder([0.1], [1.0], 0.1),
    "two rates": lambda: plots.learning_rate_finder([0.1, 0.2], [1.0, 0.9], 0.1),
    "curves in a small figure": lambda: plots.training_curves({"loss": [1.0] * 40}, figsize=(2.4, 2.0)),
    "a small confusion matrix": lambda: plots.confusion_matrix(np.eye(10, dtype=int), figsize=(3.0, 2.6)),
    "many mistakes": lambda: plots.worst_mistakes(
        RNG.random((300, 64)), np.arange(300) % 3, RNG.dirichlet(np.ones(3), 300), limit=100
    ),
    "mistakes of long names": lambda: plots.worst_mistakes(
        RNG.random((30, 64)), np.arange(30) % 3, P, classes=[f"{name} of a kind of its own" for name in "abc"]
    ),
    "mistakes with a title": lambda: plots.worst_mistakes(
        RNG.random((30, 64)), np.arange(30) % 3, P, title="mine"
    ),
    "no gradients": lambda: plots.gradient_flow(PLANE, 0 * X, np.full(20, 0.5)),
    "many tokens": lambda: plots.attention_weights(RNG.random((1, 45, 45)), [f"token{k}" for k in range(45)]),
}


@pytest.mark.parametrize("name", ODD)
def test_odd_data_make_pictures_that_can_be_read(name):
    figure = ODD[name]()
    readable(figure)
    assert figure.get_figheight() < 14
    for axes in figure.axes:  # which no legend or label has pressed together
        low, high = axes.get_window_extent().min / figure.dpi, axes.get_window_extent().max / figure.dpi
        assert axes.get_label() == "<colorbar>" or (high - low > 0.6).all()


@pytest.mark.parametrize(
    "name", ["tiny", "dfa", "mixed", "residual", "branches", "twins", "recurrent", "transformer"]
)
def test_networks_can_be_read(name):
    readable(plots.architecture(gallery.networks()[name]))


def test_a_second_picture_on_the_same_axes_takes_the_place_of_the_colour_bar():
    axes = Figure().subplots()
    for size in (3, 4):
        plots.heat_map(RNG.normal(size=(size, size)), ax=axes)
        plots.confusion_matrix(np.eye(3, dtype=int), ax=axes)
    assert len(axes.child_axes) == 2


def test_figures_with_logarithmic_axes_can_be_pickled():
    figure = pickle.loads(pickle.dumps(plots.training_curves({"loss": [9.0, 0.4, 0.01]})))
    figure.draw_without_rendering()
    assert "0.1" in [text.get_text() for text in figure.axes[0].get_yticklabels()]


def test_panels_divide_the_place_of_one_axes_below_their_title():
    figure = Figure(figsize=(9, 5), layout="constrained")
    left, right = figure.subplots(1, 2)
    plots.training_curves(HISTORY, ax=left, title="my run")
    figure.draw_without_rendering()
    first, second = figure.axes[2:]
    assert [a.get_title(loc="left") for a in (left, first, second)] == ["my run", "loss", "accuracy"]
    tops = [a._left_title.get_window_extent() for a in (left, first)]
    assert tops[0].y0 >= tops[1].y1  # the title stands above, not on the panel's
    assert second.bbox.x1 < right.bbox.x0


def test_pictures_of_numbers_have_no_grid():
    with style_context("ggplot"):
        axes = plots.confusion_matrix([[5, 1], [2, 4]]).axes[0]
    assert not any(line.get_visible() for line in axes.get_xgridlines())


class TestArguments:
    """What is wrong is said before anything is drawn."""

    @pytest.mark.parametrize(
        ("wrong", "message"),
        [
            ({"style": "drak"}, "training_curves: style must be one of light, dark"),
            ({"figsize": (3,)}, "figsize must be 2 numbers, width and height in inches"),
            ({"figsize": (3, -1)}, "figsize must be"),
            ({"ax": 3}, "ax must be Axes of matplotlib"),
            ({"title": 3}, "title must be a text"),
        ],
    )
    def test_settings(self, wrong, message):
        with pytest.raises(SettingError, match=message):
            plots.training_curves(HISTORY, **wrong)

    def test_paths(self, tmp_path):
        with pytest.raises(FileError, match="no picture format has the suffix"):
            plots.training_curves(HISTORY, path=tmp_path / "a.jpgg")

    def test_unknown_names(self):
        with pytest.raises(TypeError, match="no argument 'titel': did you mean 'title'"):
            plots.training_curves(HISTORY, titel="a")
        with pytest.raises(TypeError, match="missing"):
            plots.training_curves()

    def test_panels_that_do_not_fit(self):
        figure = Figure()
        with pytest.raises(SettingError, match="this picture has 2 panels: give as many axes, .* got 3"):
            plots.training_curves(HISTORY, ax=figure.subplots(1, 3))

    def test_of_histories_and_others(self):
        figure = Figure()
        axes = figure.subplots()
        som = ln.SelfOrganizingMap(2, 3).fit(X, epochs=1)
        assert som.plot(ax=axes, title="map") is figure
        assert axes.get_title(loc="left") == "map"
        history = ln.training.history.History({"loss": [1.0, 0.5]})
        assert history.plot(title="mine").axes[0].get_title(loc="left") == "mine"


def brightness(color):
    return float(np.dot(to_rgb(color), (0.299, 0.587, 0.114)))


class TestColours:
    """One table, by role."""

    def test_the_tables_are_those_of_the_page_in_the_browser(self):
        light = "#6b2f04 #a3520a #d97f1e #f5b978 #f6f6f4 #9fc6e6 #4f96cc #1d64a3 #08365f"
        dark = "#ffd39b #f59a3c #b8641a #5a3a1e #1b1f24 #1e3d5c #2470ad #57a8e8 #b9ddff"
        assert colors.LIGHT.signed == tuple(light.split())
        assert colors.DARK.signed == tuple(dark.split())
        assert colors.LIGHT.networks == ("#7a3ea3", "#00745a")
        assert colors.DARK.networks == ("#c99aee", "#49c9a4")

    @pytest.mark.parametrize("table", [colors.LIGHT, colors.DARK])
    def test_positive_is_blue_negative_orange_zero_the_page(self, table):
        assert table.signed[4] == table.page
        for negative, positive in zip(table.signed[:4], table.signed[:4:-1], strict=True):
            assert 0.03 < rgb_to_hsv(to_rgb(negative))[0] < 0.13
            assert 0.5 < rgb_to_hsv(to_rgb(positive))[0] < 0.65

    @pytest.mark.parametrize("role", ["ink", "muted", "lines", "training", "validation", "mark"])
    @pytest.mark.parametrize("table", [colors.LIGHT, colors.DARK])
    def test_lines_stand_out_from_the_page(self, table, role):
        def luminance(color):
            linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in to_rgb(color)]
            return np.dot(linear, (0.2126, 0.7152, 0.0722))

        given = getattr(table, role)
        for color in (given,) if isinstance(given, str) else given:
            pair = sorted((luminance(color), luminance(table.page)))
            assert (pair[1] + 0.05) / (pair[0] + 0.05) >= 2.5, color  # WCAG asks 3 of what has no other mark

    @pytest.mark.parametrize(("style", "page"), [("default", "#ffffff"), ("dark_background", "#000000")])
    def test_zero_is_the_page_of_matplotlibs_current_style(self, style, page):
        with style_context(style):
            axes = plots.heat_map([[-1.0, 0.0, 1.0]]).axes[0]
        cmap = axes.images[0].get_cmap()
        assert mpl.colors.to_hex(cmap(0.5)) == page
        table = colors.DARK if style == "dark_background" else colors.LIGHT
        assert [mpl.colors.to_hex(cmap(end)) for end in (0.0, 1.0)] == [table.signed[0], table.signed[-1]]

    def test_rules_have_one_style_everywhere(self):
        known = [*rules.SPACE, *rules.TIME]
        assert set(known) == set(colors.RULES)
        axes = new_figure(2, 2).subplots()
        alone = {name: colors.rule_styles([name], axes)[name] for name in known}
        assert len(set(alone.values())) == len(known)
        assert colors.rule_styles([*known[::-1], "my rule"], axes) == {
            **alone,
            "my rule": colors.rule_styles(["my rule", *known], axes)["my rule"],
        }

    def test_own_names_do_not_take_the_style_of_others(self):
        axes = new_figure(2, 2).subplots()
        names = [f"rule {k}" for k in range(20)] + ["fa"]
        assert len(set(colors.rule_styles(names, axes).values())) == 21

    def test_two_race_pictures(self):
        runs = np.ones((1, 3))
        one = plots.race_curves({"loss": {"backprop": runs, "fa": 2 * runs, "dfa": 3 * runs}})
        two = plots.race_curves({"loss": {"dfa": runs, "fa": 2 * runs}})
        style = [{line.get_label(): line.get_color() for line in f.axes[0].lines} for f in (one, two)]
        assert style[0] == {**style[0], **style[1]}


def run(code, **env):
    """Run a script as a user would, with warnings as errors; return what it printed."""
    environment = {**os.environ, **env}
    environment = {name: value for name, value in environment.items() if value is not None}
    made = subprocess.run(
        [sys.executable, "-W", "error", "-c", textwrap.dedent(code)],
        env=environment,
        capture_output=True,
        text=True,
    )
    assert made.returncode == 0, made.stderr
    return made.stdout.split()


class TestShow:
    """In scripts and notebooks, with and without a screen."""

    def test_without_a_screen_nothing_happens_and_nothing_stays_open(self):
        code = """
            import lucidnet as ln, matplotlib.pyplot as plt
            for k in range(30):
                figure = ln.plots.heat_map([[1.0, -1.0]])
            figure.show()
            plt.show()
            print(len(plt.get_fignums()))
        """
        assert run(code, MPLBACKEND="agg", DISPLAY=None) == ["0"]

    def test_with_a_screen(self, tmp_path):
        """A backend with windows, whose `show` says what it shows."""
        (tmp_path / "screen.py").write_text(
            textwrap.dedent(
                """
                from matplotlib.backend_bases import FigureManagerBase, _Backend
                from matplotlib.backends.backend_agg import FigureCanvasAgg

                class Manager(FigureManagerBase):
                    def show(self):
                        print(len(self.canvas.figure.axes[0].images), flush=True)

                class FigureCanvas(FigureCanvasAgg):
                    manager_class = Manager

                @_Backend.export
                class _Screen(_Backend):
                    FigureCanvas, FigureManager, mainloop = FigureCanvas, Manager, staticmethod(lambda: None)
                """
            )
        )
        code = """
            import lucidnet as ln
            early = ln.plots.heat_map([[1.0, -1.0]])
            import matplotlib.pyplot as plt
            assert not plt.get_fignums()
            early.show()                                 # 1 image
            plt.close("all")
            late = ln.plots.heat_map([[1.0, -1.0]])
            assert late is plt.gcf()
            plt.show()                                   # 1 image
            plt.close("all")
            kept = [ln.plots.heat_map([[1.0, -1.0]]) for k in range(30)]
            print(len(plt.get_fignums()))
            import io, pickle
            kept[0].savefig(io.BytesIO())
            assert len(pickle.loads(pickle.dumps(early)).axes[0].images) == 1
        """
        path = os.pathsep.join([str(tmp_path), *sys.path])
        assert run(code, MPLBACKEND="module://screen", PYTHONPATH=path) == ["1", "1", "20"]

    def test_a_notebook_shows_each_once(self):
        nbformat, nbclient = pytest.importorskip("nbformat"), pytest.importorskip("nbclient")
        pytest.importorskip("ipykernel")
        cells = {
            "import lucidnet as ln": 0,
            "ln.plots.heat_map([[1.0, -1.0]])": 1,
            "import matplotlib.pyplot as plt": 0,
            "figure = ln.plots.heat_map([[2.0, -1.0]])\nfigure": 1,
            "figure = ln.plots.heat_map([[3.0, -1.0]])": 1,
            "figure.show()": 1,
            "ln.plots.heat_map([[4.0, -1.0]]); plt.show()": 1,
            "figure, ax = plt.subplots()\nln.plots.heat_map([[5.0, -1.0]], ax=ax)": 1,
            "plt.rcParams['figure.max_open_warning'] = 2\nfor k in range(4): ln.plots.heat_map([[6.0, -1.0]])": 4,
        }
        notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(code) for code in cells])
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            nbclient.NotebookClient(notebook, timeout=120, kernel_name="python3").execute()
        for cell, count in zip(notebook.cells, cells.values(), strict=True):
            pictures = [out for out in cell.outputs if "image/png" in out.get("data", {})]
            assert len(pictures) == len(cell.outputs) == count, cell.source
