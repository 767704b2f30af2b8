"""What a description may not tell the text branch: the verdict in words, how sure it is, scores and names.

A pseudo-label is the labeller's verdict. A text that carries it hands stage 2 its target as an input: the
text branch would learn to read one word and nothing of the person. What is withheld becomes one "…", the
same for either side, together with what clings to it ("beat", "lost to" and "did not win" alike).
Feelings stay: joy and disappointment are evidence.
"""

import re
import unicodedata
from collections.abc import Collection, Iterable

WITHHELD = "…"

# Whoever adds a word to one side adds its opposite to the other.
WIN = r"""
    win wins won(?!['’]t) winner winners winning winnings winnable victor victors victory victories
    victorious\w* beat beats beating triumph\w* prevail\w* conquer\w* overcame outplay\w* champion\w*
    celebrat\w* congratulat\w* trophy trophies title titles unbeaten undefeated
"""
LOSS = r"""
    lose loses lost loser losers losing loss losses defeat defeats defeated defeating defeatis[mt]
    beaten vanquish\w* outclass\w* commiserat\w* eliminat\w* oust\w* runner-up runners-up winless
    (?:knocked|crashed|bowed|dumped)[\s-]out
"""
EITHER = r"succe(?:ss|ed)\w* unsuccess\w* fail fails failed failing failure failures"
ROUND = r"(?:next|second|third|fourth|last)\s+round|(?:quarter|semi)?-?finals?"
ONWARD = rf"(?:advanc|progress|through|mov|reach)\w*\s+(?:(?:in)?to\s+)?(?:the\s+)?(?:{ROUND})"
KIND = r"positive|negative|favou?rable|unfavou?rable|good|bad|poor|great|desired|undesired|disappointing"
RESULT = rf"(?:{KIND})\s+(?:outcome|result|score)s?"
NOT = r"(?:(?:did|does|do|has|have|had|is|was|were)(?:\s+not|n['’]t)|not|never|no)\s+(?:an?\s+|the\s+)?"
CLINGING = r"\s+(?:to|against|over|by)(?!\w)"

NUMBER = r"\d+(?:[.,]\d+)?"
ONES = "one|two|three|four|five|six|seven|eight|nine"
TENS = rf"(?:ten|(?:twen|thir|for|fif|six|seven|eigh|nine)ty|hundred)(?:[\s-](?:{ONES}))?"
SURE = r"(?:confiden|probabilit|probable|certain|likel|chance|odds|sure)\w*"
SAID_OF = r"(?:is|of|at|was|level|score|about|around|roughly|for|a|the|in|win|loss)(?![^\W_])"
LINK = rf"(?:[\W_]{{1,3}}{SAID_OF}){{0,4}}[\W_]{{1,3}}"
CONFIDENCE = (
    rf"(?:{NUMBER}|{TENS})[\s-]*(?:%|per\s?cent(?!\w))",
    rf"(?<!AU)(?<!AU )(?<![\d/]){NUMBER}(?:\s*/\s*|\s+out\s+of\s+)(?:100?|ten|hundred)(?!\w)",
    r"(?<!AU)(?<!AU )(?<![\d/])\d[05]\s*/\s*\d[05](?![\d/])",
    rf"(?<!\w){SURE}{LINK}(?:{NUMBER}|{TENS})(?!\w)|(?<!\w){NUMBER}[\s-]+{SURE}",
)
COUNT = rf"(?:\d|love|nil|zero|{ONES})"
SECONDS = r"\s*-?(?:s|secs?|seconds?)(?!\w)"
SCORE = (
    # Not a range of seconds, a time ("0:12") or two action units ("AU1-2").
    r"(?<!AU)(?<!AU )(?<![\d.:])\d{1,2}\s?[-–—−]\s?\d{1,2}(?:\s?\(\d+\))?" rf"(?!\d|[:.]\d|{SECONDS})",
    r"(?<!AU)(?<!AU )(?<![\d.:/])[0-7]\s?[:/]\s?[0-7](?:\s?\(\d+\))?(?!\d|[:./]\d)",
    rf"(?<!\w){COUNT}[\s-]+(?:sets?|games?)[\s-]+(?:to|all|love|nil)(?:[\s-]+{COUNT})?(?!\w)",
    rf"(?<!\w)(?:love|nil|zero|{ONES})(?:\s+to\s+|-)(?:love|nil|zero|{ONES})(?:[\s-]+(?:sets?|games?))?(?!\w)",
    r"(?<!\w)straight[\s-]sets?(?!\w)",
)


