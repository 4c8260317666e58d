"""Networks of Keras, layer by layer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .. import layers
from ..layers import Graph, Input, Layer, LeakyReLU
from .parts import Moved, Theirs, gated, joined, normalized, plain, refused, two_ways

ACTIVATIONS: dict[str, Any] = {
    name: name
    for name in [
        "linear",
        "relu",
        "sigmoid",
        "tanh",
        "softmax",
        "log_softmax",
        "elu",
        "selu",
        "softplus",
        "softsign",
        "exponential",
        "gelu",
        "silu",
        "mish",
        "hard_sigmoid",
    ]
} | {"swish": "silu", "leaky_relu": LeakyReLU(0.2)}
"""Ours by their names."""


class KerasLayer(Theirs):
    """What a layer of Keras tells of itself.

    Parameters
    ----------
    layer : keras.Layer
        The layer.
    """

    def __init__(self, layer: Any) -> None:
        self.layer, self.config = layer, layer.get_config()
        self.where = place(layer)
        arrays = [np.asarray(array) for array in layer.get_weights()]
        self.arrays = arrays
        self.weights = {weight.name: array for weight, array in zip(layer.weights, arrays, strict=True)}

    def __getitem__(self, name: str) -> Any:
        given = self.config[name]
        return tuple(given) if isinstance(given, list) else given

    def setting(self, name: str, usual: Any) -> Any:
        return self.config.get(name, usual)

    @property
    def activation(self) -> Any:
        """The activation, as ours."""
        given = self.config["activation"]
        if not isinstance(given, str) or given not in ACTIVATIONS:
            raise refused(self.where, f"the activation {given!r} is not known: {', '.join(ACTIVATIONS)}")
        return ACTIVATIONS[given]


def place(layer: Any) -> str:
    """Return what a layer is called where something is wrong with it."""
    return f"layer {layer.name!r}, {type(layer).__name__}"


def converted(network: Any, shape: Any) -> tuple[Moved, tuple[str, ...] | None]:
    """Return the layers of a model, and None, as it does not name its classes."""
    if shape is not None:
        raise refused("shape", "a network of Keras knows its own: leave it out")
    return of_model(network), None


def of_model(model: Any) -> Moved:
    """Return a model: its layers in order, or as a graph."""
    where = f"model {model.name!r}"
    if not model.built:
        raise refused(where, "it has no weights yet: begin it with keras.Input, or call it once")
    if type(model).__name__ == "Sequential":
        return joined([Moved(Input(model.input_shape[1:]), {}), *map(of_layer, model.layers)])
    if not hasattr(model, "_nodes_by_depth"):
        raise refused(where, f"{type(model).__name__} is a class of your own, whose call nobody can read")
    return of_graph(model)


def of_graph(model: Any) -> Moved:
    """Return a functional model as a graph."""
    names: dict[Any, str] = {}
    inputs = {}
    for tensor in model.inputs:
        name = tensor._keras_history.operation.name
        names[id(tensor)] = name
        inputs[name] = tuple(tensor.shape[1:])
    nodes: list[Any] = []
    params: dict[str, Any] = {}
    for depth in sorted(model._nodes_by_depth, reverse=True):
        for node in model._nodes_by_depth[depth]:
            if node.is_input:
                continue
            layer = node.operation
            sources = [names[id(tensor)] for tensor in node.input_tensors]
            if type(layer).__name__ == "MultiHeadAttention":
                sources = sources[:1] if sources[0] == sources[1] else sources[:2]
            again = layer.name in params
            name = f"{layer.name}_{len(nodes)}" if again else layer.name
            part = of_call(layer, node)
            if not again:
                params[name] = part.params
            nodes.append(
                (
                    name,
                    layer.name if again else part.layer,
                    sources[0] if len(sources) == 1 else tuple(sources),
                )
            )
            for tensor in node.output_tensors:
                names[id(tensor)] = name
    outputs = [names[id(tensor)] for tensor in model.outputs]
    return Moved(Graph(inputs, nodes, outputs if len(outputs) > 1 else outputs[0]), params)


def of_call(layer: Any, node: Any) -> Moved:
    """Return a layer as it is called at one place of a graph."""
    where = place(layer)
    tensors, told = node.input_tensors, {k: v for k, v in node.arguments.kwargs.items() if v is not None}
    if len(node.output_tensors) != 1:
        raise refused(where, f"it has {len(node.output_tensors)} outputs, here each has one")
    if "keras.src.ops" in type(layer).__module__ and (
        len(tensors) != 2 or tensors[0].shape[1:] != tensors[1].shape[1:]
    ):
        raise refused(where, "operations are known of two arrays of one shape alone: use layers")
    if type(layer).__name__ != "MultiHeadAttention":
        return of_layer(layer)
    _, value, *key = tensors
    if key and key[0] is not value:
        raise refused(where, "keys and values of two sequences are not known, only of one")
    return attention(KerasLayer(layer), causal=bool(told.get("use_causal_mask", False)))


def of_layer(layer: Any) -> Moved:
    """Return one layer with its weights."""
    kind, where = type(layer).__name__, place(layer)
    if hasattr(layer, "layers") and hasattr(layer, "inputs"):
        if len(layer.inputs) > 1:
            raise refused(where, "a network inside that has several inputs is not known")
        return of_model(layer).named(layer.name)
    if kind in SUMS and type(layer).__module__.startswith("keras.src.ops"):
        return Moved(SUMS[kind](), {}).named(layer.name)
    if not type(layer).__module__.startswith(("keras.src.layers", "keras.layers", "tf_keras")):
        raise refused(where, "this is no layer of keras.layers: what it computes is not known")
    if kind not in KINDS:
        raise refused(where, "there is no such layer here")
    return KINDS[kind](KerasLayer(layer)).named(layer.name)


def same(kind: Any, *settings: str, **only: Any) -> Callable[[KerasLayer], Moved]:
    """Return the converter of a layer without weights whose settings mean the same."""

    def make(known: KerasLayer) -> Moved:
        known.only(**only)
        return Moved(kind(*(known[name] for name in settings)), {})

    return make


def dense(known: KerasLayer) -> Moved:
    """Return a dense layer."""
    known.only(lora_rank=None, quantization_config=None)
    return weighted(known, layers.Dense(known["units"], known.activation, known["use_bias"]))


def weighted(known: KerasLayer, layer: Layer) -> Moved:
    """Return a layer with a kernel, and a bias if there is one."""
    return plain(layer, W=known.weights["kernel"], b=known.weights.get("bias"))


def windows(known: KerasLayer) -> tuple[Any, ...]:
    """Return where the windows of a convolution lie."""
    known.only(data_format="channels_last")
    return known["kernel_size"], known["strides"], known["padding"], known["dilation_rate"]


def ending(known: KerasLayer) -> dict[str, Any]:
    """Return what a convolution does at its end."""
    return {"activation": known.activation, "use_bias": known["use_bias"]}


def convolution(kind: Any) -> Callable[[KerasLayer], Moved]:
    """Return the converter of a convolution."""

    def make(known: KerasLayer) -> Moved:
        known.only(output_padding=None)  # of transposed ones
        more = {} if "Transpose" in kind.__name__ else {"groups": known["groups"]}
        return weighted(known, kind(known["filters"], *windows(known), **ending(known), **more))

    return make


def by_channel(kind: Any) -> Callable[[KerasLayer], Moved]:
    """Return the converter of a convolution of each channel by itself."""

    def make(known: KerasLayer) -> Moved:
        layer = kind(*windows(known), multiplier=known["depth_multiplier"], **ending(known))
        return weighted(known, layer)

    return make


def separable(kind: Any) -> Callable[[KerasLayer], Moved]:
    """Return the converter of a convolution of each channel by itself, followed by one of all channels."""

    def make(known: KerasLayer) -> Moved:
        where = known["filters"], *windows(known)
        layer = kind(*where, multiplier=known["depth_multiplier"], **ending(known))
        first, second, *b = known.arrays
        return Moved(
            layer, {"depthwise": {"W": first}, "pointwise": {"W": second} | ({"b": b[0]} if b else {})}
        )

    return make


def scaled(known: KerasLayer, layer: Layer, **more: Any) -> Moved:
    """Return a normalization; its arrays, all of one shape, tell how many features there are."""
    gamma, beta = known.weights.get("gamma"), known.weights.get("beta")
    if not known.arrays:
        raise refused(known.where, "center=False and scale=False: how many features there are is not known")
    return normalized(layer, known.arrays[0].shape, gamma, beta, **more)


def batch_normalization(known: KerasLayer) -> Moved:
    """Return a normalization by running statistics."""
    layer = layers.BatchNormalization(known["momentum"], known["epsilon"], axis=known["axis"])
    mean, variance = known.weights["moving_mean"], known.weights["moving_variance"]
    return scaled(known, layer, mean=mean, variance=variance)


def layer_normalization(known: KerasLayer) -> Moved:
    """Return a normalization of each example."""
    known.only(rms_scaling=False)
    return scaled(known, layers.LayerNormalization(known["epsilon"], known["axis"]))


def group_normalization(known: KerasLayer) -> Moved:
    """Return a normalization within groups."""
    layer = layers.GroupNormalization(known["groups"], known["epsilon"], axis=known["axis"])
    return scaled(known, layer)


def embedding(known: KerasLayer) -> Moved:
    """Return a table of vectors."""
    layer = layers.Embedding(known["input_dim"], known["output_dim"], known["mask_zero"])
    return plain(layer, W=known.weights["embeddings"])


def recurrent(kind: Any) -> Callable[[KerasLayer], Moved]:
    """Return the converter of a recurrent layer."""

    def make(known: KerasLayer, alone: bool = True) -> Moved:
        known.only(return_state=False)
        known.left_out("dropout", "recurrent_dropout")
        if kind is not layers.SimpleRNN:
            known.only(activation="tanh", recurrent_activation="sigmoid", reset_after=True)
        if alone and known["go_backwards"] and known["return_sequences"]:
            raise refused(known.where, "going backwards, Keras returns the sequence turned around")
        settings = known["units"], known["return_sequences"], known["go_backwards"], known["stateful"]
        more: dict[str, Any] = {"activation": known.activation} if kind is layers.SimpleRNN else {}
        layer = kind(*settings, **more)
        W, U, *b = known.arrays
        bias = b[0] if b else np.zeros(W.shape[1], W.dtype)
        if kind is not layers.GRU:
            return plain(layer, W=W, U=U, b=bias)
        outside, inside = bias if bias.ndim == 2 else (bias, np.zeros_like(bias))
        return gated(layer, W, U, outside, inside)

    return make


def both_ways(known: KerasLayer) -> Moved:
    """Return a recurrent layer forwards, and one backwards."""
    inner, merge = known.layer.forward_layer, known["merge_mode"]
    if merge not in ("concat", "sum", "mul"):
        raise refused(known.where, f"merge_mode={merge!r} is not known: concat, sum, mul")
    kind = type(inner).__name__
    if kind not in RECURRENT or type(known.layer.backward_layer).__name__ != kind:
        raise refused(known.where, f"of {kind}: only LSTM, GRU and SimpleRNN, both ways the same, are known")
    several = [RECURRENT[kind](KerasLayer(each), False) for each in (inner, known.layer.backward_layer)]
    return two_ways(several, merge)


def each_time(known: KerasLayer) -> Moved:
    """Return a layer at each time step."""
    inner = of_layer(known.layer.layer)
    return Moved(layers.TimeDistributed(inner.layer), {"layer": inner.params})


def attention(known: KerasLayer, causal: bool = False) -> Moved:
    """Return attention; a bias of keys changes no weight, and is left out."""
    known.only(output_shape=None)
    if known.config.get("attention_axes") not in (None, (1,), [1]):
        raise refused(known.where, "attention_axes: only over time, the first axis of a sequence, is known")
    heads, size, arrays = known["num_heads"], known["key_dim"], known.arrays
    if known["value_dim"] not in (None, size):
        raise refused(
            known.where, f"value_dim={known['value_dim']} is not known: only that of the keys, {size}"
        )
    step = 2 if known["use_bias"] else 1
    several = dict(zip(("query", "key", "value", "out"), arrays[::step], strict=True))
    flat: dict[str, Any] = {
        f"W_{name}": W.reshape(len(W), -1) for name, W in several.items() if name != "out"
    }
    flat["W_out"] = several["out"].reshape(-1, several["out"].shape[-1])
    biases = dict(zip(("query", "key", "value", "out"), arrays[1::step] if step == 2 else [], strict=False))
    flat |= {f"b_{name}": b.reshape(-1) for name, b in biases.items() if name != "key"}
    layer = layers.MultiHeadAttention(heads, size, causal, known["dropout"], known["use_bias"])
    return plain(layer, **flat)


def rectifier(known: KerasLayer) -> Moved:
    """Return a ReLU, or one that leaks."""
    known.only(max_value=None, threshold=0.0)
    slope = float(known["negative_slope"])
    return Moved(LeakyReLU(slope) if slope else layers.ReLU(), {})


def learned_slopes(known: KerasLayer) -> Moved:
    """Return a rectifier with learned slopes."""
    alpha = known.weights["alpha"]
    if alpha.size != alpha.shape[-1]:
        raise refused(
            known.where, f"slopes of shape {alpha.shape}: only one for each feature, shared over places"
        )
    return plain(layers.PReLU(), alpha=alpha.reshape(-1))


def activated(known: KerasLayer) -> Moved:
    """Return an activation as a layer."""
    return Moved(layers.activations.get(known.activation), {})


def standardized(known: KerasLayer) -> Moved:
    """Return a standardization with fixed means and variances."""
    known.only(invert=False)
    mean, variance = (np.ravel(np.asarray(getattr(known.layer, name))) for name in ("mean", "variance"))
    return Moved(layers.Normalization(known["axis"], mean.tolist(), variance.tolist()), {})


RECURRENT: dict[str, Callable[..., Moved]] = {
    "LSTM": recurrent(layers.LSTM),
    "GRU": recurrent(layers.GRU),
    "SimpleRNN": recurrent(layers.SimpleRNN),
}
SUMS: dict[str, type[Layer]] = {
    "Add": layers.Add,
    "Subtract": layers.Subtract,
    "Multiply": layers.Multiply,
    "Maximum": layers.Maximum,
    "Minimum": layers.Minimum,
}
"""Layers that join others, and are operations, too."""
LAST = {"data_format": "channels_last"}
POOLED = ("pool_size", "strides", "padding")
KINDS: dict[str, Callable[[KerasLayer], Moved]] = {
    "Dense": dense,
    "Conv1D": convolution(layers.Conv1D),
    "Conv2D": convolution(layers.Conv2D),
    "Conv1DTranspose": convolution(layers.Conv1DTranspose),
    "Conv2DTranspose": convolution(layers.Conv2DTranspose),
    "DepthwiseConv1D": by_channel(layers.DepthwiseConv1D),
    "DepthwiseConv2D": by_channel(layers.DepthwiseConv2D),
    "SeparableConv1D": separable(layers.SeparableConv1D),
    "SeparableConv2D": separable(layers.SeparableConv2D),
    "BatchNormalization": batch_normalization,
    "LayerNormalization": layer_normalization,
    "GroupNormalization": group_normalization,
    "Embedding": embedding,
    "Bidirectional": both_ways,
    "TimeDistributed": each_time,
    "MultiHeadAttention": attention,
    "ReLU": rectifier,
    "PReLU": learned_slopes,
    "Activation": activated,
    "Normalization": standardized,
    "LeakyReLU": same(LeakyReLU, "negative_slope"),
    "ELU": same(layers.ELU, "alpha"),
    "Softmax": same(layers.Softmax, "axis"),
    "Dropout": same(layers.Dropout, "rate", noise_shape=None),
    "SpatialDropout1D": same(layers.SpatialDropout1D, "rate"),
    "SpatialDropout2D": same(layers.SpatialDropout2D, "rate", **LAST),
    "GaussianNoise": same(layers.GaussianNoise, "stddev"),
    "Flatten": same(layers.Flatten, **LAST),
    "Reshape": same(layers.Reshape, "target_shape"),
    "Permute": same(layers.Permute, "dims"),
    "RepeatVector": same(layers.RepeatVector, "n"),
    "Masking": same(layers.Masking, "mask_value"),
    "Rescaling": same(layers.Rescaling, "scale", "offset"),
    "MaxPooling1D": same(layers.MaxPooling1D, *POOLED, **LAST),
    "MaxPooling2D": same(layers.MaxPooling2D, *POOLED, **LAST),
    "AveragePooling1D": same(layers.AveragePooling1D, *POOLED, **LAST),
    "AveragePooling2D": same(layers.AveragePooling2D, *POOLED, **LAST),
    "GlobalAveragePooling1D": same(layers.GlobalAveragePooling1D, keepdims=False, **LAST),
    "GlobalAveragePooling2D": same(layers.GlobalAveragePooling2D, keepdims=False, **LAST),
    "GlobalMaxPooling1D": same(layers.GlobalMaxPooling1D, keepdims=False, **LAST),
    "GlobalMaxPooling2D": same(layers.GlobalMaxPooling2D, keepdims=False, **LAST),
    "UpSampling1D": same(layers.UpSampling1D, "size"),
    "UpSampling2D": same(layers.UpSampling2D, "size", "interpolation", **LAST),
    "ZeroPadding1D": same(layers.ZeroPadding1D, "padding", **LAST),
    "ZeroPadding2D": same(layers.ZeroPadding2D, "padding", **LAST),
    "Cropping1D": same(layers.Cropping1D, "cropping"),
    "Cropping2D": same(layers.Cropping2D, "cropping", **LAST),
    "Average": same(layers.Average),
    "Concatenate": lambda known: Moved(layers.Concatenate(axis=known["axis"]), {}),
    "Dot": lambda known: Moved(layers.Dot(axes=known["axes"], normalize=known["normalize"]), {}),
    **{name: same(kind) for name, kind in SUMS.items()},
    **RECURRENT,
}
"""What makes ours of theirs, by class."""
