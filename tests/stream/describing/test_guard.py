"""Nothing that tells the verdict gets through, whatever a labeller writes; what it saw does."""

import re
import time
import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stream.describing.guard import WITHHELD, guarded
from stream.describing.labellers import prompts

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
    ("he came out on top", "he fell short"),
    ("she prevailed against her rival", "she bowed out against her rival"),
    ("the player advanced", "the player went down"),
    ("she pulled off an upset", "she fell short"),
]


# What tells a result without a word of winning or losing, and what of it must not be left.
TOLD = """
came out on top
he got through
pulled off an upset
upset the top seed
dominated the match
she dominated
she prevailed in the end
he bowed out early
he went down in straight sets
she went down fighting
she was knocked out
the player advanced
advanced to the next round
moves on to the semi-finals
was eliminated
beaten by a rival
a triumph for her
he fell short
came up short
she fell to a lower-ranked opponent
fell at the first hurdle
stunned her opponent
topped his opponent
edged out the favourite
crashed out of the tournament
out of the tournament
going home early
on the wrong end of the result
got the better of the seed
secured a place in the final
survived a scare
in three sets
6 4, 6 3
six four, six three
qualified for the quarter-final
came through in three
he sailed through
dropped the match
sent packing
an early exit
the end of her run
clinched it
her lips tightened and she went down
his smile shows that he got through
looking ahead to the next round
conceded
a dominant performance
an upset.
it did not go her way
""".strip().split("\n")
TELLS = re.compile(
    r"on top|through\b|upset|dominat|dominant|prevail|bowed out|went down|knocked|advance|next round|semi|"
    r"eliminat|beaten|triumph|short\b|fell\b|stunned|topped|edged|crashed|home|wrong|better of|"
    r"secured|surviv|sets|\b6\b|\bsix\b|qualif|dropped|packing|exit|\brun\b|clinch|conceded|her way"
)


@pytest.mark.parametrize("text", TOLD)
def test_a_result_in_other_words_does_not_survive(text):
    found = guarded(f"With pressed lips it is clear: {text}.")
    assert WITHHELD in found
    assert not TELLS.search(found.removeprefix("With pressed lips it is clear"))
    assert guarded(found) == found


def test_every_name_that_the_prompt_teaches_stays():
    (taught,) = re.findall(r"FACS: (.*)", prompts.load("cot_reflection").text)
    names = [re.sub(r"^[\d/ ]+", "", name).strip(". ") for name in re.split("[,;.:]", taught)]
    assert len(names) > 80
    assert [name for name in names if guarded(name) != name] == []
    assert guarded(f"AU{names[0]}") == f"AU{names[0]}"


def test_a_person_going_down_is_distinguished_from_mouth_corners():
    assert guarded("Her lips tightened and she went down") == "Her lips tightened and she …"
    assert guarded("His smile shows that Nadal went down", NAMES) == "His smile shows that …"
    assert guarded("He smiles. Went down fighting") == "He smiles. …"
    assert guarded("Then the lip corners, as far as one can see, went down") == (
        "Then the lip corners, as far as one can see, went down"
    )


@pytest.mark.parametrize(
    "text",
    """
lip corners went down
The lip corners went down and the brows fell
eyebrows fell
eyebrows rose and fell to rest
her gaze went down to the table
the smile fell short of the eyes
a smile came through
relief came through at 12 s
his head went down in his hands
the right side of the mouth rises
the upper lip advanced
he advanced his chin
AU4 dominates the clip
an upset look
upset, then calm
she looks crushed and stunned
the jaw dropped; the head drops
hands on top of the table
a smile came first
his shoulders went down, then they went further down
tears got through
the hand fell to the table
as the interview progressed, the smile faded
she went through her hair
he looks down at his opponent
the corners of the mouth were knocked askew
in advance of the question
He shakes his head, eyes close, gaze falls to the floor
open mouth, even brow, set jaw; second smile ends
bowed head
takes a seat, moves on the chair
""".strip().split("\n"),
)
def test_what_a_face_does_in_such_words_stays(text):
    assert guarded(text) == text


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


@pytest.mark.parametrize(
    "piece",
    [
        "confidence of of a the in win 6 - not a ",
        "went down edged the the lip 6 6 6 6 took her her came through ",
    ],
)
def test_work_grows_with_the_length_of_a_text_and_not_with_its_square(piece):
    """Patterns that look back without bound would take minutes."""

    def work(times: int) -> float:
        """Processor seconds of the quickest of three tries."""
        tries = []
        for _ in range(3):
            since = time.process_time()
            guarded(piece * times, NAMES)
            tries.append(time.process_time() - since)
        return min(tries)

    assert work(1600) < 24 * work(200), "eight times the text: eight times the work, sixty-four if squared"
