"""Wrong names and arguments: both type checkers must report each line of these functions."""

from __future__ import annotations

import numpy as np

import lucidnet as ln
from lucidnet.callbacks import EarlyStopping
from lucidnet.layers import LSTM, Conv2D, Dense, Dropout, Input

x, y = np.zeros((4, 2)), np.zeros((4, 1))
model = ln.Model([Input(2), Dense(1)])


def names() -> None:
    ln.Dense(3)
    ln.nn.Linear(3, 4)
    ln.layers.Dnese(3)
    ln.layers.Linear(3, 4)
    ln.optimizers.AdamW2()
    ln.losses.MSELoss()
    ln.metrics.accuracy_score([1], [1])
    ln.callbacks.ModelCheckpoint("here")
    ln.plots.nonsense()
    ln.data.load_digits()
    ln.rules.Backpropagation()
    ln.initializers.HeNormal()
    ln.check.gradient(Dense(3))
    ln.load_model("here")


def attributes() -> None:
    model.layers
    model.predict_proba(x)
    model.train()
    model.predictt(x)
    model.params.W
    model.predict(x).numpy()
    model.state.weights
    model.fit(x, y).losses_of_all
    Dense(3).kernel
    Dense(3).activation.name_of_it
    Dense(3).initializer.sigma


def keywords() -> None:
    Dense(3, kernel_initializer="zeros")
    Dense(3, input_shape=(2,))
    Dense(out_features=3)
    LSTM(3, batch_first=True)
    ln.optimizers.Adam(lr=0.1)
    ln.optimizers.SGD(weight=0.1)
    EarlyStopping(tol=3)
    model.fit(x, y, n_epochs=3)
    model.compile("mse", lr=0.1)
    model.predict(x, batch_size=3)
    ln.Model([], input_shape=(2,))


def kinds() -> None:
    Dense("3")
    Dense()
    Dense(3, activation=5)
    Dense(3, initializer=5)
    Dense(3, use_bias="no")
    Dense(3, l2="much")
    Conv2D("8", 3)
    LSTM(3, return_sequences="yes")
    Dropout()
    ln.optimizers.Adam("fast")
    ln.losses.Huber("big")
    EarlyStopping(patience="long")
    model.fit(x, y, epochs="3")
    model.fit(x, y, batch_size=1.5)
    model.fit(x, y, shuffle="no", callbacks=3)
    model.fit(x, y, 3)
    model.compile("mse", optimizer=3)
    model.compile("mse", metrics=3)
    model.compile(3)
    model.save(3)
    model.evaluate(x, y, batch_size="all")
    ln.Model(3)
    ln.Model([Dense(3)], seed="one")
    ln.Model([3])
    ln.load(3)
