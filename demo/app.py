"""The demo as a web page: *Create*, *Recognize*, *Evaluate*, *Live*.

Nothing leaves the machine that serves it: no analytics, no fonts or scripts from elsewhere; what is
uploaded and made lies in a folder of its own, is deleted after an hour, and goes with the server.
"""

from __future__ import annotations

import contextlib
import io
import os
import shutil
import signal
import sys
import tempfile
import threading
from pathlib import Path

# Read when gradio is imported.
os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
os.environ.setdefault("HF_HUB_OFFLINE", "1")

import gradio as gr

from demo import limits
from demo.shared_models import pipeline
from demo.tabs.common import EXAMPLES
from demo.tabs.create import create_tab
from demo.tabs.evaluate import evaluate_tab
from demo.tabs.live import leave, live_tab
from demo.tabs.recognize import recognize_tab
from demo.warming import warm

STYLE = Path(__file__).with_name("style.css")
#: Seconds after which files are deleted, and between two looks for such files.
_KEPT, _SWEPT = 3600, 300


def build_app() -> gr.Blocks:
    """The page, ready for ``launch(**launch_options())`` or for mounting in another server."""
    with gr.Blocks(
        title="Facewright", analytics_enabled=False, delete_cache=(_SWEPT, _KEPT), fill_width=True
    ) as app:
        gr.HTML(
            '<header class="masthead"><h1>Facewright</h1><p>A portrait, a voice and a feeling '
            "become a clip; the same eye that reads feelings checks it.</p></header>"
        )
        with gr.Tabs(elem_id="tabs"):
            with gr.Tab("Create", id="create"):
                clip = create_tab()
            with gr.Tab("Recognize", id="recognize"):
                recognize_tab()
            with gr.Tab("Evaluate", id="evaluate"):
                evaluate_tab(clip)
            with gr.Tab("Live", id="live"):
                live_tab()
        app.unload(leave)
    return app.queue(
        max_size=limits.MAX_WAITING, default_concurrency_limit=limits.AT_ONCE, api_open=True
    )


def launch_options() -> dict:
    """What :meth:`gradio.Blocks.launch` needs to keep the page's looks and promises."""
    return {
        "theme": _theme(),
        "css": STYLE.read_text(encoding="utf-8"),
        "max_file_size": limits.MAX_UPLOAD,
        "allowed_paths": [str(EXAMPLES)],
        "footer_links": ["api"],
        "run_history": False,
        "show_error": True,
        "ssr_mode": False,
        "enable_monitoring": False,
        "quiet": True,
    }


def serve(host: str = "127.0.0.1", port: int = 7860, share: bool = False) -> None:
    """Serve the page until Ctrl-C.

    Args:
        host: address to listen at; ``0.0.0.0`` lets other machines in.
        port: 1 to 65535.
        share: also open a public address through gradio's relay, which sees what passes.

    Raises:
        ValueError: the port is taken, or the host is none of this machine's addresses.
    """
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))  # so that the folder goes then too
    folder = tempfile.mkdtemp(prefix="facewright-demo-")
    os.environ["GRADIO_TEMP_DIR"] = folder
    app = build_app()
    try:
        try:
            # What gradio prints of a relay that it cannot reach fills a screen.
            with contextlib.redirect_stdout(io.StringIO()):
                _, address, public = app.launch(
                    server_name=host, server_port=port, share=share, prevent_thread_lock=True,
                    **launch_options(),
                )  # fmt: skip
        except OSError as error:
            raise ValueError(f"cannot listen at {host}:{port}: choose another --port") from error
        print(f"Facewright's page: {address}", *([f"and {public}"] if public else []), flush=True)
        if share and not public:
            print(
                "No public address: gradio's relay cannot be reached from here. The page is open to"
                " whoever reaches this machine.", file=sys.stderr, flush=True,
            )  # fmt: skip
        # The first visitor need not wait for the models.
        threading.Thread(target=lambda: warm(pipeline()), name="loading", daemon=True).start()
        app.block_thread()
    finally:
        app.close()
        shutil.rmtree(folder, ignore_errors=True)


def _theme() -> gr.themes.Base:
    """Quiet greys and a sea green; fonts of the visitor's own system."""
    sans = ["system-ui", "-apple-system", "Segoe UI", "Roboto", "Helvetica Neue", "sans-serif"]
    mono = ["ui-monospace", "SF Mono", "Consolas", "monospace"]
    greys = gr.themes.Color(
        name="fog", c50="#f7f9fa", c100="#eef1f4", c200="#dfe4ea", c300="#c8d0d9", c400="#9aa7b5",
        c500="#6f7d8c", c600="#525f6d", c700="#3a4551", c800="#232c35", c900="#1a2129",
        c950="#141a21",
    )  # fmt: skip
    return gr.themes.Base(
        primary_hue="teal", secondary_hue="teal", neutral_hue=greys, font=sans, font_mono=mono,
        radius_size="md", spacing_size="md",
    ).set(
        body_background_fill="#f4f6f8",
        body_background_fill_dark="#11161c",
        block_background_fill="white",
        block_background_fill_dark="#1a2129",
        block_border_width="0px",
        block_shadow="none",
        block_label_background_fill="transparent",
        block_label_text_color="*body_text_color_subdued",
        background_fill_secondary_dark="#1a2129",
        border_color_primary="#dfe4ea",
        border_color_primary_dark="#2c3641",
        button_primary_background_fill="#17706f",
        button_primary_background_fill_hover="#125b5a",
        button_primary_background_fill_dark="#1d8584",
        button_primary_background_fill_hover_dark="#23999a",
        button_primary_text_color="white",
        slider_color="#17706f",
        slider_color_dark="#35b3ae",
        input_background_fill="#f7f9fa",
        input_background_fill_dark="#141a21",
    )  # fmt: skip
