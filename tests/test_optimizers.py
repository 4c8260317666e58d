"""Optimizers: PyTorch's numbers, purity, pieces, settings."""

import copy

import numpy as np
import pytest

from lucidnet import optimizers
from lucidnet.errors import SettingError
from lucidnet.interop.registry import registry
from lucidnet.optimizers import (
    SGD,
    Adadelta,
    Adagrad,
    Adam,
    AdamW,
    ClipGlobalNorm,
    ClipNorm,
    ClipValue,
    RMSprop,
    base,
)
from lucidnet.tree import leaves
from lucidnet.value import from_config, to_config

STEPS = 50
START = {
    "a": {"W": np.random.default_rng(0).normal(size=(3, 4)), "b": np.zeros(4)},
    "c": {"W": np.ones((2, 2))},
}


def gradient(params, step):
    """A deterministic gradient: of a stretched quadratic, and a wave that changes with the step."""
    return {
        layer: {
            name: 2 * p * np.linspace(0.1, 2, p.size).reshape(p.shape)
            + np.sin(step + np.arange(p.size)).reshape(p.shape)
            for name, p in names.items()
        }
        for layer, names in params.items()
    }


def ours(optimizer, dtype="float64"):
    params = {k: {n: a.astype(dtype) for n, a in v.items()} for k, v in START.items()}
    state = optimizer.init(params)
    for step in range(STEPS):
        grads = {k: {n: a.astype(dtype) for n, a in v.items()} for k, v in gradient(params, step).items()}
        params, state = optimizer.update(grads, state, params)
    return params


def theirs(torch, make, schedule=None, clip=None):
    tensors = {path: torch.from_numpy(a.copy()).requires_grad_() for path, a in leaves(START)}
    optimizer = make(tensors.values())
    scheduler = schedule(optimizer) if schedule else None
    for step in range(STEPS):
        params = {}
        for (layer, name), tensor in tensors.items():
            params.setdefault(layer, {})[name] = tensor.detach().numpy()
        for path, g in leaves(gradient(params, step)):
            tensors[path].grad = torch.from_numpy(g)
        if clip:
            clip(tensors.values())
        optimizer.step()
        if scheduler:
            scheduler.step()
    return {path: tensor.detach().numpy() for path, tensor in tensors.items()}


PAIRS = [
    (SGD(0.01), lambda t, p: t.optim.SGD(p, 0.01)),
    (SGD(0.01, momentum=0.9), lambda t, p: t.optim.SGD(p, 0.01, momentum=0.9)),
    (SGD(0.01, momentum=0.8, nesterov=True), lambda t, p: t.optim.SGD(p, 0.01, momentum=0.8, nesterov=True)),
    (
        SGD(0.01, momentum=0.5, weight_decay=0.1),
        lambda t, p: t.optim.SGD(p, 0.01, momentum=0.5, weight_decay=0.1),
    ),
    (Adam(), lambda t, p: t.optim.Adam(p)),
    (
        Adam(0.05, beta1=0.7, beta2=0.9, epsilon=1e-4, weight_decay=0.02),
        lambda t, p: t.optim.Adam(p, 0.05, (0.7, 0.9), 1e-4, 0.02),
    ),
    (AdamW(), lambda t, p: t.optim.AdamW(p)),
    (AdamW(0.03, weight_decay=0.2), lambda t, p: t.optim.AdamW(p, 0.03, weight_decay=0.2)),
    (RMSprop(), lambda t, p: t.optim.RMSprop(p, 0.001, alpha=0.9)),
    (RMSprop(0.01, rho=0.99, momentum=0.6), lambda t, p: t.optim.RMSprop(p, 0.01, alpha=0.99, momentum=0.6)),
    (RMSprop(0.01, weight_decay=0.1), lambda t, p: t.optim.RMSprop(p, 0.01, alpha=0.9, weight_decay=0.1)),
    (Adagrad(), lambda t, p: t.optim.Adagrad(p)),
    (
        Adagrad(0.1, decay=0.05, initial=0.3, epsilon=1e-6),
        lambda t, p: t.optim.Adagrad(p, 0.1, lr_decay=0.05, initial_accumulator_value=0.3, eps=1e-6),
    ),
    (Adadelta(), lambda t, p: t.optim.Adadelta(p)),
    (
        Adadelta(0.5, rho=0.7, epsilon=1e-3, weight_decay=0.1),
        lambda t, p: t.optim.Adadelta(p, 0.5, rho=0.7, eps=1e-3, weight_decay=0.1),
    ),
]


def test_the_table_is_complete():
    assert set(optimizers.KNOWN.values()) == {type(optimizer) for optimizer, _ in PAIRS}


