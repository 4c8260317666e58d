# lucidnet exercise: rflo
import numpy as np


def advance(P, x, slope, tau):
    return (1 - 1 / tau) * P + x[:, :, None] * slope[:, None, :] / tau


def gradient(P, error):
    return (P * error[:, None, :]).sum(0)


def total(x, slope, error, tau):
    n, times, inputs = x.shape
    P = np.zeros((n, inputs, slope.shape[2]))
    dW = np.zeros(P.shape[1:])
    for t in range(times):
        P = advance(P, x[:, t], slope[:, t], tau)
        dW += gradient(P, error[:, t])
    return dW
