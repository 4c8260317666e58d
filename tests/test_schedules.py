"""Schedules: PyTorch's numbers step by step, and in the optimizers; composition, saving, errors."""

import inspect
import math
import pickle

import numpy as np
import pytest

from lucidnet.backend import Stream
from lucidnet.core.value import from_config, to_config
from lucidnet.errors import SettingError
from lucidnet.interop.registry import registry
from lucidnet.layers import Dropout, Run
from lucidnet.optimizers import SGD, Adam, AdamW, RMSprop, schedules
from lucidnet.optimizers.base import Group
from lucidnet.optimizers.one_cycle import cycled
from lucidnet.optimizers.schedules import (
    Cosine,
    CosineRestarts,
    Cyclic,
    ExponentialDecay,
    Fixed,
    OneCycle,
    Piecewise,
    Polynomial,
    Product,
    Schedule,
    Sequence,
    StepDecay,
    TimeDecay,
    Warmup,
)

STEPS = 50


def theirs(make, rate=0.1, steps=STEPS, read=lambda group: group["lr"], optimizer=None):
    """Return what a scheduler of PyTorch sets, step by step."""
    torch = pytest.importorskip("torch")
    parameter = torch.zeros(1, requires_grad=True)
    optimizer = (optimizer or torch.optim.SGD)([parameter], lr=rate)
    scheduler, values = make(torch.optim.lr_scheduler, optimizer), []
    for _ in range(steps):
        values.append(float(read(optimizer.param_groups[0])))
        optimizer.step()
        scheduler.step()
    return values


def sequence(s, o):
    return s.SequentialLR(o, [s.LinearLR(o, 0.01, 1.0, 7), s.CosineAnnealingLR(o, 43)], [7])


PAIRS = [
    (Fixed(0.1), lambda s, o: s.ConstantLR(o, 1.0)),
    (StepDecay(0.1, 7, 0.5), lambda s, o: s.StepLR(o, 7, 0.5)),
    (ExponentialDecay(0.1, 0.9), lambda s, o: s.ExponentialLR(o, 0.9)),
    (ExponentialDecay(0.1, 0.5, 4), lambda s, o: s.ExponentialLR(o, 0.5**0.25)),
    (TimeDecay(0.1, 0.3), lambda s, o: s.LambdaLR(o, lambda step: 1 / (1 + 0.3 * step))),
    (Polynomial(0.1, 0.0, 40, 2.0), lambda s, o: s.PolynomialLR(o, 40, 2.0)),
    (Polynomial(0.03, 0.1, 20), lambda s, o: s.LinearLR(o, 0.3, 1.0, 20)),
    (Cosine(0.1, 0.02, STEPS), lambda s, o: s.CosineAnnealingLR(o, STEPS, 0.02)),
    (CosineRestarts(0.1, 0.01, 8), lambda s, o: s.CosineAnnealingWarmRestarts(o, 8, 1, 0.01)),
    (CosineRestarts(0.1, 0.01, 5, 2), lambda s, o: s.CosineAnnealingWarmRestarts(o, 5, 2, 0.01)),
    (
        Piecewise([(0, 0.1), (10, 0.05), (30, 0.025)]),
        lambda s, o: s.MultiStepLR(o, [10, 30], 0.5),
    ),
    (Sequence([Polynomial(0.001, 0.1, 7), Cosine(0.1, 0.0, 43)], [7]), sequence),
    (Warmup(7, Cosine(0.1, 0.0, 43), 0.001), sequence),
    (
        ExponentialDecay(0.1, 0.9) * Polynomial(0.5, 1.0, 10),
        lambda s, o: s.ChainedScheduler([s.LinearLR(o, 0.5, 1.0, 10), s.ExponentialLR(o, 0.9)]),
    ),
    (Cyclic(0.1, 1.0, 6), lambda s, o: s.CyclicLR(o, 0.1, 1.0, 6, cycle_momentum=False)),
    (
        Cyclic(0.1, 1.0, 6, 3, "triangular2"),
        lambda s, o: s.CyclicLR(o, 0.1, 1.0, 6, 3, "triangular2", cycle_momentum=False),
    ),
    (
        Cyclic(0.1, 1.0, 4, 9, "exp_range", 0.98),
        lambda s, o: s.CyclicLR(o, 0.1, 1.0, 4, 9, "exp_range", 0.98, cycle_momentum=False),
    ),
]

CYCLES = [
    {},
    {"between": "linear", "warmup": 0.25, "divide": 10.0, "final_divide": 100.0},
    {"phases": 3, "warmup": 0.4},
    {"phases": 3, "between": "linear", "warmup": 0.5},
]


