"""Quirks of tables that people export: repeated headers, units, dates of several kinds, letters, empty ends."""

import gzip
import random
import re

import numpy as np
import pytest

from lucidnet import data
from lucidnet.data import Table
from lucidnet.errors import ContentError, DataError, FileError, UnknownNameError


def written(folder, lines):
    path = folder / "table.csv"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def rows(make, n=40):
    rng = random.Random(0)
    return [make(i, rng) for i in range(n)]


def odd(path):
    return "\n".join(data.look(path).odd)


def test_lines_that_repeat_the_header(tmp_path):
    made = rows(lambda i, rng: f"{i / 10},{rng.random():.2f},{i % 2}")
    path = written(tmp_path, ["v,w,y", *made[:20], "v,w,y", *made[20:], "v,w,y"])
    seen = data.look(path)
    assert (seen.target, seen.table.classes) == ("y", ("0", "1"))
    assert "2 lines repeat the header, and are left out" in seen.odd
    x, _ = Table.fit(data.frame(path), target="y").apply(data.frame(path))
    np.testing.assert_array_equal(x[:, 0], (np.arange(40) / 10).astype(x.dtype))
    assert data.frame(path).row(20) == 23  # as an editor counts lines


def test_rows_of_texts_that_are_the_same_are_rows(tmp_path):
    path = written(tmp_path, ["x,e", "x,p", "x,e", "y,p"])
    assert data.frame(path).rows == 4


@pytest.mark.parametrize(
    ("cell", "unit"),
    [("{} kg", "kg"), ("{} months", "months"), ("{}°C", "°C"), ("{}m²", "m²"), ("{}.5 km/h", "km/h")],
)
def test_numbers_with_a_unit(tmp_path, cell, unit):
    made = rows(lambda i, rng: f"{cell.format(i + 10)},{rng.choice('ab')}")
    path = written(tmp_path, ["size,kind", *made])
    first = cell.format(10)
    assert f"column 'size': its cells are numbers of {unit}, as {first!r}: they are inputs without" in odd(
        path
    )


@pytest.mark.parametrize("cells", [["10 kg", "10 g"], ["A1", "B2"], ["3 big ones", "4 big ones"]])
def test_no_unit(tmp_path, cells):
    made = rows(lambda i, rng: f"{rng.choice(cells)},{rng.choice('ab')}")
    assert "numbers of" not in odd(written(tmp_path, ["size,kind", *made]))


def test_dates_written_in_several_ways(tmp_path):
    ways = ("2024-03-{:02d}", "{:02d}/03/2024", "{} Mar 2024")
    made = rows(lambda i, rng: f"{ways[i % 3].format(i % 28 + 1)},{i}.5")
    said = odd(written(tmp_path, ["when,sold", *made]))
    assert "column 'when': its dates are written in several ways, as " in said
    assert "2021-12-31, --dates days" in said


def test_names_that_differ_in_capital_letters_alone(tmp_path):
    made = rows(
        lambda i, rng: f"{rng.choice(['Rome', 'rome', 'Oslo'])},{i},{rng.choice(['Dog', 'dog', 'cat'])}"
    )
    said = odd(written(tmp_path, ["city,v,kind", *made]))
    assert "column 'city': 'Rome' and 'rome' differ in capital letters alone, and are two" in said
    assert "the target: 'Dog' and 'dog' differ in capital letters alone, and are two" in said


def test_a_last_column_that_is_empty_is_not_the_target(tmp_path):
    made = rows(lambda i, rng: f"{i}.5;{rng.choice('ab')};")
    seen = data.look(written(tmp_path, ["v;kind;", *made]))
    assert (seen.target, seen.table.dropped) == ("kind", ("Unnamed: 2",))
    with pytest.raises(DataError, match=r"drop='Unnamed: 2' \(--drop 'Unnamed: 2'\)"):
        Table.fit(data.frame(tmp_path / "table.csv"), target="kind")


def test_numbers_that_begin_with_zeros(tmp_path):
    made = rows(lambda i, rng: f"{rng.choice(['00501', '90210'])},{i}.5,{rng.choice('ab')}")
    said = odd(written(tmp_path, ["zip,v,y", *made]))
    assert "column 'zip': its numbers are written as '00501', which is taken as 501" in said
    assert "column 'v'" not in said


def test_nines_in_the_place_of_what_is_missing(tmp_path):
    made = rows(
        lambda i, rng: f"{-999 if i % 9 == 0 else i},{9999 if i % 7 == 0 else i / 3},{i % 10},{'ab'[i % 2]}"
    )
    said = odd(written(tmp_path, ["age,temp,v,y", *made]))
    assert "column 'age': -999 stands in 5 rows, far from all other numbers: if it stands for what" in said
    assert "column 'temp': 9999 stands in 6 rows" in said
    assert "column 'v'" not in said


def test_nines_among_others_are_numbers(tmp_path):
    made = rows(lambda i, rng: f"{rng.choice([99, 98, 60, 999 if i > 30 else 500])},{'ab'[i % 2]}")
    assert "stands in" not in odd(written(tmp_path, ["score,y", *made]))


def test_times_and_texts_of_several_lines(tmp_path):
    made = rows(lambda i, rng: f'{i % 24:02d}:{i:02d},"one\ntwo {i % 5}",{"ab"[i % 2]}')
    path = written(tmp_path, ["start,comment,y", *made])
    assert (
        "column 'start': its cells are durations, or times of day, as '00:00', which is taken as 0 "
        in odd(path)
    )
    assert "5 texts: one two 0, one two 1," in str(data.look(path))


def test_targets_with_a_unit(tmp_path):
    made = rows(lambda i, rng: f"{i},{rng.random():.1f},{i / 7:.3f} kg")
    path = written(tmp_path, ["a,b,weight", *made])
    assert "the target: its cells are numbers of kg, as '0.000 kg'" in odd(path)


