"""How far a clip is from what was asked, as one number: against sums by hand."""

import numpy as np
import pytest

from gen.loop.controller import PLACE_SCALE, UNIT_SCALE, Errors, Seen
from recognizer.facs import AU_INDEX, AU_NAMES, EMOTIONS

NEUTRAL = np.eye(len(EMOTIONS))[0]


def test_units_that_are_asked_for_count_once_more():
    told = np.isin(AU_NAMES, ["AU04", "AU06", "AU12", "AU15"])
    asked, seen, nowhere = np.zeros(24), np.zeros(24), np.full(2, np.nan)
    asked[AU_INDEX["AU12"]], seen[AU_INDEX["AU12"]] = 3.0, 1.0
    seen[[AU_INDEX["AU04"], AU_INDEX["AU20"]]] = 1.0  # one is told, the other is not
    found = Errors.between(Seen(asked, nowhere, NEUTRAL), Seen(seen, nowhere, NEUTRAL), told)
    assert found == Errors(0.75, None, 2.0)
    assert found.score == pytest.approx((0.75 + 2.0) / 2 / UNIT_SCALE)
    place = Seen(np.zeros(24), np.array([0.3, 0.4]), NEUTRAL)
    found = Errors.between(place, Seen(seen, np.zeros(2), NEUTRAL), told)
    assert found == Errors(0.5, pytest.approx(0.125**0.5), None)
    assert found.score == pytest.approx(0.5 / UNIT_SCALE + found.place / PLACE_SCALE)
