# lucidnet exercise: sigmoid
import numpy as np


def forward(z):
    return 1 / (1 + np.exp(-z))


def backward(y, dy):
    return dy * y * (1 - y)