def test_a_share_of_all_rows_but_one_is_not_all(tmp_path):
    made = rows(lambda i, rng: f"{rng.random():.3f},{'rare' if i == 7 else 'ok'}", 400)
    assert "99.7% of the rows are 'ok'" in odd(written(tmp_path, ["a,y", *made]))


@pytest.mark.parametrize("names", [{"a": "a", "b": "b"}, {"a": "1", "b": "2"}])
def test_a_column_that_is_the_target_in_other_words(tmp_path, names):
    made = rows(lambda i, rng: (lambda k: f"{names[k]},{rng.choice('xy')},{k}")(rng.choice("ab")))
    said = odd(written(tmp_path, ["copy,other,y", *made]))
    assert "column 'copy': each value goes with one of 'y'" in said
    assert "column 'other'" not in said


@pytest.mark.parametrize(
    ("begin", "said"),
    [
        (
            b"PK\x03\x04\x14\0\x06\0\x08\0\0\0!\0[Content_Types].xml",
            "is an Excel workbook; save the sheet as CSV",
        ),
        (b"PK\x03\x04\x14\0train.csv", "is a ZIP archive; give it a name that ends in .zip"),
        (b"train.csv".ljust(257, b"\0") + b"ustar\0" + bytes(100), "is a tar archive; unpack it"),
        (b"PAR1\x15\x04\x15\x10", "is a Parquet file; pandas.read_parquet"),
        (b'[{"a": 1, "b": 2}, {"a": 3, "b": 4}]', "is JSON; pandas.read_json"),
        (b'\xef\xbb\xbf{"a": 1, "b": "x"}\n{"a": 2, "b": "y"}\n', "is JSON; pandas.read_json"),
        (
            b"\n<!DOCTYPE html>\n<html><title>Sign in</title></html>",
            "is a page of HTML; look at it in a browser",
        ),
        (b"@RELATION iris\n@ATTRIBUTE a REAL\n@DATA\n1,2\n", "is an ARFF file; remove the lines that begin"),
        (b"\x1f\x8b\x08\0", "is packed, as .gz files are; give it a name that ends in .gz"),
        (
            b"+1 3:1 11:0.5 20:1\n-1 1:1 6:0.5 20:1\n-1 2:1 6:0.25 20:1\n",
            "LIBSVM writes them; sklearn.datasets",
        ),
    ],
)
def test_what_is_no_table_in_text_is_named(tmp_path, begin, said):
    path = tmp_path / "data.csv"
    path.write_bytes(begin)
    for use in (data.frame, data.look, data.read):
        with pytest.raises(FileError, match=re.escape(said)):
            use(path)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("a.tar.gz", "a tar archive; unpack it"),
        ("a.parquet", "a Parquet file; pandas.read_parquet"),
        ("a.json", "JSON; pandas.read_json"),
        ("iris.arff", "an ARFF file; remove"),
    ],
)
def test_suffixes_of_other_forms_say_what_to_do(tmp_path, name, said):
    (tmp_path / name).touch()
    with pytest.raises(UnknownNameError, match=f"unknown kind of data file '.*': {re.escape(said)}"):
        data.look(tmp_path / name)


@pytest.mark.parametrize("lines", [["a,b", "<5,x", ">5,y"], ["[id],[n]", "1,2"], ["1:2 3:4", "5:6 7:8"]])
def test_texts_that_begin_nearly_alike_are_tables(tmp_path, lines):
    assert data.frame(written(tmp_path, lines)).rows in (1, 2)


def test_columns_called_y(tmp_path):
    made = rows(lambda i, rng: f"{'ab'[i % 2]},{rng.random():.3f},{rng.random():.3f},{i % 5}")
    for header, target in {"label,x,y,n": "label", "k,x,Y,n": "n", "k,a,y,n": "y", "k,a,n,y": "y"}.items():
        assert data.look(written(tmp_path, [header, *made])).target == target


def test_a_last_column_before_empty_ones(tmp_path):
    made = rows(lambda i, rng: f"{i}.5;{rng.random():.2f};;")
    assert "'sold' is the last column that is not empty: say --target" in odd(
        written(tmp_path, ["v;sold;;", *made])
    )


def test_numbers_below_zero_in_the_place_of_what_is_missing(tmp_path):
    made = rows(lambda i, rng: f"{-200 if i % 9 == 0 else i / 10},{-1 if i % 7 == 0 else i},{'ab'[i % 2]}")
    said = odd(written(tmp_path, ["co,days,y", *made]))
    assert "column 'co': -200 stands in 5 rows, far from all other numbers: if it stands for what" in said
    assert "column 'days'" not in said


def test_lines_of_another_length_say_what_may_be_meant(tmp_path):
    made = rows(lambda i, rng: f"land{i},{rng.random():.2f},{i},{i % 2}")
    path = written(tmp_path, ["World Bank,2023-05-10", *made])
    with pytest.raises(
        DataError, match="has 4 cells, expected 2.*if other lines stand above the table, remove those"
    ):
        data.frame(path)
    path = written(tmp_path, ["# by the lab", "a,b,c,d", *made[:9], "# second run", *made[9:]])
    with pytest.raises(
        DataError, match="row 12 has 1 cell, expected 4; remarks are left out at the beginning alone"
    ):
        data.frame(path)


@pytest.mark.parametrize(
    ("lines", "read"),
    [
        (["a,b", "s,m", "1,2", "3,4", "5,6"], 3),  # a line of units
        (["a,b", "x,2", "1,2", "3,4", "5,6"], 4),  # a number is there
        (["a,b", "x,y", "1,p", "3,q", "5,r"], 4),  # one column of numbers may hold a word
        (["a,b", "NA,?", "1,2", "3,4", "5,6"], 4),  # cells that are missing
        (["a,b", "x,y", "p,q", "r,s"], 3),
    ],
)
def test_lines_of_units(tmp_path, lines, read):
    frame = data.frame(written(tmp_path, lines))
    assert frame.rows == read
    assert bool(frame.form["second"]) == (read == 3 and lines[1] == "s,m")
    assert data.frame(tmp_path / "table.csv", header=False).rows == len(lines)


