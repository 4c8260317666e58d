"""Small files with the quirks of real ones, with invented values: how they are written, and what is asked of them.

Each function makes a file in a folder and returns its path; `FILES` has them by name. A second file of the same
kind, with other rows and without the target where `target=False`, is what somebody wants predictions for.
"""

from __future__ import annotations

import bz2
import gzip
import lzma
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np


class File(NamedTuple):
    """A file, what `look` should say of it, and how pandas reads it (None if it cannot)."""

    make: Callable[[Path], Path]
    target: str
    task: str
    classes: tuple[str, ...] | None = None
    asks: str = ""
    """What the message says if nobody says a word; empty if it is read as it is."""
    odd: str = ""
    """What `look` tells."""
    pandas: dict | None = {}  # noqa: RUF012
    words: dict = {}  # noqa: RUF012
    """What to say to `Table.fit`, beside the target."""
    inputs: int = 0


FILES: dict[str, File] = {}
ROWS = 60


def file(name, **told):
    def keep(make):
        def made(folder):
            path = Path(folder) / name
            content = make(np.random.default_rng(len(name)))
            path.write_bytes(content if isinstance(content, bytes) else content.encode())
            return path

        FILES[make.__name__] = File(made, **told)
        return made

    return keep


def text(names, rows, sep=","):
    lines = ([sep.join(names)] if names else []) + [sep.join(map(str, row)) for row in rows]
    return "\n".join(lines) + "\n"


def three(rng, n=ROWS):
    """Three kinds of flowers that can be told apart."""
    kind = np.arange(n) % 3
    rng.shuffle(kind)
    sizes = np.round(rng.normal([[5, 3.4, 1.5, 0.3]], 0.2, (n, 4)) + kind[:, None] * [0.5, -0.3, 1.6, 0.8], 1)
    return sizes, kind


FLOWERS = np.array(["Iris-setosa", "Iris-versicolor", "Iris-virginica"])
SIZES = ["sepal_length", "sepal_width", "petal_length", "petal_width"]


@file("iris.csv", target="species", task="classification", classes=tuple(FLOWERS), inputs=4)
def text_labels(rng):
    x, y = three(rng)
    return text([*SIZES, "species"], [[*row, FLOWERS[k]] for row, k in zip(x, y, strict=True)])


@file(
    "iris.data", target="4", task="classification", classes=tuple(FLOWERS), pandas={"header": None}, inputs=4
)
def no_header_and_a_blank_last_line(rng):
    x, y = three(rng)
    return text(None, [[*row, FLOWERS[k]] for row, k in zip(x, y, strict=True)]) + "\n\n"


@file(
    "Iris (with index).csv", target="Species", task="classification", classes=tuple(FLOWERS),
    odd="column 'Id': it counts the rows", words={"drop": ("Id",)}, inputs=4,
)  # fmt: skip
def index_column_with_a_name(rng):
    x, y = three(rng)
    rows = [[i + 1, *row, FLOWERS[k]] for i, (row, k) in enumerate(zip(x, y, strict=True))]
    return text(["Id", *SIZES, "Species"], rows)


@file(
    "written_by_pandas.csv", target="kind", task="classification", classes=("0", "1", "2"),
    odd="column 'Unnamed: 0': it counts the rows", words={"drop": ("Unnamed: 0",)}, inputs=4,
)  # fmt: skip
def index_column_without_a_name(rng):
    x, y = three(rng)
    return text(["", *SIZES, "kind"], [[i, *row, k] for i, (row, k) in enumerate(zip(x, y, strict=True))])


@file(
    "written_by_R.csv", target="mpg_class", task="classification", classes=("high", "low"),
    odd="it is another text in each row", asks="column Unnamed: 0: expected a number, got 'car 0'", words={"drop": ("Unnamed: 0",)}, inputs=2,
    pandas={"index_col": False, "names": ["Unnamed: 0", "wt", "hp", "mpg_class"], "skiprows": 1},
)  # fmt: skip
def row_names_without_a_title(rng):
    weight = np.round(rng.uniform(1.5, 5, ROWS), 2)
    rows = [[f'"car {i}"', w, int(60 + 40 * w), '"low"' if w > 3 else '"high"'] for i, w in enumerate(weight)]
    return text(['"wt"', '"hp"', '"mpg_class"'], rows)


