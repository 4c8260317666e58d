"""Recorded trainings as films: how many frames, how long, and what is in them."""

import os
import stat

import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image, ImageSequence
from reading import readable

import lucidnet as ln
from lucidnet import plots
from lucidnet.errors import DataError, FileError, SettingError, ShapeError, UnknownNameError
from lucidnet.layers import Dense, Input
from lucidnet.plots import animation
from lucidnet.plots.scenes import scene_of
from lucidnet.training.history import History

X, Y = ln.data.moons(40, seed=0)
KINDS = ["weights", "activations/*", "grads/*", "updates/*", "gradient_alignment", "weight_alignment"]


@pytest.fixture(scope="module")
def model():
    made = ln.Model([Input(2), Dense(5, "tanh"), Dense(1, "sigmoid")], seed=0)
    made.compile("binary_crossentropy", ln.optimizers.Adam(0.05), ["accuracy"], rule="fa")
    made.fit(X, Y, epochs=3, batch_size=20, verbose=0, record=KINDS)
    return made


def frame(history, what, number):
    scene = scene_of(history, what)
    figure = Figure()
    places = list(figure.subplots(scene.panels, 1, squeeze=False).ravel())
    scene.draw(places, number)
    return scene, places


def test_a_gif_has_a_frame_for_each_step_and_runs_at_its_speed(model, tmp_path):
    path = plots.animate(model.history, tmp_path / "run.gif", fps=30, title="Moons")
    assert path == tmp_path / "run.gif"
    with Image.open(path) as film:
        assert film.info["loop"] == 0
        durations = [page.info["duration"] for page in ImageSequence.Iterator(film)]
    assert len(durations) == 6
    assert sum(durations) == pytest.approx(1000 * 6 / 30, abs=10)


@pytest.mark.parametrize("what", ["boundary", "weights", "activations", "alignment", "loss"])
def test_names_and_titles_have_room_and_lie_on_no_curve(what):
    made = ln.Model([Input(2), Dense(5, "tanh", name="a_name_" * 9), Dense(1, "sigmoid")], seed=0)
    made.compile("binary_crossentropy", "sgd", rule="fa")
    made.fit(X, Y, epochs=1, batch_size=20, verbose=0, record=KINDS)
    scene = scene_of(made.history, what)
    title = "A film with a title that somebody wrote in whole sentences, longer than its frames are wide."
    figure, places = animation._stage(scene, title)
    size = tuple(figure.get_size_inches())
    for _ in animation._frames(scene, figure, places):
        readable(figure)
        assert tuple(figure.get_size_inches()) == size and not (100 * np.array(size) % 2).round().any()
        for axes in places if what != "loss" else ():
            assert axes.get_legend() is None
    assert len(figure.legends) == (what in ("boundary", "alignment"))


@pytest.mark.parametrize(
    "what", ["boundary", "weights", "activations", "gradients", "updates", "alignment", "loss", "accuracy"]
)
def test_every_kind_is_written(model, tmp_path, what, monkeypatch):
    monkeypatch.setattr(animation, "MOST_FRAMES", 2)
    film = plots.animate(model.history, tmp_path / "a.gif", what=what, style="dark")
    with Image.open(film) as pages:
        assert pages.n_frames == 2
        assert max(pages.size) <= 720
        assert np.mean(pages.convert("L")) < 128


def test_the_boundary_is_that_of_the_weights_of_the_step(model):
    _, (axes,) = frame(model.history, "boundary", 2)
    assert axes.get_title(loc="left") == "step 2"
    twin = ln.Model(model.net)
    twin.set_params(
        {
            n: {k: dict(model.history.steps[f"{n}.{k}"])[2] for k in "Wb"} if n != "input0" else {}
            for n in model.params
        }
    )
    expected = plots.decision_boundary(twin, X, Y, resolution=90).axes[0].images[0].get_array()
    np.testing.assert_allclose(axes.images[0].get_array(), expected, atol=1e-5)
    points = np.concatenate([c.get_offsets() for c in axes.collections if len(c.get_offsets()) > 1])
    assert {tuple(p) for p in points.round(5).tolist()} == {
        tuple(p) for p in X.astype(float).round(5).tolist()
    }


def test_weights_have_one_scale_for_the_whole_film(model):
    pairs = model.history.steps["dense1.W"]
    scene, first = frame(model.history, "weights", 0)
    _, last = frame(model.history, "weights", scene.frames - 1)
    assert scene.frames == len(pairs) == 6
    np.testing.assert_array_equal(last[0].images[0].get_array(), pairs[-1][1])
    most = max(np.abs(array).max() for _, array in pairs)
    assert first[0].images[0].get_clim() == last[0].images[0].get_clim() == pytest.approx((-most, most))


def test_activations_are_histograms_on_one_axis(model):
    _, places = frame(model.history, "activations", 3)
    axes = next(a for a in places if "dense1" in a.get_title(loc="left"))
    shares = axes.patches[0].get_data()
    array = dict(model.history.steps["activations/dense1"])[3]
    np.testing.assert_allclose(shares.values, 100 * np.histogram(array, shares.edges)[0] / array.size)
    _, others = frame(model.history, "activations", 0)
    assert [a.get_xlim() for a in places] == [a.get_xlim() for a in others]