@pytest.mark.parametrize(
    ("cells", "numbers"),
    [
        (['"10,7"', '"3,25"', "4"], [10.7, 3.25, 4]),
        (['"1,2"', '"1,2,3"', "4"], None),  # lists
        (['"10,7"', '"3,25"', "0.5"], None),  # a point: the commas mean something else
        (['"1,234"', '"22,500"', "4"], [1234, 22500, 4]),
    ],
)
def test_commas_in_quotes(tmp_path, cells, numbers):
    frame = data.frame(written(tmp_path, ["v,k", *(f"{cell},{i}" for i, cell in enumerate(cells))]))
    assert list(frame["v"]) == ([cell.strip('"') for cell in cells] if numbers is None else numbers)


@pytest.mark.parametrize(
    "form",
    [
        "%m/%d/%Y %I:%M:%S %p",
        "%d-%b-%y",
        "%b %d, %Y",
        "%d %B %Y %H:%M",
        "%B %d, %Y %I:%M %p",
        "%Y-%m-%d %H:%M:%S",
    ],
)
def test_dates_beside_pandas(tmp_path, form):
    pd = pytest.importorskip("pandas")
    moments = pd.date_range("2019-01-09 00:15", periods=40, freq="7h30min")
    texts = [moment.strftime(form) for moment in moments]
    path = written(tmp_path, ["when,v", *(f'"{text}",{i}.5' for i, text in enumerate(texts))])
    seen = data.look(path)
    assert (seen.columns[0].kind, seen.columns[0].holds) == ("date", f"from {texts[0]} to {texts[-1]}")
    x, _ = Table.fit(data.frame(path), target="v", dates="days").apply(data.frame(path))
    days = (pd.to_datetime(pd.Series(texts), format=form) - pd.Timestamp("1970-01-01")) / pd.Timedelta(days=1)
    np.testing.assert_allclose(x[:, 0], days.to_numpy(), rtol=1e-7)


@pytest.mark.parametrize(
    "cell", ["13:00 PM", "0:15 AM", "30-Feb-2021", "1-Foo-2021", "may", "May 5", "5 May"]
)
def test_no_dates(tmp_path, cell):
    text = f"1/2/2021 {cell}" if ":" in cell else cell
    assert (
        data.look(written(tmp_path, ["when,v", *[f"{text},{i}" for i in range(3)]])).columns[0].kind
        == "category"
    )


def test_how_many_rows_are_left(tmp_path):
    made = rows(lambda i, rng: f"{i if i % 5 else ''},{i * i if i > 29 else ''},{i / 7 if i % 9 else ''}")
    said = odd(written(tmp_path, ["a,b,target", *made]))
    left = sum(i % 5 > 0 and i > 29 and i % 9 > 0 for i in range(40))
    assert f"{left} of 39 rows have no missing cell, and are left" in said


def test_numbers_with_a_decimal_comma_or_thousands_are_named(tmp_path):
    made = rows(lambda i, rng: f"{rng.randrange(1, 9)},{rng.randrange(100, 999)};{'ab'[i % 2]}")
    said = odd(written(tmp_path, ["v;y", *made]))
    assert "column 'v': its numbers may have decimal commas, or commas between thousands, as '1," in said


def test_numbers_that_are_dates_are_named(tmp_path):
    made = rows(lambda i, rng: f"2021{1 + i % 12:02d}{1 + i % 28:02d},{2021_00_00 + i},{'ab'[i % 2]}")
    said = odd(written(tmp_path, ["day,v,y", *made]))
    assert "column 'day': its numbers may be dates, as 20210101" in said
    assert "column 'v': its numbers may be dates" not in said


def test_the_last_column_is_not_the_target_if_it_names_the_rows(tmp_path):
    made = rows(lambda i, rng: f"{rng.random():.2f},{'ab'[i % 2]},car {i}")
    seen = data.look(written(tmp_path, ["v,kind of,label of car", *made]))
    assert (seen.target, seen.table.dropped) == ("kind of", ("label of car",))


def test_a_target_whose_name_stands_twice_has_a_number(tmp_path):
    made = rows(lambda i, rng: f"{rng.random():.2f},{i % 2},{rng.random():.2f},{rng.random():.2f}")
    seen = data.look(written(tmp_path, ["v,y,w,y", *made]))
    assert seen.command.endswith("--target 1 --task classification")
    assert "target=1" in seen.python
    constant = rows(lambda i, rng: f"7,{rng.random():.2f},{i % 2}")
    seen = data.look(written(tmp_path, ["v,v,y", *constant]))
    assert seen.command.endswith("--task classification --drop 0")


def test_a_target_in_several_columns_is_not_told_by_the_others(tmp_path):
    kinds = rows(lambda i, rng: rng.randrange(3), 60)
    made = [f"{k / 7},{k % 2},{int(k == 0)},{int(k == 1)},{int(k == 2)}" for k in kinds]
    path = written(tmp_path, ["v,w,red,green,blue", *made])
    seen = data.look(path)
    assert (seen.target, seen.table.dropped) == ("blue", ("red", "green"))
    assert "to learn which of red, green, blue is 1, make one column of names of them" in seen.odd
    assert data.look(path, target="green").table.dropped == ("red", "blue")
    assert data.look(path, target="w").table.dropped == ()


def test_a_series_that_is_not_in_order_or_has_gaps(tmp_path):
    days = [f"2021-03-{i + 1:02d},{i / 7:.3f}" for i in range(30)]
    said = odd(written(tmp_path, ["day,sold", *days[::-1]]))
    assert said.endswith("the one that follows; the dates are not in order: sort the rows by 'day' first")
    said = odd(written(tmp_path, ["day,sold", *days[:10], *days[14:]]))
    assert said.endswith("; between 2021-03-10 and 2021-03-15 some are missing: fill them in first")
    assert odd(written(tmp_path, ["day,sold", *days])).endswith("the one that follows")


