"""Asked against performed: expressions in motion, read back by the affect head.

``python -m gen.bench.expression --data RECORDS --json docs/figures/expression.json`` compares the
rule (:mod:`gen.expression`) with the affect branch, alone and guided by the recognizer.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from gen.bench.motion import lip_opening
from gen.conditioning import Affect
from gen.mixing import with_affect, with_residual
from gen.motion import MotionGenerator
from gen.sampling import Sampling
from recognizer.affect_reader import read_motion, resting_coefficients
from recognizer.facs import ARKIT_NAMES, AU_INDEX, EMOTIONS
from recognizer.metrics.agreement import concordance, pearson
from recognizer.models.affect_head import AffectHead
from recognizer.motion import MotionTrack

#: Action units of expressions that the head reads (ICC of 0.25 and more with the person at rest
#: known); those of lips that part and of blinks are speech's and chance's.
READ_UNITS = (
    "AU01", "AU02", "AU04", "AU05", "AU07", "AU09", "AU10", "AU12", "AU14", "AU15", "AU20",
)  # fmt: skip
#: Columns of expressions that speech and chance leave alone.
_CALM = [
    i for i, name in enumerate(ARKIT_NAMES)
    if name.startswith(("brow", "mouthSmile", "mouthFrown", "noseSneer", "cheekSquint", "eyeWide"))
]  # fmt: skip
#: Of a neutral clip in which the mouth talks, this quantile is the person at rest.
_REST_QUANTILE = 0.4
#: Change of an asked coefficient that counts as held still, and how much of it as an expression.
_STILL, _SHOWN = 1e-4, 0.15


@dataclass(frozen=True)
class Performed:
    """One clip's motion at 25 fps.

    Attributes:
        affect: what was asked for.
        neutral: the speech without it.
        shown: the speech with it.
        real: the speaker's own motion, where there is one.
    """

    affect: Affect
    neutral: MotionTrack
    shown: MotionTrack
    real: MotionTrack | None = None

    @property
    def times(self) -> np.ndarray:
        """Seconds ``[T]`` of the frames."""
        return (np.arange(len(self.shown)) + 0.5) / self.shown.fps


#: Speech features and a seed → a performance.
Perform = Callable[[np.ndarray, Affect, int, MotionTrack | None], Performed]


def ruled(motion: MotionGenerator, sampling: Sampling) -> Perform:
    """Performances by the rule."""

    def perform(features, affect, seed, real=None) -> Performed:
        generator = torch.Generator().manual_seed(seed)
        neutral = motion(features, sampling, generator=generator)
        return Performed(affect, neutral, _joined(with_affect([neutral], affect, 25.0)), real)

    return perform


def diffused(motion: MotionGenerator, sampling: Sampling) -> Perform:
    """Performances by the model's affect branch."""

    def perform(features, affect, seed, real=None) -> Performed:
        generator = torch.Generator().manual_seed(seed)
        parts = motion.stream_with_affect(features, affect, sampling, generator=generator)
        tracks, residuals = zip(*parts, strict=True)
        shown = _joined(with_residual(tracks, residuals, 25.0))
        return Performed(affect, _joined(tracks), shown, real)

    return perform


def _joined(tracks) -> MotionTrack:
    return MotionTrack.from_vectors(np.concatenate([t.to_vectors() for t in tracks]), 25.0)


def expression_benchmark(
    clips: Sequence[tuple[np.ndarray, MotionTrack]], perform: Perform, head: AffectHead
) -> dict:
    """Clips with the standard demands in turn.

    Args:
        clips: speech features ``[T, D]`` and the speaker's own motion.
        perform: what is measured.
        head: reads.

    Returns:
        :func:`expression_figures`; ``rise``: median seconds from 10 to 90 % where an emotion is
        asked for from one frame to the next; ``seeds``: deviation between four seeds.
    """
    demands = standard_demands()
    made = [
        perform(features, demands[i % len(demands)], 0, real)
        for i, (features, real) in enumerate(clips)
    ]
    report = expression_figures(made, head)
    rises = [rise_time(clip) for clip in made if len(clip.affect.keyframes) > 1]
    rises = [seconds for seconds in rises if np.isfinite(seconds)]
    report["rise"] = _rounded(np.median(rises)) if rises else None
    seeds = [perform(clips[0][0], demands[1], seed, None) for seed in range(4)]
    report["seeds"] = _rounded(seed_deviation(seeds))
    return report


