"""What the figures show, read from the figures themselves."""

import numpy as np
import pytest
from matplotlib.figure import Figure

from lucidnet import plots
from lucidnet.errors import DataError, FileError, LucidnetError, ShapeError

HISTORY = {"loss": [0.9, 0.5, 0.3], "val_loss": [1.0, 0.7, 0.6], "accuracy": [0.5, 0.7, 0.8]}
W = np.random.default_rng(0).normal(size=(64, 20))


def texts(axes):
    return [text.get_text() for text in axes.texts]


class TestCurves:
    """Training curves."""

    def test_a_panel_for_each_quantity(self):
        figure = plots.training_curves(HISTORY)
        loss, accuracy = figure.axes
        assert loss.get_title(loc="left") == "loss"
        assert [line.get_ydata().tolist() for line in loss.lines[:2]] == [
            HISTORY["loss"],
            HISTORY["val_loss"],
        ]
        assert loss.lines[0].get_xdata().tolist() == [1, 2, 3]
        assert accuracy.lines[0].get_ydata().tolist() == HISTORY["accuracy"]

    def test_one_epoch_is_visible(self):
        figure = plots.training_curves({"loss": [0.5]})
        assert figure.axes[0].lines[0].get_marker() not in ("", "None", None)

    def test_nothing_recorded(self):
        with pytest.raises(LucidnetError, match="training_curves|history|epoch"):
            plots.training_curves({})


class TestWeights:
    """Images and heat maps of weights."""

    def test_first_layer_as_images(self):
        figure = plots.first_layer_weights(W)
        picture = figure.axes[0].images[0]
        low, high = picture.get_clim()
        assert high == -low == np.abs(W).max()
        canvas = np.ma.filled(picture.get_array(), np.nan)
        rows = [
            canvas[r : r + 8, c : c + 8]
            for r in range(canvas.shape[0] - 7)
            for c in range(canvas.shape[1] - 7)
        ]
        assert any(np.array_equal(part, W[:, 7].reshape(8, 8).astype("f")) for part in rows), (
            "unit 7 is one of the images"
        )

    def test_a_shape_that_cannot_be_guessed(self):
        with pytest.raises(ShapeError, match=r"image_shape"):
            plots.first_layer_weights(np.ones((10, 3)))
        assert plots.first_layer_weights(np.ones((10, 3)), image_shape=(2, 5)).axes
        with pytest.raises(ShapeError, match=r"image_shape=\(3, 3\) does not fit 10 inputs"):
            plots.first_layer_weights(np.ones((10, 3)), image_shape=(3, 3))

    @pytest.mark.parametrize("shape", [(5,), (4, 7), (3, 3, 2, 6), (64, 128)])
    def test_heat_map(self, shape):
        weights = np.random.default_rng(1).normal(size=shape)
        figure = plots.heat_map(weights, "title")
        picture = figure.axes[0].images[0]
        np.testing.assert_array_equal(picture.get_array(), weights.reshape(-1, shape[-1]))
        low, high = picture.get_clim()
        assert high == -low == np.abs(weights).max()
        assert figure.axes[0].get_title(loc="left") == "title"

    def test_nothing_to_draw(self):
        with pytest.raises(DataError, match="there are no weights"):
            plots.heat_map(np.ones((0, 3)))


