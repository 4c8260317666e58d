"""Parts of networks that come from elsewhere: layers with their weights."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from ..backend import Tree
from ..errors import SettingError
from ..layers import Layer, Sequential


class Moved(NamedTuple):
    """A layer, and its weights."""

    layer: Layer
    params: Tree

    def named(self, name: str) -> Moved:
        """Return the part under another name, if a layer can have it."""
        return self if not name or "/" in name else Moved(replace(self.layer, name=name), self.params)


def joined(parts: Sequence[Moved]) -> Moved:
    """Return parts one after the other."""
    net = Sequential([part.layer for part in parts])
    several = zip(net.layers, parts, strict=True)
    return Moved(net, {layer.name: part.params for layer, part in several})


def plain(layer: Layer, **arrays: Any) -> Moved:
    """Return a layer without inner layers; arrays that are None are left out."""
    return Moved(layer, {name: np.asarray(array) for name, array in arrays.items() if array is not None})


def refused(where: str, why: str) -> SettingError:
    """Return the error that tells what cannot be converted."""
    return SettingError(f"convert: {where}: {why}")
