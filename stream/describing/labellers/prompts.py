"""Prompts as versioned files: what a labeller is asked, and how its answer is read.

The first line of ``prompts/NAME-VERSION.md`` names the form of the answer; ``{rules}`` in the text stands for
the prior rules, listed with a reason each in ``prompts/rules-VERSION.toml``. A published version never
changes: a new one is added. The prompts follow the order of thought of the hidden-emotion paper (CoT +
Reflection), whose wording is not public.
"""

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

import msgspec

from stream.describing.labellers.answer import SCHEMAS, Schema
from stream.errors import UsageError

PROMPTS = Path(__file__).with_name("prompts")
PLACE = "{rules}"
HEADER = re.compile(r"<!-- answer: (\w+) -->\n")
NAMED = re.compile(r"(?P<name>.+)-(?P<version>\d+)")


@dataclass(frozen=True, slots=True)
class Prompt:
    """A prompt with its rules filled in."""

    name: str
    version: str  # of the file, "1"; empty for a user's own file without a number
    text: str  # as it is sent
    schema: Schema  # of the answer
    sha256: str  # of the text

    @property
    def key(self) -> str:
        """Name, version and the first digits of the text's SHA-256: an edited rule gives another key."""
        return "-".join(filter(None, (self.name, self.version, self.sha256[:12])))


class Rule(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Something that is no evidence, and why."""

    rule: str
    reason: str


class _Rules(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    rules: list[Rule]


def load(name: str, rules: Path | None = None) -> Prompt:
    """A prompt by name ("cot_reflection": the newest, "cot_reflection-1": that one) or path of an .md file.

    ``rules``: another TOML file of prior rules. UsageError for a file that is missing or malformed, and for
    rules when the prompt has no place for them.
    """
    path = Path(name) if name.endswith(".md") else _newest(name)
    raw = _read(path, "a prompt")
    header = HEADER.match(raw)
    if header is None or header[1] not in SCHEMAS:
        raise UsageError(
            f"{path}: expected a first line <!-- answer: {' or '.join(SCHEMAS)} -->, found another; add it."
        )
    text = raw[header.end() :].strip() + "\n"
    if PLACE in text:
        text = text.replace(PLACE, _listed(read_rules(rules or _newest("rules", ".toml"))))
    elif rules is not None:
        raise UsageError(f"{path}: expected {PLACE} as a place for the rules, found none; leave them out.")
    sha256 = hashlib.sha256(text.encode()).hexdigest()
    return Prompt(*_named(path), text, SCHEMAS[header[1]], sha256)


def read_rules(path: Path) -> list[Rule]:
    """Prior rules from a TOML file. UsageError when it cannot be read."""
    try:
        return msgspec.toml.decode(_read(path, "a list of rules"), type=_Rules).rules
    except (msgspec.MsgspecError, ValueError) as error:
        raise UsageError(
            f"{path}: expected [[rules]] with rule and reason, found a malformed file ({error}); correct it."
        ) from error


def _listed(rules: list[Rule]) -> str:
    return "\n".join(f"{i}. {r.rule} Reason: {r.reason}" for i, r in enumerate(rules, 1))


def _newest(name: str, suffix: str = ".md") -> Path:
    """The built-in file of exactly this name and version, or the newest version of this name."""
    files = [(*_named(p), p) for p in PROMPTS.glob(f"*{suffix}")]
    chosen = [(int(version), p) for base, version, p in files if name in (base, p.stem)]
    if not chosen:
        known = ", ".join(sorted({base for base, *_ in files}))
        raise UsageError(f"{name}: expected a prompt ({known}) or an .md file, found none; choose one.")
    return max(chosen)[1]


def _named(path: Path) -> tuple[str, str]:
    """Name and version of a file; the version of a user's own file may be empty."""
    named = NAMED.fullmatch(path.stem)
    return (named["name"], named["version"]) if named else (path.stem, "")


def _read(path: Path, what: str) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path}: expected {what}, found no readable file; give another.") from error
