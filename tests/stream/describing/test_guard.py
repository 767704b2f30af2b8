"""Nothing that tells the verdict gets through, whatever a labeller writes; what it saw does."""

import re
import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stream.describing.guard import WITHHELD, guarded

# Written down apart from the guard's own lists.
TELLING = (
    "win wins won winner winners winning victory victories victor victorious victoriously triumph triumphant "
    "triumphs beat beats beating champion championship celebrates celebrating celebration congratulated "
    "success successful succeeded prevailed unbeaten undefeated trophy title lose loses lost loser losers "
    "losing loss losses defeat defeats defeated defeating defeatist beaten vanquished eliminated elimination "
    "ousted commiserations fail failed fails failing failure unsuccessful winless outclassed"
)
HARMLESS = (
    "lowers the brow and presses his lips, a fleeting smile of relief while she touches her neck at 12 s; "
    "looks down, disappointed, AU4 AU15+AU17 AU1/2 winces window wonder wont lose-fitting glossy beatific "
    "entitled"
)
FORBIDDEN, SEEN = TELLING.split(), HARMLESS.split()
NAMES = ["Iga Świątek", "Rafael Nadal", "Łukasz Kubot", "Alex de Minaur", "Li Na", "Jo-Wilfried Tsonga"]
PARTS = ("iga", "swiatek", "rafael", "nadal", "lukasz", "kubot", "alex", "minaur", "wilfried", "tsonga")


def words(text):
    """Lower-case words without accents, split at anything but letters."""
    plain = unicodedata.normalize("NFKD", text.replace("Ł", "L").replace("ł", "l")).casefold()
    plain = "".join(c for c in plain if not unicodedata.combining(c))
    return set(re.split(r"[^a-z]+", plain))


def spelt(word):
    """A word as somebody may write it."""
    shapes = (str, str.upper, str.title, lambda w: f"({w})", lambda w: f"{w}'s", lambda w: f"_{w}_")
    shapes += (lambda w: f'"{w}"', lambda w: f"{w},", lambda w: f"post-{w}", lambda w: f"{w[0]}\u200b{w[1:]}")
    return st.sampled_from([shape(word) for shape in shapes])


FIGURES = (
    "80%",
    "6-4",
    "7–6(5)",
    "6:4",
    "70 percent",
    "8/10",
    "three sets to one",
    "confidence 0.7",
    "3-0",
    "5 : 7",
)
SPOKEN = st.lists(
    st.one_of(
        st.sampled_from(FORBIDDEN).flatmap(spelt),
        st.sampled_from(SEEN),
        st.sampled_from([*PARTS, *NAMES, "Świątek", "SWIATEK"]).flatmap(spelt),
        st.sampled_from(FIGURES),
        st.text(max_size=6),
    ),
    max_size=14,
)


@settings(max_examples=300, deadline=None)
@given(SPOKEN)
def test_no_forbidden_word_or_name_survives(pieces):
    found = words(guarded(" ".join(pieces), NAMES))
    assert not found & set(FORBIDDEN)
    assert not found & set(PARTS)


@settings(max_examples=200, deadline=None)
@given(SPOKEN)
def test_twice_is_once(pieces):
    once = guarded(" ".join(pieces), NAMES)
    assert guarded(once, NAMES) == once


@settings(max_examples=200, deadline=None)
@given(st.lists(st.sampled_from(SEEN), min_size=1), st.sampled_from(FIGURES), st.lists(st.sampled_from(SEEN)))
def test_figures_do_not_survive(before, figure, after):
    found = guarded(" ".join(["It", *before, "then", figure, "and", *after]))
    assert figure not in found
    assert not re.search(r"\d\s*(%|percent|[-–]\s*\d|: ?\d)", found)


SIDES = [
    ("consistent with winning", "consistent with losing"),
    ("speaks for a win", "speaks for a loss"),
    ("The winner's smile.", "The loser's smile."),
    ("He looks victorious", "He looks defeated"),
    ("he beat his opponent", "he lost to his opponent"),
    ("80% sure of a win", "35 % sure of a loss"),
    ("did not lose the match", "did not win the match"),
    ("he did not lose", "he won"),
    ("won 6-4 6-3 in straight sets", "lost 2-6, 6-7(5) in straight sets"),
    ("dropped from evidence_win", "dropped from evidence_loss"),
    ("evidence_win 2 is weak", "evidence_loss 3 is weak"),
    ("through to the semi-finals, calm", "knocked out, calm"),
    ("a positive result", "a negative result"),
    ("win: 70, loss: 30", "win: 30, loss: 70"),
    ("70 for a win, 30 for a loss", "20 for a win, 80 for a loss"),
    ("confidence of win is about eighty", "confidence of win is about 20"),
    ("WIN", "LOSS"),
    ("victory over them", "defeat by them"),
]


@pytest.mark.parametrize(("one", "other"), SIDES)
def test_either_side_reads_the_same(one, other):
    assert guarded(one) == guarded(other)
    assert WITHHELD in guarded(one)


@pytest.mark.parametrize(
    "text",
    [
        "AU1/2, AU51/52 and AU 1-2 at 0:12, from 3-5 s and 12–15 seconds",
        "He won't look up; her window to wince is glossy",
        "a joyful, proud or disappointed look; sad, upset",
        "overcome with emotion, AU12 lip corner puller",
        "Set jaw. One hand, then two hands.",
    ],
)
def test_what_was_seen_stays(text):
    assert guarded(text, NAMES) == text


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("Świątek’s smile", "… smile"),
        ("SWIATEK'S smile", "… smile"),
        ("S\u0301wia\u0328tek smiles", "… smiles"),
        ("Kubot and Lukasz Kubot nod", "… nod"),
        ("Li Na nods, Li smiles, a light nap", "… nods, … smiles, a light nap"),
        ("Alex de  Minaur looks de facto calm", "… looks de facto calm"),
        ("Jo Wilfried Tsonga's", "…"),
        ("Nadalish nods", "Nadalish nods"),
    ],
)
def test_names_with_accents_and_possessives(text, left):
    assert guarded(text, NAMES) == left


def test_a_long_text_is_no_trap():
    """Patterns that look back would take minutes."""
    guarded("confidence of of a the in win 6 - not a " * 4000, NAMES)
