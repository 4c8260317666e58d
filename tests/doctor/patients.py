"""Networks that are well, and networks with one thing wrong each."""

import numpy as np

import lucidnet as ln
from lucidnet import data, initializers, layers, optimizers
from lucidnet.layers import Conv2D, Dense, Input


def digits(images=False):
    return data.load("digits", images=images)[0]


def real_numbers(seed, n=400):
    """A smooth function of five features, with noise."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 5))
    y = np.sin(x[:, 0]) + 0.5 * x[:, 1] * x[:, 2] + x[:, 3] + 0.1 * rng.normal(size=n)
    return x, y


def made(layers, loss, optimizer, seed):
    model = ln.Model(layers, seed=seed)
    model.compile(loss=loss, optimizer=optimizer)
    return model


def classifier(seed, *hidden, optimizer="adam", loss="categorical_crossentropy"):
    return made([Input(64), *hidden, Dense(10, "softmax")], loss, optimizer, seed)


# --- well ------------------------------------------------------------------------------------------------


def relu_adam(seed):
    return classifier(seed, Dense(64, "relu"), Dense(32, "relu")), *digits()


def tanh_momentum(seed):
    sgd = optimizers.SGD(0.05, momentum=0.9)
    return classifier(seed, Dense(32, "tanh"), Dense(32, "tanh"), optimizer=sgd), *digits()


def regression(seed):
    return made([Input(5), Dense(32, "tanh"), Dense(1)], "mse", optimizers.SGD(0.05), seed), *real_numbers(
        seed
    )


def binary(seed):
    x, y = data.moons(n=500, seed=seed)
    return made([Input(2), Dense(16, "relu"), Dense(1, "sigmoid")], "binary_crossentropy", "adam", seed), x, y


def deep_residual(seed):
    body = layers.Sequential([Dense(32, "relu", initializer="he_normal"), Dense(32, initializer="zeros")])
    blocks = [layers.Residual(body) for _ in range(15)]
    return classifier(seed, Dense(32), *blocks), *digits()


def convolutional(seed):
    hidden = [Conv2D(8, 3, activation="relu"), layers.MaxPooling2D(2), layers.Flatten()]
    model = made([Input((8, 8, 1)), *hidden, Dense(10, "softmax")], "categorical_crossentropy", "adam", seed)
    return model, *digits(images=True)


def recurrent(seed):
    rows, y = digits()
    model = made(
        [Input((8, 8)), layers.LSTM(32), Dense(10, "softmax")], "categorical_crossentropy", "adam", seed
    )
    return model, rows.reshape(-1, 8, 8), y


def normalized_dropout(seed):
    hidden = [Dense(64, use_bias=False), layers.BatchNormalization(), layers.ReLU(), layers.Dropout(0.5)]
    return classifier(seed, *hidden, Dense(32, "gelu")), *digits()


def xor(seed):
    x, y = [[0, 0], [0, 1], [1, 0], [1, 1]], [0, 1, 1, 0]
    return made([Input(2), Dense(8, "tanh"), Dense(1, "sigmoid")], "binary_crossentropy", "adam", seed), x, y


def textbook(seed):
    """Nielsen's: sigmoids, squares, and a large rate."""
    x, y = digits()
    model = made(
        [Input(64), Dense(30, "sigmoid"), Dense(10, "sigmoid")],
        "half_squared_error",
        optimizers.SGD(3.0),
        seed,
    )
    return model, x, np.eye(10)[y]


def spirals(seed, *hidden, epochs=10):
    x, y = data.load("spirals")[0]
    model = made([Input(2), *hidden, Dense(2, "softmax")], "categorical_crossentropy", "adam", seed)
    model.fit(x, y, epochs=epochs, verbose=0)
    return model, x, y


def slow_but_bent(seed):
    """On the way: the loss stands nearly still, but the boundary is no line."""
    return spirals(seed, Dense(32, "tanh"), Dense(32, "tanh"))


def straight_for_good_reason(seed):
    """Clouds that straight lines keep apart."""
    x, y = data.gaussians(400, seed=2)
    model = made([Input(2), Dense(3, "softmax")], "categorical_crossentropy", optimizers.Adam(0.02), seed)
    model.fit(x, y, epochs=40, verbose=0)
    return model, x, y


