"""Renderer benchmark: real clips drawn again from their first frame, against what the camera saw.

The first frame with a face is the portrait; the motion measured from the clip drives it (as
``facewright animate --relative`` does); the frames that come out are compared with the camera's.
Beside each figure stands that of a *still*, the first frame repeated: what cannot beat it moves
for nothing. Keypoints have two rows more. ``floor`` is the camera's own frame read again at three
quarters of its size: no renderer can be measured to be closer. ``expression`` repeats the distances
with the heads laid upon each other, because a head that moves far makes any still look bad.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import islice
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING

import cv2
import numpy as np

from gen.bench.stages import StageClock, peak_memory
from gen.clip import ProgressHook
from gen.driving import Driver, measure_driver, relative_motion
from gen.portraits import prepare_portrait
from gen.renderers.portrait import frame_face
from recognizer.media import iter_frames
from recognizer.metrics.background import background_mask
from recognizer.metrics.extras import UnavailableError
from recognizer.metrics.identity import FaceDescriptor, identity_similarity
from recognizer.metrics.image import PerceptualDistance, psnr, ssim
from recognizer.metrics.keypoints import KEYPOINT_GROUPS, KeypointDistance, aligned
from recognizer.metrics.regions import REGIONS, crop, region_boxes
from recognizer.metrics.temporal import flicker
from recognizer.tracker import FaceTracker

if TYPE_CHECKING:
    from gen.refiner import PatchSampler

#: What the figures are held against: a share of the still's.
BARS = {"lips": 0.40, "lids": 0.50}


def renderer_benchmark(
    clips: Sequence[Path],
    size: int,
    frames: int,
    stride: int,
    hook: ProgressHook,
    refiner: PatchSampler | None = None,
) -> dict:
    """Figures of each clip and over all (see the module).

    Args:
        clips: videos of one face each.
        size: side of the rendered square in pixels.
        frames: at most so many frames of a clip, from its beginning.
        stride: every so many frames the pictures are compared; keypoints are in all.
        hook: progress.
        refiner: repaints the mouth (the figure of memory is without it).

    Raises:
        ValueError: a clip shows no face, or fewer than four frames of it.
    """
    judge = Judge(stride)
    table = {}
    for path in clips:
        table[path.name] = _one_clip(path, size, frames, judge, hook, refiner)
    aggregate = _aggregate(table)
    hook("measuring memory", 0, None)
    peak = peak_memory(_draw_some, clips[0], size)
    if peak is None:
        judge.unavailable["peak_memory_mb"] = "this system keeps no account of it"
    else:
        aggregate["peak_memory_mb"] = round(peak)
    return {
        "size": size, "frames": frames, "stride": stride,
        "aggregate": aggregate, "unavailable": judge.unavailable, "clips": table,
    }  # fmt: skip


def _one_clip(path: Path, size: int, frames: int, judge: Judge, hook, refiner) -> dict:
    clock = StageClock(lambda stage, done, total: hook(f"{path.name}: {stage}", done, total))
    driver = measure_driver(path, clock, frames)
    motion, worn = relative_motion(driver)
    clock.stop()
    portrait, camera = camera_frames(path, driver, size)
    if len(camera) < 4:
        raise ValueError(f"{path.name} shows a face in fewer than four frames")
    clock("set-up", 0, None)
    renderer = prepare_portrait(portrait, size, worn=worn).refined(refiner).renderer
    clock.stop()
    moves = list(zip(motion.blendshapes, motion.pose, strict=True))[driver.first :]
    renderer.render(*moves[0])  # compiled before it is timed
    rendered, spent = [], []
    for i, (blendshapes, pose) in enumerate(moves, start=1):
        started = perf_counter()
        rendered.append(renderer.render(blendshapes, pose))
        spent.append(perf_counter() - started)
        hook(f"{path.name}: rendering", i, len(moves))
    hook(f"{path.name}: comparing", 0, None)
    row = {"frames": len(rendered), **judge(rendered, camera)}
    measured = len(motion)
    row["speed"] = {
        "tracking_fps": round(measured / clock.seconds["tracking"], 1),
        "motion_fit_fps": round(measured / clock.seconds["fitting the motion"], 1),
        "set_up_s": round(clock.seconds["set-up"], 3),
        "rendering_fps": round(1 / float(np.median(spent)), 1),
    }
    return row


def _draw_some(path: Path, size: int, count: int = 10) -> None:
    """What a user's process does, for as many frames as show what memory it takes."""
    driver = measure_driver(path, lambda *_: None, count)
    motion, worn = relative_motion(driver)
    frame = next(islice(iter_frames(path), driver.first, None))
    renderer = prepare_portrait(frame, size, worn=worn).renderer
    for blendshapes, pose in zip(motion.blendshapes, motion.pose, strict=True):
        renderer.render(blendshapes, pose)


