"""Networks of PyTorch, module by module."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from .. import layers
from ..layers import Input, Layer
from .parts import Moved, Theirs, gated, joined, normalized, plain, refused, two_ways

UNKNOWN = -1
"""Before the first module that tells how many axes of places there are."""
KINDS_OF_INPUT = {0: "rows of features", 1: "sequences with channels", 2: "images"}


class TorchModule(Theirs):
    """What a module of PyTorch tells of itself, at its place in a network.

    Parameters
    ----------
    module : nn.Module
        The module.
    name : str
        Its name.
    shape : shape
        The shape of one input here, where channels are last.
    places : int
        How many axes of places its input has: 2 for images, 1 for sequences with their channels first there,
        0 for rows of features.
    """

    def __init__(self, module: Any, name: str, shape: Any, places: int) -> None:
        self.module, self.shape, self.places = module, shape, places
        self.where = f"module {name!r}, {type(module).__name__}"
        tensors = {
            **dict(module.named_parameters(recurse=False)),
            **dict(module.named_buffers(recurse=False)),
        }
        self.arrays = {key: numbers(tensor) for key, tensor in tensors.items()}

    def __getattr__(self, name: str) -> Any:
        return getattr(self.module, name)

    def setting(self, name: str, usual: Any) -> Any:
        return getattr(self.module, name, usual)

    def takes(self, places: int, features: int | None = None) -> None:
        """Raise if the input is known to be of another kind, or has another number of features."""
        if self.places not in (places, UNKNOWN):
            wanted, given = KINDS_OF_INPUT[places], KINDS_OF_INPUT[self.places]
            raise refused(self.where, f"it takes {wanted}, and is given {given}")
        if features is not None and self.shape[-1] not in (features, None):
            raise refused(
                self.where,
                f"it takes {features} features or channels, and is given inputs of shape {self.shape}, whose "
                "channels are last here",
            )


def numbers(tensor: Any) -> Any:
    """Return a tensor as an array of our own, in float32 or float64."""
    tensor = tensor.detach().cpu()
    kept = not tensor.is_floating_point() or tensor.element_size() >= 4
    return (tensor if kept else tensor.float()).numpy().copy()


def converted(network: Any, shape: Any) -> tuple[Moved, tuple[str, ...] | None]:
    """Return the modules of a network in order, and None, as it does not name its classes."""
    several = list(modules(network, ""))
    shape = Input(shape).shape if shape is not None else first_shape(several)
    parts, places = [Moved(Input(shape), {})], first_places(several, shape)
    for name, module in several:
        made, places = of_module(TorchModule(module, name, shape, places))
        for part in made:
            shape = part.layer.output_shape(shape)
            parts.append(part.named(name if part.params and not name[-1:].isdigit() else ""))
    return joined(parts), None


def first_shape(several: list[tuple[str, Any]]) -> Any:
    """Return the shape of an input, as the first module that knows it tells."""
    for _, module in several:
        if type(module).__name__ == "Flatten":
            break
        if (shape := taken(module)) is not None:
            return shape
    raise refused(
        "shape", "no module tells what goes in: give the shape of one input, channels last, as (28, 28, 1)"
    )


def first_places(several: list[tuple[str, Any]], shape: Any) -> int:
    """Return how many axes of places an input has.

    Two axes may be rows of features, (time, features), or channels with places: that the first module tells
    which takes either.
    """
    if len(shape) != 2:
        return {1: 0, 3: 2}.get(len(shape), UNKNOWN)
    for _, module in several:
        kind = type(module).__name__
        if kind == "Flatten":
            break
        if kind in OF_ROWS:
            return 0
        if kind in OF_CHANNELS and getattr(module, "num_parameters", 2) > 1:
            return 1
    return UNKNOWN


OF_ROWS = ("Linear", "LSTM", "GRU", "RNN")
OF_CHANNELS = (
    *("Conv1d", "ConvTranspose1d", "MaxPool1d", "AvgPool1d", "AdaptiveAvgPool1d", "AdaptiveMaxPool1d"),
    *("BatchNorm1d", "GroupNorm", "PReLU", "Dropout1d"),
)
"""Modules that tell whether the last axis there has features, or places."""


def modules(module: Any, name: str) -> Iterator[tuple[str, Any]]:
    """Yield the modules of a network with their names, in the order in which they are called."""
    kind, seen = type(module).__name__, set()
    if kind == "Sequential" and at_home(module):
        for key, child in module._modules.items():
            for known, inner in modules(child, f"{name}.{key}" if name else key):
                if id(inner) in seen and any(True for _ in inner.parameters()):
                    raise refused(f"module {known!r}", "it stands there twice, and would share its weights")
                seen.add(id(inner))
                yield known, inner
        return
    if not at_home(module):
        raise refused(
            f"module {name!r}, {kind}" if name else kind,
            "what a class of your own computes nobody can read: convert its parts, each an nn.Sequential, "
            "and join them here",
        )
    if kind not in UNCHANGED and kind not in KINDS:
        raise refused(f"module {name!r}, {kind}", "there is no such layer here")
    yield name, module


def at_home(module: Any) -> bool:
    """Tell whether a module is one of PyTorch's own."""
    return type(module).__module__.startswith("torch.nn.modules")


