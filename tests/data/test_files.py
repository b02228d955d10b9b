"""Files, folders and globs, whole and broken."""

import os
import re

import polars as pl
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from keepfit.data.files import read
from keepfit.errors import DataError

ROWS = "a,b\n1,x\n2,y\n"


def write(folder, **files):
    for name, content in files.items():
        (folder / name.replace("__", ".")).write_bytes(content.encode() if isinstance(content, str) else content)


def read_csv(folder, path="data.csv", holdout_path=None, text_columns=()):
    return read("csv", folder, path, holdout_path, text_columns)


def refusal(action, otherwise):
    """Return the DataError's message, or `otherwise` if there is none."""
    try:
        action()
    except DataError as error:
        return str(error)
    return otherwise


def parquet_bytes(frame, folder):
    frame.write_parquet(folder / "whole")
    return (folder / "whole").read_bytes()


@pytest.mark.parametrize("path", ["one.csv", "./one.csv", "sub/../one.csv", "o*.csv", "**/one.csv", "{root}/one.csv"])
def test_one_file_is_found_by(path, tmp_path):
    (tmp_path / "sub").mkdir()
    write(tmp_path, one__csv=ROWS, two__csv="a,b\n3,z\n")
    rows = read_csv(tmp_path, path.format(root=tmp_path))
    assert rows.frame.rows() == [(1, "x"), (2, "y")]


@pytest.mark.parametrize("path", [".", "*.csv", "", "{root}", "{root}/*.csv"])
def test_many_files_are_one_table_in_the_order_of_their_names(path, tmp_path):
    write(tmp_path, b__csv="b,a\nz,3.5\n", a__csv=ROWS, notes__txt="not data")
    rows = read_csv(tmp_path, path.format(root=tmp_path))
    assert rows.frame.rows() == [(1.0, "x"), (2.0, "y"), (3.5, "z")]
    assert [(part.name, part.rows) for part in rows.parts] == [("a.csv", 2), ("b.csv", 1)]
    assert rows.locate(rows.frame["a"].to_numpy() > 1) == "2 data rows (2 of a.csv, 1 of b.csv)"


def test_a_file_whose_name_looks_like_a_glob_is_found(tmp_path):
    (tmp_path / "a[1].csv").write_text(ROWS)
    assert read_csv(tmp_path, "a[1].csv").frame.height == 2


def test_the_holdout_files_are_marked(tmp_path):
    write(tmp_path, a__csv=ROWS, judge__csv="a,b\n3,z\n")
    assert read_csv(tmp_path, "a.csv", "judge.csv").holdout.tolist() == [False, False, True]
    assert read_csv(tmp_path, "a.csv").holdout is None


def test_codes_keep_their_zeros(tmp_path):
    write(tmp_path, data__csv="code,n\n007,1\n,2\n")
    assert read_csv(tmp_path, text_columns=["code", "absent"]).frame.rows() == [("007", 1), (None, 2)]


def test_types_are_those_of_the_whole_file(tmp_path):
    many = 10_500
    late = "\n".join(["1,,1,a"] * many + ["2.5,7,x,b"])
    write(tmp_path, data__csv=f"a,b,c,d\n{late}\n")
    frame = read_csv(tmp_path).frame
    assert frame.dtypes == [pl.Float64, pl.Int64, pl.String, pl.String]
    assert frame.row(-1) == (2.5, 7, "x", "b")


def test_a_column_without_a_value_in_one_file_takes_the_type_of_the_others(tmp_path):
    write(tmp_path, a__csv="a,b\n,x\n", b__csv="a,b\n1,\n")
    assert read_csv(tmp_path, ".").frame.rows() == [(None, "x"), (1, None)]


@pytest.mark.parametrize("text", ["\ufeffa,b\n1,x\n", "a,b\r\n1,x\r\n", "a,b\n1,x", '"a","b"\n1,"x"\n'])
def test_usual_forms_of_csv_are_read(text, tmp_path):
    write(tmp_path, data__csv=text)
    frame = read_csv(tmp_path).frame
    assert (frame.columns, frame.rows()) == (["a", "b"], [(1, "x")])


def test_commas_and_line_ends_within_quotes_are_not_ragged(tmp_path):
    write(tmp_path, data__csv='a,b\n"1,5\nor 2",x\nz,\n')
    assert read_csv(tmp_path).frame.rows() == [("1,5\nor 2", "x"), ("z", None)]


BROKEN = {
    "empty": ("", "data.csv is empty: a first line with the names of the columns is expected"),
    "blank": ("\n\n", "data.csv is empty: a first line"),
    "too long": ("a,b\n1,2\n1,2,3\n", "data.csv is ragged: data row 2 has 3 values, the header has 2"),
    "too short": ("a,b\n1,2\n1\n3,4\n", "data.csv is ragged: data row 2 has 1 values, the header has 2"),
    "latin 1": ("a,b\n1,x\n2,é\n".encode("latin-1"), "data.csv is not UTF-8: line 3 holds the byte 0xe9"),
    "latin 1 header": ("é,b\n1,x\n".encode("latin-1"), "data.csv is not UTF-8: line 1 holds the byte 0xe9"),
    "utf 16": (ROWS.encode("utf-16"), "data.csv is not UTF-8: line 1 holds the byte 0xff"),
    "column twice": ("a,b,a\n1,2,3\n", "data.csv has the column 'a' 2 times: give each another name"),
    "semicolons": ("a;b\n1;2\n", "data.csv has one column only, 'a;b': separate the values by commas"),
    "tabs": ("a\tb\n1\t2\n", "data.csv has one column only, 'a\\tb': separate the values by commas"),
}


