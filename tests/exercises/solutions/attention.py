# lucidnet exercise: attention
import numpy as np


def forward(q, k, v):
    S = q @ k.T / np.sqrt(q.shape[-1])
    A = np.exp(S - S.max(axis=-1, keepdims=True))
    A = A / A.sum(axis=-1, keepdims=True)
    o = A @ v
    return A, o


def backward(q, k, v, A, do):
    root = np.sqrt(q.shape[-1])
    dv = np.einsum("nij,nid->jd", A, do)
    dA = do @ v.T
    dS = A * (dA - (A * dA).sum(axis=-1, keepdims=True))
    dq = dS @ k / root
    dk = np.einsum("nij,nid->jd", dS, q) / root
    return dq, dk, dv
