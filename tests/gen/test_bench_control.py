"""The control table: commanded against read back."""

import numpy as np
import pytest
from scipy.stats import linregress

from gen.bench.control import (
    CONTROLS,
    REQUIRED,
    command,
    control_benchmark,
    control_table,
    response,
)
from recognizer.facs import ARKIT_INDEX, ARKIT_NAMES


def test_every_coefficient_belongs_to_one_control():
    assert sorted(name for names in CONTROLS.values() for name in names) == sorted(ARKIT_NAMES)
    assert CONTROLS["eyeBlink"] == ("eyeBlinkLeft", "eyeBlinkRight")
    assert CONTROLS["jawLeft"] == ("jawLeft",)
    assert CONTROLS["mouthRight"] == ("mouthRight",)
    assert set(REQUIRED) <= set(CONTROLS)


def test_eyes_look_in_one_direction():
    eyes = np.flatnonzero(command("eyeLookLeft", 0.5))
    assert {ARKIT_NAMES[i] for i in eyes} == {"eyeLookOutLeft", "eyeLookInRight"}
    assert command("mouthSmileLeft", 0.3)[ARKIT_INDEX["mouthSmileLeft"]] == pytest.approx(0.3)


def test_response_is_a_regression():
    levels, read = (0, 0.25, 0.5, 0.75, 1.0), [0.1, 0.12, 0.4, 0.7, 0.65]
    row, line = response(levels, read), linregress(levels, read)
    assert row["r"] == pytest.approx(line.rvalue, abs=1e-3)
    assert row["slope"] == pytest.approx(line.slope, abs=1e-3)
    lost = response(levels, [0.1, None, 0.4, 0.7, None])
    assert lost["slope"] == pytest.approx(
        linregress([0, 0.5, 0.75], [0.1, 0.4, 0.7]).slope, abs=1e-3
    )
    assert response(levels, [0.2] * 5) == {"read": [0.2] * 5, "r": None, "slope": 0.0}
    assert response(levels, [None] * 5)["slope"] is None


def test_the_packaged_portrait_obeys(picture):
    hooked = []
    table = control_table({"me": picture}, 256, lambda *report: hooked.append(report), (0, 0.5, 1))
    jaw = table["controls"]["jawOpen"]
    assert jaw["r"] > 0.9 and jaw["slope"] > 0.4
    assert jaw["rise_1.0"] == pytest.approx(jaw["read"][2] - jaw["read"][0], abs=2e-3)
    assert jaw["worst"] == "me"
    assert jaw["cross_talk"]["control"] != "jawOpen"
    # MediaPipe never scores a tongue.
    assert table["controls"]["tongueOut"]["r"] is None
    assert table["controls"]["tongueOut"]["constant"] == 1
    assert "jawOpen" not in table["short"]
    assert hooked == [("commanding me", 1, 1)]


def test_the_short_benchmark_agrees(picture):
    figures = control_benchmark({"me": picture}, 256, {"jawOpen": 0.5})
    row = figures["portraits"]["me"]["jawOpen"]
    assert row["rise"] == pytest.approx(row["shown"] - row["neutral"], abs=2e-3)
    assert row["rise"] == figures["mean_rise"]["jawOpen"] > 0.15
