"""What people give by mistake, and what each kind of setting takes of it: tables written by hand."""

from __future__ import annotations

import numpy as np

import lucidnet as ln
from lucidnet import initializers as I
from lucidnet import layers as L
from lucidnet import losses, metrics, optimizers, rules
from lucidnet.data import augment as A
from lucidnet.losses import Joint
from lucidnet.optimizers import schedules as S
from lucidnet.training import callbacks as C

GIVEN = {
    "text": "no",
    "empty text": "",
    "bytes": b"no",
    "None": None,
    "True": True,
    "False": False,
    "np.True_": np.True_,
    "0": 0,
    "1": 1,
    "-1": -1,
    "np.int64(-1)": np.int64(-1),
    "2.5": 2.5,
    "3.0": 3.0,
    "-0.5": -0.5,
    "nan": float("nan"),
    "inf": float("inf"),
    "-inf": -float("inf"),
    "np.float32(nan)": np.float32("nan"),
    "10**400": 10**400,
    "1j": 1j,
    "[]": [],
    "()": (),
    "[1]": [1],
    "['no']": ["no"],
    "(1, 2, 3, 4)": (1, 2, 3, 4),
    "{}": {},
    "{1: 2}": {1: 2},
    "set()": set(),
    "array": np.ones(3),
    "matrix": np.ones((2, 2)),
    "object": object(),
    "class": int,
    "function": len,
    "module": np,
}
"""What is given for each setting, by what it is called."""

WHOLE = {"1", "10**400"}
NUMBERS = {"1", "2.5", "3.0"}
BOOLS = {"True", "False", "np.True_"}

TAKES = {
    "whole 1": WHOLE,
    "whole 0": WHOLE | {"0"},
    "whole 2": {"10**400"},
    "count 1": {"1"},
    "count 0": {"0", "1"},
    "seed": {"0", "1", "10**400"},
    "axes": WHOLE | {"0", "-1", "np.int64(-1)", "[1]", "(1, 2, 3, 4)"},
    "number": NUMBERS | {"0", "-1", "np.int64(-1)", "-0.5"},
    "number 0": NUMBERS | {"0"},
    "number 1": NUMBERS,
    "number to 1": {"0", "1", "-1", "np.int64(-1)", "-0.5"},
    "above 0 to 1": {"1"},
    "above 0": NUMBERS,
    "0 to 1": {"0", "1"},
    "0 to below 1": {"0"},
    "inside 0 to 1": set(),
    "schedule": NUMBERS | {"0", "function"},
    "schedule below 1": {"0", "function"},
    "any schedule": NUMBERS | {"0", "-1", "np.int64(-1)", "-0.5", "function"},
    "schedules": {"[1]", "(1, 2, 3, 4)", "array"},
    "bool": BOOLS,
    "frozen": BOOLS | {"['no']"},  # names of parameters: looked up when the network is built
    "choice": set(),
    "choice 2 3": set(),
    "text": {"text"},
    "any text": {"text", "empty text"},
    "texts": {"text", "['no']"},
    "rule": {"text"},  # a name: looked up when the model is compiled
    "function": {"function"},
    "activation": {"function"},
    "initializer": set(),
    "value": set(),
    "sizes": {"1", "10**400"},
    "layer sizes": {"1", "10**400", "None", "[1]", "(1, 2, 3, 4)"},
    "shape": {"1", "10**400", "[]", "()", "[1]", "(1, 2, 3, 4)"},
    "new sizes": {"1", "-1", "np.int64(-1)", "10**400", "[1]", "(1, 2, 3, 4)"},
    "padding": {"0", "1", "10**400"},
    "padding 1": {"0", "1", "10**400", "[1]"},
    "below a window": {"0", "1"},
    "below a window 1": {"0", "1", "[1]"},
    "sizes 1": {"1", "10**400", "[1]"},
    "path": {"text"},
    "branches": {"[]", "()"},
}
"""Which of these each kind of setting takes. Those marked with "?" take None, too."""

SHARED = {
    "name": "any text",
    "learning_rate": "schedule?",
    "l1": "number 0?",
    "l2": "number 0?",
    "weight_decay": "schedule?",
    "constraint": "function?",
    "rule": "rule?",
    "frozen": "frozen",
}
"""What all layers have."""

