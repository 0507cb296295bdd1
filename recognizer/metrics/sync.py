"""How well lips follow the sound: correlation against shifted sound, and SyncNet's scores.

Re-encoding a file alone shifts SyncNet's scores by 0.4 to 1.2 (Quignon et al. 2025), and models
trained against SyncNet beat real clips on them: read them beside the correlation.
"""

from __future__ import annotations

import numpy as np

from recognizer.metrics.agreement import lagged_correlation
from recognizer.metrics.metric import ClipMetric

#: Frames that SyncNet's demonstration searches to either side.
SYNCNET_SHIFT = 15


def lip_audio_correlation(
    opening: np.ndarray, loudness: np.ndarray, max_lag: int = 5, shifts: int = 200
) -> dict[str, float]:
    """Correlation of lip opening with loudness, and how far it is from chance.

    ``r`` is Pearson's at lag 0, ``r_best`` the largest within ``max_lag`` frames, ``lag`` its
    place: positive where the lips come late. Both series are smooth, so even strangers' lips
    correlate by chance. The null distribution is ``r_best`` against the same sound shifted in a
    circle, by steps spread evenly over all shifts that leave at least ``2 max_lag + 1`` frames to
    either side: it keeps both series' autocorrelation. ``z = (r_best − mean) / deviation`` of it,
    and ``p = (1 + #{null ≥ r_best}) / (1 + #null)``: the surrogate-data test of Theiler et al. 1992
    with time-shifted surrogates (Lancaster et al. 2018).

    Args:
        opening: ``[T]``, e.g. :meth:`recognizer.face_model.FaceModel.lip_opening`; NaN where no
            face was found.
        loudness: ``[T]``, e.g. :func:`recognizer.metrics.theval.frame_volume`.
        max_lag: frames.
        shifts: of the null distribution, at most.

    Returns:
        ``{"r", "r_best", "lag", "z", "p"}``; NaN where a series is constant, ``z`` and ``p`` also
        where the clip is too short for ten shifts.

    Raises:
        ValueError: the series differ in length.
    """
    opening, loudness = np.asarray(opening, np.float64), np.asarray(loudness, np.float64)
    r, best, lag = lagged_correlation(opening, loudness, max_lag)
    if r is None or best is None or lag is None:
        return dict.fromkeys(("r", "r_best", "lag", "z", "p"), float("nan"))
    report = {"r": r, "r_best": best, "lag": float(lag), "z": float("nan"), "p": float("nan")}
    margin = 2 * max_lag + 1
    possible = np.arange(margin, len(opening) - margin + 1)
    chosen = np.unique(np.linspace(0, len(possible) - 1, min(shifts, len(possible))).astype(int))
    null = [
        lagged_correlation(opening, np.roll(loudness, shift), max_lag)[1]
        for shift in possible[chosen]
    ]
    null = np.array([x for x in null if x is not None])
    if len(null) >= 10 and null.std() > 0:
        report["z"] = float((best - null.mean()) / null.std(ddof=1))
        report["p"] = float((1 + (null >= best).sum()) / (1 + len(null)))
    return report


class LipAudioCorrelation(ClipMetric):
    """:func:`lip_audio_correlation` averaged over clips.

    Args:
        max_lag, shifts: of the function.

    Raises:
        UnavailableError: torchmetrics is not installed.
    """

    measure = staticmethod(lip_audio_correlation)
    names = ("r", "r_best", "lag", "z", "p")


def lip_opening_correlation(
    made: np.ndarray, real: np.ndarray, max_lag: int = 2
) -> dict[str, float]:
    """Correlation of generated lip opening with that of the speaker who was filmed.

    Args:
        made, real: ``[T]`` at one frame rate; NaN where no face was found.
        max_lag: frames within which the best lag is sought.

    Returns:
        ``{"r", "r_best", "lag"}`` as in :func:`lip_audio_correlation`; NaN where a series is
        constant.

    Raises:
        ValueError: the series differ in length.
    """
    found = lagged_correlation(made, real, max_lag)
    values = (float("nan") if value is None else float(value) for value in found)
    return dict(zip(("r", "r_best", "lag"), values, strict=True))


class LipOpeningCorrelation(ClipMetric):
    """:func:`lip_opening_correlation` averaged over pairs of clips.

    Args:
        max_lag: frames.

    Raises:
        UnavailableError: torchmetrics is not installed.
    """

    measure = staticmethod(lip_opening_correlation)
    names = ("r", "r_best", "lag")


def sync_distances(video: np.ndarray, audio: np.ndarray, max_shift: int) -> np.ndarray:
    """Mean distance of SyncNet's embeddings at each shift ``[2 max_shift + 1]``.

    ``D[s] = mean_t ‖video[t] − audio[t + s − max_shift]‖``, with zeros for sound beyond the clip,
    as in ``calc_pdist`` of github.com/joonson/syncnet_python.

    Args:
        video, audio: ``[T, E]``.
        max_shift: frames.

    Raises:
        ValueError: the shapes differ.
    """
    video, audio = np.asarray(video, np.float64), np.asarray(audio, np.float64)
    if video.ndim != 2 or video.shape != audio.shape or len(video) == 0:
        raise ValueError(
            f"embeddings of one shape [T, E] are compared, got {list(video.shape)} and "
            f"{list(audio.shape)}"
        )
    padded = np.pad(audio, ((max_shift, max_shift), (0, 0)))
    return np.array(
        [
            np.linalg.norm(video - padded[shift : shift + len(video)], axis=1).mean()
            for shift in range(2 * max_shift + 1)
        ]
    )


def syncnet_scores(
    video: np.ndarray, audio: np.ndarray, max_shift: int = SYNCNET_SHIFT
) -> dict[str, float]:
    """LSE-D, LSE-C and the offset of Chung and Zisserman 2016, as Wav2Lip (Prajwal et al. 2020)
    introduced them for generated clips.

    ``LSE-D = min_s D[s]`` (lower is better), ``LSE-C = median_s D[s] − min_s D[s]`` (higher is
    better), ``offset = max_shift − argmin_s D[s]`` of :func:`sync_distances`: positive where the
    sound that fits a picture comes before it in the file.

    Args:
        video, audio: ``[T, E]`` embeddings by the network whose scores are meant, one per video
            frame (:class:`recognizer.metrics.syncnet.SyncNet` reads the published weights).
        max_shift: frames.

    Returns:
        ``{"lse_d", "lse_c", "offset"}``.

    Raises:
        ValueError: the shapes differ.
    """
    distances = sync_distances(video, audio, max_shift)
    best = int(distances.argmin())
    return {
        "lse_d": float(distances[best]),
        "lse_c": float(np.median(distances) - distances[best]),
        "offset": float(max_shift - best),
    }


class SyncNetScores(ClipMetric):
    """:func:`syncnet_scores` averaged over clips.

    Args:
        max_shift: frames.

    Raises:
        UnavailableError: torchmetrics is not installed.
    """

    measure = staticmethod(syncnet_scores)
    names = ("lse_d", "lse_c", "offset")
