"""Trees of arrays, and the one vector."""

import jax.numpy as jnp
import numpy as np
import pytest

from lucidnet.errors import ShapeError
from lucidnet.tree import Layout, at, leaves, tree_map

TREE = {"a": {"W": np.arange(6.0).reshape(2, 3), "e": {}}, "none": {}, "b": np.array([6.0])}


def test_leaves_come_with_their_paths_in_order():
    assert [path for path, _ in leaves(TREE)] == [("a", "W"), ("b",)]
    assert [path for path, _ in leaves(np.ones(2))] == [()]
    assert all(at(TREE, path) is array for path, array in leaves(TREE))


def test_map_keeps_the_structure():
    doubled = tree_map(lambda a, b: a + b, TREE, TREE)
    np.testing.assert_array_equal(doubled["a"]["W"], 2 * TREE["a"]["W"])
    assert doubled["none"] == doubled["a"]["e"] == {}
    assert list(doubled) == list(TREE)
    with pytest.raises(KeyError, match="b"):
        tree_map(np.add, TREE, {"a": TREE["a"], "none": {}})


@pytest.mark.parametrize("asarray", [np.asarray, jnp.asarray], ids=["numpy", "jax"])
def test_round_trip(asarray):
    tree = tree_map(asarray, TREE)
    layout = Layout.of(tree)
    vector = layout.ravel(tree)
    assert type(vector) is type(asarray([0.0]))
    np.testing.assert_array_equal(vector, np.arange(7))
    back = layout.unravel(vector)
    assert Layout.of(back) == layout
    assert back["none"] == back["a"]["e"] == {}
    assert layout.size == 7
    assert layout.slices == (slice(0, 6), slice(6, 7))


def test_the_arrays_of_the_tree_are_views():
    layout = Layout.of(TREE)
    vector = layout.ravel(TREE)
    assert not any(np.shares_memory(vector, array) for _, array in leaves(TREE))
    back = layout.unravel(vector)
    back["a"]["W"][1, 2] = 50
    assert vector[5] == 50


def test_the_vector_follows_names_not_the_order_of_a_dict():
    """JAX sorts the names of a dict; nothing may be shuffled by that."""
    turned = dict(reversed(TREE.items()))
    np.testing.assert_array_equal(Layout.of(TREE).ravel(turned), np.arange(7))


def test_a_bare_array_is_a_tree():
    layout = Layout.of(np.arange(4.0).reshape(2, 2))
    np.testing.assert_array_equal(layout.unravel(np.arange(4.0)), [[0, 1], [2, 3]])


@pytest.mark.parametrize("shape", [(8,), (6,), (1, 7), ()])
def test_wrong_size(shape):
    with pytest.raises(ShapeError, match=r"expected a vector of 7 numbers, got shape \("):
        Layout.of(TREE).unravel(np.ones(shape))
