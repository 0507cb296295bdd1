"""``facewright demo``: the page in a browser."""

from __future__ import annotations

import typer

from demo.checks import in_range


def run(host: str, port: int, share: bool) -> None:
    """See ``facewright demo --help``."""
    in_range(port, 1, 65535, "--port")
    typer.echo("loading …", err=True)
    from demo.app import serve

    serve(host, port, share)
