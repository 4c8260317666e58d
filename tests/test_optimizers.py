"""Optimizers: PyTorch's numbers, purity, pieces, settings."""

import copy
import math
from contextlib import contextmanager
from unittest import mock

import numpy as np
import pytest

from lucidnet import optimizers
from lucidnet.core.value import from_config, to_config
from lucidnet.errors import SettingError
from lucidnet.interop.registry import registry
from lucidnet.optimizers import (
    EMA,
    LAMB,
    LBFGS,
    SGD,
    Adadelta,
    Adagrad,
    Adam,
    Adamax,
    AdamW,
    ClipGlobalNorm,
    ClipNorm,
    ClipValue,
    Lion,
    MaxNorm,
    Muon,
    Nadam,
    NonNegative,
    RMSprop,
    UnitNorm,
    base,
)
from lucidnet.optimizers.schedules import Fixed, OneCycle, Polynomial
from lucidnet.tree import leaves

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


@contextmanager
def float64(torch):
    """PyTorch's NAdam keeps the product of its momenta in the default dtype."""
    torch.set_default_dtype(torch.float64)
    try:
        yield
    finally:
        torch.set_default_dtype(torch.float32)


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
        with float64(torch):
            optimizer.step()
        if scheduler:
            scheduler.step()
    return {path: tensor.detach().numpy() for path, tensor in tensors.items()}


class Literal:
    """The algorithm of a paper in scalar loops, in the shape of an optimizer of PyTorch."""

    def __init__(self, tensors, rule, *settings):
        self.tensors, self.rule, self.settings, self.time = list(tensors), rule, settings, 0
        self.moments = [([0.0] * t.numel(), [0.0] * t.numel()) for t in self.tensors]

    def step(self):
        self.time += 1
        for tensor, (m, v) in zip(self.tensors, self.moments, strict=True):
            x, g = tensor.detach().reshape(-1), tensor.grad.reshape(-1).tolist()
            new = self.rule(x.tolist(), g, m, v, self.time, *self.settings)
            for i, number in enumerate(new):
                x[i] = number


def lion(x, g, m, v, time, rate, b1, b2, decay):
    """Chen et al. 2023, algorithm 2."""
    new = []
    for i in range(len(x)):
        c = b1 * m[i] + (1 - b1) * g[i]
        new.append(x[i] - rate * (math.copysign(c != 0, c) + decay * x[i]))
        m[i] = b2 * m[i] + (1 - b2) * g[i]
    return new


def lamb(x, g, m, v, time, rate, b1, b2, epsilon, decay):
    """You et al. 2020, algorithm 2."""
    r = []
    for i in range(len(x)):
        m[i] = b1 * m[i] + (1 - b1) * g[i]
        v[i] = b2 * v[i] + (1 - b2) * g[i] ** 2
        r.append(m[i] / (1 - b1**time) / (math.sqrt(v[i] / (1 - b2**time)) + epsilon) + decay * x[i])
    trust = math.hypot(*x) / math.hypot(*r) if any(x) and any(r) else 1.0
    return [x[i] - rate * trust * r[i] for i in range(len(x))]