def expression_figures(clips: Sequence[Performed], head: AffectHead) -> dict:
    """Agreement of what was asked with what the head reads, over the frames of all clips.

    Returns:
        ``au_r`` and ``au_ccc``: mean over :data:`READ_UNITS` (``units`` has each one's r);
        ``valence_r``, ``arousal_r`` and their concordances; ``emotion_accuracy``: share of the
        clips with an emotion whose most likely one, other than neutral, is the one asked for;
        ``lips``: Pearson's r of the lips' opening with the speaker's own, without affect
        (``neutral``) and with it (``shown``), and of both with each other (``kept``); ``apex_std``:
        deviation in time of what is added where what is asked for does not change.
    """
    asked, read, hits = [], [], []
    for clip in clips:
        rest = resting_coefficients(clip.neutral, _REST_QUANTILE)
        reading = read_motion(clip.shown, head, rest)
        curves = clip.affect.curves(clip.times)
        asked.append(np.hstack([curves.aus.max(axis=2), curves.valence_arousal]))
        read.append(np.hstack([reading.aus, reading.valence_arousal]))
        wanted = curves.emotion[:, 1:].mean(axis=0)
        if wanted.max() > 0.15 and wanted.max() > 0.99 * wanted.sum():
            likely = reading.emotion[curves.emotion[:, 0] < 0.9, 1:].mean(axis=0)
            hits.append(int(likely.argmax()) == int(wanted.argmax()))
    asked, read = np.concatenate(asked), np.concatenate(read)
    units = {name: (asked[:, AU_INDEX[name]], read[:, AU_INDEX[name]]) for name in READ_UNITS}
    agreement = {name: pearson(*series) for name, series in units.items()}
    report = {
        "clips": len(clips),
        "au_r": _mean(agreement.values()),
        "au_ccc": _mean(concordance(r, a) for a, r in units.values()),
        "units": {name: _rounded(r) for name, r in agreement.items()},
    }
    for i, name in ((-2, "valence"), (-1, "arousal")):
        report[f"{name}_r"] = _rounded(pearson(asked[:, i], read[:, i]))
        report[f"{name}_ccc"] = _rounded(concordance(read[:, i], asked[:, i]))
    report["emotion_accuracy"] = _mean(hits)
    report["lips"] = lip_figures(clips)
    report["apex_std"] = _mean(apex_deviation(clip) for clip in clips)
    return report


def lip_figures(clips: Sequence[Performed]) -> dict:
    """Mean Pearson's r of the lips' opening, see :func:`expression_figures`."""
    rows: dict[str, list[float]] = {"neutral": [], "shown": [], "kept": []}
    for clip in clips:
        frames = min(len(t) for t in (clip.neutral, clip.shown, clip.real or clip.shown))
        neutral, shown = (lip_opening(t)[:frames] for t in (clip.neutral, clip.shown))
        rows["kept"].append(pearson(shown, neutral))
        if clip.real is not None:
            real = lip_opening(clip.real)[:frames]
            rows["neutral"].append(pearson(neutral, real))
            rows["shown"].append(pearson(shown, real))
    return {name: _mean(values) for name, values in rows.items()}


def apex_deviation(clip: Performed) -> float:
    """Deviation in time of the coefficients that affect adds, where it asks for the same ones.

    NaN where nothing is held for a second.
    """
    wanted = clip.affect.curves(clip.times).blendshapes()[:, _CALM]
    added = (clip.shown.blendshapes - clip.neutral.blendshapes)[:, _CALM]
    still = np.abs(np.gradient(wanted, axis=0)).max(axis=1) < _STILL
    # A second of settling does not count.
    settled = np.convolve(still, np.ones(25), "full")[: len(still)] >= min(25, len(still) - 1)
    held = settled[:, None] & (wanted > _SHOWN)
    columns = [c for c in range(len(_CALM)) if held[:, c].sum() >= 20]
    return float(np.mean([added[held[:, c], c].std() for c in columns])) if columns else np.nan