def taken(module: Any) -> tuple[int | None, ...] | None:
    """Return the shape of an input of a module; None if it does not tell."""
    kind = type(module).__name__
    if kind == "Linear":
        return (module.in_features,)
    if kind == "Embedding":
        return (None,)
    if kind in ("LSTM", "GRU", "RNN"):
        return (None, module.input_size)
    if kind in ("Conv1d", "ConvTranspose1d"):
        return (None, module.in_channels)
    return (None, None, module.in_channels) if kind in ("Conv2d", "ConvTranspose2d") else None


def of_module(known: TorchModule) -> tuple[list[Moved], int]:
    """Return the layers that a module becomes, and how many axes of places their output has."""
    kind = type(known.module).__name__
    if kind in UNCHANGED:
        return [Moved(UNCHANGED[kind](known), {})], known.places
    return KINDS[kind](known)


def of_channels(known: TorchModule) -> int:
    """Return how many axes of places the input has, of a module that takes axis 1 there for the channels.

    Raises
    ------
    SettingError
        If these are time steps, of sequences whose features are last there, too.
    """
    now = len(known.shape) - 1 if known.places == UNKNOWN else known.places
    if now != len(known.shape) - 1:
        raise refused(
            known.where,
            "it takes axis 1 for the channels, and is given rows of features, where these are the time steps",
        )
    return now


def pair(value: Any, places: int) -> tuple[Any, ...]:
    """Return a setting as one for each axis."""
    return tuple(value) if isinstance(value, (tuple, list)) else (value,) * places


def linear(known: TorchModule) -> tuple[list[Moved], int]:
    """Return a dense layer."""
    if known.places > 0:
        raise refused(
            known.where, "it takes features, and is given channels before places: put Flatten before it"
        )
    known.takes(0, known.in_features)
    layer = layers.Dense(known.out_features, use_bias="bias" in known.arrays)
    return [plain(layer, W=known.arrays["weight"].T, b=known.arrays.get("bias"))], 0


def convolution(places: int, turned: bool = False) -> Callable[[TorchModule], tuple[list[Moved], int]]:
    """Return the converter of convolutions, or of transposed ones; W has its places last there."""
    kinds: dict[Any, Any] = {(1, False): layers.Conv1D, (2, False): layers.Conv2D}
    kinds |= {(1, True): layers.Conv1DTranspose, (2, True): layers.Conv2DTranspose}

    def make(known: TorchModule) -> tuple[list[Moved], int]:
        known.takes(places, known.in_channels)
        known.only(padding_mode="zeros")
        border = (
            known.padding
            if isinstance(known.padding, str)
            else tuple((n, n) for n in pair(known.padding, places))
        )
        more: dict[str, Any] = {"groups": known.groups}
        if turned:
            known.only(groups=1)
            extra = set(pair(known.output_padding, places))
            if len(extra) > 1:
                raise refused(
                    known.where, f"output_padding={known.output_padding} is not known, only one number"
                )
            more = {"output_padding": extra.pop()}
        where = known.kernel_size, known.stride, border, known.dilation
        layer: Any = kinds[places, turned](
            known.out_channels, *where, use_bias="bias" in known.arrays, **more
        )
        W = np.moveaxis(known.arrays["weight"], (0, 1), (-1, -2))
        return [plain(layer, W=W, b=known.arrays.get("bias"))], places

    return make


def batch_normalization(places: tuple[int, ...]) -> Callable[[TorchModule], tuple[list[Moved], int]]:
    """Return the converter of a normalization by running statistics."""

    def make(known: TorchModule) -> tuple[list[Moved], int]:
        now = of_channels(known)
        if now not in places:
            raise refused(known.where, f"it is given inputs of shape {known.shape}, of another kind")
        if "running_mean" not in known.arrays:
            raise refused(known.where, "track_running_stats=False: it has no running statistics")
        momentum = 0.9 if known.momentum is None else 1 - known.momentum
        layer = layers.BatchNormalization(momentum, known.eps)
        mean, variance = known.arrays["running_mean"], known.arrays["running_var"]
        return [normalized(layer, mean.shape, *scale(known), mean=mean, variance=variance)], now

    return make