@file(
    "wine.data", target="0", task="classification", classes=("1", "2", "3"),
    asks="which column is the target\\? '0' looks like it", odd="'0' looks like the target",
    pandas={"header": None}, words={"standardize": True}, inputs=3,
)  # fmt: skip
def label_first_counting_from_one(rng):
    x, y = three(rng)
    return text(
        None, [[k + 1, a, round(10 * b, 1), int(400 * c + 100)] for (a, b, c, _), k in zip(x, y, strict=True)]
    )


@file(
    "pixels.csv", target="label", task="classification", classes=("0", "1", "2"),
    asks="which column is the target\\? 'label' looks like it", odd="is '0' in all rows", inputs=14,
    words={"drop": ("pixel0", "pixel15")},
)  # fmt: skip
def images_label_first(rng):
    y = np.arange(ROWS) % 3
    x = rng.integers(0, 100, (ROWS, 16)) + 50 * (np.arange(16) % 3 == y[:, None])
    x[:, 0] = x[:, 15] = 0
    return text(["label", *(f"pixel{i}" for i in range(16))], np.c_[y, x])


@file(
    "mnist_like.csv.gz", target="0", task="classification", classes=tuple("0123456789"),
    asks="which column is the target\\? '0' looks like it", pandas={"header": None}, inputs=9,
)  # fmt: skip
def images_label_first_packed_without_header(rng):
    y = np.arange(200) % 10
    x = np.clip(rng.integers(0, 60, (200, 9)) + 20 * y[:, None] * (np.arange(9) % 2), 0, 255)
    x[rng.random(200) < 0.95, 8] = 0
    return gzip.compress(text(None, np.c_[y, x]).encode())


@file(
    "banknote.txt", target="4", task="classification", classes=("0", "1"), pandas={"header": None}, inputs=4
)
def commas_in_a_txt(rng):
    y = np.arange(ROWS) % 2
    return text(
        None,
        [[*row, k] for row, k in zip(np.round(rng.normal(size=(ROWS, 4)) + y[:, None], 4), y, strict=True)],
    )


@file(
    "winequality-red.csv", target="quality", task="classification", classes=tuple("345678"),
    odd="if these whole numbers are quantities", pandas={"sep": ";"}, inputs=3, words={"standardize": True},
)  # fmt: skip
def semicolons(rng):
    y = np.r_[3:9, rng.choice([5, 6, 7], ROWS)]
    x = np.round(
        np.c_[
            rng.uniform(4, 12, len(y)), y / 10 + rng.normal(0, 0.1, len(y)), 10 * y + rng.normal(0, 9, len(y))
        ],
        2,
    )
    return text(
        ['"fixed acidity"', '"citric acid"', '"total sulfur dioxide"', '"quality"'],
        [[*row, k] for row, k in zip(x, y, strict=True)],
        ";",
    )


@file(
    "AirQuality.csv", target="CO", task="regression", odd="rows are empty", inputs=2,
    asks="cannot be told|got the date|expected a number", pandas=None, words={"drop": ("Date",), "standardize": True},
)  # fmt: skip
def semicolons_decimal_commas_dates_and_empty_rows(rng):
    a, b = rng.normal(900, 200, ROWS), rng.normal(13, 4, ROWS)
    co = a / 400 + b / 20
    rows = [
        [
            f"{1 + i % 28:02d}/{3 + i // 28:02d}/2004",
            f"{p:.0f}",
            f"{q:.1f}".replace(".", ","),
            f"{r:.2f}".replace(".", ","),
        ]
        for i, (p, q, r) in enumerate(zip(a, b, co, strict=True))
    ]
    return text(["Date", "sensor", "temperature", "CO"], rows, ";") + ";;;\n" * 7


@file(
    "seeds.tsv", target="7", task="classification", classes=("1", "2", "3"), odd="the classes 1 to 3 are numbered 0 to 2",
    pandas={"sep": "\t", "header": None}, inputs=7,
)  # fmt: skip
def tabs_labels_from_one(rng):
    x, y = three(rng)
    return text(None, [[*row, *row[:3], k + 1] for row, k in zip(x, y, strict=True)], "\t")


