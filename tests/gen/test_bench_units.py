"""Action units asked and read back."""

import numpy as np
import pytest
from scipy.stats import linregress

from gen.bench.units import unit_benchmark, unit_figures
from recognizer.facs import AU_INDEX


def reading(**units):
    out = np.zeros(24)
    for name, value in units.items():
        out[AU_INDEX[name]] = value
    return out


def test_figures_are_a_regression_over_portraits():
    rows = [
        [reading(), reading(AU09=1.0), reading(AU09=3.0, AU04=2.0)],
        [reading(AU09=0.5), None, reading(AU09=4.0, AU10=1.0)],
    ]
    figures = unit_figures("AU09", (0, 2.5, 5), rows)
    line = linregress([0, 2.5, 5, 0, 5], [0, 1, 3, 0.5, 4])
    assert figures["slope"] == pytest.approx(line.slope, abs=1e-3)
    assert figures["r"] == pytest.approx(line.rvalue, abs=1e-3)
    assert figures["read"] == [0.25, 1.0, 3.5]
    assert figures["cross_talk"] == {"unit": "AU04", "rise": 1.0}


def test_a_unit_that_is_never_seen_has_no_correlation():
    figures = unit_figures("AU17", (0, 2.5, 5), [[reading(), reading(), reading()]])
    assert figures["r"] is None and figures["slope"] == 0
    assert unit_figures("AU17", (0, 5), [[None, None]])["ccc"] is None


def test_a_smile_is_read_on_the_packaged_portrait(picture):
    from recognizer.recognizer import Recognizer

    hooked = []
    recognizer = Recognizer.from_pretrained()
    table = unit_benchmark(
        {"me": picture}, recognizer, 256, lambda *step: hooked.append(step), ["AU12"]
    )
    assert table["units"] == table["portraits"]["me"]
    assert table["units"]["AU12"]["slope"] > 0.2
    assert hooked == [("asking me", 1, 1)]