WEIGHTS = {"initializer": "initializer", "bias_initializer": "initializer"}
RECURRENT = {
    "units": "whole 1",
    "return_sequences": "bool",
    "go_backwards": "bool",
    "stateful": "bool",
    "recurrent_initializer": "initializer",
} | WEIGHTS
WINDOWS = {"kernel_size": "sizes", "strides": "sizes", "padding": "padding", "dilation": "sizes"}
WINDOWS_1 = {"kernel_size": "sizes 1", "strides": "sizes 1", "padding": "padding 1", "dilation": "sizes 1"}
AFTER = {"activation": "activation", "use_bias": "bool"} | WEIGHTS
POOLING = {"pool_size": "sizes", "strides": "sizes?", "padding": "below a window"}
POOLING_1 = {"pool_size": "sizes 1", "strides": "sizes 1?", "padding": "below a window 1"}
OPTIMIZER = {"learning_rate": "schedule", "weight_decay": "schedule", "clip": "value?"}
MOMENTS = OPTIMIZER | {"beta1": "schedule below 1", "beta2": "schedule below 1", "epsilon": "number 0"}
FEEDBACK = {"initializer": "initializer?", "seed": "seed?"}

ONE = L.Dense(1, name="one")

LAYERS = [
    *(
        (getattr(L, name), {}, {})
        for name in [
            "Abs",
            "Exponential",
            "GELU",
            "HardSigmoid",
            "Linear",
            "Mish",
            "ReLU",
            "SELU",
        ]
    ),
    *((getattr(L, name), {}, {}) for name in ["SiLU", "Sigmoid", "Softplus", "Softsign", "Tanh", "Flatten"]),
    *((getattr(L, f"Global{kind}Pooling{n}D"), {}, {}) for kind in ("Average", "Max") for n in (1, 2)),
    (L.SinusoidalEncoding, {}, {}),
    (L.ELU, {}, {"alpha": "number"}),
    (L.LeakyReLU, {}, {"negative_slope": "number"}),
    (L.PReLU, {}, {"alpha": "number to 1"}),
    (L.Input, {"shape": 3}, {"shape": "layer sizes"}),
    (L.Masking, {}, {"value": "number"}),
    (L.Dropout, {"rate": 0.5}, {"rate": "schedule below 1"}),
    (L.SpatialDropout1D, {"rate": 0.5}, {"rate": "0 to below 1"}),
    (L.SpatialDropout2D, {"rate": 0.5}, {"rate": "0 to below 1"}),
    (L.GaussianNoise, {"deviation": 0.5}, {"deviation": "number 0"}),
    (L.Reshape, {"shape": 3}, {"shape": "new sizes"}),
    (L.Sequential, {"layers": [ONE]}, {"layers": "value"}),
    (L.Residual, {"body": ONE}, {"body": "value", "projection": "value?"}),
    *((kind, {}, {"branches": "branches"}) for kind in (L.Add, L.Average, L.Multiply, L.Subtract)),
    *((kind, {}, {"branches": "branches"}) for kind in (L.Maximum, L.Minimum)),
    (L.Concatenate, {}, {"branches": "branches", "axis": "axis"}),
    (L.Dot, {}, {"branches": "branches", "axes": "axis", "normalize": "bool"}),
    *((kind, {}, {"axis": "axis"}) for kind in (L.Softmax, L.LogSoftmax)),
    (L.Rescaling, {"scale": 2.0}, {"scale": "number", "offset": "number"}),
    (
        L.Normalization,
        {"mean": 1.0, "variance": 1.0},
        {"axis": "axes not 0?", "mean": "one number", "variance": "one number 0"},
    ),
    (L.Normalization, {}, {"mean": "nothing?", "variance": "nothing?"}),  # one alone
    (L.Sampling, {}, {"kl": "number 0"}),
    (L.RepeatVector, {"times": 2}, {"times": "whole 1"}),
    (L.Permute, {"axes": (2, 1)}, {"axes": "order"}),
    (L.TimeDistributed, {"layer": ONE}, {"layer": "value"}),
    (
        L.activations.CustomActivation,
        {"function": abs, "derivative": np.sign},
        {"function": "function", "derivative": "function"},
    ),
    (
        L.Graph,
        {"inputs": {"x": 2}, "nodes": [("one", ONE, "x")], "outputs": "one"},
        {"inputs": "value", "nodes": "value", "outputs": "value"},
    ),
    (L.Dense, {"units": 2}, {"units": "whole 1", "tied": "text?"} | AFTER),
    (L.SimpleRNN, {"units": 2}, {"activation": "activation"} | RECURRENT),
    (
        L.LeakyRNN,
        {"units": 2},
        {"activation": "activation", "tau": "number 1", "noise": "number 0"} | RECURRENT,
    ),
    (L.LSTM, {"units": 2}, {"forget_bias": "number"} | RECURRENT),
    (L.GRU, {"units": 2}, RECURRENT),
    (
        L.Embedding,
        {"vocabulary": 3, "dimension": 2},
        {"vocabulary": "whole 1", "dimension": "whole 1", "mask_zero": "bool", "initializer": "initializer"},
    ),
    (L.PositionalEmbedding, {"length": 3}, {"length": "whole 1", "initializer": "initializer"}),
    (L.LayerNormalization, {}, {"epsilon": "inside 0 to 1", "axis": "axes not 0"}),
    (L.RMSNormalization, {}, {"epsilon": "inside 0 to 1", "axis": "axes not 0"}),
    (L.BatchNormalization, {}, {"epsilon": "inside 0 to 1", "momentum": "0 to 1", "axis": "axis"}),
    (L.GroupNormalization, {}, {"epsilon": "inside 0 to 1", "groups": "whole 1", "axis": "axis"}),
    (
        L.MultiHeadAttention,
        {"heads": 2},
        {
            "heads": "whole 1",
            "key_dimension": "whole 1?",
            "causal": "bool",
            "dropout": "0 to below 1",
            "use_bias": "bool",
            "initializer": "initializer",
        },
    ),
    (
        L.TransformerBlock,
        {"heads": 2, "width": 4},
        {
            "heads": "whole 1",
            "width": "whole 1",
            "feed_forward": "whole 1?",
            "dropout": "0 to below 1",
            "causal": "bool",
            "activation": "activation",
            "norm_first": "bool",
            "epsilon": "inside 0 to 1",
        },
    ),
    (
        L.Conv2D,
        {"filters": 10**400, "kernel_size": 3},  # which divide into so many groups
        {"filters": "whole 1", "groups": "whole 1"} | WINDOWS | AFTER,
    ),
    (
        L.Conv1D,
        {"filters": 10**400, "kernel_size": 3},  # which divide into so many groups
        {"filters": "whole 1", "groups": "whole 1"} | WINDOWS_1 | AFTER,
    ),
    (
        L.Conv2DTranspose,
        {"filters": 2, "kernel_size": 3, "strides": 2},
        {"filters": "whole 1", "output_padding": "output padding"} | WINDOWS | AFTER,
    ),
    (
        L.Conv1DTranspose,
        {"filters": 2, "kernel_size": 3, "strides": 2},
        {"filters": "whole 1", "output_padding": "output padding"} | WINDOWS_1 | AFTER,
    ),
    (L.DepthwiseConv2D, {"kernel_size": 3}, {"multiplier": "whole 1"} | WINDOWS | AFTER),
    (L.DepthwiseConv1D, {"kernel_size": 3}, {"multiplier": "whole 1"} | WINDOWS_1 | AFTER),
    (
        L.SeparableConv2D,
        {"filters": 2, "kernel_size": 3},
        {"filters": "whole 1", "multiplier": "whole 1"} | WINDOWS | AFTER,
    ),
    (
        L.SeparableConv1D,
        {"filters": 2, "kernel_size": 3},
        {"filters": "whole 1", "multiplier": "whole 1"} | WINDOWS_1 | AFTER,
    ),
    (
        L.ConvLSTM2D,
        {"filters": 2, "kernel_size": 3},
        {
            "filters": "whole 1",
            "return_sequences": "bool",
            "go_backwards": "bool",
            "forget_bias": "number",
            "recurrent_initializer": "initializer",
        }
        | WINDOWS
        | WEIGHTS,
    ),
    (L.UpSampling2D, {}, {"size": "sizes", "interpolation": "choice"}),
    (L.UpSampling1D, {}, {"size": "sizes 1"}),
    (L.Cropping2D, {}, {"cropping": "border"}),
    (L.Cropping1D, {}, {"cropping": "padding 1"}),
    (L.ZeroPadding2D, {}, {"padding": "border"}),
    (L.ZeroPadding1D, {}, {"padding": "padding 1"}),
    *((kind, {}, POOLING) for kind in (L.MaxPooling2D, L.AveragePooling2D)),
    *((kind, {}, POOLING_1) for kind in (L.MaxPooling1D, L.AveragePooling1D)),
]
TAKES |= {
    "axis": {"1", "-1", "np.int64(-1)"},
    "axes not 0": {"1", "-1", "np.int64(-1)", "[1]", "(1, 2, 3, 4)"},
    "one number": NUMBERS | {"0", "-1", "np.int64(-1)", "-0.5", "[1]"},
    "one number 0": NUMBERS | {"0", "[1]"},
    "order": {"[1]", "(1, 2, 3, 4)"},
}
TAKES |= {"output padding": {"0", "1"}, "border": {"0", "1", "10**400"}}

