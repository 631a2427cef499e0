"""The vectors that HubSpot's own SDK publishes for version 3."""

import pytest

from cli.simulate.wire import sign_v3

SECRET = "yyyyyyyy-yyyy-yyyy-yyyy-yyyyyyyyyyyy"
BODY = b"{'example_field':'example_value'}"


@pytest.mark.parametrize(
    ("milliseconds", "signature"),
    [
        (1693657560000, "K36dawei4A+QBNolUOqo7s91KQDWQ5MXZ/QufNYuk/Y="),
        (1700000300000, "RnbPH7+UMKVkbV32P8bz450N4M56aPmcru1+D3kSDtw="),
    ],
)
def test_a_signature_is_the_one_that_hubspot_publishes(milliseconds: int, signature: str) -> None:
    signed = sign_v3(SECRET, uri="https://www.example.com/webhook_uri", body=BODY, now=milliseconds * 1000)
    expected = {"X-HubSpot-Signature-v3": signature, "X-HubSpot-Request-Timestamp": str(milliseconds)}
    assert signed == expected


def test_the_address_is_signed_as_hubspot_decodes_it() -> None:
    encoded, plain = (
        sign_v3(SECRET, uri=uri, body=BODY, now=1693657560000000)
        for uri in ("https://h.example/a%3Ab?x=%20", "https://h.example/a:b?x=%20")
    )
    assert encoded == plain
