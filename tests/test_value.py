"""Values: printed, compared, saved by their fields; found by name."""

import json
from dataclasses import dataclass, field

import pytest

from lucidnet.core.value import Value, from_config, get, to_config
from lucidnet.errors import SettingError, UnknownNameError
from lucidnet.layers import Activation, Dense, Residual, Sequential


@dataclass(frozen=True, repr=False)
class Lens(Value):
    width: int
    power: float = 1.0
    inner: Value | None = None
    coated: bool = field(default=False, kw_only=True)


@dataclass(frozen=True, repr=False)
class Prism(Value):
    angle: float = 60.0


KINDS = {"Lens": Lens, "Prism": Prism}
KNOWN = {"prism": Prism, "right_prism": lambda: Prism(90.0)}


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (Lens(3), "Lens(3)"),
        (Lens(3, 1.0), "Lens(3)"),
        (Lens(3, 2.0), "Lens(3, 2.0)"),
        (Lens(3, inner=Prism()), "Lens(3, inner=Prism())"),
        (Lens(3, 2.0, Lens(1), coated=True), "Lens(3, 2.0, Lens(1), coated=True)"),
        (Lens(3, coated=True), "Lens(3, coated=True)"),
        (Lens(3, 1), "Lens(3, 1)"),  # not the default: its type differs, and a file would keep it
        (Prism(), "Prism()"),
    ],
)
def test_repr_is_the_shortest_call_that_makes_it(value, text):
    assert repr(value) == text
    assert eval(text, dict(KINDS)) == value


def test_settings_are_what_differs():
    assert Lens(3, 1.0, coated=True).settings() == {"width": 3, "coated": True}


def test_equal_fields_are_one_value():
    assert len({Lens(3, inner=Prism()), Lens(3, inner=Prism(60.0)), Lens(4)}) == 2


class TestGet:
    """By value, by class, by name."""

    def test_all_three(self):
        prism = Prism(30.0)
        assert get("glass", prism, KNOWN, Prism) is prism
        assert get("glass", Prism, KNOWN, Prism) == get("glass", "prism", KNOWN, Prism) == Prism()
        assert get("glass", "right_prism", KNOWN, Prism) == Prism(90.0)

    @pytest.mark.parametrize("name", ["prisn", "Prism"])
    def test_the_nearest_name_is_suggested(self, name):
        message = f"unknown glass '{name}': did you mean 'prism'. Known: prism, right_prism"
        with pytest.raises(UnknownNameError, match=message):
            get("glass", name, KNOWN, Prism)

    @pytest.mark.parametrize("given", [3, None, Lens(1), Lens, print])
    def test_anything_else(self, given):
        message = r"glass: expected a name \(prism, right_prism\) or an instance of Prism, got "
        with pytest.raises(SettingError, match=message):
            get("glass", given, KNOWN, Prism)


class TestConfig:
    """Plain data, and back through a closed table of classes."""

    def test_round_trip_through_json(self):
        value = Lens(3, 0.1, Lens(1, coated=True))
        assert from_config(json.loads(json.dumps(to_config(value))), KINDS) == value

    def test_defaults_are_written(self):
        assert to_config(Prism()) == {"type": "Prism", "angle": 60.0}

    def test_a_network(self):
        net = Sequential([Dense(3, "tanh", l2=0.1), Residual(Dense(3, frozen=True), name="skip")])
        kinds = {kind.__name__: kind for kind in (Sequential, Residual, Dense)}
        from lucidnet import initializers, layers

        text = json.dumps(to_config(net))
        assert (
            from_config(
                json.loads(text), kinds | {n: getattr(layers, n) for n in layers.__all__} | vars(initializers)
            )
            == net
        )

    @pytest.mark.parametrize(
        "config", [{"type": "os.system", "command": "true"}, {"angle": 3}, {"type": None}]
    )
    def test_only_the_table_is_made(self, config):
        with pytest.raises(UnknownNameError, match="unknown type .*Known: Lens, Prism"):
            from_config(config, KINDS)

    @pytest.mark.parametrize(
        "value", [Activation(abs), Lens(print), {"a": 1}, object()], ids=["own", "code", "dict", "object"]
    )
    def test_code_is_not_saved(self, value):
        with pytest.raises(SettingError, match="a file holds names and numbers, never code.*custom="):
            to_config(value)

    def test_what_is_only_compared_holds_code_as_it_is_described(self):
        given = {"net": Dense(2), "shapes": {"left": (4,)}, "made by": [print]}
        made = to_config(given, other=lambda code: type(code).__name__)
        assert made["net"] == to_config(Dense(2)) and made["shapes"] == {"left": [4]}
        assert made["made by"] == ["builtin_function_or_method"]