class Muons:
    """PyTorch's Muon for matrices, which it has as (outputs, inputs), and in float64; another for the rest."""

    def __init__(self, torch, tensors, other=None, other_rate=0.001, **settings):
        tensors = list(tensors)
        self.torch = torch
        self.pairs = [(t, t.detach().T.clone().requires_grad_()) for t in tensors if t.ndim == 2]
        self.muon = torch.optim.Muon([matrix for _, matrix in self.pairs], **settings)
        self.other = (other or torch.optim.AdamW)([t for t in tensors if t.ndim < 2], other_rate)

    def step(self):
        for t, matrix in self.pairs:
            matrix.grad = t.grad.T.clone()
        with mock.patch.object(self.torch.Tensor, "bfloat16", self.torch.Tensor.clone):
            self.muon.step()
        for t, matrix in self.pairs:
            t.detach().copy_(matrix.detach().T)
        self.other.step()


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
    (Adamax(), lambda t, p: t.optim.Adamax(p)),
    (
        Adamax(0.02, beta1=0.7, beta2=0.9, epsilon=1e-4, weight_decay=0.02),
        lambda t, p: t.optim.Adamax(p, 0.02, (0.7, 0.9), 1e-4, 0.02),
    ),
    (Nadam(), lambda t, p: t.optim.NAdam(p)),
    (
        Nadam(0.05, beta1=0.3, beta2=0.9, epsilon=1e-4, momentum_decay=0.1, weight_decay=0.02),
        lambda t, p: t.optim.NAdam(p, 0.05, (0.3, 0.9), 1e-4, 0.02, momentum_decay=0.1),
    ),
    (Lion(0.01), lambda t, p: Literal(p, lion, 0.01, 0.9, 0.99, 0.0)),
    (Lion(0.02, 0.8, 0.9, weight_decay=0.3), lambda t, p: Literal(p, lion, 0.02, 0.8, 0.9, 0.3)),
    (LAMB(), lambda t, p: Literal(p, lamb, 0.001, 0.9, 0.999, 1e-6, 0.0)),
    (
        LAMB(0.02, 0.8, 0.9, 1e-3, weight_decay=0.1),
        lambda t, p: Literal(p, lamb, 0.02, 0.8, 0.9, 1e-3, 0.1),
    ),
    (Muon(0.02), lambda t, p: Muons(t, p, lr=0.02)),
    (
        Muon(0.01, 0.8, False, "match_rms_adamw", 3, Adam(0.02), weight_decay=0.2),
        lambda t, p: Muons(
            t,
            p,
            t.optim.Adam,
            0.02,
            lr=0.01,
            momentum=0.8,
            nesterov=False,
            ns_steps=3,
            adjust_lr_fn="match_rms_adamw",
            weight_decay=0.2,
        ),
    ),
    (Adadelta(), lambda t, p: t.optim.Adadelta(p)),
    (
        Adadelta(0.5, rho=0.7, epsilon=1e-3, weight_decay=0.1),
        lambda t, p: t.optim.Adadelta(p, 0.5, rho=0.7, eps=1e-3, weight_decay=0.1),
    ),
]


def names(module):
    return {name: getattr(module, name) for name in module.__all__}


def test_the_table_is_complete():
    assert {type(make()) for make in optimizers.KNOWN.values()} == {
        type(optimizer) for optimizer, _ in PAIRS
    } | {LBFGS}


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


WRAPPED = [
    EMA(Adam(0.01), 0.9),
    EMA(Muon(0.01), 0.9),
    SGD(Polynomial(0.1, 0.01, 30), Polynomial(0.5, 0.9, 30)),
]


@pytest.mark.parametrize("optimizer", [pair[0] for pair in PAIRS] + WRAPPED, ids=str)
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
        rebuilt = eval(repr(optimizer), names(optimizers) | vars(optimizers.schedules))
        assert rebuilt == optimizer
        assert hash(rebuilt) == hash(optimizer)
        assert from_config(to_config(optimizer), registry()) == optimizer


