"""Data sets by name: digits, MNIST, Fashion-MNIST, generated ones."""

import tracemalloc

import numpy as np
import pytest
import sklearn.datasets

from lucidnet import data
from lucidnet.errors import DataError, SettingError, UnknownNameError


class TestDigits:
    """The set that ships with the package."""

    def test_it_is_scikit_learns(self):
        (x, y), (x_test, y_test) = data.load("digits")
        theirs = sklearn.datasets.load_digits()
        rows = {
            (*row, label)
            for row, label in zip((theirs.data / 16).tolist(), theirs.target, strict=True)
            for row in [tuple(row)]
        }
        all_x, all_y = np.concatenate([x, x_test]), np.concatenate([y, y_test])
        assert {(*row, label) for row, label in zip(map(tuple, all_x.tolist()), all_y, strict=True)} == rows
        assert len(all_x) == 1797

    def test_its_form(self):
        (x, y), (x_test, y_test) = data.load("digits")
        assert x.shape == (1438, 64)
        assert x_test.shape == (359, 64)
        assert x.dtype == np.float32
        assert y.dtype == np.int64
        assert (x.min(), x.max()) == (0, 1)
        assert data.load("digits", images=True)[0][0].shape == (1438, 8, 8, 1)

    @pytest.mark.parametrize(("asked", "count"), [({}, 359), ({"seed": 5, "test_split": 0.5}, 898)])
    def test_the_split_is_stratified(self, asked, count):
        (_, y), (_, y_test) = data.load("digits", **asked)
        assert len(y_test) == count
        assert (np.abs(np.bincount(y_test) - count * np.bincount(np.r_[y, y_test]) / 1797) < 1).all()

    def test_another_seed_is_another_split(self):
        first, second = (data.load("digits", seed=seed)[1][0] for seed in (0, 1))
        assert np.array_equal(first, data.load("digits")[1][0])
        assert not np.array_equal(first, second)


@pytest.mark.usefixtures("data_folder")
class TestMnist:
    """The real files; the facts are those published with them."""

    def test_facts(self):
        (x, y), (x_test, y_test) = data.load("mnist")
        assert x.shape == (60_000, 784)
        assert x_test.shape == (10_000, 784)
        assert x.dtype == np.float32
        assert y[:10].tolist() == [5, 0, 4, 1, 9, 2, 1, 3, 1, 4]
        assert y_test[:10].tolist() == [7, 2, 1, 0, 4, 1, 4, 9, 5, 9]
        assert np.bincount(y).tolist() == [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]
        assert (x.min(), x.max()) == (0, 1)
        assert abs(x.mean(dtype=float) - 0.13066) < 1e-5
        assert abs(x.std(dtype=float) - 0.30811) < 1e-5

    def test_average_darkness(self):
        """Nielsen 2015, chapter 1: fitted on 50,000 images it gets 2,225 of the 10,000 right."""
        (x, y), (x_test, y_test) = data.load("mnist")
        x, y = np.rint(x[:50_000] * 255).sum(1), y[:50_000]
        means = np.array([x[y == digit].mean() for digit in range(10)])
        guess = np.abs(np.rint(x_test * 255).sum(1)[:, None] - means).argmin(1)
        assert (guess == y_test).sum() == 2225

    def test_fashion(self):
        (x, y), (_, y_test) = data.load("fashion-mnist", images=True)
        assert x.shape == (60_000, 28, 28, 1)
        assert y[:10].tolist() == [9, 0, 0, 3, 0, 2, 7, 2, 5, 5]
        assert y_test[:10].tolist() == [9, 2, 1, 1, 6, 1, 4, 6, 5, 7]
        assert abs(x.mean(dtype=float) - 0.28604) < 1e-5
        assert np.bincount(y).tolist() == [6000] * 10

    def test_memory(self):
        tracemalloc.start()
        (x, _), (x_test, _) = data.load("mnist")
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < x.nbytes + x_test.nbytes + 8e6


GENERATED = ["xor", "spirals", "moons", "circles", "gaussians"]


