"""Distillation (Hinton, Vinyals and Dean 2015; Keras' example) on 8 x 8 digits.

A dense network learns from a convolutional one: its loss is a tenth of the cross-entropy of the labels, and
nine tenths of T^2 KL(p || q), where p and q are the softmax of both networks' logits divided by T. The
teacher has seen all images, the student sees a tenth of them (section 6 of the paper: "soft targets as
regularizers"); with all of these easy images it needs no teacher.

Run: python examples/programs/distillation.py [--backend jax] [--epochs 100] [--seeds 3] [--first 3]

Judge, fixed before any tuning: for each of 3 seeds the student classifies more test images correctly than the
same one that learns from the labels alone for as long, on average at least 0.5 % more (Keras: 98.1 against
97.6 % on MNIST). Seeds 0 to 2 were used for tuning, 3 to 5 are judged.
"""

import argparse

import numpy as np

import lucidnet as ln
from lucidnet.layers import Conv2D, Dense, Dropout, Flatten, Input, MaxPooling2D, Softmax
from lucidnet.losses import CategoricalCrossentropy, KLDivergence

LABELS, TEMPERATURE, BATCH, FEW = 0.1, 10.0, 48, 144
HARD, SOFT = CategoricalCrossentropy(from_logits=True), KLDivergence(from_logits=True)
TEACHER = [
    *(Conv2D(32, 3, padding="same", activation="relu"), MaxPooling2D(2)),
    *(Conv2D(64, 3, padding="same", activation="relu"), Dropout(0.5), Flatten()),
]
STUDENT = [Flatten(), Dense(64, "relu"), Dense(64, "relu")]


def make(body, rate, seed=0, backend="numpy", dtype="float32"):
    """Return a classifier with logits, and probabilities of the ten digits."""
    layers = [Input((8, 8, 1)), *body, Dense(10, name="logits"), Softmax()]
    model = ln.Model(layers, seed=seed, dtype=dtype, backend=backend)
    model.compile("categorical_crossentropy", ln.optimizers.Adam(rate), metrics="accuracy")
    return model


def step(student, teacher, batch):
    """Make one step of the student; return its losses against the labels and against the teacher."""
    x, labels = batch
    wanted, _ = Softmax().forward({}, teacher.part(to="logits").forward(x).output / TEMPERATURE)
    tape = student.part(to="logits").forward(x, train=True)
    hard, from_labels = HARD.forward(tape.output, labels)
    soft, from_teacher = SOFT.forward(tape.output / TEMPERATURE, wanted)
    slope = LABELS * HARD.backward(from_labels) + (1 - LABELS) * TEMPERATURE * SOFT.backward(from_teacher)
    student.apply(tape.backward(slope, need_dx=False)[1], tape)
    return hard, TEMPERATURE**2 * soft


def train(seed=0, backend="numpy", epochs=100, dtype="float32"):
    """Return the test accuracy of teacher, student, and an equal student trained without a teacher."""
    (x, y), (x_test, y_test) = ln.data.load("digits")
    x, x_test, rng = x.reshape(-1, 8, 8, 1), x_test.reshape(-1, 8, 8, 1), np.random.default_rng(seed)
    teacher = make(TEACHER, 0.001, seed + 100, backend, dtype)
    student, alone = (make(STUDENT, 0.003, seed, backend, dtype) for _ in range(2))
    teacher.fit(x, y, epochs=40, batch_size=64, verbose=0)
    few = rng.permutation(len(x))[:FEW]
    alone.fit(x[few], y[few], epochs=epochs, batch_size=BATCH, verbose=0)
    steps = ln.OwnStep(step, student, teacher)
    for _ in range(epochs):
        order = rng.permutation(few).reshape(-1, BATCH)
        steps((x[rows], np.eye(10)[y[rows]]) for rows in order)
    return tuple(model.evaluate(x_test, y_test)["accuracy"] for model in (teacher, student, alone))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--backend", default="numpy")
    parser.add_argument("--epochs", type=int, default=100)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--first", type=int, default=0)
    given = parser.parse_args()
    for seed in range(given.first, given.first + given.seeds):
        teacher, student, alone = train(seed, given.backend, given.epochs)
        print(f"seed {seed}: teacher {teacher:.1%}, student {student:.1%}, without a teacher {alone:.1%}")
