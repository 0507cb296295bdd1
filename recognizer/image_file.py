"""Pictures into arrays, by Pillow."""

from __future__ import annotations

import io
import os
import threading
import warnings
from contextlib import suppress
from pathlib import Path

import numpy as np

from recognizer.files import existing

MAX_PIXELS = 200_000_000
#: What shows through transparent pictures.
BACKDROP = (240, 240, 240)
_pillow_limit = threading.Lock()


def read_image(path: str | os.PathLike) -> np.ndarray:
    """A picture as uint8 ``[H, W, 3]`` RGB, upright, in sRGB.

    EXIF rotation and embedded colour profiles are applied; grey, palette, 16-bit and CMYK pictures
    are converted; transparency shows :data:`BACKDROP`; an animation gives its first frame.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is no readable picture, or has more than :data:`MAX_PIXELS` pixels.
    """
    from PIL import Image, ImageOps, UnidentifiedImageError

    path = existing(path)
    try:
        with _open_image(path) as image:
            if image.width * image.height > MAX_PIXELS:
                raise Image.DecompressionBombError
            image.load()
            return _to_rgb(ImageOps.exif_transpose(image))
    except UnidentifiedImageError as error:
        raise ValueError(f"{path.name} is not a picture that can be read") from error
    except Image.DecompressionBombError as error:
        limit = MAX_PIXELS // 1_000_000
        raise ValueError(f"{path.name} is too large: more than {limit} megapixels") from error
    except PermissionError as error:
        raise ValueError(f"{path.name} may not be read: permission denied") from error
    except (OSError, SyntaxError, ValueError, EOFError, IndexError) as error:
        raise ValueError(f"{path.name} is a broken picture: {_one_line(error)}") from error


def is_image(path: str | os.PathLike) -> bool:
    """Whether a file's content is a still picture, whatever its name (an animated GIF is not).

    Raises:
        FileNotFoundError: there is no such file.
    """
    from PIL import Image

    try:
        with _open_image(existing(path)) as image:
            return not (image.format == "GIF" and image.is_animated)
    except Image.DecompressionBombError:
        return True
    except FileNotFoundError:
        raise
    except (OSError, SyntaxError, ValueError):
        return False


def _to_rgb(image) -> np.ndarray:
    from PIL import Image

    if image.mode.startswith("I") or image.mode == "F":
        return _deep_grey(np.asarray(image))
    if image.mode in ("RGBA", "LA", "PA", "RGBa", "La") or "transparency" in image.info:
        image = image.convert("RGBA")
        backdrop = Image.new("RGBA", image.size, (*BACKDROP, 255))
        composed = Image.alpha_composite(backdrop, image).convert("RGB")
        composed.info = image.info
        image = composed
    return np.array(_to_srgb(image).convert("RGB"))


def _deep_grey(values: np.ndarray) -> np.ndarray:
    """16-bit and floating-point grey ``[H, W]`` to uint8 ``[H, W, 3]``."""
    values = np.nan_to_num(values.astype(np.float32))
    top = 1.0 if values.max() <= 1 else 255.0 if values.max() <= 255 else 65535.0
    grey = np.clip(values * (255.0 / top) + 0.5, 0, 255).astype(np.uint8)
    return np.repeat(grey[..., None], 3, axis=2)


def _to_srgb(image):
    """Apply an embedded colour profile (phones save Display P3); an unusable one is ignored."""
    from PIL import ImageCms

    profile = image.info.get("icc_profile")
    if not profile or image.mode not in ("RGB", "CMYK", "L"):
        return image
    with suppress(ImageCms.PyCMSError, OSError):
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        image = ImageCms.profileToProfile(
            image, source, ImageCms.createProfile("sRGB"), outputMode="RGB"
        )
    return image


def _open_image(path: Path):
    """Pillow's own guard stops below what today's phones take: hold ours against it instead."""
    from PIL import Image

    with _pillow_limit, warnings.catch_warnings():
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        before, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, MAX_PIXELS
        try:
            return Image.open(path)
        finally:
            Image.MAX_IMAGE_PIXELS = before


def _one_line(error: Exception) -> str:
    return (str(error) or type(error).__name__).splitlines()[0]
