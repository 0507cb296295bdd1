"""A report in a few tiles: what was asked, what is shown."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

import numpy as np

from recognizer.facs import EMOTIONS

if TYPE_CHECKING:
    from recognizer.evaluate import Evaluation
    from recognizer.evaluation.comparison import EvaluatedClip

#: Measure → title, what it is.
_TILES = {
    "lip_audio_r_best": ("lips with loudness", "Pearson r at the best lag; real talkers .3 to .6"),
    "identity_similarity": ("same person", "1 − distance of face descriptors; above 0.4 the same"),
    "face_found": ("frames with a face", "share of all frames"),
}


def summary_html(found: Evaluation) -> str:
    """The first clip of an evaluation."""
    clip = found.clips[0]
    tiles = [*_felt(clip), *(_tile(clip, name) for name in _TILES)]
    asked = clip.asked.name if clip.asked is not None else "nothing"
    return (
        f'<div class="summary"><p>Asked: <b>{escape(asked)}</b>. Read back from the finished clip '
        f'by the recognizer:</p><div class="tiles">{"".join(tiles)}</div></div>'
    )


def _felt(clip: EvaluatedClip) -> list[str]:
    seen = clip.measures.success
    emotion = clip.measures.emotion[seen].mean(axis=0)
    first = int(np.nan_to_num(emotion).argmax())
    tiles = [_drawn(EMOTIONS[first], f"strongest, {emotion[first]:.2f}", "Mean probability")]
    place = clip.measures.valence_arousal[seen].mean(axis=0)
    for i, name in enumerate(("valence", "arousal")):
        asked = "" if clip.asked is None else np.nanmean(clip.asked.valence_arousal[:, i])
        beside = f", asked {_signed(asked)}" if asked != "" and np.isfinite(asked) else ""
        tiles.append(_drawn(_signed(place[i]), name + beside, "Mean over the clip, −1 to 1"))
    return tiles


def _tile(clip: EvaluatedClip, name: str) -> str:
    title, about = _TILES[name]
    if name in clip.metrics:
        return _drawn(f"{clip.metrics[name][0]:.2f}", title, about)
    return _drawn("–", title, f"Not measured: {clip.reasons.get(name, 'the reason is not known')}")


def _drawn(value: str, title: str, about: str) -> str:
    return f'<div title="{escape(about)}"><b>{escape(value)}</b>{escape(title)}</div>'


def _signed(value: float) -> str:
    return f"{value:+.2f}".replace("-", "−")