def rise_time(clip: Performed) -> float:
    """Seconds from 10 to 90 % of what is added at most, along the direction of what is asked for
    last; NaN where that is neutral."""
    goal = clip.affect.curves(clip.times[-1:]).blendshapes()[0]
    goal[[i for i in range(len(goal)) if i not in _CALM]] = 0
    if not goal.any():
        return float("nan")
    course = (clip.shown.blendshapes - clip.neutral.blendshapes) @ goal
    course = course / max(np.median(course[-10:]), 1e-6)
    low, high = (int(np.argmax(course > share)) for share in (0.1, 0.9))
    return (high - low) / clip.shown.fps


def seed_deviation(tracks: Sequence[Performed]) -> float:
    """Deviation between seeds of what one affect adds to one speech; NaN where it adds little."""
    added = np.stack([t.shown.blendshapes - t.neutral.blendshapes for t in tracks])[..., _CALM]
    strong = added.mean(axis=(0, 1)) > _SHOWN / 2
    return float(added.std(axis=0)[:, strong].mean()) if strong.any() else float("nan")


def standard_demands() -> list[Affect]:
    """Every emotion held, at two strengths, and coming and going; places and single units."""
    out = [Affect.emotion(name, level) for name in EMOTIONS[1:] for level in (0.5, 1.0)]
    out += [
        Affect.timeline([
            {"at": 0.8, "emotion": "neutral"},
            {"at": 0.84, "emotion": name, "intensity": 0.9},
        ])
        for name in EMOTIONS[1:]
    ]  # fmt: skip
    out += [Affect.valence_arousal(v, a) for v, a in ((0.6, 0.5), (-0.6, 0.5), (-0.6, -0.4))]
    units = ({"AU12": 3}, {"AU04": 4}, {"AU01": 4, "AU02": 4}, {"AU15": 4}, {"AU12L": 4})
    return out + [Affect.action_units(aus) for aus in units]


def _mean(values) -> float | None:
    good = [float(v) for v in values if np.isfinite(v)]
    return round(float(np.mean(good)), 4) if good else None


def _rounded(value: float) -> float | None:
    return round(float(value), 4) if np.isfinite(value) else None


def main() -> None:
    """The command of the module's documentation."""
    from gen.audio.encoder import load_encoder
    from gen.bench.clips import load_records
    from gen.bench.talker import packaged_config
    from gen.pipeline import PACKAGED
    from recognizer.affect_reader import load_head

    parser = argparse.ArgumentParser(prog="gen.bench.expression", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder of records")
    parser.add_argument("--last", type=int, default=100, help="only its last records by name")
    parser.add_argument("--motion", type=Path, help="folder of a neutral motion model")
    parser.add_argument("--branch", type=Path, default=PACKAGED / "affect_branch")
    parser.add_argument("--guidance", type=float, nargs="*", default=[0.5, 1.0])
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    config = packaged_config()
    sampling = Sampling(**config["sampling"])
    encoder = load_encoder(config["audio_encoder"])
    motion = MotionGenerator.from_pretrained(options.motion, options.branch)
    records = load_records(sorted(options.data.glob("*.npz"))[-options.last :])
    clips = [(encoder.encode(clip.waveform), clip.motion) for clip in records]
    head = load_head()
    ways = {"rule": ruled(motion, sampling), "diffusion": diffused(motion, sampling)}
    for scale in options.guidance:
        guided = replace(sampling, recognizer_guidance=scale)
        ways[f"diffusion, recognizer_guidance {scale:g}"] = diffused(motion, guided)
    report = {name: expression_benchmark(clips, way, head) for name, way in ways.items()}
    text = json.dumps(report, indent=2) + "\n"
    if options.json:
        options.json.write_text(text, encoding="utf-8")
    else:
        print(text, end="")


if __name__ == "__main__":
    main()
