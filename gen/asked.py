"""What a clip was asked to show, for whoever measures it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from gen.conditioning import Affect
from recognizer.evaluation.requests import Asked

_FPS = 25.0
#: What a timeline asks for later than this many seconds is not looked at.
_LONGEST = 3600.0


def asked_of(affect: Affect, name: str = "") -> Asked:
    """An intention as curves at 25 rows a second; of two sides the stronger counts.

    Action units alone say nothing of what is felt: then valence, arousal and emotion are NaN.

    Args:
        affect: the intention.
        name: what reports call it.
    """
    end = min(affect.keyframes[-1].at, _LONGEST)
    curves = affect.curves(np.arange(int(np.ceil(end * _FPS)) + 1) / _FPS)
    asked = Asked(curves.aus.max(axis=2), curves.valence_arousal, curves.emotion, _FPS, name)
    neutral = curves.emotion[:, 0].min() == 1 and not curves.valence_arousal.any()
    if neutral and asked.aus.any():
        nothing = [np.full_like(x, np.nan) for x in (asked.valence_arousal, asked.emotion)]
        asked = replace(asked, valence_arousal=nothing[0], emotion=nothing[1])
    return asked
