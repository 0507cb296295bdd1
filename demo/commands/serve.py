"""``facewright serve``: live talking portraits for other programs."""

from __future__ import annotations

import typer

from demo.checks import in_range

#: Connections beside the talks, before more are turned away.
_CALLERS = 64


def run(host: str, port: int, talks: int, seconds: float) -> None:
    """See ``facewright serve --help``."""
    in_range(port, 1, 65535, "--port")
    in_range(talks, 1, 64, "--talks")
    in_range(seconds, 1, 86_400, "--seconds")
    import uvicorn
    import websockets  # noqa: F401 - without it uvicorn would refuse every talk

    from demo.serve.app import Limits, build_server
    from demo.warming import warm
    from gen.pipeline import TalkingHeadPipeline

    typer.echo("loading models", err=True)
    limits = Limits(talks=talks, seconds=seconds)
    pipeline = TalkingHeadPipeline.from_pretrained()
    warm(pipeline)
    app = build_server(pipeline, limits)
    typer.echo(f"ws://{host}:{port}/talk", err=True)
    uvicorn.run(
        app, host=host, port=port, log_level="warning", ws_max_size=limits.portrait + 1024,
        ws_ping_interval=limits.idle, timeout_graceful_shutdown=5,
        limit_concurrency=talks + _CALLERS,
    )  # fmt: skip
