"""generate_report: tables as the world writes them: encodings, delimiters, numbers, headers, damaged files."""

from __future__ import annotations

import gzip
import os

import pytest

from lilota.errors import InvalidInputError


def read_as(encoding="utf-8", delimiter=",", decimal=".", compression=None):
    return {"compression": compression, "encoding": encoding, "delimiter": delimiter, "decimal": decimal}


@pytest.mark.parametrize(
    ("content", "how", "city"),
    [
        ("city,price\nMalé,1\n".encode(), read_as(), "Malé"),
        ("city,price\nMalé,1\n".encode("utf-8-sig"), read_as("utf-8-sig"), "Malé"),
        ("city,price\nMalé,1\n".encode("utf-16"), read_as("utf-16"), "Malé"),
        ("city,price\nMalé,1\n".encode("utf-16-le"), read_as("utf-16-le"), "Malé"),
        ("city,price\nMalé,1\n".encode("utf-16-be"), read_as("utf-16-be"), "Malé"),
        ("city,price\nMalé,1\n".encode("utf-32"), read_as("utf-32"), "Malé"),
        ("city,price\nMalé,1\n".encode("cp1252"), read_as("cp1252"), "Malé"),
        # The first letter beyond ASCII stands far below the header.
        (b"city,price\n" + b"Oslo,1\n" * 100_000 + b"Mal\xe9,900000\n", read_as("cp1252"), "Malé"),
        (b"city;price\nOslo;1\n", read_as(delimiter=";"), "Oslo"),
        (b"city\tprice\nOslo\t1\n", read_as(delimiter="\t"), "Oslo"),
        (b"city|price\nOslo|1\n", read_as(delimiter="|"), "Oslo"),
        # There are more commas than semicolons; but the columns are there with semicolons.
        (b"city;price;a,b,c,d,e\nOslo;1;x,y,z\n", read_as(delimiter=";"), "Oslo"),
        (b"sep=;\r\ncity;price\r\nOslo;1\r\n", read_as(delimiter=";"), "Oslo"),
        (b"\n\ncity,price\nOslo,1\n", read_as(), "Oslo"),
        (b"city,price\rOslo,1\r", read_as(), "Oslo"),
        (b"city,price\nO\0slo,1\n", read_as(), "O\0slo"),
        (gzip.compress(b"city,price\nOslo,1\n", mtime=0), read_as(compression="gzip"), "Oslo"),
        (
            gzip.compress(b"city,price\n", mtime=0) + gzip.compress(b"Oslo,1\n", mtime=0),
            read_as(compression="gzip"),
            "Oslo",
        ),
    ],
)
def test_a_table_is_read_as_it_was_written_and_the_output_says_how(report, content, how, city):
    """Encoding, delimiter and compression are seen in the file."""
    output, rows = report(content)

    assert output["read_as"] == how
    assert rows[0]["city"] == city


def test_a_guess_that_may_be_wrong_is_said(report):
    """A file that is not UTF-8 could be in any of many encodings."""
    guessed, _ = report("city,price\nMalé,1\n".encode("cp1252"))
    named, _ = report("city,price\nMalé,1\n".encode("cp1252"), encoding="cp1252")

    assert "read as cp1252; name 'encoding'" in guessed["notes"][0]
    assert named["notes"] == []


@pytest.mark.parametrize(
    ("values", "total", "mark"),
    [
        (["1,234.50", "2"], "1236.5", "."),
        (["1.234,50", "2"], "1236.5", ","),
        (["12,5", "1,25"], "13.75", ","),
        (["0,125"], "0.125", ","),
        (["1.234.567"], "1234567", ","),
        (["1,234,567"], "1234567", "."),
        (["12,34,567.5"], "1234567.5", "."),
        (["1 234,5", "1\u00a0000,5", "1\u202f000"], "3235", ","),
        (["1'234.5"], "1234.5", "."),
        (["\u22125", "+7"], "2", "."),
        (["1e3", "1E-3", ".5", "5."], "1005.501", "."),
    ],
)
def test_numbers_with_points_commas_and_groups_are_understood(report, values, total, mark):
    """As spreadsheets of all countries write them; where a column leaves no doubt, no word is said."""
    output, rows = report("city\tprice\n" + "".join(f"Oslo\t{value}\n" for value in values))

    assert (rows[0]["sum"], output["read_as"]["decimal"], output["notes"]) == (total, mark, [])


@pytest.mark.parametrize(("delimiter", "total"), [(";", "1.234"), ("\t", "1234")])
def test_a_comma_that_may_mean_both_is_guessed_and_said(report, delimiter, total):
    """Spreadsheets that write a decimal comma separate fields by semicolons."""
    content = f"city{delimiter}price\nOslo{delimiter}1,234\n"

    guessed, rows = report(content)
    named, named_rows = report(content, decimal=",")

    assert rows[0]["sum"] == total
    assert "The comma in '1,234' was read as" in guessed["notes"][0]
    assert (named["notes"], named_rows[0]["sum"]) == ([], "1.234")


