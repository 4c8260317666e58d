"""Hostile files by hand, and a few of the mutants that ``python -m tests.fuzz`` makes by the hundred thousand."""

import json

import pytest

pytest.importorskip("resource", reason="this system cannot limit a process")
pytest.importorskip("h5py")

from . import hostile, run


@pytest.fixture(scope="module")
def told(tmp_path_factory):
    """What came of each hostile file, used by a child with little memory in which an audit hook watches."""
    folder = tmp_path_factory.mktemp("hostile")
    rows = hostile.made(folder)
    (folder / "rows.json").write_text(json.dumps(rows))
    child = run.start("watched", str(folder))
    said, errors = child.communicate(timeout=300)
    assert child.returncode == 0, errors.decode()[-2000:]
    found = {(kind, name): rest for kind, name, *rest in map(json.loads, said.splitlines())}
    assert found.keys() == {(kind, name) for kind, name, _ in rows}
    return found


def test_there_are_a_hundred_and_more():
    assert sum(len(table) for table, *_ in hostile.FORMATS.values()) >= 100


@pytest.mark.parametrize("kind", hostile.FORMATS)
def test_hostile_files_are_refused_and_nothing_else_happens(told, kind):
    """One `FileError` with file, reason and remedy; soon, in little memory, without a look elsewhere."""
    for (of, name), (said, seconds, seen) in told.items():
        if of == kind:
            assert said == ("whole" if name in hostile.HARMLESS else "refused"), name
            assert seconds < 5, name
            assert not seen, (name, seen)
    assert not hostile.RAN.exists()


def test_mutants():
    """Seeded; the same ones each time, in one child."""
    counts, found = run.fuzz("model,checkpoint,idx,csv,npz,hdf5", 600, seed=1)
    assert not found
    assert counts["refused"] > 400


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["model", "checkpoint", "idx", "csv", "npz", "hdf5"])
def test_many_mutants(kind):
    counts, found = run.fuzz(kind, 20_000, seed=2)
    assert not found
    assert counts["refused"] > 10_000


def test_the_fuzzer_finds_what_is_wrong(tmp_path):
    """A crash, a raw error, too much memory: each is noted, with the number of its mutant."""
    program = (
        "import os, sys, tests.fuzz.seeds as s\n"
        "from tests.fuzz import child\n"
        "calls = []\n"
        "def use(folder, content):\n"
        "    calls.append(0)\n"
        "    n = len(calls) - len(WHOLE)\n"
        "    if n == 2: raise KeyError('raw')\n"
        "    if n == 3: bytearray(1 << 30)\n"
        "    if n == 4: os._exit(7)\n"
        "WHOLE = [b'1,2'] * 3\n"
        "s.KINDS['csv'] = (lambda folder: WHOLE, use)\n"
        "child.main(*sys.argv[1:2], *map(int, sys.argv[2:5]), sys.argv[5])\n"
    )
    (tmp_path / "broken.py").write_text(program)
    counts, found = run.fuzz("csv", 4, program=str(tmp_path / "broken.py"))
    assert [number for number, _ in found] == [1, 2, 3]
    assert "KeyError: 'raw'" in found[0][1]
    assert "MemoryError" in found[1][1]
    assert "ended with 7" in found[2][1]
    assert counts["whole"] == 1
