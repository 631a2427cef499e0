import pytest

from services.alerts.adapters.standard_webhooks import signature, signed_headers
from tests.support.alerts_fakes import T0

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
MESSAGE, TIMESTAMP, BODY = "msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330", b'{"test": 2432232314}'
PUBLISHED = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
"""The vector of the reference libraries."""


def test_the_signature_is_that_of_the_reference_libraries() -> None:
    assert signature(SECRET, message_id=MESSAGE, timestamp=TIMESTAMP, body=BODY) == PUBLISHED


def test_the_prefix_may_be_missing() -> None:
    bare = SECRET.removeprefix("whsec_")
    assert signature(bare, message_id=MESSAGE, timestamp=TIMESTAMP, body=BODY) == PUBLISHED


@pytest.mark.parametrize("secret", ["whsec_", "whsec_no base64!"])
def test_a_secret_that_is_no_key_is_refused(secret: str) -> None:
    with pytest.raises(ValueError, match="whsec_"):
        signature(secret, message_id=MESSAGE, timestamp=TIMESTAMP, body=BODY)


def test_the_timestamp_is_that_of_the_attempt_in_seconds() -> None:
    assert signed_headers(SECRET, message_id=MESSAGE, body=BODY, now=T0)["webhook-timestamp"] == "1795428000"


def test_without_a_secret_nothing_pretends_to_be_signed() -> None:
    assert "webhook-signature" not in signed_headers("", message_id=MESSAGE, body=BODY, now=T0)