def one_cycle(settings, **others):
    """Return the maker of PyTorch's OneCycleLR with our settings."""
    names = {"divide": "div_factor", "final_divide": "final_div_factor", "warmup": "pct_start"}
    given = {names[name]: value for name, value in settings.items() if name in names}
    given["three_phase"] = settings.get("phases") == 3
    given["anneal_strategy"] = "linear" if settings.get("between") == "linear" else "cos"
    return lambda s, o: s.OneCycleLR(o, 2.0, STEPS + 1, **given, **others)


@pytest.mark.parametrize(("schedule", "make"), PAIRS, ids=lambda value: getattr(value, "mode", None))
def test_pytorch_agrees(schedule, make):
    np.testing.assert_allclose(
        [schedule(step) for step in range(STEPS)], theirs(make), rtol=1e-10, atol=1e-15
    )


@pytest.mark.parametrize("settings", CYCLES, ids=str)
def test_one_cycle_is_pytorchs(settings):
    cycle = OneCycle(2.0, STEPS + 1, **settings)
    rates = theirs(one_cycle(settings, cycle_momentum=False))
    np.testing.assert_allclose([cycle(step) for step in range(STEPS)], rates, rtol=1e-10)
    import torch

    momenta = theirs(
        one_cycle(settings),
        read=lambda group: group["momentum"],
        optimizer=lambda p, lr: torch.optim.SGD(p, lr=lr, momentum=0.9),
    )
    momentum = cycle.momentum(0.95, 0.85)
    np.testing.assert_allclose([momentum(step) for step in range(STEPS)], momenta, rtol=1e-10)


@pytest.mark.parametrize("settings", CYCLES, ids=str)
@pytest.mark.parametrize("kind", ["SGD", "Adam", "AdamW", "RMSprop"])
def test_training_with_one_cycle_is_pytorchs(kind, settings):
    """Rate and momentum (of Adam: beta1, with its bias correction) change together, 50 steps."""
    torch = pytest.importorskip("torch")
    cycle = OneCycle(2.0, STEPS + 1, **settings)
    momentum = cycle.momentum(0.95, 0.85)
    mine, make = {
        "SGD": (SGD(cycle, momentum), lambda p: torch.optim.SGD(p, 1.0, momentum=0.9)),
        "Adam": (Adam(cycle, momentum), lambda p: torch.optim.Adam(p, 1.0)),
        "AdamW": (AdamW(cycle, momentum), lambda p: torch.optim.AdamW(p, 1.0)),
        "RMSprop": (
            RMSprop(cycle, momentum=momentum, rho=0.99),
            lambda p: torch.optim.RMSprop(p, 1.0, momentum=0.9),
        ),
    }[kind]
    p = np.array([1.0, -2.0, 3.0])
    q = torch.from_numpy(p.copy()).requires_grad_()
    optimizer, state = make([q]), mine.init(p)
    scheduler = one_cycle(settings)(torch.optim.lr_scheduler, optimizer)
    for step in range(STEPS):
        wave = np.sin(step + np.arange(3))
        p, state = mine.update(0.1 * p + wave, state, p)
        q.grad = 0.1 * q.detach() + torch.from_numpy(wave)
        optimizer.step()
        scheduler.step()
        np.testing.assert_allclose(p, q.detach().numpy(), rtol=1e-10, atol=1e-10)


def test_weight_decay_and_the_setting_of_a_group_may_be_schedules():
    sgd, p = SGD(0.1, weight_decay=Polynomial(0.0, 1.0, 2)), np.array([1.0])
    state = sgd.init(p)
    for expected in (1.0, 0.95, 0.855):
        p, state = sgd.update(np.zeros(1), state, p)
        np.testing.assert_allclose(p, [expected])
    out, group = np.empty(1), Group(0, 1, Fixed(1.0), Fixed(0.25))
    sgd.advance(np.ones(1), np.zeros(1), {}, 1, [group], [slice(0, 1)], out)
    np.testing.assert_allclose(out, [0.75])


def test_momentum_may_be_zero_on_its_way():
    torch = pytest.importorskip("torch")
    sgd, p = SGD(0.1, Polynomial(0.0, 0.9, 3), nesterov=True), np.array([1.0])
    q = torch.tensor([1.0], dtype=torch.float64, requires_grad=True)
    state, optimizer = sgd.init(p), torch.optim.SGD([q], 0.1, momentum=0.5, nesterov=True)
    for momentum in (1e-300, 0.3, 0.6, 0.9, 0.9):
        optimizer.param_groups[0]["momentum"] = momentum
        q.grad = q.detach().clone()
        p, state = sgd.update(p, state, p)
        optimizer.step()
        np.testing.assert_allclose(p, q.detach().numpy(), rtol=1e-12)


