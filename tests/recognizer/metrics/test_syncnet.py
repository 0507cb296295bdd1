"""SyncNet's input and layers against the published ones; random weights stand for the trained."""

import cv2
import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from scipy.signal import medfilt

from recognizer.metrics.sync import syncnet_scores
from recognizer.metrics.syncnet import RATE, SyncNet, _network, mfcc, syncnet_crops

#: Some tensors of syncnet_v2.model and their shapes.
PUBLISHED = {
    "netcnnaud.0.weight": (64, 1, 3, 3),
    "netcnnaud.4.weight": (192, 64, 3, 3),
    "netcnnaud.5.running_mean": (192,),
    "netcnnaud.8.weight": (384, 192, 3, 3),
    "netcnnaud.11.weight": (256, 384, 3, 3),
    "netcnnaud.14.weight": (256, 256, 3, 3),
    "netcnnaud.18.weight": (512, 256, 5, 4),
    "netcnnaud.19.num_batches_tracked": (),
    "netfcaud.0.weight": (512, 512),
    "netfcaud.1.running_var": (512,),
    "netfcaud.3.weight": (1024, 512),
    "netfclip.3.bias": (1024,),
    "netcnnlip.0.weight": (96, 3, 5, 7, 7),
    "netcnnlip.4.weight": (256, 96, 1, 5, 5),
    "netcnnlip.8.weight": (256, 256, 1, 3, 3),
    "netcnnlip.11.weight": (256, 256, 1, 3, 3),
    "netcnnlip.14.weight": (256, 256, 1, 3, 3),
    "netcnnlip.18.weight": (512, 256, 1, 6, 6),
    "netcnnlip.19.bias": (512,),
}


def test_cepstra_are_python_speech_features():
    """The eleventh row that version 0.6 prints for two tones of 16-bit sound."""
    t = np.arange(8000) / RATE
    found = mfcc(0.3 * np.sin(2 * np.pi * 440 * t) + 0.1 * np.sin(2 * np.pi * 2500 * t))
    assert found.shape == (49, 13)
    assert found[10] == pytest.approx(
        [20.9248, 8.4615, -18.7361, 17.6709, -19.4162, -64.167, -11.7255, 3.0231, -31.066,
         11.7265, 44.0048, 1.8924, 1.4538], abs=1e-4,
    )  # fmt: skip
    assert np.isfinite(mfcc(np.zeros(500))).all()
    with pytest.raises(ValueError, match="waveform"):
        mfcc(np.zeros(0))


def test_crops_follow_the_face():
    rng = np.random.default_rng(0)
    frames = rng.integers(0, 255, (15, 90, 120, 3), dtype=np.uint8)
    middle = 60 + rng.normal(0, 1, 15).cumsum()
    boxes = np.stack([middle - 20, np.full(15, 12), middle + 20, np.full(15, 70)], axis=1)
    crops = syncnet_crops(frames, boxes)
    assert crops.shape == (15, 224, 224, 3)
    half = medfilt(np.full(15, 29.0), 13)[7]
    x, y = medfilt(middle, 13)[7], medfilt(np.full(15, 41.0), 13)[7]
    edge = int(half * 1.8)
    grey = cv2.copyMakeBorder(frames[7], *[edge] * 4, cv2.BORDER_CONSTANT, value=(110,) * 3)
    face = grey[int(y + edge - half) : int(y + edge + 1.8 * half),
                int(x + edge - 1.4 * half) : int(x + edge + 1.4 * half)]  # fmt: skip
    assert np.array_equal(crops[7], cv2.resize(face, (224, 224)))
    with pytest.raises(ValueError, match="finite boxes"):
        syncnet_crops(frames, boxes * np.nan)


@pytest.fixture(scope="module")
def state():
    """Random weights with normalisation that does something."""
    state_rng = torch.get_rng_state()
    torch.manual_seed(0)
    network = _network()
    for layer in network.modules():
        if hasattr(layer, "running_mean"):
            torch.nn.init.uniform_(layer.running_mean, -0.1, 0.1)
            torch.nn.init.uniform_(layer.running_var, 0.5, 1.5)
    torch.set_rng_state(state_rng)
    return network.state_dict()


def test_layers_are_numbered_as_published(state):
    assert {name: tuple(state[name].shape) for name in PUBLISHED} == PUBLISHED
    # Twelve convolutions with normalisation, two heads of two layers with one.
    assert len(state) == 12 * (2 + 5) + 2 * (2 + 5 + 2)
    assert {name.split(".")[0] for name in state} == {
        "netcnnaud", "netfcaud", "netfclip", "netcnnlip",
    }  # fmt: skip


@pytest.fixture(scope="module")
def weights(state, tmp_path_factory):
    path = tmp_path_factory.mktemp("syncnet") / "weights.safetensors"
    save_file(state, path)
    return path


def test_embeddings_window_by_window(weights, state):
    """Each frame by itself: five pictures in BGR, twenty rows of cepstra."""
    rng = np.random.default_rng(1)
    faces = rng.integers(0, 255, (27, 224, 224, 3), dtype=np.uint8)
    sound = rng.normal(0, 0.1, 27 * 640)
    video, audio = SyncNet(weights)(faces, sound)
    assert video.shape == audio.shape == (22, 1024)
    network = _network().eval()
    network.load_state_dict(state)
    cepstra = mfcc(sound)
    for t in (0, 19, 20, 21):
        pixels = torch.tensor(faces[t : t + 5, :, :, ::-1].copy()).permute(3, 0, 1, 2)[None].float()
        rows = torch.tensor(cepstra[4 * t : 4 * t + 20].T.copy())[None, None].float()
        with torch.no_grad():
            lips = network["netfclip"](network["netcnnlip"](pixels).flatten(1))[0]
            voice = network["netfcaud"](network["netcnnaud"](rows).flatten(1))[0]
        assert video[t] == pytest.approx(lips.numpy(), abs=1e-3, rel=1e-3)
        assert audio[t] == pytest.approx(voice.numpy(), abs=1e-3, rel=1e-3)
    assert np.isfinite(list(syncnet_scores(video, audio, 5).values())).all()


def test_bad_pictures(weights):
    network = SyncNet(weights)
    with pytest.raises(ValueError, match="faces must be uint8"):
        network(np.zeros((9, 96, 96, 3), np.uint8), np.zeros(9000))
    with pytest.raises(ValueError, match="more than five frames"):
        network(np.zeros((9, 224, 224, 3), np.uint8), np.zeros(640 * 5))


def test_files(tmp_path, weights):
    with pytest.raises(FileNotFoundError):
        SyncNet(tmp_path / "none.safetensors")
    (tmp_path / "text.safetensors").write_text("not weights")
    save_file({"a.weight": torch.zeros(3)}, tmp_path / "other.safetensors")
    for name in ("text.safetensors", "other.safetensors"):
        with pytest.raises(ValueError, match=name.replace(".", r"\.")) as told:
            SyncNet(tmp_path / name)
        assert "\n" not in str(told.value)


def test_the_published_file_is_converted_by_what_the_message_says(tmp_path, monkeypatch, state):
    monkeypatch.chdir(tmp_path)
    torch.save(state, "syncnet_v2.model", _use_new_zipfile_serialization=False)  # as of 2018
    with pytest.raises(ValueError, match="published weights become one by") as told:
        SyncNet("syncnet_v2.model")
    program = str(told.value).split('python -c "')[1].rstrip('"')
    exec(program, {})
    assert SyncNet("syncnet_v2.safetensors")
