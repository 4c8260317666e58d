"""One of everything that a call of the library returns, made from tiny trainings."""

import inspect
import re
from contextlib import suppress

import numpy as np

import lucidnet as ln
from lucidnet.core.exports import exports
from lucidnet.layers import Concatenate, Dense, Dropout, Graph, Input, LeakyRNN, Run
from lucidnet.rules import Rule

HUGE = 300
"""Layers of a deep network; a thousand take a second and look the same."""


def modules():
    """Yield all public modules."""
    found, left = [], [ln]
    while left:
        module = left.pop()
        if module not in found and "export(globals()" in inspect.getsource(module):
            found.append(module)
            left += [m for n in exports(module.__name__) if inspect.ismodule(m := getattr(module, n))]
    return found


def public_classes():
    """Return the library's public classes."""
    every = (getattr(module, name) for module in modules() for name in exports(module.__name__))
    return sorted({c for c in every if inspect.isclass(c) and _ours(c)}, key=lambda c: c.__qualname__)


def returned_classes():
    """Return the names in the return types of public functions, and of methods of public classes."""
    functions = [getattr(module, name) for module in modules() for name in exports(module.__name__)]
    for kind in public_classes():
        for name, member in inspect.getmembers(kind):
            if not name.startswith("_"):
                functions.append(member.fget if isinstance(member, property) else member)
    told = (getattr(f, "__annotations__", {}).get("return") for f in functions)
    return {word for text in told if isinstance(text, str) for word in re.findall(r"\b[A-Z]\w+", text)}


def _ours(kind):
    return kind.__module__.partition(".")[0] == "lucidnet"


def values():
    """Yield values: the samples of layers, losses and rules, and whatever needs no arguments."""
    for kind in public_classes():
        if hasattr(kind, "samples"):
            with suppress(TypeError):  # what needs a function has no samples
                yield from (s[0] if isinstance(s, tuple) else s for s in kind.samples())
        elif kind is ln.distributed.Watchdog:  # one that nobody feeds ends the process
            continue
        elif not issubclass(kind, BaseException) and not inspect.isabstract(kind):
            try:
                yield kind()
            except (TypeError, ln.errors.LucidnetError):
                continue


