"""What `lr_find` suggests: on curves whose best rates are known, and nothing where there is nothing."""

import itertools
import math

import numpy as np
import pytest

import lucidnet as ln
from lucidnet.layers import Dense, Input
from lucidnet.optimizers import SGD
from lucidnet.optimizers.range_test import DIVERGED, EVEN, WINDOW, noise_of, slide, steep, suggestions, valley

RATES = np.geomspace(1e-6, 10, 141)  # 20 steps per factor of ten


def course(rates=RATES, fast=1e-2, explodes=1.0):
    """A loss that falls from 2 to 1, fastest at `fast`, and explodes from a rate on."""
    return 1.5 - 0.5 * np.tanh(2 * np.log10(rates / fast)) + np.maximum(np.log10(rates / explodes), 0) ** 2


def by_name(found):
    return {one.name: one.rate for one in found}


def test_on_a_known_course():
    found, note = suggestions(RATES, course(), course())
    rates = by_name(found)
    assert note == "" and [one.name for one in found][:3] == ["steep", "valley", "minimum"]
    assert rates["steep"] == pytest.approx(1e-2, rel=0.13)  # one step is a factor of 1.12
    low, lowest = RATES[len(RATES) // 10], RATES[course().argmin()]
    assert rates["valley"] == pytest.approx(math.sqrt(low * lowest), rel=0.13)  # it falls from there to there
    assert rates["minimum"] == pytest.approx(lowest / 10)
    assert 0.1 < rates["slide"] < 10
    assert all(one.reason and f"{one.rate:.1e}" in str(one) for one in found)


def test_the_longest_descent_is_the_longest_of_all():
    """Against every subset of short curves."""
    rng = np.random.default_rng(0)
    for _ in range(30):
        losses = rng.normal(size=9)
        subsets = [[i for i in range(9) if bits >> i & 1] for bits in range(1, 512)]
        falling = [s for s in subsets if all(losses[a] > losses[b] for a, b in itertools.pairwise(s))]
        most = max(map(len, falling))
        middles = {(s[0] + s[-1]) // 2 for s in falling if len(s) == most}
        assert valley(np.arange(9.0), losses) in middles


def test_the_noise_is_that_of_the_losses():
    rng = np.random.default_rng(0)
    measured = [noise_of(course() + 0.1 * rng.normal(size=len(RATES))) for _ in range(50)]
    assert np.mean(measured) == pytest.approx(0.1, rel=0.05)


def test_what_comes_after_the_rise_does_not_count():
    later = course() + 0.0
    later[-8:] = np.linspace(later[-8], 0.1, 8)  # as a running mean falls again after a spike
    found, _ = suggestions(RATES, later, later)
    assert by_name(found)["steep"] == pytest.approx(1e-2, rel=0.13)
    assert steep(RATES, later) > 1


def test_slide_finds_no_place_on_a_straight_course():
    assert slide(RATES, np.linspace(2, 1, len(RATES)), 2.0) is None


def test_slide_stops_before_the_last_pair_of_like_slopes():
    """Against all pairs of some curves: those without any, those that end in one, and the others."""
    rng, seen = np.random.default_rng(0), set()
    for size in np.geomspace(0.3, 30, 600) * EVEN:
        losses = size * rng.normal(size=WINDOW + 9)
        slopes = np.gradient(losses)
        alike = [k for k in range(9) if abs(slopes[k + WINDOW] - slopes[k]) <= 2 * EVEN]
        place = alike[-1] if alike else None
        seen.add(place)
        expected = None if place in (None, 8) else RATES[place + 1]
        assert slide(RATES[: len(losses)], losses, -2.0) == expected
    assert seen == {None, *range(9)}


def test_it_ends_where_the_loss_has_exploded():
    x = np.random.default_rng(0).normal(size=(64, 3))
    model = ln.Model([Input(3), Dense(1)], seed=0, dtype="float64")
    model.compile("mse", SGD())
    losses = np.array(model.lr_find(x, x.sum(1), start=1e-3, stop=1e3, steps=80).losses)
    exploded = losses > DIVERGED * np.minimum.accumulate(losses)
    assert exploded.tolist() == [False] * (len(losses) - 1) + [True]
    assert 10 < len(losses) < 80


def smoothed(raw):
    """The running mean of `lr_find`, corrected for its start."""
    mean, made = 0.0, []
    for n, loss in enumerate(raw, 1):
        mean = 0.9 * mean + 0.1 * loss
        made.append(mean / (1 - 0.9**n))
    return made


def test_of_flat_curves_hardly_any_is_a_descent():
    rng = np.random.default_rng(0)
    courses = [2 + 0.2 * rng.normal(size=100) for _ in range(300)]
    taken = [bool(suggestions(RATES[:100], smoothed(raw), raw)[0]) for raw in courses]
    assert np.mean(taken) < 0.015


@pytest.mark.parametrize(
    ("losses", "says"),
    [
        (np.full(141, 2.0), "no clear descent: from 2 the loss fell to 2 at best"),
        (np.linspace(1, 3, 141), "no clear descent: from"),
        ([1.0] * 5, "no clear descent: the loss was no number, or exploded, after 5 steps"),
        ([], "after 0 steps"),
    ],
)
def test_without_a_descent_it_says_so(losses, says):
    found, note = suggestions(RATES[: len(losses)], losses, losses)
    assert found == () and says in note


def test_a_model_that_cannot_learn_gets_no_rate():
    """Targets that have nothing to do with the inputs; before, any rate was suggested, such as 7.1e-06."""
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(320, 2)), rng.integers(0, 2, 320)
    model = ln.Model([Input(2), Dense(2, "softmax", initializer="zeros")])
    model.compile("categorical_crossentropy", SGD())
    curve = model.lr_find(x, y, stop=0.01)
    assert math.isnan(curve.suggestion) and curve.suggestions == ()
    assert curve.note.startswith("no clear descent") and curve.note in str(curve)
    curve.plot()


def test_a_model_that_learns_gets_several_and_learns_with_each():
    (x, y), _ = ln.data.load("digits")
    model = ln.Model([Input(64), Dense(32, "relu"), Dense(10, "softmax")], seed=0)
    model.compile("categorical_crossentropy", "adam")
    curve = model.lr_find(x, y)
    assert curve.suggestion == curve.suggestions[0].rate
    for name, rate, reason in curve.suggestions:
        assert f"{name:<8} {rate:.1e}  {reason}" in str(curve)
        if name != "steep":  # where it falls fastest is the largest of them; the others are safe
            other = ln.Model(model.net, seed=0)
            other.compile("categorical_crossentropy", ln.optimizers.Adam(rate), ["accuracy"])
            other.fit(x, y, epochs=5, verbose=0)
            assert other.evaluate(x, y).accuracy > 0.85, name


def curve(seed, target):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(300, 5))
    model = ln.Model([Input(5), Dense(16, "relu"), Dense(1)], seed=seed)
    model.compile("mse", "adam")
    return model.lr_find(x, target(x, rng))


