"""The fully connected layer."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, ClassVar

from .. import initializers
from ..backend import Array, Shape, Stream, Tree
from ..core.settings import flag, named, setting, text, whole
from ..core.types import Named
from ..core.value import value
from ..errors import SettingError
from ..initializers import Initializer
from . import activations
from .base import INFERENCE, Cache, Layer, Run, Samples, features


@value
class Dense(Layer):
    """Fully connected layer: y = f(x W + b).

    With z = x W + b and dz = dy f'(z), over the n rows of the batch::

        dW = x^T dz        db = sum_n dz        dx = dz W^T

    (Rumelhart, Hinton & Williams 1986, equations 5 to 7.)

    Parameters
    ----------
    units : int
        Number of outputs.
    activation : str or Layer
        The function f, by name or as a layer.
    use_bias : bool
        Whether to add a bias b.
    initializer, bias_initializer : str or Initializer
        Initial values of W (inputs, units) and b (units,). By default W fits the activation: He's normal
        distribution for rectifiers, a wider one for saturating functions, Glorot's uniform one without
        activation (see `initializers.Fitting`); b is 0.
    tied : str, optional
        The name of a layer beside it in the same `Sequential` or `Graph`, an `Embedding` or another `Dense`,
        whose weights V (units, inputs) it uses, transposed: W = V^T, and V learns from both (Press & Wolf
        2017, "Using the output embedding to improve language models"). Only b is then its own.

    Examples
    --------
    >>> layer = Dense(2)
    >>> params, shape = layer.init(Stream(0), (3,))
    >>> params["W"].shape, params["b"].shape, shape
    ((3, 2), (2,), (2,))
    """

    units: int = whole(1)
    activation: Named[Layer] = setting(activations.ONE, activations.inside, default=activations.Linear())
    use_bias: bool = flag(default=True)
    initializer: Named[Initializer] = named(initializers, default=initializers.Fitting())
    bias_initializer: Named[Initializer] = named(initializers, default=initializers.Constant())
    tied: str | None = text(default=None, optional=True, kw_only=True)

    transport: ClassVar[tuple[str, ...]] = ("W",)

    def __post_init__(self) -> None:
        super().__post_init__()
        vars(self)["asks"] = self.activation.asks
        if self.tied is None:
            return
        vars(self)["tied_to"] = self.tied
        given = [name for name in ("l1", "l2", "constraint") if getattr(self, name) is not None]
        given += ["initializer"] if self.initializer != initializers.Fitting() else []
        if given:
            raise SettingError(
                f"Dense: {given[0]} has no effect on weights of another layer, tied={self.tied!r}: "
                "set it there"
            )

    def output_shape(self, shape: Any) -> Any:
        features(self, shape)
        return (*shape[:-1], self.units)

    def init(self, rng: Stream, shape: Shape) -> tuple[Tree, Shape]:
        out = self.output_shape(shape)
        params = {}
        if self.tied is None:
            first = self.initializer.before(activations.scale(self.activation))
            params["W"] = first(rng.child("W"), (shape[-1], self.units))
        if self.use_bias:
            params["b"] = self.bias_initializer(rng.child("b"), (self.units,))
        return params, out

    def forward(self, params: Tree, x: Array, run: Run = INFERENCE) -> tuple[Array, Cache]:
        rows = x.reshape(-1, x.shape[-1])  # one product over all rows, also of sequences and images
        z = rows @ params["W"]
        if self.use_bias:
            z += params["b"]
        y, kept = self.activation.forward({}, z.reshape(*x.shape[:-1], self.units), run)
        return y, (rows, kept)

    def backward(self, params: Tree, cache: Cache, dy: Array, need_dx: bool = True) -> tuple[Array, Tree]:
        rows, kept = cache
        dz, _ = self.activation.backward({}, kept, dy)
        deltas = dz.reshape(-1, self.units)
        grads = {"W": rows.T @ deltas}
        if self.use_bias:
            grads["b"] = deltas.sum(0)
        dx = (deltas @ params["W"].T).reshape(*dz.shape[:-1], -1) if need_dx else None
        return dx, grads

    def split_activation(self) -> tuple[Layer, Layer | None]:
        return replace(self, activation=activations.Linear()), self.activation

    @classmethod
    def samples(cls) -> Samples:
        yield cls(3), (5,)
        yield cls(3, "tanh", use_bias=False), (4, 5)
