"""Keywords of Keras, PyTorch and scikit-learn, and their names here."""

from __future__ import annotations

from collections.abc import Mapping

from .methods import METHODS

LAYER = {
    "kernel_initializer": "initializer",
    "weight_initializer": "initializer",
    "kernel_regularizer": "l1 or l2, numbers",
    "kernel_constraint": "constraint",
    "trainable": "frozen, which is the opposite",
    "requires_grad": "frozen, which is the opposite",
    "input_shape": "Input(shape), a layer of its own before this one",
    "input_dim": "Input(features), a layer of its own before this one",
    "batch_input_shape": "Input(shape), a layer of its own, without the batch",
    "in_features": "Input(features), a layer of its own; or leave it out: it is found from the data",
    "in_channels": "Input(shape), a layer of its own; or leave it out: it is found from the data",
    "input_size": "Input(shape), a layer of its own; or leave it out: it is found from the data",
    "num_features": "Input(shape), a layer of its own; or leave it out: it is found from the data",
    "normalized_shape": "Input(shape), a layer of its own; or leave it out: it is found from the data",
    "out_features": "units",
    "output_dim": "units",
    "hidden_size": "units",
    "num_units": "units",
    "n_units": "units",
    "neurons": "units",
    **dict.fromkeys(("num_neurons", "n_neurons", "n_perceptrons"), "units"),
    "nonlinearity": "activation",
    "bias": "use_bias",
    "eps": "epsilon",
    "lr": "learning_rate",
    "data_format": "Permute(order), a layer of its own before this one: channels come last",
    "dtype": "Model(dtype=...), one for all layers",
    "device": "Model(backend=...)",
    "rngs": "Model(seed=...)",
    "weights": "load_weights(params, strict=False), of the model",
    "features": "units",
}
CONVOLUTION = {
    "padding_mode": "padding, always of zeros",
    **dict.fromkeys(("out_channels", "out_filters", "n_filters", "num_filters"), "filters"),
    "stride": "strides",
    "dilation_rate": "dilation",
    "features": "filters",
}
AFFINE = {
    **dict.fromkeys(
        ("affine", "elementwise_affine"), 'frozen, as in frozen=("gamma", "beta"): they stay 1 and 0'
    ),
    **dict.fromkeys(("scale", "use_scale"), 'frozen, as in frozen=("gamma",): it stays 1'),
    **dict.fromkeys(("center", "use_bias"), 'frozen, as in frozen=("beta",): it stays 0'),
}
DROPOUT = {
    "*args": "Dropout(rate): no layer writes over what it was given",
    "inplace": "Dropout(rate): no layer writes over what it was given",
    "seed": "Model(seed=...), one for all random numbers",
    "p": "rate",
    "dropout_rate": "rate",
    "drop_prob": "rate",
    "drop_rate": "rate",
    "keep_prob": "rate, the share that is dropped",
}
UNWRITTEN = dict.fromkeys(("*args", "inplace"), "ReLU() and the like: no layer writes over what it was given")
POOLING = {"kernel_size": "pool_size", "stride": "strides"}
EMBEDDING = {
    "num_embeddings": "vocabulary",
    "input_dim": "vocabulary",
    "vocab_size": "vocabulary",
    "embedding_dim": "dimension",
    "output_dim": "dimension",
    "embeddings_initializer": "initializer",
    "features": "dimension",
    "padding_idx": "mask_zero, for the id 0: such steps are left out",
    "input_length": "Input(shape), a layer of its own before this one",
    "max_norm": "constraint",
}
ATTENTION = {
    "num_heads": "heads",
    "n_heads": "heads",
    "key_dim": "key_dimension",
    "embed_dim": "key_dimension",
}

ESTIMATOR = {
    **dict.fromkeys(("epochs", "n_epochs", "num_epochs", "nb_epoch", "max_epochs", "n_iter"), "max_iter"),
    **dict.fromkeys(
        (
            "hidden",
            "hidden_units",
            "hidden_size",
            "hidden_sizes",
            "hidden_layers",
            "layer_sizes",
            "units",
        ),
        "hidden_layer_sizes, as in (100, 50)",
    ),
    **dict.fromkeys(
        ("n_hidden", "n_units", "neurons", "hidden_layer_size"), "hidden_layer_sizes, as in (100, 50)"
    ),
    **dict.fromkeys(("n_layers", "num_layers"), "hidden_layer_sizes, with a number for each layer"),
    **dict.fromkeys(("lr", "eta", "eta0", "max_lr"), "learning_rate_init"),
    **dict.fromkeys(("optimizer", "optim", "optimiser"), "solver"),
    **dict.fromkeys(("seed", "random_seed"), "random_state"),
    **dict.fromkeys(("l2", "weight_decay", "reg", "C"), "alpha, the strength of the penalty"),
    **dict.fromkeys(("p", "dropout_rate"), "dropout"),
    **dict.fromkeys(("activations", "nonlinearity"), "activation"),
    **dict.fromkeys(("validation_split", "val_split"), "validation_fraction, with early_stopping=True"),
    "validation_data": "validation_fraction, with early_stopping=True",
    "patience": "n_iter_no_change",
    "class_weights": "class_weight",
    "beta1": "beta_1",
    "beta2": "beta_2",
    "eps": "epsilon",
    "criterion": "loss",
    "batch": "batch_size",
    "model": "layers",
    "device": "backend",
    "metrics": "score(x, y), or sklearn.metrics of what predict gives",
    "n_jobs": "backend, or n_jobs of the search around it",
}