def scale(known: TorchModule) -> tuple[Any, Any]:
    """Return scale and shift of a normalization; None for those that are left out."""
    return known.arrays.get("weight"), known.arrays.get("bias")


def layer_normalization(known: TorchModule) -> tuple[list[Moved], int]:
    """Return a normalization of each row of features."""
    if known.places > 0 or len(known.normalized_shape) != 1:
        raise refused(known.where, "only of the features of rows, not of images or channels before places")
    layer = layers.LayerNormalization(known.eps)
    return [normalized(layer, known.normalized_shape, *scale(known))], known.places


def group_normalization(known: TorchModule) -> tuple[list[Moved], int]:
    """Return a normalization within groups of channels."""
    layer = layers.GroupNormalization(known.num_groups, known.eps)
    return [normalized(layer, known.num_channels, *scale(known))], of_channels(known)


def pooling(places: int, kind: Any) -> Callable[[TorchModule], tuple[list[Moved], int]]:
    """Return the converter of a pooling layer."""

    def make(known: TorchModule) -> tuple[list[Moved], int]:
        known.takes(places)
        known.only(ceil_mode=False, dilation=1, return_indices=False, divisor_override=None)
        border = pair(known.padding, places)
        size, steps = pair(known.kernel_size, places), pair(known.stride, places)
        sides, nothing = tuple((n, n) for n in border), ((0, 0),) * places
        if any(border) and getattr(known.module, "count_include_pad", False):  # zeros that count are a layer
            around: Any = layers.ZeroPadding1D if places == 1 else layers.ZeroPadding2D
            return [Moved(around(sides), {}), Moved(kind(size, steps, nothing), {})], places
        return [Moved(kind(size, steps, sides), {})], places

    return make


def of_all(places: int, kind: Any) -> Callable[[TorchModule], tuple[list[Moved], int]]:
    """Return the converter of a pooling over all places, which leaves one."""

    def make(known: TorchModule) -> tuple[list[Moved], int]:
        known.takes(places)
        if set(pair(known.output_size, places)) != {1}:
            raise refused(known.where, f"output_size={known.output_size} is not known, only 1")
        return [Moved(kind(), {}), Moved(layers.Reshape((*(1,) * places, known.shape[-1])), {})], places

    return make


def flatten(known: TorchModule) -> tuple[list[Moved], int]:
    """Return a flattening, which has the channels before the places there."""
    known.only(start_dim=1, end_dim=-1)
    if None in known.shape:
        raise refused(
            "shape", "the network flattens its input: give the shape of one, (height, width, channels)"
        )
    turned = {1: (2, 1), 2: (3, 1, 2)}.get(known.places)
    return ([Moved(layers.Permute(turned), {})] if turned else []) + [Moved(layers.Flatten(), {})], 0


def embedding(known: TorchModule) -> tuple[list[Moved], int]:
    """Return a table of vectors."""
    known.only(max_norm=None)
    layer = layers.Embedding(known.num_embeddings, known.embedding_dim)
    return [plain(layer, W=known.arrays["weight"])], 0


def enlarged(known: TorchModule) -> tuple[list[Moved], int]:
    """Return an enlargement of images."""
    known.takes(2)
    factors = pair(known.scale_factor, 2)
    whole = all(factor is not None and factor == int(factor) for factor in factors)
    if known.mode not in ("nearest", "bilinear") or known.align_corners or not whole:
        raise refused(
            known.where, "only nearest and bilinear by whole factors, without align_corners, are known"
        )
    return [Moved(layers.UpSampling2D(tuple(map(int, factors)), known.mode), {})], 2


def recurrent(known: TorchModule) -> tuple[list[Moved], int]:
    """Return recurrent layers one after the other; the output is that of all times, without the states."""
    known.takes(0, known.input_size)
    known.only(batch_first=True, proj_size=0)
    known.left_out("dropout")
    several = []
    for depth in range(known.num_layers):
        names = ("", "_reverse") if known.bidirectional else ("",)
        parts = [cell(known, f"_l{depth}{name}", bool(name)) for name in names]
        several += [two_ways(parts)] if known.bidirectional else parts
    return several, 0


def cell(known: TorchModule, suffix: str, backwards: bool) -> Moved:
    """Return one recurrent layer; of a GRU the gates stand in another order there."""
    kind, units = type(known.module).__name__, known.hidden_size
    W, U = (known.arrays[f"{name}{suffix}"].T for name in ("weight_ih", "weight_hh"))
    zeros = np.zeros(W.shape[1], W.dtype)
    outside, inside = (known.arrays.get(f"{name}{suffix}", zeros) for name in ("bias_ih", "bias_hh"))
    how: dict[str, Any] = {"return_sequences": True, "go_backwards": backwards}
    if kind == "RNN":
        return plain(
            layers.SimpleRNN(units, activation=known.nonlinearity, **how), W=W, U=U, b=outside + inside
        )
    if kind == "LSTM":
        return plain(layers.LSTM(units, **how), W=W, U=U, b=outside + inside)
    W, U, outside, inside = (swapped(array, units) for array in (W, U, outside, inside))
    return gated(layers.GRU(units, **how), W, U, outside, inside)


