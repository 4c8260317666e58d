"""Pictures in files: PNG, JPEG and the like, each class in a folder of its own."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ..core.calls import takes
from ..core.files import check_size, opened, reading
from ..core.settings import UnfitError, count, listed, path_like, setting, whole
from ..errors import ContentError, FileError, optional, some
from .delimited import MOST, checked_path
from .written import composed

Array = npt.NDArray[Any]

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".ppm", ".pgm")
FORMATS = ("PNG", "JPEG", "BMP", "GIF", "WEBP", "PPM")
"""The forms of files with these suffixes, by Pillow's names."""
IDLE = ("thumbs.db", "desktop.ini", "__macosx")
"""What a system puts into folders of pictures."""
PARTS = ("train", "training"), ("test", "testing", "val", "valid", "validation")
"""Names of folders with the pictures to train on, and with those to measure on."""
ALONE = "make a folder for each class in it; data.pictures reads pictures alone"


def _as_size(given: Any, owner: Any) -> tuple[int, ...]:
    numbers = listed(given)
    if len(numbers) not in (2, 3) or (len(numbers) == 3 and numbers[2] not in (1, 3)):
        raise UnfitError
    return tuple(whole(1).metadata["check"].convert(number, owner) for number in numbers)


def picture_size() -> Any:
    """Declare the size that pictures are brought to."""
    return setting(
        "(height, width), or (height, width, channels) with 1 or 3 channels", _as_size, optional=True
    )


@takes(path=path_like(), size=picture_size(), max_bytes=count(1))
def pictures(
    path: str | os.PathLike[str], *, size: Sequence[int] | None = None, max_bytes: int = MOST
) -> Array:
    """Return a picture, or all pictures of a folder in the order of their names, as numbers from 0 to 1.

    Read are PNG, JPEG, BMP, GIF (the first picture), WebP, PPM and PGM (needs Pillow, which comes with
    ``pip install 'lucidnet[plots]'``). Photos are turned as they were held; what is transparent is white. If
    all pictures are grey there is one channel, else three: red, green, blue. `read` takes a folder with a
    folder of pictures for each class.

    Parameters
    ----------
    path : path
        A picture, or a folder of pictures.
    size : (int, int) or (int, int, int), optional
        The height and width that each picture is brought to, and the number of channels (1 or 3); as
        ``model.input_shape`` has them. If not given, all must be of one size.
    max_bytes : int
        How many bytes the pictures may take, of one byte for each number.

    Returns
    -------
    array (n, height, width, channels)
        In float32.

    Raises
    ------
    FileError
        If there is none, or one cannot be read.
    ContentError
        If they are of different sizes, or there is something else in the folder.
    """
    given = checked_path(path)
    return decoded(_inside(given) if os.path.isdir(given) else [given], size, max_bytes, given)


def are_alone(path: Path) -> bool:
    """Tell whether a path is a picture, or a folder of pictures in no folders of classes."""
    if not path.is_dir():
        return path.suffix.lower() in SUFFIXES
    return not any(one.is_dir() for one in _visible(path))


def by_class(folder: Path) -> tuple[tuple[str, ...], list[Mapping[str, list[Path]]]]:
    """Return the names of the classes in a folder, and for each of its parts the files of each class.

    There are two parts, to train on and for testing, if the folder holds a folder for each of them
    (``train`` and ``test``, or the like), else one.
    """
    found = {one.name: one for one in _visible(folder) if one.is_dir()}
    lower = {name.lower(): name for name in found}
    parts = [folder]
    if len(lower) > 1 and lower.keys() <= {*PARTS[0], *PARTS[1]}:
        parts = [found[lower[name]] for names in PARTS for name in names if name in lower]
        if len(parts) != 2 or parts[0].name.lower() not in PARTS[0]:
            reason = f"holds the parts {some(sorted(found))}"
            raise ContentError(
                folder, reason, "name one of them, or leave one to train on and one to test on"
            )
    made = [_classes(part) for part in parts]
    names = tuple(made[0])
    if len(names) < 2:
        raise ContentError(parts[0], "holds the pictures of 1 class", ALONE)
    if others := [name for part in made[1:] for name in part if name not in names]:
        raise ContentError(
            parts[1], f"holds the classes {some(others)}, {parts[0]} does not", "name them alike"
        )
    return names, made


