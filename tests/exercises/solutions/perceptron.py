# lucidnet exercise: perceptron
import numpy as np


def predict(x, w, b):
    return np.where(x @ w + b > 0, 1.0, 0.0)


def learn(x, w, b, t, rate):
    for row, target in zip(x, t, strict=True):
        y = 1.0 if row @ w + b > 0 else 0.0
        w = w + rate * (target - y) * row
        b = b + rate * (target - y)
    return w, b
