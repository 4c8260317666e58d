"""What people do in their first hour, as they would write it: three kinds of people, eight tasks each."""

import subprocess
import sys

import numpy as np
import pytest

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

LEARNING = {
    "build, train, measure": """
import lucidnet as ln
(x, y), (xt, yt) = ln.data.load("digits")
model = ln.Model([ln.layers.Dense(32, "relu"), ln.layers.Dense(10, "softmax")])
model.compile("sparse_categorical_crossentropy", "adam", metrics=["accuracy"])
history = model.fit(x, y, epochs=15, validation_split=0.1)
assert model.evaluate(xt, yt).accuracy > 0.9
assert len(history["val_accuracy"]) == 15
""",
    "look at the network": """
import lucidnet as ln
model = ln.Model([ln.layers.Input(4), ln.layers.Dense(3, "tanh"), ln.layers.Dense(1)])
text = model.summary()
assert "Dense(3, Tanh())" in text and "19 parameters" in text
assert repr(text) == str(text) or "\\\\n" not in repr(text)
assert len(repr(model).splitlines()) <= 40
""",
    "watch the curves": """
import lucidnet as ln
x, y = ln.data.moons(200)
model = ln.Model([ln.layers.Dense(8, "tanh"), ln.layers.Dense(2, "softmax")])
model.compile("categorical_crossentropy", "adam", ["accuracy"])
history = model.fit(x, y, epochs=3, verbose=0)
history.plot(path="curves.png")
ln.plots.decision_boundary(model, x, y, path="boundary.png")
ln.plots.architecture(model, path="net.png")
assert len(str(history).splitlines()) == 4
""",
    "spirals at the defaults": """
import lucidnet as ln
x, y = ln.data.spirals(600, classes=2)
model = ln.Model([ln.layers.Dense(32, "tanh"), ln.layers.Dense(32, "tanh"), ln.layers.Dense(2, "softmax")])
model.compile("categorical_crossentropy", ln.optimizers.Adam(0.01), ["accuracy"])
model.fit(x, y, epochs=150, verbose=0)
assert model.evaluate(x, y).accuracy > 0.97
""",
    "a backward pass of one's own that is wrong": """
from dataclasses import dataclass
import numpy as np
import lucidnet as ln

@dataclass(frozen=True, repr=False)
class Scale(ln.layers.Layer):
    def init(self, rng, shape):
        return {"g": rng.full(shape, 1.0)}, shape
    def forward(self, params, x, run=None):
        return params["g"] * x, x
    def backward(self, params, x, dy, need_dx=True):
        return params["g"] * dy, {"g": -(dy * x).sum(0)}

report = ln.check.gradients(Scale(), shape=(3,))
assert not report and "the sign is wrong" in str(report)
""",
    "one step in numbers": """
from pathlib import Path
import lucidnet as ln
model = ln.Model([ln.layers.Input(2), ln.layers.Dense(2, "sigmoid"), ln.layers.Dense(1)])
model.compile("mse", ln.optimizers.SGD(0.1))
step = model.explain([[1.0, 2.0]], [[0.5]])
step.save("step.html")
assert Path("step.html").read_text("utf-8").startswith("<!DOCTYPE html>")
assert "Forward: dense1" in str(step) and "Update" in str(step)
""",
    "why does it not learn": """
import numpy as np
import lucidnet as ln
(x, y), _ = ln.data.load("digits")
model = ln.Model([ln.layers.Dense(32, "relu"), ln.layers.Dense(10, "softmax")])
model.compile("categorical_crossentropy", ln.optimizers.SGD(50.0))
report = model.doctor(x, y)
assert not report and "rate" in str(report)
assert 1e-4 < model.lr_find(x, y).suggestion < 50
""",
    "save it, load it, go on": """
import numpy as np
import lucidnet as ln
x, y = ln.data.xor(100)
model = ln.Model([ln.layers.Dense(8, "tanh"), ln.layers.Dense(2, "softmax")])
model.compile("categorical_crossentropy", "adam", ["accuracy"])
model.fit(x, y, epochs=2, verbose=0)
model.save("xor.safetensors")
again = ln.load("xor.safetensors")
assert np.array_equal(again.predict(x), model.predict(x))
again.fit(x, y, epochs=2, verbose=0)
""",
}