def straight_in_noise(seed):
    """A line with much noise: neighbours know no more than the line."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(400, 3))
    y = x[:, 0] + rng.normal(size=400)
    model = made([Input(3), Dense(1)], "mse", optimizers.SGD(0.02), seed)
    model.fit(x, y, epochs=20, verbose=0)
    return model, x, y


HEALTHY = [
    relu_adam,
    tanh_momentum,
    regression,
    binary,
    deep_residual,
    convolutional,
    recurrent,
    normalized_dropout,
    xor,
    textbook,
    slow_but_bent,
    straight_for_good_reason,
    straight_in_noise,
]


# --- ill -------------------------------------------------------------------------------------------------


def dead_by_bias(seed):
    hidden = Dense(64, "relu", bias_initializer=initializers.Constant(-10.0))
    return classifier(seed, hidden, Dense(32, "relu")), *digits()


def saturated_by_weights(seed):
    hidden = Dense(64, "tanh", initializer=initializers.Normal(0, 5.0))
    return classifier(seed, hidden), *digits()


def vanishing(seed):
    small = [Dense(32, "sigmoid", initializer="glorot_uniform") for _ in range(8)]
    return classifier(seed, *small), *digits()


def exploding(seed):
    wide = initializers.VarianceScaling(scale=12.0, fan="in", distribution="normal")
    return classifier(seed, *[Dense(32, "relu", initializer=wide) for _ in range(8)]), *digits()


def exploding_linear(seed):
    wide = initializers.VarianceScaling(scale=5.0, fan="in", distribution="normal")
    return classifier(seed, *[Dense(32, initializer=wide) for _ in range(8)]), *digits()


def rate_too_high_sgd(seed):
    return classifier(seed, Dense(64, "relu"), Dense(32, "relu"), optimizer=optimizers.SGD(10.0)), *digits()


def rate_too_high_adam(seed):
    return classifier(seed, Dense(64, "relu"), Dense(32, "relu"), optimizer=optimizers.Adam(0.1)), *digits()


def rate_too_high_tanh(seed):
    sgd = optimizers.SGD(5.0, momentum=0.9)
    return classifier(seed, Dense(32, "tanh"), Dense(32, "tanh"), optimizer=sgd), *digits()


def rate_too_high_regression(seed):
    model = made([Input(5), Dense(32, "tanh"), Dense(1)], "mse", optimizers.SGD(5.0), seed)
    return model, *real_numbers(seed)


def rate_too_low_sgd(seed):
    return classifier(seed, Dense(64, "relu"), Dense(32, "relu"), optimizer=optimizers.SGD(1e-4)), *digits()


def rate_much_too_low_sgd(seed):
    return classifier(seed, Dense(64, "relu"), Dense(32, "relu"), optimizer=optimizers.SGD(1e-6)), *digits()


def rate_too_low_adam(seed):
    return classifier(seed, Dense(64, "relu"), Dense(32, "relu"), optimizer=optimizers.Adam(1e-6)), *digits()


def rate_too_low_regression(seed):
    model = made([Input(5), Dense(32, "tanh"), Dense(1)], "mse", optimizers.SGD(5e-5), seed)
    return model, *real_numbers(seed)


def pixels(seed):
    model, x, y = relu_adam(seed)
    return model, x * 255, y


def features_of_different_scale(seed):
    model, x, y = regression(seed)
    return model, x * [1, 1, 1000, 1, 0.1], y


def large_targets(seed):
    model, x, y = regression(seed)
    return model, x, 1000 * y + 5000


def labels_shuffled(seed):
    model, x, y = relu_adam(seed)
    return model, x, np.random.default_rng(seed).permutation(y)


def labels_shuffled_convolution(seed):
    model, x, y = convolutional(seed)
    return model, x, np.random.default_rng(seed).permutation(y)


def labels_shuffled_binary(seed):
    model, x, y = binary(seed)
    return model, x, np.random.default_rng(seed).permutation(y)


def targets_shuffled(seed):
    model, x, y = regression(seed)
    return model, x, np.random.default_rng(seed).permutation(y)


def squares_of_softmax(seed):
    x, y = digits()
    return classifier(seed, Dense(64, "relu"), loss="mse"), x, np.eye(10)[y]


def targets_out_of_range(seed):
    x, y = real_numbers(seed)
    model = made([Input(5), Dense(32, "tanh"), Dense(1, "sigmoid")], "mse", "adam", seed)
    return model, x, 10 * y


def negative_targets_of_relu(seed):
    x, y = real_numbers(seed)
    return made([Input(5), Dense(32, "tanh"), Dense(1, "relu")], "mse", "adam", seed), x, y


def softmax_of_one(seed):
    x, y = data.moons(n=500, seed=seed)
    model = made([Input(2), Dense(16, "relu"), Dense(1, "softmax")], "mse", "adam", seed)
    return model, x, y


def softmax_twice(seed):
    hidden = [Input(64), Dense(64, "relu"), Dense(10, "softmax"), layers.Softmax()]
    return made(hidden, "categorical_crossentropy", "adam", seed), *digits()


def zero_weights(seed):
    return classifier(
        seed, Dense(64, "tanh", initializer="zeros"), Dense(32, "tanh", initializer="zeros")
    ), *digits()


def constant_weights(seed):
    half = initializers.Constant(0.1)
    model = made(
        [Input(64), Dense(32, "relu", initializer=half), Dense(10, "softmax", initializer=half)],
        "categorical_crossentropy",
        "adam",
        seed,
    )
    return model, *digits()


def one_class(seed):
    x, y = digits()
    rare = np.concatenate([np.flatnonzero(y == 0), np.flatnonzero(y == 1)[:5]])
    model = made([Input(64), Dense(32, "relu"), Dense(1, "sigmoid")], "binary_crossentropy", "adam", seed)
    return model, x[rare], y[rare]


def sure_and_wrong(seed):
    model = made(
        [Input(64), Dense(64, "tanh"), Dense(10, "softmax", initializer=initializers.Normal(0, 3.0))],
        "categorical_crossentropy",
        "adam",
        seed,
    )
    return model, *digits()


def same_column_twice(seed):
    x, y = real_numbers(seed)
    model, *_ = regression(seed)
    return model, np.concatenate([x[:, :4], x[:, :1]], 1), y


def column_that_never_changes(seed):
    x, y = real_numbers(seed)
    model, *_ = regression(seed)
    return model, np.concatenate([x[:, :4], np.full((len(x), 1), 1.5)], 1), y


def output_without_input(seed):
    nothing = layers.Activation(lambda z: 0 * z, lambda z: 0 * z)
    model = made([Input(5), Dense(8, "tanh"), Dense(1), nothing], "mse", "adam", seed)
    return model, *real_numbers(seed)


def root_of_negative_numbers(seed):
    root = layers.Activation(np.sqrt, lambda z: 0.5 / np.sqrt(z))
    model = made([Input(5), Dense(8), root, Dense(1)], "mse", "adam", seed)
    return model, *real_numbers(seed)


def no_activation(seed):
    return spirals(seed, Dense(32), Dense(32))


def small_tanh(seed):
    """The first weights of Glorot: with 2 inputs and 32 units tanh is straight there."""
    return spirals(seed, *[Dense(32, "tanh", initializer="glorot_uniform") for _ in range(2)])


def small_sigmoid(seed):
    small = initializers.Normal(0, 0.3)
    return spirals(seed, *[Dense(32, "sigmoid", initializer=small) for _ in range(2)], epochs=20)


def sigmoids(depth, epochs, optimizer, x, y, seed):
    hidden = [Dense(16, "sigmoid") for _ in range(depth)]
    net = [Input(x.shape[1]), *hidden, Dense(y.max() + 1, "softmax")]
    model = made(net, "categorical_crossentropy", optimizer, seed)
    model.fit(x, y, epochs=epochs, verbose=0)
    return model, x, y


def deep_sigmoids(seed):
    return sigmoids(8, 15, "sgd", *data.load("spirals")[0], seed)


def deep_sigmoids_images(seed):
    return sigmoids(12, 12, "sgd", *digits(), seed)


def straight_regression(seed):
    """y = x1 x2, by a network without an activation."""
    x = np.random.default_rng(seed).uniform(-1, 1, size=(400, 2))
    model = made([Input(2), Dense(16), Dense(1)], "mse", optimizers.SGD(0.05), seed)
    model.fit(x, x[:, 0] * x[:, 1], epochs=20, verbose=0)
    return model, x, x[:, 0] * x[:, 1]


def without_activation(seed):
    model = classifier(seed, Dense(32), Dense(32, "relu"))
    return model, *digits()


def relu_before_softmax(seed):
    return made(
        [Input(64), Dense(64, "relu"), Dense(10, "relu"), layers.Softmax()],
        "categorical_crossentropy",
        "adam",
        seed,
    ), *digits()


ILL = [
    (without_activation, "no activation"),
    (relu_before_softmax, "loss does not fit"),
    (dead_by_bias, "dead units"),
    (saturated_by_weights, "saturated units"),
    (vanishing, "vanishing gradients"),
    (exploding, "exploding gradients"),
    (exploding_linear, "exploding gradients"),
    (rate_too_high_sgd, "learning rate too high"),
    (rate_too_high_adam, "learning rate too high"),
    (rate_too_high_tanh, "learning rate too high"),
    (rate_too_high_regression, "learning rate too high"),
    (rate_too_low_sgd, "learning rate too low"),
    (rate_much_too_low_sgd, "learning rate too low"),
    (rate_too_low_adam, "learning rate too low"),
    (rate_too_low_regression, "learning rate too low"),
    (pixels, "data not scaled"),
    (features_of_different_scale, "data not scaled"),
    (large_targets, "targets not scaled"),
    (labels_shuffled, "labels shuffled"),
    (labels_shuffled_convolution, "labels shuffled"),
    (labels_shuffled_binary, "labels shuffled"),
    (targets_shuffled, "labels shuffled"),
    (squares_of_softmax, "loss does not fit"),
    (targets_out_of_range, "loss does not fit"),
    (negative_targets_of_relu, "loss does not fit"),
    (softmax_of_one, "loss does not fit"),
    (softmax_twice, "loss does not fit"),
    (zero_weights, "units all alike"),
    (constant_weights, "units all alike"),
    (one_class, "classes unbalanced"),
    (sure_and_wrong, "first loss too large"),
    (same_column_twice, "duplicated features"),
    (column_that_never_changes, "constant features"),
    (output_without_input, "constant output"),
    (root_of_negative_numbers, "training not finite"),
    (no_activation, "acts as a straight line"),
    (small_tanh, "acts as a straight line"),
    (small_sigmoid, "acts as a straight line"),
    (straight_regression, "acts as a straight line"),
    (deep_sigmoids, "loss stands still"),
    (deep_sigmoids_images, "loss stands still"),
]
