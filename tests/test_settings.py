"""Settings are declared once, with their check: what is wrong is an error that names class and setting."""

import copy
import inspect
import io
import json
import pickle
from contextlib import redirect_stdout
from dataclasses import FrozenInstanceError, dataclass, field, fields, is_dataclass, replace
from typing import Any

import numpy as np
import pytest

import lucidnet as ln
from lucidnet.core.record import Record, record
from lucidnet.core.settings import flag, shown, whole
from lucidnet.core.value import Value, from_config, to_config, value
from lucidnet.errors import LucidnetError, SettingError, UnknownNameError
from lucidnet.layers import Conv2D, Dense, Dropout, Input, Layer, LeakyRNN, Sequential
from lucidnet.optimizers import SGD, Adam, MaxNorm, schedules
from wrong_arguments import FACE, GIVEN, LAYERS, OTHERS, SHARED, TAKES

ROWS = [*((kind, right, SHARED | own) for kind, right, own in LAYERS), *OTHERS]
X = np.random.default_rng(0).normal(size=(8, 2))
Y = X[:, :1] - X[:, 1:]


def wrong_of(kind: str):
    """Yield what people give, and whether a setting of a kind takes it."""
    taken = TAKES[kind.rstrip("?")] | ({"None"} if kind.endswith("?") else set())
    for name, given in GIVEN.items():
        yield name, given, name in taken


def complaints(call, owner, setting, sort):
    """Yield what is wrong with what becomes of each of these: silent, raw, or an error that says too little."""
    for name, given, good in wrong_of(sort):
        try:
            call(given)
        except LucidnetError as error:
            said = str(error)
            if good:
                yield f"{setting}={name} is an error: {said}"
            elif owner not in said or setting.rstrip("s") not in said.lower():
                yield f"{setting}={name} does not say where: {said}"
            elif len(said) > 700:
                yield f"{setting}={name} says too much: {said}"
        except Exception as error:
            yield f"{setting}={name} is a raw error: {error!r}"
        else:
            if not good:
                yield f"{setting}={name} is silent"


def test_there_are_many():
    tables = [*(own for *_, own in ROWS), *FACE.values()]
    wrong = [name for own in tables for kind in own.values() for name, _, good in wrong_of(kind) if not good]
    assert len(wrong) >= 1500


@pytest.mark.parametrize(("kind", "right", "settings"), ROWS, ids=[kind.__name__ for kind, *_ in ROWS])
def test_wrong_arguments_are_errors_that_name_class_and_setting(kind, right, settings):
    found = [
        complaint
        for setting, sort in settings.items()
        for complaint in complaints(
            lambda given, s=setting: kind(**(right | {s: given})), kind.__name__, setting, sort
        )
    ]
    assert not found, "\n".join(found)


def test_every_class_with_settings_stands_in_the_table():
    known = {kind: set(own) for kind, _, own in [(Layer, {}, SHARED), *ROWS]}
    for kind, _, own in ROWS:  # a class may stand there twice
        known[kind] |= set(own)
    public = [getattr(place, name) for place in _places() for name in place.__all__]
    kinds = {kind for kind in public if isinstance(kind, type) and is_dataclass(kind) and fields(kind)}
    bases = ["ActivationLayer", "Clip", "Container", "Layer", "Optimizer", "Recurrent"]
    kinds -= {kind for kind in kinds if kind.__name__ in bases}
    kinds -= {kind for kind in kinds if not issubclass(kind, Value)}  # reports
    assert {kind.__name__ for kind in kinds - known.keys()} == set()
    besides = {"graph", "output"}
    for kind in known.keys() & kinds:
        missing = {f.name for f in fields(kind) if f.init} - known[kind] - besides
        assert missing <= {"function", "rows", "clip", "weight_decay", "learning_rate"}, kind


def _places():
    return (
        *(ln.layers, ln.losses, ln.optimizers, schedules, ln.metrics, ln.rules),
        *(ln.layers.activations, ln.callbacks),
    )