def test_time_zones_count():
    frame = {
        "t": [
            "2021-03-04T12:00+02:00",
            "2021-03-04T10:00Z",
            "2021-03-04 05:30:00-0430",
            "2021-03-04 10:00:00+00",
        ],
        "y": [0.5, 1.5, 2.5, 3.5],
    }
    table = Table.fit(frame, target="y", dates="days")
    np.testing.assert_array_equal(np.ptp(table.apply(frame)[0]), 0)


def test_true_and_false_in_other_letters_are_two_classes(tmp_path):
    made = rows(lambda i, rng: f"{i / 7},{['TRUE', 'False', 'True', 'false'][i % 4]}")
    frame = data.frame(written(tmp_path, ["v,y", *made]))
    table = Table.fit(frame)
    assert table.classes == ("False", "True")
    np.testing.assert_array_equal(table.apply(frame)[1], (np.arange(40) + 1) % 2)
    other = Table.fit({"v": [1.5, 2.5, 3.5], "y": ["yes", "TRUE", "true"]}, target="y")
    assert other.classes == ("TRUE", "true", "yes")
    same = Table.fit({"v": [1.5, 2.5], "y": ["TRUE", "FALSE"]}, target="y")
    assert same.classes == ("FALSE", "TRUE")
    np.testing.assert_array_equal(same.apply({"v": [1, 2, 3], "y": ["true", "False", "TRUE"]})[1], [1, 0, 1])


def test_names_of_several_lines_stand_in_one(tmp_path):
    made = rows(lambda i, rng: f"{i / 7},{'ab'[i % 2]}")
    assert "\nheight\\nin m  number" in str(data.look(written(tmp_path, ['"height\nin m",y', *made])))


def test_numbers_far_to_one_side_of_zero_are_standardized(tmp_path):
    aside = rows(lambda i, rng: f"{5 + rng.random():.2f},{rng.random():.2f},{'ab'[i % 2]}")
    assert data.look(written(tmp_path, ["v,w,y", *aside])).command.endswith("--target y --standardize")
    near = rows(lambda i, rng: f"{rng.random():.2f},{int(i > 0)},{'ab'[i % 2]}")
    assert data.look(written(tmp_path, ["v,w,y", *near])).command.endswith("--target y")


def test_files_whose_suffix_is_their_part(tmp_path):
    path = written(tmp_path, rows(lambda i, rng: f"{rng.random():.2f}, {'ab'[i % 2]}"))
    for name in ("adult.test", "letters.trn", "digits.tra.gz"):
        other = tmp_path / name
        content = path.read_bytes()
        other.write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
        assert data.look(other).command.split()[2:] == [str(other), "--target", "1"]


@pytest.mark.parametrize(
    ("words", "encoding"),
    [
        ("身長,体重,血液型 かな カナ 性別 男 女", "cp932"),
        ("身長,体重,血液型 かな カナ 性別 男 女", "euc_jp"),
        ("나이,도시,등급 서울 부산 대구 상 하", "cp949"),
        ("年龄,城市,价格 北京 上海 广州 高 低", "gb18030"),
        ("年齡,城市,價格 臺北 高雄 臺中 男 女", "big5"),
        ("возраст,город,класс Москва Казань Омск да нет", "cp1251"),
        ("возраст,город,класс Москва Казань Омск да нет", "koi8_r"),
        ("größe,stadt,klasse Lübeck Köln Gräfing süß groß", "cp850"),
        ("âge,été,élève Orléans Nîmes Béziers forêt çà", "mac_roman"),
        ("ηλικία,πόλη,τάξη Αθήνα Πάτρα Χανιά ναι όχι", "cp1253"),
        ("גיל,עיר,סוג תל אביב חיפה ירושלים כן לא", "cp1255"),
        ("อายุ,เมือง,ประเภท กรุงเทพ เชียงใหม่ ภูเก็ต ใช่ ไม่", "cp874"),
    ],
)
def test_text_that_is_not_western_is_not_guessed(tmp_path, words, encoding):
    names, *texts = words.split()
    made = rows(lambda i, rng: f"{rng.random():.2f},{texts[i % 3]},{texts[3 + i % (len(texts) - 3)]}")
    path = tmp_path / "table.csv"
    path.write_bytes("\n".join([names, *made]).encode(encoding))
    first = names.split(",")[0]
    with pytest.raises(ContentError, match="neither UTF-8 nor Western European") as raised:
        data.frame(path)
    assert f"{encoding} reads '{first}" in raised.value.remedy
    assert data.frame(path, encoding=encoding).names == tuple(names.split(","))
    seen = data.look(path, encoding=encoding)
    assert seen.command.endswith(f"--encoding {encoding}") and f"encoding='{encoding}')" in seen.python


@pytest.mark.parametrize("words", ["£ ££ £££ ££££", "•••", "a\xa0\xa0\xa0b", "ÄÖ çà ações ¿Él", "±5 °C µm ¼"])
@pytest.mark.parametrize("header", ["w", "Revenue £m", "W/m²K"])
def test_western_text_is_read_without_a_word(tmp_path, words, header):
    made = rows(lambda i, rng: f"{rng.random():.2f},{words.split(' ')[i % len(words.split(' '))]},{i % 2}")
    path = tmp_path / "table.csv"
    path.write_bytes("\n".join([f"v,{header},y", *made]).encode("cp1252"))
    assert set(data.frame(path)[header]) == set(words.split(" "))
    assert "misread" not in odd(path)


@pytest.mark.parametrize("far", [False, True])
def test_a_row_of_another_encoding_is_named(tmp_path, far):
    made = rows(
        lambda i, rng: f"{rng.random():.2f},{['größer', 'älter', 'früh'][i % 3]}", 30_000 if far else 90
    )
    path = tmp_path / "table.csv"
    head = [b"v,k\xc3\xb6nnte", *(row.encode() for row in made)]
    path.write_bytes(b"\n".join([*head, "0.5,früh".encode("latin-1"), *head[1:9]]))
    with pytest.raises(ContentError, match=f"row {len(head) + 1} has bytes that are not UTF-8"):
        data.frame(path)
    path.write_bytes(b"\n".join(row.decode().encode("latin-1") for row in head))
    assert data.frame(path).names == ("v", "könnte")


