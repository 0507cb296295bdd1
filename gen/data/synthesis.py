"""A corpus of synthetic speech with the facial motion that goes with it.

    python -m gen.data.synthesis -o corpus_synth --limit 900 --seed 0

Sentences are spoken by synthesisers that tell when each phone sounds; the lips follow from the
phones, head, lids, brows and eyes from the sound and chance.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

import numpy as np
import yaml

from gen.data import upper_face
from gen.data.coarticulation import Articulation, articulate, lips_closed
from gen.data.records import MotionRecord, iter_records
from gen.data.tts import Synthesizer
from gen.data.visemes import BILABIALS, VOWELS, symbols
from gen.data.voices import VOICES, BackendUnavailable, Phone, Speech, Voice
from recognizer.facs import ARKIT_INDEX, sides
from recognizer.media import SAMPLE_RATE
from recognizer.motion import MotionTrack

FPS = 25
_HOP = SAMPLE_RATE // FPS
_LONGEST = 9.0  # seconds of one record, about
_EYE_RANGE = 30.0  # degrees of an eyeLook coefficient of 1


@dataclass(frozen=True)
class Script:
    """What one record says: a voice, its sentences, its pace and the seed of all chance."""

    voice: Voice
    sentences: tuple[str, ...]
    pace: float
    seed: tuple[int, int]


@dataclass
class Speaker:
    """What stays the same in all records of a voice."""

    articulation: Articulation
    liveliness: float
    brows: float
    smile: float

    @classmethod
    def of(cls, voice: Voice, seed: int) -> Speaker:
        """The face that a seed gives to a voice."""
        rng = np.random.default_rng([seed, zlib.crc32(voice.name.encode())])
        return cls(
            Articulation.draw(rng), rng.uniform(0.8, 1.15), rng.uniform(0.5, 1.1),
            rng.uniform(0, 0.05),
        )  # fmt: skip


def load_sentences() -> dict[str, list[str]]:
    """The packaged sentences by language."""
    text = (files("gen.data") / "sentences.yaml").read_text("utf-8")
    return yaml.safe_load(text)


def scripts(count: int, seed: int, voices: Sequence[Voice] = VOICES) -> list[Script]:
    """What the first ``count`` records say; any beginning of the list has all voices' shares."""
    sentences = load_sentences()
    shares = np.array([voice.weight for voice in voices]) / sum(v.weight for v in voices)
    spoken = np.zeros(len(voices))
    decks: list[list[str]] = [[] for _ in voices]
    out = []
    for index in range(count):
        rng = np.random.default_rng([seed, index])
        chosen = int(np.argmax(shares * (index + 1) - spoken))
        spoken[chosen] += 1
        voice, deck = voices[chosen], decks[chosen]
        lines = []
        for _ in range(1 + int(rng.uniform() < 0.5)):
            if not deck:
                all_lines = sentences[voice.language]
                deck.extend(all_lines[i] for i in rng.permutation(len(all_lines)))
            lines.append(deck.pop())
        out.append(Script(voice, tuple(lines), float(rng.uniform(0.88, 1.15)), (seed, index)))
    return out


def perform(script: Script, synthesizer: Synthesizer) -> tuple[MotionRecord, list[Phone]]:
    """One record, and the phones behind it.

    Raises:
        BackendUnavailable: the voice's synthesiser is not installed.
    """
    rng = np.random.default_rng([*script.seed, 1])
    speaker = Speaker.of(script.voice, script.seed[0])
    speech = recite(script, synthesizer, rng)
    frames = len(speech.waveform) // _HOP
    speech.waveform = speech.waveform[: frames * _HOP]
    face = articulate(
        speech.phones, frames, speaker.articulation.varied(rng), _emphasis(speech), FPS
    )
    pose = upper_face.head_motion(speech.waveform, frames, rng, FPS, speaker.liveliness)
    _add_upper_face(face, pose, speech.waveform, speaker, rng)
    name = f"{script.voice.name}-{script.seed[1]:04d}"
    motion = MotionTrack(np.clip(face, 0, 1), pose, FPS)
    return MotionRecord(name, motion, speech.waveform, script.voice.name), speech.phones


