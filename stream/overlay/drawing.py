"""Draws box, points and bones over a picture, and the confidence under it."""

from collections.abc import Sequence

import cv2
import numpy as np

from stream.records import Image, Portrait, Pose, two_digits
from stream.skeleton import BODY, BONES, COUNT, FACE, LEFT_HAND

SPAN_S = 60.0  # media seconds that the curve shows
_Colour = tuple[int, int, int]  # RGB

_BOX: _Colour = (255, 214, 64)
_BODY: _Colour = (64, 200, 255)
_FACE: _Colour = (140, 255, 140)
_LEFT: _Colour = (255, 120, 200)
_RIGHT: _Colour = (255, 160, 64)
_INK: _Colour = (235, 235, 235)
_FAINT: _Colour = (110, 110, 118)
_PAPER: _Colour = (24, 24, 28)
_WIN: _Colour = (90, 210, 130)
_LOSS: _Colour = (235, 110, 100)
_FONT = cv2.FONT_HERSHEY_SIMPLEX
_SUB = 4  # binary places that cv2 draws between pixels


def draw(
    image: Image,
    portrait: Portrait | None,
    pose: Pose | None,
    history: Sequence[tuple[float, float | None]],
    state: str,
    now: float | None = None,
    note: str = "",
) -> Image:
    """A new picture uint8 [H + panel_height(H), W, 3]: box and points above, the confidence below.

    ``history`` holds (media seconds, win or None), oldest first; ``now`` is the right end of the curve, by
    default the last of them. ``state`` and ``note`` are written verbatim (ASCII).
    """
    height, width = image.shape[:2]
    canvas = np.empty((height + panel_height(height), width, 3), np.uint8)
    canvas[:height] = image
    _draw_person(canvas[:height], portrait, pose)
    _draw_panel(canvas[height:], history, state, now, note)
    return canvas


def draw_inspection(image: Image, portrait: Portrait | None, pose: Pose | None) -> Image:
    """A copy of ``image`` uint8 [H, W, 3] with the portrait's box and the valid points and bones."""
    canvas = image.copy()
    _draw_person(canvas, portrait, pose)
    return canvas


def panel_height(height: int) -> int:
    """Height in pixels of the panel under a picture of ``height``."""
    return max(72, height // 5)


def _draw_person(canvas: Image, portrait: Portrait | None, pose: Pose | None) -> None:
    thick = max(1, round(min(canvas.shape[:2]) / 400))
    if portrait is not None:
        x0, y0, x1, y1 = (round(side) for side in portrait.box)
        cv2.rectangle(canvas, (x0, y0), (x1, y1), _BOX, thick)
        _write(canvas, two_digits(portrait.score), (x0 + 3 * thick, y0 + 14 * thick), _BOX, 0.4 * thick)
    if pose is None:
        return
    # cv2 takes 32-bit coordinates only; a limb beyond the frame is still drawn up to its edge.
    limit = 4 * max(canvas.shape[:2])
    points = np.nan_to_num(np.clip(pose.points, -limit, limit))
    at = [(int(x), int(y)) for x, y in np.round(points * (1 << _SUB))]
    for a, b in BONES:
        if pose.valid[a] and pose.valid[b]:
            cv2.line(canvas, at[a], at[b], _colour(b), thick, cv2.LINE_AA, _SUB)
    for i in range(COUNT):
        if pose.valid[i]:
            radius = (2 * thick + 1 if i < FACE.start else thick) << _SUB
            cv2.circle(canvas, at[i], radius, _colour(i), -1, cv2.LINE_AA, _SUB)


def _colour(point: int) -> _Colour:
    if point < BODY.stop:
        return _BODY
    if point < FACE.stop:
        return _FACE
    return _LEFT if point < LEFT_HAND.stop else _RIGHT


def _draw_panel(
    panel: Image, history: Sequence[tuple[float, float | None]], state: str, now: float | None, note: str
) -> None:
    height, width = panel.shape[:2]
    panel[:] = _PAPER
    scale = height / 140
    line = max(12, round(26 * scale))
    top, bottom = line + 6, height - (line if note else 8)
    thick = max(1, round(1.5 * scale))
    if now is None:
        now = history[-1][0] if history else 0.0

    def spot(pts: float, win: float) -> tuple[int, int]:
        x = (width - 6) * (1 - (now - pts) / SPAN_S)
        return round(x), round(bottom - (bottom - top) * min(max(win, 0.0), 1.0))

    for level in (0.0, 0.5, 1.0):
        y = spot(now, level)[1]
        cv2.line(panel, (0, y), (width, y), _FAINT, 1)
    _write(panel, "0.5", (4, spot(now, 0.5)[1] - 3), _FAINT, 0.45 * max(scale, 0.7))
    if bottom - top > 50:
        _write(panel, "win", (4, top + 12), _FAINT, 0.4)
        _write(panel, "loss", (4, bottom - 4), _FAINT, 0.4)
    before: tuple[float, float] | None = None
    for pts, win in history:
        if win is None or pts < now - SPAN_S:
            before = None
            continue
        if before is not None:
            colour = _WIN if win >= 0.5 else _LOSS
            cv2.line(panel, spot(*before), spot(pts, win), colour, thick, cv2.LINE_AA)
        before = (pts, win)
    if before is not None:
        colour = _WIN if before[1] >= 0.5 else _LOSS
        cv2.circle(panel, spot(*before), 2 * thick, colour, -1, cv2.LINE_AA)
    _write(panel, state, (6, line - 3), _INK, 0.7 * max(scale, 0.7))
    if note:
        _write(panel, note, (6, height - 5), _FAINT, 0.5 * max(scale, 0.8))


def _write(canvas: Image, text: str, at: tuple[int, int], colour: _Colour, scale: float) -> None:
    """Writes ``text``, smaller if it does not fit; characters beyond the font become question marks."""
    plain = text.encode("ascii", "replace").decode()
    (wide, _), _ = cv2.getTextSize(plain, _FONT, scale, 1)
    scale *= min(1.0, (canvas.shape[1] - at[0] - 2) / max(wide, 1))
    if scale > 0.05:
        cv2.putText(canvas, plain, at, _FONT, scale, colour, max(1, round(scale)), cv2.LINE_AA)