OTHERS = [
    (I.Constant, {}, {"value": "number"}),
    (I.Uniform, {"low": -9, "high": 9}, {"low": "number", "high": "number"}),
    (I.Normal, {}, {"mean": "number", "std": "number 0"}),
    (I.VarianceScaling, {}, {"scale": "above 0", "fan": "choice", "distribution": "choice"}),
    (I.Orthogonal, {}, {"gain": "number"}),
    (I.Identity, {}, {"gain": "number"}),
    (losses.BinaryCrossentropy, {}, {"from_logits": "bool", "label_smoothing": "0 to below 1"}),
    (losses.CategoricalCrossentropy, {}, {"from_logits": "bool", "label_smoothing": "0 to below 1"}),
    (losses.SparseCategoricalCrossentropy, {}, {"from_logits": "bool"}),
    (losses.KLDivergence, {}, {"from_logits": "bool"}),
    (losses.Huber, {}, {"delta": "above 0"}),
    (
        losses.Custom,
        {"function": divmod, "derivative": divmod, "order": "target, prediction"},
        {"function": "nothing", "derivative": "nothing?", "order": "choice", "target": "shape?"},
    ),
    (losses.Poisson, {}, {"from_logs": "bool"}),
    (
        Joint,
        {"losses": (("a", losses.Hinge()),), "weights": (1.0,)},
        {"losses": "value", "weights": "weights", "fused": "fused", "shares": "shares"},
    ),
    (optimizers.SGD, {"momentum": 0.5}, OPTIMIZER | {"nesterov": "bool", "decay": "number 0"}),
    (optimizers.SGD, {}, {"momentum": "schedule below 1"}),
    *((kind, {}, MOMENTS) for kind in (optimizers.Adam, optimizers.AdamW, optimizers.Adamax)),
    (optimizers.LAMB, {}, MOMENTS),
    (optimizers.Nadam, {}, MOMENTS | {"momentum_decay": "number 0"}),
    (
        optimizers.RMSprop,
        {},
        OPTIMIZER | {"rho": "schedule below 1", "momentum": "schedule below 1", "epsilon": "number 0"},
    ),
    (
        optimizers.Adagrad,
        {},
        OPTIMIZER | {"decay": "number 0", "initial": "number 0", "epsilon": "number 0"},
    ),
    (optimizers.Adadelta, {}, OPTIMIZER | {"rho": "schedule below 1", "epsilon": "number 0"}),
    (optimizers.Lion, {}, OPTIMIZER | {"beta1": "schedule below 1", "beta2": "schedule below 1"}),
    (
        optimizers.Muon,
        {},
        OPTIMIZER
        | {
            "momentum": "schedule below 1",
            "nesterov": "bool",
            "scale": "choice",
            "steps": "whole 1",
            "other": "value",
        },
    ),
    (
        optimizers.LBFGS,
        {},
        {
            "learning_rate": "above 0",
            "memory": "whole 1",
            "iterations": "whole 1",
            "tolerance": "number 0",
            "change": "number 0",
            "trials": "whole 1",
        },
    ),
    (
        optimizers.EMA,
        {"optimizer": optimizers.SGD()},
        {"optimizer": "value", "decay": "schedule below 1"},
    ),
    *(
        (kind, {"limit": 1.0}, {"limit": "above 0"})
        for kind in (optimizers.ClipValue, optimizers.ClipNorm, optimizers.ClipGlobalNorm)
    ),
    (optimizers.MaxNorm, {}, {"limit": "above 0", "axis": "axes?"}),
    (optimizers.UnitNorm, {}, {"axis": "axes?"}),
    (S.Fixed, {"value": 1.0}, {"value": "number"}),
    (S.Sequence, {"schedules": (1.0, 2.0), "starts": (3,)}, {"schedules": "value", "starts": "starts"}),
    (S.Product, {"factors": (1.0,)}, {"factors": "schedules"}),
    (
        S.Warmup,
        {"steps": 3, "then": 4.0},
        {"steps": "whole 1", "then": "any schedule", "start": "number"},
    ),
    (S.StepDecay, {"start": 1, "every": 2}, {"start": "number", "every": "whole 1", "factor": "0 to 1"}),
    (
        S.ExponentialDecay,
        {"start": 1, "factor": 0.5},
        {"start": "number", "every": "whole 1", "factor": "above 0 to 1"},
    ),
    (S.TimeDecay, {"start": 1, "decay": 2}, {"start": "number", "decay": "number 0"}),
    (
        S.Polynomial,
        {"start": 1, "stop": 2, "steps": 3},
        {"start": "number", "stop": "number", "steps": "whole 1", "power": "above 0"},
    ),
    (
        S.Cosine,
        {"start": 1, "stop": 2, "steps": 3},
        {"start": "number", "stop": "number", "steps": "whole 1"},
    ),
    (
        S.CosineRestarts,
        {"start": 1, "stop": 2, "steps": 3},
        {
            "start": "number",
            "stop": "number",
            "steps": "whole 1",
            "stretch": "whole 1",
            "shrink": "0 to 1",
        },
    ),
    (S.Piecewise, {"points": [(0, 1)]}, {"points": "value", "between": "choice"}),
    (
        S.Cyclic,
        {"low": 0, "high": 1, "up": 2, "mode": "exp_range"},
        {
            "low": "number",
            "high": "number",
            "up": "whole 1",
            "down": "whole 1?",
            "mode": "choice",
            "gamma": "0 to 1",
        },
    ),
    (
        S.OneCycle,
        {"peak": 1, "steps": 9},
        {
            "peak": "number",
            "steps": "whole 2",
            "warmup": "inside 0 to 1",
            "divide": "number 1",
            "final_divide": "number 1",
            "between": "choice",
            "phases": "choice 2 3",
        },
    ),
    (metrics.BinaryAccuracy, {}, {"threshold": "number"}),
    (metrics.TopK, {}, {"k": "whole 1"}),
    *((kind, {}, {"average": "choice"}) for kind in (metrics.Precision, metrics.Recall, metrics.F1)),
    (
        metrics.FunctionMetric,
        {"function": divmod, "order": "target, prediction"},
        {"function": "nothing", "order": "choice"},
    ),
    (metrics.OfOutput, {"output": "y", "metric": metrics.MAE()}, {"output": "text", "metric": "value"}),
    *(
        (getattr(rules, name), {}, FEEDBACK)
        for name in ["FeedbackAlignment", "UniformSign", "FixedSign", "BatchSign", "KolenPollack"]
    ),
    (rules.DirectRandomTargetProjection, {}, {"initializer": "initializer", "seed": "seed?"}),
    (
        rules.DirectFeedbackAlignment,
        {},
        {"initializer": "initializer", "seed": "seed?", "error": "choice"},
    ),
    (rules.WeightMirror, {}, FEEDBACK | {"rate": "number 0", "decay": "0 to 1", "examples": "whole 1"}),
    *((kind, {}, {"deviation": "above 0"}) for kind in (rules.WeightPerturbation, rules.NodePerturbation)),
    (rules.TruncatedBPTT, {"stride": 1, "window": 10**401}, {"window": "whole 1", "stride": "whole 1"}),
    (
        rules.KeRNL,
        {},
        {"rate": "0 to below 1", "deviation": "above 0", "decay": "0 to below 1", "seed": "seed"},
    ),
    (rules.SnAp, {}, {"n": "whole 1"}),
    (rules.UORO, {}, {"seed": "seed"}),
    (rules.Rule, {}, {"space": "value", "time": "value"}),
    (A.Compose, {"changes": [A.Flip()]}, {"changes": "value"}),
    (A.Shift, {"pixels": 1}, {"pixels": "whole 0"}),
    (A.Crop, {"size": 1}, {"size": "sizes", "padding": "whole 0"}),
    (A.Flip, {}, {"horizontal": "bool", "probability": "0 to 1"}),
    (A.Rotate, {"degrees": 1}, {"degrees": "number 0"}),
    (A.Elastic, {}, {"alpha": "number 0", "sigma": "above 0"}),
    (A.CutOut, {"size": 1}, {"size": "whole 1"}),
    (
        C.EarlyStopping,
        {},
        {
            "monitor": "text",
            "patience": "whole 0",
            "min_delta": "number 0",
            "mode": "choice?",
            "restore_best": "bool",
        },
    ),
    (
        C.ReduceOnPlateau,
        {},
        {
            "monitor": "text",
            "patience": "whole 0",
            "min_delta": "number 0",
            "mode": "choice?",
            "factor": "inside 0 to 1",
            "cooldown": "whole 0",
            "min_rate": "number 0",
        },
    ),
    (
        C.Checkpoint,
        {"folder": "runs", "every_steps": 2, "best": "loss"},
        {
            "folder": "path",
            "every_steps": "whole 1?",
            "every_epochs": "whole 1?",
            "keep": "whole 1",
            "best": "text?",
        },
    ),
    (C.CSVLog, {"path": "log.csv"}, {"path": "path"}),
    (C.PrintWeights, {}, {"patterns": "texts", "every": "whole 1"}),
    (C.On, {}, {"epoch": "nothing?", "step": "nothing?"}),
    (
        ln.SelfOrganizingMap,
        {"rows": 2, "columns": 2},
        {"columns": "columns", "learning_rate": "value", "radius": "value?", "wrap": "bool", "seed": "seed"},
    ),
]
TAKES |= {
    "weights": {"[1]"},  # one for each loss
    "fused": {"[]", "()", "['no']", "set()"},
    "shares": {"[]", "()", "set()", "[1]"},
    "starts": {"[1]"},
}

