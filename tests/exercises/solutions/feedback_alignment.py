# lucidnet exercise: feedback-alignment
import numpy as np


def backward(x, W, B, dy):
    db = dy.sum(0)
    dW = x.T @ dy
    dx = dy @ B.T
    return dx, dW, db