def test_central_european_read_as_western_is_told(tmp_path):
    made = rows(lambda i, rng: f"{rng.random():.2f},{['Łódź', 'Kraków', 'Gdańsk'][i % 3]}")
    path = tmp_path / "table.csv"
    path.write_bytes("\n".join(["v,miasto", *made]).encode("cp1250"))
    assert "'£ódŸ' may be misread: with --encoding cp1250 it is 'Łódź'" in odd(path)
    path.write_bytes("\n".join(["m²,Größe", *made]).replace("Łódź", "l'été").encode("latin-1", "replace"))
    assert "misread" not in odd(path)


def test_letters_of_two_signs_are_those_of_one(tmp_path):
    import unicodedata

    forms = ("NFC", "NFD")
    made = rows(
        lambda i, rng: (
            f"{rng.random():.2f},{unicodedata.normalize(forms[i % 2], ['Zürich', 'Genève'][i % 4 // 2])}"
        )
    )
    frame = data.frame(written(tmp_path, [unicodedata.normalize("NFD", "v,Städte"), *made]))
    assert frame.names == ("v", "Städte")
    table = Table.fit(frame, target="Städte")
    assert table.classes == ("Genève", "Zürich")
    again = {"v": [0.5], "Städte": [unicodedata.normalize("NFD", "Zürich")]}
    assert table.apply(again)[1].tolist() == [1]


def test_names_that_differ_in_blanks_or_width_alone(tmp_path):
    made = rows(lambda i, rng: f"{['Ａ型', 'A型', 'New  York', 'New York'][i % 4]},{i % 2}")
    assert "differ in blanks, or kinds of letters, alone, and are two" in odd(
        written(tmp_path, ["p,y", *made])
    )


def test_a_name_that_counts_as_missing(tmp_path):
    made = rows(lambda i, rng: f"{['NA', 'EU', 'AS'][i % 3]},{rng.random():.2f},{i % 2}")
    assert "column 'part': 'NA' in 14 rows counts as missing" in odd(written(tmp_path, ["part,v,y", *made]))
    made = [row if i % 3 else row.replace("0.", "NA", 1)[:5] + f",{i % 2}" for i, row in enumerate(made)]
    made = rows(lambda i, rng: f"{['NA', 'EU'][i % 2]},{'NA' if i % 5 else i},{i % 3 % 2}")
    assert "counts as missing" not in odd(written(tmp_path, ["part,v,y", *made]))


def test_copies_of_a_numeric_target(tmp_path):
    made = rows(lambda i, rng: (i * i / 7 + rng.random(), rng.random()))
    lines = [f"{100 * y:.0f},{y * 1.2 + 3:.2f},{v:.2f},{y + v:.2f},{y:.2f}" for y, v in made]
    said = odd(written(tmp_path, ["cents,dollars,v,near,price", *lines]))
    assert "2 columns (cents, dollars): each goes with 'price' in a straight line" in said


def test_what_is_missing_with_a_class(tmp_path):
    made = rows(
        lambda i, rng: f"{rng.random():.2f},{['', 'price', 'move'][i % 3]},{['stays', 'left', 'left'][i % 3]}"
    )
    said = odd(written(tmp_path, ["v,reason,churn", *made]))
    assert "column 'reason': it is missing where 'churn' is 'stays', and nowhere else" in said
    made[1] = made[1].replace("price", "")
    assert "nowhere else" not in odd(written(tmp_path, ["v,reason,churn", *made]))


def test_rows_that_stand_twice(tmp_path):
    made = rows(lambda i, rng: f"{i},{rng.random():.3f},{rng.random():.3f},{i % 2}")
    again = [f"{40 + i},{row.partition(',')[2]}" for i, row in enumerate(made[5:8])]
    said = odd(written(tmp_path, ["id,v,w,y", *made, *again]))
    assert "row 42 holds the same as row 7, and so on: 3 rows:" in said
    assert "the same as" not in odd(written(tmp_path, ["id,v,w,y", *made]))
    assert "the same as" not in odd(
        written(tmp_path, ["v,w,y", *rows(lambda i, rng: f"{i % 3},{i % 4},{i % 2}")])
    )


def test_several_rows_of_one_thing(tmp_path):
    made = rows(lambda i, rng: f"{1000 + i // 5},P{i // 10},{rng.random():.3f},{i % 2}")
    seen = data.look(written(tmp_path, ["patient_id,ward id,v,y", *made]))
    said = "\n".join(seen.odd)
    assert "column 'patient_id': its numbers name 8 things of about 5 rows each, as its name says" in said
    assert "column 'ward id': it names 4 things of about 10 rows each" in said
    assert seen.table.dropped == ("patient_id",)


def test_one_number_or_date_that_is_missing_elsewhere_is_no_tick(tmp_path):
    """A constant that is filled with 0 was thousands of deviations away from itself."""
    given = {"year": [2021, np.nan] * 20, "when": ["2021-03-04", ""] * 20, "tick": [1, np.nan] * 20}
    given |= {"v": np.arange(40), "y": list("aabb") * 10}
    table = Table.fit(given, missing="mean", standardize=True, dates="days")
    np.testing.assert_allclose(table.apply(given)[0][:2, :3], [[0, 0, 1], [0, 0, -1]])
    lines = [f"{'2021' if i % 5 else ''},{i * i % 7},{'ab'[i % 2]}" for i in range(40)]
    assert data.look(written(tmp_path, ["year,v,y", *lines])).table.dropped == ("year",)


