"""Answers from a file, made elsewhere: nothing leaves this machine.

{"id": "0001", "raw": {"confidence_win": 80, …}}      one JSON line per video, by id or by "sha256";
                                                       raw is the answer, as text or as JSON
"""

import json
from collections.abc import Collection
from pathlib import Path
from typing import Any

import msgspec

from stream.describing.labellers.answer import parse
from stream.describing.labellers.prompts import Prompt
from stream.describing.labellers.provider import Clip, Keep, Reply, Sampling, nothing
from stream.errors import DescriptionRefused, UsageError


class _Line(msgspec.Struct, frozen=True):
    raw: Any
    id: str | None = None
    sha256: str | None = None  # of the video file


class AnswersFile:
    """A labeller. UsageError for a file that cannot be read, and for the first malformed line."""

    name = "file"

    def __init__(self, path: Path) -> None:
        self._path = path
        self._raw: dict[str, str] = {}
        try:
            lines = path.read_text(encoding="utf-8").split("\n")  # a JSON string may hold other separators
        except (OSError, UnicodeDecodeError) as error:
            raise UsageError(f"{path}: expected answers, found no file that reads; give one.") from error
        for number, text in enumerate(lines, 1):
            if text.strip():
                self._add(number, text)

    def describe(self, clip: Clip, prompt: Prompt, sampling: Sampling, keep: Keep = nothing) -> Reply:
        """The answer for this video, by content first. DescriptionRefused when there is none."""
        raw = self._raw.get(clip.sha256, self._raw.get(clip.id))
        if raw is None:
            raise DescriptionRefused(
                f"{self._path}: expected an answer for {clip.id or clip.sha256[:12]}, found none; add a line."
            )
        reply = Reply(raw, parse(raw, prompt.schema), sampling.model)
        keep(reply)
        return reply

    def unmatched(self, known: Collection[str]) -> list[str]:
        """Ids and SHA-256 of answers that belong to none of the ``known`` videos, named by either."""
        return [key for key in self._raw if key not in known]

    def close(self) -> None:
        """There is nothing to clean up."""

    def _add(self, number: int, text: str) -> None:
        try:
            line = msgspec.json.decode(text, type=_Line)
        except msgspec.MsgspecError as error:
            raise UsageError(
                f"{self._path}, line {number}: expected JSON with id or sha256, and raw, found {text[:60]!r} "
                f"({error}); correct it."
            ) from error
        key = line.sha256 or line.id
        if not key or key in self._raw:
            raise UsageError(
                f"{self._path}, line {number}: expected an id or sha256 of its own, found {key!r}; "
                "correct it."
            )
        self._raw[key] = line.raw if isinstance(line.raw, str) else json.dumps(line.raw, ensure_ascii=False)
