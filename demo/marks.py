"""The options that say how a clip is marked."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from demo.checks import readable

if TYPE_CHECKING:
    from gen.credentials import Identity

Mark = Annotated[
    bool,
    typer.Option(
        "--mark/--no-mark", help="Say in metadata, pixels and signature that it is AI-generated."
    ),
]
Certificate = Annotated[
    Path | None, typer.Option(help="Your certificate (PEM) to sign with (extra c2pa).")
]
Key = Annotated[Path | None, typer.Option(help="Its private key (PEM).")]


def signer(mark: bool, certificate: Path | None, key: Path | None) -> Identity | None:
    """Who signs, if the options name somebody; without marks a warning is printed.

    Raises:
        ValueError: the options do not fit together, or the files or the extra cannot be used.
        FileNotFoundError: a file is missing.
    """
    if (certificate is None) != (key is None):
        raise ValueError("--certificate and --key go together")
    if not mark:
        if certificate is not None:
            raise ValueError("--no-mark leaves the signature out: --certificate has no use")
        typer.echo(
            "warning: without marks nobody can tell that this clip was generated; in many"
            " places the law asks you to say so",
            err=True,
        )
        return None
    if certificate is None:
        return None
    from gen.credentials import Identity, available

    if not available():
        raise ValueError("--certificate needs the extra: pip install 'facewright[c2pa]'")
    return Identity.load(readable(certificate, "certificate"), readable(key, "key"))
