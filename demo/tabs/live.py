"""*Live*: speak into the microphone, and the portrait speaks along."""

from __future__ import annotations

import threading
from dataclasses import dataclass

import gradio as gr
import soundfile

from demo import limits
from demo.components.frame_player import FramePlayer, packed
from demo.components.media import PictureFile, SoundFile
from demo.components.stages import note_html
from demo.components.va_pad import VAPad
from demo.live import LiveSession, Resampler
from demo.shared_models import pipeline
from demo.tabs.common import AT_ONCE, PORTRAIT, said
from demo.tabs.feelings import EMOTION, PAD, affect_of, named_emotion, only_chosen, ways_to_say
from gen.conditioning import Affect

#: Seconds of sound that the browser sends at once.
_EVERY = 0.3


@dataclass
class _Talk:
    """One visitor's session, and how many parcels of its frames were sent."""

    session: LiveSession
    resampler: Resampler | None = None
    parcels: int = 0
    failed: bool = False


_talks: dict[str, _Talk] = {}
_changing = threading.Lock()


def live_tab() -> None:
    """Draw the tab."""
    with gr.Row(elem_classes="split live"):
        with gr.Column(scale=5, min_width=300):
            with gr.Column(elem_classes="card", min_width=0):
                gr.HTML("<h2><i>1</i>Portrait</h2>")
                portrait = PictureFile(PORTRAIT, "Portrait", height=200, show_label=False)
            with gr.Column(elem_classes="card", min_width=0):
                gr.HTML("<h2><i>2</i>Speak</h2>")
                microphone = SoundFile(
                    label="Microphone", sources=["microphone"], streaming=True,
                    show_label=False, elem_id="live-microphone",
                )  # fmt: skip
            with gr.Column(elem_classes="card", min_width=0):
                gr.HTML("<h2><i>3</i>Feel, while you speak</h2>")
                feeling = _feeling_controls()
            with gr.Accordion("Settings", open=False, elem_classes="card"):
                size = gr.Dropdown([256, 384, 512], value=384, label="Longer side, pixels")
            gr.HTML(
                '<p class="consent">The portrait follows you by half a second to a second. '
                f"One visitor talks at a time, for {limits.MAX_LIVE // 60} minutes at most. Sound "
                "is used as it comes and is not kept. It is not played back: that would "
                "echo.</p>"
            )
        with gr.Column(scale=6, min_width=300):
            status = gr.HTML(_idle(), apply_default_css=False, elem_id="live-status")
            player = FramePlayer(elem_id="player")

    asked = [portrait, size, *feeling]
    microphone.start_recording(
        _begin, asked, status, show_progress="hidden", api_visibility="private"
    )
    microphone.stream(
        _talk, microphone, [player, status], stream_every=_EVERY, time_limit=limits.MAX_LIVE,
        concurrency_limit=1, concurrency_id="live", show_progress="hidden",
        api_visibility="private",
    )  # fmt: skip
    microphone.stop_recording(_end, None, [player, status], **AT_ONCE)


def _feeling_controls() -> list:
    """Draw what changes the feeling of who is speaking, in the order of :func:`_affect`'s
    arguments."""
    mode = ways_to_say(EMOTION, PAD)
    with gr.Column(elem_classes="panel", min_width=0) as by_name:
        emotion, intensity = named_emotion("neutral")
    with gr.Column(visible=False, elem_classes="panel", min_width=0) as by_place:
        pad = VAPad((0.0, 0.0), elem_id="live-pad")
    only_chosen(mode, {EMOTION: by_name, PAD: by_place})
    feeling = [mode, emotion, intensity, pad]
    gr.on(
        [mode.change, emotion.change, intensity.release, pad.release], _feel, feeling, None,
        **AT_ONCE,
    )  # fmt: skip
    return feeling


@said
def _begin(portrait, size, mode, emotion, intensity, pad, request: gr.Request) -> str:
    """The microphone is on: the portrait is fitted while the first words are lost."""
    with _changing:
        before = _talks.pop(request.session_hash, None)
    if before is not None:
        before.session.close()
    path = limits.checked_picture(portrait)
    affect = _affect(mode, emotion, intensity, pad)
    session = LiveSession(pipeline(), path, affect, int(size), limits.MAX_LIVE)
    _talks[request.session_hash] = _Talk(session)
    return note_html("Fitting the face …")


@said
def _talk(sound, request: gr.Request):
    """One piece of sound in, the frames that are ready out."""
    talk = _talks.get(request.session_hash)
    if sound is None or talk is None or talk.failed:
        return gr.skip(), gr.skip()
    samples, rate = soundfile.read(sound, dtype="float32", always_2d=True)
    if talk.resampler is None or talk.resampler.rate != rate:
        talk.resampler = Resampler(rate)
    try:
        talk.session.hear(talk.resampler(samples))
    except Exception:
        talk.failed = True  # it is said once
        raise
    note = "Live: speak." if talk.session.ready else "Fitting the face …"
    if talk.session.late:
        note = "Live, but this machine is slower than speech: parts of it are left out."
    return _parcel(talk), note_html(note)


def _parcel(talk: _Talk):
    frames = talk.session.frames()
    if not frames:
        return gr.skip()
    talk.parcels += 1
    return packed(frames, talk.parcels)


def _feel(mode, emotion, intensity, pad, request: gr.Request) -> None:
    talk = _talks.get(request.session_hash)
    if talk is not None:
        talk.session.affect.target = _affect(mode, emotion, intensity, pad)


def _affect(mode, emotion, intensity, pad) -> Affect:
    return affect_of(mode, emotion, intensity, pad, None, {}) or Affect()


def _end(request: gr.Request):
    """The last frames, when the microphone is off."""
    talk = _talks.pop(request.session_hash, None)
    if talk is None:
        return gr.skip(), _idle()
    talk.session.close()
    return _parcel(talk), _idle()


def leave(request: gr.Request) -> None:
    """A visitor closed the page."""
    _end(request)


def _idle() -> str:
    return note_html("Press record, allow the microphone, and speak.")
