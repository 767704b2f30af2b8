"""Withholds from a description what the text branch must not read: verdicts, confidences, scores and names.

A pseudo-label is the labeller's verdict. A text that contains it leaks stage 2's target into its input: the
text branch would learn that one word and nothing about the person. Each passage becomes one "…", the same for
either side, with the words attached to it ("beat", "lost to" and "did not win" alike). Feelings stay: joy and
disappointment are evidence.
"""

import re
import unicodedata
from collections.abc import Collection, Iterable

WITHHELD = "…"

# A word added to one side needs its opposite on the other.
WIN = r"""
    win wins won(?!['’]t) winner winners winning winnings winnable victor victors victory victories
    victorious\w* beat beats beating triumph\w* prevail\w* conquer\w* overcame outplay\w* champion\w*
    celebrat\w* congratulat\w* trophy trophies title titles unbeaten unbeatable undefeated invincib\w*
    outlast\w* outfought outmuscl\w* overpower\w* trounc\w* thrash\w* routed demolish\w* dethron\w* bested
    clinch\w*(?!\s+(?:jaw|teeth|fist|hand)) surviv\w* comebacks? medals? medall?ists? crowned cruised breezed
    finalists? semi-?finalists? knockouts? knock-outs? domination
"""
LOSS = r"""
    lose loses lost loser losers losing loss losses defeat defeats defeated defeating defeatis[mt]
    beaten vanquish\w* outclass\w* commiserat\w* eliminat\w* oust\w* runners?[\s-]up winless
    (?:knock|crash|bow|dump|boot)(?:ed|s|ing)?[\s-]out surrender\w* capitulat\w* conced\w* drubbing
    whitewash\w* squander\w*
"""
EITHER = r"succe(?:ss|ed)\w* unsuccess\w* fail fails failed failing failure failures"
ROUND = r"(?:next|second|third|fourth|last)\s+round|(?:quarter|semi)?-?finals?"
ROUNDS = rf"(?:(?:first|opening|\w+th)\s+round|round\s+of\s+\w+|{ROUND})"
ONWARD = rf"(?:advanc|progress|through|mov|reach)\w*\s+(?:on\s+)?(?:(?:in)?to\s+)?(?:the\s+)?(?:{ROUND})"
EVENT = r"(?:tournament|competition|championships?|event|draw|cup|slam|open)"
HIS = r"(?:his|her|their|the|an?|this)"
RIVALS = r"(?:opponent|rival|favou?rite|seed|number)s?"
RIVAL = rf"(?:{HIS}\s+)?(?:(?!(?:at|to|by|for|of|with)\b)[\w-]+\s+){{0,2}}{RIVALS}"
PHRASES = rf"""
    (?:c[ao]m|end|finish|emerg)\w*\s+(?:out\s+|up\s+|away\s+)?(?:on\s+top|ahead|second[\s-]best)
    (?:g[eo]t|made|mak\w+)\s+(?:it\s+)?(?:past|over\s+the\s+line)|(?:made|mak\w+)\s+it\s+through
    g[eo]t\w*\s+the\s+(?:better\s+of|job\s+done)|(?:job|mission)\s+(?:done|accomplished)
    (?:sail|cruis|scrap|squeez|breez|coast|storm|battl)\w*\s+(?:past|through)
    (?:edg|squeak)(?:e[ds]|ing)?\s+(?:out|past|by)|(?:saw|see[sn]?|seeing)\s+off
    (?:sent|send\w*)\s+(?:home|packing)|(?:go|goes|going|went|gone|head\w*)\s+home(?:\s+early)?
    (?:took|tak\w+|dropp\w*|seal\w*|secur\w*|book\w*)\s+(?:{HIS}\s+)?(?:\w+\s+)?(?:match|place|spot|ticket)
    (?:threw|throw\w*|g[ai]v\w*)\s+(?:it|{HIS}\s+\w+)\s+away|qualif\w+\s+for|next\s+round
    (?:early|shock|round|tournament)[\s-]+exit|exit\w*\s+(?:from\s+|in\s+)?(?:{HIS}\s+)?(?:{EVENT}|{ROUNDS})
    (?:went|go|goes|gone|going)\s+out\s+(?:in|of|at|to)\s+(?:{HIS}\s+)?(?:{EVENT}|{ROUNDS})
    (?:still\s+in|out\s+of)\s+(?:{HIS}\s+)?{EVENT}|(?:end|over)\s+(?:of|for)\s+{HIS}\s+(?:run|campaign|streak)
    (?:wrong|receiving)\s+(?:side|end)\s+of|right\s+side\s+of\s+(?:{HIS}\s+)?(?:result|score\w*|match)
    (?:went|go|goes|going|gone)\s+(?:his|her|their)\s+way
    (?:upset|stunn|shock|crush|toppl|top|swe[ep]|edg|humbl|dispatch|downe)\w*\s+{RIVAL}
    (?:pull\w*\s+off|caus\w*|complet\w*|suffer\w*|scor\w*|after|victim\s+of)\s+(?:an?|the)\s+(?:\w+\s+)?upset
    (?:big|bigger|biggest|major|huge|massive|giant|tournament)\s+upset|upset\s+(?:result|specialist|over|against)
    an\s+upset(?=\s*(?:[.,;:!?)]|$|(?:at|in|of|for|by)\b))|dominant\s+(?:performance|display|match|play|form)
"""
# These may describe a face ("lip corners went down"): withheld only of a person ("she went down").
DOUBTFUL = r"""
    (?:went|go|goes|gone|going)\s+(?:down(?:\s+(?:to|against|in|fighting|early)(?!\w))?|through|under|further)
    (?:fell|falls?|fallen|falling)\s+(?:just\s+)?(?:short|to|at|against|in)|c[ao]m\w*\s+up\s+(?:just\s+)?short
    (?:g[eo]t|gets|getting|came|comes|coming|pull(?:ed|s|ing))\s+through
    (?<!in\s)advanc(?:e[ds]?|ing)|dominat(?:e[ds]?|ing)
"""
PERSONS = r"s?he|players?|athlete|competitor|favou?rite|man|woman|person|who|having|being|I|we|you"
SHOWN = r"""
    eye eyebrow brow lid eyelid lash gaze glance lip mouth corner smile grin chin jaw tooth teeth tongue
    head face cheek nose nostril forehead neck throat shoulder chest torso body posture arm elbow hand wrist
    finger fist palm thumb knee leg hair breath blink nod shrug frown wince sigh tear expression gesture
    movement motion twitch tension intensity tone mood energy signal emotion feeling joy relief pride
    happiness satisfaction contempt warmth sadness anger fear disgust surprise disappointment frustration
    annoyance fatigue tiredness unease shame doubt interview answer clip video question
"""
BACK = 160  # characters before a match in which its subject is looked for
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
    rf"(?<!\w)(?:in\s+)(?:\d|{ONES})\s+sets(?!\w)",
    r"(?<!AU)(?<!AU )(?<!AUs )(?<![\d.:])[0-7]\s[0-7](?:,\s?[0-7]\s[0-7])+(?!\d|[:.]\d)",
    rf"(?<!\w)(?:six|seven)\s(?:love|zero|{ONES})(?=[,.;)]|$|\s(?:six|seven|and|in)(?!\w))",
    rf"(?<!\w)(?:love|nil|zero|{ONES})(?:\s+to\s+|-)(?:love|nil|zero|{ONES})(?:[\s-]+(?:sets?|games?))?(?!\w)",
    r"(?<!\w)straight[\s-]sets?(?!\w)",
)


