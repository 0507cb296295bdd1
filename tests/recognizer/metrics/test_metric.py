"""Measures that add up over clips: in any order, in several parts, and without torchmetrics."""

import subprocess
import sys

import numpy as np
import pytest
from scipy import stats

from recognizer.metrics.extras import UnavailableError, torchmetrics
from recognizer.metrics.metric import ClipMetric
from recognizer.metrics.sampling import bootstrap_interval, summarize


class Spread(ClipMetric):
    names = ("std", "range")

    @staticmethod
    def measure(clip, scale=1.0):
        if len(clip) < 2:
            return {"std": np.nan, "range": np.nan}
        return {"std": scale * np.std(clip), "range": scale * np.ptp(clip)}


@pytest.fixture
def clips():
    try:
        torchmetrics()
    except UnavailableError as reason:
        pytest.skip(str(reason))
    rng = np.random.default_rng(0)
    return [rng.normal(0, s, 30) for s in (1, 2, 3, 4)]


def test_mean_over_clips(clips):
    metric = Spread(scale=10.0)
    for clip in clips:
        metric.update(clip)
    found = metric.compute()
    assert found["std"]["value"] == pytest.approx(np.mean([10 * c.std() for c in clips]))
    assert found["range"]["n"] == 4 and found["range"]["undefined"] == 0
    low, high = found["std"]["ci95"]
    assert low < found["std"]["value"] < high


def test_parts_merge(clips):
    whole, first, second = Spread(), Spread(), Spread()
    for i, clip in enumerate(clips):
        whole.update(clip)
        (first if i % 2 else second).update(clip)
    first.merge_state(second)
    for name in Spread.names:
        assert first.compute()[name]["value"] == pytest.approx(whole.compute()[name]["value"])
        assert first.compute()[name]["n"] == 4


def test_reset(clips):
    metric = Spread()
    metric.update(clips[0])
    metric.reset()
    metric.update(clips[1])
    assert metric.compute()["std"]["n"] == 1


def test_undefined_clips_are_counted_not_averaged(clips):
    metric = Spread()
    metric.update(clips[0])
    metric.update(clips[0][:1])
    assert metric.compute()["std"]["value"] == pytest.approx(clips[0].std())
    assert metric.compute()["std"]["undefined"] == 1


def test_as_torchmetrics_treats_a_metric(clips):
    """In a collection, pickled by a worker, and after synchronisation joined states to tensors."""
    import pickle

    import torch
    from torchmetrics import MetricCollection

    both = MetricCollection({"one": Spread(), "ten": Spread(scale=10.0)})
    for clip in clips:
        both.update(clip)
    both = pickle.loads(pickle.dumps(both))
    wanted = np.mean([c.std() for c in clips])
    assert both.compute()["ten_std"]["value"] == pytest.approx(10 * wanted)
    synchronised = Spread()
    synchronised.update(clips[0])
    synchronised.clips = torch.tensor([[c.std(), np.ptp(c)] for c in clips])
    assert synchronised.compute()["std"]["value"] == pytest.approx(wanted)
    assert synchronised.compute()["std"]["n"] == 4


def test_summary_of_nothing():
    assert summarize([]) == {"value": None, "n": 0, "undefined": 0, "ci95": None}
    assert bootstrap_interval([1.0]) is None


def test_interval_is_about_students():
    values = np.random.default_rng(2).normal(3, 1, 400)
    low, high = bootstrap_interval(values)
    theirs = stats.t.interval(0.95, 399, values.mean(), stats.sem(values))
    assert (low, high) == pytest.approx(theirs, abs=0.02)


def test_without_torchmetrics_the_functions_still_work():
    code = (
        "import sys; sys.modules['torchmetrics'] = None\n"
        "from recognizer.metrics.metric import ClipMetric\n"
        "from recognizer.metrics.extras import UnavailableError\n"
        "class Length(ClipMetric):\n    measure = staticmethod(len)\n"
        "try:\n    Length()\nexcept UnavailableError as e:\n    print(e)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("torchmetrics is not installed: pip install")