def test_curves_grow_on_the_axes_of_the_whole_training(model):
    scene, (axes,) = frame(model.history, "loss", 1)
    assert scene.frames == 3
    assert axes.lines[0].get_ydata().tolist() == model.history["loss"][:2]
    assert axes.get_xlim() == (0.5, 3.5)
    assert axes.get_ylim()[0] < min(model.history["loss"])


def test_angles_grow(model):
    _, (left, _) = frame(model.history, "alignment", 2)
    steps = next(line for line in left.lines if line.get_label() == "dense1")
    cosines = [cosine for _, cosine in model.history.steps["gradient_alignment/dense1"][:3]]
    np.testing.assert_allclose(np.cos(np.radians(steps.get_ydata())), cosines, atol=1e-9)


def test_one_name(model):
    scene, (axes,) = frame(model.history, "dense1.W", 0)
    assert axes.get_title(loc="left") == "dense1.W, step 0"


def test_long_records_are_thinned():
    assert animation.chosen(1000)[0] == 0 and animation.chosen(1000)[-1] == 999
    assert len(set(animation.chosen(1000))) == animation.MOST_FRAMES


class TestErrors:
    def test_nothing_recorded(self, tmp_path):
        history = History({"loss": [1.0]})
        for what, message in (
            ("boundary", r'no weights were recorded: fit\(..., record=\["weights"\]\)'),
            ("weights", r'not recorded: fit\(..., record=\["weights"\]\)'),
            ("activations", r'record=\["activations/\*"\]'),
            ("alignment", "no alignment was recorded"),
        ):
            with pytest.raises(DataError, match=message):
                plots.animate(history, tmp_path / "a.gif", what=what)
        with pytest.raises(DataError, match="no epoch"):
            plots.animate(History(), tmp_path / "a.gif", what="loss")
        assert not list(tmp_path.iterdir())

    def test_names(self, model, tmp_path):
        with pytest.raises(UnknownNameError, match="did you mean 'boundary'"):
            plots.animate(model.history, tmp_path / "a.gif", what="boundry")

    def test_some_weights_are_missing(self, tmp_path):
        made = ln.Model([Input(2), Dense(2), Dense(1, "sigmoid")])
        made.compile("binary_crossentropy", "sgd")
        history = made.fit(X, Y, verbose=0, record=["dense1.W"])
        with pytest.raises(DataError, match=r"needs all weights, but dense1.b, dense2.W, dense2.b was not"):
            plots.animate(history, tmp_path / "a.gif")

    def test_not_a_plane(self, tmp_path):
        made = ln.Model([Input(3), Dense(1)])
        made.compile("mse", "sgd")
        history = made.fit(np.ones((4, 3)), np.ones(4), verbose=0, record=["weights"])
        with pytest.raises(ShapeError, match="needs a network with two inputs"):
            plots.animate(history, tmp_path / "a.gif")

    @pytest.mark.parametrize("fps", [0, -1, 51, "fast", float("nan")])
    def test_speed(self, model, tmp_path, fps):
        with pytest.raises(SettingError, match="animate: fps must be"):
            plots.animate(model.history, tmp_path / "a.gif", fps=fps)

    def test_suffixes(self, model, tmp_path, monkeypatch):
        with pytest.raises(FileError, match="no film has the suffix '.avi': use .gif"):
            plots.animate(model.history, tmp_path / "a.avi")
        monkeypatch.setenv("PATH", str(tmp_path))
        with pytest.raises(FileError, match=r"needs the program ffmpeg, which is not on the PATH.*use a.gif"):
            plots.animate(model.history, tmp_path / "a.mp4")
        monkeypatch.undo()
        with pytest.raises(FileError, match="the folder does not exist"):
            plots.animate(model.history, tmp_path / "none" / "a.gif", what="loss")


@pytest.mark.skipif(os.name == "nt", reason="the stand-in is a shell script")
def test_ffmpeg_gets_every_frame(model, tmp_path, monkeypatch):
    """A stand-in for ffmpeg, which writes the raw pixels that it is given."""
    tools = tmp_path / "tools"
    tools.mkdir()
    program = tools / "ffmpeg"
    program.write_text('#!/bin/sh\nfor last; do :; done\necho "$@" > "$0.arguments"\ncat > "$last"\n')
    program.chmod(program.stat().st_mode | stat.S_IEXEC)
    monkeypatch.setenv("PATH", f"{tools}{os.pathsep}{os.environ['PATH']}")
    film = plots.animate(model.history, tmp_path / "a.mp4", what="loss", fps=12)
    told = (tools / "ffmpeg.arguments").read_text().split()
    width, height = map(int, told[told.index("-s") + 1].split("x"))
    assert film.stat().st_size == 3 * 4 * width * height
    assert "12" in told and width % 2 == height % 2 == 0


def test_weights_are_recorded_by_one_word():
    made = ln.Model([Input(2), Dense(2), Dense(1)])
    made.compile("mse", "sgd")
    history = made.fit(X, Y, verbose=0, record="weights")
    assert list(history.steps) == ["dense1.W", "dense1.b", "dense2.W", "dense2.b"]
    net, sample = history.origin
    assert net == made.net
    np.testing.assert_allclose(sample.x, X, rtol=1e-6)
