"""Changes to images: against SciPy, and what they must leave alone."""

import numpy as np
import pytest
import scipy.ndimage as nd

import lucidnet as ln
from lucidnet.backend import Stream
from lucidnet.data.augment import Compose, Crop, CutOut, Elastic, Flip, Rotate, Shift, mixup, sampled
from lucidnet.errors import LucidnetError

IMAGES = np.random.default_rng(0).random((40, 12, 10, 2)).astype("float32")
ALL = [
    Shift(2),
    Flip(),
    Flip(horizontal=False),
    Rotate(30),
    Crop(8, 1),
    Elastic(),
    CutOut(4),
    Compose([Shift(1), Flip()]),
]


@pytest.mark.parametrize("change", ALL, ids=str)
def test_pure_repeatable_and_each_image_its_own(change):
    before = IMAGES.copy()
    one, two = change(IMAGES, Stream(1)), change(IMAGES, Stream(1))
    np.testing.assert_array_equal(one, two)
    np.testing.assert_array_equal(IMAGES, before)
    assert one.dtype == np.float32
    assert (change(IMAGES, Stream(2)) != one).any()
    assert (change(IMAGES, Stream(1, step=1)) != one).any()
    same = np.broadcast_to(IMAGES[:1], IMAGES.shape)
    made = change(same, Stream(1))
    assert len(np.unique(made.reshape(40, -1), axis=0)) > 1
    assert eval(repr(change), vars(ln.data.augment)) == change
    with pytest.raises(LucidnetError, match="expected images"):
        change(IMAGES[0], Stream(1))


def test_bilinear_interpolation_is_scipys():
    rng = np.random.default_rng(1)
    rows, columns = rng.uniform(-2, 13, (40, 6, 7)), rng.uniform(-2, 11, (40, 6, 7))
    made = sampled(IMAGES.astype(float), rows, columns)
    for i in range(40):
        for c in range(2):
            wide = np.pad(IMAGES[i, ..., c].astype(float), 2)  # zeros around, also to interpolate with
            expected = nd.map_coordinates(wide, [rows[i] + 2, columns[i] + 2], order=1, cval=0.0)
            np.testing.assert_allclose(made[i, ..., c], expected, atol=1e-12)


@pytest.mark.parametrize("kind", ["uint8", "int16"])
@pytest.mark.parametrize("change", [Rotate(30), Elastic(), Compose([Rotate(30), Shift(1)])], ids=str)
def test_whole_numbers_are_rounded(change, kind):
    """As `torchvision` and SciPy round them; cut off, images would become darker by half a step."""
    images = np.random.default_rng(1).integers(0, 256, (8, 9, 9, 1)).astype(kind)
    made, exact = change(images, Stream(0)), change(images.astype(float), Stream(0))
    assert made.dtype == kind
    np.testing.assert_array_equal(made, np.rint(exact))


def test_a_turn_by_a_right_angle_is_exact():
    square = IMAGES[:, :10]
    y, x = np.mgrid[:10, :10]
    middle = 4.5
    rows = np.broadcast_to(middle + (x - middle), (40, 10, 10))
    columns = np.broadcast_to(middle - (y - middle), (40, 10, 10))
    np.testing.assert_allclose(sampled(square, rows, columns), np.rot90(square, 1, (1, 2)), atol=1e-6)
    assert np.abs(Rotate(0)(square, Stream(0)) - square).max() < 1e-6


def test_shifts_move_whole_images():
    image = np.zeros((200, 9, 9, 1))
    image[:, 4, 4] = 1
    places = np.argwhere(Shift(2)(image, Stream(0))[..., 0])
    offsets = places[:, 1:] - 4
    assert len(places) == 200
    assert sorted(map(tuple, np.unique(offsets, axis=0))) == [
        (i, j) for i in range(-2, 3) for j in range(-2, 3)
    ]


def test_flips_are_as_frequent_as_asked():
    ramp = np.broadcast_to(np.arange(10.0)[None, None, :, None], (4000, 3, 10, 1))
    flipped = Flip(probability=0.3)(ramp, Stream(0))[:, 0, 0, 0] == 9
    assert abs(flipped.mean() - 0.3) < 4 * np.sqrt(0.21 / 4000)


def test_the_field_of_an_elastic_change_is_scipys():
    from lucidnet.data.augment import _blur

    noise = np.random.default_rng(3).uniform(-1, 1, (30, 26))
    ours = _blur(30, 3.0) @ noise @ _blur(26, 3.0).T
    expected = nd.gaussian_filter(noise, 3.0, mode="constant", truncate=20)
    np.testing.assert_allclose(ours, expected, atol=1e-10)


def test_cut_out_blackens_squares():
    white = np.ones((300, 20, 20, 1))
    black = (CutOut(6)(white, Stream(0)) == 0).sum((1, 2, 3))
    assert black.max() == 36
    assert black.min() >= 9  # at most three quarters lie outside
    with pytest.raises(LucidnetError, match="CutOut: size must be a whole number of 1 or more"):
        CutOut(0)


def test_mixup():
    x, y = IMAGES, np.eye(4)[np.arange(40) % 4]
    a, b = mixup(x, y, Stream(0), alpha=0.5)
    assert a.shape == x.shape
    np.testing.assert_allclose(b.sum(-1), 1)
    other = Stream(0).child("other").permutation(40)
    for i in range(40):
        if y[i].argmax() != y[other[i]].argmax():
            share = b[i, y[i].argmax()]
            np.testing.assert_allclose(a[i], share * x[i] + (1 - share) * x[other[i]], atol=1e-5)


def test_it_goes_into_a_data_set():
    (x, y), _ = ln.data.load("digits")
    images = x[:200].reshape(-1, 8, 8, 1)
    augment = Compose([Shift(1), Rotate(5)])
    data = ln.data.Dataset.from_arrays(images, y[:200]).shuffle(0).batch(50)
    changed = data.map(lambda x, y, rng: (augment(x, rng), y))
    model = ln.Model([ln.layers.Input((8, 8, 1)), ln.layers.Flatten(), ln.layers.Dense(10, "softmax")])
    model.compile("categorical_crossentropy", ln.optimizers.Adam(0.01), ["accuracy"])
    model.fit(changed, epochs=40, verbose=0)
    assert model.evaluate(images, y[:200]).accuracy > 0.8


def test_a_data_set_is_mapped_by_a_change_of_images():
    images, labels = np.arange(96.0).reshape(6, 4, 4, 1), np.arange(6)
    change = Compose([Shift(1), Flip()])
    data = ln.data.Dataset.from_arrays(images, labels).batch(3)
    by_hand = data.map(lambda x, y, rng: (change(x, rng), y), seed=2)
    for epoch in range(2):
        for (x, y), (x_by_hand, y_by_hand) in zip(
            data.map(change, seed=2).items(epoch), by_hand.items(epoch), strict=True
        ):
            np.testing.assert_array_equal(x, x_by_hand)
            np.testing.assert_array_equal(y, y_by_hand)
    assert not np.array_equal(x, images[3:])
    assert ".batch(3).map(Compose((Shift(1), Flip())))" in str(data.map(change))
