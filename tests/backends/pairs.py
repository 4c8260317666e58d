"""The same training on NumPy and on JAX, and what must agree after it: all that is left, to 1e-10."""

import numpy as np

import lucidnet as ln
from lucidnet.tree import Layout, leaves

TOLERANCE = 1e-10


def trained(
    layers,
    backend,
    *,
    x,
    y,
    loss="categorical_crossentropy",
    optimizer="adam",
    rule="backprop",
    metrics=(),
    loss_weights=None,
    **fit,
):
    """A model in float64 after 20 steps, if there are 40 examples."""
    model = ln.Model(layers, seed=3, dtype="float64", backend=backend)
    model.compile(loss, optimizer, metrics, loss_weights, rule)
    brings_batches = y is None
    model.fit(x, y, verbose=0, **({"epochs": 4} | ({} if brings_batches else {"batch_size": 8}) | fit))
    return model


def both(layers, *, use=False, **settings):
    """Train on both and compare; `use` says whether to compare evaluation and prediction, too."""
    plain, fast = (trained(layers, backend, **settings) for backend in ("numpy", "jax"))
    same_state(plain, fast)
    same_history(plain, fast)
    if use:
        x, y = settings["x"], settings["y"]
        one, two = (model.evaluate(x, y) for model in (plain, fast))
        close({k: v for k, v in two.items()}, dict(one), "evaluate: ")
        close(fast.predict(x), plain.predict(x), "predict")
    return plain, fast


def same_state(plain, fast):
    """Compare weights, buffers, feedback weights, carried states and the optimizer's memory."""
    one, two = plain.state, fast.state
    assert (one.step, one.vector.dtype) == (two.step, two.vector.dtype)
    close(fast.params, plain.params, "params ")
    close(fast.feedback, plain.feedback, "feedback ")
    close(two.memory, one.memory, "optimizer's ")
    close(two.feedback.memory, one.feedback.memory, "optimizer's, of feedback: ")
    close(two.carried or {}, one.carried or {}, "carried ")


def same_history(plain, fast):
    """Compare what each epoch measured, and what was noted at single steps."""
    assert list(plain.history) == list(fast.history)
    for name, values in plain.history.items():
        close(fast.history[name], values, f"history of {name}")
    assert list(plain.history.steps) == list(fast.history.steps)
    for name, pairs in plain.history.steps.items():
        steps, values = zip(*pairs, strict=True)
        fast_steps, fast_values = zip(*fast.history.steps[name], strict=True)
        assert steps == fast_steps, name
        close(dict(enumerate(fast_values)), dict(enumerate(values)), f"{name}, recorded: ")


def close(one, two, what=""):
    """Compare two arrays, or two trees of them, each relative to its largest entry."""
    one, two = dict(leaves(one)), dict(leaves(two))
    assert one.keys() == two.keys()
    errors = {what + ".".join(map(str, path)): error(array, two[path]) for path, array in one.items()}
    wrong = {name: e for name, e in errors.items() if not e <= TOLERANCE}
    assert not wrong


def error(one, two):
    """The largest difference, relative to the largest entry (or to 1e-3, if all are smaller)."""
    one, two = np.asarray(one), np.asarray(two)
    assert one.shape == two.shape
    return float(np.abs(one - two).max(initial=0) / max(np.abs(two).max(initial=0), 1e-3))


def flat(tree):
    return Layout.of(tree).ravel(tree)


def together(parts, agree):
    """Test parts in one network, to save compilations; if they disagree, each alone, to name the culprits."""
    try:
        agree(parts)
    except Exception as error:
        culprits = [str(part) for part in parts if len(parts) > 1 and _fails(agree, part)]
        raise AssertionError(f"alone these fail, too: {culprits}") from error


def _fails(agree, part):
    try:
        agree([part])
    except Exception:
        return True
    return False