@pytest.mark.parametrize(
    "schedule", [pair[0] for pair in PAIRS] + [OneCycle(1.0, 9, **c) for c in CYCLES], ids=str
)
class TestEvery:
    """What holds for every schedule of the table."""

    def test_it_is_a_value(self, schedule):
        rebuilt = eval(repr(schedule), vars(schedules))
        assert rebuilt == schedule
        assert hash(rebuilt) == hash(schedule)
        assert from_config(to_config(schedule), registry()) == schedule
        assert pickle.loads(pickle.dumps(schedule)) == schedule

    def test_it_gives_finite_numbers_for_ever(self, schedule):
        values = [schedule(step) for step in (0, 1, 1000, 10**6)]
        assert all(type(value) is float and math.isfinite(value) for value in values)

    def test_an_optimizer_with_it_is_saved(self, schedule):
        optimizer = Adam(schedule, beta1=0.5 * schedule)
        assert from_config(to_config(optimizer), registry()) == optimizer


def test_the_table_is_complete():
    tested = {type(schedule) for schedule, _ in PAIRS} | {OneCycle, Schedule}
    assert {kind for kind in vars(schedules).values() if inspect.isclass(kind)} == tested


@pytest.mark.parametrize(
    ("schedule", "last"),
    [
        (Cosine(1.0, 0.25, 9), 0.25),
        (Polynomial(1.0, 0.5, 9), 0.5),
        (OneCycle(1.0, 10), 4e-6),
        (Warmup(4, 2.0), 2.0),
    ],
    ids=str,
)
def test_behind_the_end_it_stays(schedule, last):
    assert [schedule(step) for step in (9, 10, 10**6)] == pytest.approx([last] * 3)


def test_waves_that_shrink():
    waves = CosineRestarts(1.0, 0.0, 4, 2, 0.5)
    assert [waves(step) for step in (0, 2, 4, 8, 12, 28)] == pytest.approx([1, 0.5, 0.5, 0.25, 0.25, 0.125])


def test_lines_between_points():
    line = Piecewise([(0, 1.0), (4, 3.0), (6, 0.0)], "linear")
    steps = range(8)
    np.testing.assert_allclose([line(s) for s in steps], np.interp(steps, [0, 4, 6], [1, 3, 0]), atol=1e-15)


def test_a_cycle_for_an_optimizer_begins_after_the_steps_that_are_done():
    cycle = OneCycle(2.0, 9)
    made = cycled(SGD(0.1), cycle, None, 3)
    assert made == SGD(made.learning_rate)  # without a momentum there is none to change
    assert [made.learning_rate(step) for step in range(12)] == [cycle(max(0, step - 3)) for step in range(12)]
    made = cycled(SGD(0.1, momentum=0.9), cycle, None, 0)
    assert made == SGD(cycle, momentum=cycle.momentum(0.95, 0.85))


@pytest.mark.parametrize("steps", [2, 3, 4, 7])
@pytest.mark.parametrize("phases", [2, 3])
@pytest.mark.parametrize("between", ["cosine", "linear"])
def test_a_cycle_of_few_steps(steps, phases, between):
    """PyTorch leaves out a phase that ends before the first step; the next begins where that would end."""
    torch = pytest.importorskip("torch")
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], 0.1, momentum=0.9)
    theirs = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, 2.0, steps, anneal_strategy=between[:6].replace("cosine", "cos"), three_phase=phases == 3
    )
    mine = OneCycle(2.0, steps, between=between, phases=phases)
    momentum = mine.momentum()
    for step in range(steps):
        group = optimizer.param_groups[0]
        assert mine(step) == pytest.approx(group["lr"], rel=1e-12, abs=1e-15)
        assert momentum(step) == pytest.approx(group["momentum"], rel=1e-12)
        optimizer.step()
        if step < steps - 1:
            theirs.step()


def test_plain_functions_take_part():
    both = Sequence([lambda step: 10 + step, 7], [3]) * (lambda step: np.float32(2))
    assert [both(step) for step in range(5)] == [20, 22, 24, 14, 14]
    with pytest.raises(SettingError, match="cannot be saved"):
        to_config(both)


def test_a_rate_of_numpy_does_not_change_the_dtype():
    sgd, p = SGD(lambda step: np.float64(0.1)), np.ones(2, "float32")
    assert sgd.update(p, sgd.init(p), p)[0].dtype == "float32"


