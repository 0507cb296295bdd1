"""How far a face's motion and its appearance can be relied on.

``python -m recognizer.train.reliability FERPLUS.npz -o recognizer/weights/reliability.json`` lets
both experts read the validation faces of FER+ and fits the powers by which
:func:`recognizer.fusion.fuse` counts them (see :func:`recognizer.fusion.calibrate`). Two minutes on
one core.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np

from recognizer.affect_reader import load_head
from recognizer.appearance_reader import load_appearance
from recognizer.bench.pictures import opinions
from recognizer.data.faces import LabelledFaces
from recognizer.data.ferplus import FerPlus
from recognizer.facs import EMOTIONS
from recognizer.fusion import Opinion, calibrate, fuse
from recognizer.models.affect_head import AffectHead
from recognizer.models.appearance import AppearanceNet


def fit(faces: LabelledFaces, head: AffectHead, network: AppearanceNet) -> dict:
    """Calibrate on labelled faces.

    Returns:
        ``{"reliability": {expert: 0..1}, "neutral": [8], "n", "accuracy": {expert or "fused":
        share}}``; ``neutral`` is what appearance says of faces called neutral (exponentials of the
        medians of its log-probabilities).
    """
    truth = faces.emotion.argmax(1)
    experts = opinions(faces, head, network)
    reliability = calibrate(experts, truth)
    counted = [
        Opinion(e.modality, e.valence_arousal, e.variance, e.emotion, reliability[e.modality])
        for e in experts
    ]

    def accuracy(emotion: np.ndarray) -> float:
        said = np.nan_to_num(emotion, nan=-1).argmax(1)
        return round(float((np.isfinite(emotion[:, 0]) & (said == truth)).mean()), 4)

    seen = experts[1].emotion[truth == EMOTIONS.index("neutral")]
    typical = np.exp(np.median(np.log(np.maximum(seen, 1e-5)), axis=0)) if len(seen) else []
    usual = {"neutral": [round(float(p), 5) for p in typical]} if len(seen) else {}
    shares = {e.modality: accuracy(e.emotion) for e in experts}
    return {
        "reliability": {name: round(value, 4) for name, value in reliability.items()},
        **usual,
        "n": len(faces),
        "accuracy": shares | {"fused": accuracy(fuse(counted).emotion)},
    }


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("ferplus", type=Path)
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--head", type=Path, help="folder; otherwise the packaged one")
    parser.add_argument("--appearance", type=Path, help="folder; otherwise the packaged one")
    options = parser.parse_args()
    faces = FerPlus.load(options.ferplus).faces("valid", "majority")
    found = fit(faces, load_head(options.head), load_appearance(options.appearance))
    options.output.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    print(json.dumps(found))


if __name__ == "__main__":
    main()
