"""Made talkers evaluated: a perfect one, a frozen one, and what the figures say of them."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from recognizer.evaluate import ClipRequest, Evaluation
from recognizer.evaluation import synchrony
from recognizer.evaluation.aggregate import aggregate, swapped_sound
from recognizer.evaluation.catalogue import METRICS
from recognizer.evaluation.comparison import compare, frame_targets, worst_moments
from recognizer.evaluation.jobs import Failure, Job, perform, perform_all
from recognizer.evaluation.made import made_talker
from recognizer.evaluation.measures import ClipMeasures
from recognizer.evaluation.pictures import why_not_framed, why_not_paired
from recognizer.evaluation.reading import _opening, lips_with
from recognizer.evaluation.requests import Asked
from recognizer.evaluation.selftest import selftest
from recognizer.evaluation.synchrony import add_syncnet, at_rate
from recognizer.facs import AU_INDEX, EMOTIONS


@pytest.fixture(scope="module")
def talkers():
    return [made_talker(seed, EMOTIONS[seed], seconds=3)[0] for seed in range(4)]


def wanted(name, measures, aus=None, place=None):
    frames = len(measures)
    emotion = np.zeros((frames, 8))
    emotion[:, EMOTIONS.index(name)] = 1
    return Asked(
        np.nan_to_num(measures.aus) if aus is None else aus,
        np.zeros((frames, 2)) if place is None else place,
        emotion,
        measures.fps,
        name,
    )


def evaluated(talkers, references=()):
    clips = [
        compare(ClipRequest(Path(f"{i}.mp4"), asked=wanted(EMOTIONS[i], one)), f"{i}.mp4", one, one)
        for i, one in enumerate(talkers)
    ]
    return clips, *aggregate(clips, references)


@pytest.fixture(scope="module")
def perfect(talkers):
    return evaluated(talkers, talkers)


def test_perfect_clips(perfect):
    _, metrics, reasons = perfect
    assert metrics["emotion_accuracy"]["value"] == 1
    assert metrics["emotion_accuracy"]["ci95"] == [1, 1]
    assert metrics["au_ccc"]["value"] == pytest.approx(1)
    assert metrics["valence_rmse"]["value"] == 0
    assert metrics["lip_opening_r"]["value"] == pytest.approx(1)
    assert metrics["aue_l"]["value"] == metrics["aue_u"]["value"] == 0
    for name in ("e_fid", "delta_e_fid", "trajectory_fid", "landmark_motion_fid"):
        assert metrics[name]["value"] == pytest.approx(0, abs=1e-6)
        assert metrics[name]["floor"]["mean"] > 0
    assert metrics["std_r_mouth"]["value"] == pytest.approx(1)
    assert metrics["jitter"]["value"] == metrics["jitter"]["reference"]["value"]
    pictures = {"flicker", "flicker_background", "warping_error"}
    pictures |= {"psnr", "ssim", "st_lpips", "lpips", "lse_c", "lse_d", "sync_offset"}
    assert set(metrics) | set(reasons) == set(METRICS) - pictures  # nobody drew them
    assert not set(metrics) & set(reasons)
    for name, row in metrics.items():
        assert {"value", "n", "ci95", "backend"} <= set(row)
        assert np.isfinite(row["value"]) and row["n"] >= 1 and row["backend"], name
    assert all(reasons.values())


def test_frozen_clips(talkers, perfect):
    frozen = [made_talker(seed, EMOTIONS[seed], seconds=3, frozen=True)[0] for seed in range(4)]
    _, alive, _ = perfect
    _, metrics, reasons = evaluated(frozen, talkers)
    for region in ("mouth", "eyes", "brows", "head"):
        assert metrics[f"std_r_{region}"]["value"] == pytest.approx(0, abs=1e-9)
        assert metrics[f"vc_r_{region}"]["value"] == pytest.approx(0, abs=1e-9)
    assert metrics["speed"]["value"] == pytest.approx(0, abs=1e-6)
    assert metrics["theval_naturalness"]["value"] < alive["theval_naturalness"]["value"]
    assert metrics["e_fid"]["value"] > 10 * alive["e_fid"]["value"]
    assert reasons["lip_audio_r_best"] == "lips or sound do not move"
    assert "do not move" in reasons["lip_opening_r"]


def test_wrong_emotion_and_units(talkers):
    one = talkers[1]
    aus = np.zeros((len(one), 24))
    aus[:, AU_INDEX["AU04"]] = 5.0
    asked = wanted("anger", one, aus, np.tile([-0.5, 0.5], (len(one), 1)))
    clip = compare(ClipRequest(Path("x.mp4"), asked=asked), "x.mp4", one)
    assert clip.metrics["emotion_accuracy"][0] == 0
    shown = one.aus[:, AU_INDEX["AU04"]]
    expected = np.sqrt(np.mean((shown - 5.0) ** 2))
    assert clip.metrics["au_rmse"][0] == pytest.approx(expected, rel=1e-5)
    assert clip.metrics["valence_rmse"][0] == pytest.approx(0.5)
    assert clip.metrics["va_sagr"][0] == 0
    assert "does not change" in clip.reasons["au_ccc"]
    assert clip.reasons["psnr"] == "the clip has no reference"


def test_what_is_lost_is_not_replaced(talkers):
    one = replace(talkers[0], descriptors=np.zeros((2, 128)))
    named = ClipRequest(Path("x.mp4"), reference=Path("r.mp4"), portrait=Path("p.png"))
    clip = compare(named, "x.mp4", one, reference=one)  # the portrait could not be read
    assert clip.reasons["identity_similarity"] == "its portrait could not be read"
    clip = compare(replace(named, portrait=None), "x.mp4", one, reference=one)
    assert clip.metrics["identity_similarity"] == (1.0, 2)
    # Beside the first face of the reference its others, which are not that far off either.
    real = replace(one, descriptors=np.stack([np.zeros(128), np.full(128, 0.02)]))
    clip = compare(replace(named, portrait=None), "x.mp4", one, reference=real)
    assert clip.beside["identity_similarity"] == pytest.approx(1 - 0.02 * np.sqrt(128))
    clip = compare(replace(named, portrait=None), "x.mp4", one)
    assert clip.reasons["ssim"] == "its reference could not be measured"


def test_the_worst_moment_is_found(talkers):
    one = talkers[0]
    place = np.zeros((len(one), 2), np.float32)
    place[40:46] = 0.8
    shown = replace(one, valence_arousal=place)
    clip = compare(ClipRequest(Path("x.mp4"), asked=wanted("neutral", one)), "x.mp4", shown)
    (found,) = [one for one in clip.worst if one["what"] == "valence-arousal error"]
    assert 40 <= found["frame"] <= 45
    assert found["time"] == found["frame"] / 25
    lost = replace(shown, success=np.arange(len(one)) != 7)
    clip.measures = lost
    assert {"frame": 7, "time": 0.28, "what": "no face", "value": 1.0} in worst_moments(clip)


def test_the_reason_that_tells_most_is_given(talkers):
    plain = [compare(ClipRequest(Path(f"{i}.mp4")), f"{i}.mp4", talkers[i]) for i in range(3)]
    assert aggregate(plain, [])[1]["lpips"] == "the clip has no reference"
    plain[1].reasons["lpips"] = "no weights"
    assert aggregate(plain, [])[1]["lpips"] == "no weights"


def test_the_same_sound_is_no_control(talkers):
    assert len(swapped_sound(talkers)) == 12
    assert len(swapped_sound([talkers[0], talkers[0]])) == 0


def test_pairs_must_match(talkers):
    one = talkers[0]
    assert why_not_paired(one, one) is None and why_not_framed(one, one) is None
    assert "frames a second" in why_not_paired(one, replace(one, fps=30.0))
    short = replace(one, success=one.success[:50])
    assert "50 frames" in why_not_paired(one, short)
    assert "512x512" in why_not_framed(one, replace(one, size=(256, 128)))
    assert why_not_framed(one, replace(one, size=(256, 256), boxes=one.boxes / 2)) is None
    moved = replace(one, boxes=one.boxes + 200)
    assert "overlap by" in why_not_framed(one, moved)


def test_rates_are_brought_together():
    line = np.arange(31, dtype=float)[:, None] / 30
    np.testing.assert_allclose(at_rate(line, 30, 25)[:, 0], np.arange(26) / 25, atol=1e-12)
    assert at_rate(line, 30, 30) is line


def test_still_lips_have_no_sync(talkers):
    """Whatever the arithmetic rounds to: a face moved and scaled a little in every frame."""
    still, _ = made_talker(3, seconds=3, frozen=True)
    assert np.ptp(still.opening) == 0
    rng = np.random.default_rng(0)
    for noise in (1e-9, 1e-7, 2e-5):
        opening = _opening(0.123455 + noise * rng.uniform(-1, 1, 75))
        one = replace(talkers[0], opening=opening)
        assert np.isnan(lips_with(one, one.volume)[0]), noise
    trembling = _opening(0.123455 + 1e-3 * rng.uniform(-1, 1, 75))
    assert np.ptp(trembling) > 1e-3
    gaps = _opening(np.array([0.1, np.nan, 0.1 + 1e-8]))
    assert np.isnan(gaps[1]) and gaps[0] == gaps[2]


def test_syncnet_sees_the_films_first_minute(talkers, monkeypatch, tmp_path):
    one, path = talkers[0], tmp_path / "weights.safetensors"
    path.touch()
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(90, 16))
    seen = []

    class Network:
        def __call__(self, faces, waveform):
            seen.append(faces.shape)
            return rows[10:70], rows[7:67]  # the sound comes three frames late

    monkeypatch.setattr(synchrony, "_network", lambda *_: Network())
    monkeypatch.setattr(
        synchrony, "iter_frames", lambda *_: iter([np.zeros((512, 512, 3), np.uint8)] * 73)
    )
    boxes = one.boxes.copy()
    boxes[5:9] = np.nan
    one = replace(one, boxes=boxes, scalars={}, reasons={})
    add_syncnet(one, Path("x.mp4"), np.zeros(48000), "", path)
    assert seen == [(75, 224, 224, 3)]  # the last frame stands in for two that are lacking
    assert one.scalars["sync_offset"] == -3 and one.scalars["lse_c"] > 1
    assert one.scalars["lse_d"] < 0.3  # sound beyond the end is zero
    add_syncnet(one, Path("x.mp4"), None, "it has no sound", path)
    assert one.reasons["lse_c"] == "it has no sound"
    add_syncnet(one, Path("x.mp4"), np.zeros(48000), "", None)
    assert "--syncnet" in one.reasons["lse_d"]


def test_measures_are_kept(talkers, tmp_path):
    one, path = talkers[0], tmp_path / "one.npz"
    one.save(path)
    again = ClipMeasures.load(path)
    np.testing.assert_array_equal(again.motion, one.motion)
    assert (again.scalars, again.reasons, again.size) == (one.scalars, one.reasons, one.size)
    path.write_bytes(path.read_bytes()[:500])
    with pytest.raises(ValueError, match=r"one\.npz is damaged"):
        ClipMeasures.load(path)


def test_a_file_that_cannot_be_read_is_told(tmp_path):
    (tmp_path / "text.mp4").write_text("no film")
    job = Job("film", (tmp_path / "text.mp4", None))
    gone = Job("portrait", (tmp_path / "gone.png",))
    said = []
    found = perform_all([job, gone, job], 1, None, lambda *x: said.append(x), "measuring")
    assert list(found) == [job, gone]
    assert "text.mp4" in found[job].reason and "gone.png" in found[gone].reason
    assert said[-1] == ("measuring", 2, 2)


def test_what_nobody_expected_is_told_too(monkeypatch, tmp_path):
    from recognizer.evaluation import jobs

    def fails(job):
        raise RuntimeError("the codec\nfell over")

    monkeypatch.setitem(jobs._KINDS, "film", fails)
    found = perform(Job("film", (tmp_path / "x.mp4", None)))
    assert found == Failure("unexpected RuntimeError: the codec fell over")


def test_a_process_that_dies_takes_no_other_film_along(monkeypatch):
    from concurrent.futures import Future
    from concurrent.futures.process import BrokenProcessPool

    class Pool:
        """Breaks on its second job, and at once on the film that kills."""

        def __init__(self, workers):
            self.left = 1

        def __enter__(self):
            return self

        def __exit__(self, *_):
            pass

        def submit(self, _, job):
            future = Future()
            if self.left and job.files[0].name != "bad.mp4":
                future.set_result(job.files[0].name)
            else:
                future.set_exception(BrokenProcessPool())
            self.left -= 1
            return future

    monkeypatch.setattr("recognizer.pool._pool", Pool)
    films = [Job("film", (Path(name), None)) for name in ("a.mp4", "bad.mp4", "c.mp4")]
    found = perform_all(films, 2, None, lambda *_: None, "measuring")
    assert [found[films[0]], found[films[2]]] == ["a.mp4", "c.mp4"]
    assert "was killed" in found[films[1]].reason


def test_a_cache_answers_for_the_same_content_alone(monkeypatch, tmp_path, talkers):
    from recognizer.evaluation import jobs

    made = []

    def measured(job):
        made.append(job)
        return talkers[0]

    monkeypatch.setitem(jobs._KINDS, "film", measured)
    cache = tmp_path / "cache"
    cache.mkdir()
    film, same = tmp_path / "a.mp4", tmp_path / "b.mp4"
    film.write_bytes(b"one")
    same.write_bytes(b"one")
    first = perform(Job("film", (film, None)), cache)
    again = perform(Job("film", (same, None)), cache)
    assert len(made) == 1 and again.scalars == first.scalars
    (kept,) = cache.iterdir()
    kept.write_bytes(b"damaged")
    perform(Job("film", (film, None)), cache)
    assert len(made) == 2
    film.write_bytes(b"two")
    perform(Job("film", (film, None)), cache)
    monkeypatch.setattr(jobs, "version", lambda: "another")
    perform(Job("film", (film, None)), cache)
    assert len(made) == 4


def test_json_has_no_nan(talkers):
    clips, metrics, reasons = evaluated(talkers)
    clips[0].worst.append({"frame": 0, "time": 0.0, "what": "jerk", "value": float("nan")})
    found = Evaluation(clips, {}, metrics, reasons, [{"file": "x", "reason": "y"}])
    content = json.loads(json.dumps(found.to_json(), allow_nan=False))
    assert set(content) == {
        "clips", "aggregate", "radar", "rest", "unavailable", "failed", "references",
    }  # fmt: skip
    assert "e_fid" in content["unavailable"] and "e_fid" not in content["aggregate"]
    assert content["clips"][0]["shown"]["strongest"] == EMOTIONS[0]
    assert content["clips"][0]["worst"][-1]["value"] is None


def test_targets_follow_the_frames(talkers):
    one = talkers[0]
    ramp = np.linspace(0, 1, len(one))[:, None] * [1.0, -1.0]
    asked = wanted("neutral", one, place=ramp)
    found = frame_targets(asked, np.arange(10) / 50)
    np.testing.assert_allclose(found.valence_arousal[::2], ramp[:5])


def test_all_controls_pass():
    outcomes = selftest()
    assert len(outcomes) == 7
    assert [str(one) for one in outcomes if one.passed is not True] == []