def swapped(array: Any, units: int) -> Any:
    """Return an array with its first two gates exchanged: r, z, n as z, r, n."""
    return np.concatenate([array[..., units : 2 * units], array[..., :units], array[..., 2 * units :]], -1)


def slopes(known: TorchModule) -> tuple[list[Moved], int]:
    """Return a rectifier with learned slopes, one for each feature."""
    if known.num_parameters == 1:
        alpha = float(known.arrays["weight"][0])
        return [Moved(layers.LeakyReLU(alpha), {})], known.places
    return [plain(layers.PReLU(), alpha=known.arrays["weight"])], of_channels(known)


def over_features(kind: Callable[[], Layer]) -> Callable[[TorchModule], Layer]:
    """Return the converter of a softmax over the features."""

    def make(known: TorchModule) -> Layer:
        if known.dim not in ((1,) if known.places > 0 else (-1, len(known.shape))):
            raise refused(known.where, f"dim={known.dim}: only over the features, or channels, is known")
        return kind()

    return make


def dropped(kind: Callable[[float], Layer]) -> Callable[[TorchModule], Layer]:
    """Return the converter of a dropout of whole channels."""

    def make(known: TorchModule) -> Layer:
        of_channels(known)
        return kind(known.p)

    return make


def checked(kind: Callable[..., Layer], *names: str, **usual: Any) -> Callable[[TorchModule], Layer]:
    """Return the converter of a layer without weights whose settings mean the same."""

    def make(known: TorchModule) -> Layer:
        known.only(**usual)
        return kind(*(getattr(known.module, name) for name in names))

    return make


UNCHANGED: dict[str, Callable[[TorchModule], Layer]] = {
    "ReLU": checked(layers.ReLU),
    "LeakyReLU": checked(layers.LeakyReLU, "negative_slope"),
    "ELU": checked(layers.ELU, "alpha"),
    "SELU": checked(layers.SELU),
    "GELU": checked(layers.GELU, approximate="none"),
    "SiLU": checked(layers.SiLU),
    "Mish": checked(layers.Mish),
    "Tanh": checked(layers.Tanh),
    "Sigmoid": checked(layers.Sigmoid),
    "Softplus": checked(layers.Softplus, beta=1.0, threshold=20.0),
    "Softsign": checked(layers.Softsign),
    "Hardsigmoid": checked(layers.HardSigmoid),
    "Softmax": over_features(layers.Softmax),
    "LogSoftmax": over_features(layers.LogSoftmax),
    "Dropout": checked(layers.Dropout, "p"),
    "Dropout1d": dropped(layers.SpatialDropout1D),
    "Dropout2d": dropped(layers.SpatialDropout2D),
    "Identity": checked(layers.Linear),
}
"""Modules that leave the shape as it is."""

KINDS: dict[str, Callable[[TorchModule], tuple[list[Moved], int]]] = {
    "Linear": linear,
    "Conv1d": convolution(1),
    "Conv2d": convolution(2),
    "ConvTranspose1d": convolution(1, turned=True),
    "ConvTranspose2d": convolution(2, turned=True),
    "BatchNorm1d": batch_normalization((0, 1)),
    "BatchNorm2d": batch_normalization((2,)),
    "LayerNorm": layer_normalization,
    "GroupNorm": group_normalization,
    "MaxPool1d": pooling(1, layers.MaxPooling1D),
    "MaxPool2d": pooling(2, layers.MaxPooling2D),
    "AvgPool1d": pooling(1, layers.AveragePooling1D),
    "AvgPool2d": pooling(2, layers.AveragePooling2D),
    "AdaptiveAvgPool1d": of_all(1, layers.GlobalAveragePooling1D),
    "AdaptiveAvgPool2d": of_all(2, layers.GlobalAveragePooling2D),
    "AdaptiveMaxPool1d": of_all(1, layers.GlobalMaxPooling1D),
    "AdaptiveMaxPool2d": of_all(2, layers.GlobalMaxPooling2D),
    "Flatten": flatten,
    "Embedding": embedding,
    "Upsample": enlarged,
    "LSTM": recurrent,
    "GRU": recurrent,
    "RNN": recurrent,
    "PReLU": slopes,
}
"""What makes ours of theirs, by class."""