@pytest.mark.parametrize(
    "text", ["1,23", "0,123", "1_000", "1e999", "1e-999", "inf", "nan!", "--1", "1,,000", "0x10", "9" * 1000, "1 2"]
)
def test_a_text_that_is_no_number_is_none(report, text):
    """It is left out and listed; nothing is made of it."""
    output, rows = report(f'city,price\nOslo,1.5\nOslo,2.5\nOslo,"{text}"\n')

    assert (output["bad_rows"], rows[0]["sum"]) == (1, "4")


def test_a_long_field_is_read(report):
    """A polygon or a page of HTML, in a column that is used or not."""
    _, rows = report('city,price,shape\na,1,"' + "1 2," * 40_000 + '"\n' + "b" * 200_000 + ",2,x\n")

    assert [row["sum"] for row in rows] == ["2", "1"]


def test_columns_can_be_numbers(report):
    """Where a name is there twice, or no line names the columns."""
    twice, twice_rows = report("price,city,price\n1,Oslo,2\n", value=3)
    _, rows = report("Oslo,1\nOslo,2\n", group_by=1, value=2, header=False)

    assert (twice["rows"], twice_rows[0]["sum"]) == (1, "2")
    assert rows == [
        {"column 1": "Oslo", "count": "2", "missing": "0", "sum": "3", "mean": "1.5", "min": "1", "max": "2"}
    ]


def test_a_group_called_missing_is_not_the_group_of_missing_names(report):
    """Both are there, under different names."""
    _, rows = report("city,price\n(missing),1\n,2\n((missing)),3\n")

    assert {row["city"]: row["sum"] for row in rows} == {"(missing)": "1", "((missing))": "3", "(((missing)))": "2"}


@pytest.mark.parametrize(
    ("values", "total"),
    [
        (["1e308", "1e308", "-1e308"], "1e+308"),
        (["1e308"] * 3, "3e+308"),
        (["1e20", "1", "-1e20"], "1"),
        (["12345678901234567.89", "0.01"], "12345678901234567.9"),
        (["1e-300", "1e300", "-1e300"], "1e-300"),
        (["-0", "0.0"], "0"),
    ],
)
def test_sums_are_exact(report, values, total):
    """In any order, however large or small, without overflow."""
    _, rows = report("city,price\n" + "".join(f"Oslo,{value}\n" for value in values))

    assert rows[0]["sum"] == total


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (gzip.compress(b"city,price\nOslo,1\n", mtime=0)[:-10], "cut off"),
        (b"\x1f\x8b\x08\0\0\0\0\0\0\0rubbish", "damaged"),
        (gzip.compress(b"", mtime=0), "empty"),
        (b"PK\x03\x04sheet", "spreadsheet or a ZIP archive"),
        (b"\n\n", "empty"),
    ],
    ids=["cut off", "damaged", "nothing compressed", "spreadsheet", "blank"],
)
def test_a_damaged_file_is_an_error_that_says_what_it_is(report, content, message):
    """Half a table would give wrong sums."""
    with pytest.raises(InvalidInputError, match=message):
        report(content)


def test_a_compressed_file_that_is_cut_off_gives_no_results(report, tmp_path):
    """Also where the end is missing only."""
    content = gzip.compress(
        "".join(f"Oslo,{number}\n" for number in range(300_000)).join(["city,price\n", ""]).encode()
    )

    with pytest.raises(InvalidInputError, match="cut off"):
        report(content[: len(content) * 9 // 10])

    assert not list((tmp_path / "out").glob("*"))


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no FIFOs here")
def test_what_is_no_file_is_refused_and_a_link_is_followed(make_report, tmp_path):
    """A FIFO would block for ever, a device never ends; a link to a table is as good as the table."""
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "table.csv").write_text("city,price\nOslo,1\n")
    (tmp_path / "link").symlink_to("table.csv")

    for name in ("fifo", "/dev/zero", "."):
        with pytest.raises(InvalidInputError, match="source: there is no file"):
            make_report(tmp_path / name)
    assert make_report(tmp_path / "link")["rows"] == 1


def test_a_file_that_changes_while_it_is_read_is_said(make_report, tmp_path, monkeypatch):
    """The numbers may be of both states."""
    from lilota_example_tasks.generate_report import task

    source = tmp_path / "table.csv"
    source.write_text("city,price\nOslo,1\n")
    summarize = task.summarize_quickly

    def change_and_summarize(*args):
        with source.open("a") as file:
            file.write("Rome,2\n")
        return summarize(*args)

    monkeypatch.setattr(task, "summarize_quickly", change_and_summarize)

    assert "changed while it was read" in make_report(source)["notes"][0]
