"""A time step of a stream that is not finite is not made, as no other step is."""

import numpy as np
import pytest
from snapshots import BACKENDS, HUGE, Ruin, same, snapshot, stream

from lucidnet.errors import NonFiniteError
from lucidnet.optimizers import SGD
from lucidnet.tree import leaves

RNG = np.random.default_rng(3)
X, Y = RNG.normal(size=(8, 2, 3)), RNG.normal(size=(8, 2, 1))
BAD = Y.copy()
BAD[5] = HUGE
"""Targets of which the sixth makes the loss infinite."""


def what_was_learned(online):
    """Weights and memory, the rule's feedback weights, and the counts; states and traces are of a sequence."""
    found = snapshot(online.model.state)
    found |= {"/".join(("feedback", *path)): np.array(array) for path, array in leaves(online.feedback)}
    return found | {"steps": np.array([online.steps, online.learned])}


SETTINGS = [{"rule": "kernl", "every": 2}, {"delay": 2}, {"rule": "truncated", "every": 4}]


@pytest.mark.parametrize(
    ("backend", "settings"),
    [("numpy", given) for given in SETTINGS] + [("jax", given) for given in SETTINGS[:2]],
    ids=lambda given: given if isinstance(given, str) else "-".join(map(str, given.values())),
)
class TestNotMade:
    @pytest.mark.parametrize("whole", [True, False], ids=["run", "step"])
    def test_what_was_learned_before_stays(self, backend, settings, whole):
        """Five time steps are made; and what follows is learned as by one who has not seen the sixth."""
        one, two = (stream(backend).online(**{"rule": "rflo"} | settings) for _ in range(2))
        with pytest.raises(NonFiniteError, match="the loss is infinite; the weights are kept"):
            if whole:
                one.run(X, BAD)
            else:
                for x, y in zip(X, BAD, strict=True):
                    one.step(x, y)
        for x, y in zip(X[:5], Y[:5], strict=True):
            two.step(x, y)
        same(what_was_learned(one), what_was_learned(two), 1e-12 if backend == "jax" else 0.0)
        assert not one.traces  # the sequence is over
        two.reset()
        for online in (one, two):
            for x, y in zip(X, Y, strict=True):
                online.step(x, y)
        same(what_was_learned(one), what_was_learned(two), 1e-12 if backend == "jax" else 0.0)

    def test_the_first_of_all(self, backend, settings):
        one, two = (stream(backend).online(**{"rule": "rflo"} | settings) for _ in range(2))
        with pytest.raises(NonFiniteError):
            one.run(X, 0 * Y + HUGE)
        assert one.model.state.step == 0
        same(snapshot(one.model.state), snapshot(two.model.state))


def test_both_engines_make_the_same_of_weights_that_are_ruined():
    """The step that ruins is finite, and made; the one after it is not."""
    found = []
    for backend in BACKENDS:
        online = stream(backend, SGD(Ruin(3), momentum=0.9)).online("rflo")
        with pytest.raises(NonFiniteError, match="step 4"):
            online.run(X, Y)
        found.append(what_was_learned(online))
    same(*found, 1e-10)


@pytest.mark.parametrize("backend", BACKENDS)
def test_where_there_is_no_target_feedback_weights_stay_finite(backend):
    """KeRNL's learn at each time step, also without a target; the stream overflows, and goes on anew."""
    online = stream(backend).online("kernl", every=2)
    online.run(X, Y)
    with np.errstate(all="ignore"):
        online.step(X[0] * 0 + 1.7e308)
    for path, array in leaves(online.feedback):
        assert np.isfinite(array).all(), path
    with pytest.raises(NonFiniteError):
        online.step(X[0], Y[0])
    online.run(X, Y)
    assert np.isfinite(online.losses).all()
