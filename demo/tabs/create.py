"""*Create*: a portrait, a voice and a feeling become a clip, its motion and its report."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import gradio as gr

from demo import limits
from demo.components.media import FilmFile, PictureFile, SoundFile
from demo.components.stages import note_html, stages_html
from demo.jobs import Job
from demo.making import Wish, make_clip, measure_clip
from demo.tabs.common import (
    AT_ONCE,
    PORTRAIT,
    SPEECH,
    for_programs,
    framed,
    said,
    scratch,
    start_and_stop,
)
from demo.tabs.feelings import (
    EMOTION,
    TIMELINE,
    WORDS,
    FeelingControls,
    affect_of,
    feeling_controls,
    named,
)
from demo.tabs.summary import summary_html
from gen.text import MAX_TEXT
from recognizer.media import probe
from recognizer.report import render

RECORDING, TYPED = "Recording", "Typed words"
SIZES = (256, 384, 512, 768, 1024)
_STAGES = (
    ("Voice", ("starting", "speaking", "loading models")),
    ("Face", ("reading", "fitting the face")),
    ("Motion", ("listening", "closing the loop")),
    ("Frames", ("rendering",)),
    ("Report", ("measuring", "looking at portraits", "comparing", "comparing pictures")),
)
_SAY = "I am so glad that you came! Yesterday I was sad. But look, what a surprise!"
#: Where the columns stand below one another, the clip is far from the button.
_TO_THE_CLIP = """() => {
    const stages = document.querySelector("#stages");
    if (innerWidth <= 640) stages.scrollIntoView({ behavior: "smooth" });
}"""
_TITLES = ["A cheerful hello", "Bad news, quietly", "From doubt to joy", "Typed, mixed feelings"]
_EXAMPLES = [
    [RECORDING, _SAY, EMOTION, "happiness", 0.8],
    [RECORDING, _SAY, EMOTION, "sadness", 0.6],
    [RECORDING, _SAY, TIMELINE, "happiness", 0.8],
    [TYPED, _SAY, WORDS, "happiness", 0.8],
]


@dataclass
class _Controls:
    """What a visitor chooses with, in the order of :func:`_wish`'s arguments."""

    portrait: PictureFile
    source: gr.Radio
    audio: SoundFile
    text: gr.Textbox
    feeling: FeelingControls
    size: gr.Dropdown
    fps: gr.Slider
    steps: gr.Slider
    seed: gr.Number
    full: gr.Checkbox
    passes: gr.Slider
    measure: gr.Checkbox

    @property
    def inputs(self) -> list:
        """All of them; the last one says whether to measure."""
        voice = [self.portrait, self.source, self.audio, self.text]
        how = [self.size, self.fps, self.steps, self.seed, self.full, self.passes]
        return [*voice, *self.feeling.inputs, *how, self.measure]


@dataclass
class _Results:
    """Where a clip and all that belongs to it appear, in the order of :data:`_OUTPUTS`."""

    stages: gr.HTML
    clip: FilmFile
    motion: gr.DownloadButton
    report: gr.DownloadButton
    summary: gr.HTML
    page: gr.HTML
    box: gr.Accordion


def create_tab() -> gr.Video:
    """Draw the tab; returns where its clip appears."""
    with gr.Row(elem_classes="split"):
        with gr.Column(scale=5, min_width=300):
            asked = _controls()
            with gr.Row(elem_classes="actions"):
                go = gr.Button("Create clip", variant="primary", elem_id="create", scale=3)
                stop = gr.Button(
                    "Stop", variant="stop", elem_id="create-stop", scale=1, interactive=False
                )
            gr.HTML(
                '<p class="consent">Make people say things only with their consent. Clips are '
                "marked as AI-generated, in metadata and pixels. Pictures and voices stay on the "
                "machine that runs this page and are deleted after an hour.</p>"
            )
        with gr.Column(scale=6, min_width=300), gr.Column(elem_classes="result"):
            shown = _results()
    _change_together(asked)
    outputs = [*vars(shown).values(), go, stop]
    start_and_stop(go, stop, _run, asked.inputs, outputs, [shown.stages, go, stop])
    go.click(None, js=_TO_THE_CLIP, api_visibility="private")
    feeling = asked.feeling
    gr.Examples(
        _EXAMPLES, [asked.source, asked.text, feeling.mode, feeling.emotion, feeling.intensity],
        label="To try", example_labels=_TITLES, elem_id="examples", api_visibility="private",
    )  # fmt: skip
    for_programs("generate", generate, asked.inputs, [shown.clip, shown.motion, shown.report])
    return shown.clip


