"""What a voice says: arousal from prosody, valence hardly, emotion accordingly.

No emotional speech may be shipped with this project, so that arousal is built from what the
literature has established, as a factor model with a random speaker: a cue such as pitch is

    cue = norm + speaker + per_arousal * arousal + noise,

with arousal, speaker and noise normal. Its posterior is in closed form. Recordings are compared
with the population's norm, which says little, because speakers differ; stretches of a recording
are compared with the recording, which says more. Men and women are two populations of pitch; the
length of the vocal tract tells which of them to compare with, because it is not raised by passion
as pitch is.

Higher and more varied pitch, more energy, a flatter spectrum and faster speech go with arousal:
K. Scherer, "Vocal communication of emotion", Speech Communication 40 (2003); P. Juslin and
P. Laukka, "Communication of emotions in vocal expression and music performance", Psychological
Bulletin 129 (2003); T. Bänziger and K. Scherer, "The role of intonation in emotional expressions",
Speech Communication 46 (2005); F. Eyben and others (2016, see :mod:`recognizer.prosody`). The
valence of a voice has no such cues: it stays 0 with a wide deviation, unless a classifier that was
trained on labelled speech knows more.

The level of a recording depends on the microphone's gain and is compared within the recording
only. What is no speech (silence, noise, instruments) gets a confidence near 0.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from recognizer.facs import EMOTION_TO_VA, EMOTIONS
from recognizer.formants import formant_spacing
from recognizer.fusion import Opinion
from recognizer.media import SAMPLE_RATE
from recognizer.pitch import FRAME_RATE
from recognizer.prosody import SEMITONE_ZERO, Prosody, measure_prosody
from recognizer.speech_quality import is_narrow, speech_quality

if TYPE_CHECKING:
    from recognizer.models.voice import Encode, VoiceClassifier


@dataclass(frozen=True)
class Cue:
    """A cue of arousal.

    Attributes:
        norm: of a calm adult.
        per_arousal: change from arousal 0 to 1.
        between: standard deviation between speakers and recordings; infinite: no norm exists.
        within: standard deviation of a second of one person's neutral speech, measured on sentences
            of the first speaker of the GRID corpus.
    """

    norm: float
    per_arousal: float
    between: float
    within: float


#: Pitch in semitones above 27.5 Hz; its norm, here 0, depends on the vocal tract. All 100
#: speakers of Jessen, Köster and Gfroerer (2005) raise it when they speak up; the means of speakers
#: deviate by 2 to 3 semitones. The effect is that of acted anger or elation.
#: Spread: logarithm of the standard deviation of pitch. Tilt: energy above over below 1 kHz in dB,
#: norm measured on neutral voices; over 28 dB of loudness the alpha ratio changes by 12 (men) to
#: 19 dB (women) (Sundberg and Nordenberg 2006), and microphones differ. Level in dB: 15 between
#: calm and furious. Rate: logarithm of syllable nuclei a second of speech.
#: The effects and the deviations between speakers are judgements within what is published.
CUES: Mapping[str, Cue] = {
    "pitch": Cue(0.0, 7.0, 2.4, 1.7),
    "spread": Cue(np.log(3.3), 0.8, 0.35, 0.25),
    "tilt": Cue(-11.0, 7.0, 3.3, 2.4),
    "level": Cue(0.0, 15.0, np.inf, 2.0),
    "rate": Cue(np.log(4.1), 0.3, 0.18, 0.19),
}
#: Mean pitch of men and of women: 120 and 210 Hz (Traunmüller and Eriksson 1995), as semitones.
_LOW_VOICE, _HIGH_VOICE = 12 * np.log2(np.array([120.0, 210.0]) / SEMITONE_ZERO)
#: Spacing of formants in Hz that both share, and the logistic width around it.
_MIDDLE_SPACING, _SPACING_WIDTH = 1090.0, 25.0
#: Before anything is heard: how much recordings differ in arousal, and parts of one.
_PRIOR_STD, _PRIOR_STD_WITHIN = 0.4, 0.3
#: What no amount of speech takes away: the cues' effects are not the same in all people.
_AROUSAL_STD, _VALENCE_STD = 0.2, 0.5
#: Noise falls with the seconds of speech, but not beyond this many.
_MOST_SECONDS = 6.0
#: Deviation of the window, a Gaussian, in seconds.
_WINDOW = 1.0
#: Semitones from the recording's median beyond which F0 is a slip of an octave or a creak.
_FAR = 10.0
#: Emotions in the plane are as wide as this; neutral speech is this much more common than any one.
_EMOTION_STD, _NEUTRAL_PRIOR = 0.3, 3.0
#: The model was not calibrated on people: it counts half.
RELIABILITY = 0.5
#: Seconds of voice that make a reading worth 1 - 1/e.
_ENOUGH_VOICE = 0.8
_CLASSIFIED_SECONDS = 3.0


@dataclass(frozen=True)
class VoiceTrack:
    """What a voice says over time.

    Attributes:
        valence_arousal: float32 ``[T, 2]``, -1..1.
        std: float32 ``[T, 2]``, their standard deviations.
        emotion: float32 ``[T, 8]``, probabilities in the order of
            :data:`recognizer.facs.EMOTIONS`.
        confidence: float32 ``[T]``, 0..1: how much speech there is to go by, and how clean.
        fps: frames a second; frame ``i`` is centred at ``i / fps``.
        evidence: cue → the arousal that it speaks for by itself, over the whole recording.
        prosody: what was measured.
        neutral_prior: how many times likelier neutral was held to be than any other emotion before
            anything was heard.
    """

    valence_arousal: np.ndarray
    std: np.ndarray
    emotion: np.ndarray
    confidence: np.ndarray
    fps: float
    evidence: dict[str, float]
    prosody: Prosody
    neutral_prior: float = 1.0

    def __len__(self) -> int:
        return len(self.confidence)

    def opinion(self, reliability: float = RELIABILITY) -> Opinion:
        """For :func:`recognizer.fusion.fuse`, frame by frame; confidence scales reliability.

        Experts that are multiplied must not each bring the same prior: it is taken out.
        """
        likelihood = self.emotion.astype(np.float64)
        likelihood[..., EMOTIONS.index("neutral")] /= self.neutral_prior
        return Opinion(
            modality="voice",
            valence_arousal=self.valence_arousal,
            variance=self.std**2,
            emotion=likelihood / likelihood.sum(-1, keepdims=True),
            reliability=reliability * self.confidence,
        )


def read_voice(
    waveform: np.ndarray,
    fps: float = 25.0,
    frames: int | None = None,
    classifier: VoiceClassifier | None = None,
    encode: Encode | None = None,
) -> VoiceTrack:
    """Valence, arousal and emotion of a voice.

    Args:
        waveform: float ``[N]`` at 16 kHz; the gain does not matter.
        fps: frames a second.
        frames: how many, if they belong to a video; otherwise as many as the sound lasts.
        classifier: a trained one; it decides on emotion and valence and has its say on arousal.
        encode: the speech features that the classifier was trained with, if any.

    Raises:
        ValueError: not one channel of finite samples, ``fps`` not positive, or ``encode`` is
            missing.
    """
    if not (fps > 0 and np.isfinite(fps)):
        raise ValueError(f"fps must be positive, got {fps}")
    prosody = measure_prosody(waveform)
    if frames is None:
        frames = max(1, round(len(waveform) / SAMPLE_RATE * fps))
    at = np.minimum(np.arange(frames) / fps * FRAME_RATE, len(prosody) - 1)

    mean, variance, evidence = _recording_arousal(prosody)
    change, spread, seconds = _change_of_arousal(prosody)
    arousal, heard = _sampled(mean + change, at), _sampled(seconds, at)
    std = np.sqrt(_sampled(variance + spread, at) + _AROUSAL_STD**2)
    place = np.stack([np.zeros(frames), np.clip(arousal, -1, 1)], axis=1)
    std = np.stack([np.full(frames, _VALENCE_STD), std], axis=1)
    emotion = emotions_near(place, std)
    if classifier is not None:
        emotion = _classified(waveform, prosody, at, classifier, encode)
        place, std = _moved(place, std, emotion)
    confidence = (1 - np.exp(-heard / _ENOUGH_VOICE)) * speech_quality(prosody)
    return VoiceTrack(
        valence_arousal=place.astype(np.float32),
        std=std.astype(np.float32),
        emotion=emotion.astype(np.float32),
        confidence=confidence.astype(np.float32),
        fps=fps,
        evidence=evidence,
        prosody=prosody,
        neutral_prior=_NEUTRAL_PRIOR if classifier is None else 1.0,
    )


def emotions_near(place: np.ndarray, std: np.ndarray) -> np.ndarray:
    """Probabilities ``[..., 8]`` of the emotions given only valence and arousal.

    Each emotion is a normal distribution around its place in
    :data:`recognizer.facs.EMOTION_TO_VA`; the place that was read is one too.

    Args:
        place: ``[..., 2]``.
        std: ``[..., 2]``.
    """
    centres = np.array([EMOTION_TO_VA[name] for name in EMOTIONS])
    variance = std[..., None, :] ** 2 + _EMOTION_STD**2
    score = -0.5 * ((place[..., None, :] - centres) ** 2 / variance).sum(-1)
    score[..., EMOTIONS.index("neutral")] += np.log(_NEUTRAL_PRIOR)
    mass = np.exp(score - score.max(-1, keepdims=True))
    return mass / mass.sum(-1, keepdims=True)


def _cues(prosody: Prosody, sums: Callable[[np.ndarray], np.ndarray]) -> dict[str, np.ndarray]:
    """Each cue, and the ``seconds`` of voice, under weights; NaN without voice.

    Args:
        sums: series at 100 Hz → its weighted sums, in seconds.
    """
    voiced = prosody.voiced
    seconds = sums(voiced.astype(float))
    semitones = np.where(voiced, prosody.semitones, 0.0)
    if voiced.any():
        middle = np.median(semitones[voiced])
        semitones = np.where(voiced, np.clip(semitones, middle - _FAR, middle + _FAR), 0.0)

    def mean(values: np.ndarray) -> np.ndarray:
        return sums(np.where(voiced, values, 0.0)) / np.maximum(seconds, 1e-6)

    pitch = mean(semitones)
    nuclei = np.bincount(prosody.nuclei, minlength=len(prosody)) * float(FRAME_RATE)
    rate = sums(nuclei) / np.maximum(sums(prosody.speech.astype(float)), 1e-6)
    return {
        "pitch": pitch,
        "spread": 0.5 * np.log(np.maximum(mean(semitones**2) - pitch**2, 0.1)),
        "tilt": mean(prosody.balance),
        "level": mean(prosody.level),
        "rate": np.log(np.maximum(rate, 0.5)),
        "seconds": seconds,
    }


def _recording_arousal(prosody: Prosody) -> tuple[float, float, dict[str, float]]:
    """Posterior mean and variance against the population, and what each cue says alone."""
    found = _cues(prosody, lambda values: values.sum() / FRAME_RATE)
    seconds = min(float(found["seconds"]), _MOST_SECONDS)
    if seconds == 0:
        return 0.0, _PRIOR_STD**2, {}
    names = [name for name, cue in CUES.items() if np.isfinite(cue.between)]
    effect = np.array([CUES[name].per_arousal for name in names])
    noise = np.array([CUES[n].between ** 2 + CUES[n].within ** 2 / seconds for n in names])
    share = _high_voice(prosody)
    between = _HIGH_VOICE - _LOW_VOICE
    at_pitch = np.array([name == "pitch" for name in names])
    norm = np.array([CUES[n].norm for n in names]) + at_pitch * (_LOW_VOICE + share * between)
    noise = noise + at_pitch * between**2 * share * (1 - share)
    offset = np.array([float(found[n]) for n in names]) - norm
    precision = 1 / _PRIOR_STD**2 + (effect**2 / noise).sum()
    mean = float((effect * offset / noise).sum() / precision)
    return mean, 1 / precision, dict(zip(names, (offset / effect).tolist(), strict=True))


def _high_voice(prosody: Prosody) -> float:
    """0..1: the probability of a woman's vocal tract; a half where formants cannot be seen."""
    spacing = formant_spacing(prosody.formants)
    if np.isnan(spacing) or is_narrow(prosody):
        return 0.5
    return float(1 / (1 + np.exp(-(spacing - _MIDDLE_SPACING) / _SPACING_WIDTH)))