def recite(script: Script, synthesizer: Synthesizer, rng: np.random.Generator) -> Speech:
    """The sentences between pauses, over a faint hiss: a room is never as still as zeros."""
    waves: list[np.ndarray] = []
    phones: list[Phone] = []
    clock = 0.0

    def pause(seconds: float) -> None:
        nonlocal clock
        length = round(seconds * SAMPLE_RATE)
        waves.append(np.zeros(length, np.float32))
        phones.append(Phone("", clock, clock + length / SAMPLE_RATE))
        clock += length / SAMPLE_RATE

    pause(rng.uniform(0.15, 0.5))
    for sentence in script.sentences:
        said = synthesizer.speak(sentence, script.voice, script.pace)
        length = len(said.waveform) / SAMPLE_RATE
        if len(waves) > 1 and clock + length > _LONGEST:
            break
        waves.append(said.waveform)
        phones += [Phone(p.ipa, p.start + clock, p.end + clock) for p in said.phones]
        clock += length
        pause(rng.uniform(0.2, 0.7))
    sound = np.concatenate(waves)
    loud = np.sqrt(np.mean(sound**2)) + 1e-9
    sound *= min(10 ** (rng.uniform(-27, -20) / 20) / loud, 0.95 / (np.abs(sound).max() + 1e-9))
    hiss = 10 ** rng.uniform(-4.2, -3.3) * rng.standard_normal(len(sound))
    return Speech((sound + hiss).astype(np.float32), _joined_silences(phones))


def _joined_silences(phones: Sequence[Phone]) -> list[Phone]:
    out: list[Phone] = []
    for phone in phones:
        if out and not out[-1].ipa and not phone.ipa:
            out[-1] = Phone("", out[-1].start, phone.end)
        else:
            out.append(phone)
    return out


def _emphasis(speech: Speech) -> np.ndarray:
    """Louder vowels open further: 3 % a decibel around the utterance's median vowel."""
    power = np.concatenate([[0.0], np.cumsum(np.square(speech.waveform, dtype=np.float64))])
    edges = [[int(p.start * SAMPLE_RATE), int(p.end * SAMPLE_RATE)] for p in speech.phones]
    first, last = np.clip(np.array(edges).T, 0, len(speech.waveform))
    level = 10 * np.log10((power[last] - power[first]) / np.maximum(last - first, 1) + 1e-9)
    vowel = np.array([bool(VOWELS & set(symbols(p.ipa))) for p in speech.phones])
    middle = np.median(level[vowel]) if vowel.any() else 0.0
    return np.where(vowel, np.clip(1 + 0.03 * (level - middle), 0.8, 1.2), 1.0)


def _add_upper_face(face, pose, waveform, speaker: Speaker, rng: np.random.Generator) -> None:
    frames = len(face)

    def add(stem: str, curve: np.ndarray) -> None:
        for name in sides(stem):
            face[:, ARKIT_INDEX[name]] += curve

    add("eyeBlink", upper_face.blinks(frames, rng, FPS))
    raised, knitted = upper_face.brow_motion(waveform, frames, rng, FPS)
    brows = speaker.brows * raised.mean(axis=1)
    add("browInnerUp", 0.6 * brows)
    add("browOuterUp", 0.5 * brows)
    add("browDown", speaker.brows * knitted)
    add("eyeWide", 0.15 * brows)
    smile = speaker.smile * (1 + 0.4 * upper_face.band_noise(frames, 0.05, 0.3, rng, FPS))
    add("mouthSmile", np.maximum(smile, 0))
    across, down = np.clip(upper_face.gaze(frames, rng, pose, FPS).T / _EYE_RANGE, -1, 1)
    # To the image's right is the subject's left: outwards for the left eye.
    for name, curve in (
        ("eyeLookOutLeft", across), ("eyeLookInRight", across), ("eyeLookInLeft", -across),
        ("eyeLookOutRight", -across), ("eyeLookDown", down), ("eyeLookUp", -down),
    ):  # fmt: skip
        add(name, np.maximum(curve, 0))


