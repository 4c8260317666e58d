"""A recorded training as a movie."""

from __future__ import annotations

import io
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..core import files as atomic
from ..core.settings import choice, finite, path_like, taken, text
from ..errors import FileError, optional
from .figures import WIDE, Style, picture_style, settle
from .names import folded, literal, texts_of
from .scenes import Scene, scene_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from ..training.history import History

FILMS = (".mp4", ".m4v", ".mov", ".mkv")
"""The suffixes of movies that ffmpeg writes."""
MOST_FRAMES = 300
"""The most frames drawn: of longer records they are evenly spread, including the first and last."""
DPI = 100


def animate(
    history: History,
    path: str | os.PathLike[str],
    *,
    what: str = "boundary",
    fps: float = 20,
    title: str | None = None,
    style: Style | None = None,
) -> Path:
    """Render a recorded training as a film, one frame for each recorded step, and return its path.

    Parameters
    ----------
    history : History
        What ``fit(..., record=[...])`` returned.
    path : path
        A file that ends in .gif; or in .mp4, .m4v, .mov or .mkv, if the program ffmpeg is installed.
    what : str
        What to show:

        - "boundary": the classes that a network with two inputs gives, from ``record=["weights"]``;
        - "weights", "gradients", "updates": heat maps, each on one scale for the whole film;
        - "activations": histograms of the layers' outputs;
        - "alignment": the angles between the rule's gradient and the true one, and of feedback weights;
        - "loss", or the name of another quantity: its curve over the epochs;
        - the name of something recorded, in which ``*`` stands for anything: ``"dense1.W"``.
    fps : float
        Frames per second, up to 50 in a GIF.
    title : str, optional
        The title above each frame.
    style : {"light", "dark"}, optional
        "light" or "dark"; that of matplotlib's current style if not given.

    Raises
    ------
    DataError
        If what is to be shown was not recorded.
    FileError
        If the suffix is not that of a movie, ffmpeg is missing for it, or the file cannot be written.

    Examples
    --------
    >>> import tempfile
    >>> import lucidnet as ln
    >>> model = ln.Model([ln.layers.Input(2), ln.layers.Dense(1, "sigmoid")])
    >>> model.compile("binary_crossentropy", "sgd")
    >>> x, y = ln.data.moons(32, seed=0)
    >>> history = model.fit(x, y, epochs=2, batch_size=16, record=["weights"], verbose=0)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     film = animate(history, f"{folder}/moons.gif")
    ...     film.stat().st_size > 1000
    True
    """
    path = taken("animate", "path", path, path_like())
    suffix = film_suffix(path)
    fps = taken("animate", "fps", fps, finite(above=0, most=50 if suffix == ".gif" else 240))
    what = taken("animate", "what", what, text())
    title = taken("animate", "title", title, text(optional=True))
    style = taken("animate", "style", style, choice("light", "dark", optional=True))
    optional("matplotlib.figure", "plots")
    scene = scene_of(history, what)
    with picture_style(style):
        figure, places = _stage(scene, title)
        frames = _frames(scene, figure, places)
        content = _gif(frames, figure, fps) if suffix == ".gif" else _film(frames, figure, fps, suffix)
    atomic.write(path, [content])
    return Path(path)


def film_suffix(path: str | os.PathLike[str]) -> str:
    """Return the suffix of a film's path, if it can be written on this machine; else raise.

    Raises
    ------
    FileError
        If it cannot, and what to do about it.
    """
    suffix = Path(path).suffix.lower()
    if suffix == ".gif":
        return suffix
    if suffix not in FILMS:
        raise FileError(
            f"{path}: no film has the suffix {Path(path).suffix!r}: use .gif, or .mp4 where ffmpeg is there"
        )
    writer: Any = optional("matplotlib.animation", "plots").FFMpegWriter
    if not writer.isAvailable():
        raise FileError(
            f"{path}: a film in {suffix} needs the program ffmpeg, which is not on the PATH: install it, or "
            f"use {Path(path).with_suffix('.gif').name}"
        )
    return suffix


def chosen(count: int) -> list[int]:
    """Return the indices of the frames to draw; of many, an even selection.

    Examples
    --------
    >>> chosen(4), len(chosen(10_000)), chosen(10_000)[-1]
    ([0, 1, 2, 3], 300, 9999)
    """
    if count <= MOST_FRAMES:
        return list(range(count))
    return [round(k * (count - 1) / (MOST_FRAMES - 1)) for k in range(MOST_FRAMES)]


def _stage(scene: Scene, title: str | None) -> tuple[Figure, list[Axes]]:
    """Return a figure without a window, and its axes."""
    from matplotlib.figure import Figure

    columns = min(scene.panels, scene.columns)
    rows = -(-scene.panels // columns)
    size = min(WIDE, scene.size[0] * columns), scene.size[1] * rows
    # ffmpeg's usual codec takes only even numbers of pixels.
    width, height = (2 * round(DPI * side / 2) / DPI for side in size)
    figure = Figure(figsize=(width, height), dpi=DPI, layout="constrained")
    made: Any = figure.subplots(rows, columns, squeeze=False).ravel()
    settle(made)
    for empty in made[scene.panels :]:
        empty.remove()
    if title:
        words = folded(title, figure)
        figure.set_figheight(height + 0.2 * (2 + 2 * words.count("\n")))
        literal([figure.suptitle(words, fontsize=12)])
    return figure, list(made[: scene.panels])


def _frames(scene: Scene, figure: Figure, places: list[Axes]) -> Iterator[None]:
    """Draw the frames one by one; the layout of the first is kept for all."""
    for number, frame in enumerate(chosen(scene.frames)):
        for axes in places:
            axes.clear()
        settle(places)
        scene.draw(places, frame)
        literal(texts_of(figure, places))
        if not number:
            figure.draw_without_rendering()
            figure.set_layout_engine("none")
        yield


def _gif(frames: Iterator[None], figure: Figure, fps: float) -> bytes:
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    image: Any = optional("PIL.Image", "plots")
    canvas: Any = FigureCanvasAgg(figure)
    images = []
    for _ in frames:
        canvas.draw()
        pixels = image.fromarray(np.asarray(canvas.buffer_rgba())[..., :3].copy())
        images.append(pixels.quantize(256, method=image.Quantize.FASTOCTREE, dither=image.Dither.NONE))
    # A GIF counts in hundredths of a second: the next frame makes up for the rounding of one.
    ends = [round(100 * (k + 1) / fps) for k in range(len(images))]
    durations = [10 * (end - before) for before, end in zip([0, *ends], ends, strict=False)]
    stream = io.BytesIO()
    how = {"save_all": True, "append_images": images[1:], "duration": durations, "loop": 0}
    images[0].save(stream, format="GIF", **how)
    return stream.getvalue()


def _film(frames: Iterator[None], figure: Figure, fps: float, suffix: str) -> bytes:
    writer: Any = optional("matplotlib.animation", "plots").FFMpegWriter(fps=fps)
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / f"film{suffix}"
        with writer.saving(figure, str(out), DPI):
            for _ in frames:
                writer.grab_frame()
        return out.read_bytes()