@pytest.mark.parametrize("name", GENERATED)
def test_generated(name):
    make = getattr(data, name)
    x, y = make(60, seed=1)
    assert x.shape == (60, 2)
    assert x.dtype == np.float32
    assert y.dtype == np.int64
    assert set(np.unique(y)) == set(range(y.max() + 1))
    np.testing.assert_array_equal(x, make(60, seed=1)[0])
    assert (x != make(60, seed=2)[0]).any()
    (x, y), (x_test, _) = data.load(name)
    assert len(x) == 800
    assert len(x_test) == 200
    with pytest.raises(SettingError, match=f"{name}: n must be a whole number from 1 to .*, got 0"):
        make(0)


def test_moons_and_circles_are_scikit_learns():
    for ours, theirs in [
        (data.moons(101, noise=0), sklearn.datasets.make_moons(101, shuffle=False)),
        (
            data.circles(100, noise=0, factor=0.3),
            sklearn.datasets.make_circles(100, shuffle=False, factor=0.3),
        ),
    ]:
        a, b = (sorted(np.c_[y, x].round(5).tolist()) for x, y in (ours, theirs))
        np.testing.assert_allclose(a, b, atol=1e-5)


def test_noise_has_its_size():
    x, y = data.xor(40_000, noise=0.3)
    away = x - np.sign(x)
    assert abs(away[np.abs(away).max(1) < 0.9].std() - 0.3) < 0.01
    assert data.gaussians(1000, classes=4, features=7)[0].shape == (1000, 7)
    assert set(data.spirals(99, classes=3)[1]) == {0, 1, 2}


def test_unknown_names_and_images_of_rows():
    with pytest.raises(
        UnknownNameError,
        match="unknown data set 'fashon-mnist', and no such file: did you mean 'fashion-mnist'",
    ):
        data.load("fashon-mnist")
    with pytest.raises(DataError, match="rows of numbers, not images"):
        data.load("moons", images=True)


@pytest.mark.parametrize(
    ("name", "asked", "said"),
    [
        ("mnist", {"test_split": 0.5}, "test_split has no effect, as 'mnist' has a test part of its own"),
        ("fashion-mnist", {"seed": 0}, "seed has no effect, as 'fashion-mnist' has"),
        ("cifar-10", {"seed": 3}, "seed has no effect, as 'cifar-10' has"),
        ("digits", {"folder": "here"}, "folder has no effect, as 'digits' is no data set of a folder"),
        ("moons", {"folder": "here"}, "those are mnist, fashion-mnist, cifar-10"),
    ],
)
def test_what_would_have_no_effect_is_refused(name, asked, said):
    with pytest.raises(DataError, match=said):
        data.load(name, **asked)


def test_a_file_that_is_split_already(tmp_path):
    x, y = np.zeros((4, 2)), np.arange(4)
    np.savez(tmp_path / "parts.npz", x_train=x, y_train=y, x_test=x[:1], y_test=y[:1])
    assert len(data.load(tmp_path / "parts.npz")[1][0]) == 1
    with pytest.raises(DataError, match=r"test_split has no effect, as '.*parts\.npz' has a test part"):
        data.load(tmp_path / "parts.npz", test_split=0.2)


def test_a_file_that_is_not_there(tmp_path):
    (tmp_path / "birds.csv").write_text("a,b\n1,2\n", "utf-8")
    with pytest.raises(UnknownNameError, match=r"did you mean '.*birds\.csv'"):
        data.load(tmp_path / "bird.csv")
    with pytest.raises(UnknownNameError, match="no such file: look for a mistake in its name"):
        data.load(tmp_path / "zebra.npz")
    with pytest.raises(UnknownNameError, match="nor is there a folder"):
        data.load(tmp_path / "nowhere" / "birds.csv")


def test_numbers_to_predict_are_parted_by_chance_alone():
    """Only labels are stratified: each float would be a class of its own, as would each row of labels."""
    for y in (np.repeat([0.5, 1.5], [8, 2]), np.repeat([[0, 1], [1, 0]], 5, 0)):
        parts = data.sets.stratified(y, 0.3, seed=0)
        for part, expected in zip(parts, data.sets.stratified(np.arange(10.0), 0.3, seed=0), strict=True):
            np.testing.assert_array_equal(part, expected)
        assert sorted(np.concatenate(parts)) == list(range(10))
