"""Numbers as people and programs write them: with a decimal point or comma, with or without groups of thousands."""

from __future__ import annotations

import re
from collections.abc import Iterable
from decimal import Context, Decimal, DivisionByZero, InvalidOperation, Overflow
from typing import Final, Literal

DecimalMark = Literal[".", ","]
#: No sum of numbers that `to_number` allows has more digits: sums are exact, whatever their order.
EXACT: Final = Context(prec=2_500, traps=[DivisionByZero, InvalidOperation, Overflow])
#: In characters. A longer one is no quantity, and would make every sum slow.
NUMERAL_LIMIT: Final = 400
#: The largest and the smallest magnitude, as powers of ten: those of a double.
_LARGEST, _SMALLEST = 308, -324
#: Spaces that do not break, thin ones, and apostrophes, which separate thousands besides the other decimal mark.
_SEPARATORS: Final = " \u00a0\u2009\u202f'\u2019"
# Groups of two are India's: 12,34,567. A number that begins with 0 has no groups: 0,125 is an eighth.
_GROUPS: Final = r"[+-]?[1-9]\d{{0,2}}([{separators}])(?:\d{{2,3}}\1)*\d{{3}}(?:[{mark}]\d+)?"
_GROUPED: Final[dict[DecimalMark, re.Pattern[str]]] = {
    ".": re.compile(_GROUPS.format(separators=_SEPARATORS + ",", mark="."), re.ASCII),
    ",": re.compile(_GROUPS.format(separators=_SEPARATORS + ".", mark=","), re.ASCII),
}
_MINUS: Final = "\u2212"


class NoNumberError(ValueError):
    """The text is no number that can be summed."""


def to_number(text: str, mark: DecimalMark) -> Decimal:
    """Return the number that a text without spaces around it stands for, exactly.

    Raises:
        NoNumberError: it is none, or infinite, or beyond the range of a double.
    """
    if len(text) > NUMERAL_LIMIT or "_" in text:
        raise NoNumberError
    try:
        number = Decimal(text) if mark == "." else Decimal(_with_point(text))
    except InvalidOperation:
        number = _with_groups(text.replace(_MINUS, "-"), mark)
    if not number.is_finite() or (number and not _SMALLEST <= number.adjusted() <= _LARGEST):
        raise NoNumberError
    return number if number else _ZERO


def guess_mark(texts: Iterable[str], delimiter: str) -> tuple[DecimalMark, str | None]:
    """Guess the decimal mark of a column from some of its texts; also return one that could be read in both ways.

    A text that makes sense with one mark only is evidence: 12,5 or 1.234,5 or 1,234.5. Without any, a comma is a
    decimal mark where fields are separated by semicolons, as spreadsheets write both.
    """
    evidence = {".": 0, ",": 0}
    doubtful = None
    for text in texts:
        point, comma = _or_none(text, "."), _or_none(text, ",")
        if point is None and comma is not None:
            evidence[","] += 1
        elif comma is None and point is not None:
            evidence["."] += 1
        elif point != comma and "," in text:
            doubtful = doubtful or text
    if evidence["."] != evidence[","]:
        return ("." if evidence["."] > evidence[","] else ","), None
    return ("," if doubtful and delimiter == ";" else "."), doubtful


_ZERO: Final = Decimal(0)


def _with_point(text: str) -> str:
    if "." in text:
        raise InvalidOperation
    return text.replace(",", ".")


def _with_groups(text: str, mark: DecimalMark) -> Decimal:
    if _GROUPED[mark].fullmatch(text):
        text = re.sub(r"[^\d.,+-]", "", text).replace("," if mark == "." else ".", "").replace(mark, ".")
    elif mark == "," and "." in text:
        raise NoNumberError
    else:
        text = text.replace(mark, ".")
    try:
        return Decimal(text)
    except InvalidOperation:
        raise NoNumberError from None


def _or_none(text: str, mark: DecimalMark) -> Decimal | None:
    try:
        return to_number(text, mark)
    except NoNumberError:
        return None
