"""What of a delivery may stay, and what stands for the rest."""

from __future__ import annotations

import json
from typing import Any

import pytest

from cli.capture.bodies import Uncapturable, replaced_body
from cli.capture.pseudonyms import Pseudonyms
from services.ingest.domain.delivery import Delivery

NAMES = Pseudonyms(b"k" * 32, words=frozenset({"Unterschrieben"}))


def shown(body: Any) -> Any:
    written = body if isinstance(body, bytes) else json.dumps(body, ensure_ascii=False).encode()
    return json.loads(replaced_body(Delivery(method="POST", headers={}, body=written), NAMES))


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("subscriptionType", "deal.propertyChange"),
        ("Stage", "Closed Won"),
        ("anything", "Unterschrieben"),
        ("occurred_at", "2026-03-02T15:04:54.123Z"),
        ("OperationCreatedOn", "/Date(1772463896000-0700)/"),
        ("Closing_Date", "2026-03-31"),
        ("duration", "00:30:00"),
        ("owner_id", "12415231"),
        ("id", "ev_2sYKRjcrA79yKxi3S4Crd7"),
        ("Anything", "d1a1c9b4-55aa-ee11-be37-000d3a8f1c22"),
        ("amount", "999999999999999999.99"),
        ("amount", 12.5),
        ("isSensitive", True),
        ("amount", None),
        ("note", ""),
    ],
)
def test_what_a_number_depends_on_stays(key: str, value: Any) -> None:
    assert shown({key: value}) == {key: value}


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("name", "Ana Ruiz"),
        ("Last_Name", "Müller"),
        ("email", "ana@example.org"),
        ("owner_id", "ana@example.org"),
        ("rep", "ana"),
        ("type", "ana@example.org"),
        ("Mobile", "123456789"),
        ("Mobile", 123456789),
        ("phone", "+49 30 1234567"),
        ("anything", "+49 30 1234567"),
        ("anything", "123456789"),
        ("Date_of_Birth", "2012-05-01"),
        ("geburtstag", "1980-05-01"),
        ("description", "Called Ana, 2026-03-02, about 5000 EUR"),
        ("website", "https://ana-ruiz.example.org/about"),
        ("token", "12345"),
        ("access_token", "2026-03-02"),
        ("SessionId", "00D1!AQ4"),
    ],
)
def test_what_says_something_of_a_person_does_not_stay(key: str, value: Any) -> None:
    assert str(value) not in json.dumps(shown({key: value}), ensure_ascii=False)


def test_the_same_person_has_the_same_pseudonym_wherever_she_is() -> None:
    body = shown([{"owner_name": "Ana Ruiz", "data": {"contact": "ana  ruiz"}}, {"note": "ANA RUIZ"}, {"note": "Bea"}])
    first, second, other = body[0]["owner_name"], body[0]["data"]["contact"], body[2]["note"]
    assert first == second == body[1]["note"] != other


def test_another_run_has_other_pseudonyms() -> None:
    assert Pseudonyms(b"a" * 32).instead_of("Ana Ruiz") != Pseudonyms(b"b" * 32).instead_of("Ana Ruiz")


@pytest.mark.parametrize("value", ["ana@example.org", "https://example.org/ana", "+49 30 1234567"])
def test_a_pseudonym_has_the_form_of_what_it_stands_for(value: str) -> None:
    pseudonym = NAMES.instead_of(value)
    assert ("@" in pseudonym, "://" in pseudonym, pseudonym.startswith("+")) == (
        "@" in value,
        "://" in value,
        value.startswith("+"),
    )


def test_a_member_that_names_the_field_of_another_decides_on_it() -> None:
    body = [
        {"propertyName": "firstname", "propertyValue": "2026-03-02 Ana"},
        {"propertyName": "amount", "propertyValue": "12"},
        {"key": "mobilephone", "value": {"Value": 123456789}},
        {"key": "estimatedvalue", "value": {"Value": 123456789}},
    ]
    first, second, third, fourth = shown(body)
    assert (first["propertyValue"] == body[0]["propertyValue"], second) == (False, body[1])
    assert (third["value"]["Value"] == 123456789, fourth) == (False, body[3])


def test_numbers_and_escaped_slashes_stay_as_they_were_written() -> None:
    delivery = Delivery(method="POST", headers={}, body=b'{"value":1.50,"date":"\\/Date(1772463896000)\\/"}')
    assert replaced_body(delivery, NAMES) == delivery.body


def test_a_text_beyond_ascii_stays_one() -> None:
    assert not shown({"name": "Müller"})["name"].isascii()


ENVELOPE = (
    b'<?xml version="1.0"?><a xmlns="urn:x"><SessionId>00D!x9</SessionId><sf:Name xsi:type="sf:Text">%s</sf:Name></a>'
)


def test_xml_keeps_its_elements() -> None:
    body = replaced_body(Delivery(method="POST", headers={}, body=ENVELOPE % b"Ana &amp; Bea"), NAMES)
    assert (b"Ana" in body, b"00D!x9" in body) == (False, False)
    assert body.startswith(b'<?xml version="1.0"?><a xmlns="urn:x"><SessionId>Text ')


@pytest.mark.parametrize(
    "body",
    [
        b"Ana",
        b"\xff",
        b"<a>Ana<b>x</b></a>",
        b'<a title="Ana"/>',
        b"<a><!-- Ana --></a>",
        b"<a><![CDATA[Ana]]></a>",
        b"<a>\xff</a>",
        b"[" * 60 + b"]" * 60,
    ],
)
def test_what_we_cannot_see_through_is_left_out(body: bytes) -> None:
    with pytest.raises(Uncapturable):
        replaced_body(Delivery(method="POST", headers={}, body=body), NAMES)