GATES = "SimpleRNN(units, activation): gates are sigmoids, and states tanh"
FADING = "learning_rate, as in Adam(schedules.TimeDecay(0.001, 1e-4))"
SCHEDULE = {
    **dict.fromkeys(("initial_learning_rate", "initial_lr", "init_value", "lr", "learning_rate"), "start"),
    **dict.fromkeys(("decay_rate", "gamma", "lr_decay"), "factor"),
    **dict.fromkeys(
        (
            *("decay_steps", "T_max", "T_0", "total_steps", "total_iters", "transition_steps"),
            *("first_decay_steps", "warmup_steps"),
        ),
        "steps",
    ),
    "step_size": "every",
    **dict.fromkeys(("eta_min", "end_learning_rate", "alpha", "end_value", "end_lr"), "stop"),
    **dict.fromkeys(("T_mult", "t_mul"), "stretch"),
    **dict.fromkeys(("boundaries", "milestones", "values"), "points, pairs of a step and a value"),
    "max_lr": "peak",
    "pct_start": "warmup",
    "div_factor": "divide",
    "final_div_factor": "final_divide",
    "base_lr": "low",
}

DEPTHWISE = {"stride": "strides", "dilation_rate": "dilation", "depth_multiplier": "multiplier"}
NOISE, STEP = ("sigma", "std", "stddev", "noise"), ("learning_rate", "lr", "eta")

