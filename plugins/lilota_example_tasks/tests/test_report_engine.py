"""generate_report: DuckDB, where it is installed, gives the results that Python gives, byte for byte."""

from __future__ import annotations

import random

import msgspec
import pytest
from lilota_example_tasks.generate_report import engine
from lilota_example_tasks.generate_report.engine import summarize_by_duckdb
from lilota_example_tasks.generate_report.layout import find_layout
from lilota_example_tasks.generate_report.reading import MISSING, Reading
from lilota_example_tasks.generate_report.summary_csv import summary_csv
from lilota_example_tasks.generate_report.summing import summarize

from lilota.errors import InvalidInputError

pytest.importorskip("duckdb")

READING = Reading(
    group_by="city",
    value="price",
    missing=MISSING,
    groups_limit=10_000,
    encoding=None,
    delimiter=None,
    decimal=None,
    header=True,
)
BOTH = {
    "plain": b"city,price\nOslo,1\nRome,2\nOslo,0.1\nOslo,0.2\n",
    "line ends of Windows": b"city,price\r\nOslo,1\r\nRome,2\r\n",
    "line ends of old": b"city,price\rOslo,1\rRome,2\r",
    "blank lines": b"city,price\nOslo,1\n\n\nRome,2\n",
    "no last line end": b"city,price\nOslo,1",
    "mark": b"\xef\xbb\xbfcity,price\nOslo,1\n",
    "quotes": b'city,price\n"O,s""lo",1\n"","2"\n',
    "a quote within": b'city,price\nO"sl"o,1\n',
    "a space after a quote": b'city,price\n"Oslo" ,1\nOslo,2\n',
    "missing": b"city,price\nOslo,\n,1\nNA,2\nRome,NaN\nRome, \n",
    "spaces": "city,price\n Oslo , 1 \nOslo,2\n\u00a0Oslo\u00a0,3\n".encode(),
    "nul": b"city,price\nO\0slo,1\n",
    "letters": "city,price\nЛюцил,1\n北京,2\nŁódź,3\n".encode(),
    "comma": b"city;price\nOslo;1,5\nRome;-2,25\n",
    "long numbers": b"city,price\nOslo,9999999999999999.999999999999\nOslo,9999999999999999.999999999999\n",
    "negative zero": b"city,price\nOslo,-0\nOslo,0.000\n",
    "name like missing": b"city,price\n(missing),1\n,2\n",
    "no rows": b"city,price\n",
    "a last empty column": b"city,price,x\nOslo,1,\nRome,2,\n",
    "tabs": b"city\tprice\nOslo\t1\n",
    "sep": b"sep=;\ncity;price\nOslo;1\n",
}
LEFT_TO_PYTHON = {
    "too short": b"city,price\nOslo\nRome,1\n",
    "too long": b"city,price\nOslo,1,2\nRome,1\n",
    "a comma at the end": b"city,price\nOslo,1,\nRome,1\n",
    "a quote after a space": b'city,price\nOslo, "1"\n "Rome",2\n',
    "text for a number": b"city,price\nOslo,much\nRome,1\n",
    "exponent": b"city,price\nOslo,1e3\n",
    "groups of thousands": b'city,price\nOslo,"1,000"\n',
    "many digits": b"city,price\nOslo,0.12345678901234567\n",
    "other digits": "city,price\nOslo,\u0661\n".encode(),
    "other letters": b"city,price\nMal\xe9,1\nOslo,2\n",
    "mixed line ends": b"city,price\r\nOslo,1\nRome,2\r\nA,1\n",
    "a line end in a quote": b'city,price\n"Os\nlo",1\n',
    "a lone line end": b"city,price\nOs\rlo,1\nRome,2\n",
    "an open quote": b'city,price\nRome,1\n"Oslo,1\n',
    "a backslash": b'city,price\n"O\\"s",1\nR,2\n',
    "control-z": b"city,price\nOslo,1\n\x1a",
    "two encodings": b"city,price\n" + b"Oslo,1\n" + b"\xff\xfe,2\n",
    "utf-16": "city,price\nOslo,1\n".encode("utf-16"),
    "a long line": b"city,price\n" + b"O" * 5_000_000 + b",1\n",
}


