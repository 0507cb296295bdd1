"""Dynamics beside films, seeds, sounds without speech, seams and cost."""

from __future__ import annotations

import numpy as np
import pytest

from gen.bench.clips import Clip
from gen.bench.cost import cost_benchmark
from gen.bench.dynamics import (
    REGIONS,
    Shown,
    dynamics_benchmark,
    fitted_brow_std,
    head_with_voice,
    seed_benchmark,
    seen_brow_std,
    show,
    speech_frames,
)
from gen.bench.nonspeech import nonspeech_benchmark, pause_benchmark, pauses, sounds
from gen.bench.seams import seam_benchmark
from recognizer.face_model import FaceModel
from recognizer.media import read_audio
from recognizer.metrics.extras import UnavailableError
from recognizer.motion import MotionTrack
from recognizer.tracker import FaceTrack

FRAMES = 100


def lively(seed: int, frames: int = FRAMES, scale: float = 1.0) -> MotionTrack:
    """A track in which everything wanders smoothly."""
    rng = np.random.default_rng(seed)
    walk = np.stack(
        [np.convolve(rng.standard_normal(frames + 8), np.hanning(9), "valid") for _ in range(58)], 1
    )
    vectors = scale * 0.05 * walk
    vectors[:, :52] += 0.4
    vectors[:, 52:55] *= 60
    return MotionTrack.from_vectors(vectors)


def seen(track: MotionTrack, size: float = 200.0, at: float = 0.0) -> FaceTrack:
    """The mean head's landmarks as a camera sees them, ``size`` pixels a face width."""
    model = FaceModel.load()
    points = model.landmarks + np.einsum(
        "tk,kpc->tpc", track.blendshapes, model.landmark_blendshapes
    )
    frames = len(track)
    return FaceTrack(
        0, (at + size * points).astype(np.float32), np.zeros((frames, 52)), track,
        np.zeros((frames, 2)), np.ones(frames),
    )  # fmt: skip


@pytest.fixture(scope="module")
def speech(request):
    return read_audio(request.getfixturevalue("speech_path"), 16000)[: FRAMES * 640]


def shown(seed: int, speech, **options) -> Shown:
    return Shown.framed(seen(lively(seed, **options)), speech)


def test_regions_are_disjoint_and_whole():
    columns = [i for part in REGIONS.values() for i in part]
    assert len(columns) == len(set(columns))
    # All but what sits between the regions: cheeks, nose, tongue, and where the head is.
    assert 58 - len(columns) == 3 + 2 + 1 + 3


def test_frame_does_not_depend_on_the_film(speech):
    track = lively(0)
    near, far = (Shown.framed(seen(track, *place), speech) for place in ((200, 0), (90, 700)))
    np.testing.assert_allclose(near.points, far.points, atol=0.05)
    box = near.points[:, :, 0]
    assert 0.3 < np.ptp(box) / near.side < 0.7


def test_face_compared_with_itself(speech):
    pytest.importorskip("torchmetrics")
    faces = [shown(i, speech) for i in range(3)]
    report = dynamics_benchmark(faces, faces)
    for row in report["regions"].values():
        assert row["vc_r"]["value"] == pytest.approx(1) == row["std_r"]["value"]
    measured = [v for v in report["scores"]["real"].values() if v is not None]
    assert measured == pytest.approx([1] * len(measured)) and len(measured) >= 4
    assert report["made"] == report["real"] and report["made"]["clips"] == 3
    assert report["scores"]["published"] == report["scores"]["of_real"]


def test_half_the_motion(speech):
    pytest.importorskip("torchmetrics")
    full, half = ([shown(i, speech, scale=s) for i in range(3)] for s in (1.0, 0.5))
    report = dynamics_benchmark(half, full)
    for row in report["regions"].values():
        assert row["vc_r"]["value"] == pytest.approx(0.25, rel=1e-3)
        assert row["std_r"]["value"] == pytest.approx(0.5, rel=1e-3)
    made, real = (np.array([a["value"] for a in report[s]["head_std"]]) for s in ("made", "real"))
    np.testing.assert_allclose(made, real / 2, rtol=1e-3)


def test_brow_height_in_percent_of_the_face(coefficients):
    track = MotionTrack.zeros(60)
    track.blendshapes[30:] = coefficients(browInnerUp=0.6, browOuterUp=0.6)
    fitted = fitted_brow_std(track)
    assert 0.5 < fitted < 6
    assert seen_brow_std(seen(track).points[..., :2]) == pytest.approx(fitted, rel=0.1)
    blinking = MotionTrack.zeros(60)
    blinking.blendshapes[30:] = coefficients(eyeBlink=1.0)
    assert seen_brow_std(seen(blinking).points[..., :2]) < 0.25 * fitted


def test_speech_frames_follow_the_voice(speech):
    heard = speech_frames(np.concatenate([np.zeros(32000, np.float32), speech]), 50 + FRAMES)
    assert heard.dtype == bool and not heard[:45].any() and heard[60:].mean() > 0.6


def test_drawn_motion_is_seen_again(renderer, speech):
    track = MotionTrack.zeros(12)
    track["headYaw"][:] = np.linspace(-6, 6, 12)
    face = show(track, speech, renderer)
    assert face.motion.pose[:, 1].std() == pytest.approx(track.pose[:, 1].std(), rel=0.3)
    assert face.points.shape == (12, 478, 2)


