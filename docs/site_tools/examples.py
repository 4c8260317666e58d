"""The examples of the reference: a few lines for each class, run when the page is written."""

from __future__ import annotations

import contextlib
import io
import warnings
from typing import Any

import numpy as np

import lucidnet as ln

from .pictures import SCHEDULES


def of(page: str, name: str) -> tuple[str, str] | None:
    """Return the code of a class's example, and what it prints; None where there is none."""
    writer = WRITERS.get(page)
    code = writer(name) if writer else None
    return None if code is None else (code, run(code))


def run(code: str) -> str:
    """Run code by itself and return what it prints; a warning is an error."""
    said = io.StringIO()
    with (
        contextlib.redirect_stdout(said),
        warnings.catch_warnings(),
        np.printoptions(precision=4, suppress=True),
    ):
        warnings.simplefilter("error")
        exec(compile(code, "example", "exec"), {"__name__": "example"})
    return said.getvalue().rstrip()


def _layer(name: str) -> str | None:
    kind = getattr(ln.layers, name)
    if not isinstance(kind, type):
        return None  # a function, whose docstring has an example
    samples = list(kind.samples())
    if not samples:
        return None
    layer, shape = samples[0]
    made = _made(layer, name)
    if made is None:
        return None
    used = sorted({word for word in dir(ln.layers) if f"{word}(" in made})
    whole = name == "Embedding"
    size = (2, *shape)  # two examples
    draw = f"rng.integers(0, 5, {size})" if whole else f"rng.normal(size={size})"
    back = None if whole else 'print("back", dx.shape)'
    return _lines(
        "import numpy as np",
        "from lucidnet.backend import Stream",
        f"from lucidnet.layers import {', '.join(used)}",
        "",
        "rng = np.random.default_rng(0)",
        f"layer = {made}",
        f"params, shape = layer.init(Stream(0), {shape})",
        f"x = {draw}  # two examples",
        "y, kept = layer.forward(params, x)",
        "dx, grads = layer.backward(params, kept, y)",
        'print("in", x.shape, "out", y.shape)',
        back,
        _weights(layer, shape),
    )


def _weights(layer: Any, shape: Any) -> str | None:
    params, _ = layer.init(ln.backend.Stream(0), shape)
    flat = params and not any(isinstance(entry, dict) for entry in params.values())
    return "print({name: gradient.shape for name, gradient in grads.items()})" if flat else None


def _made(layer: Any, name: str) -> str | None:
    """Return code that makes a layer, if its text is code that does."""
    text = " ".join(repr(layer).split())
    if name == "Graph":
        return "Graph({'x': 5}, [('a', Dense(5, 'tanh'), 'x'), ('b', Add(), ('a', 'x'))], 'b')"
    if name in ("Custom",):
        return None
    space = {word: getattr(ln.layers, word) for word in dir(ln.layers) if word[0] != "_"}
    try:
        same = eval(text, space) == layer
    except Exception:  # not code
        same = False
    return text if same else None


def _loss(name: str) -> str:
    two = name in ("CategoricalCrossentropy", "KLDivergence", "CategoricalHinge")
    y, t = ("[[0.7, 0.2, 0.1], [0.2, 0.5, 0.3]]", "[[1.0, 0, 0], [0, 0, 1]]")
    if name == "SparseCategoricalCrossentropy":
        t = "[0, 2]"
    elif not two:
        y, t = "[[0.8, 0.3], [0.6, 0.1]]", "[[1.0, 0.0], [1.0, 1.0]]"
    made = f"{name}()"
    if name == "Custom":
        made = "Custom(lambda t, y: ((y - t) ** 4).mean(-1), lambda t, y: 4 * (y - t) ** 3 / t.shape[-1])"
    if name == "Joint":
        return _lines(
            "import lucidnet as ln",
            "",
            'loss = ln.losses.get({"price": "huber", "kind": "sparse_categorical_crossentropy"}, {"kind": 0.5})',
            "print(loss)",
        )
    return _lines(
        "import numpy as np",
        f"from lucidnet.losses import {name}",
        "",
        f"loss = {made}",
        f"prediction = np.array({y})",
        f"target = np.array({t})",
        "value, kept = loss.forward(prediction, target)",
        'print("loss", value.round(4))',
        'print("slope", loss.backward(kept), sep="\\n")',
    )