class TestPredictions:
    """Confusion matrix and worst mistakes."""

    def test_confusion_matrix(self):
        matrix = np.array([[8, 2, 0], [0, 5, 5], [0, 0, 0]])
        figure = plots.confusion_matrix(matrix, ["cat", "dog", "eel"])
        axes = figure.axes[0]
        assert [text for text in texts(axes) if text != "0"] == ["8", "2", "5", "5"]
        np.testing.assert_allclose(axes.images[0].get_array(), [[0.8, 0.2, 0], [0, 0.5, 0.5], [0, 0, 0]])
        assert [label.get_text() for label in axes.get_yticklabels()] == ["cat", "dog", "eel"]

    def test_examples(self):
        def captions(*given, **settings):
            return [text.get_text() for text in plots.examples(*given, **settings).axes[0].texts]

        x = np.arange(4 * 64.0).reshape(4, 64)
        assert captions(x, [1, 0, 1, 1], classes=("no", "yes")) == ["yes", "no", "yes", "yes"]
        assert captions(x, np.eye(4), limit=2) == captions(x, ["0", "1", "2", "3"], limit=2) == ["0", "1"]
        figure = plots.examples(x.reshape(4, 8, 8), limit=1)
        np.testing.assert_allclose(figure.axes[0].images[0].get_array()[..., 0], x[0].reshape(8, 8) / 63)
        assert figure.axes[0].get_title(loc="left") == "the first 1 of 4 examples"
        assert plots.examples(x.reshape(4, 16, 4), image_shape=(16, 4)).axes
        for wrong, said in (
            ((x, [0, 1]), "x has 4 examples, y has 2"),
            ((x[0],), "expected examples"),
            ((x[:, :3],), "no square image"),
        ):
            with pytest.raises(ShapeError, match=said):
                plots.examples(*wrong)
        for labels, said in (
            ([0, 1, 2, 0], "no class 2 among 0, 1"),
            (["c"] * 4, "no class c"),
            (None, "without y"),
        ):
            with pytest.raises(DataError, match=said):
                plots.examples(x, labels, classes=("a", "b"))

    def test_worst_mistakes_come_first(self):
        p = np.array([[0.9, 0.1], [0.4, 0.6], [0.95, 0.05], [0.2, 0.8]])
        figure = plots.worst_mistakes(np.random.default_rng(0).random((4, 64)), [1, 0, 1, 1], p)
        assert texts(figure.axes[0]) == ["1 → 0\n95.0 %", "1 → 0\n90.0 %", "0 → 1\n60.0 %"]

    def test_no_mistakes(self):
        figure = plots.worst_mistakes(np.zeros((2, 64)), [0, 1], [[0.9, 0.1], [0.1, 0.9]])
        assert texts(figure.axes[0]) == ["no mistakes among 2 examples"]

    def test_rows_that_are_no_images(self):
        figure = plots.worst_mistakes(np.zeros((2, 3)), [1, 1], [[0.9, 0.1], [0.1, 0.9]])
        assert [label.get_text() for label in figure.axes[0].get_yticklabels()] == ["example 0: 1 → 0"]

    def test_errors(self):
        with pytest.raises(DataError, match="expected probabilities, got classes"):
            plots.worst_mistakes(np.zeros((2, 4)), [1, 1], np.array([[0, 1], [1, 0]]))
        with pytest.raises(ShapeError, match="x has 3 examples, probabilities have 2"):
            plots.worst_mistakes(np.zeros((3, 4)), [1, 1], np.array([[0.0, 1], [1, 0]]))


def test_overview():
    figure = plots.overview(HISTORY, W)
    titles = [axes.get_title(loc="left") for axes in figure.axes]
    assert "loss" in titles
    assert "accuracy" in titles
    assert "weights of the first layer: 20 units" in titles


class TestSave:
    """Pictures as files."""

    @pytest.mark.parametrize(("suffix", "begin"), [("png", b"\x89PNG"), ("svg", b"<?xml"), ("pdf", b"%PDF")])
    def test_formats(self, tmp_path, suffix, begin):
        path = plots.save(plots.heat_map(W), tmp_path / f"p.{suffix}")
        assert path.read_bytes().startswith(begin)

    def test_errors(self, tmp_path):
        figure = plots.heat_map(W)
        with pytest.raises(
            FileError, match=r"no picture format has the suffix '.jpgg'; use .png, .svg or .pdf"
        ):
            plots.save(figure, tmp_path / "p.jpgg")
        with pytest.raises(FileError, match="the folder does not exist"):
            plots.save(figure, tmp_path / "none" / "p.png")

    def test_without_matplotlib(self, monkeypatch):
        monkeypatch.setitem(__import__("sys").modules, "matplotlib.figure", None)
        with pytest.raises(
            ImportError, match=r"needs matplotlib, which is not installed: pip install 'lucidnet\[plots\]'"
        ):
            plots.heat_map(W)


def test_a_notebook_shows_a_figure():
    figure = plots.heat_map(W)
    assert isinstance(figure, Figure)
    assert figure._repr_png_().startswith(b"\x89PNG")
