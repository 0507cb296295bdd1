"""*Recognize*: what a face, a voice and words express."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import gradio as gr

from demo import limits
from demo.components.media import FilmFile, PictureFile, SoundFile
from demo.components.stages import note_html, stages_html
from demo.jobs import Job
from demo.shared_models import recognizer
from demo.tabs.common import AT_ONCE, PORTRAIT, for_programs, said, scratch, start_and_stop
from gen.clip import ProgressHook
from recognizer.image_file import is_image

PICTURE, FILM, SOUND = "Picture", "Video", "Voice"
_STAGES = (
    ("Reading", ("starting", "loading models")),
    ("Face and voice", ("tracking",)),
    ("Drawing", ("drawing", "plotting")),
)


@dataclass(frozen=True)
class Read:
    """What was found in a file, as files."""

    overlay_video: str | None
    overlay_image: str | None
    plot: str
    csv: str
    explanation: str


def recognize_tab() -> None:
    """Draw the tab."""
    with gr.Row(elem_classes="split"):
        with gr.Column(scale=5, min_width=300):
            inputs = _controls()
            with gr.Row(elem_classes="actions"):
                go = gr.Button("Recognize", variant="primary", scale=3, elem_id="recognize")
                stop = gr.Button("Stop", variant="stop", scale=1, interactive=False)
            gr.HTML(
                '<p class="consent">A face shows movements, not thoughts: what is read is a guess '
                "with a probability. Do not judge people by it.</p>"
            )
        with gr.Column(scale=6, min_width=300):
            stages, *found = _results()
    start_and_stop(go, stop, _run, inputs, [stages, *found, go, stop], [stages, go, stop])
    for_programs("recognize", recognize, inputs, found)


def _controls() -> list:
    """Draw what is chosen with, in the order of :func:`recognize`'s arguments."""
    with gr.Column(elem_classes="card", min_width=0):
        gr.HTML("<h2><i>1</i>Who is to be read</h2>")
        kind = gr.Radio(
            [PICTURE, FILM, SOUND], value=PICTURE, label="Kind", show_label=False,
            container=False, elem_classes="segmented",
        )  # fmt: skip
        picture = PictureFile(PORTRAIT, "Picture", height=300, show_label=False)
        film = FilmFile(
            "Video", height=300, visible=False, show_label=False, buttons=[], elem_id="film"
        )
        sound = SoundFile(label="Voice", visible=False, show_label=False)
    with gr.Accordion("More", open=False, elem_classes="card"):
        words = gr.Textbox(
            "", label="What is said, in words", max_length=2000,
            info="Words are a third witness beside face and voice.",
        )  # fmt: skip
        rest = PictureFile(label="The same person at rest, if known", height=180)
        with gr.Row():
            faces = gr.Slider(1, 8, 4, step=1, label="Most faces")
            smooth = gr.Checkbox(False, label="Steady the curves")
    kind.change(
        lambda chosen: [gr.update(visible=chosen == way) for way in (PICTURE, FILM, SOUND)],
        kind, [picture, film, sound], **AT_ONCE,
    )  # fmt: skip
    return [kind, picture, film, sound, words, rest, faces, smooth]


def _results() -> list:
    """Draw where the stages appear and what :func:`recognize` finds."""
    stages = gr.HTML(_idle(), apply_default_css=False, elem_id="recognize-stages")
    film = FilmFile(
        "Overlay", interactive=False, visible=False, height=560, buttons=["download"],
        show_label=False, elem_id="overlay-video",
    )  # fmt: skip
    picture = gr.Image(
        label="Overlay", interactive=False, visible=False, show_label=False,
        buttons=["download", "fullscreen"], elem_id="overlay-image",
    )  # fmt: skip
    explanation = gr.Markdown(elem_classes="explanation", elem_id="explanation")
    plot = gr.Image(
        label="Curves", interactive=False, visible=False, show_label=False,
        buttons=["download", "fullscreen"], elem_id="plot",
    )  # fmt: skip
    csv = gr.DownloadButton("All numbers (.csv)", interactive=False, elem_id="affect-csv")
    return [stages, film, picture, explanation, plot, csv]