def _optimizer(name: str) -> str | None:
    kind = getattr(ln.optimizers, name)
    if issubclass(kind, ln.optimizers.Clip):
        return _fitted(f"ln.optimizers.SGD(0.1, clip=ln.optimizers.{name}(1.0))")
    if issubclass(kind, ln.optimizers.Constraint):
        return _fitted('"adam"', f"constraint=ln.optimizers.{name}()")
    if name == "LBFGS":
        return _fitted("ln.optimizers.LBFGS()", fit="batch_size=len(x), ", rounds=30)
    if name == "EMA":
        return _fitted("ln.optimizers.EMA(ln.optimizers.Adam(0.01), decay=0.9)")
    return _fitted(f"ln.optimizers.{name}()")


def _fitted(optimizer: str, setting: str = "", fit: str = "", rule: str = "", rounds: int = 3) -> str:
    inside = f", {setting}" if setting else ""
    return _lines(
        "import lucidnet as ln",
        "from lucidnet.layers import Dense, Input",
        "",
        '(x, y), (x_test, y_test) = ln.data.load("digits")',
        f'net = [Input(64), Dense(16, "tanh"{inside}), Dense(10, "softmax")]',
        "model = ln.Model(net, seed=0)",
        f'model.compile("categorical_crossentropy", {optimizer}, ["accuracy"]{rule})',
        f"model.fit(x, y, epochs={rounds}, {fit}verbose=0)",
        "print(model.evaluate(x_test, y_test))",
    )


def _schedule(name: str) -> str:
    schedule = SCHEDULES[name]
    made = " ".join(repr(schedule).split())
    used = sorted({word for word in SCHEDULES if f"{word}(" in made})
    return _lines(
        f"from lucidnet.optimizers.schedules import {', '.join(used)}",
        "",
        f"rate = {made}",
        "print([round(rate(step), 4) for step in (0, 10, 20, 50, 100)])",
    )


def _initializer(name: str) -> str:
    made = f"{name}().before(2.0)" if name == "Fitting" else f"{name}()"
    return _lines(
        "from lucidnet.backend import Stream",
        f"from lucidnet.initializers import {name}",
        "",
        f"draw = {made}",
        "print(draw(Stream(0), (3, 4)))",
    )


def _rule(name: str) -> str:
    if issubclass(getattr(ln.rules, name), ln.rules.TimeRule):
        return _lines(
            "import lucidnet as ln",
            "from lucidnet.layers import Dense, Input, LeakyRNN",
            "",
            "x, y = ln.data.tasks.delayed_add(64, seed=0)",
            "net = [Input(x.shape[1:]), LeakyRNN(16, tau=3.0, return_sequences=True), Dense(1)]",
            "model = ln.Model(net, seed=0)",
            f'model.compile("mse", ln.optimizers.SGD(0.05), rule=ln.rules.Rule("backprop", ln.rules.{name}()))',
            "print(model.fit(x, y, epochs=2, verbose=0))",
        )
    return _fitted("ln.optimizers.SGD(0.1)", rule=f", rule=ln.rules.{name}()", rounds=2)


def _lines(*lines: str | None) -> str:
    """Return lines below each other, without those that are None."""
    return "\n".join(line for line in lines if line is not None)


WRITERS = {
    "layers": _layer,
    "losses": _loss,
    "optimizers": _optimizer,
    "schedules": _schedule,
    "initializers": _initializer,
    "rules": _rule,
}