def _controls() -> _Controls:
    with gr.Column(elem_classes="card", min_width=0):
        gr.HTML("<h2><i>1</i>Portrait</h2>")
        portrait = PictureFile(
            PORTRAIT, "Portrait", height=250, elem_id="portrait", show_label=False
        )
    with gr.Column(elem_classes="card", min_width=0):
        gr.HTML("<h2><i>2</i>Voice</h2>")
        source = gr.Radio(
            [RECORDING, TYPED], value=RECORDING, label="Voice", show_label=False,
            container=False, elem_classes="segmented",
        )  # fmt: skip
        audio = SoundFile(SPEECH, "Recording", show_label=False, elem_id="voice")
        text = gr.Textbox(
            _SAY, label="Words to say (English)", lines=3, max_lines=8, max_length=MAX_TEXT,
            visible=False, elem_id="words",
        )  # fmt: skip
    with gr.Column(elem_classes="card", min_width=0):
        gr.HTML("<h2><i>3</i>Feeling</h2>")
        feeling = feeling_controls()
    with gr.Accordion("Settings", open=False, elem_classes="card"):
        with gr.Row():
            size = gr.Dropdown(list(SIZES), value=512, label="Longer side, pixels")
            fps = gr.Slider(10, 60, 25, step=1, label="Frame rate")
        with gr.Row():
            seed = gr.Number(
                0, label="Seed", precision=0, minimum=0,
                info="The same seed gives the same clip.",
            )  # fmt: skip
            steps = gr.Slider(1, 30, 4, step=1, label="Denoising steps")
        passes = gr.Slider(
            0, 4, 0, step=1, label="Corrections",
            info="So often the clip is read and corrected before it is drawn.",
        )  # fmt: skip
        full = gr.Checkbox(False, label="Whole picture instead of a square around the face")
        measure = gr.Checkbox(True, label="Measure the clip when it is made")
    return _Controls(
        portrait, source, audio, text, feeling, size, fps, steps, seed, full, passes, measure
    )


def _results() -> _Results:
    stages = gr.HTML(_idle(), elem_id="stages", apply_default_css=False)
    clip = FilmFile(
        "Clip", interactive=False, height=440, elem_id="clip", buttons=["download"],
        show_label=False,
    )  # fmt: skip
    with gr.Row(elem_classes="downloads"):
        motion = gr.DownloadButton("Motion (.csv)", interactive=False, elem_id="motion-csv")
        report = gr.DownloadButton("Report (.html)", interactive=False, elem_id="report-html")
    summary = gr.HTML(elem_id="summary", apply_default_css=False)
    with gr.Accordion("The whole report", open=False, visible=False) as box:
        page = gr.HTML(apply_default_css=False, elem_id="report")
    return _Results(stages, clip, motion, report, summary, page, box)


def _change_together(asked: _Controls) -> None:
    """Typed words take the recording's place, and a recording sets the timeline's length."""
    asked.source.change(
        lambda chosen: (
            gr.update(visible=chosen == RECORDING),
            gr.update(visible=chosen == TYPED),
            WORDS if chosen == TYPED else gr.skip(),
        ),
        asked.source, [asked.audio, asked.text, asked.feeling.mode], **AT_ONCE,
    )  # fmt: skip
    timeline = asked.feeling.timeline
    asked.audio.change(_timeline_as_long, [asked.audio, timeline], timeline, **AT_ONCE)


@said
def generate(
    portrait, voice, recording, text, feeling, emotion, intensity, pad, timeline, units, size,
    fps, steps, seed, full_frame, corrections, measure,
) -> Iterator[tuple]:  # fmt: skip
    """A talking clip, its motion as CSV and, if it is measured, its report as HTML."""
    wish = _wish(
        portrait, voice, recording, text, feeling, emotion, intensity, pad, timeline, units, size,
        fps, steps, seed, full_frame, corrections,
    )  # fmt: skip
    with scratch() as name:
        folder = Path(name)
        made = make_clip(wish, folder, _unheard)
        report = None
        if measure:
            report, _, _ = _reported(measure_clip(made, wish, _unheard), folder)
        yield str(made.clip), str(made.motion), report


