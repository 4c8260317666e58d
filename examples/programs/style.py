"""Style transfer (Gatys, Ecker and Bethge 2016; PyTorch's "Neural Transfer Using PyTorch") on digits.

A net learns to classify digits. Then pictures are optimised, not weights: their Gram matrices, the mean
products of two channels over all places, should become those of a picture of stripes in three layers; the
output of a fourth should stay as it was.

Run: python examples/programs/style.py [--backend jax] [--steps 300] [--seeds 3] [--first 30]

Judge, fixed before any tuning: for each of 3 seeds the style loss of 20 test images falls to 5 % of its
maximum, and the net still classifies 18 of them correctly.

It was met by a hair on seeds 16, 17 and 18. How long the net learns, and the weight of the content, were then
tuned with seeds 10 and 11 alone; the seeds of the judge are 30, 31 and 32, of which nothing had been seen.
"""

import argparse

import numpy as np

import lucidnet as ln
from lucidnet.layers import AveragePooling2D, Conv2D, Dense, Dropout, Flatten, GaussianNoise, Input
from lucidnet.optimizers.schedules import Cosine

STYLE, CONTENT = ("conv1", "conv2", "conv3"), "conv4"
WEIGHT, RATE = 1.2, 0.1


def make(seed=0, backend="numpy", dtype="float32"):
    """Return the digit classifier, not trained yet."""
    conv = [Conv2D(16, 3, padding="same", activation="relu", name=f"conv{k}") for k in (1, 2, 3, 4)]
    pool = AveragePooling2D(2)
    layers = [*conv[:2], pool, conv[2], pool, conv[3], Flatten(), Dropout(0.5), Dense(10, "softmax")]
    return ln.Model(
        [Input((16, 16, 1)), GaussianNoise(0.3), *layers], seed=seed, dtype=dtype, backend=backend
    )


def images():
    """Return digits at twice their size: images and labels for training, and for testing."""
    return [(x.repeat(2, 1).repeat(2, 2), y) for x, y in ln.data.load("digits", images=True)]


def stripes():
    """Return a picture (1, 16, 16, 1) of stripes that rise to the right."""
    rows, columns = np.mgrid[:16, :16]
    return ((rows + columns) % 4 < 2)[None, :, :, None].astype("float32")


def gram(h):
    """Return h (n, height, width, channels) flattened over places, and its Gram matrices."""
    flat = h.reshape(len(h), -1, h.shape[-1])
    return flat, flat.swapaxes(1, 2) @ flat / flat.shape[1]


def slopes(features, pictures, style, content):
    """Return each picture's style and content loss, and the pictures' gradient of the weighted sum."""
    tape = features.forward(pictures)
    gap = tape.output[CONTENT] - content
    losses, errors = 0.0, {CONTENT: 2 * WEIGHT * gap / gap[0].size}
    for name in STYLE:
        flat, found = gram(tape.output[name])
        off = found - style[name]
        losses = losses + (off**2).mean((1, 2))
        errors[name] = (4 * flat @ off / off[0].size / flat.shape[1]).reshape(tape.output[name].shape)
    return losses, (gap**2).mean((1, 2, 3)), tape.backward(errors)[0]


def train(seed=0, backend="numpy", steps=300, dtype="float32", epochs=40):
    """Train the net, then restyle 20 test images; return net, labels, images, and the style losses."""
    net, ((x, y), (x_test, y_test)) = make(seed, backend, dtype), images()
    net.compile("categorical_crossentropy", "adam")
    net.fit(x, y, epochs=epochs, verbose=0)
    net.set(layer="conv*", frozen=True)  # their gradients are not wanted
    features = net.part(outputs=[*STYLE, CONTENT])
    style = {name: gram(h)[1] for name, h in features.predict(stripes()).items()}
    pictures, content = x_test[:20], features.predict(x_test[:20])[CONTENT]
    optimizer, memory, losses = ln.optimizers.Adam(Cosine(RATE, 0.01 * RATE, steps)), None, []
    for _ in range(steps):
        loss, _, slope = slopes(features, pictures, style, content)
        pictures, memory = optimizer.step(pictures, slope, memory)
        losses.append(float(loss.mean()))
    return net, y_test[:20], pictures, losses


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--backend", default="numpy")
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--first", type=int, default=30)
    given = parser.parse_args()
    for seed in range(given.first, given.first + given.seeds):
        net, labels, pictures, losses = train(seed, given.backend, given.steps)
        right = (net.predict(pictures).argmax(1) == labels).sum()
        print(f"seed {seed}: style loss {losses[0]:.4f} -> {losses[-1] / losses[0]:.1%}; {right} of 20 told")
    print(np.round(pictures[0, :, :, 0], 1))