@pytest.mark.parametrize(
    ("optimizer", "make"), PAIRS, ids=lambda value: str(value) if hasattr(value, "slots") else ""
)
def test_pytorch_agrees(optimizer, make):
    torch = pytest.importorskip("torch")
    expected = theirs(torch, lambda p: make(torch, p))
    for path, p in leaves(ours(optimizer)):
        np.testing.assert_allclose(p, expected[path], rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize(
    "setting", [SGD(0.02, decay=0.1), SGD(lambda step: 0.02 / (1 + 0.1 * step))], ids=["decay", "schedule"]
)
def test_decay_and_schedule_are_pytorch_lambda_lr(setting):
    torch = pytest.importorskip("torch")
    expected = theirs(
        torch,
        lambda p: torch.optim.SGD(p, 0.02),
        lambda o: torch.optim.lr_scheduler.LambdaLR(o, lambda step: 1 / (1 + 0.1 * step)),
    )
    for path, p in leaves(ours(setting)):
        np.testing.assert_allclose(p, expected[path], rtol=1e-12)


@pytest.mark.parametrize("kind", ["value", "norm", "global"])
def test_clipping_is_pytorchs(kind):
    torch = pytest.importorskip("torch")
    utils = torch.nn.utils
    limit, clip = {
        "value": (ClipValue(0.5), lambda tensors: utils.clip_grad_value_(tensors, 0.5)),
        "norm": (ClipNorm(0.7), lambda tensors: [_exactly(torch, t, 0.7) for t in tensors]),
        "global": (ClipGlobalNorm(1.5), lambda tensors: _exactly(torch, list(tensors), 1.5)),
    }[kind]
    expected = theirs(torch, lambda p: torch.optim.SGD(p, 0.05, momentum=0.9), clip=clip)
    for path, p in leaves(ours(SGD(0.05, momentum=0.9, clip=limit))):
        np.testing.assert_allclose(p, expected[path], rtol=1e-10)


def _exactly(torch, tensors, limit):
    """PyTorch's norm; its own clipping adds 1e-6 to the norm, which is not in the paper."""
    tensors = tensors if isinstance(tensors, list) else [tensors]
    norm = torch.nn.utils.get_total_norm([t.grad for t in tensors])
    for t in tensors:
        t.grad *= min(1.0, (limit / norm).item())


@pytest.mark.parametrize("optimizer", [pair[0] for pair in PAIRS], ids=str)
class TestEvery:
    """What holds for every optimizer of the table."""

    def test_update_is_pure(self, optimizer):
        params, state = copy.deepcopy(START), optimizer.init(START)
        params, state = optimizer.update(gradient(params, 0), state, params)
        grads = gradient(params, 1)
        before = copy.deepcopy((grads, state, params))
        optimizer.update(grads, state, params)
        for now, then in zip((grads, state, params), before, strict=True):
            for (_, a), (_, b) in zip(leaves(now), leaves(then), strict=True):
                np.testing.assert_array_equal(a, b)

    def test_pieces_make_no_difference(self, optimizer, monkeypatch):
        whole = ours(optimizer)
        monkeypatch.setattr(base, "PIECE", 5)
        for (_, a), (_, b) in zip(leaves(ours(optimizer)), leaves(whole), strict=True):
            np.testing.assert_array_equal(a, b)

    def test_dtype_is_kept(self, optimizer):
        assert {a.dtype for _, a in leaves(ours(optimizer, "float32"))} == {np.dtype("float32")}

    def test_it_descends(self, optimizer):
        params, state = {"p": np.array([2.0, -3.0])}, optimizer.init({"p": np.array([2.0, -3.0])})
        for _ in range(300):
            params, state = optimizer.update({"p": 2 * params["p"]}, state, params)
        assert (params["p"] ** 2).sum() < 13 * 0.9

    def test_it_is_a_value(self, optimizer):
        rebuilt = eval(repr(optimizer), vars(optimizers))
        assert rebuilt == optimizer
        assert hash(rebuilt) == hash(optimizer)
        assert from_config(to_config(optimizer), registry()) == optimizer


def test_a_bare_array_is_a_tree():
    sgd, p = SGD(0.5), np.array([1.0, 2.0])
    new, state = sgd.update(np.array([2.0, 2.0]), sgd.init(p), p)
    assert new.tolist() == [0.0, 1.0]
    assert state["step"] == 1


def test_slots_not_updated_in_place_are_kept():
    class Slow(optimizers.Optimizer):
        slots = ("sum",)

        def descend(self, p, g, slots, rate, step):
            return rate * (slots["sum"] + g), {"sum": slots["sum"] + g}

    slow, p = Slow(1.0), np.zeros(2)
    state = slow.init(p)
    for _ in range(3):
        p, state = slow.update(np.ones(2), state, p)
    assert p.tolist() == [-6, -6]
    assert state["sum"].tolist() == [3, 3]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: SGD(-1), "SGD: learning_rate must be at least 0, got -1"),
        (lambda: SGD(float("nan")), "learning_rate must be at least 0, got nan"),
        (lambda: SGD(momentum=1.0), "momentum must be at least 0 and below 1"),
        (lambda: SGD(nesterov=True), "nesterov=True needs a momentum above 0"),
        (lambda: Adam(beta2=1), "beta2 must be at least 0 and below 1"),
        (lambda: Adam(weight_decay=-1), "weight_decay must be at least 0"),
        (lambda: RMSprop(rho=2), "rho must be at least 0 and below 1"),
        (lambda: Adagrad(initial=-1), "initial must be at least 0"),
        (lambda: Adam(clip=1.0), "clip must be a Clip, got 1.0"),
        (lambda: ClipNorm(0), "the limit must be above 0"),
    ],
)
def test_settings_out_of_range(make, message):
    with pytest.raises(SettingError, match=message):
        make()


def test_numbers_of_numpy_are_numbers():
    assert SGD(np.float32(0.5)) == SGD(0.5)
    assert Adam(beta1=np.float32(0.5)) == Adam(beta1=0.5)


def test_a_limit_of_a_wrong_type():
    with pytest.raises(SettingError, match="the limit must be above 0, got 'a'"):
        ClipNorm("a")
