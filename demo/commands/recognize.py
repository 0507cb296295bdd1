"""``facewright recognize``: what the faces of a picture or video do, frame by frame."""

from __future__ import annotations

import csv
import json as jsonlib
import math
from pathlib import Path

import numpy as np
import typer

from demo.checks import in_range, readable, writable
from demo.progress import progress_bar
from recognizer.facs import ARKIT_NAMES
from recognizer.media import is_image, iter_frames, probe, read_image
from recognizer.tracker import FaceTrack, FaceTracker, NoFaceError

COLUMNS = (
    "frame", "timestamp", "face_id", "success", "confidence", "pose_Rx", "pose_Ry", "pose_Rz",
    "gaze_angle_x", "gaze_angle_y", *ARKIT_NAMES,
)  # fmt: skip


def run(media: Path, output: Path | None, json: Path | None, faces: int) -> None:
    """See ``facewright recognize --help``."""
    in_range(faces, 1, 20, "--faces")
    readable(media, "picture or video")
    if output:
        writable(output, ".csv")
    if json:
        writable(json, ".json")
    with progress_bar() as hook, FaceTracker(faces) as tracker:
        if is_image(media):
            tracks = tracker.image(read_image(media))
        else:
            about = probe(media)
            if not about.has_video:
                raise ValueError(f"{media.name} is neither a picture nor a video")
            total = round(about.duration * about.fps) or None

            def counted():
                for i, frame in enumerate(iter_frames(media), start=1):
                    hook("tracking", i, total)
                    yield frame

            tracks = tracker.video(counted(), about.fps)
    if not tracks:
        raise NoFaceError(f"no face was found in {media.name}")
    if output:
        write_csv(output, tracks)
    if json:
        json.write_text(jsonlib.dumps(summary(media, tracks), indent=2) + "\n", encoding="utf-8")
    for track in tracks:
        typer.echo(describe(track))


def write_csv(path: Path, tracks: list[FaceTrack]) -> None:
    """One row a frame and face, NaN where the face is not seen."""
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        for frame in range(len(tracks[0].motion)):
            for track in tracks:
                writer.writerow(_row(track, frame))


def _row(track: FaceTrack, frame: int) -> list:
    motion = track.motion
    values = [
        *np.deg2rad(motion.pose[frame, :3]), *np.deg2rad(track.gaze[frame]),
        *motion.blendshapes[frame],
    ]  # fmt: skip
    return [
        frame, f"{frame / motion.fps:.4f}", track.face_id, int(track.success[frame]),
        f"{track.confidence[frame]:.4f}", *("NaN" if math.isnan(v) else f"{v:.5f}" for v in values),
    ]  # fmt: skip


def summary(media: Path, tracks: list[FaceTrack]) -> dict:
    """Means over the frames in which each face was seen."""
    return {
        "file": media.name,
        "fps": tracks[0].motion.fps,
        "frames": len(tracks[0].motion),
        "faces": [
            {
                "face_id": track.face_id,
                "frames_seen": int(track.success.sum()),
                "confidence": round(float(track.confidence[track.success].mean()), 4),
                "blendshapes": {
                    name: round(float(np.nanmean(track.motion[name])), 4) for name in ARKIT_NAMES
                },
            }
            for track in tracks
        ],
    }


def describe(track: FaceTrack) -> str:
    """One line on a track: how often it was seen and what it does most."""
    mean = np.nanmean(track.motion.blendshapes, axis=0)
    top = np.argsort(-mean)[:4]
    most = ", ".join(f"{ARKIT_NAMES[i]} {mean[i]:.2f}" for i in top if mean[i] > 0.05)
    seen = int(track.success.sum())
    times = f"{seen} of {len(track.motion)} frames"
    return f"face {track.face_id}: seen in {times}; {most or 'neutral'}"
