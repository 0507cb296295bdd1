"""What the watch over many calls says of its samples, and what it refuses."""

import pytest
from cli_helpers import refused

from demo.soak import WARM, Sample, growth


def sample(calls: int, pss=None, **changes) -> Sample:
    values = {"rss_mb": 500.0, "files": 12, "threads": 4, "temporary": 0, "temporary_mb": 0.0}
    return Sample(calls=calls, pss_mb=pss, children=0, **values | changes)


def test_growth_is_what_comes_after_the_first_calls():
    warming = [sample(calls, rss_mb=100.0 + calls) for calls in range(0, WARM, 10)]
    steady = [sample(c, rss_mb=500 + 0.02 * c, threads=4 + c // 100) for c in range(WARM, 301, 20)]
    found = growth(warming + steady)
    assert found["rss_mb"] == pytest.approx(2.0)
    assert 0.8 < found["threads"] < 1.2
    assert found["files"] == 0 and found["pss_mb"] is None
    assert growth(warming)["rss_mb"] is None


def test_what_cannot_be_watched_is_refused(run):
    refused(run("bench soak --size 100"), "--size is one of 256")
    refused(run("bench soak --calls 0"), "--calls")
    refused(run("bench soak @text.png"), "not a picture")
    refused(run("bench soak --json %o.txt"), ".json")