RULES = {
    "feedback alignment": """
import lucidnet as ln
(x, y), (xt, yt) = ln.data.load("digits")
model = ln.Model([ln.layers.Dense(64, "tanh"), ln.layers.Dense(10, "softmax")])
model.compile("categorical_crossentropy", "adam", ["accuracy"], rule="fa")
model.fit(x, y, epochs=8, verbose=0, record=["gradient_alignment"])
assert model.evaluate(xt, yt).accuracy > 0.85
ln.plots.alignment(model.history, path="angles.png")
""",
    "a race": """
import lucidnet as ln
data = ln.data.load("digits")
model = ln.Model([ln.layers.Input(64), ln.layers.Dense(16, "tanh"), ln.layers.Dense(10, "softmax")])
model.compile("categorical_crossentropy", "adam", ["accuracy"])
race = ln.race(model, data, {"backprop": "backprop", "random feedback": "fa"}, seeds=2, epochs=2, verbose=0)
assert "random feedback" in str(race) and "minus backprop" in str(race)
race.to_csv("race.csv")
race.plot(path="race.png")
""",
    "a race that goes on": """
import lucidnet as ln
x, y = ln.data.moons(100)
model = ln.Model([ln.layers.Input(2), ln.layers.Dense(4, "tanh"), ln.layers.Dense(2, "softmax")])
model.compile("categorical_crossentropy", "sgd")
one = ln.race(model, (x, y), ["backprop", "fa"], seeds=1, epochs=2, folder="runs", verbose=0)
two = ln.race(model, (x, y), ["backprop", "fa"], seeds=2, epochs=2, folder="runs", verbose=0)
assert two.curves("fa", "loss")[0].tolist() == one.curves("fa", "loss")[0].tolist()
""",
    "what a rule reads": """
import lucidnet as ln
text = str(ln.rules.report("rflo"))
assert "reads" in text and "online" in text
assert ln.check.rule("dfa")
""",
    "a rule of one's own": """
import lucidnet as ln
from dataclasses import dataclass
from lucidnet.rules.space.transported import Transported

@dataclass(frozen=True, repr=False)
class Signed(Transported):
    def carried_by(self, W, B):
        return W.__array_namespace__().sign(W) * abs(W).mean()

report = ln.check.rule(Signed())
assert report.findings["reads weights above"].seen
""",
    "learning online": """
import numpy as np
import lucidnet as ln
model = ln.Model([ln.layers.Input((None, 1)), ln.layers.LeakyRNN(20, return_sequences=True), ln.layers.Dense(1)])
model.compile("mse", ln.optimizers.SGD(0.02))
online, losses = model.online("rflo"), []
for t in range(600):
    online.step([[np.sin(t / 5)]], [[np.sin((t + 1) / 5)]])
    losses.append(online.loss)
assert np.mean(losses[-100:]) < np.mean(losses[:100]) / 2
""",
    "the angle to the true gradient": """
import lucidnet as ln
(x, y), _ = ln.data.load("digits")
model = ln.Model([ln.layers.Dense(32, "tanh"), ln.layers.Dense(16, "tanh"), ln.layers.Dense(10, "softmax")])
model.compile("categorical_crossentropy", "adam", rule="dfa")
model.fit(x, y, epochs=1, verbose=0)
found = model.gradient_alignment(x, y)
assert 0 < found["dense0"].degrees < 90 or 0 < found["dense1"].degrees < 90
""",
    "a warning where a rule is approximate": """
import warnings
import lucidnet as ln
layers = [ln.layers.Input((None, 2)), ln.layers.Dense(3), ln.layers.LeakyRNN(4), ln.layers.Dense(1)]
model = ln.Model(layers)
with warnings.catch_warnings(record=True) as seen:
    warnings.simplefilter("always")
    model.compile("mse", "sgd", rule="rtrl")
assert any(issubclass(one.category, ln.errors.InexactWarning) for one in seen)
""",
}