def test_a_head_that_nods_with_the_voice(speech_path):
    waveform = read_audio(speech_path, 16000)
    loud = np.sqrt((waveform[: len(waveform) // 640 * 640].reshape(-1, 640) ** 2).mean(1))
    track = MotionTrack.zeros(len(loud))
    track.pose[:, 0] = 20 * np.cumsum(loud)
    points = np.zeros((len(loud), 478, 2))
    nodding = head_with_voice(Shown(waveform, track, points, 512))
    assert nodding["r_best"] > 0.95 and nodding["z"] > 2
    swaying = head_with_voice(Shown(waveform, lively(0, len(loud)), points, 512))
    assert swaying["z"] < 2


class Puppet:
    """Lips by the sound's loudness, the rest by the seed."""

    def __init__(self, talks: bool = True):
        self.talks = talks

    def __call__(self, waveform, seed=0):
        frames = len(waveform) // 640
        track = lively(seed, frames)
        loud = np.sqrt((waveform[: frames * 640].reshape(frames, 640) ** 2).mean(1))
        track.blendshapes[:] = 0
        track["jawOpen"][:] = (3 * loud).clip(0, 1) if self.talks else 0
        return track

    def windows(self, waveform, seed=0):
        vectors = self(waveform, seed).to_vectors()
        return [MotionTrack.from_vectors(part) for part in np.array_split(vectors, 4)]


def test_seeds_move_the_head_and_not_the_lips(speech):
    report = seed_benchmark(Puppet(), speech, seeds=6)
    assert report["lips"]["lowest"] == pytest.approx(1)
    assert abs(report["yaw"]["mean"]) < 0.3 and report["yaw"]["lowest"] < 0


def test_sounds_without_speech():
    played = sounds(6.0)
    assert all(len(sound) == 96000 and sound.dtype == np.float32 for sound in played.values())
    level = {name: float(np.sqrt((sound**2).mean())) for name, sound in played.items()}
    assert level["digital_silence"] == 0 and level["quiet_room"] == pytest.approx(
        10**-3.5, rel=0.05
    )
    assert level["music"] == pytest.approx(level["white_noise"], rel=0.05)
    assert (sounds(6.0)["music"] == played["music"]).all()
    assert (played["starting"][:24000] == 0).all() and played["starting"][24000:64000].std() > 0.005
    assert (played["starting"][64000:88000] == 0).all()
    # The first bars stand on A: 220 Hz and not the semitone above it.
    spectrum = np.abs(np.fft.rfft(played["music"][: 4 * 16000]))
    at = lambda hertz: spectrum[int(4 * hertz) - 6 : int(4 * hertz) + 7].max()  # noqa: E731
    assert at(220) > 4 * at(233.1)


def test_quiet_lips_and_lips_that_follow_any_sound(speech):
    talk = Puppet()
    report = nonspeech_benchmark(talk, [speech])
    assert report["digital_silence"]["closed"] == 1
    assert report["digital_silence"]["opening_std"] == 0 == report["digital_silence"]["of_speech"]
    assert report["speech"]["of_speech"] == 1 > report["speech"]["closed"]
    assert report["music"]["opening_std"] > 0
    assert report["quiet_room"]["head_std"][1] > 1
    assert report["over_music"]["r"]["value"] < 1 and report["over_music"]["of_speech"] > 0
    assert report["far_off"]["of_speech"] < 1


def test_lips_in_pauses_beside_the_speakers_own(speech):
    speaks = np.ones(100, bool)
    speaks[[*range(10, 45), *range(60, 75)]] = False
    # Of 35 quiet frames the first 15 and the last 6 are left out; 15 are too few.
    assert pauses(speaks) == [slice(25, 39)]
    assert pauses(~np.ones(30, bool)) == [slice(15, 24)] and pauses(np.ones(30, bool)) == []
    sound = np.concatenate([speech[:32000], np.zeros(64000, np.float32)])
    shut, ajar = MotionTrack.zeros(150), MotionTrack.zeros(150)
    ajar["jawOpen"][:] = 0.5
    clip = Clip("nobody", sound, ajar, np.zeros(150))
    report = pause_benchmark([shut], [clip])
    assert 2 < report["seconds"] < 4
    assert report["made"]["closed"] == 1 and report["real"]["closed"] == 0
    assert pause_benchmark([shut], [Clip("nobody", speech[:8000], ajar, np.zeros(150))]) is None


def test_seams_of_cut_and_of_torn_motion(speech):
    whole = seam_benchmark(Puppet(), [speech] * 3, seeds=2)
    assert whole["jerk_ratio"]["n"] == 2 and whole["borders"] == 3
    assert whole["jerk_ratio"]["value"] == pytest.approx(1, abs=0.5)

    class Torn(Puppet):
        def windows(self, waveform, seed=0):
            parts = super().windows(waveform, seed)
            return [MotionTrack(p.blendshapes, p.pose + 20 * i) for i, p in enumerate(parts)]

    torn = seam_benchmark(Torn(), [speech] * 3, seeds=2)
    assert torn["jerk_ratio"]["value"] > 5 and torn["detectability"]["value"] > 0.95

    class Whole(Puppet):
        def windows(self, waveform, seed=0):
            return [self(waveform, seed)]

    with pytest.raises(UnavailableError, match="no seam"):
        seam_benchmark(Whole(), [speech])


def test_cost_is_timed_and_memory_asked_for_two_lengths(tiny_pipeline, speech, monkeypatch):
    from gen.bench.talker import Talker

    asked = []
    monkeypatch.setattr(
        "gen.bench.cost.peak_memory", lambda work, wave, seconds, model: asked.append(seconds)
    )
    monkeypatch.setattr("gen.bench.cost._SHORT", 2.0)
    talk = Talker(tiny_pipeline.encoder, tiny_pipeline.motion, tiny_pipeline.sampling)
    report = cost_benchmark(talk, speech)
    assert asked == [2, 120] and list(report["peak_memory_mb"]) == ["2", "120"]
    assert report["first_window_seconds"] > 0 and report["seconds_per_second"] > 0
