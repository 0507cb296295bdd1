"""Frames drawn two at a time are those drawn one by one."""

import threading

import numpy as np
import pytest

from gen.renderers.drawing import Drawing
from recognizer.motion import MotionTrack


@pytest.fixture
def track():
    random = np.random.default_rng(0)
    shapes = np.clip(random.random((12, 52)) * 0.7 - 0.1, 0, 1).astype(np.float32)
    pose = np.zeros((12, 6), np.float32)
    pose[:, :3] = random.normal(0, 4, (12, 3))
    return MotionTrack(shapes, pose, 25.0)


@pytest.fixture(autouse=True)
def _two_cores(monkeypatch):
    monkeypatch.setattr("gen.renderers.drawing.usable_cores", lambda: 2)


def test_two_at_a_time_are_as_one_by_one(renderer, track):
    rows = zip(track.blendshapes, track.pose, strict=True)
    wanted = [renderer.render(*row) for row in rows]
    with Drawing(renderer) as drawing:
        drawn = list(drawing.frames(track))
    assert np.array_equal(wanted, drawn)
    assert not [t for t in threading.enumerate() if t.name.startswith("drawing")]


def test_a_renderer_that_remembers_draws_alone(track):
    class Counting:
        size, expression = (2, 2), np.zeros(52, np.float32)

        def __init__(self):
            self.drawn = 0

        def fresh(self):
            return Counting()

        def render(self, blendshapes, pose):
            self.drawn += 1
            return np.full((2, 2, 3), self.drawn, np.uint8)

    remembering = Counting()
    for _ in range(2):
        with Drawing(remembering) as drawing:
            assert [frame[0, 0, 0] for frame in drawing.frames(track)] == list(range(1, 13))


def test_what_goes_wrong_in_a_frame_is_raised(renderer, track, monkeypatch):
    def broken(self, blendshapes, pose):
        raise MemoryError("no room")

    monkeypatch.setattr(type(renderer), "render", broken)
    with Drawing(renderer) as drawing, pytest.raises(MemoryError, match="no room"):
        list(drawing.frames(track))
