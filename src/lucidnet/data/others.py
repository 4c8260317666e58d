"""Files that hold tables in other forms than text, or no table: what they are, and what to do with them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple


class Other(NamedTuple):
    """A form of files: how it begins, which suffixes it has, and what to do with it."""

    what: str
    begins: tuple[bytes, ...]
    suffixes: tuple[str, ...]
    remedy: str


PACKED = {b"\x1f\x8b": ".gz", b"BZh": ".bz2", b"\xfd7zXZ": ".xz", b"PK\x03\x04": ".zip"}
"""The first bytes of compressed files, and their suffixes."""


def _by_pandas(reader: str, more: str = "") -> str:
    """Return what to do where a function of pandas reads a form."""
    line = f"import pandas; pandas.{reader}('FILE'{more}).to_csv('table.csv', index=False)"
    return f'pandas.{reader}(...) makes a frame of it, which data.Table.fit takes; or CSV: python -c "{line}"'


PAGE = "look at it in a browser: it may ask to log in, or show a table whose raw file is to be downloaded"
OTHERS = (
    Other("an HDF5 file", (b"\x89HDF",), (), "data.read(...) reads its arrays, where its name ends in .h5"),
    Other("an NPZ file", (), (), "data.read(...) reads its arrays, where its name ends in .npz"),
    Other("a single array", (b"\x93NUMPY",), (".npy",),
          "numpy.load(...) reads it, and fit takes arrays as they are"),
    Other("an Excel workbook", (b"\xd0\xcf\x11\xe0",), (".xlsx", ".xls", ".xlsm", ".ods"),
          "save the sheet as CSV, or " + _by_pandas("read_excel")),
    Other("a ZIP archive", (b"PK\x03\x04",), (),
          "give it a name that ends in .zip: one with one table is read"),
    Other("a tar archive", (), (".tar", ".tgz"), "unpack it, and name the file in it"),
    Other("a Parquet file", (b"PAR1",), (".parquet", ".pq"), _by_pandas("read_parquet")),
    Other("a Feather file", (b"ARROW1",), (".feather", ".arrow"), _by_pandas("read_feather")),
    Other("JSON with a row in each line", (), (".jsonl", ".ndjson"), _by_pandas("read_json", ", lines=True")),
    Other("JSON", (b'{"', b"[{", b"[["), (".json",), _by_pandas("read_json")),
    Other("a page of HTML", (b"<!doctype", b"<html"), (".html", ".htm"), PAGE),
    Other("an ARFF file", (b"@relation",), (".arff",),
          "remove the lines that begin with @ or %, and save the rest as CSV; or python -c \"import pandas, "
          "scipy.io.arff as arff; pandas.DataFrame(arff.loadarff('FILE')[0]).map(lambda cell: cell.decode() "
          "if isinstance(cell, bytes) else cell).to_csv('table.csv', index=False)\""),
    Other("a file of Stata", (b"<stata_dta>",), (".dta",), _by_pandas("read_stata")),
    Other("a file of SPSS", (b"$FL2", b"$FL3"), (".sav", ".zsav"), _by_pandas("read_spss")),
    Other("a file of SAS", (b"HEADER RECORD",), (".sas7bdat", ".xpt"), _by_pandas("read_sas")),
    Other("a file of R", (), (".rds",),
          "in R, write.csv(readRDS('FILE'), 'table.csv', row.names = FALSE) makes CSV of it"),
    Other("a file of objects of R", (b"RDX2", b"RDX3"), (".rdata", ".rda"),
          "in R, write.csv(get(load('FILE')[1]), 'table.csv', row.names = FALSE) makes CSV of the first"),
    Other("a file of MATLAB", (b"MATLAB 5.0",), (".mat",),
          "scipy.io.loadmat(...) makes arrays of it"),
    Other("a pickle", (b"\x80\x04", b"\x80\x05"), (".pkl", ".pickle"),
          "loading it runs what it says: if you trust it, pickle.load makes a frame or arrays of it"),
    Other("a database", (b"SQLite format 3",), (".sqlite", ".db"),
          "pandas.read_sql(...) makes a frame of it, which data.Table.fit takes"),
    Other("a description of a table", (), (".names",), "name the file beside it that ends in .data"),
)  # fmt: skip
"""Forms in which people keep tables that are not read here."""
BOOK = (b"[Content_Types].xml", b"mimetypeapplication/vnd.oasis")
"""What stands at the beginning of a workbook that is a ZIP archive."""
SPARSE = re.compile(rb"[+-]?[\d.]+(?:\s+\d+:[-+.\deE]+){2,}\s*")
"""A line of LIBSVM's format: a target, and numbers with the places where they stand."""


def other_form(begin: bytes) -> tuple[str, str] | None:
    r"""Return what a file is that does not hold a table in text, by its beginning, and what to do with it.

    Examples
    --------
    >>> other_form(b"PK\x03\x04")
    ('is a ZIP archive', 'give it a name that ends in .zip: one with one table is read')
    >>> other_form(b"a,b\n1,2")
    """
    if begin.startswith(b"PK"):
        kind = "an Excel workbook" if any(mark in begin[:2000] for mark in BOOK) else "a ZIP archive"
        return _said("an NPZ file" if b".npy" in begin[:200] else kind)
    if packed := next((end for sign, end in PACKED.items() if begin.startswith(sign)), None):
        return (
            f"is packed, as {packed} files are",
            f"give it a name that ends in {packed}, as data.csv{packed}",
        )
    if begin[257:262] == b"ustar":
        return _said("a tar archive")
    start = begin.removeprefix(b"\xef\xbb\xbf").lstrip().lower()[:32]
    for one in OTHERS:
        if begin.startswith(one.begins) or start.startswith(tuple(sign.lower() for sign in one.begins)):
            return _said(one.what)
    lines = begin[:10_000].splitlines()[:10]
    if len(lines) > 2 and all(map(SPARSE.fullmatch, lines[:-1])):
        remedy = "sklearn.datasets.load_svmlight_file(...) makes a sparse matrix of it, for lucidnet.sklearn"
        return "has numbers with their places, as LIBSVM writes them", remedy
    return None


def _said(what: str) -> tuple[str, str]:
    return f"is {what}", next(one.remedy for one in OTHERS if one.what == what)


def of_archive(names: Sequence[str]) -> tuple[str, str] | None:
    """Return what a ZIP archive really is, by the names in it, and what to do; None if it is just one.

    Examples
    --------
    >>> of_archive(["[Content_Types].xml", "xl/workbook.xml"])[0], of_archive(["x.csv"])
    ('is an Excel workbook', None)
    """
    if any(name.encode() in BOOK for name in names) or {"mimetype", "content.xml"} <= {*names}:
        return _said("an Excel workbook")
    return _said("an NPZ file") if names and all(name.endswith(".npy") for name in names) else None


def other_suffix(suffix: str) -> str:
    """Return a remark for a suffix of a form that is not read here, after a colon; else ""."""
    found = next((one for one in OTHERS if suffix in one.suffixes), None)
    return "" if found is None else f": {found.what}; {found.remedy}"