def _words(*patterns: str) -> str:
    """Any of them between anything but letters and digits: ``evidence_win`` counts too."""
    return rf"(?<![^\W_])(?:{'|'.join(patterns)})(?![^\W_])"


def _compiled(*patterns: str) -> re.Pattern[str]:
    return re.compile("|".join(patterns), re.IGNORECASE)


BEFORE = rf"(?:(?<!\w){NUMBER}\s+(?:for|on|in\s+favou?r\s+of)\s+(?:an?\s+|the\s+)?|(?<![^\W_]){NOT})?"
AFTER = rf"(?:{CLINGING}|[\s:=(\[]{{1,3}}{NUMBER}(?!\w))?"
VERDICT = _compiled(
    BEFORE + _words(*WIN.split(), *LOSS.split()) + AFTER,
    BEFORE + _words(*EITHER.split(), ONWARD, RESULT),
)
FIGURES = _compiled(*CONFIDENCE, *SCORE)
RUN = re.compile(rf"{WITHHELD}(?:[\s,;:/&+_-]*(?:and|or)?[\s,;:/&+_-]*{WITHHELD})+")

PARTICLES = frozenset(
    ("al", "bin", "da", "de", "del", "der", "di", "dos", "du", "la", "le", "the", "van", "von")
)
SHORT = 2  # letters; a part of a name so short is a word as well, and counts only with a capital
VARIANTS = {"d": "dđð", "h": "hħ", "i": "iı", "l": "lł", "o": "oø", "t": "tŧ"}  # which no accent is part of


def guarded(text: str, names: Collection[str] = ()) -> str:
    """``text`` without verdict, confidences, scores and the ``names`` of people (also parts of them, without
    their accents, and possessive). What one run of them leaves is one "…"."""
    plain = "".join(c for c in unicodedata.normalize("NFKC", text) if unicodedata.category(c) != "Cf")
    plain = plain.replace("...", WITHHELD)
    for pattern, short in _names(names):
        plain = pattern.sub(_capital if short else WITHHELD, unicodedata.normalize("NFD", plain))
    plain = unicodedata.normalize("NFC", plain)
    # The figures first: what they are said of may be a word of the verdict.
    plain = VERDICT.sub(WITHHELD, FIGURES.sub(WITHHELD, plain))
    return " ".join(RUN.sub(WITHHELD, plain).split())


def _capital(found: re.Match[str]) -> str:
    return found[0] if found[0].islower() else WITHHELD


def _names(names: Iterable[str]) -> Iterable[tuple[re.Pattern[str], bool]]:
    """Patterns of whole names, then of their parts, the longest first; and whether a part is short."""
    parts = {p for name in names for p in re.split(r"[\s.\-]+", name) if p.casefold() not in PARTICLES}
    for group, short in ((set(names), 0), (parts, SHORT)):
        for name in sorted((n for n in group if len(n) > 1), key=lambda n: (-len(n), n)):
            spelt = rf"(?<![^\W_]){_spelt(name)}(?:['’]s?)?(?![^\W_])"
            yield re.compile(spelt, re.IGNORECASE), len(name) <= short


def _spelt(name: str) -> str:
    """A pattern for a name with or without its accents, in decomposed text."""
    found = []
    for letter in unicodedata.normalize("NFD", name.strip()):
        if unicodedata.combining(letter):
            continue
        alike = next((v for v in VARIANTS.values() if letter.lower() in v), "")
        if alike:
            found.append(f"[{alike}]")
        else:
            found.append(r"[\s\-]+" if letter in " -" else re.escape(letter))
        found.append("[\u0300-\u036f]*")
    return "".join(found)
