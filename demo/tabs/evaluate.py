"""*Evaluate*: clips of any system, measured; the report in the page."""

from __future__ import annotations

import json as jsonlib
from collections.abc import Iterator
from pathlib import Path

import gradio as gr

from demo import limits
from demo.components.media import PictureFile
from demo.components.stages import note_html, stages_html
from demo.jobs import Job
from demo.tabs.common import for_programs, framed, said, scratch, start_and_stop
from gen.clip import ProgressHook
from gen.conditioning import Affect
from recognizer.facs import EMOTIONS
from recognizer.report import render

_NOTHING = "nothing"
_STAGES = (
    ("Clips", ("starting", "measuring")),
    ("Portrait", ("looking at portraits",)),
    ("Comparison", ("comparing", "comparing pictures")),
    ("Report", ("writing",)),
)


def evaluate_tab(last_clip: gr.Video) -> None:
    """Draw the tab; ``last_clip`` is where *Create* shows its clip."""
    with gr.Row(elem_classes="split"):
        with gr.Column(scale=4, min_width=300):
            with gr.Column(elem_classes="card", min_width=0):
                gr.HTML("<h2><i>1</i>Clips</h2>")
                clips = gr.File(
                    label="Clips to measure",
                    file_count="multiple",
                    file_types=["video"],
                    height=150,
                    elem_id="clips",
                )
                mine = gr.Button("Take the clip that I created", size="sm", elem_id="take-clip")
            with gr.Column(elem_classes="card", min_width=0):
                gr.HTML("<h2><i>2</i>What belongs to them, if known</h2>")
                references = gr.File(
                    label="Real clips (the same names pair them)",
                    height=150,
                    file_count="multiple",
                    file_types=["video"],
                )
                with gr.Row():
                    emotion = gr.Dropdown(
                        [_NOTHING, *EMOTIONS],
                        value=_NOTHING,
                        label="Emotion asked for",
                        min_width=140,
                    )
                    intensity = gr.Slider(0, 1, 0.8, step=0.05, label="Intensity", min_width=140)
                portrait = PictureFile(label="Portrait of the person", height=180)
            with gr.Row(elem_classes="actions"):
                go = gr.Button("Evaluate", variant="primary", scale=3, elem_id="evaluate")
                stop = gr.Button("Stop", variant="stop", scale=1, interactive=False)
        with gr.Column(scale=7, min_width=300):
            stages = gr.HTML(_idle(), apply_default_css=False, elem_id="evaluate-stages")
            page = gr.HTML(apply_default_css=False, elem_id="evaluation")
            with gr.Row(elem_classes="downloads"):
                report = gr.DownloadButton("Report (.html)", interactive=False)
                figures = gr.DownloadButton(
                    "Figures (.json)", interactive=False, elem_id="figures-json"
                )

    mine.click(_taken, last_clip, clips, show_progress="hidden", api_visibility="private")
    inputs = [clips, references, emotion, intensity, portrait]
    outputs = [stages, page, report, figures, go, stop]
    start_and_stop(go, stop, _run, inputs, outputs, [stages, go, stop])
    for_programs("evaluate", evaluate, inputs, [report, figures])


@said
def evaluate(clips, references, emotion, intensity, portrait) -> Iterator[tuple]:
    """The report as HTML, its figures as JSON."""
    requests, real = _requests(clips, references, emotion, intensity, portrait)
    with scratch() as name:
        yield _measured(requests, real, Path(name), lambda *_: None)[1:]


@said
def _run(*inputs) -> Iterator[tuple]:
    """The same, told step by step."""
    requests, real = _requests(*inputs)
    skip, off, on = gr.skip(), gr.update(interactive=False), gr.update(interactive=True)
    yield stages_html(_STAGES, None), "", off, off, off, on
    with scratch() as name:
        with Job(lambda hook: _measured(requests, real, Path(name), hook)) as job:
            for now in job.progress():
                yield (stages_html(_STAGES, now), *[skip] * 5)
            page, report, figures = job.result()
        yield (
            stages_html(_STAGES, None), framed(page),
            gr.update(value=report, interactive=True), gr.update(value=figures, interactive=True),
            on, off,
        )  # fmt: skip


def _measured(requests, real, folder: Path, hook: ProgressHook) -> tuple[str, str, str]:
    """The report's page, and it and the figures as files in a folder."""
    from recognizer.evaluate import evaluate as measure

    found = measure(requests, real, progress=hook)
    hook("writing", 0, None)
    page = render(found, "Facewright evaluation")
    report, figures = folder / "facewright_report.html", folder / "facewright_figures.json"
    report.write_text(page, encoding="utf-8")
    figures.write_text(jsonlib.dumps(found.to_json(), indent=2), encoding="utf-8")
    return page, str(report), str(figures)


def _requests(clips, references, emotion, intensity, portrait):
    """What is measured against what.

    Raises:
        ValueError: there is no clip, there are too many, or one is unusable.
    """
    from gen.asked import asked_of
    from recognizer.evaluate import ClipRequest

    clips, references = clips or [], references or []
    if not clips:
        raise ValueError("there is no clip yet: upload one, or take the one that you created")
    if len(clips) + len(references) > limits.MAX_CLIPS:
        raise ValueError(f"at most {limits.MAX_CLIPS} films are compared here at once")
    made = [limits.checked_film(path) for path in clips]
    real = [limits.checked_film(path) for path in references]
    face = None if portrait is None else limits.checked_picture(portrait)
    asked = None
    if emotion != _NOTHING:
        intensity = limits.number(intensity, "the intensity")
        asked = asked_of(Affect.emotion(emotion, intensity), f"{emotion}:{intensity:g}")
    paired = {path.stem: path for path in real}
    if len(made) == len(real) == 1:
        paired = {made[0].stem: real[0]}
    requests = [ClipRequest(c, paired.get(c.stem), portrait=face, asked=asked) for c in made]
    return requests, real


def _taken(clip: str | None) -> list[str]:
    if clip is None:
        raise gr.Error("There is no clip yet: create one first.", title="Not done",
                       print_exception=False)  # fmt: skip
    return [clip]


def _idle() -> str:
    return note_html("Ready. Clips of any system are welcome, real ones too.")