def test_codes_that_mostly_are_numbers_are_categories(tmp_path):
    codes = [*range(250, 270), "V27", "E909", "W3", "V5"]
    seen = data.look(
        written(tmp_path, ["code,v,y", *rows(lambda i, rng: f"{codes[i % 24]},{i / 7},{i % 2}", 96)])
    )
    assert seen.table.dropped == () and "most cells are numbers" in "\n".join(seen.odd)


@pytest.mark.parametrize("tick", ["x", "1", "yes", "TRUE"])
def test_ticks(tmp_path, tick):
    made = rows(lambda i, rng: f"{rng.random():.3f},{tick if i % 3 else ''},{'ny'[i % 2]}")
    path = written(tmp_path, ["v,likes tea,y", *made])
    seen = data.look(path)
    assert f"column 'likes tea': it is {tick!r} or empty, as a tick is".lower() in "\n".join(seen.odd).lower()
    assert seen.table.dropped == () and "cells are missing" not in "\n".join(seen.odd)
    x, _ = seen.table.apply(data.frame(path))
    np.testing.assert_array_equal(x[:, -1], np.arange(40) % 3 > 0)
    assert Table.from_plain(seen.table.to_plain()) == seen.table
    left = rows(lambda i, rng: f"{rng.random():.3f},{tick if i % 3 else ''},{['', 'n', 'y'][i % 5 % 3]}")
    seen = data.look(written(tmp_path, ["v,likes tea,y", *left]))
    assert (seen.table.dropped, seen.table.missing) == (("likes tea",), "drop")
    assert seen.columns[1].plan == "dropped"


@pytest.mark.parametrize(
    ("cells", "iso"),
    [
        (["1. Mai 2021", "3. Okt. 2021", "5. März 2021"], ["2021-05-01", "2021-10-03", "2021-03-05"]),
        (["1er févr. 2021", "12 août 2021", "3 juil. 2021"], ["2021-02-01", "2021-08-12", "2021-07-03"]),
        (["3 de enero de 2021", "12 de dic de 2021"], ["2021-01-03", "2021-12-12"]),
        (["2021年3月4日", "2021年12月31日"], ["2021-03-04", "2021-12-31"]),
        (["2021년 3월 4일", "2021년 12월 31일"], ["2021-03-04", "2021-12-31"]),
        (["2021. 3. 4.", "2021. 12. 31."], ["2021-03-04", "2021-12-31"]),
        (["4. 3. 2021", "31. 12. 2021"], ["2021-03-04", "2021-12-31"]),
        (["1. desember 2021", "3. des. 2021"], ["2021-12-01", "2021-12-03"]),
        (["2021Q1", "2021Q4"], ["2021-01-01", "2021-10-01"]),
        (["Q1 2021", "Q4 2021"], ["2021-01-01", "2021-10-01"]),
        (["2021M03", "2021M12"], ["2021-03-01", "2021-12-01"]),
        (["2020-W01", "2020-W53", "2021-W01"], ["2019-12-30", "2020-12-28", "2021-01-04"]),
        (["Mon, 04 Jan 2021", "Tue, 05 Jan 2021"], ["2021-01-04", "2021-01-05"]),
        (["2021/03/04 0:00:00 AM GMT+2".replace("0:00:00", "12:00:00")], ["2021-03-03T22:00"]),
    ],
)
def test_dates_in_other_words(cells, iso):
    table = Table.fit({"when": cells, "y": np.arange(len(cells)) / 3}, dates="days", task="regression")
    made = np.array(iso, "datetime64[s]").astype(float) / 86400
    np.testing.assert_allclose(table.apply({"when": cells})[0][:, 0], made, rtol=1e-7)


def test_what_is_no_date_in_another_table_is_named():
    table = Table.fit(
        {"when": ["2021-01-01", "2021-02-03"], "y": [0.5, 1.5]}, dates="days", task="regression"
    )
    with pytest.raises(
        DataError, match="row 1, column when: expected a date .*got 'spring'.*write one there"
    ):
        table.apply({"when": ["2021-01-01", "spring"]})


@pytest.mark.parametrize(
    "cell", ["2021Q5", "2021M13", "2021-W54", "2021-W53", "2021年13月1日", "A2021Q1", "3 de foo de 2021"]
)
def test_no_dates_either(cell):
    from lucidnet.data.dates import form_of

    assert form_of([cell]) is None


@pytest.mark.parametrize(
    ("cells", "numbers"),
    [
        (["١٢٫٥", "٣", "-٤٫٢٥"], [12.5, 3, -4.25]),
        (["۱۲", "۳٫۵"], [12, 3.5]),
        (["１２．５", "－３", "４"], [12.5, -3, 4]),
        (["１２％", "５％"], [12, 5]),
        (["१२.५", "३"], [12.5, 3]),
    ],
)
def test_digits_of_other_letters(tmp_path, cells, numbers):
    frame = data.frame(written(tmp_path, ["v;y", *(f"{cell};{i / 7}" for i, cell in enumerate(cells))]))
    np.testing.assert_array_equal(frame["v"], numbers)


@pytest.mark.parametrize(
    ("cell", "said"),
    [
        ("{0} {1} {2}", "its cells hold several numbers, as '"),
        ("[{0}.5, {1}]", "its cells hold several numbers, as '"),
        ("{0}/{1}", "its cells hold several numbers, as '"),
        ("9{0}:8{1}", "its cells hold several numbers, as '"),
        ("{0}{1} kg", "its cells are numbers of kg"),
    ],
)
def test_quantities_are_no_categories(tmp_path, cell, said):
    made = rows(
        lambda i, rng: f'"{cell.format(1 + i % 9, 20 + i % 8, i % 3)}",{rng.random():.2f},{i % 2}', 160
    )
    seen = data.look(written(tmp_path, ["v,w,y", *made]))
    assert said in "\n".join(seen.odd)
    if seen.columns[0].plan == "dropped":
        assert "column 'v': it holds quantities: as texts they would be" in "\n".join(seen.odd)
    assert (seen.columns[0].plan == "dropped") == (len({row.split('"')[1] for row in made}) > 20)


