"""Lay a font for formulas beside the pages, so that they look alike everywhere."""

from __future__ import annotations

import importlib.util
from pathlib import Path

from fontTools.ttLib import TTFont
from sphinx.util import logging

PACKAGE, FILE = "ziamath", "fonts/STIXTwoMath-Regular.ttf"
"""STIX Two Math (SIL Open Font License), as a package on PyPI brings it."""


def lay(folder: Path) -> None:
    """Write the font as a web font; without the package formulas are set in a font of the reader's machine."""
    path = folder / "STIXTwoMath.woff"
    if path.exists():
        return
    found = importlib.util.find_spec(PACKAGE)
    if found is None or found.origin is None:
        logging.getLogger(__name__).info("no %s: formulas take the font that the reader has", PACKAGE)
        return
    font = TTFont(Path(found.origin).parent / FILE)
    font.flavor = "woff"
    folder.mkdir(parents=True, exist_ok=True)
    font.save(path)