def made(folder):
    """Return objects by what they are."""
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(60, 4)).astype("float32"), rng.integers(0, 3, 60)
    found = {}
    model = ln.Model([Input(4), Dense(80, "tanh"), Dropout(0.1), Dense(3, "softmax", name="größe")], seed=0)
    found["model, not built"] = ln.Model([Dense(3)])
    found["model, empty"] = ln.Model()
    found["layer of a function"] = ln.layers.Function(np.sin, np.cos)
    found["normalization, fitted"] = ln.layers.Normalization().adapt(x)
    model.compile("categorical_crossentropy", "adam", ["accuracy"], rule="fa")
    recorded = ["*.W", "weight_alignment", "gradient_alignment"]
    found["history"] = model.fit(x, y, epochs=12, validation_split=0.2, verbose=0, record=recorded)
    found |= {"model": model, "steps": model.history.steps, "evaluate": model.evaluate(x, y)}
    found |= {"train_step": model.train_step(x, y), "summary": model.summary(), "params": model.params}
    found |= {"feedback": model.feedback, "parameters": model.parameters(), "rates": model.lr_find(x, y)}
    found |= {"activations": model.activations(x), "gradients": model.gradients(x, y)}
    found["parameter"] = model.parameters()[0]
    found |= {"tape": model.forward(x), "part of a model": model.part(to="dense1")}
    found["alignment"] = model.gradient_alignment(x, y)["größe"]
    found |= {"gradient_alignment": model.gradient_alignment(x, y), "changes": model.changes}
    found |= {"weight_alignment": model.weight_alignment(), "doctor": model.doctor(x, y)}
    found |= {"state": model.state, "problem": model.problem, "executor": model.executor, "rule": model.rule}
    found |= {"checked": model.checked(x, y), "layout": model.problem.layout, "metrics": model.metrics}
    found |= {"batch": model.checked(x, y).batch(slice(3)), "config": model.config, "net": model.net}
    found |= {"load": model.load_weights(model.params), "optimizer": model.optimizer, "loss": model.loss}
    model.save(folder / "m.safetensors")
    found["loaded"] = ln.load(folder / "m.safetensors")
    ill = ln.Model([Input(4), Dense(8, "relu"), Dense(3, "softmax")], seed=0)
    ill.compile("categorical_crossentropy", ln.optimizers.SGD(50.0))
    found["doctor, findings"] = ill.doctor(1e3 * x, y)
    found |= {"finding": found["doctor, findings"].findings[0]}
    tiny = ln.Model([Input(2), Dense(2, "sigmoid"), Dense(1, name="out")], seed=0)
    tiny.compile("half_squared_error", ln.optimizers.SGD(0.5))
    found["explanation"] = tiny.explain([[0.05, 0.1]], [[0.9]])
    found["section"] = found["explanation"].sections[0]
    found["equation"] = found["section"].equations[0]
    deep = ln.Model([Input(4), *(Dense(4, "relu") for _ in range(HUGE))], seed=0)
    deep.compile("mse", "sgd")
    deep.build()
    found["part of a deep model"] = deep.part(to="dense40")
    found |= {"deep": deep, "deep net": deep.net, "deep summary": deep.summary(), "deep params": deep.params}
    found |= {"deep parameters": deep.parameters(), "deep activations": deep.activations(x[:2])}
    with ln.inspect.watch(deep.net) as calls:
        found["no calls"] = type(calls)()
        calls.net.forward(deep.params, x[:2], Run())
    found |= {"calls": calls, "call": calls[0]}
    found["graph"] = Graph(
        inputs={"a": (4,), "b": (1,)},
        nodes=[
            ("seen", Dense(16, "relu"), "a"),
            ("both", Concatenate(), ("seen", "b")),
            ("c", Dense(3), "both"),
        ],
        outputs=["c"],
    )
    wave = ln.Model([Input((None, 1)), LeakyRNN(4, return_sequences=True), Dense(1)])
    wave.compile("mse", "sgd")
    found |= {"online": wave.online(Rule("fa", "rflo")), "stepper": wave.stepper()}
    found["race"] = ln.race(ill, (x, y), ["backprop", "fa"], seeds=2, epochs=2, verbose=0)
    found |= {"check": ln.check.gradients(Dense(3), shape=(4,)), "rule check": ln.check.rule("dfa")}
    found |= {"check entry": found["check"].entries[0], "rule finding": found["rule check"].findings[0]}
    found |= {
        "check package": ln.check.package(Dense, Dropout),
        "kernl": ln.rules.KeRNL(),
        "locality": ln.rules.report(Rule("fa", "rflo")),
    }
    found |= {"locality part": found["locality"].parts[0]}
    sets = ln.data.Dataset.from_arrays(x, y)
    found |= {"set": sets, "chain": sets.shuffle(1).batch(8).map(lambda x, y: (x, y)).prefetch(2)}
    found |= {"part": sets.split(0.2)[1], "stream": ln.data.Dataset.from_iterator(iter([(x, y)]))}
    found |= {"mixed": ln.data.Dataset.from_iterator([(x, y)]).shuffle(0, buffer=4)}
    found |= {
        "vocabulary": ln.data.text.Vocabulary.characters(
            "größer als alle " + "".join(map(chr, range(200, 400)))
        )
    }
    (folder / "t.csv").write_text("a,b,c\n" + "1,2,0\n2,3,1\n" * 60)
    labels = ["größe" * 30 if number else "klein" for number in y]
    found |= {"scaling": ln.data.Scaling.of(x), "rows": ln.data.one_hot(labels)}
    found["examples"] = ln.data.read(folder / "t.csv")
    frame = ln.data.frame(folder / "t.csv")
    found |= {"frame": frame, "look": ln.data.look(folder / "t.csv"), "table": ln.data.Table.fit(frame)}
    found |= {"column": found["table"].columns[0], "seen": found["look"].columns[0]}
    som = ln.SelfOrganizingMap(4, 5)
    found |= {"map": som, "map, trained": ln.SelfOrganizingMap(4, 5).fit(x, epochs=1)}
    step = ln.training.Step(model.net, model.loss, model.optimizer)
    state = step.start((4,), seed=0)
    found |= {"step": step, "step's state": state, "measured": step(state, x, y)[1]}
    for name in ("EarlyStopping", "ReduceOnPlateau", "StopOnNaN", "PrintWeights"):
        found[name] = getattr(ln.callbacks, name)()
    found |= {"CSVLog": ln.callbacks.CSVLog(folder / "log.csv"), "On": ln.callbacks.On(epoch=print)}
    found |= {
        "Checkpoint": ln.callbacks.Checkpoint(folder / "runs"),
        "cosine": ln.optimizers.schedules.Cosine(0.1, 0, 9),
    }
    found["exercise"] = ln.exercises.list()[0]
    found["grade"] = ln.exercises.check(ln.exercises.start(found["exercise"].name, folder))
    return {name: thing for name, thing in found.items() if thing is not None}
