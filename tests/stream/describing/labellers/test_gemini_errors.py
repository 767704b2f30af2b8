"""What Gemini's service says, as an answer's text or as one of our errors."""

from datetime import UTC, datetime

import pytest
from google.genai.errors import APIError

from stream.describing.labellers.gemini_errors import retry_after_s


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("5", 5.0),
        ("Sat, 21 Nov 2026 12:00:30 GMT", 30.0),
        ("Sat, 21 Nov 2026 11:00:00 GMT", 0.0),
        ("soon", None),
        ("", None),
    ],
)
def test_retry_after_is_a_number_or_a_date(header, seconds):
    class Response:
        headers = {"retry-after": header}  # noqa: RUF012

    error = APIError(429, {"error": {"message": "busy"}}, Response())
    assert retry_after_s(error, now=datetime(2026, 11, 21, 12, tzinfo=UTC)) == seconds
