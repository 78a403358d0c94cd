"""generate_report: 336,776 real flights, and files that are not what they seem."""

from __future__ import annotations

import statistics
import tracemalloc

import pytest
from lilota_example_tasks.generate_report import GenerateReport, engine
from lilota_example_tasks.generate_report.report import Report
from pypdf import PdfReader

from lilota.errors import InvalidInputError
from lilota.testing import run_task

NAME = "generate_report"


def test_flights_are_summarized_by_carrier(make_task, flights, read_rows, tmp_path, monkeypatch):
    """The numbers are those that a plain computation over the whole table gives."""
    monkeypatch.setattr(engine, "WORTH_BYTES", 10**12)  # DuckDB may be done before it says how far it is
    data = {"source": str(flights), "target": str(tmp_path), "group_by": "carrier", "value": "arr_delay"}
    task = make_task(GenerateReport, NAME, {**data, "measure": "mean"})

    output = task.run()

    delays: dict[str, list[float]] = {}
    for row in read_rows(flights):
        if row["arr_delay"] != "NA":
            delays.setdefault(row["carrier"], []).append(float(row["arr_delay"]))
    rows = read_rows(output["summary_csv"])
    assert (output["rows"], output["groups"], output["missing"], output["bad_rows"]) == (336_776, 16, 9_430, 0)
    assert {row["carrier"]: (int(row["count"]), float(row["sum"]), float(row["mean"])) for row in rows} == {
        carrier: (len(values), sum(values), pytest.approx(statistics.fmean(values)))
        for carrier, values in delays.items()
    }
    assert [float(row["mean"]) for row in rows] == sorted((float(row["mean"]) for row in rows), reverse=True)
    assert task.progress == sorted(task.progress)
    assert len(task.progress) > 10


def test_the_pdf_shows_title_figures_and_table_on_numbered_pages(make_task, flights, tmp_path):
    """105 destinations take several pages; each has its number, and the head of the table again."""
    data = {"source": str(flights), "target": str(tmp_path), "group_by": "dest", "value": "distance", "top": 200}

    output = make_task(GenerateReport, NAME, {**data, "title": "Where <b>planes</b> go & how far"}).run()

    pages = [page.extract_text() for page in PdfReader(output["report_pdf"]).pages]
    assert len(pages) > 2
    assert "Where <b>planes</b> go & how far" in pages[0]
    assert "336,776" in pages[0]
    assert all(f"Page {number}" in page and "missing" in page for number, page in enumerate(pages, start=1))


def test_the_memory_does_not_grow_with_the_file(make_task, flights, tmp_path):
    """A table of 31 MB is summarized in less than 3 MB."""
    data = {"source": str(flights), "target": str(tmp_path), "group_by": "carrier", "value": "distance"}
    make_task(GenerateReport, NAME, data).run()  # imports and caches
    tracemalloc.start()
    try:
        make_task(GenerateReport, NAME, data).run()
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()

    assert peak < 3_000_000


def test_missing_values_and_groups_are_counted(report):
    """An empty field, NA and the like are no numbers and no errors; rows without a group are a group."""
    output, rows = report("city,price\nOslo,1\nOslo,NA\nRome,\n,5\nNA,6\n")

    assert output["missing"] == 2
    assert [(row["city"], row["count"], row["missing"], row["mean"]) for row in rows] == [
        ("(missing)", "2", "0", "5.5"),
        ("Oslo", "1", "1", "1"),
        ("Rome", "0", "1", ""),
    ]


def test_cents_add_up(report):
    """A hundred thousand times ten cents is ten thousand, without a rest of rounding."""
    _, rows = report("city,price\n" + "Oslo,0.1\n" * 100_000)

    assert rows[0]["sum"] == "10000"


@pytest.mark.parametrize(("mark", "encoding"), [(b"\xef\xbb\xbf", "utf-8"), (b"\xff\xfe", "utf-16-le")])
def test_a_byte_order_mark_is_understood(report, mark, encoding):
    """Files from spreadsheets begin with one; it is not part of the first column's name."""
    _, rows = report(mark + "city,price\nKøbenhavn,1\n".encode(encoding))

    assert rows[0]["city"] == "København"


def test_rows_that_can_not_be_used_are_left_out_and_listed_by_line(report, caplog):
    """A row that is too long, a text for a number, an infinite one, and other bytes; said in output, log and PDF."""
    content = b'city,price\nOslo,1\n"Os\nlo",1,1\nOslo,much\nOslo,inf\n\nMal\xe9,1\n'

    output, rows = report(content, encoding="utf-8")

    assert (output["rows"], output["bad_rows"]) == (5, 4)
    assert [(each["line"], each["reason"]) for each in output["first_bad_rows"]] == [
        (3, "it has 3 fields, the header has 2"),
        (5, "'much' is not a number"),
        (6, "'inf' is not a number"),
        (8, "'Mal\\xe9' is not utf-8 text; name the encoding as 'encoding'"),
    ]
    assert [row["city"] for row in rows] == ["Oslo"]
    (note,) = output["notes"]
    assert note.startswith(
        "4 of 5 rows were left out: 2 for no number in the column, 1 for a wrong number of fields, "
        "1 for another encoding. They begin on the lines 3, 5, 6, 8;"
    )
    page = " ".join(PdfReader(output["report_pdf"]).pages[0].extract_text().split())
    assert "4 of 5 rows were left out" in page
    assert note in caplog.text


