"""The renderer's benchmark: a clip whose truth is known, judged perfect, still and driven."""

import numpy as np
import pytest

from gen.bench.renderer import Judge, renderer_benchmark
from gen.bench.stages import StageClock, peak_memory
from gen.video import VideoWriter
from recognizer.facs import ARKIT_INDEX
from recognizer.metrics.keypoints import KEYPOINT_GROUPS


@pytest.fixture(scope="module")
def frames(renderer):
    """Ten frames of the packaged portrait that opens its mouth, blinks and turns."""
    out = []
    for phase in np.linspace(0, 1, 10):
        wanted = renderer.expression.copy()
        wanted[ARKIT_INDEX["jawOpen"]] += 0.6 * phase
        wanted[[ARKIT_INDEX["eyeBlinkLeft"], ARKIT_INDEX["eyeBlinkRight"]]] = phase * (phase < 0.8)
        out.append(renderer.render(wanted, np.array([3, 8, 0, 0.05, 0, 0]) * phase))
    return out


@pytest.fixture(scope="module")
def judge():
    return Judge(stride=3)


def test_the_truth_is_perfect(judge, frames):
    row = judge(frames, frames)
    for group in KEYPOINT_GROUPS:
        assert row["keypoints"][group]["rendered"] == 0
        assert 0 < row["keypoints"][group]["floor"] < row["keypoints"][group]["still"]
    assert row["lost_frames"] == 0
    for measure in ("background_flicker", "mouth_flicker"):
        assert row[measure]["rendered"] == row[measure]["camera"]
    if "psnr" in row:
        assert row["psnr"]["face"]["rendered"] == 60
        assert row["ssim"]["mouth"]["rendered"] == 1
    if "stlpips" in row:
        assert row["stlpips"]["eyes"]["rendered"] == pytest.approx(0, abs=1e-6)
    if "identity" in row:
        assert row["identity"]["rendered"] == 1


def test_a_still_is_a_still(judge, frames):
    row = judge([frames[0]] * len(frames), frames)
    assert row["background_flicker"]["rendered"] == 0
    for measure in ("keypoints", "expression"):
        for group in KEYPOINT_GROUPS:
            assert row[measure][group]["share"] == 1
    for measure in {"psnr", "ssim", "stlpips"} & set(row):
        for region in row[measure].values():
            assert region["rendered"] == pytest.approx(region["still"])


def test_the_order_of_frames_matters(judge, frames):
    row = judge([frames[0], *frames[:0:-1]], frames)
    assert row["keypoints"]["lips"]["share"] > 0.7


def test_lost_faces_are_counted(judge, frames):
    grey = np.full_like(frames[0], 128)
    row = judge([frames[0], grey, grey, *frames[3:]], frames)
    assert row["lost_frames"] == 2
    assert row["keypoints"]["lips"]["rendered"] == 0


def test_a_clip_is_driven_by_its_own_motion(frames, tmp_path):
    path = tmp_path / "clip.mp4"
    height, width = frames[0].shape[:2]
    with VideoWriter(path, width, height, 25) as writer:
        for frame in frames:
            writer.write(frame)
    stages = set()
    figures = renderer_benchmark(
        [path], 128, 9, 4, lambda stage, done, total: stages.add(stage.partition(": ")[2])
    )
    row = figures["clips"]["clip.mp4"]
    assert row["frames"] == 9
    # What the renderer drew once, it can draw again.
    assert row["keypoints"]["lips"]["share"] < 0.4
    assert {"tracking", "set-up", "rendering"} <= stages
    assert all(value > 0 for value in row["speed"].values())
    assert figures["aggregate"]["n"] == 1
    assert figures["aggregate"]["keypoints"]["lips"]["share"] == pytest.approx(
        row["keypoints"]["lips"]["share"], abs=1e-3
    )
    assert "lpips" in figures["unavailable"] or "lpips" in row


def test_a_clip_too_short(frames, tmp_path):
    path = tmp_path / "short.mp4"
    height, width = frames[0].shape[:2]
    with VideoWriter(path, width, height, 25) as writer:
        for frame in frames[:3]:
            writer.write(frame)
    with pytest.raises(ValueError, match=r"short\.mp4 shows a face in fewer than four frames"):
        renderer_benchmark([path], 128, 100, 5, lambda *_: None)


def test_stages_are_timed(monkeypatch):
    now = iter([0.0, 1.0, 1.0, 4.0, 4.0, 4.5])
    monkeypatch.setattr("gen.bench.stages.perf_counter", lambda: next(now))
    told = []
    clock = StageClock(lambda *report: told.append(report))
    clock("a", 1, 2)
    clock("a", 2, 2)
    clock("b", 0, None)
    clock("a", 1, 1)
    clock.stop()
    clock.stop()
    assert clock.seconds == {"a": 1.5, "b": 3.0}
    assert told == [("a", 1, 2), ("a", 2, 2), ("b", 0, None), ("a", 1, 1)]


def test_memory_is_that_of_the_call():
    small, large = peak_memory(bytearray, 1), peak_memory(bytearray, 300 << 20)
    if small is None:
        pytest.skip("this system keeps no account of memory")
    assert large - small == pytest.approx(300, rel=0.05)
