"""The seven subsets of face, voice and words: a trained fusion beside the product of experts.

``python -m recognizer.bench.fusion DATA --model DIR`` prints, for every subset of the modalities,
accuracy and concordance on the test rows of a file of :mod:`recognizer.data.fusion_features`. The
product of experts (:func:`recognizer.fusion.fuse`) is given the network's own unimodal heads, with
reliabilities calibrated on the validation rows: the difference is what fusing them by training
bought. Of a subset, those rows count that have one of its modalities.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import replace
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import torch

from recognizer.data.faces import SPLITS
from recognizer.data.fusion_features import FusionFeatures
from recognizer.facs import EMOTIONS
from recognizer.fusion import Fused, Opinion, calibrate, fuse
from recognizer.metrics.classification import accuracy, confusion_matrix, macro_f1
from recognizer.models.fusion import FusionNet
from recognizer.models.fusion_output import FusionOutput

_BATCH = 1024


def subsets(names: Sequence[str]) -> list[tuple[str, ...]]:
    """All subsets but the empty one, small ones first."""
    return [chosen for n in range(1, len(names) + 1) for chosen in combinations(names, n)]


@torch.no_grad()
def read_rows(net: FusionNet, data: FusionFeatures, chosen: Sequence[str]) -> list[FusionOutput]:
    """The network's answers to some of the modalities, in batches, one answer a row."""
    net.eval()
    found = []
    for start in range(0, len(data), _BATCH):
        part = data[start : start + _BATCH]
        inputs = {n: torch.from_numpy(part.features[n]).to(net.device) for n in chosen}
        presence = {n: torch.from_numpy(part.presence[n]).to(net.device) for n in chosen}
        found.append(net(inputs, presence, clip=True))
    return found


def network_answers(net: FusionNet, data: FusionFeatures, chosen: Sequence[str]) -> Fused:
    """What the trained fusion makes of a subset of the modalities, of every row ``[N]``."""
    parts = [out.fused() for out in read_rows(net, data, chosen)]
    return Fused(
        *(np.concatenate([getattr(p, n) for p in parts])
          for n in ("valence_arousal", "variance", "emotion")),
        weights={n: np.concatenate([p.weights[n] for p in parts]) for n in chosen}, conflicts=(),
    )  # fmt: skip


def expert_opinions(net: FusionNet, data: FusionFeatures) -> dict[str, Opinion]:
    """What each modality says by itself, of every row ``[N]``, NaN where it is missing."""
    names = [name for name in net.names if name in data.features]
    batches = [out.opinions() for out in read_rows(net, data, names)]
    fields = ("valence_arousal", "variance", "emotion", "reliability")
    return {
        name: Opinion(name, *(np.concatenate([getattr(o[i], f) for o in batches]) for f in fields))
        for i, name in enumerate(names)
    }


def figures(emotion: np.ndarray, place: np.ndarray, data: FusionFeatures) -> dict[str, Any]:
    """Accuracy, macro-F1, cross-entropy (nats), and the concordance of valence and of arousal, of
    the rows that have an answer; ``None`` without labels."""
    answered = np.isfinite(emotion[:, 0])
    report: dict[str, Any] = {"n": int(answered.sum())}
    named = answered & np.isfinite(data.emotion[:, 0])
    report |= dict.fromkeys(("accuracy", "macro_f1", "cross_entropy"))
    if named.any():
        truth, guess = data.emotion[named], emotion[named]
        confusion = confusion_matrix(truth.argmax(1), guess.argmax(1), len(EMOTIONS))
        surprise = -(truth * np.log(np.maximum(guess, 1e-9))).sum(axis=1)
        report["accuracy"] = accuracy(confusion)
        report["macro_f1"] = macro_f1(confusion)
        report["cross_entropy"] = float(surprise.mean())
    for i, name in enumerate(("valence", "arousal")):
        placed = answered & np.isfinite(data.valence_arousal[:, i])
        value = concordance(data.valence_arousal[placed, i], place[placed, i])
        report[f"{name}_ccc"] = None if np.isnan(value) else value
    return report


