"""Train the classifier of emotional speech on CREMA-D, RAVDESS or both.

Multinomial logistic regression with a quadratic penalty and balanced emotions; soft labels are its
targets as they are. How strong the penalty is, and how good the classifier, is measured on actors
that were left out (grouped cross-validation): the figures of a random split would be those of
people that it knows. Measuring prosody takes nearly all of the time, so that it is kept.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from recognizer.config import read_config
from recognizer.data.emotional_speech import Utterance, load_corpus
from recognizer.facs import EMOTIONS
from recognizer.files import arrays_of
from recognizer.media import read_audio
from recognizer.models.voice import Encode, VoiceClassifier, voice_features
from recognizer.prosody import functionals, measure_prosody

_MEASURED = "features.npz"


@dataclass
class VoiceTraining:
    """A training run; a YAML file has these keys.

    Attributes:
        folds: actors are left out in this many groups in turn, 2 or more.
        penalties: strengths to choose from, relative to the mean loss.
        least_std: features that vary less than this share of their mean are constant: no weight.
        save_every: recordings between savings of what was measured.
        seed: of the groups.
    """

    folds: int = 5
    penalties: list[float] = field(default_factory=lambda: [1e-4, 1e-3, 1e-2, 1e-1])
    least_std: float = 1e-6
    save_every: int = 200
    seed: int = 0

    def __post_init__(self) -> None:
        """Check the values.

        Raises:
            ValueError: fewer than two folds, or no positive penalty.
        """
        if self.folds < 2:
            raise ValueError(f"folds must be 2 or more, got {self.folds}")
        if not self.penalties or min(self.penalties) <= 0:
            raise ValueError("penalties must be positive numbers")


def train(
    config: VoiceTraining | Mapping | str | os.PathLike,
    out_dir: str | os.PathLike,
    data: Sequence[str | os.PathLike],
    resume: bool = False,
    encode: Encode | None = None,
) -> Path:
    """Train a voice classifier.

    Writes ``out_dir/features.npz`` (what was measured), ``out_dir/report.json`` (figures on actors
    left out) and ``out_dir/voice.safetensors`` (for ``VoiceClassifier.load``).

    Args:
        config: the run, or its YAML file.
        out_dir: made if it is not there.
        data: folders for :func:`recognizer.data.emotional_speech.load_corpus`.
        resume: keep what ``out_dir/features.npz`` holds of these recordings.
        encode: speech features to add, waveform ``[N]`` at 16 kHz → ``[T, D]``; whoever uses the
            classifier must give the same.

    Returns:
        ``out_dir/voice.safetensors``.

    Raises:
        FileNotFoundError: a folder is missing.
        ValueError: a folder, a recording or the configuration makes no sense, or there are fewer
            actors than folds.
    """
    config = read_config(VoiceTraining, config)
    utterances = [utterance for folder in data for utterance in load_corpus(folder)]
    actors = np.array([utterance.actor for utterance in utterances])
    if len(set(actors)) < config.folds:
        raise ValueError(
            f"{len(set(actors))} actors are too few to leave out {config.folds} groups of them"
        )
    out_dir = Path(out_dir)
    out_dir.mkdir(parents=True, exist_ok=True)
    features = _measured(utterances, out_dir / _MEASURED, resume, encode, config.save_every)
    truth = np.stack([utterance.emotion for utterance in utterances]).astype(np.float64)

    groups = _groups(actors, config)
    reports = {
        penalty: figures(_left_out(features, truth, groups, penalty, config), truth)
        for penalty in config.penalties
    }
    best = max(config.penalties, key=lambda penalty: reports[penalty]["unweighted_recall"])
    report = {
        "utterances": len(utterances), "actors": len(set(actors)), "folds": config.folds,
        "penalty": best, **reports[best],
    }  # fmt: skip
    (out_dir / "report.json").write_text(json.dumps(report, indent=1), encoding="utf-8")
    path = out_dir / "voice.safetensors"
    fit(features, truth, best, config.least_std).save(path)
    return path


def fit(
    features: np.ndarray, truth: np.ndarray, penalty: float, least_std: float = 1e-6
) -> VoiceClassifier:
    """The classifier with the least balanced cross-entropy plus ``penalty / 2`` times the squared
    weights of the standardised features.

    Args:
        features: ``[N, D]``, NaN where not measured.
        truth: ``[N, 8]`` probabilities.
        penalty: above 0.
        least_std: see :class:`VoiceTraining`.
    """
    from scipy.optimize import minimize

    known = np.isfinite(features)
    count = np.maximum(known.sum(axis=0), 1)
    mean = np.where(known, features, 0).sum(axis=0) / count
    std = np.sqrt((np.where(known, features - mean, 0) ** 2).sum(axis=0) / count)
    std = np.where(std > least_std * np.maximum(np.abs(mean), 1), std, np.inf)
    inputs = np.nan_to_num((features - mean) / std)
    mass = truth.sum(axis=0)
    trained = mass > 0
    # Every emotion weighs the same in sum.
    weights = truth[:, trained] / mass[trained] / trained.sum()
    per_row = weights.sum(axis=1, keepdims=True)
    shape = (inputs.shape[1], int(trained.sum()))

    def loss(flat: np.ndarray) -> tuple[float, np.ndarray]:
        weight, bias = flat[: -shape[1]].reshape(shape), flat[-shape[1] :]
        scores = inputs @ weight + bias
        scores -= scores.max(axis=1, keepdims=True)
        log_sum = np.log(np.exp(scores).sum(axis=1, keepdims=True))
        off = per_row * np.exp(scores - log_sum) - weights
        value = (weights * (log_sum - scores)).sum() + penalty / 2 * (weight**2).sum()
        slope = inputs.T @ off + penalty * weight
        return value, np.concatenate([slope.ravel(), off.sum(axis=0)])

    start = np.zeros(shape[0] * shape[1] + shape[1])
    found = minimize(loss, start, jac=True, method="L-BFGS-B", options={"maxiter": 500}).x
    weight = np.zeros((shape[0], len(EMOTIONS)), np.float32)
    bias = np.full(len(EMOTIONS), -np.inf, np.float32)
    weight[:, trained], bias[trained] = found[: -shape[1]].reshape(shape), found[-shape[1] :]
    names = tuple(functionals(measure_prosody(np.zeros(0))))
    return VoiceClassifier(names, mean.astype(np.float32), std.astype(np.float32), weight, bias)


def figures(beliefs: np.ndarray, truth: np.ndarray) -> dict:
    """How good probabilities ``[N, 8]`` are against labels ``[N, 8]``.

    The label is the likeliest emotion. ``unweighted_recall`` is the mean of the recalls of the
    emotions that occur (the field's UAR), ``chance`` one over their number.
    """
    label, guess = truth.argmax(axis=1), beliefs.argmax(axis=1)
    present = np.unique(label)
    recall = {EMOTIONS[i]: float((guess[label == i] == i).mean()) for i in present}
    confusion = [[int(((label == i) & (guess == j)).sum()) for j in present] for i in present]
    return {
        "unweighted_recall": float(np.mean(list(recall.values()))),
        "accuracy": float((guess == label).mean()),
        "chance": 1 / len(present),
        "cross_entropy": float(-(truth * np.log(np.maximum(beliefs, 1e-9))).sum(axis=1).mean()),
        "recall": recall,
        "confusion": confusion,
    }


def _measured(
    utterances: Sequence[Utterance],
    path: Path,
    resume: bool,
    encode: Encode | None,
    save_every: int,
) -> np.ndarray:
    """Features ``[N, D]``; what the file holds is not measured again."""
    rows = _read_measured(path) if resume and path.is_file() else {}
    fresh = 0
    for utterance in utterances:
        name = str(utterance.path)
        if name in rows:
            continue
        waveform = read_audio(utterance.path)
        rows[name] = voice_features(waveform, measure_prosody(waveform), encode)
        fresh += 1
        if fresh % save_every == 0:
            _write_measured(path, rows)
    lengths = {len(rows[str(utterance.path)]) for utterance in utterances}
    if len(lengths) > 1:
        raise ValueError(f"{path} was measured with other speech features")
    if fresh:
        _write_measured(path, rows)
    return np.stack([rows[str(utterance.path)] for utterance in utterances]).astype(np.float64)


def _read_measured(path: Path) -> dict[str, np.ndarray]:
    with arrays_of(path, "does not hold features of speech") as file:
        return dict(zip(file["paths"].tolist(), file["features"], strict=True))


def _write_measured(path: Path, rows: Mapping[str, np.ndarray]) -> None:
    partial = path.with_suffix(".partial")
    with open(partial, "wb") as file:
        np.savez_compressed(
            file, paths=np.array(list(rows)), features=np.stack(list(rows.values()))
        )
    os.replace(partial, path)


def _groups(actors: np.ndarray, config: VoiceTraining) -> np.ndarray:
    """int ``[N]``: the fold that leaves out this utterance's actor."""
    names = np.array(sorted(set(actors)))
    np.random.default_rng(config.seed).shuffle(names)
    fold = {name: i % config.folds for i, name in enumerate(names)}
    return np.array([fold[actor] for actor in actors])


def _left_out(
    features: np.ndarray,
    truth: np.ndarray,
    groups: np.ndarray,
    penalty: float,
    config: VoiceTraining,
) -> np.ndarray:
    """Beliefs ``[N, 8]`` about each utterance of a classifier that never heard its actor."""
    beliefs = np.zeros_like(truth)
    for fold in range(config.folds):
        out = groups == fold
        trained = fit(features[~out], truth[~out], penalty, config.least_std)
        beliefs[out] = trained(features[out])
    return beliefs
