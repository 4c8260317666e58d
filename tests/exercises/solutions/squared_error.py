# lucidnet exercise: squared-error
import numpy as np


def loss(y, t):
    return ((y - t) ** 2).mean()


def gradient(y, t):
    return 2 * (y - t) / y.size