@pytest.mark.parametrize("optimizer", [pair[0] for pair in PAIRS] + WRAPPED, ids=str)
def test_arrays_of_jax_are_moved_as_those_of_numpy(optimizer):
    jax = pytest.importorskip("jax")
    with jax.enable_x64(True):
        there = [START, optimizer.init(START)]
        here = [jax.tree.map(jax.numpy.asarray, START), None]
        here[1] = optimizer.init(here[0])
        for step in range(3):
            grads = gradient(there[0], step)
            there[:] = optimizer.update(grads, there[1], there[0])
            here[:] = optimizer.update(jax.tree.map(jax.numpy.asarray, grads), here[1], here[0])
    for (path, array), (_, other) in zip(
        leaves(dict(enumerate(here))), leaves(dict(enumerate(there))), strict=True
    ):
        np.testing.assert_allclose(array, other, rtol=1e-12, atol=1e-14, err_msg=str(path))
    assert isinstance(here[0]["a"]["W"], jax.Array)


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
        (lambda: SGD(float("nan")), "learning_rate must be a finite number, got nan"),
        (lambda: SGD(momentum=1.0), "momentum must be at least 0 and below 1"),
        (lambda: SGD(nesterov=True), "nesterov=True needs a momentum above 0"),
        (lambda: Adam(beta2=1), "beta2 must be at least 0 and below 1"),
        (lambda: Adam(weight_decay=-1), "weight_decay must be at least 0"),
        (lambda: RMSprop(rho=2), "rho must be at least 0 and below 1"),
        (lambda: Adagrad(initial=-1), "initial must be at least 0"),
        (lambda: Adam(clip=1.0), "clip must be a Clip such as ClipNorm.1.0., or None, got 1.0"),
        (lambda: ClipNorm(0), "ClipNorm: limit must be above 0"),
        (lambda: MaxNorm(0), "MaxNorm: limit must be above 0, got 0"),
        (lambda: Nadam(momentum_decay=-1), "momentum_decay must be at least 0"),
        (lambda: Adagrad(initial=Fixed(0.1)), "initial must be a finite number, at least 0"),
        (lambda: Muon(scale="big"), "scale must be one of original, match_rms_adamw, got 'big'"),
        (lambda: Muon(other="adam"), "other must be an Optimizer such as AdamW.., got 'adam'"),
        (lambda: Muon(steps=0), "steps must be a whole number"),
        (lambda: EMA("adam"), "EMA: optimizer must be an Optimizer such as"),
        (lambda: EMA(SGD(), 1.0), "decay must be at least 0 and below 1"),
        (lambda: LBFGS(memory=0), "memory must be a whole number of 1 or more"),
        (lambda: LBFGS(weight_decay=0.1), "LBFGS takes no weight_decay"),
        (
            lambda: LBFGS().update(np.ones(1), LBFGS().init(np.ones(1)), np.ones(1)),
            "call lucidnet.optimizers.lbfgs",
        ),
    ],
)
def test_settings_out_of_range(make, message):
    with pytest.raises(SettingError, match=message):
        make()


def test_numbers_of_numpy_are_numbers():
    assert SGD(np.float32(0.5)) == SGD(0.5)
    assert Adam(beta1=np.float32(0.5)) == Adam(beta1=0.5)


def test_a_limit_of_a_wrong_type():
    with pytest.raises(SettingError, match="limit must be a finite number, above 0, got 'a'"):
        ClipNorm("a")