@file(
    "auto-mpg.data", target="mpg", task="regression", odd="another text in each row",
    asks="the cell is missing", pandas=None, words={"drop": ("car name",), "missing": "mean", "standardize": True}, inputs=3,
)  # fmt: skip
def blanks_question_marks_and_a_quoted_name(rng):
    hp, weight = rng.integers(50, 200, ROWS), rng.integers(1600, 5000, ROWS)
    mpg = np.round(50 - hp / 10 - weight / 300 + rng.normal(0, 1, ROWS), 1)
    power = [str(p) + "." if i % 9 else "?" for i, p in enumerate(hp)]
    rows = [
        f'{m:<5}  {4 + 2 * (p > 100)}   {q:<6} {w}.\t"model {i}"'
        for i, (m, p, q, w) in enumerate(zip(mpg, hp, power, weight, strict=True))
    ]
    return '# mpg cylinders horsepower weight "car name"\n' + "\n".join(rows) + "\n"


@file(
    "housing.data", target="3", task="regression", pandas={"sep": r"\s+", "header": None}, inputs=3,
    words={"standardize": True},
)  # fmt: skip
def columns_of_a_width(rng):
    x = np.round(np.c_[rng.exponential(3, ROWS), rng.uniform(3, 9, ROWS), rng.uniform(180, 720, ROWS)], 3)
    y = 8 * x[:, 1] - x[:, 0] - x[:, 2] / 60
    return "".join(f" {a:8.4f} {b:7.3f} {c:6.1f}  {d:6.2f}\n" for (a, b, c), d in zip(x, y, strict=True))


@file(
    "utf16.csv", target="Größe", task="classification", classes=("groß", "klein"), pandas={"encoding": "utf-16", "sep": "\t"}, inputs=2,
)  # fmt: skip
def utf_16_from_a_spreadsheet(rng):
    x = np.round(rng.normal(size=(ROWS, 2)), 2)
    return text(
        ["Länge", "Höhe", "Größe"], [[a, b, "groß" if a + b > 0 else "klein"] for a, b in x], "\t"
    ).encode("utf-16")


@file(
    "latin1.csv", target="besetzt", task="classification", classes=("ja", "nein"), odd="",
    asks="column Größe: expected a number, got '(mittel|groß|klein)'", pandas={"encoding": "latin-1", "sep": ";"},
    words={"categories": "one-hot"}, inputs=4,
)  # fmt: skip
def latin_1_semicolons_and_categories(rng):
    kind = np.array(["klein", "mittel", "groß"])[rng.integers(0, 3, ROWS)]
    x = np.round(rng.normal(size=ROWS), 2)
    return text(
        ["Größe", "x", "besetzt"],
        [[k, a, "ja" if a > 0 else "nein"] for k, a in zip(kind, x, strict=True)],
        ";",
    ).encode("latin-1")


@file(
    "titanic.csv", target="Survived", task="classification", classes=("0", "1"),
    asks="expected a number, got|the cell is missing|which column", odd="cells are missing \\(Age\\); --missing mean",
    words={"drop": ("PassengerId", "Name"), "categories": "one-hot", "missing": "mean", "standardize": True}, inputs=4,
)  # fmt: skip
def names_with_commas_missing_ages_and_sexes(rng):
    sex = np.array(["male", "female"])[rng.integers(0, 2, ROWS)]
    age = [f"{a:.0f}" if i % 5 else "" for i, a in enumerate(rng.uniform(1, 80, ROWS))]
    fare = np.round(rng.exponential(30, ROWS), 4)
    rows = [
        [i + 1, f'"Doe, Mr. {i} ""Jo"""', s, a, f, int(s == "female" or f > 70)]
        for i, (s, a, f) in enumerate(zip(sex, age, fare, strict=True))
    ]
    return text(["PassengerId", "Name", "Sex", "Age", "Fare", "Survived"], rows)


@file(
    "adult.data", target="4", task="classification", classes=("<=50K", ">50K"), asks="column 1: expected a number|the cell is missing",
    pandas={"header": None, "skipinitialspace": True, "na_values": "?"}, odd="--missing mean",
    words={"categories": "one-hot", "missing": "mean", "standardize": True}, inputs=7,
)  # fmt: skip
def blanks_after_commas_and_question_marks(rng):
    job = np.array(["Private", "State-gov", "?"])[rng.choice(3, ROWS, p=[0.6, 0.3, 0.1])]
    hours, age = rng.integers(20, 60, ROWS), rng.integers(17, 90, ROWS)
    married = np.array(["Never-married", "Divorced", "Widowed"])[rng.integers(0, 3, ROWS)]
    rows = list(zip(age, job, married, hours, np.where(hours + age > 90, ">50K", "<=50K"), strict=True))
    return text(None, rows, ", ")


