"""A labeller's answer: what is needed is checked strictly, what is around it is passed over.

Models write "70" or "70 %" for a number, add fields nobody asked for, and wrap their JSON in prose or
Markdown: that is read. A missing field, a number out of range or NaN is refused.

A model that is constrained to a schema writes the fields in their order, the paper's order of thought:
observations, evidence without verdict, reflection, confidences (hidden-emotion paper, CoT + Reflection).
"""

import re
from typing import Annotated, Protocol, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from stream.errors import DescriptionMalformed

_WRITTEN = re.compile(r"\A\s*(\d{1,3}(?:\.\d+)?)\s*%?\s*\Z")


def _number(value: object) -> object:
    """A confidence that was written as text, with or without a per cent sign."""
    written = _WRITTEN.match(value) if isinstance(value, str) else None
    return float(written[1]) if written else value


Confidence = Annotated[float, BeforeValidator(_number), Field(ge=0, le=100)]
Seconds = Annotated[float, Field(ge=0)]

FENCE = re.compile(r"\A\s*```(?:json)?\s*\n(.*)\n\s*```\s*\Z", re.DOTALL)  # Markdown around a pasted answer


class _Strict(BaseModel):
    model_config = ConfigDict(
        extra="ignore",
        frozen=True,
        strict=True,
        allow_inf_nan=False,
        json_schema_extra={"additionalProperties": False},  # what is asked for stays exact
    )


class ActionUnit(_Strict):
    """A movement of the face, the head or the hands."""

    code: str  # "AU4" in FACS terms, "PGCS" for a posture, "GACS" for a gesture
    name: str
    start_s: Seconds  # from the clip's start
    end_s: Seconds | None
    emotion: str


class Confident(Protocol):
    """Something with confidences of win and loss, 0..100 each; they need not add up to 100."""

    @property
    def confidence_win(self) -> float: ...

    @property
    def confidence_loss(self) -> float: ...


class _Derived:
    """What follows from both confidences; apart from the schemas, whose fields must keep their order."""

    @property
    def win(self: Confident) -> float:
        """Probability of win, 0..1: its share of both confidences; 0.5 when both are zero."""
        both = self.confidence_win + self.confidence_loss
        return self.confidence_win / both if both else 0.5

    @property
    def label(self: Confident) -> int | None:
        """1 win, 0 loss: the side with the larger confidence (the paper's pseudo-label); None for a tie."""
        if self.confidence_win == self.confidence_loss:
            return None
        return int(self.confidence_win > self.confidence_loss)


class Verdict(_Derived, _Strict):
    """The plain prompt's answer."""

    confidence_win: Confidence
    confidence_loss: Confidence


class Answer(_Derived, _Strict):
    """A whole answer."""

    action_units: list[ActionUnit]
    evidence_win: list[str]
    evidence_loss: list[str]
    reflection: list[str]
    confidence_win: Confidence
    confidence_loss: Confidence


Schema = type[Answer] | type[Verdict]
SCHEMAS: dict[str, Schema] = {"Answer": Answer, "Verdict": Verdict}
Kind = TypeVar("Kind", bound=_Strict)


def _json_in(raw: str) -> str:
    """The JSON object of a text: as it is, out of a Markdown fence, or from the first brace to the last."""
    if fenced := FENCE.match(raw):
        return fenced[1]
    first, last = raw.find("{"), raw.rfind("}")
    return raw[first : last + 1] if 0 <= first < last else raw


def parse(raw: str, schema: type[Kind]) -> Kind:
    """A model's text as a record. DescriptionMalformed, with the text, when it is none."""
    try:
        return schema.model_validate_json(_json_in(raw))
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        at = ".".join(map(str, first["loc"])) or "the text"
        raise DescriptionMalformed(
            f"expected JSON of {', '.join(schema.model_fields)}, found a fault at {at} "
            f"({first['msg'].splitlines()[0]}); ask again, or correct the answer.",
            raw=raw,
        ) from error