def _model(layers=None, **settings):
    model = ln.Model(layers or [Input(2), Dense(1)], **settings)
    model.compile("mse", "sgd", ["mae"])
    return model


def _recurrent():
    model = ln.Model([Input((None, 1)), LeakyRNN(2, return_sequences=True), Dense(1)])
    model.compile("mse", "sgd")
    return model


def _calls():
    """What is called with each argument of the face, the others being right."""
    model, recurrent = _model(), _recurrent()
    data = {"x": X, "y": Y}

    def beside(given):  # without which it would have no effect
        return {"validation_split": 0.25} if "validate_every" in given else {}

    cycle = data | {"epochs": 1, "max_lr": 0.1, "verbose": 0}
    return {
        "Model": lambda **given: ln.Model(**({"layers": [Dense(1)]} | given)),
        "compile": lambda **given: _model().compile(**({"loss": "mse"} | given)),
        "fit": lambda **given: model.fit(**(data | {"verbose": 0} | beside(given) | given)),
        "evaluate": lambda **given: model.evaluate(**(data | given)),
        "lr_find": lambda **given: model.lr_find(**(data | given)),
        "fit_one_cycle": lambda **given: model.fit_one_cycle(**(cycle | given)),
        "online": lambda **given: recurrent.online(**given),
        "doctor": lambda **given: model.doctor(X, Y, **given),
        "explain": lambda **given: model.explain(X[:1], Y[:1], **given),
    }


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", FACE)
def test_wrong_arguments_of_the_face(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    call = _calls()[name]
    with redirect_stdout(io.StringIO()):
        found = [
            complaint
            for setting, sort in FACE[name].items()
            for complaint in complaints(lambda given, s=setting: call(**{s: given}), "", setting, sort)
        ]
    assert not found, "\n".join(found)


class TestRightArguments:
    """Numbers of NumPy are numbers; what is made prints, saves and copies itself as before."""

    @pytest.mark.parametrize(
        ("made", "expected"),
        [
            (lambda: Dense(np.int64(3), use_bias=np.False_), Dense(3, use_bias=False)),
            (lambda: Dense(3, l2=np.float32(0.5), frozen=np.True_), Dense(3, l2=0.5, frozen=True)),
            (lambda: Conv2D(np.int32(4), (np.int64(3), 2)), Conv2D(4, (3, 2))),
            (lambda: Conv2D(4, [3, 2], padding=[[1, 0], 2]), Conv2D(4, (3, 2), padding=((1, 0), 2))),
            (lambda: Input([np.int64(3), None]), Input((3, None))),
            (lambda: SGD(np.float64(0.1), momentum=np.float32(0.5)), SGD(0.1, 0.5)),
            (lambda: schedules.Cosine(np.float64(1), 0, np.int64(9)), schedules.Cosine(1.0, 0, 9)),
            (
                lambda: schedules.Piecewise(np.array([[0, 1.0], [3, 0.5]])),
                schedules.Piecewise([(0.0, 1.0), (3.0, 0.5)]),
            ),
            (lambda: MaxNorm(np.float64(2), [np.int64(0), 1]), MaxNorm(2.0, (0, 1))),
            (lambda: Dense(3, frozen=["b"]), Dense(3, frozen=("b",))),
        ],
    )
    def test_numbers_of_numpy_become_pythons(self, made, expected):
        value = made()
        assert value == expected
        assert repr(value) == repr(expected)
        assert json.dumps(to_config(value)) == json.dumps(to_config(expected))
        assert all(not isinstance(given, np.generic) for given in vars(value).values())

    @pytest.mark.parametrize(("kind", "right", "settings"), ROWS, ids=[kind.__name__ for kind, *_ in ROWS])
    def test_what_is_made_can_be_made_again(self, kind, right, settings):
        made = kind(**right)
        if not isinstance(made, Value) or "functools" in repr(made) or "built-in" in repr(made):
            return
        assert made == kind(**{f.name: getattr(made, f.name) for f in fields(made) if f.init})
        for other in (copy.copy(made), copy.deepcopy(made), pickle.loads(pickle.dumps(made)), replace(made)):
            assert other == made
            assert hash(other) == hash(made)
            assert repr(other) == repr(made)

    def test_arguments_of_the_face(self):
        model = _model(seed=np.int64(3))
        model.fit(X, Y, epochs=np.int64(1), batch_size=np.int32(4), shuffle=np.True_, verbose=False)
        assert model.seed == 3
        assert type(model.seed) is int
        assert model.evaluate(X, Y, batch_size=np.int64(3)).loss >= 0
        assert ln.callbacks.EarlyStopping("loss", np.int64(2)).patience == 2


class TestOneConstructor:
    """`Dense` and all others are dataclasses in all that can be asked of one."""

    def test_signature(self):
        parameters = inspect.signature(Dense).parameters
        assert list(parameters)[:3] == ["units", "activation", "use_bias"]
        assert parameters["units"].default is inspect.Parameter.empty
        assert parameters["use_bias"].default is True
        assert parameters["frozen"].kind is inspect.Parameter.KEYWORD_ONLY
        assert "units" in inspect.getdoc(Dense)
        assert str(inspect.signature(Dropout)).startswith("(rate: 'Any', *, name: 'str' = ''")

    @pytest.mark.parametrize(
        ("make", "message"),
        [
            (lambda: Dense(), r"Dense.__init__\(\) missing 1 required positional argument: 'units'"),
            (lambda: SGD(3, size=1), r"SGD.__init__\(\) got an unexpected keyword argument 'size'"),
            (
                lambda: Dense(3, units=3),
                r"Dense.__init__\(\) got multiple values for argument 'units': 3 by its place",
            ),
            (
                lambda: Dropout(0.5, 1),
                r"Dropout.__init__\(\) takes 2 positional arguments but 3 were given",
            ),
            (
                lambda: Dense(1, 2, 3, 4, 5, 6, 7),
                r"Dense.__init__\(\) takes from 2 to 6 positional arguments but 8 were given",
            ),
            (
                lambda: schedules.Cosine(1),
                r"Cosine.__init__\(\) missing 2 required positional arguments: 'stop' and 'steps'",
            ),
        ],
    )
    def test_what_it_does_not_take_is_said_in_the_words_of_python(self, make, message):
        with pytest.raises(TypeError, match=message):
            make()

    def test_it_is_frozen(self):
        dense = Dense(3)
        with pytest.raises(FrozenInstanceError, match="cannot assign to field 'units'"):
            dense.units = 4
        with pytest.raises(FrozenInstanceError, match="cannot assign to field 'other'"):
            dense.other = 4
        with pytest.raises(FrozenInstanceError, match="cannot delete field 'units'"):
            del dense.units
        assert dense.units == 3

    def test_fields_and_patterns(self):
        assert is_dataclass(Dense)
        assert [f.name for f in fields(Dense)][:3] == ["name", "learning_rate", "l1"]
        assert Dense.__match_args__[0] == "units"
        match Dense(3):
            case Dense(units):
                assert units == 3
        assert Dense.use_bias is True

    def test_kinds_differ(self):
        assert ln.layers.ReLU() != ln.layers.Tanh()
        assert Dense(3) != 3
        assert len({Dense(3), Dense(3), Dense(4)}) == 2

    def test_a_record_with_a_factory(self):
        @record
        class Note(Record):
            text: str
            tags: list[str] = field(default_factory=list)

        one, other = Note("a"), Note("a")
        assert one == other
        assert one.tags is not other.tags
        assert repr(one).endswith("Note(text='a', tags=[])")
        with pytest.raises(TypeError, match="missing 1 required positional argument: 'text'"):
            Note(tags=[])


@dataclass(frozen=True, repr=False)
class Scaled(Layer):
    """A layer of one's own, in the way of the README."""

    by: float = 2.0

    def forward(self, params, x, run=ln.layers.base.INFERENCE):
        return self.by * x, None

    def backward(self, params, cache, dy, need_dx=True):
        return self.by * dy, {}


@value
class Declared(Layer):
    """The same, with declared settings."""

    by: int = whole(1)
    turned: bool = flag(default=False)


class TestOnesOwn:
    """Layers and optimizers of one's own, with plain annotations or declared."""

    def test_plain_annotations_take_anything(self):
        assert repr(Scaled()) == "Scaled()"
        assert repr(Scaled("x", name="a")) == "Scaled('x', name='a')"
        assert Scaled(np.float64(3)).by == 3.0
        assert type(Scaled(np.float64(3)).by) is float
        assert Scaled(3.0) == Scaled(3.0) != Scaled(4.0)
        assert from_config(json.loads(json.dumps(to_config(Scaled(3.0)))), {"Scaled": Scaled}) == Scaled(3.0)

    @pytest.mark.parametrize(
        ("setting", "given"),
        [("name", 3), ("frozen", "no"), ("learning_rate", "x"), ("l1", -1), ("l2", True), ("constraint", 3)],
    )
    @pytest.mark.parametrize("kind", [Scaled, Declared])
    def test_inherited_settings_are_checked(self, kind, setting, given):
        with pytest.raises(SettingError, match=f"{kind.__name__}: {setting} must be "):
            kind(3, **{setting: given})

    def test_declared(self):
        assert repr(Declared(np.int64(3), np.True_)) == "Declared(3, True)"
        with pytest.raises(SettingError, match="Declared: by must be a whole number of 1 or more, got 2.5"):
            Declared(2.5)
        with pytest.raises(SettingError, match="Declared: turned must be True or False, got 1"):
            Declared(2, 1)

    def test_an_optimizer_of_ones_own(self):
        @dataclass(frozen=True, repr=False)
        class Signed(ln.optimizers.Optimizer):
            share: float = 0.5
            floor: float = 0.0

            schedulable = ln.optimizers.Optimizer.schedulable | {"share": 1}
            constants = ("floor",)

        assert Signed(0.1, share=0.25).learning_rate == 0.1
        for wrong in ({"share": 1.0}, {"floor": -1}, {"learning_rate": "x"}, {"clip": 3}):
            with pytest.raises(SettingError, match=f"Signed: {next(iter(wrong))} must be "):
                Signed(**wrong)

    def test_what_is_done_after_init_finds_all_checked(self):
        seen = []

        @dataclass(frozen=True, repr=False)
        class Noted(Layer):
            by: float = 2.0

            def __post_init__(self):  # and nothing of Layer's is called
                seen.append(self.by)

        assert Noted(np.float64(3)).frozen is False
        assert type(seen[0]) is float
        with pytest.raises(SettingError, match="Noted: frozen must be True, False, or names"):
            Noted(3, frozen="no")
        assert len(seen) == 1

    def test_a_dataclass_may_declare_too(self):
        @dataclass(frozen=True, repr=False)
        class Mixed(Value):
            size: int = whole(1)

        assert Mixed(3) == Mixed(size=3)
        with pytest.raises(SettingError, match="Mixed: size must be a whole number"):
            Mixed("3")


class TestFrozenByName:
    """``frozen=("b",)`` means what it says, on both engines."""

    @pytest.mark.parametrize("backend", ["numpy", "jax"])
    def test_a_step_by_hand(self, backend):
        layer = Dense(1, frozen=("b",), bias_initializer=ln.initializers.Constant(0.5))
        model = ln.Model([Input(2), layer], dtype="float64", backend=backend)
        model.compile("mse", SGD(0.1))
        W, b = (model.params["dense1"][name].copy() for name in ("W", "b"))
        model.train_step(X, Y)
        error = X @ W + b - Y
        np.testing.assert_allclose(model.params["dense1"]["W"], W - 0.1 * 2 / 8 * X.T @ error, rtol=1e-12)
        np.testing.assert_array_equal(model.params["dense1"]["b"], [0.5])
        assert "3 parameters (0.0 KiB), 2 of them trained" in model.summary()

    def test_with_a_memory_and_clipping(self):
        """What is frozen takes no part in the norm of the gradient, and in no step, however many."""
        layers = [Input(2), Dense(4, "tanh", frozen=("W",), name="a"), Dense(1)]
        model = _model(layers)
        model.compile("mse", Adam(0.1, clip=ln.optimizers.ClipGlobalNorm(0.1)))
        before = copy.deepcopy(model.params)
        model.fit(X, Y, epochs=3, verbose=0)
        np.testing.assert_array_equal(model.params["a"]["W"], before["a"]["W"])
        for path in (("a", "b"), ("dense2", "W"), ("dense2", "b")):
            assert (model.params[path[0]][path[1]] != before[path[0]][path[1]]).all()

    @pytest.mark.parametrize(
        ("layer", "error", "message"),
        [
            (Dense(2, frozen=("c",)), UnknownNameError, r"unknown parameter of Dense.* 'c': Known: W, b"),
            (Sequential([Dense(2)], frozen=("b",)), SettingError, "a container has no parameters of its own"),
            (
                ln.layers.BatchNormalization(frozen=("mean",)),
                UnknownNameError,
                "'mean': .*Known: beta, gamma",
            ),
            (ln.layers.ReLU(frozen=("W",)), SettingError, "frozen has no effect"),
        ],
    )
    def test_names_that_are_not_there(self, layer, error, message):
        with pytest.raises(error, match=message):
            ln.Model([Input(3), layer]).build()

    def test_normalization_whose_shift_is_frozen_still_learns_from_batches(self):
        norm = ln.layers.BatchNormalization(0.5, frozen=("beta",), name="norm")
        model = _model([Input(2), norm, Dense(1)])
        model.fit(X, Y, verbose=0)
        assert (model.params["norm"]["mean"] != 0).all()
        np.testing.assert_array_equal(model.params["norm"]["beta"], [0, 0])


def test_what_was_given_is_shown_in_few_words():
    class Broken:
        def __repr__(self):
            raise RuntimeError("no")

    assert shown(np.zeros((100, 100))).startswith("array([[0., 0.,")
    assert len(shown(list(range(1000)))) <= 120
    assert "Broken" in shown(Broken())
    with pytest.raises(SettingError, match="Dense: units must be a whole number of 1 or more, got an object"):
        Dense(Broken())


def test_a_class_that_needs_settings_is_no_value():
    with pytest.raises(SettingError, match="Dense: activation: .*Dropout needs settings of its own"):
        Dense(3, Dropout)


def test_no_module_of_the_core_writes_dataclasses_at_import():
    """Each function that `dataclasses` writes is compiled at import: 368 of them took most of its time."""
    import subprocess
    import sys

    program = (
        "import builtins, dataclasses, sys\n"
        "written, run = [], builtins.exec\n"
        "def count(text, *spaces):\n"
        "    written.append(text)\n"
        "    return run(text, *spaces)\n"
        "vars(dataclasses)['exec'] = count\n"
        "import lucidnet\n"
        "late = ['hashlib', 'json', 'pathlib', 'csv', 'difflib', 'socket', 'secrets', 'numpy.typing']\n"
        "late += ['lucidnet.rules', 'lucidnet.metrics']\n"
        "print(len(written), [name for name in late if name in sys.modules])\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["0", "[]"], done.stdout


def test_any_is_still_a_type_of_a_field():
    @value
    class Open(Value):
        given: Any = None

    assert Open({"a": 1}).given == {"a": 1}
