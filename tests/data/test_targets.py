"""Targets of CSV files that are missing, are no targets, or are more than float64 tells apart."""

import numpy as np
import pytest

from lucidnet import data
from lucidnet.errors import ContentError


def read(folder, text, **settings):
    (folder / "a.csv").write_text(text)
    return data.read(folder / "a.csv", **settings)


@pytest.mark.parametrize(
    "text, words",
    [
        ("a,b\n1,2.5\n2,\n3,3.7\n", "row 3: the target is missing: column b is empty.*leave out the row"),
        ("a,b\n1,2\n2, \n3,3\n", "row 3: the target is missing"),
        ("a,b\n1,cat\n2,\n3,dog\n", "row 3: the target is missing"),
        ("a,b,\n1,2,\n2,3,\n", "row 2: the target is missing: column 2 is empty.*ends in a separator"),
        ("1,2,\n2,3,\n", "row 1: .*ends in a separator"),
        ("a,b\n1,2.5\n2,NA\n3,3.7\n", "row 3: the target is missing: 'NA' is no number, as 2.5 is"),
        ("a,b\n1,2\n2,?\n3,3\n", "row 3: the target is missing: '[?]' is no number"),
        ("a,b\n1,2\n2,x\n3,3.5\n", "row 3: .*'x' is no number, as 3.5 is"),
        ("a,b\n1,9007199254740993\n2,9007199254740992\n", r"row 2: .*9007199254740993.*above 2\*\*53"),
        ("a,b\n1,0\n2,-90071992547409931\n", r"row 3: .*above 2\*\*53.*from 0 on"),
    ],
)
def test_what_is_no_target_is_named_with_its_row(tmp_path, text, words):
    with pytest.raises(ContentError, match=words):
        read(tmp_path, text)


def test_what_stays_as_it_was(tmp_path):
    assert read(tmp_path, "a,b\n1,9007199254740992\n2,0\n").y.tolist() == [2**53, 0]
    assert read(tmp_path, "a,b\n1,1e30\n2,2\n").y.tolist() == [float(np.float32(1e30)), 2.0]
    assert read(tmp_path, "a,b\n1,none\n2,some\n").classes == ("none", "some")
    assert read(tmp_path, "a,b\n1,1\n2,x\n").classes == ("1", "x")


@pytest.mark.parametrize("cell", ["0", "cat", "2.5"])
def test_a_target_that_is_always_the_same_is_told(tmp_path, cell):
    with pytest.warns(UserWarning, match=f"the target, column b, is '{cell}' in all 2 rows"):
        read(tmp_path, f"a,b\n1,{cell}\n2,{cell}\n")
    assert len(read(tmp_path, f"a,b\n1,{cell}\n").y) == 1
