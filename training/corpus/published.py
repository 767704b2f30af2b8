"""The published splits of iMiGUE, as data.

Track 3 of the MiGA challenge: the 37 training subjects are those of the data set's evaluation protocol (the
PDF in linuxsino/iMiGUE); the 104 test videos are of the other 35. The public list of test videos names 85
where the subjects give 86; the subjects decide here, as everything of a training subject is for training. Ten
training videos are the challenge's validation set (all wins, of five training subjects): no list of them is
public, so they stay in training and the split has no validation part of its own.

CVPR 2021, emotion: 102 training and 100 test videos, balanced, as that PDF lists them. 39 subjects stand
in both.
"""

from collections.abc import Sequence

from training.corpus.index import Entry, Split, listed
from training.corpus.protocols import own_split

TRACK3, CVPR2021 = "track3", "cvpr2021"


def _numbers(text: str) -> frozenset[int]:
    return frozenset(int(word) for word in text.split())


TRAIN_SUBJECTS = _numbers(
    "2 4 5 6 9 10 12 13 14 15 17 18 20 21 22 23 25 28 29 30 31 35 36 38 39 41 42 43 44 46 47 48 52 53 59 "
    "61 62"
)
TRACK3_TEST = _numbers(
    "54 67 69 70 71 72 74 77 79 85 98 105 106 109 110 111 112 114 116 118 125 126 133 135 138 144 148 154 "
    "156 161 163 166 167 168 169 196 198 200 201 205 208 212 213 220 235 237 238 241 242 243 244 262 274 "
    "280 292 303 318 320 322 327 329 346 349 355 368 371 375 378 380 385 396 406 410 411 413 414 415 416 "
    "417 421 423 424 425 428 429 431 436 437 438 439 440 441 442 443 444 445 446 447 448 449 450 451 452 "
    "453"
)
CVPR2021_TRAIN = _numbers(
    "1 7 8 11 26 27 46 47 48 53 55 57 63 66 67 74 77 84 85 86 91 96 102 103 104 105 106 108 109 112 114 "
    "117 124 132 134 140 148 157 161 162 163 164 167 169 170 172 176 186 196 216 233 236 237 239 240 241 "
    "242 243 249 252 266 290 297 300 306 310 314 318 319 320 324 334 339 359 360 365 369 377 381 385 392 "
    "402 407 410 411 413 414 415 420 429 433 435 436 440 441 445 448 449 450 451 452 453"
)
CVPR2021_TEST = _numbers(
    "9 10 12 16 28 35 43 49 50 51 52 54 56 60 71 72 83 89 95 100 107 110 111 121 131 136 144 145 165 166 "
    "168 171 174 179 185 191 193 212 220 223 230 231 232 234 235 238 244 246 254 258 262 263 268 270 276 "
    "280 282 303 304 311 312 313 315 316 317 322 323 325 327 328 329 333 337 341 343 344 363 374 400 401 "
    "403 404 405 406 408 416 417 419 421 428 430 431 437 438 439 442 443 444 446 447"
)


def imigue_splits(entries: Sequence[Entry], seed: int = 0) -> dict[str, Split]:
    """The published splits of iMiGUE for the available videos, by number, and our own."""
    return {**track3(entries), **cvpr2021(entries), **own_split(entries, seed)}


def track3(entries: Sequence[Entry]) -> dict[str, Split]:
    """Track 3 by subject; for unknown subjects, by the public list of test videos (see above)."""
    known = {e.id: e.subject.isdigit() for e in entries}
    train = [e for e in entries if known[e.id] and int(e.subject) in TRAIN_SUBJECTS]
    test = [
        e
        for e in entries
        if (known[e.id] and int(e.subject) not in TRAIN_SUBJECTS)
        or (not known[e.id] and _number(e) in TRACK3_TEST)
    ]
    other = sorted({_number(e) for e in test} ^ (TRACK3_TEST & {_number(e) for e in entries}))
    note = "MiGA challenge, Track 3, by subject; its ten validation videos, unlisted, are in train"
    if other:
        note += f"; not as in the public list of test videos: {listed(map(str, other))}"
    return _published(TRACK3, True, train, test, note)


def cvpr2021(entries: Sequence[Entry]) -> dict[str, Split]:
    """The emotion protocol of the data set's first paper. Its parts share subjects."""
    train = [e for e in entries if _number(e) in CVPR2021_TRAIN]
    test = [e for e in entries if _number(e) in CVPR2021_TEST]
    return _published(
        CVPR2021, False, train, test, "CVPR 2021 emotion protocol; shares subjects between parts"
    )


def _number(entry: Entry) -> int:
    return int(entry.id) if entry.id.isdigit() else -1


def _published(
    name: str, disjoint: bool, train: Sequence[Entry], test: Sequence[Entry], note: str
) -> dict[str, Split]:
    if not train or not test:
        return {}
    parts = {"train": tuple(e.id for e in train), "test": tuple(e.id for e in test)}
    return {name: Split(subject_disjoint=disjoint, parts=parts, note=note)}
