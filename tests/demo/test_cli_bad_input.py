"""Bad input ends in one clear line, and leaves nothing behind."""

import os

import pytest
from cli_helpers import GENERATE, facewright, refused

BAD = {
    # portraits
    "missing portrait": ("generate @no.png @speech.wav -o %o.mp4", "no.png"),
    "portrait is a folder": ("generate @folder @speech.wav -o %o.mp4", "folder"),
    "empty portrait": ("generate @empty.png @speech.wav -o %o.mp4", "empty"),
    "text as portrait": ("generate @text.png @speech.wav -o %o.mp4", "not a picture"),
    "sound as portrait": ("generate @speech.wav @speech.wav -o %o.mp4", "not a picture"),
    "truncated portrait": ("generate @cut.png @speech.wav -o %o.mp4", "cut.png"),
    "plain portrait": ("generate @plain.png @speech.wav -o %o.mp4", "no face"),
    "noise as portrait": ("generate @noise.png @speech.wav -o %o.mp4", "no face"),
    # sound
    "missing sound": ("generate @me.png @no.wav -o %o.mp4", "no.wav"),
    "sound is a folder": ("generate @me.png @folder -o %o.mp4", "folder"),
    "empty sound": ("generate @me.png @empty.wav -o %o.mp4", "empty"),
    "text as sound": ("generate @me.png @text.wav -o %o.mp4", "text.wav"),
    "picture as sound": ("generate @me.png @me.png -o %o.mp4", "me.png"),
    "video without sound": ("generate @me.png @mute.mp4 -o %o.mp4", "mute.mp4 has no sound"),
    # intentions
    "unknown emotion": (GENERATE + "--emotion rage", "'rage'", "neutral, happiness"),
    "too much emotion": (GENERATE + "--emotion happiness:2", "intensity must be 0..1, got 2"),
    "emotion nan": (GENERATE + "--emotion happiness:nan", "intensity must be a number"),
    "emotion by words": (GENERATE + "--emotion happiness:very", "'very' is not a number"),
    "valence 3": (GENERATE + "--valence 3", "valence must be -1..1"),
    "arousal nan": (GENERATE + "--arousal nan", "arousal must be a number"),
    "unknown AU": (GENERATE + "--au AU99=1", "'AU99'"),
    "AU garbage": (GENERATE + "--au garbage", "AU12=3,AU06=2", "'garbage'"),
    "AU too strong": (GENERATE + "--au AU12=9", "AU12 must be 0..5"),
    "AU by words": (GENERATE + "--au AU12=x", "'x' is not a number"),
    "empty AU": (GENERATE + "--au AU12=", "not a number"),
    "missing timeline": (GENERATE + "--timeline @no.yaml", "no.yaml"),
    "empty timeline": (GENERATE + "--timeline @empty.yaml", "empty"),
    "text as timeline": (GENERATE + "--timeline @text.yaml", "text.yaml"),
    "broken timeline": (GENERATE + "--timeline @broken.yaml", "broken.yaml is not a YAML file"),
    "timeline of rage": (GENERATE + "--timeline @rage.yaml", "entry 1", "'rage'"),
    "timeline is a folder": (GENERATE + "--timeline @folder", "folder"),
    "picture as timeline": (GENERATE + "--timeline @me.png", "me.png"),
    "timeline of no blendshape": (GENERATE + "--timeline @odd.yaml", "entry 1", "'browInerUp'"),
    # given motion
    "missing motion in": (GENERATE + "--motion-in @no.csv", "no.csv"),
    "text as motion in": (GENERATE + "--motion-in @text.csv", "text.csv"),
    "unknown column in": (GENERATE + "--motion-in @typo.csv", "typo.csv", "'jawOpem'"),
    "jaw of seven in": (GENERATE + "--motion-in @loud.csv", "blendshapes must be 0..1"),
    "empty motion in": (GENERATE + "--motion-in @gone.csv", "no values to hold"),
    "missing style": (GENERATE + "--style @no.mp4", "no.mp4"),
    "text as style": (GENERATE + "--style @text.mp4", "text.mp4"),
    "sound as style": (GENERATE + "--style @speech.wav", "speech.wav is not a video"),
    "style without a face": (GENERATE + "--style @mute.mp4", "no face"),
    "style too short": (GENERATE + "--style @m.csv", "m.csv: a style needs a second of motion"),
    # numbers
    "size 10": ("generate @me.png @speech.wav -o %o.mp4 --size 10", "--size must be 64 to 4096"),
    "size 100000": ("generate @me.png @speech.wav -o %o.mp4 --size 100000", "--size"),
    "fps 0": (GENERATE + "--fps 0", "--fps must be 1 to 120, got 0"),
    "fps nan": (GENERATE + "--fps nan", "--fps"),
    "no steps": (GENERATE + "--steps 0", "--steps must be 1 to 1000"),
    "huge seed": (GENERATE + "--seed 99999999999999999999999", "--seed must be"),
    "negative seed": (GENERATE + "--seed -1", "--seed must be"),
    "loop of -1 passes": (GENERATE + "--closed-loop -1", "--closed-loop must be 0 to 20"),
    "loop of 21 passes": (GENERATE + "--closed-loop 21", "--closed-loop must be 0 to 20"),
    "best of none": (GENERATE + "--best-of 0", "--best-of must be 1 to 100, got 0"),
    # outputs
    "missing output folder": ("generate @me.png @speech.wav -o %no/o.mp4", "there is no folder"),
    "output is a folder": ("generate @me.png @speech.wav -o @folder", "folder"),
    "output ending": ("generate @me.png @speech.wav -o %o.avi", "'o.avi' must end in .mp4"),
    "no output ending": ("generate @me.png @speech.wav -o %o", "must end in .mp4"),
    "motion ending": (GENERATE + "--motion-out %m.bvh", "must end in .csv or .npz"),
    "motion folder": (GENERATE + "--motion-out %no/m.csv", "there is no folder"),
    # animate
    "missing motion": ("animate @me.png @no.csv -o %o.mp4", "no.csv"),
    "empty motion": ("animate @me.png @empty.csv -o %o.mp4", "empty"),
    "text as motion": ("animate @me.png @text.csv -o %o.mp4", "text.csv"),
    "text as npz": ("animate @me.png @text.npz -o %o.mp4", "text.npz is not a motion file"),
    "motion by words": ("animate @me.png @wide.csv -o %o.mp4", "line 3", "'wide'"),
    "time falls": ("animate @me.png @back.csv -o %o.mp4", "'time' must rise"),
    "jaw of seven": ("animate @me.png @loud.csv -o %o.mp4", "blendshapes must be 0..1"),
    "motion without a face": ("animate @me.png @gone.csv -o %o.mp4", "no frame"),
    "motion too slow": ("animate @me.png @slow.csv -o %o.mp4", "frame rate"),
    "sound as motion": ("animate @me.png @speech.wav -o %o.mp4", "neither a motion file"),
    "text as driving video": ("animate @me.png @text.mp4 -o %o.mp4", "text.mp4"),
    "driving video, no face": ("animate @me.png @mute.mp4 -o %o.mp4", "no face"),
    "animate plain": ("animate @plain.png @m.csv -o %o.mp4", "no face"),
    "animate cut": ("animate @cut.png @m.csv -o %o.mp4", "cut.png"),
    "animate fps 0": ("animate @me.png @m.csv -o %o.mp4 --fps 0", "--fps"),
    "a motion file has no first frame": (
        "animate @me.png @m.csv -o %o.mp4 --relative", "--relative is for videos"
    ),
    "animate ending": ("animate @me.png @m.csv -o %o.mov", "must end in .mp4"),
    # recognize
    "recognize text": ("recognize @text.mp4 -o %o.csv", "text.mp4"),
    "recognize text as picture": ("recognize @text.png -o %o.csv", "text.png"),
    "recognize plain": ("recognize @plain.png -o %o.csv", "no face was found in plain.png"),
    "recognize faceless video": ("recognize @mute.mp4 -o %o.csv --json %o.json", "no face"),
    "recognize missing": ("recognize @no.png", "no.png"),
    "recognize a folder": ("recognize @folder", "folder"),
    "recognize cut": ("recognize @cut.png", "cut.png"),
    "recognize 0 faces": ("recognize @me.png --faces 0", "--faces must be 1 to 20"),
    "recognize ending": ("recognize @me.png -o %o.txt", "must end in .csv"),
    "recognize sound": ("recognize @speech.wav", "speech.wav"),
    # export
    "export of a film": ("export @talk.mp4 -o %o.json", "no motion file (.csv, .npz)"),
    "film as motion in": (GENERATE + "--motion-in @talk.mp4", "animate --motion-out"),
    "export text": ("export @text.csv -o %o.json", "text.csv"),
    "export ending": ("export @m.csv -o %o.fbx", "must end in"),
    "live link ending": ("export @m.csv -o %o.json --livelink", "--livelink writes a .csv"),
    "export without a face": ("export @gone.csv -o %o.csv --livelink", "no frame"),
    "export missing": ("export @no.npz -o %o.csv", "no.npz"),
    # training tools
    "train on nothing": ("train motion --config @no.yaml --data @folder -o %run", "no.yaml"),
    "bench on nothing": ("bench control @no.png", "no.png"),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD)
