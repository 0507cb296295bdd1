"""What is measured: names, groups, which way is better, and who measures it."""

from __future__ import annotations

from dataclasses import dataclass

from recognizer.metrics.dynamics import MOTION_REGIONS
from recognizer.metrics.theval import GROUND_TRUTH

#: Films of other rates are brought to this one where rates would change a figure.
FPS = 25.0
_READER = "facewright recognizer"
_TRACK = "MediaPipe landmarks"
_FIT = "ARKit-52 fitted to MediaPipe landmarks"
_GIVEN = "named with the coefficients"
_SOUND = f"{_TRACK}, loudness in windows of 50 ms"


@dataclass(frozen=True)
class Metric:
    """One measure.

    Attributes:
        name: its key in the JSON.
        group: where it stands in a report.
        title: what it is, for a reader.
        backend: who measures it; figures of different backends do not compare.
        better: ``"higher"``, ``"lower"``, ``"real"`` (near the real clips'), or ``""``.
        own: it is measured on each film by itself, so that references have it too.
        range: the least and the largest value it can have, or that is worth drawing; None where
            nothing but other clips gives it a scale.
    """

    name: str
    group: str
    title: str
    backend: str
    better: str = ""
    own: bool = False
    range: tuple[float, float] | None = None


_ASKED = "Asked against shown"
_DISTANCE = "Distance from real clips"
_LIVELY = "Liveliness beside real clips"
_TEMPORAL = "Steadiness over time"
_SYNC = "Lips and sound"
_THEVAL = "THEval (training-free part)"
_IDENTITY = "Identity"
_IMAGE = "Pictures against the reference's"
_PAIRED = "Motion against the reference's"

_SHARE, _SIGNED = (0.0, 1.0), (-1.0, 1.0)
_SYNCNET = "SyncNet, MediaPipe boxes"