def camera_frames(path: Path, driver: Driver, size: int) -> tuple[np.ndarray, list[np.ndarray]]:
    """The clip's first frame with a face, whole, and all frames from there on, framed as it is."""
    portrait, framed, face = None, [], None
    with FaceTracker(max_faces=4) as tracker:
        for frame in islice(iter_frames(path), driver.first, len(driver.motion)):
            if portrait is None:
                portrait, faces = frame, tracker.detect(frame)
                if not faces:
                    raise ValueError(f"{path.name}: the face of its first frame is too unclear")
                face = faces[0]
            framed.append(frame_face(frame, face, size, square=True))
    return portrait, framed


class Judge:
    """Compares frames with the camera's; keeps in mind which measures are unavailable.

    Args:
        stride: every so many frames the pictures themselves are compared.
    """

    def __init__(self, stride: int) -> None:
        self._stride = stride
        self.unavailable: dict[str, str] = {}
        self._tracker = FaceTracker()
        self._image_measures: dict[str, Callable] = {"psnr": psnr, "ssim": ssim}
        for kind in ("stlpips", "lpips"):
            network = self._try(kind, lambda kind=kind: PerceptualDistance(kind))
            if network:
                self._image_measures[kind] = network
        self._descriptor = self._try("identity", FaceDescriptor)

    def _try(self, name: str, make: Callable):
        try:
            return make()
        except UnavailableError as error:
            self.unavailable[name] = str(error)
            return None

    def __call__(self, rendered: list[np.ndarray], camera: list[np.ndarray]) -> dict:
        """Figures ``{measure: {…: {"rendered", "still"}}}`` of one clip.

        Args:
            rendered: frames uint8 ``[S, S, 3]``; the first shows the portrait as it is.
            camera: what they should be. The first one is the still.
        """
        seen = [self._landmarks(frame) for frame in camera]
        known = [i for i in range(1, len(camera)) if seen[i] is not None]
        if seen[0] is None or len(known) < 3:
            raise ValueError("too few frames of the clip show a face once framed")
        target = np.stack([seen[i] for i in known])
        drawn = [self._landmarks(rendered[i]) for i in known]
        again = [self._landmarks(_smaller(camera[i]), 1 / _SMALLER) for i in known]
        still = [seen[0]] * len(known)
        readings = {"rendered": drawn, "still": still, "floor": again}
        rows = {
            "keypoints": _keypoints(target, readings),
            "expression": _keypoints(target, {k: _aligned(v, target) for k, v in readings.items()}),
        }
        rows["lost_frames"] = sum(points is None for points in drawn)
        rows.update(self._pictures(rendered, camera, known, target))
        if self._descriptor:
            rows["identity"] = self._identity(rendered, camera, known, target, drawn)
        height, width = camera[0].shape[:2]
        boxes = region_boxes(target, "mouth", (width, height))
        rows["mouth_flicker"] = {
            name: round(flicker(crop([frames[i] for i in known], boxes)), 3)
            for name, frames in (("rendered", rendered), ("camera", camera))
        }
        mask = background_mask(target, (width, height))
        rows["background_flicker"] = {
            "rendered": None if mask is None else round(flicker(rendered, mask), 3),
            "camera": None if mask is None else round(flicker(camera, mask), 3),
        }
        return rows

    def _landmarks(self, frame: np.ndarray, factor: float = 1.0) -> np.ndarray | None:
        faces = self._tracker.detect(frame)
        return faces[0].points * factor if faces else None

    def _pictures(self, rendered, camera, known, target) -> dict:
        """PSNR, SSIM and perceptual distances over the parts of the face."""
        height, width = camera[0].shape[:2]
        chosen = range(0, len(known), self._stride)
        rows: dict[str, dict] = {}
        for region in REGIONS:
            boxes = region_boxes(target, region, (width, height))[:: self._stride]
            real = crop([camera[known[i]] for i in chosen], boxes)
            drawn = crop([rendered[known[i]] for i in chosen], boxes)
            still = crop([camera[0]] * len(boxes), boxes)
            for name, measure in list(self._image_measures.items()):
                try:
                    row = {"rendered": _mean(measure(drawn, real)),
                           "still": _mean(measure(still, real))}  # fmt: skip
                except UnavailableError as error:
                    self.unavailable[name] = str(error)
                    del self._image_measures[name]
                    continue
                rows.setdefault(name, {})[region] = row
        return rows

    def _identity(self, rendered, camera, known, target, drawn) -> dict:
        """Similarity of each compared frame to the camera's of the same moment."""
        values = []
        for i in range(0, len(known), self._stride):
            if drawn[i] is not None:
                a = self._descriptor(rendered[known[i]], drawn[i])
                b = self._descriptor(camera[known[i]], target[i])
                values.append(identity_similarity(a, b))
        return {"rendered": _mean(values)}