@said
def _run(*inputs) -> Iterator[tuple]:
    """The same, told step by step."""
    *wishes, measure = inputs
    wish = _wish(*wishes)
    yield _update(
        stages=stages_html(_shown(measure), None), go=gr.update(interactive=False),
        stop=gr.update(interactive=True), summary="", page="", box=gr.update(visible=False),
        motion=gr.update(value=None, interactive=False),
        report=gr.update(value=None, interactive=False),
    )  # fmt: skip
    with scratch() as name:
        folder = Path(name)
        with Job(lambda hook: make_clip(wish, folder, hook)) as job:
            for now in job.progress():
                yield _update(stages=stages_html(_shown(measure), now))
            made = job.result()
        yield _update(
            clip=str(made.clip), motion=gr.update(value=str(made.motion), interactive=True)
        )
        if measure:
            with Job(lambda hook: measure_clip(made, wish, hook)) as job:
                for now in job.progress():
                    yield _update(stages=stages_html(_shown(measure), now))
                report, page, summary = _reported(job.result(), folder)
            yield _update(
                report=gr.update(value=report, interactive=True), page=framed(page),
                summary=summary, box=gr.update(visible=True),
            )  # fmt: skip
        if made.faces > 1:
            gr.Info(f"{made.faces} faces in the portrait: the largest one speaks.")
        yield _update(
            stages=stages_html(_shown(measure), None), go=gr.update(interactive=True),
            stop=gr.update(interactive=False),
        )  # fmt: skip


def _wish(
    portrait, source, audio, text, mode, emotion, intensity, pad, timeline, units, size, fps,
    steps, seed, full, passes,
) -> Wish:  # fmt: skip
    """What the controls ask for, checked before any work is done.

    Raises:
        ValueError: something is missing, too large, or not understood.
    """
    typed = source == TYPED
    if mode == WORDS and not typed:
        raise ValueError("only typed words say what they feel: choose an emotion for a recording")
    controls = (mode, emotion, intensity, pad, timeline, units)
    return Wish(
        portrait=limits.checked_picture(portrait),
        audio=None if typed else limits.checked_sound(audio),
        text=(text or "") if typed else None,
        affect=affect_of(*controls),
        name=named(*controls),
        size=int(limits.number(size, "the size")),
        fps=float(limits.number(fps, "the frame rate")),
        steps=int(limits.number(steps, "the number of steps")),
        seed=int(limits.number(seed or 0, "the seed")),
        square=not full,
        passes=int(limits.number(passes, "the number of corrections")),
    )  # fmt: skip


def _reported(found, folder: Path) -> tuple[str, str, str]:
    """The report's file, its page, and its tiles."""
    page = render(found, "Facewright clip")
    path = folder / "facewright_report.html"
    path.write_text(page, encoding="utf-8")
    return str(path), page, summary_html(found)


def _timeline_as_long(audio, plan: dict):
    """The timeline's strip as long as the recording; what cannot be read is told at the run."""
    try:
        seconds = probe(audio).duration if audio else 0.0
    except (ValueError, OSError):
        seconds = 0.0
    if not 0.2 <= seconds <= limits.MAX_SPEECH:
        return gr.skip()
    latest = max((key["at"] for key in plan["keys"]), default=0.0)
    return {"keys": plan["keys"], "seconds": round(max(seconds, latest), 2)}


_OUTPUTS = ("stages", "clip", "motion", "report", "summary", "page", "box", "go", "stop")


def _update(**changed) -> tuple:
    return tuple(changed.get(name, gr.skip()) for name in _OUTPUTS)


def _shown(measure: bool):
    return _STAGES if measure else _STAGES[:-1]


def _idle() -> str:
    return note_html("Ready. The first clip takes some seconds more, while the models are loaded.")


def _unheard(stage: str, done: int, total: int | None) -> None:
    """A program asked: it only waits."""