TABLES = {
    "a pipeline": """
from sklearn.datasets import load_wine
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from lucidnet.sklearn import NetClassifier
x, y = load_wine(return_X_y=True)
net = make_pipeline(StandardScaler(), NetClassifier((20,), learning_rate_init=0.02, max_iter=60, random_state=0))
assert cross_val_score(net, x, y, cv=3).mean() > 0.93
""",
    "a search": """
from sklearn.datasets import load_iris
from sklearn.model_selection import GridSearchCV
from lucidnet.sklearn import NetClassifier
x, y = load_iris(return_X_y=True)
net = NetClassifier(max_iter=60, learning_rate_init=0.02, random_state=0)
search = GridSearchCV(net, {"hidden_layer_sizes": [(4,), (16,)], "activation": ["tanh", "relu"]}, cv=3).fit(x, y)
assert search.best_score_ > 0.9
""",
    "text labels and frames": """
import pandas as pd
from sklearn.datasets import load_iris
from lucidnet.sklearn import NetClassifier
iris = load_iris(as_frame=True)
names = iris.target.map(dict(enumerate(iris.target_names)))
net = NetClassifier((16,), solver="lbfgs", max_iter=300, random_state=0).fit(iris.data, names)
assert net.predict(iris.data[:1])[0] == "setosa" and net.score(iris.data, names) > 0.95
""",
    "a regression": """
from sklearn.datasets import load_diabetes
from sklearn.preprocessing import StandardScaler
from lucidnet.sklearn import NetRegressor
x, y = load_diabetes(return_X_y=True)
y = (y - y.mean()) / y.std()
net = NetRegressor((16,), alpha=1.0, learning_rate_init=0.01, max_iter=60, random_state=0)
assert net.fit(StandardScaler().fit_transform(x), y).score(StandardScaler().fit_transform(x), y) > 0.4
""",
    "a CSV file": """
from pathlib import Path
import numpy as np
import lucidnet as ln
rng = np.random.default_rng(0)
x = rng.normal(size=(120, 2))
rows = [f"{a:.4f},{b:.4f},{'high' if a + b > 0 else 'low'}" for a, b in x]
Path("points.csv").write_text("\\n".join(["first,second,label", *rows]))
table = ln.data.read("points.csv")
model = ln.Model([ln.layers.Dense(8, "tanh"), ln.layers.Dense(2, "softmax")])
model.compile("categorical_crossentropy", ln.optimizers.Adam(0.05), ["accuracy"])
model.fit(table.x, table.y, epochs=30, verbose=0)
assert model.evaluate(table.x, table.y).accuracy > 0.9
assert sorted(table.classes) == ["high", "low"]
""",
    "an unbalanced table": """
import numpy as np
import lucidnet as ln
rng = np.random.default_rng(0)
x = np.r_[rng.normal(0, 1, (180, 2)), rng.normal(2, 1, (20, 2))]
y = np.r_[np.zeros(180, int), np.ones(20, int)]
model = ln.Model([ln.layers.Dense(8, "relu"), ln.layers.Dense(2, "softmax")])
model.compile("categorical_crossentropy", ln.optimizers.Adam(0.02), ["recall"])
model.fit(x, y, epochs=30, class_weight="balanced", verbose=0)
assert model.evaluate(x, y).recall > 0.7
""",
    "stop early, keep the best": """
import lucidnet as ln
(x, y), _ = ln.data.load("digits")
model = ln.Model([ln.layers.Dense(64, "relu"), ln.layers.Dense(10, "softmax")])
model.compile("categorical_crossentropy", ln.optimizers.Adam(0.05), ["accuracy"])
stop = ln.callbacks.EarlyStopping("val_loss", patience=2)
history = model.fit(x, y, epochs=60, validation_split=0.2, callbacks=[stop], verbose=0)
assert history.epochs < 60 and history.stopped
""",
}

TASKS = {**LEARNING, **RULES, **TABLES}


