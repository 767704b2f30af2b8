"""Reads a response of Gemini's service: an answer's text, or one of our errors."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import httpx2
from google.genai.errors import APIError
from google.genai.types import FinishReason, GenerateContentResponse

from stream.errors import (
    DescriptionDenied,
    DescriptionMalformed,
    DescriptionRefused,
    DescriptionRejected,
    DescriptionUnavailable,
)

CUT = (FinishReason.MAX_TOKENS, FinishReason.CONTINUATION)
LATER = (408, 409, 429)  # besides 5xx; 409: an earlier attempt uploaded the file
ITS_OWN = (400, 413, 415, 422)  # about this request alone, unless the message matches COMMON
GONE = (403, 404)  # for a missing file the service answers "forbidden, or may not exist"
FILE = re.compile(r"\bfiles?\b", re.IGNORECASE)
# The key, the account, the model, the form of the request: another video would change nothing.
COMMON = re.compile(
    r"api[ _]?key|credential|unauthenticated|permission|billing|quota|suspended|service_disabled|"
    r"location is not supported|"
    r"\bmodels/\S|\bmodel name\b|\b(?:unknown|invalid|unsupported) model\b|"
    r"\bmodel\b[^.;]{0,80}\b(?:not (?:found|exist|available)|(?:does|do) not exist|no longer)|"
    r"unknown name|invalid json payload",
    re.IGNORECASE,
)
LONGEST = 300  # characters of the service's words in a message


@dataclass(frozen=True, slots=True)
class Served:
    """An answer's text and the model that gave it."""

    text: str
    model: str | None  # as served


def read(response: GenerateContentResponse) -> Served:
    """The text of the first candidate. DescriptionRefused without one, DescriptionMalformed if cut short."""
    blocked = response.prompt_feedback and response.prompt_feedback.block_reason
    if blocked:
        raise DescriptionRefused(
            f"gemini: expected a description, found this video blocked ({blocked.value}); leave it out."
        )
    first = response.candidates[0] if response.candidates else None
    reason = first.finish_reason if first else None
    text = response.text or ""
    if reason in CUT:
        raise DescriptionMalformed(
            "gemini: expected a complete answer, found one cut off at the model's output limit; "
            "ask for less.",
            raw=text,
        )
    if reason not in (None, FinishReason.STOP) or not text.strip():
        found = reason.value if reason else "nothing said"
        raise DescriptionRefused(
            f"gemini: expected a description, found none ({found}); leave this video out."
        )
    return Served(text, response.model_version)


def tokens(response: GenerateContentResponse) -> tuple[int, int]:
    """Tokens in and out, the latter including the model's thoughts."""
    usage = response.usage_metadata
    if usage is None:
        return 0, 0
    return usage.prompt_token_count or 0, (usage.candidates_token_count or 0) + (
        usage.thoughts_token_count or 0
    )


@contextmanager
def translated(key: str) -> Iterator[None]:
    """Translate errors of the client and its connection into ours, one sentence each, without the key."""
    # `from None`: the client's errors may quote the request.
    try:
        yield
    except APIError as error:
        found = _short(f"{error.code} {error.status or ''}: {error.message or ''}", key)
        if error.code in LATER or error.code >= 500 or _of_a_file(error):
            raise DescriptionUnavailable(
                f"gemini: expected an answer, found {found}; try again later.", retry_after_s(error)
            ) from None
        if error.code in ITS_OWN and not _in_common(error):
            raise DescriptionRejected(
                f"gemini: expected this video to be accepted, found {found}; "
                "shorten or convert it, or leave it out."
            ) from None
        raise DescriptionDenied(
            f"gemini: expected the request to be accepted, found {found}; "
            "check the key, the model and the options."
        ) from None
    except httpx2.HTTPError as error:
        found = _short(f"{type(error).__name__} {error}", key)
        raise DescriptionUnavailable(
            f"gemini: expected a connection that holds, found {found}; check the network or try again later."
        ) from None
    except (KeyError, TypeError, ValueError) as error:  # raised inside the client by unexpected replies
        raise DescriptionUnavailable(
            f"gemini: expected a reply in its own form, found another ({type(error).__name__} in "
            "the client); check the address or try again later."
        ) from None


def _in_common(error: APIError) -> bool:
    """Whether every request would fail alike, by google.rpc's status, reasons and message."""
    reasons = (str(detail.get("reason", "")) for detail in _details(error))  # google.rpc.ErrorInfo
    return any(map(COMMON.search, (error.status or "", error.message or "", *reasons))) or (
        error.status == "FAILED_PRECONDITION"  # about the account: its region, its billing
    )


def _of_a_file(error: APIError) -> bool:
    """Whether an uploaded video no longer exists; the next attempt uploads it again."""
    return error.code in GONE and bool(FILE.search(error.message or ""))


def _details(error: APIError) -> Iterator[dict[str, object]]:
    body = error.details if isinstance(error.details, dict) else {}
    found = body.get("error")
    for detail in (found.get("details") if isinstance(found, dict) else None) or ():
        if isinstance(detail, dict):
            yield detail


def retry_after_s(error: APIError, now: datetime | None = None) -> float | None:
    """Seconds that the service asks to wait: its header, or the delay among the details."""
    headers = getattr(error.response, "headers", None) or {}
    header = str(headers.get("retry-after", "")).strip()
    if header.isdecimal():
        return float(header)
    if header:
        try:
            at = parsedate_to_datetime(header)
        except ValueError:
            return None
        return max(0.0, (at - (now or datetime.now(UTC))).total_seconds())
    for detail in _details(error):
        delay = str(detail.get("retryDelay", ""))  # "34s", google.rpc.RetryInfo
        if delay.endswith("s") and delay[:-1].replace(".", "", 1).isdecimal():
            return float(delay[:-1])
    return None


def _short(text: str, key: str) -> str:
    plain = " ".join(text.split()).replace(key, "…").rstrip(".; ")
    return plain if len(plain) <= LONGEST else f"{plain[:LONGEST]}…"
