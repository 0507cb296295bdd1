"""The affect head: action units of rendered strangers, emotions of judged faces, speed.

``python -m recognizer.bench.affect_head --data HEADS.npz --data FERPLUS_MOTION.npz -o JSON``
measures on the test split; each ``--clip FILM`` adds what the head reads from a film.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch

from recognizer.affect import AffectTrack
from recognizer.affect_reader import load_head, read_affect
from recognizer.bench.appearance import emotion_figures
from recognizer.data.motion_samples import MotionSamples, concatenate
from recognizer.data.motion_windows import MotionWindows
from recognizer.facs import AU_NAMES, EMOTIONS, PRESENT
from recognizer.metrics.classification import confusion_matrix, f1_scores, icc
from recognizer.models.affect_head import AffectHead

#: Geometry tells an action unit if its ICC on the validation people is at least this.
_TELLABLE = 0.6
#: In a film, action units count as shown if they reach ``PRESENT`` in this share of its frames.
_SHOWN_SHARE = 0.3


@torch.no_grad()
def rendered_figures(
    head: AffectHead, samples: MotionSamples, count: int = 1024, frames: int = 25, seed: int = 0
) -> dict[str, Any]:
    """Agreement with the truth on windows of rendered heads, with noise and blinks as in training.

    Returns:
        ``rest_known`` and ``rest_unknown`` (whether the person at rest is given), each with
        ``icc`` (ICC(3,1) over all frames) and ``f1`` (presence: intensity 1 or more) by action
        unit, their means, and ``within_std``: the share of frames whose error is below the
        standard deviation that the head names (68 % for a Gaussian).

    Raises:
        ValueError: no takes to compose windows from.
    """
    report: dict[str, Any] = {}
    for name, known in (("rest_known", 1.0), ("rest_unknown", 0.0)):
        windows = MotionWindows(samples, rest_known=known)
        if not len(windows):
            raise ValueError("the data has no takes of rendered heads")
        batch = windows.draw(np.random.default_rng(seed), count, frames)
        head.eval()
        out = head(batch.motion.to(head.device), batch.rest.to(head.device))
        guess = out.au.cpu().flatten(0, 1).numpy()
        spread = (0.5 * out.au_log_variance).exp().cpu().flatten(0, 1).numpy()
        truth = batch.au.flatten(0, 1).numpy()
        agreement, f1 = {}, {}
        for i, unit in enumerate(AU_NAMES):
            varies = np.ptp(truth[:, i]) > 0
            agreement[unit] = round(icc(truth[:, i], guess[:, i]), 4) if varies else None
            present = confusion_matrix(truth[:, i] >= PRESENT, guess[:, i] >= PRESENT, 2)
            value = f1_scores(present)[1]
            f1[unit] = None if np.isnan(value) else round(float(value), 4)
        report[name] = {
            "windows": count,
            "frames": frames,
            "mean_icc": _mean(agreement),
            "mean_f1": _mean(f1),
            "within_std": round(float((np.abs(guess - truth) < spread).mean()), 4),
            "icc": agreement,
            "f1": f1,
        }
    return report


@torch.no_grad()
def judged_figures(head: AffectHead, samples: MotionSamples) -> dict[str, Any] | None:
    """:func:`recognizer.bench.appearance.emotion_figures` of single pictures whose emotion is
    known, by their geometry alone; ``None`` where there are none."""
    alone = np.bincount(samples.take, minlength=1)[samples.take] == 1
    judged = samples[alone & np.isfinite(samples.emotion[:, 0])]
    if not len(judged):
        return None
    head.eval()
    out = head(torch.from_numpy(judged.motion)[:, None].to(head.device))
    return emotion_figures((out.logits[:, 0] / head.temperature).cpu(), judged.emotion)


@torch.no_grad()
def windows_per_second(head: AffectHead, frames: int = 25, batch: int = 64) -> float:
    """Windows of ``frames`` frames a second, best of ten batches, with the threads torch has."""
    head.eval()
    motion = torch.rand(batch, frames, 58, device=head.device)
    best = np.inf
    for _ in range(11):
        begin = time.perf_counter()
        head(motion).emotion.cpu()
        best = min(best, time.perf_counter() - begin)
    return batch / best


def film_figures(track: AffectTrack) -> dict[str, Any]:
    """What a track says as a whole, for JSON.

    Returns:
        ``emotion``: mean probabilities; ``strongest``: the highest of them but neutral; ``au``:
        median intensities of the action units that are present in a third of the frames;
        ``valence``, ``arousal``: means; ``jitter``: median change of an intensity from frame to
        frame, mean over the action units.
    """
    seen = track.success
    emotion = track.emotion[seen].mean(axis=0)
    present = (track.aus[seen] >= PRESENT).mean(axis=0) >= _SHOWN_SHARE
    median = np.median(track.aus[seen], axis=0)
    change = np.abs(np.diff(track.aus[seen], axis=0))
    valence, arousal = track.valence_arousal[seen].mean(axis=0)
    return {
        "frames": len(track),
        "strongest": EMOTIONS[1 + int(emotion[1:].argmax())],
        "emotion": {n: round(float(v), 3) for n, v in zip(EMOTIONS, emotion, strict=True)},
        "valence": round(float(valence), 3),
        "arousal": round(float(arousal), 3),
        "au": {n: round(float(median[i]), 2) for i, n in enumerate(AU_NAMES) if present[i]},
        "jitter": round(float(np.median(change, axis=0).mean()), 4) if len(change) else None,
    }


def _mean(values: dict[str, float | None]) -> float:
    return round(float(np.mean([v for v in values.values() if v is not None])), 4)


def benchmark(head: AffectHead, samples: MotionSamples) -> dict[str, Any]:
    """All figures of a head on the test split, for JSON.

    ``tellable``: for a person known and not known at rest, the action units that geometry tells
    (chosen on the validation people) and their mean ICC on the test people.
    """
    test = samples.of("test")
    chosen, rendered = rendered_figures(head, samples.of("valid")), rendered_figures(head, test)
    tellable = {}
    for known in ("rest_known", "rest_unknown"):
        units = [u for u, value in chosen[known]["icc"].items() if value and value >= _TELLABLE]
        values = [rendered[known]["icc"][unit] for unit in units]
        tellable[known] = {
            "units": units,
            "mean_icc": round(float(np.mean(values)), 4) if values else None,
        }
    return {
        "parameters": sum(p.numel() for p in head.parameters()),
        "windows_per_second_of_25_frames": round(windows_per_second(head)),
        "threads": torch.get_num_threads(),
        "people": len(np.unique(test.person[np.isfinite(test.activation[:, 0])])),
        "tellable": tellable,
        "rendered": rendered,
        "ferplus": judged_figures(head, test),
    }


def main() -> None:
    """The command line."""
    from recognizer.tracked_files import track_faces
    from recognizer.tracker import largest

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, action="append", required=True)
    parser.add_argument("--clip", type=Path, action="append", default=[])
    parser.add_argument("--model", type=Path, help="folder of a head; the packaged one without it")
    parser.add_argument("-o", "--output", type=Path, required=True)
    options = parser.parse_args()
    head = load_head(options.model)
    figures = benchmark(head, concatenate([MotionSamples.load(path) for path in options.data]))
    figures["films"] = {}
    for path in options.clip:
        face = largest(track_faces(path, max_faces=1))
        figures["films"][path.name] = film_figures(read_affect(face, head))
    options.output.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
