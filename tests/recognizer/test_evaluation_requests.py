"""Which clips are evaluated, what belongs to each, and what counts as asked."""

import csv
import string

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from recognizer.evaluation.comparison import frame_targets
from recognizer.evaluation.manifest import COLUMNS, read_manifest
from recognizer.evaluation.requests import SOUNDS, Asked, by_stem, films, short_names
from recognizer.facs import AU_INDEX, EMOTIONS


@pytest.fixture
def folder(tmp_path):
    for name in ("a.mp4", "b.MOV", "c.txt", "sounds/a.wav", "sounds/x.wav", "other/a.mp4"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    return tmp_path


def test_films_of_folders_and_files(folder):
    a, b, c = folder / "a.mp4", folder / "b.MOV", folder / "c.txt"
    assert films([folder]) == [a, b]
    assert films([c, folder, a]) == [c, a, b]
    with pytest.raises(ValueError, match="no clip found in"):
        films([folder / "sounds"])
    with pytest.raises(FileNotFoundError, match="no such clip"):
        films([folder / "gone.mp4"])


def test_files_belong_to_clips_of_their_name(folder):
    clips = films([folder])
    a, b = clips
    sounds = folder / "sounds"
    assert by_stem(clips, [sounds], SOUNDS, "audio") == {a: sounds / "a.wav"}
    assert by_stem(clips, [sounds / "x.wav"], SOUNDS, "audio") == dict.fromkeys(
        (a, b), sounds / "x.wav"
    )
    assert by_stem(clips, [], SOUNDS, "audio") == {}
    with pytest.raises(ValueError, match="no audio has the name of a clip"):
        by_stem([b], [sounds], SOUNDS, "audio")
    (sounds / "a.mp3").write_bytes(b"x")
    with pytest.raises(ValueError, match=r"a\.mp3 and .*a\.wav would be audio of a"):
        by_stem(clips, [sounds], SOUNDS, "audio")


def test_short_names_tell_files_apart(folder):
    names = short_names([folder / "a.mp4", folder / "other/a.mp4", folder / "b.MOV"])
    assert len(set(names.values())) == 3
    assert names[folder / "b.MOV"] == "b.MOV"
    assert names[folder / "other/a.mp4"] == "other/a.mp4"


def asked(**curves):
    frames = max(len(x) for x in curves.values())
    empty = {"aus": 24, "valence_arousal": 2, "emotion": 8}
    return Asked(**{k: curves.get(k, np.zeros((frames, n))) for k, n in empty.items()})


def test_emotions_are_asked_where_they_are_strong():
    weights = np.zeros((5, 8))
    weights[:, 1] = [0, 0.1, 0.2, 0.3, 0.3]  # a faint happiness comes up
    weights[:, 0] = 1 - weights[:, 1]
    labels = asked(emotion=weights).emotion_labels()
    assert labels.tolist() == [0, -1, 1, 1, 1]
    weights[2] = np.nan
    assert asked(emotion=weights).emotion_labels()[2] == -1


def test_curves_hold_and_are_interpolated():
    one = asked(valence_arousal=np.array([[0.0, 0.0], [1.0, -1.0]]))
    found = one.at(np.array([0.0, 0.02, 0.04, 9.0])).valence_arousal
    np.testing.assert_allclose(found[:, 0], [0, 0.5, 1, 1])
    with pytest.raises(ValueError, match=r"valence_arousal must be -1\.\.1"):
        asked(valence_arousal=np.array([[2.0, 0.0]]))
    with pytest.raises(ValueError, match="emotion must be"):
        Asked(np.zeros((2, 24)), np.zeros((2, 2)), np.zeros((3, 8)))


def test_speech_is_not_held_against_a_face():
    aus = np.zeros((3, 24))
    aus[:, AU_INDEX["AU20"]] = 2.0
    found = frame_targets(asked(aus=aus), np.arange(3) / 25).aus
    assert np.isnan(found[:, AU_INDEX["AU25"]]).all()  # speech parts lips
    assert (found[:, AU_INDEX["AU20"]] == 2).all()  # asked for
    assert (found[:, AU_INDEX["AU04"]] == 0).all()  # a frown nobody asked for counts


def write(path, header, *rows):
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([header, *rows])
    return path


def test_a_manifest(folder):
    table = write(
        folder / "m.csv", ("clip", "audio", "emotion", "intensity"),
        ("a.mp4", "sounds/a.wav", "anger", "0.5"), (), ("b.MOV", "", "", ""),
    )  # fmt: skip
    first, second = read_manifest(table)
    assert first.clip == folder / "a.mp4" and first.audio == folder / "sounds/a.wav"
    assert (first.emotion, first.intensity) == ("anger", 0.5)
    assert second.emotion is second.intensity is second.audio is None


@pytest.mark.parametrize(
    "header, row, words",
    [
        (("clip", "sound"), ("a.mp4", ""), "unknown column 'sound'"),
        (("clips",), ("a.mp4",), "did you mean clip"),
        (("audio",), ("sounds/a.wav",), "no column 'clip'"),
        (("clip", "clip"), ("a.mp4", "a.mp4"), "twice"),
        (("clip", "audio"), ("a.mp4", "gone.wav"), "line 2: no such audio: .*gone.wav"),
        (("clip", "audio"), ("", "sounds/a.wav"), "line 2: the clip is missing"),
        (("clip", "emotion"), ("a.mp4", "rage"), "line 2: unknown emotion 'rage'"),
        (("clip", "intensity"), ("a.mp4", "1"), "an intensity needs an emotion"),
        (("clip", "emotion", "intensity"), ("a.mp4", "fear", "nan"), "intensity must be 0..1"),
        (("clip", "emotion", "intensity"), ("a.mp4", "fear", "much"), "not a number"),
        (("clip", "emotion", "timeline"), ("a.mp4", "fear", "c.txt"), "not both"),
        (("clip",), ("a.mp4", "more"), "2 cells under 1 columns"),
        (("clip",), (), "lists no clip"),
    ],
)
def test_bad_manifests(folder, header, row, words):
    with pytest.raises((ValueError, FileNotFoundError), match=words):
        read_manifest(write(folder / "m.csv", header, row))


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_any_manifest_comes_back(folder, data):
    columns = data.draw(st.permutations(COLUMNS).map(lambda c: [x for x in c if x != "timeline"]))
    stems = st.text(string.ascii_letters + string.digits + " äß,;'-", min_size=1, max_size=8)
    names = data.draw(st.lists(stems.filter(str.strip), min_size=1, max_size=5,
                               unique_by=lambda s: s.strip().casefold()))  # fmt: skip
    rows = []
    for name in names:
        clip = f"{name.strip()}.mp4"
        (folder / clip).write_bytes(b"x")
        emotion = data.draw(st.sampled_from([*EMOTIONS, ""]))
        intensity = data.draw(st.floats(0, 1)) if emotion else ""
        others = {k: data.draw(st.sampled_from(["", "c.txt"])) for k in ("audio", "portrait")}
        rows.append({"clip": clip, "emotion": emotion, "intensity": intensity, **others})
    table = write(folder / "m.csv", columns, *([r.get(c, "") for c in columns] for r in rows))
    for found, row in zip(read_manifest(table), rows, strict=True):
        assert found.clip == folder / row["clip"]
        assert (found.emotion or "") == row["emotion"]
        assert found.intensity is None or found.intensity == row["intensity"]
        assert (found.audio is None) == (row["audio"] == "")


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(content=st.binary(max_size=200))
def test_whatever_else_is_refused_in_a_line(folder, content):
    path = folder / "m.csv"
    path.write_bytes(content)
    with pytest.raises((ValueError, FileNotFoundError)) as caught:
        read_manifest(path)
    assert "m.csv" in str(caught.value)