_ALL = [
    Metric("face_found", "Coverage", "frames with a face", _TRACK, "higher", True, _SHARE),
    Metric("emotion_accuracy", _ASKED, "emotion asked for is the one shown", _READER, "higher",
           range=_SHARE),
    Metric("emotion_probability", _ASKED, "its probability", _READER, "higher", range=_SHARE),
    Metric("au_ccc", _ASKED, "action units, concordance (CCC)", _READER, "higher", range=_SIGNED),
    Metric("au_icc", _ASKED, "action units, ICC(3,1)", _READER, "higher", range=_SIGNED),
    Metric("au_f1", _ASKED, "action units present (intensity 1 and more), F1", _READER, "higher",
           range=_SHARE),
    Metric("au_rmse", _ASKED, "action units asked for, error (0-5)", _READER, "lower",
           range=(0.0, 5.0)),
    Metric("valence_ccc", _ASKED, "valence, concordance (CCC)", _READER, "higher", range=_SIGNED),
    Metric("arousal_ccc", _ASKED, "arousal, concordance (CCC)", _READER, "higher", range=_SIGNED),
    Metric("valence_rmse", _ASKED, "valence, error (-1..1)", _READER, "lower", range=_SHARE),
    Metric("arousal_rmse", _ASKED, "arousal, error (-1..1)", _READER, "lower", range=_SHARE),
    Metric("va_sagr", _ASKED, "valence and arousal, same sign (SAGR)", _READER, "higher",
           range=_SHARE),
    Metric("e_fid", _DISTANCE, "E-FID: expressions, frame by frame", _FIT, "lower"),
    Metric("e_kid", _DISTANCE, "expressions by kernel, without E-FID's bias", _FIT, "lower"),
    Metric("delta_e_fid", _DISTANCE, "changes from frame to frame (delta E-FID)", _FIT, "lower"),
    Metric("trajectory_fid", _DISTANCE, "windows of 1 s", _FIT, "lower"),
    Metric("landmark_motion_fid", _DISTANCE, "histories of landmarks' motion", _TRACK, "lower"),
    Metric("e_fid_given", _DISTANCE, "E-FID of coefficients that were given", _GIVEN, "lower"),
    Metric("delta_e_fid_given", _DISTANCE, "their changes from frame to frame", _GIVEN, "lower"),
    *[
        Metric(f"{key}_{region}", _LIVELY, f"{title}, {region}", _FIT, "real", range=(0.0, 2.0))
        for region in MOTION_REGIONS
        for key, title in (("std_r", "spread (Std-R)"), ("vc_r", "variance of change (VC-R)"))
    ],
    Metric("speed", _TEMPORAL, "speed of landmarks, face heights/s", _TRACK, "real", True),
    Metric("jitter", _TEMPORAL, "jitter of landmarks, face heights/s²", _TRACK, "real", True),
    Metric("jerk", _TEMPORAL, "jerk of landmarks, face heights/s³", _TRACK, "real", True),
    Metric("flicker", _TEMPORAL, "flicker, grey levels", "frames of 512 px", "lower", True),
    Metric("flicker_background", _TEMPORAL, "flicker of the background, grey levels",
           "frames of 512 px", "lower", True),
    Metric("warping_error", _TEMPORAL, "warping error", "OpenCV DIS flow at 256 px", "lower", True),
    Metric("lip_audio_r", _SYNC, "lip opening with loudness, r at lag 0", _SOUND, "higher", True,
           _SIGNED),
    Metric("lip_audio_r_best", _SYNC, "the same at the best lag", _SOUND, "higher", True, _SIGNED),
    Metric("lip_audio_lag", _SYNC, "that lag in frames (lips late: above 0)", _SOUND, "real", True,
           (-10.0, 10.0)),
    Metric("lip_audio_z", _SYNC, "deviations above shifted sound (z)", _SOUND, "higher", True,
           (0.0, 6.0)),
    Metric("lse_c", _SYNC, "SyncNet's confidence (LSE-C)", _SYNCNET, "real", True, (0.0, 12.0)),
    Metric("lse_d", _SYNC, "SyncNet's distance (LSE-D)", _SYNCNET, "real", True, (0.0, 15.0)),
    Metric("sync_offset", _SYNC, "SyncNet's offset in frames", _SYNCNET, "real", True,
           (-15.0, 15.0)),
    *[
        Metric(name, _THEVAL, title, f"{_TRACK} in a square of 512 px", "real", True)
        for name, title in zip(
            GROUND_TRUTH,
            ("eyebrow dynamics", "lip dynamics", "head motion", "lips in silence",
             "lips against volume"),
            strict=True,
        )
    ],
    *[
        Metric(f"theval_{name}", _THEVAL, f"score: {name}" if name != "score" else "score: mean",
               "THEval's published real clips", "higher", range=_SHARE)
        for name in ("naturalness", "synchronization", "score")
    ],
    Metric("identity_similarity", _IDENTITY, "same person (1 − distance, above 0.4)",
           "dlib face descriptor", "higher", range=_SHARE),
    Metric("lip_opening_r", _PAIRED, "lip opening, r at the best lag of ±2", _TRACK, "higher",
           range=_SIGNED),
    Metric("aue_l", _PAIRED, "action units of the lower face (AUE-L)", _READER, "lower"),
    Metric("aue_u", _PAIRED, "action units of the upper face (AUE-U)", _READER, "lower"),
    Metric("psnr", _IMAGE, "PSNR, dB", "torchmetrics, frames of 512 px", "higher",
           range=(0.0, 60.0)),
    Metric("ssim", _IMAGE, "SSIM", "torchmetrics, frames of 512 px", "higher", range=_SHARE),
    Metric("st_lpips", _IMAGE, "ST-LPIPS", "stlpips AlexNet, frames of 512 px", "lower",
           range=_SHARE),
    Metric("lpips", _IMAGE, "LPIPS", "lpips 0.1 AlexNet, frames of 512 px", "lower", range=_SHARE),
]  # fmt: skip

#: Name → measure, in the order of a report.
METRICS: dict[str, Metric] = {metric.name: metric for metric in _ALL}
OWN: tuple[str, ...] = tuple(name for name, metric in METRICS.items() if metric.own)