def concordance(truth: np.ndarray, guess: np.ndarray) -> float:
    """Lin's coefficient, ``2 cov / (var + var + (difference of means)²)``, of ``[N]``; NaN where
    either never varies."""
    if len(truth) < 2 or np.ptp(truth) == 0 or np.ptp(guess) == 0:
        return float("nan")
    covariance = np.mean((truth - truth.mean()) * (guess - guess.mean()))
    return float(2 * covariance / (truth.var() + guess.var() + (truth.mean() - guess.mean()) ** 2))


def subset_table(net: FusionNet, data: FusionFeatures, split: str = "test") -> dict[str, Any]:
    """:func:`figures` of every subset of the modalities that file and network have.

    Returns:
        For JSON: ``reliabilities`` of the product of experts, and ``subsets``: ``face+voice``
        → ``network`` and ``product``.

    Raises:
        ValueError: the split is empty, or file and network do not fit.
    """
    rows, valid = data.of(split), data.of("valid")
    names = [name for name in net.names if name in data.features]
    if not len(rows):
        raise ValueError(f"no row of the {split} split has a modality and a label")
    sizes = {name: data.features[name].shape[-1] for name in names}
    if not names or any(net.config.features[name] != size for name, size in sizes.items()):
        raise ValueError(f"the network reads {dict(net.config.features)}, the file holds {sizes}")
    reliabilities = dict.fromkeys(names, 1.0)
    labelled = valid[np.isfinite(valid.emotion[:, 0])]
    if len(labelled):
        opinions = expert_opinions(net, labelled)
        reliabilities = calibrate(list(opinions.values()), labelled.emotion.argmax(axis=1))
    experts = {
        name: replace(opinion, reliability=opinion.reliability * reliabilities[name])
        for name, opinion in expert_opinions(net, rows).items()
    }
    table = {}
    for chosen in subsets(names):
        answers = {
            "network": network_answers(net, rows, chosen),
            "product": fuse([experts[name] for name in chosen]),
        }
        table["+".join(chosen)] = {
            kind: figures(answer.emotion, answer.valence_arousal, rows)
            for kind, answer in answers.items()
        }
    return {"split": split, "reliabilities": reliabilities, "subsets": table}


def printed(table: dict[str, Any]) -> str:
    """The table as text."""
    columns = ("accuracy", "cross_entropy", "valence_ccc", "arousal_ccc")
    lines = [f"{'subset':18s} {'n':>6s}  " + "  ".join(f"{c:>17s}" for c in columns)]
    lines.append(" " * 27 + "  ".join(["network   product"] * len(columns)))
    for name, row in table["subsets"].items():
        cells = [
            "".join(
                f"{'-':>9s}" if row[kind][c] is None else f"{row[kind][c]:9.3f}"
                for kind in ("network", "product")
            )
            for c in columns
        ]
        lines.append(f"{name:18s} {row['network']['n']:6d}  " + " ".join(cells))
    shares = ", ".join(f"{name} {value:.2f}" for name, value in table["reliabilities"].items())
    return "\n".join([*lines, f"reliabilities in the product: {shares}"])


def main(arguments: Sequence[str] | None = None) -> None:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="python -m recognizer.bench.fusion", description=__doc__.splitlines()[0]
    )
    parser.add_argument("data", type=Path, help="file of features")
    parser.add_argument("--model", type=Path, required=True, help="folder of a trained fusion")
    parser.add_argument("--split", choices=SPLITS, default="test")
    parser.add_argument("--json", type=Path, help="file for the figures")
    options = parser.parse_args(arguments)
    try:
        data = FusionFeatures.load(options.data)
        if not (options.model / "config.json").is_file():
            raise FileNotFoundError(f"{options.model} is no folder of a trained fusion")
        net = FusionNet.from_pretrained(options.model, low_cpu_mem_usage=False)
        table = subset_table(net, data, options.split)
    except (ValueError, FileNotFoundError) as error:
        parser.error(str(error))
    if options.json:
        options.json.write_text(json.dumps(table, indent=1), encoding="utf-8")
    print(printed(table))


if __name__ == "__main__":
    main()