def _change_of_arousal(prosody: Prosody) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Posterior mean and variance of the difference to the recording's arousal ``[T]`` at 100 Hz,
    and the seconds of voice it rests on."""
    from scipy.ndimage import gaussian_filter1d

    width = _WINDOW * FRAME_RATE
    area = _WINDOW * np.sqrt(2 * np.pi)
    found = _cues(
        prosody, lambda x: area * gaussian_filter1d(x, width, mode="constant", truncate=3)
    )
    seconds = found["seconds"]
    total = max(float(seconds.sum()), 1e-6)
    precision, pull = np.full(len(seconds), 1 / _PRIOR_STD_WITHIN**2), np.zeros(len(seconds))
    for name, cue in CUES.items():
        offset = found[name] - (seconds @ found[name]) / total
        informative = np.minimum(seconds, _MOST_SECONDS) / cue.within**2
        precision += informative * cue.per_arousal**2
        pull += informative * cue.per_arousal * offset
    return pull / precision, 1 / precision, seconds


def _classified(
    waveform: np.ndarray,
    prosody: Prosody,
    at: np.ndarray,
    classifier: VoiceClassifier,
    encode: Encode | None,
) -> np.ndarray:
    """Emotions ``[T, 8]`` from overlapping stretches of three seconds."""
    length = round(_CLASSIFIED_SECONDS * FRAME_RATE)
    starts = np.arange(0, max(1, len(prosody) - length // 2), length // 3)
    rows = np.stack(
        [classifier.describe(waveform, prosody, slice(s, s + length), encode) for s in starts]
    )
    middles = np.minimum(starts + length / 2, len(prosody) - 1)
    beliefs = classifier(rows)
    mixed = np.stack([np.interp(at, middles, column) for column in beliefs.T], axis=1)
    return mixed / mixed.sum(axis=1, keepdims=True)


def _moved(
    place: np.ndarray, std: np.ndarray, emotion: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Valence and arousal with what the emotions say: the precision-weighted mean.

    Both were heard in the same sound, so that the deviation is the smaller of the two, no less.
    """
    centres = np.array([EMOTION_TO_VA[name] for name in EMOTIONS])
    middle = emotion @ centres
    spread = np.sqrt(emotion @ centres**2 - middle**2 + _AROUSAL_STD**2)
    weight = std**-2 / (std**-2 + spread**-2)
    # Of valence the cues know nothing at all.
    weight[:, 0] = 0.0
    std = np.column_stack([spread[:, 0], np.minimum(std[:, 1], spread[:, 1])])
    return weight * place + (1 - weight) * middle, std


def _sampled(series: np.ndarray, at: np.ndarray) -> np.ndarray:
    return np.interp(at, np.arange(len(series)), series)