def _classes(folder: Path) -> Mapping[str, list[Path]]:
    """Return the files of each class of a folder; classes that are numbers are in the order of numbers."""
    inner = [one for one in _visible(folder) if one.is_dir()]
    if not inner:
        raise ContentError(folder, "holds the pictures of no class", ALONE)
    for one in _visible(folder):
        if one.suffix.lower() in SUFFIXES and one not in inner:
            raise ContentError(one, "lies beside the folders of the classes", "put it into that of its class")
    inner.sort(key=lambda one: int(one.name) if one.name.isdecimal() else math.inf)
    return {composed(one.name): _inside(one) for one in inner}


def _visible(folder: Path) -> list[Path]:
    """List the files and folders in a folder by name, without hidden ones."""
    try:
        found = sorted(folder.iterdir(), key=lambda one: composed(one.name))  # the same on all systems
    except OSError as error:
        raise FileError(folder, f"cannot be read ({error.strerror})", "check its permissions") from error
    return [one for one in found if not one.name.startswith(".") and one.name.lower() not in IDLE]


def _inside(folder: Path) -> list[Path]:
    """Return the pictures of a folder."""
    found = _visible(folder)
    for one in found:
        if one.suffix.lower() not in SUFFIXES or one.is_dir():
            what = "a folder" if one.is_dir() else f"no picture that is read here ({', '.join(SUFFIXES)})"
            remedy = "move it elsewhere, or name the folder around those of the classes"
            raise ContentError(one, f"is {what}, in a folder of pictures", remedy)
    if not found:
        raise ContentError(folder, "holds no pictures", "put some there, or take the folder away")
    return found


def decoded(files: Sequence[Path], size: Any, most: int, source: Path) -> Array:
    """Return the pictures in some files as an array (n, height, width, channels), from 0 to 1."""
    first = _picture(files[0], size, most)
    check_size(source, needed := len(files) * first.size, needed, most)
    made = np.empty((len(files), *first.shape), np.uint8)
    for i, file in enumerate(files):
        picture = first if i == 0 else _picture(file, size, most)
        if picture.shape != first.shape:
            theirs, ours = (" x ".join(map(str, one.shape[:2])) for one in (picture, first))
            remedy = "bring all to one size, as by size=(32, 32) of data.read and data.pictures"
            raise ContentError(file, f"is {theirs} (height, width), and {files[0].name} is {ours}", remedy)
        made[i] = picture
    if len(size or ()) < 3 and (made == made[..., :1]).all():
        made = made[..., :1]  # all are grey
    numbers = made.astype(np.float32)
    numbers /= 255
    return numbers


def _picture(file: Path, size: Any, most: int) -> Array:
    """Return a picture as bytes (height, width, channels): three, unless another number is asked for."""
    image, operations = optional("PIL.Image", "plots"), optional("PIL.ImageOps", "plots")
    with opened(file) as stream, reading(file, "a picture", "write it anew, as PNG"):
        try:
            found = image.open(stream, formats=FORMATS)
        except image.UnidentifiedImageError:
            raise FileError(file, f"is no picture of {some(FORMATS)}", "write it anew, as PNG") from None
        check_size(file, needed := 4 * found.width * found.height, needed, most)
        if found.mode[0] in "IF":
            raise ContentError(
                file, "has more than 8 bits for a number", "read it by other means, as an array"
            )
        found = operations.exif_transpose(found)
        if "A" in found.mode or "transparency" in found.info:
            found = found.convert("RGBA")
            found = image.alpha_composite(image.new("RGBA", found.size, "white"), found)
        found = found.convert("L" if size and size[2:] == (1,) else "RGB")
        if size:
            found = found.resize((size[1], size[0]), image.BILINEAR)
        made = np.asarray(found)
    return made.reshape(*made.shape[:2], -1)