def _words(*patterns: str) -> str:
    """Any of them, delimited by anything but letters and digits: ``evidence_win`` counts too."""
    return rf"(?<![^\W_])(?:{'|'.join(map(str.strip, patterns))})(?![^\W_])"


def _compiled(*patterns: str) -> re.Pattern[str]:
    return re.compile("|".join(patterns), re.IGNORECASE)


BEFORE = rf"(?:(?<!\w){NUMBER}\s+(?:for|on|in\s+favou?r\s+of)\s+(?:an?\s+|the\s+)?|(?<![^\W_]){NOT})?"
AFTER = rf"(?:{CLINGING}|[\s:=(\[]{{1,3}}{NUMBER}(?!\w))?"
VERDICT = _compiled(
    BEFORE + _words(*PHRASES.strip().splitlines(), *WIN.split(), *LOSS.split()) + AFTER,
    BEFORE + _words(*EITHER.split(), ONWARD, RESULT),
)
DOUBT = _compiled(BEFORE + _words(*DOUBTFUL.strip().splitlines()) + AFTER)
OF_A_FACE = rf"(?:{'|'.join(SHOWN.split())})s?"
MENTION = re.compile(
    rf"(?<!\w)(?:{PERSONS}|{WITHHELD}|(?P<face>AU\s?\d+|{OF_A_FACE}))(?!\w)|[.:;!?]", re.IGNORECASE
)
OBJECT = re.compile(rf"\s+(?:his|her|their|the)\s+{OF_A_FACE}(?!\w)", re.IGNORECASE)
FIGURES = _compiled(*CONFIDENCE, *SCORE)
RUN = re.compile(rf"{WITHHELD}(?:[\s,;:/&+_-]*(?:and|or)?[\s,;:/&+_-]*{WITHHELD})+")