@file(
    "agaricus-lepiota.data", target="0", task="classification", classes=("e", "p"),
    asks="expected a number, got|looks like it", pandas={"header": None}, odd="", words={"categories": "one-hot"}, inputs=6,
)  # fmt: skip
def texts_only_without_a_header(rng):
    kind = np.array(list("ep"))[np.arange(ROWS) % 2]
    cap, odor = np.array(list("xbf"))[rng.integers(0, 3, ROWS)], np.where(kind == "p", "f", "n")
    return text(None, zip(kind, cap, odor, np.array(list("k"))[np.zeros(ROWS, int)], strict=True))


@file(
    "wdbc.data", target="1", task="classification", classes=("B", "M"),
    asks="which column is the target\\? '1' looks like it", odd="", pandas={"header": None}, words={"drop": ("0",), "standardize": True}, inputs=3,
)  # fmt: skip
def ids_first_and_the_label_second(rng):
    y = np.array(list("BM"))[np.arange(ROWS) % 2]
    x = np.round(rng.normal(10, 3, (ROWS, 3)) + 5 * (y == "M")[:, None], 3)
    ids = rng.permutation(900_000)[:ROWS] + 842_302
    return text(None, [[i, k, *row] for i, k, row in zip(ids, y, x, strict=True)])


@file(
    "a9a_like.csv",
    target="y",
    task="classification",
    classes=("-1", "1"),
    odd="the classes -1 to 1 are numbered 0 to 1",
    inputs=3,
)
def minus_one_and_one(rng):
    x = np.round(rng.normal(size=(ROWS, 3)), 2)
    return text(["a", "b", "c", "y"], [[*row, 1 if row.sum() > 0 else -1] for row in x])


@file(
    "occupied.csv", target="occupied", task="", asks="", odd="", inputs=2,
)  # fmt: skip
def one_class_only(rng):
    return text(
        ["light", "co2", "occupied"], [[a, b, 0] for a, b in np.round(rng.uniform(0, 1, (ROWS, 2)), 3)]
    )


@file(
    "bike_hour.csv",
    target="cnt",
    task="regression",
    odd="if these whole numbers are classes: --task classification",
    words={"standardize": True, "drop": ("dteday",)},
    asks="got the date",
    inputs=3,
)
def counts_and_iso_dates(rng):
    hour, warm = np.arange(ROWS) % 24, np.round(rng.uniform(0, 1, ROWS), 2)
    count = (20 * hour + 300 * warm + rng.integers(0, 40, ROWS)).astype(int)
    wet = rng.integers(0, 2, ROWS)
    return text(
        ["dteday", "hr", "temp", "wet", "cnt"],
        [
            [f"2011-01-{1 + i // 24:02d}", h, w, r, c]
            for i, (h, w, r, c) in enumerate(zip(hour, warm, wet, count, strict=True))
        ],
    )


@file(
    "house_prices.csv",
    target="SalePrice",
    task="regression",
    odd="the target goes to",
    words={"standardize": True, "drop": ("Id",), "missing": "mean", "categories": "one-hot"},
    asks="got 'NA': the cell is missing|expected a number|is missing",
    inputs=4,
)
def prices(rng):
    area = rng.integers(600, 4000, ROWS)
    front = [str(f) if i % 6 else "NA" for i, f in enumerate(rng.integers(30, 120, ROWS))]
    zone = np.array(["RL", "RM"])[rng.integers(0, 2, ROWS)]
    price = 100 * area + rng.integers(0, 500, ROWS) * 100 + 20_000
    return text(
        ["Id", "LotArea", "LotFrontage", "MSZoning", "SalePrice"],
        [[i + 1, a, f, z, p] for i, (a, f, z, p) in enumerate(zip(area, front, zone, price, strict=True))],
    )


@file("diabetes.csv", target="target", task="regression", odd="whole numbers are classes", inputs=3)
def sparse_whole_numbers(rng):
    x = np.round(rng.normal(0, 0.05, (ROWS, 3)), 4)
    y = (150 + 800 * x[:, 0] + 600 * x[:, 1] + rng.normal(0, 20, ROWS)).astype(int)
    return text(["age", "bmi", "bp", "target"], [[*row, k] for row, k in zip(x, y, strict=True)])


