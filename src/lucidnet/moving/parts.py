"""Parts of networks that come from elsewhere: layers with their weights."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from ..backend import Tree
from ..errors import InexactWarning, SettingError, outside
from ..layers import GRU, Bidirectional, Layer, Sequential


class Moved(NamedTuple):
    """A layer, and its weights."""

    layer: Layer
    params: Tree

    def named(self, name: str) -> Moved:
        """Return the part under another name, if a layer can have it."""
        return self if not name or "/" in name else Moved(replace(self.layer, name=name), self.params)


class Theirs:
    """A layer of another library, and where it stands."""

    where: str

    def setting(self, name: str, usual: Any) -> Any:
        """Return a setting; the usual one where the layer has none of that name."""
        raise NotImplementedError

    def only(self, **usual: Any) -> None:
        """Raise if a setting is another one than the only one that is known here."""
        for name, value in usual.items():
            given = self.setting(name, value)
            if given != value:
                raise refused(self.where, f"{name}={given!r} is not known, only {value!r}")

    def left_out(self, *names: str) -> None:
        """Warn of settings that act in training alone, and that are not known here."""
        for name in names:
            if given := self.setting(name, None):
                said = f"convert: {self.where}: {name}={given!r} acts in training, and is left out"
                warnings.warn(said, InexactWarning, stacklevel=outside())


def joined(parts: Sequence[Moved]) -> Moved:
    """Return parts one after the other."""
    net = Sequential([part.layer for part in parts])
    several = zip(net.layers, parts, strict=True)
    return Moved(net, {layer.name: part.params for layer, part in several})


def plain(layer: Layer, **arrays: Any) -> Moved:
    """Return a layer without inner layers; arrays that are None are left out."""
    return Moved(layer, {name: np.asarray(array) for name, array in arrays.items() if array is not None})


def normalized(layer: Layer, shape: Any, gamma: Any, beta: Any, **more: Any) -> Moved:
    """Return a normalization; its scale and shift, of some shape, are None where they are left out."""
    gamma = np.ones(shape, "float32") if gamma is None else gamma
    return plain(layer, gamma=gamma, beta=np.zeros_like(gamma) if beta is None else beta, **more)


def gated(layer: GRU, W: Any, U: Any, outside: Any, inside: Any) -> Moved:
    """Return a GRU, whose two biases are one sum here but at the last of the three gates."""
    gates = 2 * layer.units
    b = np.concatenate([outside[:gates] + inside[:gates], outside[gates:]])
    return plain(layer, W=W, U=U, b=b, c=inside[gates:])


def two_ways(parts: Sequence[Moved], merge: str = "concat") -> Moved:
    """Return a recurrent layer forwards, and one of its kind backwards."""
    forward, backward = parts
    layer = Bidirectional(forward.layer, merge)  # type: ignore[arg-type]
    return Moved(layer, {"forward": forward.params, "backward": backward.params})


def refused(where: str, why: str) -> SettingError:
    """Return the error that tells what cannot be converted."""
    return SettingError(f"convert: {where}: {why}")