def closures(phones: Sequence[Phone], blendshapes: np.ndarray) -> tuple[int, int]:
    """How many bilabials have a frame with closed lips, and how many there are."""
    closed = lips_closed(blendshapes)
    centres = (np.arange(len(closed)) + 0.5) / FPS
    kept = total = 0
    for phone in phones:
        if BILABIALS & set(symbols(phone.ipa)):
            # Sampled every 40 ms: a closure counts if the frame nearest to it shows it.
            near = (centres > phone.start - 0.02) & (centres < phone.end + 0.02)
            total += 1
            kept += bool(closed[near].any())
    return kept, total


def build_corpus(
    out_dir: str | os.PathLike,
    seed: int = 0,
    limit: int | None = None,
    voices: Sequence[Voice] = VOICES,
) -> dict:
    """Write one ``.npz`` a record and return what :func:`statistics` finds in them.

    Args:
        out_dir: made if need be.
        seed: the same seed and voices give the same corpus in a fresh process (espeak carries the
            phase of its oscillators from one utterance to the next).
        limit: records; 900 if absent.
        voices: who speaks.

    Returns:
        The statistics, with ``bilabials`` and ``bilabials_closed`` (a share).

    Raises:
        BackendUnavailable: a voice's synthesiser is missing; nothing is written then.
        ValueError: no records or no voices are asked for.
    """
    count = 900 if limit is None else limit
    if count < 1 or not voices:
        raise ValueError("a corpus needs at least one record and one voice")
    synthesizer = Synthesizer(seed)
    for backend in dict.fromkeys(voice.backend for voice in voices):
        synthesizer.backend(backend)
    folder = Path(out_dir)
    folder.mkdir(parents=True, exist_ok=True)
    kept = total = 0
    for script in scripts(count, seed, voices):
        record, phones = perform(script, synthesizer)
        record.save(folder)
        found = closures(phones, record.motion.blendshapes)
        kept, total = kept + found[0], total + found[1]
    return statistics(folder) | {
        "languages": sorted({voice.language for voice in voices}),
        "bilabials": total,
        "bilabials_closed": round(kept / max(total, 1), 4),
    }


def statistics(folder: str | os.PathLike) -> dict:
    """Size of a corpus, mean and deviation of its main coefficients, head and blinks.

    Head angles are described by the deviation within a record, its mean over the records longer
    than three seconds.
    """
    records = list(iter_records(folder))
    motion = np.concatenate([record.motion.blendshapes for record in records])
    angles = np.array([r.motion.pose[:, :3].std(0) for r in records if len(r.motion) > 3 * FPS])
    blink = ARKIT_INDEX["eyeBlinkLeft"]
    blinks = sum(
        int((np.diff((r.motion.blendshapes[:, blink] > 0.4).astype(int)) == 1).sum())
        for r in records
    )
    minutes = len(motion) / FPS / 60
    columns = [
        "jawOpen", "mouthClose", "mouthFunnel", "mouthPucker", "mouthStretchLeft",
        "mouthSmileLeft", "mouthLowerDownLeft", "mouthUpperUpLeft", "mouthRollLower",
        "mouthPressLeft", "tongueOut", "browInnerUp", "browOuterUpLeft",
    ]  # fmt: skip
    moments = {
        name: (round(float(c.mean()), 3), round(float(c.std()), 3))
        for name in columns
        for c in (motion[:, ARKIT_INDEX[name]],)
    }
    return {
        "records": len(records),
        "minutes": round(minutes, 2),
        "voices": len({record.speaker for record in records}),
        "coefficients": moments,
        "head_deviation": [round(float(a), 2) for a in angles.mean(0)] if len(angles) else None,
        "blinks_per_minute": round(blinks / minutes, 1),
    }


def main() -> int:
    """The command; prints the statistics as JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("-o", "--output", required=True, type=Path)
    parser.add_argument("--limit", type=int, default=900, help="records")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--backends", default="piper,flite,espeak", help="synthesisers to use, by commas"
    )
    options = parser.parse_args()
    backends = options.backends.split(",")
    voices = [voice for voice in VOICES if voice.backend in backends]
    try:
        found = build_corpus(options.output, options.seed, options.limit, voices)
    except (BackendUnavailable, ValueError) as error:
        print(error, file=sys.stderr)
        return 2
    print(json.dumps(found, indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main())
