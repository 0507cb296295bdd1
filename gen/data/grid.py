"""The GRID corpus (Cooke et al. 2006, CC BY 4.0) → training records of one speaker.

``python -m gen.data.grid FOLDER -o DIR`` reads ``NAME.mp4`` (the face), ``NAME.flac`` and
``align/NAME.align`` of one speaker. His shape is solved once over all sentences, and the face in
the silences around them, with shut lips and open eyes, is called neutral. Coefficients are those
with which the mesh renderer draws him as he was filmed.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from gen.data.records import MotionRecord
from gen.driving import drawn_fields
from recognizer.face_model import LOWER_MIDDLE, UPPER_MIDDLE
from recognizer.facs import ARKIT_INDEX
from recognizer.fitting import FaceFitter
from recognizer.landmarks import FaceLandmarker
from recognizer.media import SAMPLE_RATE, iter_frames, read_audio
from recognizer.motion_fitting import fit_motion

FPS = 25.0
_UNITS = 25_000  # of an align file, a second
_MARGIN = 3  # frames of a silence next to a word that may already move
_SHAPE_FRAMES, _REST_FRAMES = 180, 400


def silent_frames(align: str, frames: int) -> list[int]:
    """Frames well inside the ``sil`` segments of an align file's text."""
    found: list[int] = []
    for line in align.splitlines():
        start, stop, word = line.split()
        if word == "sil":
            first, last = (round(int(t) / _UNITS * FPS) for t in (start, stop))
            found += range(first + _MARGIN, min(frames, last) - _MARGIN)
    return found


def landmarks_of(folder: Path) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Points ``[T, 478, 3]`` and scores ``[T, 52]`` of every sentence seen in all its frames."""
    out = {}
    with FaceLandmarker() as landmarker:
        for path in sorted(folder.glob("*.mp4")):
            faces = [landmarker.detect(frame) for frame in iter_frames(path)]
            if all(faces):
                out[path.stem] = (
                    np.stack([found[0].points for found in faces]),
                    np.stack([found[0].scores for found in faces]),
                )
    return out


def fit_speaker(
    tracks: dict[str, tuple[np.ndarray, np.ndarray]], rest: dict[str, list[int]]
) -> FaceFitter:
    """The speaker's shape, neutral in the calmest of the frames ``rest`` (name → frames)."""
    points = np.concatenate([p for p, _ in tracks.values()])
    scores = np.concatenate([s for _, s in tracks.values()])
    chosen = np.linspace(0, len(points) - 1, _SHAPE_FRAMES).astype(int)
    fitter = FaceFitter().fit_identity(points[chosen], scores[chosen])
    fitter.move_by(drawn_fields(fitter.shape))
    still_points = np.concatenate([tracks[name][0][frames] for name, frames in rest.items()])
    still_scores = np.concatenate([tracks[name][1][frames] for name, frames in rest.items()])
    gap = (still_points[:, LOWER_MIDDLE, 1] - still_points[:, UPPER_MIDDLE, 1]).mean(1)
    lids = still_scores[:, ARKIT_INDEX["eyeBlinkLeft"]]
    calm = np.flatnonzero((gap < np.median(gap)) & (lids < np.median(lids)))
    if len(calm) == 0:
        raise ValueError("no sentence has a silence in which the face rests")
    calm = calm[np.linspace(0, len(calm) - 1, min(_REST_FRAMES, len(calm))).astype(int)]
    return fitter.calibrate(still_points[calm], still_scores[calm])


def build(folder: Path, output: Path, speaker: str) -> int:
    """Write one record a sentence and return their number.

    Raises:
        ValueError: the folder holds no usable sentence.
    """
    tracks = landmarks_of(folder)
    if not tracks:
        raise ValueError(f"{folder} holds no sentence in which a face is always seen")
    rest = {
        name: silent_frames((folder / "align" / f"{name}.align").read_text(), len(points))
        for name, (points, _) in tracks.items()
    }
    fitter = fit_speaker(tracks, {name: frames for name, frames in rest.items() if frames})
    measured = np.ones(58, bool)
    measured[ARKIT_INDEX["tongueOut"]] = False
    output.mkdir(parents=True, exist_ok=True)
    for name, (points, scores) in tracks.items():
        motion = fit_motion(points, scores, FPS, fitter).motion
        waveform = read_audio(folder / f"{name}.flac", SAMPLE_RATE)
        MotionRecord(name, motion, waveform, speaker, measured).save(output)
    return len(tracks)


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--speaker", default="grid_s1")
    options = parser.parse_args()
    print(f"{build(options.folder, options.output, options.speaker)} records")


if __name__ == "__main__":
    main()