@file(
    "gdp.csv",
    target="gdp",
    task="regression",
    odd="the target goes to",
    words={"standardize": True},
    inputs=2,
)
def near_a_million_millions(rng):
    x = np.round(rng.uniform(0, 1, (ROWS, 2)), 3)
    y = (1e12 + 4e11 * x[:, 0] + 1e9 * rng.normal(size=ROWS)).astype(np.int64)
    return text(["trade", "people", "gdp"], [[a, b, k] for (a, b), k in zip(x, y, strict=True)])


@file(
    "airline.csv",
    target="Passengers",
    task="regression",
    asks="got the date|'month'|expected a number",
    odd="it holds dates",
    words={"dates": "days", "standardize": True},
    inputs=2,
)
def a_series_with_dates(rng):
    rows = [
        [
            f"{1949 + i // 12}-{1 + i % 12:02d}-01",
            i % 12,
            110 + 2 * i + 20 * (i % 12 > 5) + rng.integers(0, 9),
        ]
        for i in range(ROWS)
    ]
    return text(["Month", "m", "Passengers"], rows)


@file(
    "yes_no.csv",
    target="bought",
    task="classification",
    classes=("no", "yes"),
    odd="",
    words={"standardize": True},
    inputs=2,
)
def truths_among_the_inputs(rng):
    member, age = rng.integers(0, 2, ROWS).astype(bool), rng.integers(18, 80, ROWS)
    return text(
        ["member", "age", "bought"],
        [[m, a, "yes" if m and a > 40 else "no"] for m, a in zip(member, age, strict=True)],
    )


@file(
    "survey.csv.bz2",
    target="class",
    task="classification",
    classes=("a", "b"),
    asks="the target is missing",
    odd="the target is missing in 6 rows",
    words={"missing": "drop"},
    inputs=2,
)
def rows_without_a_target(rng):
    x = np.round(rng.normal(size=(ROWS, 2)), 2)
    kinds = ["" if i % 10 == 3 else "a" if row[0] > 0 else "b" for i, row in enumerate(x)]
    return bz2.compress(
        text(["p", "q", "class"], [[*row, k] for row, k in zip(x, kinds, strict=True)]).encode()
    )


@file(
    "sonar.all-data.csv",
    target="5",
    task="classification",
    classes=("M", "R"),
    pandas={"header": None},
    inputs=5,
)
def last_column_a_letter_without_header(rng):
    y = np.arange(ROWS) % 2
    x = np.round(rng.uniform(0, 1, (ROWS, 5)) / (1 + y[:, None]), 4)
    return text(None, [[*row, "MR"[k]] for row, k in zip(x, y, strict=True)])


@file(
    "bars.txt",
    target="type",
    task="classification",
    classes=("glass", "steel"),
    pandas={"sep": "|"},
    odd="",
    asks="",
    inputs=3,
)
def bars_and_windows_lines(rng):
    x = np.round(rng.normal(size=(ROWS, 3)), 2)
    lines = text(
        ["Na", "Mg", "Al", "type"], [[*row, "glass" if row[0] > row[1] else "steel"] for row in x], "|"
    )
    return "\ufeff" + lines.replace("\n", "\r\n")


@file(
    "Wholesale.csv.xz", target="class", task="classification", classes=("1", "2"), asks="which column is the target", odd="looks like the target",
    pandas={}, words={"standardize": True}, inputs=3,
)  # fmt: skip
def two_classes_from_one_in_front_and_scales(rng):
    y = 1 + np.arange(ROWS) % 2
    x = np.c_[
        rng.integers(1, 4, ROWS),
        rng.exponential(3000, ROWS).astype(int) * y,
        np.round(rng.normal(0, 0.01, ROWS) + y / 100, 4),
    ]
    return lzma.compress(
        text(
            ["class", "region", "fresh", "ratio"],
            [[k, int(a), int(b), c] for k, (a, b, c) in zip(y, x, strict=True)],
        ).encode()
    )


@file(
    "forestfires.csv", target="area", task="regression", odd="", asks="expected a number",
    words={"standardize": True, "categories": "one-hot"}, inputs=7,
)  # fmt: skip
def coordinates_called_x_and_y(rng):
    month = np.array(["aug", "mar", "sep"])[rng.integers(0, 3, ROWS)]
    x, y, wind = rng.integers(1, 10, ROWS), rng.integers(2, 7, ROWS), np.round(rng.uniform(0.4, 9, ROWS), 1)
    hot = np.round(rng.uniform(80, 96, ROWS), 1)
    area = np.round(10 * wind + x * y + 20 * (month == "sep"), 2)
    return text(["X", "Y", "month", "FFMC", "wind", "area"], zip(x, y, month, hot, wind, area, strict=True))