_SMALLER = 0.75


def _smaller(frame: np.ndarray) -> np.ndarray:
    return cv2.resize(frame, None, fx=_SMALLER, fy=_SMALLER, interpolation=cv2.INTER_AREA)


def _aligned(points: Sequence[np.ndarray | None], target: np.ndarray) -> list[np.ndarray | None]:
    return [None if p is None else aligned(p, t) for p, t in zip(points, target, strict=True)]


def _keypoints(target: np.ndarray, readings: dict[str, Sequence[np.ndarray | None]]) -> dict:
    """Mean distances by group and reading, and the rendered one as a share of the still's."""
    means = {}
    for name, points in readings.items():
        metric = KeypointDistance()
        for one, wanted in zip(points, target, strict=True):
            metric.update(one, wanted)
        means[name] = metric.compute()
    rows = {}
    for group in KEYPOINT_GROUPS:
        row = {name: _rounded(mean[group]) for name, mean in means.items()}
        drawn, still = means["rendered"][group], means["still"][group]
        row["share"] = None if drawn is None or not still else round(drawn / still, 3)
        rows[group] = row
    return rows


def _aggregate(table: dict[str, dict]) -> dict:
    """Means over clips, and which clips miss a bar."""
    clips = list(table.values())
    rows: dict = {"n": len(clips)}
    for measure in ("keypoints", "expression"):
        rows[measure] = {
            group: {
                key: _mean([c[measure][group][key] for c in clips])
                for key in ("rendered", "still", "floor", "share")
            }
            for group in KEYPOINT_GROUPS
        }
    for measure in ("psnr", "ssim", "stlpips", "lpips"):
        if all(measure in c for c in clips):
            rows[measure] = {
                region: {key: _mean([c[measure][region][key] for c in clips])
                         for key in ("rendered", "still")}
                for region in REGIONS
            }  # fmt: skip
    if all("identity" in c for c in clips):
        rows["identity"] = _mean([c["identity"]["rendered"] for c in clips])
    for measure in ("background_flicker", "mouth_flicker"):
        rows[measure] = {
            key: _mean([c[measure][key] for c in clips]) for key in ("rendered", "camera")
        }
    for key in ("tracking_fps", "motion_fit_fps", "set_up_s", "rendering_fps"):
        rows[key] = _mean([c["speed"][key] for c in clips])
    rows["misses"] = {name: missed for name, row in table.items() if (missed := _misses(row))}
    return rows


def _misses(row: dict) -> list[str]:
    missed = []
    for group, bar in BARS.items():
        share = row["keypoints"][group]["share"]
        if share is None or share > bar:
            missed.append(f"{group}: {share} of the still's distance, wanted {bar}")
    face = row.get("stlpips", {}).get("face")
    if face and not face["rendered"] < face["still"]:
        missed.append(f"ST-LPIPS of the face {face['rendered']}, the still's is {face['still']}")
    return missed


def _mean(values) -> float | None:
    good = [float(v) for v in values if v is not None and np.isfinite(v)]
    return round(float(np.mean(good)), 4) if good else None


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 3)