def test_bad_input(run, tmp_path, case):
    line, *words = BAD[case]
    refused(run(line), *words)
    assert list(tmp_path.iterdir()) == []


def test_bad_input_leaves_an_older_output_alone(run, tmp_path):
    (tmp_path / "o.mp4").write_bytes(b"precious")
    refused(run("generate @plain.png @speech.wav -o %o.mp4"), "no face")
    assert (tmp_path / "o.mp4").read_bytes() == b"precious"


@pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() == 0, reason="the superuser writes anywhere"
)
def test_closed_folder(run, tmp_path):
    (tmp_path / "closed").mkdir(mode=0o500)
    refused(run("generate @me.png @speech.wav -o %closed/o.mp4"), "permission denied")


@pytest.mark.parametrize(
    "line", ["generate", "generate @me.png", "generate @me.png @speech.wav", "unknown",
             "animate @me.png @m.csv -o %o.mp4 --size big"]
)  # fmt: skip
def test_wrong_usage(run, tmp_path, line):
    result = run(line)
    assert result.exit_code == 2
    assert "Traceback" not in result.output
    assert list(tmp_path.iterdir()) == []


def test_bad_input_in_a_process_of_its_own(files, tmp_path):
    """Native libraries write to the real standard error, which the runner does not see."""
    for arguments in (
        ["recognize", files / "plain.png", "-o", tmp_path / "o.csv"],
        ["animate", files / "noise.png", files / "m.csv", "-o", tmp_path / "o.mp4"],
        ["generate", files / "me.png", files / "speech.wav", "-o", tmp_path / "o.mp4",
         "--model", files / "folder"],
    ):  # fmt: skip
        done = facewright(*arguments)
        assert done.returncode == 2
        assert done.stdout == ""
        (line,) = done.stderr.splitlines()
        assert line.startswith("facewright: ")
        assert list(tmp_path.iterdir()) == []


def test_interruption(run, tmp_path, monkeypatch):
    from gen.renderers.mesh import MeshRenderer

    def stop(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(MeshRenderer, "render", stop)
    result = run("animate @me.png @m.csv -o %o.mp4 --size 64")
    assert result.exit_code == 130
    assert result.stderr == "facewright: interrupted\n"
    assert list(tmp_path.iterdir()) == []
