"""Settings are declared once, with their check: what is wrong is an error that names class and setting."""


import pytest

from lucidnet.errors import LucidnetError
from wrong_arguments import GIVEN, LAYERS, OTHERS, SHARED, TAKES

ROWS = [*((kind, right, SHARED | own) for kind, right, own in LAYERS), *OTHERS]


def wrong_of(kind: str):
    """Yield what a setting of a kind must not take."""
    taken = TAKES[kind.rstrip("?")] | ({"None"} if kind.endswith("?") else set())
    for name, given in GIVEN.items():
        yield name, given, name in taken


def test_there_are_many():
    wrong = sum(not good for _, _, own in ROWS for kind in own.values() for *_, good in wrong_of(kind))
    assert wrong >= 1500


@pytest.mark.parametrize(("kind", "right", "settings"), ROWS, ids=[kind.__name__ for kind, *_ in ROWS])
def test_wrong_arguments_are_errors_that_name_class_and_setting(kind, right, settings):
    failures = []
    for setting, sort in settings.items():
        for name, given, good in wrong_of(sort):
            try:
                kind(**(right | {setting: given}))
            except LucidnetError as error:
                if good:
                    failures.append(f"{setting}={name} is an error: {error}")
                elif kind.__name__ not in str(error) or setting not in str(error):
                    failures.append(f"{setting}={name} does not say where: {error}")
                elif len(str(error)) > 500:
                    failures.append(f"{setting}={name} says too much: {error}")
            except Exception as error:
                failures.append(f"{setting}={name} is a raw error: {error!r}")
            else:
                if not good:
                    failures.append(f"{setting}={name} is silent")
    assert not failures, "\n".join(failures)