@pytest.fixture
def both(tmp_path):
    """Return what sums a table by Python and by DuckDB, and returns both summaries with all they say."""

    def run(content, **keys):
        path = tmp_path / "source.csv"
        path.write_bytes(content)
        reading = msgspec.structs.replace(READING, **keys)
        layout = find_layout(path, reading)
        summaries = [sum_up(path, layout, reading, lambda share: None) for sum_up in (summarize, summarize_by_duckdb)]
        return [summary and _told(summary) for summary in summaries]

    return run


@pytest.mark.parametrize("content", BOTH.values(), ids=BOTH)
def test_both_say_the_same(both, content):
    """DuckDB takes the table, and finds what Python finds."""
    by_python, by_duckdb = both(content)

    assert by_duckdb == by_python


@pytest.mark.parametrize("content", LEFT_TO_PYTHON.values(), ids=LEFT_TO_PYTHON)
def test_what_duckdb_would_read_otherwise_is_left_to_python(both, content):
    """Or both say the same."""
    by_python, by_duckdb = both(content)

    assert by_duckdb in (None, by_python)


def test_both_say_the_same_of_any_table(both):
    """Tables of random pieces, most of them irregular."""
    pieces = [
        *["Oslo", "Rome", "NA", "1"] * 30,
        " ",
        '"',
        '""',
        ",",
        ",",
        "\n",
        "\r\n",
        "1",
        "2.5",
        "-3",
        "NA",
        "x",
        ";",
        "\t",
        "é",
        "\0",
    ]
    chance, taken = random.Random(11), 0
    for _ in range(40):
        rows = [
            f"{chance.choice(pieces)}{chance.choice(pieces)},{chance.choice(['1', '2.50', '-3', ''])}" for _ in range(5)
        ]
        content = "city,price\n" + "\n".join(rows) + "".join(chance.choices(pieces, k=chance.choice([0, 0, 3])))
        by_python, by_duckdb = both(content.encode())
        assert by_duckdb in (None, by_python), content
        taken += by_duckdb is not None

    assert taken > 5


def test_a_large_table_is_summed_by_duckdb_and_the_results_are_the_same_files(
    make_task, flights, tmp_path, monkeypatch, caplog
):
    """The CSV has the same bytes, and the output the same values."""
    from lilota_example_tasks.generate_report import GenerateReport

    data = {"source": str(flights), "target": str(tmp_path), "group_by": "dest", "value": "arr_delay"}
    results = []
    for worth_bytes in (0, 10**12):
        monkeypatch.setattr(engine, "WORTH_BYTES", worth_bytes)
        output = make_task(GenerateReport, "generate_report", data).run()
        results.append((output, (tmp_path / "report.csv").read_bytes()))

    assert results[0] == results[1]
    assert "leaves" not in caplog.text


def test_too_many_groups_are_the_same_error(both):
    """Whoever sums."""
    content = b"city,price\n" + b"".join(b"%d,1\n" % number for number in range(50))

    with pytest.raises(InvalidInputError, match="more than 10 groups"):
        both(content, groups_limit=10)


def test_a_file_whose_name_is_a_pattern_is_the_only_one_that_is_read(tmp_path):
    """DuckDB would read all files that match."""
    for name in ("a1.csv", "a[1].csv", "a*.csv"):
        (tmp_path / name).write_bytes(BOTH["plain"])
        layout = find_layout(tmp_path / name, READING)

        assert (summarize_by_duckdb(tmp_path / name, layout, READING, print) is None) == (name != "a1.csv")


def test_a_task_that_is_ended_ends_the_query(both, tmp_path, monkeypatch):
    """Whatever ends it is raised while the query runs; no thread goes on."""
    import threading

    from lilota_example_tasks.generate_report.engine import _watched

    class Query:
        """A query that only an interruption ends."""

        def __init__(self):
            self.ended = threading.Event()

        def query_progress(self):
            raise KeyboardInterrupt

        def interrupt(self):
            self.ended.set()

    query = Query()

    with pytest.raises(KeyboardInterrupt):
        _watched(query, lambda: [()] if query.ended.wait(60) else [], lambda share: None)

    assert not [thread for thread in threading.enumerate() if thread.name == "duckdb"]


def _told(summary):
    """Return all that a summary says."""
    return summary_csv("city", "sum", summary), summary.rows, summary.missing, summary.bad_rows, summary.first_bad_rows
