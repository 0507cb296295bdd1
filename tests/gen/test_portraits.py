"""Portraits that are prepared once, here or in another process."""

import subprocess
import sys
import textwrap

import numpy as np
import pytest
import torch

from gen.portraits import prepare_portrait, prepared_beside
from recognizer.image_file import read_image

SIZE = 128


@pytest.fixture(scope="module")
def prepared(portrait_path):
    return prepare_portrait(portrait_path, SIZE)


@pytest.fixture(scope="module")
def hum():
    return (0.1 * np.sin(np.arange(4000) * 0.05)).astype(np.float32)


def clip(pipeline, portrait, audio, **options):
    seed = torch.Generator().manual_seed(2)
    return np.stack(list(pipeline(portrait, audio, generator=seed, **options).frames))


def test_a_prepared_portrait_makes_the_clips_that_the_picture_makes(
    tiny_pipeline, prepared, portrait_path, hum
):
    expected = clip(tiny_pipeline, read_image(portrait_path), hum, size=SIZE)
    assert np.array_equal(clip(tiny_pipeline, prepared, hum), expected)
    assert np.array_equal(clip(tiny_pipeline, prepared, hum), expected), "a second time, too"


def test_it_keeps_its_own_size(tiny_pipeline, prepared, hum):
    assert clip(tiny_pipeline, prepared, hum, size=512).shape[1:3] == (SIZE, SIZE)


def test_a_smaller_one_is_made_of_the_same_picture(prepared):
    assert prepared.at_most(SIZE) is prepared
    smaller = prepared.at_most(64)
    assert smaller.renderer.size == (64, 64)
    assert smaller.source is prepared.source and smaller.faces == prepared.faces


def test_where_torch_is_there_already_nothing_is_started(portrait_path, monkeypatch):
    monkeypatch.setattr("gen.portraits.multiprocessing", None)  # whatever starts a process fails
    stages = []
    with prepared_beside(portrait_path, SIZE) as wait:
        assert wait(lambda stage, done, total: stages.append(stage)).renderer.size == (SIZE, SIZE)
    assert stages == ["fitting the face"]


_BESIDE = """
    import multiprocessing, sys
    import numpy as np
    from gen.clip import quiet
    from gen.portraits import prepare_portrait, prepared_beside

    picture, empty = sys.argv[1:]

    def frame(prepared):
        return prepared.renderer.render(np.full(52, 0.2), np.zeros(6))

    if __name__ == "__main__":
        from unittest import mock
        with mock.patch("gen.portraits.usable_cores", lambda: 2):
            expected = frame(prepare_portrait(picture, 128))
            with mock.patch("gen.portraits.prepare_portrait", None):  # it is not made here
                with prepared_beside(picture, 128) as wait:
                    assert np.array_equal(frame(wait(quiet)), expected)
            with prepared_beside(empty, 128) as wait:
                try:
                    wait(quiet)
                except ValueError as error:
                    assert "no face" in str(error)
                else:
                    raise AssertionError("a face was found in nothing")
            with prepared_beside(picture, 128) as wait:
                multiprocessing.active_children()[0].kill()
                assert np.array_equal(frame(wait(quiet)), expected)
            assert not multiprocessing.active_children()
        assert "torch" not in sys.modules
"""


def test_another_process_prepares_the_same_and_fails_in_the_same_words(portrait_path, tmp_path):
    """... and one that is killed is made up for. Nobody needs torch for it."""
    from PIL import Image

    Image.new("RGB", (200, 200), (90, 90, 90)).save(tmp_path / "grey.png")
    script = tmp_path / "beside.py"
    script.write_text(textwrap.dedent(_BESIDE))
    run = subprocess.run(
        [sys.executable, script, portrait_path, tmp_path / "grey.png"],
        capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert run.returncode == 0, run.stderr