@pytest.mark.parametrize("kind", BROKEN)
def test_broken_csv_is_named(kind, tmp_path):
    content, message = BROKEN[kind]
    write(tmp_path, data__csv=content)
    with pytest.raises(DataError, match="^" + re.escape(message)):
        read_csv(tmp_path)


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("absent.csv", "there is no file {root}/absent.csv (data.path is 'absent.csv')"),
        ("absent/*.csv", "there is no file {root}/absent/*.csv (data.path is 'absent/*.csv')"),
        ("empty", "the folder {root}/empty (data.path) holds no *.csv file"),
        ("a**b", "{root}/a**b (data.path) is not a glob"),
        ("x" * 300, "{root}/" + "x" * 300),
        ("nul\0", "there is no file {root}/nul\0 (data.path is "),
    ],
)
def test_a_path_without_a_file_is_named(path, message, tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError) as raised:
        read_csv(tmp_path, path)
    assert message.format(root=tmp_path) in str(raised.value)


def test_a_file_that_may_not_be_read_is_named(tmp_path):
    write(tmp_path, data__csv=ROWS)
    (tmp_path / "data.csv").chmod(0)
    if os.access(tmp_path / "data.csv", os.R_OK):
        pytest.skip("this user may read everything")
    with pytest.raises(DataError, match=r"data\.csv cannot be read: Permission denied"):
        read_csv(tmp_path)


@pytest.mark.parametrize(
    ("second", "message"),
    [
        ("a\n1\n", "b.csv lacks the column 'b' that a.csv has"),
        ("a,b,c\n1,x,2\n", "a.csv lacks the column 'c' that b.csv has"),
        ("a,b\nx,y\n", "column 'a' is of type Int64 in a.csv, but String in b.csv"),
        ("a,b\ntrue,y\n", "column 'a' is of type Int64 in a.csv, but Boolean in b.csv"),
    ],
)
def test_files_that_do_not_fit_together_are_named(second, message, tmp_path):
    write(tmp_path, a__csv=ROWS, b__csv=second)
    with pytest.raises(DataError, match=re.escape(message)):
        read_csv(tmp_path, ".")


def test_a_file_cannot_be_for_training_and_for_judging(tmp_path):
    write(tmp_path, a__csv=ROWS, b__csv=ROWS)
    with pytest.raises(DataError, match=r"b\.csv is named by data\.path and by data\.holdout_path"):
        read_csv(tmp_path, ".", "b.csv")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "data.parquet is empty"),
        (b"PAR1", "data.parquet is not a whole parquet file: "),
        (ROWS.encode() * 9, "data.parquet is not a whole parquet file: "),
    ],
)
def test_broken_parquet_is_named(content, message, tmp_path):
    write(tmp_path, data__parquet=content)
    with pytest.raises(DataError, match="^" + re.escape(message)):
        read("parquet", tmp_path, "data.parquet", None, ())


def test_parquet_folders_take_both_suffixes(tmp_path):
    for name in ("b.pq", "a.parquet"):
        pl.DataFrame({"name": [name]}).write_parquet(tmp_path / name)
    assert read("parquet", tmp_path, ".", None, ()).frame["name"].to_list() == ["a.parquet", "b.pq"]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150, deadline=None)
@given(cut=st.floats(0, 0.999), flipped=st.none() | st.tuples(st.floats(0, 0.999), st.integers(1, 255)))
def test_damaged_parquet_is_read_or_refused_but_never_crashes(cut, flipped, tmp_path):
    whole = bytearray(parquet_bytes(pl.DataFrame({"a": range(50), "b": ["x", "y"] * 25}), tmp_path))
    if flipped:
        whole[int(flipped[0] * len(whole))] ^= flipped[1]
    else:
        whole = whole[: int(cut * len(whole))]
    (tmp_path / "data.parquet").write_bytes(whole)
    assert "data.parquet" in refusal(lambda: read("parquet", tmp_path, "data.parquet", None, ()), "data.parquet")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150, deadline=None)
@given(content=st.binary(max_size=60) | st.text(st.sampled_from('a1,."\n\r\t;é\0 '), max_size=60).map(str.encode))
@example(content=b'a,b\n"1,2\n')
@example(content=b"a\n\n\n1\n")
def test_random_bytes_as_csv_are_read_or_refused_but_never_crash(content, tmp_path):
    (tmp_path / "data.csv").write_bytes(content)
    assert "data.csv" in refusal(lambda: read_csv(tmp_path), "data.csv")
