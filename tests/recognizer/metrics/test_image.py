"""Picture measures against their formulas, written out."""

import importlib.util

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter1d

from recognizer.metrics.extras import UnavailableError
from recognizer.metrics.image import PSNR_MAX, PerceptualDistance, psnr, ssim


def require(package):
    # Importing torchmetrics itself is part of what is tested.
    if importlib.util.find_spec(package) is None:
        pytest.skip("needs the extra eval")


@pytest.fixture(scope="module")
def pair(picture):
    """Two pictures and noisy ones of them, uint8 ``[2, 96, 128, 3]``."""
    target = np.stack([picture[100:196, 100:228], picture[140:236, 90:218]])
    noise = np.random.default_rng(0).normal(0, [[[[6.0]]], [[[20.0]]]], target.shape)
    return np.clip(target + noise, 0, 255).astype(np.uint8), target


def test_psnr(pair):
    require("torchmetrics")
    images, target = pair
    error = ((images.astype(float) - target) ** 2).mean((1, 2, 3))
    assert psnr(images, target) == pytest.approx(10 * np.log10(255**2 / error), abs=1e-3)
    assert psnr(target, target).tolist() == [PSNR_MAX] * 2


def test_ssim(pair):
    require("torchmetrics")
    images, target = pair
    wanted = [plain_ssim(a.astype(float), b.astype(float)) for a, b in zip(*pair, strict=True)]
    assert ssim(images, target) == pytest.approx(wanted, abs=1e-4)
    assert ssim(target[0], target[0]) == pytest.approx(1)


def plain_ssim(a, b):
    """Wang et al. 2004, equation 13, with the border mirrored."""

    def blur(x):
        for axis in (0, 1):
            x = gaussian_filter1d(x, 1.5, axis, radius=5, mode="mirror")
        return x

    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    ma, mb = blur(a), blur(b)
    va, vb, cov = blur(a * a) - ma**2, blur(b * b) - mb**2, blur(a * b) - ma * mb
    ratio = ((2 * ma * mb + c1) * (2 * cov + c2)) / ((ma**2 + mb**2 + c1) * (va + vb + c2))
    return ratio.mean()


@pytest.mark.parametrize("measure", [psnr, ssim])
def test_bad_stacks(measure, pair):
    require("torchmetrics")
    with pytest.raises(ValueError, match="two stacks"):
        measure(pair[0], pair[1][:1])
    with pytest.raises(ValueError, match="uint8"):
        measure(pair[0], pair[1] / 255)


def test_stlpips_tolerates_a_pixel_and_sees_a_blur(picture):
    require("stlpips_pytorch")
    distance = PerceptualDistance("stlpips")
    face = picture[100:228, 100:228]
    shifted = picture[100:228, 101:229]
    blurred = gaussian_filter1d(gaussian_filter1d(face.astype(float), 2, 0), 2, 1).astype(np.uint8)
    same, shift, blur = distance(np.stack([face, shifted, blurred]), np.stack([face] * 3))
    assert same == pytest.approx(0, abs=1e-6)
    assert 0 < 3 * shift < blur
    assert distance(face[:20, :40], blurred[:20, :40]).shape == (1,)  # enlarged by itself


def test_lpips_uses_the_backbone_at_hand(tmp_path, monkeypatch, picture):
    require("lpips")
    import torch

    from recognizer.metrics.extras import torchvision

    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    with pytest.raises(UnavailableError, match="alexnet-owt"):
        PerceptualDistance("lpips")
    folder = tmp_path / "hub" / "checkpoints"
    folder.mkdir(parents=True)
    torch.manual_seed(0)
    state = torchvision().models.alexnet().state_dict()
    torch.save(state, folder / "alexnet-owt-7be5be79.pth")
    distance = PerceptualDistance("lpips")
    assert torch.equal(distance._network.net.slice1[0].weight, state["features.0.weight"])
    face, other = picture[100:180, 100:180], picture[110:190, 130:210]
    assert distance(face, face) == pytest.approx(0, abs=1e-6)
    assert distance(face, other) == pytest.approx(distance(other, face)) and distance(face, other)


def test_unknown_kind():
    with pytest.raises(ValueError, match="'vgg'"):
        PerceptualDistance("vgg")