def test_one_text_among_numbers_may_stand_for_what_is_missing(tmp_path):
    made = rows(lambda i, rng: f"{'OL' if i % 10 == 3 else rng.random()},{i % 2}")
    said = odd(written(tmp_path, ["v,y", *made]))
    assert "but 4 are not, as 'OL' in row 5: if it stands for what is missing, leave the cells empty" in said


def test_names_that_read_as_powers_of_ten(tmp_path):
    made = rows(lambda i, rng: f"{['1E5', '3E7'][i % 2]},{rng.random():.2f},{i % 3 % 2}")
    said = odd(written(tmp_path, ["code,v,y", *made]))
    assert "column 'code': its numbers are written as '3E7', which is taken as 30000000" in said


def test_a_last_column_of_one_text_is_not_the_target(tmp_path):
    made = rows(lambda i, rng: f"{rng.random():.2f};{rng.random():.2f};eor")
    assert data.look(written(tmp_path, ["a;b;eor", *made])).target == "b"


def test_dates_as_classes_are_told(tmp_path):
    made = rows(lambda i, rng: f"{rng.random():.2f},2021-03-{1 + i % 5:02d}")
    assert "the target holds dates, each a class of its own" in odd(written(tmp_path, ["v,when", *made]))


@pytest.mark.parametrize("count", [3, 4, 5, 6, 7, 8])
def test_commands_for_few_rows_can_be_carried_out(tmp_path, count):
    import shlex

    from typer.testing import CliRunner

    from lucidnet.cli.app import app

    path = written(tmp_path, ["v,w,y", *(f"{i},{i * i % 5},{'ab'[i % 2]}" for i in range(count))])
    words = shlex.split(data.look(path).command)[1:]
    result = CliRunner().invoke(app, [*words, "--epochs", "1", "--hidden", "2"])
    assert result.exit_code == 0, result.exception


def test_two_marks_of_byte_order(tmp_path):
    path = tmp_path / "table.csv"
    path.write_text("\ufeff\ufeffa,b\n1,x\n2,y\n", encoding="utf-8")
    assert data.frame(path).names == ("a", "b")


def test_what_no_file_is_called(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name, said in (("https://example.org/a.csv", "download it first"), ("-", "write it into a file")):
        with pytest.raises(FileError, match=said):
            data.look(name)
        with pytest.raises(UnknownNameError, match=said):
            data.load(name)


def test_limits_and_an_old_macintosh(tmp_path):
    made = rows(lambda i, rng: f"{'<0.5' if i % 4 == 1 else i / 7},{i % 2}")
    said = odd(written(tmp_path, ["v,y", *made]))
    assert "but 10 are not, as '<0.5' in row 3: as the number of that limit they are inputs" in said
    path = tmp_path / "mac.csv"
    path.write_bytes("\r".join(["Größe,y", *rows(lambda i, rng: f"{i / 7},{i % 2}")]).encode("mac_roman"))
    assert "may be misread: with --encoding mac_roman it is 'Größe'" in odd(path)


@pytest.mark.parametrize(
    ("cells", "said"),
    [
        (
            [1, 2, 3, 4, 5, 9],
            "9 stands in 10 rows, above all other numbers: if it stands for what is missing",
        ),
        ([1, 2, 3, 4, 5, 8, 9], "8 and 9 stand in 17 rows"),
        ([0, 1, 2, 99], None),  # far away, which is said in other words
        ([*range(20, 40), 99, 99, 99, 99, 99], "99 stands in 10 rows, above all other numbers"),
        ([1, 2, 3, 4, 5, 6, 7, 8, 9], None),
        ([0, 1, 2, 3, 9], "9 stands in 12 rows"),
        ([*range(50, 100)], None),
        ([1, 2, 5, 7, 9], None),
        ([0.5, 1, 2, 9], None),
    ],
)
def test_codes_of_surveys(tmp_path, cells, said):
    made = rows(lambda i, rng: f"{cells[i % len(cells)]},{rng.random():.3f},{'ab'[i % 2]}", 62)
    told = odd(written(tmp_path, ["q1,v,y", *made]))
    assert (said in told) if said else "above all other numbers" not in told


@pytest.mark.parametrize(
    ("cells", "said"),
    [
        (
            ["2 kg", "900 g", "3 kg"],
            "its cells have several units, as '2 kg' and '900 g', to be brought to one",
        ),
        (["$5", "€7", "$9"], "its cells have several units, as '$5' and '€7'"),
        (["1.5M", "200K", "3M"], "its cells have several units"),
        (["1A", "2B", "3C"], None),
        (["2", "3", "5more"], None),
        (
            ["Mail, Phone", "Chat", "Chat, Mail", "Phone", "Chat, Phone", "Mail"],
            "its cells hold several answers each, of 3 (Chat, Mail, Phone): with a column for each",
        ),
        (["Rome, Italy", "Oslo, Norway", "Bergen, Norway", "Bari, Italy"], None),
        (
            ["yes", "Y", "no", "x", "N"],
            "it says yes and no in 5 ways, as 'N', 'Y', 'no', 'x' and 1 more: two",
        ),
        (["52°31'N", "8°5'E", '5° 59\' 3.5"" W'], "its cells are degrees and minutes, as "),
        (["yes", "no"], None),
        (
            ["2024-03-01 00:15 CET", "2024-03-02 10:15 EST", "2024-03-02 11:15 CET"],
            "its dates have names of time zones, as '2024-03-01 00:15 CET': with +01:00 in the place of a name",
        ),
    ],
)
def test_texts_that_could_be_inputs(tmp_path, cells, said):
    made = rows(lambda i, rng: f'"{cells[i % len(cells)]}",{rng.random():.3f},{i % 2}')
    told = odd(written(tmp_path, ["v,w,y", *made]))
    words = ("several units", "several answers", "degrees", "yes and no", "time zones")
    assert (said in told) if said else not any(word in told for word in words)


def test_what_databases_and_fortran_write(tmp_path):
    lines = [
        f"{'1.5D+01' if i % 2 else '-.25D-003'},{'x' if i % 9 else chr(92) + 'N'},{i}.5" for i in range(40)
    ]
    frame = data.frame(written(tmp_path, ["a,b,y", *lines]))
    assert sorted(set(frame["a"])) == [-0.00025, 15]
    assert [i for i, cell in enumerate(frame["b"]) if cell is None] == [0, 9, 18, 27, 36]
    for cell in ("1D2", "2.5D2", "0x1D", "1.5F+02"):
        assert (
            Table.fit({"a": [cell, "2.5"] * 9, "y": [1, 2] * 9}, categories="one-hot").columns[0].kind
            == "category"
        )


def test_years_above_the_names_of_columns(tmp_path):
    made = rows(lambda i, rng: f"r{i % 3},{i},{rng.random():.2f},{i / 7:.2f},{i % 2}")
    frame = data.frame(written(tmp_path, [",2022,,2023,", "Region,Q1,Q2,Q1,Q2", *made]))
    assert frame.names == ("Region", "2022 Q1", "2022 Q2", "2023 Q1", "2023 Q2")
    assert frame.rows == 40


def test_a_command_is_proposed_only_if_it_can_be_carried_out(tmp_path):
    seen = data.look(written(tmp_path, ["v,w,y", "1,2,a", "3,5,b"]))
    told = "2 rows are too few to train on, and to keep some of them for testing"
    assert seen.command == "" and seen.task.endswith(told)
    gaps = data.look(written(tmp_path, ["v,w,y", "1,2,a", "3,5,b", *["4,,"] * 9]))
    assert gaps.command == "" and gaps.task.endswith(told)


def test_dates_that_are_the_target_are_named(tmp_path):
    made = rows(lambda i, rng: f"{rng.random():.3f},2024-{1 + i % 12:02d}-{1 + i % 28:02d}", 60)
    assert "the target holds dates: to predict when" in "\n".join(
        data.look(written(tmp_path, ["v,due", *made]), target="due").odd
    )


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("x.parquet", "pandas.read_parquet('FILE')"),
        ("x.jsonl", "pandas.read_json('FILE', lines=True)"),
        ("x.sav", "pandas.read_spss('FILE')"),
        ("x.sas7bdat", "pandas.read_sas('FILE')"),
        ("x.rds", "write.csv(readRDS('FILE')"),
        ("x.RData", "write.csv(get(load('FILE')[1])"),
        ("x.names", "name the file beside it that ends in .data"),
    ],
)
def test_a_line_that_converts(tmp_path, name, line):
    (tmp_path / name).touch()
    with pytest.raises(UnknownNameError, match=re.escape(line)):
        data.look(tmp_path / name)