@pytest.mark.parametrize(
    "target",
    [lambda x, rng: x @ rng.normal(size=(5, 1)), lambda x, rng: rng.normal(size=(len(x), 1))],
    ids=["linear", "noise"],
)
def test_the_steepest_place_is_no_chance(target):
    """Adam in a small network: at rates below 1e-4 nothing is learned in the steps of a range test."""
    found = [curve(seed, target) for seed in range(30)]
    assert all(math.isnan(one.suggestion) or 1e-3 < one.suggestion < 0.1 for one in found)
    first = {one.suggestions[0].name for one in found if one.suggestions}
    assert first == {"steep", "valley"}
    for one in found:
        if one.suggestions and one.suggestions[0].name == "valley":
            assert "does not stand out from the noise" in str(one)
            assert "steep" not in by_name(one.suggestions)


def test_losses_below_zero():
    """A mean loss of -14 is no explosion: the curve is that of the same losses, shifted up."""
    counts = np.random.default_rng(0).poisson(12, (64, 1))
    x = np.linspace(-1, 1, 64)[:, None]
    model = ln.Model([Input(1), Dense(8, "tanh"), Dense(1)], seed=0)
    curves = []
    for shift in (0.0, 20.0):

        def poisson(target, prediction, shift=shift):
            xp = prediction.__array_namespace__()
            return (xp.exp(prediction) - target * prediction)[..., 0] + shift

        def slope(target, prediction):
            return np.exp(prediction) - target

        model.compile(ln.losses.Custom(poisson, slope), SGD())
        curves.append(model.lr_find(x, counts, steps=60, stop=1.0))
    below, above = curves
    assert min(below.losses) < 0 and len(below.losses) > 40
    common = min(len(below.losses), len(above.losses))
    np.testing.assert_allclose(
        below.losses[:common], np.array(above.losses[:common]) - 20, rtol=1e-3, atol=1e-3
    )
    assert below.suggestion > 0


def test_a_search_along_a_line_has_no_rate_to_find():
    model = ln.Model([Input(5), Dense(1)])
    model.compile("mse", "lbfgs")
    with pytest.raises(ln.errors.SettingError, match=r"lr_find: LBFGS\(\) has no rate to find"):
        model.lr_find(np.ones((8, 5)), np.ones((8, 1)))
