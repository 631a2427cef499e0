"""Lines of a file: what each says, which number it has, and what is no event."""

from __future__ import annotations

from io import BytesIO
from typing import Any

import pytest

from cli.history.lines import MAX_LINE_BYTES, FileUnusable, Form, Line, Unreadable, form_of, head_of, lines_of

HEAD = b"id,type,occurred_at,fields.amount,fields.note\n"


def lines(content: bytes, form: Form = Form.CSV) -> list[Line]:
    return list(lines_of(BytesIO(content), form))


def only(content: bytes, form: Form = Form.CSV) -> Any:
    (line,) = lines(content, form)
    return line.value


def test_the_first_character_tells_the_form() -> None:
    assert form_of(BytesIO(b'\xef\xbb\xbf\n {"id": 1}')) is Form.JSON_LINES
    assert form_of(BytesIO(b"\xef\xbb\xbfid,type")) is Form.CSV


@pytest.mark.parametrize("content", [b"", b" \n\n", b'[\n{"id": 1}]'])
def test_what_holds_no_lines_of_events_is_refused(content: bytes) -> None:
    with pytest.raises(FileUnusable):
        form_of(BytesIO(content))


def test_json_lines_keep_their_numbers_bytes_and_exact_figures() -> None:
    found = lines(b'{"id": "a", "fields": {"amount": 1200.50}}\n\n {"id": "b"}', Form.JSON_LINES)

    assert [(line.number, line.raw) for line in found] == [
        (1, b'{"id": "a", "fields": {"amount": 1200.50}}\n'),
        (3, b' {"id": "b"}'),
    ]
    assert found[0].value == {"id": "a", "fields": {"amount": "1200.50"}}


@pytest.mark.parametrize("content", [b"{", b"null", b'[{"id": "a"}]', b"\xff", b'{"a": NaN}', b"{} {}", b"[]"])
def test_a_line_that_is_no_object_is_told(content: bytes) -> None:
    assert isinstance(only(content, Form.JSON_LINES), Unreadable)


@pytest.mark.parametrize(("form", "start"), [(Form.JSON_LINES, b'{"id": "'), (Form.CSV, HEAD + b"a,call.logged,")])
def test_a_line_without_an_end_is_passed_over_in_bounded_memory(form: Form, start: bytes) -> None:
    after = b'{"id": "b"}' if form is Form.JSON_LINES else b"b,call.logged,now,,"
    long, good = lines(start + b"x" * (3 * MAX_LINE_BYTES) + b"\n" + after, form)

    assert isinstance(long.value, Unreadable) and len(long.raw) <= MAX_LINE_BYTES + 1
    assert isinstance(good.value, dict) and good.value["id"] == "b"


def test_a_row_says_what_its_cells_say() -> None:
    assert only(HEAD + b"a,deal.won,2026-11-23T09:30:00Z,1200.00,\n") == {
        "id": "a",
        "type": "deal.won",
        "occurred_at": "2026-11-23T09:30:00Z",
        "fields": {"amount": "1200.00"},
    }


@pytest.mark.parametrize(
    ("cell", "value"), [(r"\null", None), (r"\true", True), (r"\false", False), (r"\\null", r"\null"), (r"\\", "\\")]
)
def test_a_backslash_begins_what_is_no_plain_text(cell: str, value: object) -> None:
    assert only(HEAD + f"a,deal.won,now,{cell},".encode())["fields"] == {"amount": value}


def test_an_unknown_literal_is_told_with_its_column() -> None:
    found = only(HEAD + rb"a,deal.won,now,\N,")

    assert isinstance(found, Unreadable) and found.remedy.startswith("fields.amount")


def test_a_row_over_several_lines_has_the_number_of_its_first() -> None:
    found = lines(HEAD + b'a,deal.won,now,,"two\nlines"\n\nb,deal.won,now,,\n')

    assert [line.number for line in found] == [2, 5]
    assert found[0].raw == b'a,deal.won,now,,"two\nlines"\n'
    assert isinstance(found[0].value, dict) and found[0].value["fields"] == {"note": "two\nlines"}


@pytest.mark.parametrize("row", [b"a,deal.won", b"a,b,c,d,e,f", b'a,"deal"won,now,,', b"a,deal.won,now,,caf\xe9"])
def test_a_row_that_does_not_fit_is_told_and_kept_as_it_is(row: bytes) -> None:
    bad, good = lines(HEAD + row + b"\nb,deal.won,now,,\n")

    assert isinstance(bad.value, Unreadable) and bad.raw == row + b"\n"
    assert isinstance(good.value, dict)


def test_a_quote_that_never_ends_is_told() -> None:
    found = lines(HEAD + b'a,deal.won,now,,"never\n' + b"more\n" * 400_000)

    assert isinstance(found[0].value, Unreadable) and found[0].number == 2


@pytest.mark.parametrize(
    ("head", "words"),
    [
        (b"id;type;occurred_at\n", "commas"),
        (b"id,type,occured_at\n", "occured_at"),
        (b"id,type\n", "occurred_at"),
        (b"id,type,occurred_at,id\n", "twice"),
        (b"id,type,occurred_at,fields.\n", "fields"),
    ],
)
def test_a_wrong_head_is_told(head: bytes, words: str) -> None:
    with pytest.raises(FileUnusable, match=words):
        lines(head + b"a,b,c\n")


def test_the_head_of_a_table_is_kept_for_its_bad_lines() -> None:
    assert head_of(BytesIO(b"\xef\xbb\xbf" + HEAD + b"a,b,c,,\n")) == HEAD