def test_nadam_with_one_cycle_is_pytorchs():
    """The product of the momenta so far follows the schedule."""
    torch = pytest.importorskip("torch")
    cycle = OneCycle(0.5, STEPS + 1)
    expected = theirs(
        torch,
        lambda p: torch.optim.NAdam(p, 0.5),
        lambda o: torch.optim.lr_scheduler.OneCycleLR(o, 0.5, STEPS + 1),
    )
    for path, p in leaves(ours(Nadam(cycle, cycle.momentum()))):
        np.testing.assert_allclose(p, expected[path], rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("inner", [SGD(0.05, 0.9), Adam(0.1, weight_decay=0.1)], ids=str)
def test_the_mean_of_weights_is_pytorchs(inner):
    torch = pytest.importorskip("torch")
    ema, p = EMA(inner, 0.8), np.arange(4.0)
    state, module = ema.init(p), torch.nn.Linear(2, 2, bias=False).double()
    model = torch.optim.swa_utils.AveragedModel(
        module, multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(0.8)
    )
    np.testing.assert_array_equal(ema.averaged(p, state, 0), p)
    plain, beside = inner.init(p), p
    for step in range(1, STEPS):
        g = np.sin(step + p)
        p, state = ema.update(g, state, p)
        beside, plain = inner.update(g, plain, beside)
        np.testing.assert_array_equal(p, beside)
        module.weight.data = torch.from_numpy(p.reshape(2, 2))
        model.update_parameters(module)
        mean = model.module.weight.detach().numpy().reshape(-1)
        np.testing.assert_allclose(ema.averaged(p, state, step), mean, rtol=1e-12)


def test_a_mean_of_weights_in_a_compiled_function():
    """The number of the step is not known there, on which the first share depends."""
    jax = pytest.importorskip("jax")
    ema, compiled = EMA(SGD(0.1, 0.9), 0.8), np.arange(4.0, dtype="f")
    plain, update = compiled, jax.jit(ema.update)
    own, theirs = ema.init(plain), ema.init(plain)
    for step in range(1, 5):
        plain, own = ema.update(np.sin(step + plain), own, plain)
        compiled, theirs = update(np.sin(step + compiled), theirs, compiled)
        means = ema.averaged(compiled, theirs, theirs["step"]), ema.averaged(plain, own, own["step"])
        np.testing.assert_allclose(*means, rtol=1e-5)


def test_settings_of_an_inner_optimizer():
    ema = EMA(SGD(0.1, clip=ClipNorm(1.0)), 0.5)
    assert repr(ema) == "EMA(SGD(0.1, clip=ClipNorm(1.0)), 0.5)"
    assert (ema.learning_rate, ema.clip) == (0.1, ClipNorm(1.0))
    assert ema.changed(learning_rate=0.2, momentum=0.9) == EMA(SGD(0.2, 0.9, clip=ClipNorm(1.0)), 0.5)
    assert ema.changed(decay=0.9).optimizer == ema.optimizer
    assert SGD(0.1).changed(momentum=0.5) == SGD(0.1, 0.5)


def test_muon_does_not_guess_shapes():
    p = np.zeros(4)
    with pytest.raises(TypeError, match="must be places, not slices"):
        Muon().advance(p, p, Muon().init_slots(p), 1, [base.Group(0, 4)], [slice(0, 4)], p)


def test_muon_hands_to_the_other_optimizer_its_own_slots_only():
    """One of a user's own is asked for all slots that it is given."""

    class Plain(optimizers.Optimizer):
        def descend(self, p, g, slots, rate, step):
            return rate * g, {}

    b, g = np.ones(3), np.arange(3.0)
    muon = Muon(other=Plain(0.5))
    np.testing.assert_array_equal(muon.update({"b": g}, muon.init({"b": b}), {"b": b})[0]["b"], b - 0.5 * g)


def test_muon_makes_orthogonal_steps():
    """Of a kernel too, all of whose axes but the last are one; a step of zeros is none."""
    p, g = np.zeros((2, 3, 4, 5)), np.random.default_rng(0).normal(size=(2, 3, 4, 5))
    muon = Muon(1.0, steps=12)
    new, _ = muon.update({"W": g}, muon.init({"W": p}), {"W": p})
    sizes = np.linalg.svd(new["W"].reshape(24, 5), compute_uv=False)
    assert (np.abs(sizes - 0.95) < 0.3).all()
    u, _, v = np.linalg.svd(g.reshape(24, 5), full_matrices=False)
    assert (np.diag(u.T @ -new["W"].reshape(24, 5) @ v.T) > 0.6).all()
    still, _ = muon.update({"W": 0 * g}, muon.init({"W": p}), {"W": p})
    assert not still["W"].any()


@pytest.mark.parametrize(
    "optimizer", [Adam(0.1), LAMB(0.1, weight_decay=0.5), Muon(0.1), EMA(Muon(0.1))], ids=str
)
def test_groups_and_frozen_arrays(optimizer):
    """A layer's own settings are those of an optimizer of its own; what is in no group stays."""
    layout, frozen = base.Layout.of(START), ("c", "W")
    vector, out = layout.ravel(START), layout.ravel(START)
    places = dict(zip(layout.paths, map(base.ArraySlice, layout.slices, layout.shapes), strict=True))
    trained = [places[path] for path in places if path != frozen]
    groups = [base.Group(0, 16, 0.3, 0.0)]
    g = np.cos(np.arange(20.0))
    optimizer.advance(vector, g.copy(), optimizer.init_slots(vector), 1, groups, trained, out)
    np.testing.assert_array_equal(out[16:], vector[16:])
    inner = {"other": AdamW(0.3, weight_decay=0.0)} if "Muon" in str(optimizer) else {}
    own = optimizer.changed(learning_rate=0.3, weight_decay=0.0, **inner)
    expected, _ = own.update(layout.unravel(g), own.init(START), START)
    np.testing.assert_allclose(out[:16], layout.ravel(expected)[:16], rtol=1e-14)


class TestConstraints:
    """Of the weights of a layer."""

    W = np.random.default_rng(0).normal(size=(3, 4, 5))

    def test_the_largest_norm_is_pytorchs_renorm(self):
        torch = pytest.importorskip("torch")
        matrix = self.W.reshape(12, 5)
        expected = torch.renorm(torch.from_numpy(matrix), 2, 1, 3.0)  # it divides by |w| + 1e-7
        limited = MaxNorm(3.0)(matrix)
        np.testing.assert_allclose(limited, expected, rtol=1e-6)
        np.testing.assert_allclose(MaxNorm(3.0)(self.W).reshape(12, 5), limited)
        np.testing.assert_array_equal(MaxNorm(3.0, axis=0)(matrix), limited)
        assert not np.array_equal(limited, matrix)
        np.testing.assert_array_equal(MaxNorm(99.0)(matrix), matrix)

    def test_unit_norm(self):
        unit = UnitNorm()(np.array([[3.0, 0.0], [4.0, 0.0]]))
        np.testing.assert_allclose(unit, [[0.6, 0.0], [0.8, 0.0]])
        np.testing.assert_allclose(np.linalg.norm(UnitNorm(2)(self.W), axis=2), 1)

    @pytest.mark.parametrize(
        "constraint", [MaxNorm(1.5), MaxNorm(2.0, (0, 1)), NonNegative(), UnitNorm()], ids=str
    )
    def test_every_constraint(self, constraint):
        before = self.W.copy()
        held = constraint(self.W)
        np.testing.assert_array_equal(self.W, before)
        np.testing.assert_allclose(constraint(held), held, rtol=1e-14)
        assert constraint(self.W.astype("float32")).dtype == "float32"
        rebuilt = eval(repr(constraint), names(optimizers))
        assert rebuilt == constraint == from_config(to_config(constraint), registry())

    def test_vectors(self):
        np.testing.assert_allclose(MaxNorm(1.0)(np.array([3.0, 4.0])), [0.6, 0.8])
        np.testing.assert_allclose(UnitNorm()(np.array([3.0, 4.0])), [0.6, 0.8])

    def test_non_negative(self):
        np.testing.assert_array_equal(NonNegative()(np.array([-1.0, 0.0, 2.0])), [0.0, 0.0, 2.0])

    def test_on_jax(self):
        jnp = pytest.importorskip("jax.numpy")
        for constraint in (MaxNorm(1.0), NonNegative(), UnitNorm()):
            held = constraint(jnp.asarray(self.W, "float32"))
            np.testing.assert_allclose(held, constraint(self.W), rtol=1e-5)


class Summing(Adam):
    """A subclass of a user's own, which makes new slots."""

    def descend(self, p, g, slots, rate, step):
        m = slots["m"] + g
        return rate * m, {"m": m, "v": slots["v"] + 1}


@pytest.mark.parametrize("kind", [Adam, AdamW, Summing])
def test_the_memory_before_a_step_stays_as_it_is(kind):
    rng = np.random.default_rng(0)
    p, g, m, v = (rng.random(9).astype("f") for _ in range(4))
    slots, new = {"m": m, "v": v}, {"m": np.full(9, np.nan, "f"), "v": np.full(9, np.nan, "f")}
    given, before, out = g.copy(), {name: slot.copy() for name, slot in slots.items()}, p.copy()
    groups = [optimizers.Group(0, 4), optimizers.Group(4, 7)]
    places = [optimizers.ArraySlice(slice(0, 4), (2, 2)), optimizers.ArraySlice(slice(4, 7), (3,))]
    kind(0.1).advance(p, given, slots, 3, groups, places, out, new)
    for name, slot in slots.items():
        np.testing.assert_array_equal(slot, before[name])
        assert np.isnan(new[name][7:]).all()  # of no group
    wanted = m + g if kind is Summing else np.float32(0.9) * m + (1 - np.float32(0.9)) * g
    np.testing.assert_allclose(new["m"][:7], wanted[:7], rtol=1e-6)
