"""Files that are whole or not there."""

import pytest

from recognizer.files import whole, write_whole
from recognizer.motion import MotionTrack


def test_a_file_appears_when_it_is_complete(tmp_path):
    with whole(tmp_path / "a b.csv") as part:
        part.write_text("x")
        assert not (tmp_path / "a b.csv").exists() and part.suffix == ".csv"
    assert [p.name for p in tmp_path.iterdir()] == ["a b.csv"]


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_what_was_there_stays_when_writing_fails(tmp_path, error):
    write_whole(tmp_path / "a.csv", "old")
    with pytest.raises(type(error)), whole(tmp_path / "a.csv") as part:
        part.write_text("ha")
        raise error
    assert (tmp_path / "a.csv").read_text() == "old"
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize("ending", ["csv", "npz", "json", "glb"])
def test_exports_that_fail_leave_nothing(tmp_path, monkeypatch, ending):
    from demo.commands.export import run

    MotionTrack.zeros(3).save(tmp_path / "m.csv")

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.replace", full)
    with pytest.raises(OSError, match="No space"):
        run(tmp_path / "m.csv", tmp_path / f"out.{ending}", livelink=False)
    assert [p.name for p in tmp_path.iterdir()] == ["m.csv"]