FACE = {
    "Model": {"seed": "seed", "dtype": "choice", "backend": "choice?", "mesh": "mesh", "layers": "layers"},
    "compile": {
        "loss": "nothing?",
        "optimizer": "value",
        "metrics": "metrics",
        "loss_weights": "empty dict?",
        "rule": "value?",
    },
    "fit": {
        "epochs": "count 1",
        "batch_size": "count 1?",
        "validation_split": "0 to below 1",
        "shuffle": "bool?",
        "accumulate": "count 1",
        "validate_every": "count 1?",
        "callbacks": "no callbacks",
        "record": "records",
        "record_every": "count 1",
        "resume": "path?",
        "verbose": "verbose",
        "validation_data": "value?",
        "class_weight": "value?",
        "sample_weight": "value?",
        "mask": "value?",
        "y": "value",
    },
    "evaluate": {"batch_size": "count 1?", "y": "value"},
    "lr_find": {"start": "above 0", "stop": "above 0", "steps": "choice", "batch_size": "count 1?"},
    "fit_one_cycle": {
        "epochs": "count 1",
        "max_lr": "above 0",
        "momentum": "value?",
        "shape": "choice",
        "phases": "choice",
        "batch_size": "count 1?",
        "accumulate": "count 1",
    },
    "online": {"rule": "value?", "every": "count 1", "delay": "count 0"},
    "doctor": {"steps": "count 1", "batch_size": "count 1"},
    "explain": {"digits": "digits"},
}
"""The arguments of a model and its methods."""

TAKES |= {
    "digits": {"1"},
    "columns": {"1"},
    "mesh": {"None", "1", "10**400", "[1]"},
    "layers": {"[]", "()", "set()"},
    "metrics": {"[]", "()", "{}", "set()"},
    "empty dict": {"{}"},
    "no callbacks": {"[]", "()", "set()"},
    "nothing": set(),
    "records": {"[]", "()", "set()"},  # nothing is called "no"
    "verbose": {"True", "False", "0", "1"},
}
