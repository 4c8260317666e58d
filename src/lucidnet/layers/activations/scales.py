"""How much larger initial weights must be for the activation that follows them."""

from __future__ import annotations

from typing import Any

from .rectifiers import ELU, SELU, Abs, LeakyReLU, ReLU
from .sigmoidal import HardSigmoid, Sigmoid, Softplus, Softsign, Tanh
from .smooth import GELU, Mish, SiLU

SCALES: dict[type, float] = {
    **dict.fromkeys((ReLU, LeakyReLU, ELU, GELU, SiLU, Mish), 2.0),
    **dict.fromkeys((SELU, Abs), 1.0),
    **dict.fromkeys((Tanh, Softsign), 25 / 9),
    Sigmoid: 16.0,
    HardSigmoid: 36.0,
    Softplus: 4.0,
}
"""The scales by kind of activation."""


def scale(activation: Any) -> float | None:
    """Return the factor on the weight variance 1 / fan_in that an activation needs; None if unknown.

    Its square root is what others call the gain of the activation.

    ==============================  ==============  ====================================================
    activation                      scale           why
    ==============================  ==============  ====================================================
    relu, elu, gelu, silu, mish     2               half of the signal is lost (He et al. 2015,
                                                    equation 10)
    leaky_relu of slope a           2 / (1 + a^2)   the same (equation 15)
    selu, abs                       1               nothing is lost (Klambauer et al. 2017)
    tanh, softsign                  (5/3)^2         a signal of size 1 stays so; PyTorch's
                                                    `calculate_gain`. LeCun et al. 1998, section 4.4,
                                                    have 1.7159 in the function instead
    sigmoid                         4^2             the slope is 1/4 at 0; so Glorot & Bengio for
                                                    sigmoids in the tutorial of deeplearning.net
    hard_sigmoid, softplus          6^2, 2^2        their slopes are 1/6 and 1/2 at 0
    ==============================  ==============  ====================================================

    Examples
    --------
    >>> from lucidnet.layers import Linear, ReLU
    >>> scale(ReLU()), scale(Linear())
    (2.0, None)
    """
    if isinstance(activation, LeakyReLU):
        return 2 / (1 + float(activation.negative_slope) ** 2)
    return next((known for kind, known in SCALES.items() if isinstance(activation, kind)), None)