def test_dropout_may_change_with_the_steps():
    layer, x = Dropout(Polynomial(0.0, 0.8, 10)), np.ones((50, 400))
    for step, rate in ((0, 0.0), (5, 0.4), (10, 0.8)):
        y, cache = layer.forward({}, x, Run(True, Stream(0, step)))
        assert (y == 0).mean() == pytest.approx(rate, abs=0.02)
        np.testing.assert_allclose(y[y > 0], 1 / (1 - rate))
        np.testing.assert_array_equal(layer.backward({}, cache, x)[0], y)
    assert layer.forward({}, x)[0] is x


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: StepDecay(0.1, 0), "StepDecay: every must be a whole number of 1 or more, got 0"),
        (lambda: Cosine(1.0, 0.0, 2.5), "Cosine: steps must be a whole number"),
        (lambda: Fixed(float("nan")), "Fixed: value must be a finite number, got nan"),
        (lambda: Fixed("a"), "value must be a finite number, got 'a'"),
        (lambda: ExponentialDecay(1.0, 0.0), "factor must be above 0 and at most 1, got 0.0"),
        (lambda: ExponentialDecay(1.0, 1.1), "factor must be above 0 and at most 1, got 1.1"),
        (lambda: StepDecay(1.0, 5, 2), "factor must be .* 0 .* 1, got 2"),
        (lambda: TimeDecay(1.0, -0.1), "decay must be at least 0, got -0.1"),
        (lambda: CosineRestarts(1.0, 0.0, 5, shrink=1.5), "shrink must be .* 0 .* 1, got 1.5"),
        (lambda: Warmup(5, 0.1, 0.2), "start must be at most 0.1, the value that it rises to, got 0.2"),
        (lambda: Warmup(5, 0.1, -0.2), "start must be at most 0.1, the value that it rises to, got -0.2"),
        (lambda: Cyclic(0.0, 1.0, 5, mode="square"), "mode must be one of triangular"),
        (lambda: OneCycle(1.0, 1), "OneCycle: steps must be a whole number of 2 or more, got 1"),
        (lambda: OneCycle(1.0, 9, warmup=1.0), "warmup must be above 0 and below 1"),
        (lambda: OneCycle(1.0, 9, divide=0.5), "divide must be at least 1, got 0.5"),
        (lambda: OneCycle(1.0, 9, phases=4), "phases must be one of 2, 3"),
        (
            lambda: OneCycle(1.0, 9, warmup=0.6, phases=3),
            "phases must be 2, or 3 with a warmup of at most a half",
        ),
        (lambda: OneCycle(1.0, 9, between="constant"), "between must be one of cosine, linear"),
        (lambda: Piecewise([]), "points must be a sequence of pairs"),
        (lambda: Piecewise([(1, 0.1)]), "the first at step 0"),
        (lambda: Piecewise([(0, 0.1), (5, 0.2), (3, 0.3)]), "in order"),
        (lambda: Piecewise([(0, 0.1)], "spline"), "between must be one of constant"),
        (lambda: Sequence([1.0, 2.0], []), "starts must be 1 rising steps"),
        (lambda: Sequence([1.0, 2.0, 3.0], [5, 5]), "starts must be 2 rising steps"),
        (lambda: Sequence(["a"], []), "schedules must be a sequence of schedules"),
        (lambda: Product([]), "factors must be a sequence"),
        (lambda: Warmup(5, "a"), "then must be a finite number, or a schedule"),
        (
            lambda: Dropout("half"),
            "Dropout: rate must be a finite number, at least 0 and below 1, or a schedule, got 'half'",
        ),
    ],
)
def test_settings_out_of_range(make, message):
    with pytest.raises(SettingError, match=message):
        make()


@pytest.mark.parametrize(
    ("optimizer", "message"),
    [
        (SGD(Fixed(-1.0)), "SGD: the schedule of learning_rate gives -1.0 at step 0"),
        (SGD(0.1, Fixed(1.0)), "momentum must be at least 0 and below 1, got 1.0"),
        (Adam(0.1, weight_decay=Fixed(-1.0)), "weight_decay must be at least 0, got -1.0"),
    ],
    ids=str,
)
def test_a_schedule_that_leaves_the_range(optimizer, message):
    with pytest.raises(SettingError, match=message):
        optimizer.update(np.ones(1), optimizer.init(np.ones(1)), np.ones(1))


def test_a_dropout_that_leaves_the_range():
    with pytest.raises(SettingError, match=r"Dropout: rate must be at least 0 and below 1, got 1.0"):
        Dropout(Fixed(1.0)).forward({}, np.ones((1, 1)), Run(True))


def test_a_class_of_ones_own_without_settings():
    class Half(Schedule):
        def __call__(self, step):
            return 0.5

    assert SGD(Half()).rate(SGD(Half()).learning_rate, 3) == 0.5
    with pytest.raises(SettingError, match=r"cannot be saved: its class is no dataclass.* above class Half"):
        to_config(SGD(Half()))
