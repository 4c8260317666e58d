"""L-BFGS: beside SciPy's and PyTorch's, on functions with known minima."""

import numpy as np
import pytest

import lucidnet as ln
from lucidnet.layers import BatchNormalization, Dense, Input
from lucidnet.optimizers.lbfgs import CURVATURE, DECREASE, LBFGS, Line, Trial, cubic, minimize

RNG = np.random.default_rng(0)
DATA = RNG.normal(size=(40, 6))
LABELS = (DATA @ RNG.normal(size=6) + RNG.normal(size=40) > 0) * 2.0 - 1


def rosenbrock(x):
    """The valley of Rosenbrock, minimal at (1, ..., 1)."""
    a, b = x[1:] - x[:-1] ** 2, 1 - x[:-1]
    gradient = np.zeros_like(x)
    gradient[:-1] = -400 * x[:-1] * a - 2 * b
    gradient[1:] += 200 * a
    return (100 * a**2 + b**2).sum(), gradient


def logistic(w):
    """Logistic regression with a penalty."""
    margin = LABELS * (DATA @ w)
    share = 1 / (1 + np.exp(margin))
    return np.logaddexp(0, -margin).sum() + 0.5 * w @ w, w - DATA.T @ (LABELS * share)


FUNCTIONS = [(rosenbrock, np.array([-1.2, 1.0, -0.5, 2.0])), (logistic, np.zeros(6))]


@pytest.mark.parametrize(("function", "start"), FUNCTIONS)
def test_scipy_finds_the_same(function, start):
    optimize = pytest.importorskip("scipy.optimize")
    expected = optimize.minimize(
        function, start, jac=True, method="L-BFGS-B", options={"ftol": 0, "gtol": 1e-7}
    )
    before = start.copy()
    x, found = minimize(function, start, LBFGS(change=0.0))
    np.testing.assert_array_equal(start, before)
    np.testing.assert_allclose(x, expected.x, rtol=1e-6)
    assert found.reason == "the gradient is below the tolerance"
    assert np.abs(function(x)[1]).max() <= 1e-7
    assert found.evaluations <= 2 * expected.nfev


