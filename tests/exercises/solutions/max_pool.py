# lucidnet exercise: max-pool
import numpy as np


def forward(x, size):
    return x.reshape(len(x), -1, size, x.shape[2]).max(axis=2)


def backward(x, size, dy):
    windows = x.reshape(len(x), -1, size, x.shape[2])
    largest = windows == windows.max(axis=2, keepdims=True)
    return (largest * dy[:, :, None]).reshape(x.shape)