def test_another_encoding_and_delimiter_can_be_named(report):
    """A file from an older spreadsheet is read as what it is."""
    _, rows = report("city;price\nMalé;1\n".encode("cp1252"), encoding="cp1252", delimiter=";")

    assert rows[0]["city"] == "Malé"


@pytest.mark.parametrize(
    ("content", "keys", "message"),
    [
        ("", {}, "empty"),
        ("city,price\nOslo,1\n", {"value": "prise"}, "'prise' does not exist. Did you mean 'price'.*'city', 'price'"),
        ("city,city,price\n", {}, "'city' is there 2 times. Say which by its number: 1, 2"),
        ("city,price\n", {"value": 3}, "no column 3: there are 2"),
        ("city,price\nOslo,much\n", {}, "None of the 1 rows .* Line 2: 'much' is not a number"),
        ("city,price\na,1\nb,1\nc,1\n", {"groups_limit": 2}, "more than 2 groups"),
        ('city,price\n"' + "x\n" * 200_000, {}, "Line 2: it has 1 fields, .* goes on to line 200001: .*quotation mark"),
        ('city,price\n"' + "x\n" * 5_000_000, {}, "line .*: field larger .*quotation mark"),
        (b"\xff\xfec\x00\x00\xdc\x00", {}, "utf-16"),
        ("city,price\n", {"encoding": "utf-88"}, "none of the name 'utf-88'"),
        ("city,price\n", {"name": "../report"}, "name"),
        ("city,price\n", {"name": "report\n"}, "name"),
        ("city,price\n" + "x," * 5_000_000, {}, "line is longer"),
        ("city,price\n", {"measure": "median"}, "median"),
        ("city,price\nOslo,1\n", {"font": __file__}, "TrueType"),
        ("city,price\n", {"source": "nowhere.csv"}, "no file 'nowhere.csv'"),
    ],
)
def test_an_input_that_can_not_work_is_an_error_that_says_why(report, content, keys, message):
    """Each message names the thing and, where there is one, the remedy."""
    with pytest.raises(InvalidInputError, match=message):
        report(content, **keys)


def test_a_font_that_can_not_be_used_is_refused_before_anything_is_written(report, tmp_path):
    """Also where the table is fine."""
    with pytest.raises(InvalidInputError, match="TrueType"):
        report("city,price\nOslo,1\n", font=__file__)

    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("name", ["=HYPERLINK(1)", "+1+cmd", "-2+3", "@SUM(1)", "\uff1d1+1"])
def test_a_name_that_a_spreadsheet_would_run_is_text(report, name):
    """Whoever fills in a form can't put a formula into the summary that somebody opens."""
    _, rows = report(f'{name},price\n"{name}",1\n-5,2\n', group_by=name)

    assert {next(iter(row.values())) for row in rows} == {f"'{name}", "-5"}
    assert next(iter(rows[0])) == f"'{name}"


def test_a_line_end_in_a_name_begins_no_row(report):
    """A lone carriage return is quoted as any other line end."""
    _, rows = report('city,price\n"Oslo\r=1+1",1\n')

    assert [row["city"] for row in rows] == ["Oslo\r=1+1"]


def test_a_wrong_input_is_refused_where_the_task_is_added(tmp_path):
    """By a program that knows the class; a worker says the same."""
    wrong = {"source": "a.csv", "target": str(tmp_path), "group_by": "city", "value": "price", "delimeter": ";"}

    with pytest.raises(InvalidInputError, match=r"it has no parameter 'delimeter'\. Did you mean 'delimiter'"):
        run_task(GenerateReport, wrong)


def test_the_result_is_an_object_of_a_type(tmp_path):
    """As a program gets it that knows the class; what is stored is its JSON."""
    source = tmp_path / "source.csv"
    source.write_text("city,price\nOslo,much\nOslo,1\n")

    done = run_task(GenerateReport, source=str(source), target=str(tmp_path), group_by=1, value=2)

    assert isinstance(done.result, Report)
    assert (done.result.rows, done.result.first_bad_rows[0].line, done.result.read_as.encoding) == (2, 2, "utf-8")
    assert done.output["read_as"] == {"compression": None, "encoding": "utf-8", "delimiter": ",", "decimal": "."}


def test_the_source_is_never_replaced_by_the_summary(report, tmp_path):
    """A target and name that are the source's are refused before anything is read."""
    with pytest.raises(InvalidInputError, match="would replace the source"):
        report("city,price\n", target=str(tmp_path), name="source")