@pytest.mark.parametrize("name", TASKS)
def test_a_task_works_at_the_first_try(name, tmp_path, monkeypatch, capsys):
    pytest.importorskip("matplotlib")
    if name in TABLES:
        pytest.importorskip("sklearn")
    monkeypatch.chdir(tmp_path)
    with np.errstate(all="warn", under="ignore"):
        exec(compile(TASKS[name], name, "exec"), {"__name__": "first_hour"})


def test_the_command_line(tmp_path):
    """The eighth task with a table: from a file to predictions without a line of Python."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(200, 3))
    rows = [",".join([*(f"{v:.3f}" for v in row), str(int(row.sum() > 0))]) for row in x]
    (tmp_path / "points.csv").write_text("\n".join(["a,b,c,label", *rows]))
    lucidnet = [sys.executable, "-m", "lucidnet"]
    for words, said in (
        (["train", "points.csv", "--epochs", "40", "--save", "model.safetensors", "--seed", "0"], "accuracy"),
        (["evaluate", "model.safetensors", "points.csv", "--json"], '"accuracy"'),
        (["predict", "model.safetensors", "points.csv", "--rows", "3"], "0."),
        (["info", "model.safetensors"], "parameters"),
    ):
        done = subprocess.run([*lucidnet, *words], capture_output=True, text=True, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        assert said in done.stdout


def test_eight_tasks_each():
    assert len(LEARNING) == len(RULES) == len(TABLES) + 1 == 8


HABITS = {
    "loss, accuracy = model.evaluate(x, y); f'{accuracy:.3f}'": "result.accuracy or result\\['accuracy'\\]",
    "loss, accuracy = model.evaluate(x, y); 100 * accuracy": "'accuracy' is the name of a number",
    "model.evaluate(x, y)[1]": "by name there are: loss, accuracy",
    "model.fit(x, y, verbose=0).history['loss']": r"here it is the history itself, history\['loss'\]",
    "model.fit(x, y, validation_split=0.2, callbacks=[ln.callbacks.EarlyStopping('val_acc', 2)])": "did you mean 'val_accuracy'",
    "model.optimizer.learning_rate = 0.1": r"model.set\(learning_rate=...\)",
    "ln.Model(inputs=x, outputs=y)": r"as in Model\(\[Graph\(inputs, nodes, outputs\)\]\)",
    "ln.Sequential([ln.layers.Dense(1)])": r"here it is lucidnet.Model\(\[...\]\)",
    "ln.utils.plot_model(model)": "plots.architecture for plot_model",
    "ln.plots.plot_history(model.history)": "here it is lucidnet.plots.training_curves",
    "ln.plots.confusion_matrix(model.predict(x).argmax(1))": r"metrics.confusion_matrix\(y, predicted\)",
    "model(x)": r"not callable: here it is predict\(x\), or forward\(x\)",
    "ln.layers.Dense(2)(x)": r"not callable: here it is Model\(\[layer\]\).predict\(x\)",
    "ln.layers.Dense(2)(ln.layers.Input(3))": r"a Graph\(inputs, nodes, outputs\) of branches",
    "from lucidnet.models import Sequential": "No module named 'lucidnet.models': here it is lucidnet.Model",
    "import lucidnet.nn as nn": "No module named 'lucidnet.nn': here it is lucidnet.layers",
    "from lucidnet import nn": "cannot import name 'nn' from 'lucidnet': here it is lucidnet.layers",
    "from lucidnet import Dense": "cannot import name 'Dense' from 'lucidnet': it is lucidnet.layers.Dense",
    "from lucidnet.callbacks import ModelCheckpoint": "here it is lucidnet.callbacks.Checkpoint",
    "ln.sklearn.NetClassifier(epochs=5)": r"NetClassifier\(\) got .* 'epochs': here it is max_iter",
    "ln.sklearn.NetRegressor(n_hidden=5)": r"here it is hidden_layer_sizes, as in \(100, 50\)",
    "model.compile(ln.layers.Dense(3))": r"instance of Loss, got Dense\(3\)",
    "model.compile('mse', metrics=[ln.layers.Dense(3)])": r"instance of Metric, got Dense\(3\)",
    "model.compile('adam', 'mse', ['accuracy'])": r"the order is compile\(loss, optimizer, metrics\)",
    "model.net.layers[1].get_weights()": r"here it is Model.params\[name\]: a layer holds no weights",
    "model.history['acc']": "'acc' was not measured; by name there are: none",
    "model.gradients(x, y)['dense1.W']": "'dense1.W': by name there are: dense1",
    "model.lr_finder(x, y)": r"here it is lr_find\(x, y\)",
    "ln.doctor(model, x, y)": r"here it is lucidnet.Model.doctor\(x, y\)",
    "ln.save(model, 'x.safetensors')": r"here it is lucidnet.Model.save\(path\)",
    "ln.Model(ln.layers.Dense(3), ln.layers.Dense(2))": r"layers as one list: Model\(\[Input\(64\)",
    "ln.Model([64, 10])": r"of sizes: mlp\(\[64, 10\]\)",
    "model.fit('points.csv')": r"of a file data.read\(path\) makes x and y",
    "ln.data.moons(n_samples=10)": r"moons\(\) got an unexpected keyword argument 'n_samples': here it is n$",
    "ln.data.moons(random_state=0)": "here it is seed$",
    "ln.data.moons(noize=0)": "did you mean 'noise'",
    "ln.data.read('t.csv', label='t')": "here it is target$",
    "ln.data.split(x, y, test_size=0.2)": "here it is test$",
    "ln.data.train_test_split(x, y)": r"here it is lucidnet.data.split\(x, y, test=0.2\)",
    "ln.plots.architecture(model, to_file='net.png')": "has no argument 'to_file': here it is path$",
    "ln.check.gradients(ln.layers.Tanh(), (3,))": r"goes by name: shape=\(3,\)",
    "model.compile('mse', rule='FeedbackAlignment')": "did you mean 'fa'",
    "ln.sklearn.NetClassifier().fit(x, y, epochs=5)": "here it is max_iter of the estimator itself",
    "ln.sklearn.NetClassifier().summary()": r"here it is model_.summary\(\)",
    "ln.sklearn.NetClassifier(learning_rate=0.1).fit(x, y)": "a number is learning_rate_init",
    "ln.race(model, x, y, ['backprop'])": r"race\(model, \(x, y\), rules\)",
    "ln.race(model, x, y, rules=['backprop'])": r"race\(model, \(x, y\), rules\)",
}
"""What people write from habit, and what they are told to change."""


@pytest.mark.parametrize("line", HABITS)
def test_a_habit_is_told_what_to_change(line):
    import lucidnet as ln

    x, y = np.eye(10), np.arange(10) % 2
    model = ln.Model([ln.layers.Input(10), ln.layers.Dense(2, "softmax")])
    model.compile("categorical_crossentropy", "adam", ["accuracy"])
    with pytest.raises(Exception, match=HABITS[line]):
        exec(line, {"ln": ln, "x": x, "y": y, "model": model})


def test_what_works_from_habit(tmp_path):
    import lucidnet as ln

    x, y = ln.data.xor(20)
    model = ln.Model([ln.layers.Dense(2, "softmax")])
    model.compile("categorical_crossentropy", "adam", ["accuracy"])
    history = model.fit(x, y, verbose=0)
    history.plot(tmp_path / "curves.png")
    model.lr_find(x, y, steps=10).plot(tmp_path / "rates.png")
    assert {path.name for path in tmp_path.iterdir()} == {"curves.png", "rates.png"}
    loss, accuracy = model.evaluate(x, y).values()
    assert dict(model.evaluate(x, y)) == {"loss": loss, "accuracy": accuracy}
    model.fit(x, np.array(["left", "right"])[y], verbose=0, callbacks=ln.callbacks.StopOnNaN())
    assert model.classes == ("left", "right")
    assert set(model.predict_classes(x)) <= {"left", "right"}


def test_a_module_that_nobody_has_is_missing_as_ever():
    """No hint stands in the way of what Python does: probes, submodules, other packages."""
    import importlib

    with pytest.raises(ModuleNotFoundError, match="No module named 'lucidnet.zzzzzz'$"):
        importlib.import_module("lucidnet.zzzzzz")
    with pytest.raises(ModuleNotFoundError, match="No module named 'zzzzzz'$"):
        importlib.import_module("zzzzzz")
    assert importlib.util.find_spec("lucidnet.zzzzzz") is None
    import lucidnet as ln

    assert not hasattr(ln, "nn") and getattr(ln, "nn", None) is None
    exec("from lucidnet import compiling, living", {})


def test_a_file_unpacks(tmp_path):
    import lucidnet as ln

    (tmp_path / "points.csv").write_text("a,b,label\n1,2,0\n3,5,1\n2,4,1\n")
    x, y = ln.data.read(tmp_path / "points.csv")
    assert x.tolist() == [[1, 2], [3, 5], [2, 4]] and y.tolist() == [0, 1, 1]
    np.savez(tmp_path / "parts.npz", x_train=x, y_train=y, x_test=x[:1], y_test=y[:1])
    (x, y), (x_test, y_test) = ln.data.read(tmp_path / "parts.npz")
    assert len(x) == len(y) == 3 and x_test.tolist() == [[1, 2]] and y_test.tolist() == [0]


def test_pictures_of_a_model():
    """A model, with its data, may stand for the arrays that are drawn of it."""
    pytest.importorskip("matplotlib")
    import lucidnet as ln

    x, y = np.eye(4, dtype=np.float32).reshape(4, 2, 2), np.array(["no", "yes", "yes", "no"])
    layers = [ln.layers.Input((2, 2)), ln.layers.Flatten(), ln.layers.Dense(2, "softmax", use_bias=False)]
    model = ln.Model(layers, seed=0)
    model.compile("categorical_crossentropy", "adam")
    model.fit(x, y, epochs=1, verbose=0)
    W = np.array([[2.0, 0.0], [0.0, 2.0], [2.0, 0.0], [2.0, 0.0]])
    model.set_params(model.params | {"dense2": {"W": W}})
    axes = ln.plots.confusion_matrix(model, x, y).axes[0]
    assert [text.get_text() for text in axes.texts] == ["2", "0", "1", "1"]
    assert [text.get_text() for text in axes.get_yticklabels()] == ["no", "yes"]
    axes = ln.plots.confusion_matrix(model, x, y, classes=["n", "y"]).axes[0]
    assert [text.get_text() for text in axes.get_yticklabels()] == ["n", "y"]
    axes = ln.plots.worst_mistakes(model, x, y).axes[0]
    assert [text.get_text() for text in axes.texts] == ["yes → no\n88.1 %"]  # 1 / (1 + exp(-2))
    axes = ln.plots.first_layer_weights(model).axes[0]
    assert axes.get_title(loc="left") == "weights of the first layer: 2 units"
    with pytest.raises(ln.errors.ShapeError, match=r"image_shape=\(4, 4\) does not fit 4 inputs"):
        ln.plots.first_layer_weights(model, (4, 4))


def test_a_layer_with_a_constructor_is_told_what_to_write():
    import lucidnet as ln

    with pytest.raises(ln.errors.SettingError, match="Own.__init__: .* its settings are fields, as in"):

        class Own(ln.layers.Layer):
            def __init__(self):
                self.w = np.ones(3)


def test_suggested_rates_are_a_table_in_a_notebook():
    import lucidnet as ln

    (x, y), _ = ln.data.load("digits")
    model = ln.Model(
        [ln.layers.Input(64), ln.layers.Dense(16, "tanh"), ln.layers.Dense(10, "softmax")], seed=0
    )
    model.compile("categorical_crossentropy", "adam")
    curve = model.lr_find(x, y)
    shown = curve._repr_html_()
    assert len(curve.suggestions) > 1 and shown.count("<tr>") == 1 + len(curve.suggestions)
    assert f">{curve.suggestions[0].rate:.1e}</td>" in shown
