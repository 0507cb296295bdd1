"""``facewright generate``: a portrait, speech and an intention become a clip."""

from __future__ import annotations

import functools
import operator
import tempfile
from pathlib import Path

import typer

from demo.checks import in_range, motion_file, picture, readable, writable
from demo.marks import signer
from demo.progress import progress_bar
from gen.conditioning import Affect
from gen.editing import MotionEdit
from gen.portraits import prepared_beside
from gen.text import speak


def run(
    portrait: Path, audio: Path | None, output: Path, *, text, emotion, valence, arousal, au,
    timeline, motion_in, style, closed_loop, best_of, size, fps, steps, seed, square, motion_out,
    model, expression, mark, certificate, key,
) -> None:  # fmt: skip
    """See ``facewright generate --help``."""
    if (audio is None) == (text is None):
        raise ValueError("give AUDIO or --text: one of them")
    affect = parse_affect(emotion, valence, arousal, au, timeline)
    in_range(size, 64, 4096, "--size")
    in_range(fps, 1, 120, "--fps")
    if expression not in (None, "rule", "diffusion"):
        raise ValueError(f"--expression is rule or diffusion, got {expression!r}")
    if steps is not None:
        in_range(steps, 1, 1000, "--steps")
    in_range(closed_loop, 0, 20, "--closed-loop")
    in_range(best_of, 1, 100, "--best-of")
    in_range(seed, 0, 2**63 - 1, "--seed")
    writable(output, ".mp4")
    if motion_out:
        writable(motion_out, ".csv", ".npz")
    picture(portrait)
    if audio:
        readable(audio, "sound file")
    edits = (MotionEdit.load(motion_file(motion_in)),) if motion_in else ()
    if style:
        readable(style, "style")
    identity = signer(mark, certificate, key)

    with (
        prepared_beside(portrait, size, square) as prepared,
        progress_bar() as hook,
        tempfile.TemporaryDirectory() as folder,
    ):
        hook("loading models", 0, None)
        import torch

        from gen.pipeline import TalkingHeadPipeline

        if text is not None:
            hook("speaking", 0, None)
            spoken = speak(text)
            audio = spoken.save(Path(folder) / "speech.wav")
            told = any(x is not None for x in (emotion, valence, arousal, au, timeline))
            affect = affect if told else spoken.affect
            hook("loading models", 0, None)
        pipeline = TalkingHeadPipeline.from_pretrained(model, expression)
        clip = pipeline(
            prepared(hook), audio, affect, fps=fps, steps=steps, edits=edits, style=style,
            closed_loop=closed_loop, best_of=best_of, progress=hook,
            generator=torch.Generator().manual_seed(seed),
        )  # fmt: skip
        if clip.faces > 1:
            typer.echo(f"{clip.faces} faces in {portrait.name}: the largest one speaks", err=True)
        clip.save(output, mark=mark, identity=identity)
        if motion_out:
            clip.motion.save(motion_out)
    if clip.loop:
        typer.echo(clip.loop)
    typer.echo(f"{output}: {clip.total} frames, {clip.total / clip.fps:.2f} s")


def parse_affect(
    emotion: str | None, valence: float | None, arousal: float | None, au: str | None,
    timeline: Path | None,
) -> Affect:  # fmt: skip
    """The options' intention; those that are given add up. Names and values may be parted by ``:``
    or by ``=``.

    Raises:
        ValueError: an unknown name or a value out of range.
    """
    parts = []
    if emotion is not None:
        name, _, intensity = emotion.replace("=", ":").partition(":")
        parts.append(Affect.emotion(name, _number(intensity, "--emotion") if intensity else 1.0))
    if valence is not None or arousal is not None:
        parts.append(Affect.valence_arousal(valence or 0.0, arousal or 0.0))
    if au is not None:
        units = {}
        for part in au.split(","):
            name, equals, value = part.replace(":", "=").partition("=")
            if not equals:
                raise ValueError(f"--au takes AU12=3,AU06=2, got {part!r}")
            units[name.strip()] = _number(value, f"--au {name.strip()}")
        parts.append(Affect.action_units(units))
    if timeline is not None:
        parts.append(Affect.load(readable(timeline, "timeline")))
    return functools.reduce(operator.add, parts) if parts else Affect()


def _number(text: str, what: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise ValueError(f"{what}: {text!r} is not a number") from None
