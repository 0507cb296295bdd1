"""``facewright inspect``: what a file says of how it was made."""

from __future__ import annotations

import json
from pathlib import Path

import typer

from demo.checks import readable


def run(media: Path, as_json: bool) -> None:
    """See ``facewright inspect --help``."""
    from gen.provenance import inspect

    found = inspect(readable(media, "file"))
    if as_json:
        typer.echo(json.dumps(found, indent=2))
        return
    told, signed, mark = found["metadata"], found["credentials"], found["watermark"]
    typer.echo(f"metadata     {_told(told) if told else 'says nothing of AI'}")
    typer.echo(f"credentials  {_signed(signed)}")
    state = "Facewright's" if mark["found"] else "none"
    typer.echo(f"watermark    {state} ({mark['score']:.1f} standard deviations)")


def _told(told: dict[str, str]) -> str:
    kind = told.get("digital_source_type", "").rsplit("/", 1)[-1]
    return ", ".join(filter(None, (kind, told.get("comment"))))


def _signed(signed: dict | None) -> str:
    if signed is None:
        return "none"
    if "unavailable" in signed:
        return f"not read: {signed['unavailable']}"
    kind = (signed["source_type"] or "").rsplit("/", 1)[-1]
    states = {
        "Invalid": "CHANGED since it was signed",
        "Valid": "unchanged, by a signer on no trust list",
        "Trusted": "unchanged, by a trusted signer",
    }
    state = states.get(signed["state"], signed["state"])
    return ", ".join(filter(None, (f"{signed['tool']} for {signed['signed_by']}", kind, state)))