@pytest.mark.parametrize("iterations", [1, 2, 5, 9])
def test_pytorch_goes_the_same_way(iterations):
    """Where the first trial of each line search is accepted the methods are one."""
    torch = pytest.importorskip("torch")
    x = torch.zeros(6, dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.LBFGS(
        [x],
        max_iter=iterations,
        max_eval=99,
        history_size=4,
        tolerance_change=0,
        line_search_fn="strong_wolfe",
    )

    def closure():
        value, gradient = logistic(x.detach().numpy())
        x.grad = torch.from_numpy(gradient)
        return torch.tensor(value)

    optimizer.step(closure)
    mine, found = minimize(logistic, np.zeros(6), LBFGS(memory=4, iterations=iterations, change=0.0))
    np.testing.assert_allclose(mine, x.detach().numpy(), rtol=1e-10, atol=1e-10)
    assert found.iterations == iterations


def test_pytorch_reaches_the_same_minimum():
    torch = pytest.importorskip("torch")
    x = torch.tensor([-1.2, 1.0, -0.5, 2.0], dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.LBFGS([x], max_iter=200, tolerance_change=1e-14, line_search_fn="strong_wolfe")

    def closure():
        value, gradient = rosenbrock(x.detach().numpy())
        x.grad = torch.from_numpy(gradient)
        return torch.tensor(value)

    optimizer.step(closure)
    mine, _ = minimize(rosenbrock, FUNCTIONS[0][1], LBFGS(change=1e-14))
    np.testing.assert_allclose(mine, x.detach().numpy(), rtol=1e-6)


def test_going_on_is_not_stopping():
    """Pieces of some iterations, their pairs handed on, are the whole: nothing else is remembered."""
    whole, _ = minimize(logistic, np.zeros(6), LBFGS(iterations=8, change=0.0))
    x, pairs = np.zeros(6), ()
    for _ in range(4):
        x, found = minimize(logistic, x, LBFGS(iterations=2, change=0.0), pairs)
        pairs = found.pairs
    np.testing.assert_array_equal(x, whole)


@pytest.mark.parametrize("first", [1e-4, 0.1, 1.0, 30.0, 1e3])
def test_the_line_search_finds_what_wolfe_asks_for(first):
    x = FUNCTIONS[0][1]
    value, gradient = rosenbrock(x)
    way = -gradient / np.linalg.norm(gradient)
    start = Trial(0.0, value, gradient @ way, x, gradient)
    trial, count = Line(rosenbrock, start, way).search(first, LBFGS(change=0.0))
    value, gradient = rosenbrock(x + trial.t * way)
    assert trial.value == value <= start.value + DECREASE * trial.t * start.slope
    assert abs(gradient @ way) <= CURVATURE * abs(start.slope)
    assert count < 25


@pytest.mark.parametrize("first", [0.1, 0.5, 1.0, 3.0, 10.0, 30.0])
@pytest.mark.parametrize("often", [1.0, 3.0, 10.0])
@pytest.mark.parametrize("high", [0.1, 0.3, 1.0])
def test_the_line_search_finds_it_among_waves(high, often, first):
    """A trial within the interval may fall, and yet be higher than its lower end."""

    def function(x):
        value = 0.1 * (x - 4) ** 2 - high * np.sin(often * x)
        return value.sum(), 0.2 * (x - 4) - high * often * np.cos(often * x)

    value, slope = function(np.zeros(1))
    start = Trial(0.0, value, slope[0], np.zeros(1), slope)
    trial, _ = Line(function, start, np.ones(1)).search(first, LBFGS(change=0.0))
    assert trial.value <= value + DECREASE * trial.t * slope[0]
    assert abs(trial.slope) <= CURVATURE * abs(slope[0])


@pytest.mark.parametrize("seed", range(6))
def test_the_next_trial_is_the_minimum_of_the_cubic(seed):
    """Of a polynomial whose slope is 0 at known places, the minimum at the second; whichever end comes first."""
    rng = np.random.default_rng(seed)
    top, bottom = np.sort(rng.normal(size=2))
    slope = np.polynomial.Polynomial.fromroots([top, bottom]) * rng.uniform(0.1, 9)
    value, (one, two) = slope.integ(), rng.normal(size=2)
    ends = [Trial(t, value(t), slope(t), t, slope(t)) for t in (one, two)]
    for first, second in (ends, ends[::-1]):
        assert cubic(first, second, -9.0, 9.0) == pytest.approx(bottom, rel=1e-8)
        assert cubic(first, second, bottom + 1, bottom + 3) == bottom + 1
        assert cubic(first, second, bottom - 3, bottom - 1) == bottom - 1


def test_where_there_is_no_minimum_the_next_trial_is_in_the_middle():
    for ends in ([(1.0, -1.0, -1.0), (2.0, -2.0, -1.0)], [(-1.0, -2.0, 4.0), (1.0, 2.0, 4.0)]):  # -t, t^3 + t
        assert cubic(*(Trial(*end, None, None) for end in ends), 1.0, 4.0) == 2.5


def test_walls_are_not_crossed():
    """A function that is no number beyond 1: trials there are too far."""

    def function(x):
        with np.errstate(invalid="ignore"):
            return -np.log(1 - x).sum() * -1e-3 + ((x + 2) ** 2).sum() if (x < 1).all() else np.nan, (
                -1e-3 / (1 - x) + 2 * (x + 2)
            )

    x, _ = minimize(function, np.full(2, 0.9), LBFGS(learning_rate=100.0))
    np.testing.assert_allclose(function(x)[1], 0, atol=1e-4)


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        (LBFGS(iterations=2), "all iterations are done"),
        (LBFGS(tolerance=10.0), "the gradient is below the tolerance"),
        (LBFGS(tolerance=0.0, change=1e-3), "the value does not change any more"),
    ],
    ids=str,
)
def test_why_it_ends(settings, reason):
    assert minimize(logistic, np.zeros(6), settings)[1].reason == reason


def test_at_the_minimum_nothing_moves():
    x, found = minimize(rosenbrock, np.ones(3))
    np.testing.assert_array_equal(x, np.ones(3))
    assert (found.iterations, found.evaluations) == (0, 1)


def test_statistics_files_and_what_is_frozen(tmp_path):
    """Running statistics move; a saved model goes on; a layer that is frozen later stays, whatever it remembers."""
    rng = np.random.default_rng(0)
    x = 5 * rng.normal(size=(40, 3)) + 10
    y = np.sin(x[:, :1])
    layers = [Input(3), BatchNormalization(momentum=0.0, name="bn"), Dense(4, "tanh", name="a"), Dense(1)]
    model = ln.Model(layers, dtype="float64")
    model.compile("mse", "lbfgs")
    model.fit(x, y, epochs=3, verbose=0)
    np.testing.assert_allclose(model.params["bn"]["mean"], x.mean(0))
    model.save(tmp_path / "model.safetensors")
    other = ln.load(tmp_path / "model.safetensors")
    for each in (model, other):
        each.fit(x, y, epochs=2, verbose=0)
    np.testing.assert_array_equal(model.get_weights(), other.get_weights())
    before = model.params["a"]["W"]
    model.set(layer="a", frozen=True)
    model.fit(x, y, epochs=2, verbose=0)
    np.testing.assert_array_equal(model.params["a"]["W"], before)
    assert not np.array_equal(model.params["dense3"]["W"], other.params["dense3"]["W"])


@pytest.mark.parametrize(
    "setting", [{"learning_rate": 0.1}, {"weight_decay": 0.1}, {"constraint": lambda W: W}]
)
def test_settings_of_layers_that_a_search_cannot_honour(setting):
    model = ln.Model([Input(3), Dense(4, **setting), Dense(1)])
    model.build()
    with pytest.raises(ln.errors.SettingError, match=r"dense1: \w+ has no effect with LBFGS\(\)"):
        model.compile("mse", "lbfgs")
