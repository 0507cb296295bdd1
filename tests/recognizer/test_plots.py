"""Plots hold the pixels that the numbers ask for."""

import numpy as np
import pytest
from matplotlib.colors import to_rgb
from PIL import Image
from test_affect import make_track

from recognizer.affect import AffectTrack
from recognizer.facs import AU_INDEX, EMOTIONS
from recognizer.plots import COLOURS, plot, save_plot


def face(frames=60, lost=(), **emotions) -> AffectTrack:
    probabilities = np.zeros((frames, 8))
    for name, value in emotions.items():
        probabilities[:, EMOTIONS.index(name)] = value
    aus = np.zeros((frames, 24))
    aus[:, AU_INDEX["AU12"]] = np.linspace(0, 5, frames)
    place = np.stack([np.linspace(-0.8, 0.8, frames), np.full(frames, -0.6)], axis=1)
    success = ~np.isin(np.arange(frames), lost)
    return AffectTrack(aus, place, probabilities, success, np.ones(frames))


def pixels(path) -> np.ndarray:
    return np.asarray(Image.open(path).convert("RGB")).astype(int)


def count(image: np.ndarray, colour: str) -> int:
    return int((np.abs(image - np.array(to_rgb(colour)) * 255).max(axis=-1) < 3).sum())


def test_ribbons_have_the_area_of_their_probabilities(tmp_path):
    save_plot(face(happiness=0.75, sadness=0.25), tmp_path / "p.png", title="clip.mp4")
    image = pixels(tmp_path / "p.png")
    assert image.shape[1] == 1500
    happy, sad = count(image, COLOURS["happiness"]), count(image, COLOURS["sadness"])
    assert happy > 20_000
    assert happy / sad == pytest.approx(3, rel=0.05)
    assert count(image, COLOURS["fear"]) < 1000  # its key and its place on the circumplex


def test_gaps_stay_white(tmp_path):
    save_plot(face(happiness=1), tmp_path / "all.png")
    save_plot(face(happiness=1, lost=range(15, 45)), tmp_path / "half.png")
    whole, half = (
        count(pixels(tmp_path / f"{name}.png"), COLOURS["happiness"]) for name in ("all", "half")
    )
    assert half / whole == pytest.approx(28 / 59, abs=0.03)  # 2 x 14 of 59 steps remain


def test_only_action_units_that_move_are_drawn():
    labels = [text.get_text() for text in plot(face(fear=1)).axes[1].get_yticklabels()]
    assert labels == ["lip corner puller  AU12"]
    many = plot(make_track(30, motion=False)).axes[1].get_yticklabels()
    assert len(many) == 12


def test_the_path_runs_where_it_should():
    lines = plot(face(fear=1)).axes[2].collections[0].get_segments()
    assert np.array(lines)[0, 0] == pytest.approx([-0.8, -0.6])
    assert np.array(lines)[-1, 1] == pytest.approx([0.8, -0.6])


def test_a_picture_has_bars(tmp_path):
    track = face(1, happiness=0.8, surprise=0.2)
    axes = plot(track).axes[0]
    widths = [bar.get_width() for bar in axes.patches]
    assert widths == pytest.approx([0, 0.8, 0.2, 0, 0, 0, 0, 0])
    save_plot(track, tmp_path / "p.png")
    assert count(pixels(tmp_path / "p.png"), COLOURS["happiness"]) > 5000


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("frames", [1, 2, 5000])
def test_any_length_smoothed_or_without_affect(frames, tmp_path):
    track = make_track(frames, lost=(1,), motion=False)
    save_plot(track.smoothed(), tmp_path / "a.PNG")
    track.emotion[:] = track.valence_arousal[:] = track.aus[:] = np.nan
    save_plot(track, tmp_path / "b.png")


def test_what_cannot_be_plotted(tmp_path):
    with pytest.raises(ValueError, match="no frame shows a face"):
        save_plot(make_track(2, lost=(0, 1)), tmp_path / "p.png")
    with pytest.raises(ValueError, match=r"\.png, not 'p\.pdf'"):
        save_plot(make_track(2), tmp_path / "p.pdf")
    assert not list(tmp_path.iterdir())
