"""Attributes of Keras, PyTorch and scikit-learn objects and modules, and their names here."""

from __future__ import annotations

from collections.abc import Mapping

from .modules import MODULES

ESTIMATOR = {
    "save": "model_.save(path)",
    **dict.fromkeys(("export", "to_onnx"), "lucidnet.export(estimator, path)"),
    "evaluate": "score(x, y)",
    "summary": "model_.summary()",
    "history": "model_.history",
    "plot": "model_.history.plot()",
    **dict.fromkeys(("train", "fit_generator"), "fit(x, y), or partial_fit for a part of the examples"),
    "compile": "fit(x, y), with the loss and the solver of the estimator itself",
    **dict.fromkeys(
        ("get_weights", "weights", "state_dict", "params"), "coefs_ and intercepts_, or model_.params"
    ),
    **dict.fromkeys(("module_", "net", "network_"), "model_"),
    **{name: f"model_.{name}(x, y)" for name in ("doctor", "explain", "lr_find", "gradients")},
    **dict.fromkeys(("to", "cuda"), "backend, as in set_params(backend='jax:gpu')"),
}
SWITCH = "there is no mode to switch"

ATTRIBUTES: Mapping[str, Mapping[str, str]] = {
    "Model": {
        "layers": "net.layers",
        **dict.fromkeys(("get_layer", "layer"), 'net.layers, by number; by name there are params["dense1"]'),
        "__getitem__": 'net.layers[0], or params["dense1"] for the weights by name',
        "weights": "params, or get_weights() for one vector",
        "trainable_weights": "params",
        "trainable_variables": "params",
        "variables": "params",
        "state_dict": "params",
        "coefs_": "params",
        "intercepts_": "params",
        "load_state_dict": "set_params(tree)",
        "get_params": "params",
        "call": "predict(x)",
        "diagnose": "doctor(x, y)",
        **dict.fromkeys(("lr_finder", "find_lr", "lr_range_test", "learning_rate_finder"), "lr_find(x, y)"),
        **dict.fromkeys(("grad", "get_gradients", "gradient"), "gradients(x, y)"),
        **dict.fromkeys(("get_activations", "hidden"), "activations(x)"),
        **dict.fromkeys(("plot", "plot_history", "plot_loss", "plot_cost"), "history.plot()"),
        "__call__": "predict(x), or forward(x), a pass that keeps what gradients need",
        "predict_proba": "predict(x), the output itself",
        "classes_": "classes",
        "feature_names_in_": "table, a frame's columns",
        "predict_on_batch": "predict(x)",
        "decision_function": "predict(x)",
        "transform": "predict(x)",
        "score": "evaluate(x, y)",
        **dict.fromkeys(("test_on_batch", "test"), "evaluate(x, y)"),
        "optimiser": "optimizer",
        "metric": "metrics",
        "feed": "train_step(x, y), or predict(x)",
        **dict.fromkeys(("feed_forward", "feedforward", "forwards"), "predict(x), or forward(x)"),
        **dict.fromkeys(("gradient_check", "check_gradients"), "lucidnet.check.gradients(model, x, y)"),
        "eval": "evaluate(x, y), or predict(x): both use the network as it is without training",
        **dict.fromkeys(("train", "training"), f"fit(x, y); {SWITCH}"),
        "fit_generator": "fit(batches)",
        "train_on_batch": "train_step(x, y)",
        **dict.fromkeys(("partial_fit", "training_step", "backward", "backwards"), "train_step(x, y)"),
        "named_parameters": "parameters(), which have names",
        "register_forward_hook": "activations(x, name), or lucidnet.inspect.watch(net)",
        **dict.fromkeys(("pop", "modules", "children", "named_modules", "named_children"), "net.layers"),
        "apply_gradients": "apply(grads, tape)",
        "zero_grad": "train_step(x, y): no gradient is kept",
        "step": "train_step(x, y)",
        **dict.fromkeys(
            ("trainable", "freeze", "freeze_to", "fine_tune", "requires_grad_"),
            'set(layer="dense1", frozen=True), where names may be patterns, "dense*"',
        ),
        "unfreeze": 'set(layer="dense1", frozen=False)',
        **dict.fromkeys(
            ("get_config", "to_json", "to_yaml"), "save(path), or net, which prints as the code that makes it"
        ),
        **dict.fromkeys(
            ("reset", "reset_parameters", "reinitialize", "init_weights"),
            "net, as in Model(model.net, seed=1)",
        ),
        **dict.fromkeys(
            ("num_parameters", "n_params", "num_params", "numel"), "summary(), or get_weights().size"
        ),
        **dict.fromkeys(
            ("inputs", "input"), "net, whose shapes are model.input_shape and model.output_shape"
        ),
        **dict.fromkeys(("outputs", "output"), "activations(x), by layer; forward(x).output"),
        **dict.fromkeys(("insert", "append", "extend"), "add(layer)"),
        **dict.fromkeys(("remove", "delete"), "net.layers, of which Model([...]) makes another model"),
        **dict.fromkeys(
            ("show_results", "plot_confusion_matrix"), "predict(x); lucidnet.plots draws results"
        ),
        "save_weights": "save(path)",
        **dict.fromkeys(("export", "to_onnx"), "lucidnet.export(model, path)"),
        "load_model": "load(path)",
        "from_pretrained": "load(path)",
        "cuda": "backend, as in Model(..., backend='jax:gpu')",
        "cpu": "backend, as in Model(..., backend='numpy')",
        **dict.fromkeys(("run_eagerly", "jit_compile"), "backend, 'numpy' or 'jax', which compiles"),
        **dict.fromkeys(("float", "double", "type"), "dtype, as in Model(..., dtype='float64')"),
        **dict.fromkeys(("half", "bfloat16"), "dtype, as in Model(..., dtype='mixed_bfloat16')"),
        **dict.fromkeys(
            ("non_trainable_weights", "non_trainable_variables", "buffers", "named_buffers"),
            "params, which hold running statistics, too",
        ),
        **dict.fromkeys(("criterion", "loss_fn", "compiled_loss"), "loss"),
        **dict.fromkeys(("losses", "compute_loss"), "evaluate(x, y).loss"),
        "evaluate_generator": "evaluate(batches)",
        "predict_generator": "predict(x)",
        "reset_metrics": "evaluate(x, y): each call begins anew",
        "to": "backend, as in Model(..., backend='jax:gpu')",
        "device": "backend",
        "count_params": "summary()",
        "loss_curve_": "history",
        "history_": "history",
        "learning_rate": "optimizer.learning_rate",
        "lr": "optimizer.learning_rate",
        "metrics_names": "metrics",
        "reset_states": "state, as in model.state = model.state.reset(); each epoch of fit begins so",
        "stop_training": 'fit(..., callbacks=[...]): a callback calls loop.stop("reason")',
    },
    "Layer": {
        **dict.fromkeys(
            (
                "weights",
                "get_weights",
                "set_weights",
                "kernel",
                "trainable_weights",
                "variables",
                "coef_",
                "state_dict",
            ),
            "Model.params[name]: a layer holds no weights",
        ),
        **dict.fromkeys(("parameters", "named_parameters"), "Model.parameters(), by name"),
        **dict.fromkeys(("output", "activations"), "Model.activations(x, name)"),
        **dict.fromkeys(("grad", "gradient"), "Model.gradients(x, y)"),
        "trainable": "frozen, which is the opposite, as in model.set(layer=name, frozen=True)",
        "requires_grad": "frozen, which is the opposite, as in model.set(layer=name, frozen=True)",
        "__call__": "Model([layer]).predict(x), or layer.forward(params, x): a layer holds no weights",
    },
    "Optimizer": {
        "zero_grad": "Model.train_step(x, y): no gradient is kept",
        "minimize": "Model.train_step(x, y)",
        "apply_gradients": "Model.apply(grads, tape)",
        "lr": "learning_rate",
        "iterations": "Model.state, whose step it is",
        "state_dict": "Model.save(path), which keeps it with the weights",
        "param_groups": "learning_rate; a layer may have its own, Dense(10, learning_rate=0.01)",
    },
    "Run": {
        **dict.fromkeys(("rng", "random", "key", "generator"), "stream, as in run.stream.normal(x.shape)"),
        "training": "train",
    },
    "Loss": {"__call__": "forward(output, target), which gives the loss, and what backward takes"},
    "Learner": {
        "__call__": "forward(x), a pass that keeps what gradients need: .output are its numbers",
        **dict.fromkeys(("predict", "evaluate"), "forward(x).output"),
        **dict.fromkeys(
            ("fit", "train_step", "train_on_batch", "compile", "gradients", "step", "apply_gradients"),
            "apply(grads, tape), of gradients by forward(x, train=True) and tape.backward(dy)",
        ),
        "zero_grad": "forward(x, train=True), whose tape gives gradients: none are kept",
        **dict.fromkeys(("get_weights", "weights", "trainable_variables", "state_dict"), "params"),
        "layers": "net.layers",
        **dict.fromkeys(
            ("set_weights", "set_params", "load_weights"),
            "copy_weights(other), of another model that the step is given",
        ),
        **dict.fromkeys(
            ("set", "optimizer"),
            "Model.set(...), between calls of OwnStep; a rate that changes from step to step is a schedule",
        ),
        "reset_states": "Model.state, between calls of OwnStep: model.state = model.state.reset()",
    },
    "ModelPart": {
        "__call__": "predict(x), or forward(x), a pass that keeps what gradients need",
        **dict.fromkeys(
            ("fit", "train_step", "compile", "apply"),
            "forward(x, train=True), whose gradients Model.apply(grads, tape) takes; a part has no optimizer",
        ),
    },
    "Parameter": {
        "grad": "gradient",
        "data": "value",
        **dict.fromkeys(("numel", "size"), "value.size"),
        **dict.fromkeys(("numpy", "detach"), "value"),
        **dict.fromkeys(
            ("requires_grad", "trainable"), "trained; Model.set(layer=name, frozen=True) changes that"
        ),
    },
    "Tape": {
        **dict.fromkeys(("gradient", "grad", "grads"), "backward(dy), which returns dx and the gradients"),
        **{name: f"output.{name}" for name in ("shape", "dtype", "ndim", "size")},
        **{name: f"output.{name}()" for name in ("mean", "sum", "argmax", "reshape")},
    },
    "Loop": {
        "stop_training": 'stop("reason")',
        "should_stop": 'stop("reason")',
        "optimizer": "model.set(learning_rate=...), or model.optimizer",
        "learning_rate": "model.set(learning_rate=...)",
        "lr": "model.set(learning_rate=...)",
        "params": "model.set_params(tree)",
        "weights": "model.set_weights(vector)",
        "state": "model.state",
        "history": "model.history",
        "epochs": 'settings.epochs; to end earlier stop("reason")',
    },
    "History": {
        "history": "the history itself, history['loss']",
        "epoch": "epochs, how many there are: range(1, history.epochs + 1)",
        "params": "epochs, and the model's own settings",
        "show": "plot()",
        **dict.fromkeys(
            ("to_pandas", "to_dataframe", "df"), "rows(), as in pandas.DataFrame(history.rows())"
        ),
    },
    "Race": {
        **dict.fromkeys(
            ("to_pandas", "to_dataframe", "df", "results"), "rows(), as in pandas.DataFrame(race.rows())"
        ),
        **dict.fromkeys(("summary", "mean", "std"), "table(), which print(race) shows"),
        "show": "plot()",
        "history": "of(rule)[0].history",
    },
    "Examples": {
        "X": "x",
        **dict.fromkeys(("data", "features", "inputs"), "x"),
        **dict.fromkeys(("target", "targets", "labels"), "y"),
        **dict.fromkeys(
            ("shape", "columns", "head", "describe"), "x and y, arrays; data.look(path) shows columns"
        ),
    },
    "SelfOrganizingMap": {
        **dict.fromkeys(("train", "train_random", "train_batch", "partial_fit"), "fit(x, epochs)"),
        **dict.fromkeys(("predict", "winner", "bmu"), "transform(x), places on the grid"),
        **dict.fromkeys(("u_matrix", "umatrix"), "distances()"),
        **dict.fromkeys(("get_weights", "codebook"), "weights"),
        **dict.fromkeys(("visualize", "show"), "plot()"),
    },
    "NetClassifier": ESTIMATOR | {"classes": "classes_", "predict_classes": "predict(x)"},
    "NetRegressor": ESTIMATOR,
    "Dataset": {
        "from_tensor_slices": "from_arrays(x, y)",
        "from_generator": "from_iterator(batches, length)",
        **dict.fromkeys(("repeat", "cache"), "length, of an epoch; fit(epochs=...) goes through it again"),
        "cardinality": "length",
        **dict.fromkeys(("num_workers", "workers"), "prefetch(items)"),
    },
    **MODULES,
}
"""Foreign attributes, by class or module."""
