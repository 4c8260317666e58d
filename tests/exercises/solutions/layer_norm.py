# lucidnet exercise: layer-norm
import numpy as np


def forward(x, g, b, epsilon):
    m = x.mean(axis=-1, keepdims=True)
    v = ((x - m) ** 2).mean(axis=-1, keepdims=True)
    h = (x - m) / np.sqrt(v + epsilon)
    return g * h + b


def backward(h, s, g, dy):
    db = dy.sum(0)
    dg = (dy * h).sum(0)
    dh = dy * g
    dx = s * (dh - dh.mean(-1, keepdims=True) - h * (dh * h).mean(-1, keepdims=True))
    return dx, dg, db
