"""generate_report: pages that can be read: wide numbers, long names, letters of all alphabets, what was left out."""

from __future__ import annotations

import pytest
from lilota_example_tasks.generate_report import font_files
from lilota_example_tasks.generate_report.chart import bar_chart
from lilota_example_tasks.generate_report.font_files import HELVETICA, named_faces
from lilota_example_tasks.generate_report.fonts import Fonts, fonts_for
from lilota_example_tasks.generate_report.look import SMALL, WIDTH
from pypdf import PdfReader
from reportlab.graphics.shapes import String

HELVETICA_ONLY = Fonts((HELVETICA,))


def words_by_line(path):
    """Return the texts of a page with their places, by the height at which they stand."""
    lines: dict[int, list[tuple[float, str]]] = {}

    def visit(text, matrix, text_matrix, font, size):
        if text.strip():
            x = matrix[0] * text_matrix[4] + matrix[4]
            y = matrix[3] * text_matrix[5] + matrix[5]
            lines.setdefault(round(y), []).append((x, text.strip()))

    PdfReader(path).pages[0].extract_text(visitor_text=visit)
    return lines


@pytest.mark.parametrize("digits", [9, 12, 15])
def test_wide_numbers_stand_apart(report, digits):
    """Each number of the table ends before the next begins, and none leaves the page."""
    number = "987654321098765"[:digits]
    output, _ = report(f"city,price\nUnited States,{number}\nChina,-{number}\nA very long name of a group,-{number}\n")

    shown = f"{int(number):,}"
    lines = [sorted(line) for line in words_by_line(output["report_pdf"]).values()]
    tables = [line for line in lines if sum(shown in text for _, text in line) == 4]
    assert len(tables) == 3
    for line in tables:
        ends = [x + HELVETICA_ONLY.width(text, 5.5) for x, text in line]
        assert all(end < x for end, (x, _) in zip(ends, line[1:], strict=False))


@pytest.mark.parametrize("numbers", [[5, -3], [987654321098765, -987654321098765], [-987654321098765, -1], [0, 0], []])
def test_texts_of_the_chart_do_not_meet(numbers):
    """Names, bars and numbers have places of their own, within the page."""
    chart = bar_chart(
        [(f"A long name of group {index}" * 3, number) for index, number in enumerate(numbers)], HELVETICA_ONLY
    )

    rows: dict[float, list[tuple[float, float]]] = {}
    for shape in chart.contents:
        if isinstance(shape, String):
            rows.setdefault(shape.y, []).append((shape.x, shape.x + HELVETICA_ONLY.width(shape.text, SMALL)))
    for row in rows.values():
        (_, end_of_name), (begin, end) = row
        assert end_of_name < begin
        assert end <= WIDTH + 0.01


def test_letters_of_all_alphabets_are_shown(report):
    """Fonts that a package brings have them; nothing is said."""
    pytest.importorskip("manimgx_fonts")
    names = ["Москва", "北京", "東京", "서울", "Αθήνα", "Łódź", "ไทย", "Հայ"]

    output, rows = report("city,price\n" + "".join(f"{name},1\n" for name in names))

    text = PdfReader(output["report_pdf"]).pages[0].extract_text()
    assert [name for name in names if name not in text] == []
    assert {row["city"] for row in rows} == set(names)
    assert output["notes"] == []


def test_letters_that_no_font_has_are_question_marks_and_said(report, monkeypatch, caplog):
    """In the output, in the log and on the page; the CSV has them."""
    monkeypatch.setattr(font_files, "PACKAGES", {})

    output, rows = report("city,price\nŁódź,1\n")

    text = PdfReader(output["report_pdf"]).pages[0].extract_text()
    assert rows[0]["city"] == "Łódź"
    assert "?ód?" in text
    assert "2 different letters as '?'" in " ".join(text.split())
    assert "2 different letters as '?', because no font has them (Ł ź)" in output["notes"][0]
    assert output["notes"][0] in caplog.text


def test_hebrew_and_arabic_are_written_from_the_right():
    """The first letter stands last, and Arabic letters are joined."""
    pytest.importorskip("bidi")
    fonts = fonts_for(["שלום", "سلام"], [])

    hebrew, arabic = ("".join(part for _, part in fonts.runs(text)) for text in ("שלום", "سلام"))

    assert hebrew == "םולש"
    assert arabic != "سلام"
    assert not fonts.unshown


def test_a_named_font_goes_first_and_two_files_of_one_name_are_two_fonts(tmp_path):
    """A report of one user is not set in another's letters."""
    pytest.importorskip("manimgx_fonts")
    first, second = list(font_files.packaged_faces())[:2]
    paths = [tmp_path / folder / "font.ttf" for folder in ("a", "b")]
    import importlib.util
    from pathlib import Path

    (folder,) = importlib.util.find_spec("manimgx_fonts").submodule_search_locations
    for path, name in zip(paths, ("NotoSansGeorgian[wght].ttf", "NotoSansArmenian[wght].ttf"), strict=True):
        path.parent.mkdir()
        path.write_bytes(Path(folder, name).read_bytes())

    georgian, armenian = named_faces([str(path) for path in paths])

    assert georgian.name != armenian.name
    assert fonts_for(["Հայ"], [georgian, armenian]).runs("Հայ") == [(armenian.name, "Հայ")]
    assert first.name != second.name


def test_names_with_line_ends_controls_and_markup_are_one_line_of_text(report):
    """Nothing in a table is markup of the page."""
    output, _ = report('city,price\n"a\nb\tc <b>&amp;\x01",1\n')

    assert "a b c <b>&amp;" in PdfReader(output["report_pdf"]).pages[0].extract_text()


def test_hundreds_of_groups_take_numbered_pages(report):
    """And each page has the head of the table."""
    output, _ = report("city,price\n" + "".join(f"group {number},{number}\n" for number in range(300)), top=1000)

    pages = [page.extract_text() for page in PdfReader(output["report_pdf"]).pages]
    assert all(f"Page {number}" in page and "missing" in page for number, page in enumerate(pages, start=1))
    assert "group 0" in pages[-1]