PARTICLES = frozenset(
    ("al", "bin", "da", "de", "del", "der", "di", "dos", "du", "la", "le", "the", "van", "von")
)
SHORT = 2  # letters; so short a part of a name may be a word, and counts only with a capital
# Letters that do not decompose into a base and an accent.
VARIANTS = {
    "d": "dđð",
    "h": "hħ",
    "i": "iı",
    "l": "lł",
    "o": "oø",
    "t": "tŧ",
}


def guarded(text: str, names: Collection[str] = ()) -> str:
    """``text`` with verdicts, confidences, scores and the ``names`` of people withheld; of names also parts,
    spellings without accents, and possessives. Adjacent passages become one "…"."""
    plain = "".join(c for c in unicodedata.normalize("NFKC", text) if unicodedata.category(c) != "Cf")
    plain = plain.replace("...", WITHHELD)
    for pattern, short in _names(names):
        plain = pattern.sub(_capital if short else WITHHELD, unicodedata.normalize("NFD", plain))
    plain = unicodedata.normalize("NFC", plain)
    # Figures first: the word that they belong to may be a verdict.
    plain = VERDICT.sub(WITHHELD, FIGURES.sub(WITHHELD, plain))
    plain = DOUBT.sub(_unless_of_a_face, plain)
    return " ".join(RUN.sub(WITHHELD, plain).split())


def _unless_of_a_face(found: re.Match[str]) -> str:
    """Its subject is the last person or part of a face named in the sentence; an object of a face counts."""
    *_, last = (None, *MENTION.finditer(found.string, max(0, found.start() - BACK), found.start()))
    of_a_face = (last is not None and last["face"]) or OBJECT.match(found.string, found.end())
    return found[0] if of_a_face else WITHHELD


def _capital(found: re.Match[str]) -> str:
    return found[0] if found[0].islower() else WITHHELD


def _names(names: Iterable[str]) -> Iterable[tuple[re.Pattern[str], bool]]:
    """Patterns of whole names, then of their parts, longest first; and whether a part is short."""
    parts = {p for name in names for p in re.split(r"[\s.\-]+", name) if p.casefold() not in PARTICLES}
    for group, short in ((set(names), 0), (parts, SHORT)):
        for name in sorted((n for n in group if len(n) > 1), key=lambda n: (-len(n), n)):
            pattern = rf"(?<![^\W_]){_spelled(name)}(?:['’]s?)?(?![^\W_])"
            yield re.compile(pattern, re.IGNORECASE), len(name) <= short


def _spelled(name: str) -> str:
    """A pattern for a name with or without its accents, in decomposed text."""
    pieces = []
    for letter in unicodedata.normalize("NFD", name.strip()):
        if unicodedata.combining(letter):
            continue
        alike = next((v for v in VARIANTS.values() if letter.lower() in v), "")
        if alike:
            pieces.append(f"[{alike}]")
        else:
            pieces.append(r"[\s\-]+" if letter in " -" else re.escape(letter))
        pieces.append("[\u0300-\u036f]*")
    return "".join(pieces)