def test_lines_that_convert_do_it(tmp_path):
    pd = pytest.importorskip("pandas")
    (tmp_path / "x.jsonl").write_text("".join(f'{{"a": {i}, "y": "{"ab"[i % 2]}"}}\n' for i in range(9)))
    (tmp_path / "x.arff").write_text(
        "@relation r\n@attribute a real\n@attribute y {a,b}\n@data\n"
        + "".join(f"{i},{'ab'[i % 2]}\n" for i in range(9))
    )
    pytest.importorskip("pyarrow")
    pd.DataFrame({"a": range(9), "y": list("ababababa")}).to_parquet(tmp_path / "x.parquet")
    import subprocess
    import sys

    for name in ("x.jsonl", "x.arff", "x.parquet"):
        with pytest.raises(UnknownNameError) as found:
            data.look(tmp_path / name)
        line = re.search(r'python -c "(.*)"', str(found.value))[1].replace("FILE", name)
        subprocess.run([sys.executable, "-c", line], check=True, cwd=tmp_path)
        assert data.frame(tmp_path / "table.csv").names == ("a", "y")
        assert data.frame(tmp_path / "table.csv")["y"] == list("ababababa")


def test_lines_that_end_in_a_separator_later(tmp_path):
    made = rows(lambda i, rng: f"{i % 7},{rng.random():.2f},{'ab'[i % 2]}")
    table = Table.fit(data.frame(written(tmp_path, ["v,w,y", *made])), target="y")
    right = table.apply(data.frame(tmp_path / "table.csv"))[0]
    for header in ("v,w,y,", "v,w,y"):
        ended = data.frame(written(tmp_path, [header, *(f"{row}," for row in made)]))
        np.testing.assert_array_equal(table.apply(ended)[0], right)
    noted = data.frame(written(tmp_path, ["v,w,y,note", *(f"{row}," for row in made)]))
    with pytest.raises(DataError, match="has the unknown column 'note'"):
        table.apply(noted)


def test_names_in_other_letters_and_none_at_all(tmp_path):
    made = rows(lambda i, rng: f"{i % 7},{rng.random():.2f},{'ab'[i % 2]}")
    table = Table.fit(data.frame(written(tmp_path, ["v,w,y", *made])), target="y")
    with pytest.raises(DataError, match="is 'V' what was 'v'. the model knows 'v', 'w'"):
        table.apply(data.frame(written(tmp_path, ["V,W,Y", *made])))
    with pytest.raises(
        DataError, match="it has no line with names: write one above the rows; the model knows"
    ):
        table.apply(data.frame(written(tmp_path, made)))


def test_long_cells_are_read_to_their_end(tmp_path):
    """A pattern that tries all ways to divide such a cell would not come back."""
    blanks = " " * 50_000
    cells = ["1{}x", "({}x", "1{0},{0}x", "[1{}x", f"Aa/A{'a' * 50_000}!"]
    cells = [cell.format(blanks) for cell in cells] + ["1" + ")" * 50_000 + "x"]
    path = written(tmp_path, ["v;y", *(f"{cells[i % len(cells)]};{i % 2}" for i in range(40))])
    assert data.look(path).columns
