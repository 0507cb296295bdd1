"""The controls of a feeling, and what they ask of the face."""

from __future__ import annotations

import functools
import operator
from dataclasses import dataclass
from html import escape

import gradio as gr

from demo.components.au_board import AUBoard
from demo.components.curves import curves_svg
from demo.components.timeline import Timeline
from demo.components.va_pad import VAPad
from demo.limits import number
from demo.tabs.common import AT_ONCE
from gen.conditioning import Affect
from recognizer.facs import EMOTIONS

EMOTION, PAD, TIMELINE, WORDS = "Emotion", "Valence-arousal", "Over time", "From the words"


@dataclass
class FeelingControls:
    """The components, and those whose change changes the face."""

    mode: gr.Radio
    emotion: gr.Radio
    intensity: gr.Slider
    pad: VAPad
    timeline: Timeline
    units: AUBoard

    @property
    def inputs(self) -> list:
        """In the order of :func:`affect_of`'s arguments."""
        return [self.mode, self.emotion, self.intensity, self.pad, self.timeline, self.units]


def feeling_controls() -> FeelingControls:
    """Draw the controls; only those of the chosen way are seen."""
    mode = ways_to_say(EMOTION, PAD, TIMELINE, WORDS)
    with gr.Column(visible=True, elem_classes="panel", min_width=0) as by_name:
        emotion, intensity = named_emotion("happiness")
    with gr.Column(visible=False, elem_classes="panel", min_width=0) as by_place:
        pad = VAPad((0.5, 0.3), elem_id="va-pad")
    with gr.Column(visible=False, elem_classes="panel", min_width=0) as by_time:
        timeline = Timeline(elem_id="timeline")
        curves = gr.HTML(elem_classes="curve-box", apply_default_css=False)
    with gr.Column(visible=False, elem_classes="panel", min_width=0) as by_words:
        gr.HTML(
            '<p class="hint">Each typed sentence shows what it speaks of: “I am so glad!” smiles, '
            "“My dog died.” does not. For recordings choose another way.</p>"
        )
    with gr.Accordion("Action units, added on top", open=False):
        units = AUBoard(elem_id="au-board")
    only_chosen(mode, {EMOTION: by_name, PAD: by_place, TIMELINE: by_time, WORDS: by_words})

    def drawn(plan: dict) -> str:
        if not plan["keys"]:
            return ""
        try:
            return curves_svg(Affect.timeline(plan["keys"]), plan["seconds"])
        except ValueError as error:
            return f'<p class="hint">{escape(str(error))}</p>'

    gr.on(
        [timeline.release, timeline.change, mode.change], drawn, timeline, curves,
        trigger_mode="always_last", **AT_ONCE,
    )  # fmt: skip
    return FeelingControls(mode, emotion, intensity, pad, timeline, units)


def ways_to_say(*ways: str) -> gr.Radio:
    """Draw the choice between ways to say what is felt; the first one is chosen."""
    return gr.Radio(
        list(ways), value=ways[0], label="How to say what is felt", show_label=False,
        container=False, elem_classes="segmented",
    )  # fmt: skip


def named_emotion(value: str) -> tuple[gr.Radio, gr.Slider]:
    """Draw the eight emotions and an intensity."""
    emotion = gr.Radio(
        list(EMOTIONS), value=value, label="Emotion", show_label=False, container=False,
        elem_classes="chips",
    )  # fmt: skip
    intensity = gr.Slider(0, 1, 0.8, step=0.05, label="Intensity", elem_classes="plain")
    return emotion, intensity


def only_chosen(mode: gr.Radio, panels: dict[str, gr.Column]) -> None:
    """Show the panel of the chosen way, and no other."""
    mode.change(
        lambda chosen: [gr.update(visible=way == chosen) for way in panels],
        mode, list(panels.values()), **AT_ONCE,
    )  # fmt: skip


def affect_of(mode, emotion, intensity, pad, timeline, units) -> Affect | None:
    """What the controls ask for; None where the words shall say it, and no action unit is asked.

    Raises:
        ValueError: an unknown name or a value out of range.
    """
    parts = []
    if mode == EMOTION:
        parts.append(Affect.emotion(emotion, number(intensity, "the intensity")))
    elif mode == PAD:
        parts.append(Affect.valence_arousal(*pad))
    elif mode == TIMELINE:
        if not timeline["keys"]:
            raise ValueError("the timeline is empty: add a keyframe, or choose an emotion")
        parts.append(Affect.timeline(timeline["keys"]))
    elif mode != WORDS:
        raise ValueError(f"unknown way to say what is felt: {mode!r:.40}")
    if units:
        parts.append(Affect.action_units(units))
    return functools.reduce(operator.add, parts) if parts else None


def named(mode, emotion, intensity, pad, timeline, units) -> str:
    """What is asked for in a few words, for a report."""
    name = {
        EMOTION: f"{emotion}:{intensity:g}",
        PAD: f"valence {pad[0]:+.2f}, arousal {pad[1]:+.2f}",
        TIMELINE: f"a timeline of {len(timeline['keys'])} keyframes",
        WORDS: "what the words say",
    }[mode]
    extra = ", ".join(f"{au}={value:g}" for au, value in units.items())
    return f"{name}, {extra}" if extra else name