@file(
    "car.data", target="4", task="classification", classes=("acc", "good", "unacc", "vgood"), odd="most cells are numbers",
    asks="expected a number", pandas={"header": None}, words={"categories": "one-hot"}, inputs=13,
)  # fmt: skip
def all_categories_and_rare_classes_in_the_last(rng):
    price, safe = np.array(["high", "low", "med", "vhigh"]), np.array(["high", "low", "med"])
    rows = []
    for i in range(4 * ROWS):
        p, d, n, s = (
            price[i % 4],
            ["2", "3", "5more"][i % 3],
            ["2", "4", "more"][i // 3 % 3],
            safe[i // 7 % 3],
        )
        kind = "unacc" if s == "low" or p == "vhigh" or n == "2" else "acc"
        if kind == "acc" and s == "high" and p == "low":
            kind = "good" if d == "2" else "vgood"
        rows.append([p, d, n, s, kind])
    return text(None, rows)


@file(
    "seeds_dataset.txt", target="4", task="classification", classes=("1", "2", "3"), odd="numbered 0 to 2",
    pandas={"sep": r"\s+", "header": None}, words={"standardize": True}, inputs=4,
)  # fmt: skip
def several_tabs_between_some_cells(rng):
    x, y = three(rng)
    lines = text(None, [[*row, k + 1] for row, k in zip(x, y, strict=True)], "\t").splitlines()
    return "\n".join(line.replace("\t", "\t\t", 1) if i % 9 == 7 else line for i, line in enumerate(lines))


@file(
    "rig.csv", target="fault", task="classification", classes=("0", "1"), pandas={"skiprows": [1]},
    odd="the line below the header \\(s, rpm, Nm, -\\) has no numbers", words={"standardize": True}, inputs=3,
)  # fmt: skip
def a_line_of_units_below_the_header(rng):
    speed, torque = rng.integers(900, 3000, ROWS), np.round(rng.uniform(3, 80, ROWS), 1)
    rows = zip(np.arange(ROWS) / 2, speed, torque, speed + 20 * torque > 2500, strict=True)
    return text(
        ["time", "speed", "torque", "fault"], [["s", "rpm", "Nm", "-"], *([*r[:3], int(r[3])] for r in rows)]
    )


@file(
    "countries of the world.csv", target="Deathrate", task="regression", pandas={"decimal": ",", "na_values": " "},
    odd="numbers in quotes are taken to have decimal commas", asks="expected a number|the cell is missing",
    words={"drop": ("Country",), "standardize": True, "missing": "mean"}, inputs=3,
)  # fmt: skip
def decimal_commas_in_quotes(rng):
    def comma(numbers, digits):
        return [f'"{number:.{digits}f}"'.replace(".", ",") for number in numbers]

    people, dense, read = rng.integers(9e3, 9e7, ROWS), rng.uniform(1, 900, ROWS), rng.uniform(20, 100, ROWS)
    known = [cell if i % 8 else "" for i, cell in enumerate(comma(read, 1))]
    rows = zip(
        (f"Land {i} " for i in range(ROWS)),
        people,
        comma(dense, 1),
        known,
        comma(30 - read / 4, 2),
        strict=True,
    )
    return text(["Country", "Population", "Pop. Density", "Literacy", "Deathrate"], rows)


@file(
    "requests.csv", target="hours", task="regression", odd="each holds dates",
    asks="got the date", words={"dates": "days", "standardize": True}, inputs=3, pandas=None,
)  # fmt: skip
def dates_with_am_and_pm_and_with_names_of_months(rng):
    hour, day = rng.integers(0, 24, ROWS), 1 + np.arange(ROWS) % 28
    late = rng.integers(0, 2, ROWS)
    rows = []
    for h, d, m in zip(hour, day, 1 + late, strict=True):
        clock = f"{(h - 1) % 12 + 1:02d}:15:00 {'AP'[h // 12]}M"
        rows.append(
            [f"{m:02d}/{d:02d}/2019 {clock}", f"{d}-{['Jan', 'Feb'][m - 1]}-2019", h, 20 * h + 7 * d + 0.5]
        )
    return text(["created", "closed", "h", "hours"], rows)