@said
def recognize(kind, picture, film, sound, words, rest, faces, smooth) -> Iterator[tuple]:
    """Overlay video or picture, explanation, curves as PNG, and all numbers as CSV."""
    media, rest = _checked(kind, picture, film, sound, rest)
    with scratch() as name:
        read = read_media(media, words, rest, faces, smooth, Path(name), lambda *_: None)
        yield read.overlay_video, read.overlay_image, read.explanation, read.plot, read.csv


@said
def _run(kind, picture, film, sound, words, rest, faces, smooth) -> Iterator[tuple]:
    """The same, told step by step."""
    media, rest = _checked(kind, picture, film, sound, rest)
    skip = gr.skip()
    yield (stages_html(_STAGES, None), *[skip] * 5, gr.update(interactive=False),
           gr.update(interactive=True))  # fmt: skip
    with scratch() as name:
        work = lambda hook: read_media(media, words, rest, faces, smooth, Path(name), hook)  # noqa: E731
        with Job(work) as job:
            for now in job.progress():
                yield (stages_html(_STAGES, now), *[skip] * 7)
            read = job.result()
        yield (
            stages_html(_STAGES, None),
            gr.update(value=read.overlay_video, visible=read.overlay_video is not None),
            gr.update(value=read.overlay_image, visible=read.overlay_image is not None),
            read.explanation,
            gr.update(value=read.plot, visible=True),
            gr.update(value=read.csv, interactive=True),
            gr.update(interactive=True),
            gr.update(interactive=False),
        )


def read_media(
    media: Path, words: str, rest: Path | None, faces: int, smooth: bool, folder: Path,
    hook: ProgressHook,
) -> Read:  # fmt: skip
    """Read a file and write what was found into a folder.

    Raises:
        ValueError: there is nothing to read in it.
    """
    from PIL import Image

    from demo.overlay import overlay_image, overlay_video
    from recognizer.affect_csv import write_csv
    from recognizer.plots import save_plot

    hook("loading models", 0, None)
    reader = recognizer()
    known = None if rest is None else reader.learn_rest(rest)
    hook("tracking", 0, None)
    found = reader.judge(media, words.strip() or None, int(faces), hook, known)
    tracks = [track.smoothed() for track in found.tracks] if smooth else found.tracks
    chief = found.largest or 0
    video = image = None
    if found.faces and is_image(media):
        image = folder / "overlay.png"
        Image.fromarray(overlay_image(media, tracks, found.tracked, chief)).save(image)
    elif found.faces:
        video = folder / "overlay.mp4"
        overlay_video(media, video, tracks, found.tracked, chief, hook)
    hook("plotting", 0, None)
    save_plot(tracks[chief], folder / "curves.png")
    write_csv(folder / "affect.csv", tracks)
    return Read(
        video and str(video), image and str(image), str(folder / "curves.png"),
        str(folder / "affect.csv"), _explained(found, tracks),
    )  # fmt: skip


def _explained(found, tracks) -> str:
    """Markdown: one line on each face, one on all together, then the chain of reasons."""
    from recognizer.summary import describe, describe_together, reasons

    lines = [describe(track) for track in found.faces]
    if found.voice is not None or found.words is not None:
        lines.append(describe_together(found))
    chief = tracks[found.largest or 0]
    rows = "\n".join(reasons(found, [chief])).splitlines()
    text = "\n".join(row if row.startswith("- ") else f"\n**{row}**\n" for row in rows)
    summary = "\n".join(f"- {line[0].upper()}{line[1:]}" for line in lines)
    return f"{summary}\n{text}"


def _checked(kind, picture, film, sound, rest) -> tuple[Path, Path | None]:
    """The chosen file and the person at rest, of bearable size.

    Raises:
        ValueError: it is missing, too large or too long.
    """
    rest = None if rest is None else limits.checked_picture(rest, "picture of the person at rest")
    if kind == PICTURE:
        return limits.checked_picture(picture, "picture"), rest
    media = film if kind == FILM else sound
    if media is None:
        raise ValueError(f"there is no {kind.lower()} yet: upload or record one")
    if kind == SOUND:
        return limits.checked_sound(media), rest
    return limits.checked_film(media), rest


def _idle() -> str:
    return note_html("Ready.")
