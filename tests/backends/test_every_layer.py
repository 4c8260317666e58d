"""20 training steps through every layer agree on both backends, in float64 to 1e-10.

A layer's own rows (`test_layers.py`) compare its functions on both; here they are part of whole steps.
"""

import numpy as np
import pytest
from pairs import both, together

from harness import ACTIVATIONS, ATTENTION, IMAGES, LAYERS, NORMALIZATION, RECURRENT
from lucidnet import layers as L
from lucidnet.layers import Dense
from lucidnet.optimizers import SGD

pytest.importorskip("jax")

N = 40
Y = np.random.default_rng(0).integers(0, 3, N)
TABLES = {
    "activations": ACTIVATIONS,
    "sequences": [*ATTENTION, *NORMALIZATION],
    "images": IMAGES,
    "recurrent": RECURRENT,
}
TABLES["others"] = [row for row in LAYERS if not any(row in rows for rows in TABLES.values())]


def bundles():
    """Of each class the row with the most settings, without a mask and with each of the masks."""
    found = {}
    for name, rows in TABLES.items():
        for row in rows:
            mask = b"" if row.mask is None else row.mask.tobytes()
            bundle = found.setdefault((name, mask), {})
            bundle[type(row.layer)] = max(row, bundle.get(type(row.layer), row), key=lambda r: len(str(r)))
    return {name + " masked" * bool(mask): list(rows.values()) for (name, mask), rows in found.items()}


BUNDLES = bundles()


def network(rows):
    """Each layer above a Dense, so that the gradient of its input counts; then one Dense for all."""
    bodies = [[] if row.classes else [Dense(row.shape[-1])] for row in rows]
    nodes = [
        (f"row{k}", L.Sequential([*body, row.layer, *flat(row)]), f"x{k}")
        for k, (row, body) in enumerate(zip(rows, bodies, strict=True))
    ]
    joined = ("joined", L.Concatenate(), tuple(name for name, _, _ in nodes))
    inputs = {f"x{k}": row.shape for k, row in enumerate(rows)}
    return L.Graph(inputs, [*nodes, joined, ("out", Dense(3, "softmax"), "joined")], "out")


def flat(row):
    """What makes one vector of a row's output; time steps that do not count may not become features."""
    if row.mask is None and not row.layer.makes_masks:
        return [L.Flatten()]
    return [] if len(row.layer.output_shape(row.shape)) == 1 else [L.GlobalAveragePooling1D()]


def agree(rows):
    x = {f"x{k}": row.x(N) for k, row in enumerate(rows)}
    settings = {}
    if rows[0].mask is not None:
        mask = np.tile(rows[0].mask, (N // 4, 1))
        settings["mask"] = dict.fromkeys(x, mask) if len(rows) > 1 else mask
    both(
        network(rows),
        x=x if len(rows) > 1 else x["x0"],
        y=Y,
        optimizer=SGD(0.01, momentum=0.9),  # Adam would blow up the rounding of gradients that are 0
        use=not settings,
        **settings,
    )


def test_every_layer_is_here():
    here = {type(row.layer) for rows in BUNDLES.values() for row in rows}
    assert here == {type(row.layer) for row in LAYERS}  # and they are all there are: `test_layers.py`


@pytest.mark.parametrize("name", BUNDLES)
def test_layers(name):
    together(BUNDLES[name], agree)