KEYWORDS: Mapping[str, Mapping[str, str]] = {
    "Layer": LAYER,
    **dict.fromkeys(("Convolution", "TransposedConvolution"), CONVOLUTION),
    "ConvLSTM2D": CONVOLUTION | {"unit_forget_bias": "forget_bias"},
    "DepthwiseConvolution": DEPTHWISE,
    "SeparableConvolution": CONVOLUTION | DEPTHWISE,
    **{kind: {"dim": "axis"} for kind in ("Concatenate", "OverAxis")},
    "RowNormalization": {"dim": "axis"} | AFFINE,
    "PlaceNormalization": AFFINE
    | {
        "track_running_stats": "frozen, with which the running statistics are used, and stay",
        "use_running_average": "frozen, with which the running statistics are used, and stay",
    },
    "Masking": {"mask_value": "value"},
    "Reshape": {
        "*args": "Reshape((8, 8, 1)), one tuple",
        "target_shape": "shape",
        "dims": "shape",
    },
    "GELU": {"approximate": "GELU(), the exact one, by erf"},
    "Dot": {"axis": "axes", "dim": "axes"},
    "Permute": {"*args": "Permute((2, 1)), one tuple", "dims": "axes"},
    "RepeatVector": {"n": "times"},
    "Rescaling": {"factor": "scale", "shift": "offset"},
    "Normalization": {"std": "variance", "var": "variance"},
    "Sampling": {"beta": "kl", "kl_weight": "kl"},
    "Cropping2D": {"crop": "cropping", "padding": "cropping"},
    **dict.fromkeys(("Dropout", "SpatialDropout2D"), DROPOUT),
    "Pooling": POOLING,
    "Embedding": EMBEDDING,
    "MultiHeadAttention": ATTENTION,
    "TransformerBlock": {
        "num_heads": "heads",
        "nhead": "heads",
        "d_model": "width",
        "embed_dim": "width",
        "dim_feedforward": "feed_forward",
        "ff_dim": "feed_forward",
    },
    **dict.fromkeys(("ELU", "ReLU", "SELU", "SiLU"), UNWRITTEN),
    "LeakyReLU": UNWRITTEN | dict.fromkeys(("alpha", "slope"), "negative_slope"),
    "Flatten": dict.fromkeys(
        ("*args", "start_dim", "end_dim"), "Flatten(): of each example all axes are joined"
    ),
    "Input": {
        "*args": "Input((28, 28, 1)), one tuple",
        "batch_size": "Input(shape), without the axis of the examples; fit(x, y, batch_size=32)",
        "batch_shape": "shape, without the axis of the examples",
    },
    "Sequential": {"*args": "Sequential([...]), one list of layers"},
    "PReLU": dict.fromkeys(("init", "negative_slope", "alpha_initializer"), "alpha, the initial slope"),
    "LeakyRNN": dict.fromkeys(("alpha", "leak"), "tau, which is 1 / alpha"),
    "GaussianNoise": {"stddev": "deviation", "std": "deviation", "sigma": "deviation"},
    "GroupNormalization": {"num_groups": "groups"},
    "Linear": {
        "*args": "Dense(units): Linear is the activation y = x",
        "in_features": "Dense(units): Linear is the activation y = x",
        "out_features": "Dense(units): Linear is the activation y = x",
    },
    "Recurrent": {
        "nonlinearity": "activation",
        "num_layers": "return_sequences, and one layer after the other",
        "bidirectional": "Bidirectional(layer)",
        "batch_first": "Input(shape): sequences are (n, time, features), as with batch_first=True",
        "dropout": "Dropout(rate), a layer of its own",
        "recurrent_dropout": "Dropout(rate), between layers: none acts inside of this one",
        "unit_forget_bias": "forget_bias",
        "seed": "Model(seed=...), one for all random numbers",
        "unroll": "Model(backend='jax'), which compiles the loop over time",
        "return_state": "stepper(), of the model, which keeps the state",
        "time_major": "Input(shape): sequences are (n, time, features)",
        "recurrent_activation": GATES,
    },
    "LSTM": {"activation": GATES, "peepholes": "LSTM(units), which has none"},
    "GRU": {"activation": GATES, "reset_after": "GRU(units), which computes what Keras does with True"},
    "Residual": {"shortcut": "projection", "downsample": "projection"},
    "UpSampling": {"scale_factor": "size"},
    "Optimizer": {
        "lr": "learning_rate",
        "learning_rate_init": "learning_rate",
        "eta": "learning_rate",
        "beta_1": "beta1",
        "beta_2": "beta2",
        "betas": "beta1 and beta2",
        "eps": "epsilon",
        "clipnorm": "clip=ClipNorm(limit)",
        **dict.fromkeys(("clip_norm", "max_norm", "max_grad_norm"), "clip=ClipGlobalNorm(limit)"),
        "clip_value": "clip=ClipValue(limit)",
        "clipvalue": "clip=ClipValue(limit)",
        "global_clipnorm": "clip=ClipGlobalNorm(limit)",
        "use_ema": "EMA(optimizer)",
        "params": "learning_rate: the model brings its weights",
        "ema_momentum": "EMA(optimizer, decay)",
        "gradient_accumulation_steps": "fit(accumulate=...)",
        "amsgrad": "Adam(learning_rate): there is no AMSGrad",
        "dampening": "SGD(learning_rate, momentum): the whole gradient is added to the velocity",
        "maximize": "compile(loss=...): a loss is made small; give it the other sign",
        **dict.fromkeys(("fused", "foreach", "capturable", "jit_compile"), "Model(backend='jax')"),
        **dict.fromkeys(
            ("schedule", "scheduler", "lr_scheduler", "lr_decay", "decay_after", "initial_rate"),
            "learning_rate, which may be a schedule",
        ),
    },
    **{kind: {"momentum": "beta1", "decay": FADING} for kind in ("Adam", "Nadam", "Adamax")},
    "Schedule": SCHEDULE,
    "ExponentialDecay": {
        "decay_steps": "every",
        "staircase": "StepDecay(start, every, factor)",
    },
    "Cyclic": {"max_lr": "high", "step_size_up": "up", "step_size_down": "down"},
    "Initializer": {
        "stddev": "std",
        "minval": "low",
        "maxval": "high",
        "mode": "fan, which is 'in', 'out' or 'average'",
        **dict.fromkeys(("seed", "rng"), "Model(seed=...)"),
    },
    "Normal": dict.fromkeys(("deviation", "sigma", "scale"), "std"),
    "Perturbation": dict.fromkeys(NOISE, "deviation"),
    "KeRNL": dict.fromkeys(NOISE, "deviation") | dict.fromkeys(STEP, "rate"),
    "WeightMirror": dict.fromkeys(STEP, "rate"),
    "TruncatedBPTT": dict.fromkeys(("k2", "steps", "length", "truncation"), "window") | {"k1": "stride"},
    "RMSprop": {
        "alpha": "rho",
        "decay": f"rho, if it is the share that is kept (optax); else {FADING}",
        "centered": "RMSprop(learning_rate): v is the mean of squares, always",
        "eps_in_sqrt": "epsilon, which is added to the root, always",
    },
    "Adadelta": {"decay": "rho"},
    "Adagrad": {"initial_accumulator_value": "initial", "lr_decay": "decay"},
    "Nadam": {"schedule_decay": "momentum_decay"},
    "EMA": dict.fromkeys(("momentum", "beta", "ema_momentum"), "decay"),
    "Muon": {"ns_steps": "steps", "adjust_lr_fn": "scale"},
    "LBFGS": {"max_iter": "iterations", "history_size": "memory", "m": "memory", "tol": "tolerance"},
    "Loss": {
        "reduction": "fit(sample_weight=...): the mean over the batch is always taken",
        "weight": "fit(class_weight=...): the sum is divided by the number of examples",
        "pos_weight": "fit(class_weight=...)",
        **dict.fromkeys(("ignore_index", "ignore_class"), "fit(mask=...), which leaves out time steps"),
    },
    **{
        f"{kind}Crossentropy": dict.fromkeys(("smoothing", "label_smooth"), "label_smoothing")
        for kind in ("Categorical", "Binary")
    },
    "Huber": {"beta": "delta, by which the loss of SmoothL1Loss is multiplied here"},
    "On": {
        **dict.fromkeys(("on_epoch_end", "after_epoch"), "epoch"),
        **dict.fromkeys(("on_batch_end", "on_train_batch_end", "after_batch"), "step"),
    },
    "SelfOrganizingMap": {
        **dict.fromkeys(("map_size", "grid_size", "shape", "size"), "rows and columns"),
        **dict.fromkeys(
            ("input_size", "input_len", "input_dim"),
            "rows and columns alone: how many numbers come in is found by fit",
        ),
        **dict.fromkeys(("learn_rate", "lr"), "learning_rate, the first and the last"),
        "sigma": "radius, the first and the last",
        **dict.fromkeys(("torus", "toroidal"), "wrap"),
        **dict.fromkeys(("random_seed", "random_state"), "seed"),
    },
    "Checkpoint": {
        **dict.fromkeys(("filepath", "dirpath", "path"), "folder"),
        "monitor": "best",
        "save_best_only": "best",
        "save_freq": "every_steps",
        "period": "every_epochs",
    },
    "CSVLog": {"filename": "path"},
    "TensorBoard": {"log_dir": "folder", "histogram_freq": "histograms_every"},
    "EarlyStopping": {
        "restore_best_weights": "restore_best",
        "n_iter_no_change": "patience",
        **dict.fromkeys(("tol", "tolerance", "delta", "min_improvement"), "min_delta"),
        "verbose": "fit(verbose=...); history.stopped says why a training has ended",
        "baseline": "On(epoch=f), of a function f(loop, result) that calls loop.stop('reason')",
        "start_from_epoch": "patience, which counts from the best epoch",
    },
    "ReduceOnPlateau": {
        "verbose": "fit(verbose=...), which shows each epoch",
        "min_lr": "min_rate",
        "eps": "min_delta",
        "threshold": "min_delta",
    },
    **dict.fromkeys(
        ("NetClassifier.fit", "NetRegressor.fit"),
        {
            name: f"{ours.partition(',')[0]} of the estimator itself"
            for name, ours in ESTIMATOR.items()
            if name != "metrics"
        }
        | {
            "verbose": "verbose of the estimator itself",
            "batch_size": "batch_size of the estimator itself",
            "callbacks": "callbacks of the estimator itself",
            "class_weight": "class_weight of the estimator itself, or sample_weight",
            "eval_set": "validation_fraction of the estimator itself, with early_stopping=True",
        },
    ),
    "NetClassifier": ESTIMATOR,
    "NetRegressor": {k: v for k, v in ESTIMATOR.items() if k != "class_weights"},
    **METHODS,
}
"""Foreign keywords, by class or method; those of a class hold for its subclasses."""

FOUND = "how many come in is found"
MEANT: Mapping[tuple[str, str], str] = {
    ("Dense", "activation"): f"{FOUND}: Linear(64, 10) of PyTorch is Dense(10)",
    ("Recurrent", "return_sequences"): f"{FOUND}: {{kind}}(64, 10) of PyTorch is {{kind}}(10)",
    **dict.fromkeys(
        (("BatchNormalization", "momentum"), ("BatchNormalization", "epsilon")),
        f"{FOUND}: BatchNorm2d(64) of PyTorch is BatchNormalization()",
    ),
    ("GroupNormalization", "epsilon"): f"{FOUND}: GroupNorm(8, 64) of PyTorch is GroupNormalization(8)",
    ("RowNormalization", "epsilon"): f"{FOUND}: LayerNorm(64) of PyTorch is LayerNormalization()",
    ("PReLU", "alpha"): "it is the slope in the beginning; each feature has one of its own",
}
"""What a whole number in the place of a setting may be meant as, by class and setting."""
