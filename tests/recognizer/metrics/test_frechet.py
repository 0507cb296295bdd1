"""Distances of sets against closed forms, SciPy's matrix root and scikit-learn's kernel."""

import numpy as np
import pytest
from scipy.linalg import sqrtm
from scipy.stats import ortho_group
from sklearn.metrics.pairwise import polynomial_kernel

from recognizer.metrics.frechet import (
    bootstrap_distance,
    delta_frechet_distance,
    expression_frechet_distance,
    expression_kernel_distance,
    frechet_distance,
    kernel_distance,
    load_coefficients,
    real_floor,
    shuffled_in_time,
    trajectory_frechet_distance,
    windows,
)


@pytest.fixture(scope="module")
def sets():
    rng = np.random.default_rng(0)
    return rng.normal(size=(300, 6)) @ rng.normal(size=(6, 6)), rng.normal(0.3, 1.5, (200, 6))


@pytest.fixture(scope="module")
def clips():
    """Slow waves of four coefficients with random phases."""
    rng = np.random.default_rng(1)
    time = np.arange(120)[:, None]
    return [np.sin(time * (0.1, 0.15, 0.2, 0.25) + rng.uniform(0, 6.3, 4)) for _ in range(12)]


def test_frechet_is_fids(sets):
    a, b = sets
    first, second = np.cov(a.T), np.cov(b.T)
    root = sqrtm(first @ second).real
    wanted = ((a.mean(0) - b.mean(0)) ** 2).sum() + np.trace(first + second - 2 * root)
    assert frechet_distance(a, b) == pytest.approx(wanted)
    assert frechet_distance(b, a) == pytest.approx(wanted)
    assert frechet_distance(a, a) == pytest.approx(0, abs=1e-6)


def test_frechet_in_closed_form():
    """Covariances with common axes: Σ (σ₁ − σ₂)² and the distance of the means."""
    axes = ortho_group.rvs(4, random_state=0)
    whitened = np.random.default_rng(2).normal(size=(500, 4))
    whitened -= whitened.mean(0)
    whitened = whitened @ np.linalg.inv(np.linalg.cholesky(np.cov(whitened.T))).T
    one, two = np.array([1.0, 2, 3, 0]), np.array([2.0, 2, 1, 0])  # one axis never varies
    a, b = whitened * one @ axes.T, whitened * two @ axes.T + (3, 0, 0, 4)
    assert frechet_distance(a, b) == pytest.approx(((one - two) ** 2).sum() + 25)


def test_kernel_by_scikit_learn(sets):
    a, b = sets[0][:40], sets[1][:30]
    k = [polynomial_kernel(x, y, degree=3, gamma=1 / 6, coef0=1) for x, y in ((a, a), (b, b))]
    within = [m[~np.eye(len(m), dtype=bool)].mean() for m in k]
    across = polynomial_kernel(a, b, degree=3, gamma=1 / 6, coef0=1).mean()
    assert kernel_distance(a, b) == pytest.approx(sum(within) - 2 * across)


def test_kernel_is_unbiased_where_frechet_is_not():
    rng = np.random.default_rng(3)
    pairs = [rng.normal(size=(2, 60, 8)) for _ in range(60)]
    kernel = [kernel_distance(*pair) for pair in pairs]
    assert abs(np.mean(kernel)) < 3 * np.std(kernel) / np.sqrt(60)
    assert min(frechet_distance(*pair) for pair in pairs) > 0.3


def test_kernel_of_subsets(sets):
    rng = np.random.default_rng(4)
    a, b = rng.normal(size=(1200, 5)), rng.normal(0.5, 1, (1200, 5))
    whole = kernel_distance(a, b, subset=1200)
    assert kernel_distance(a, b, subset=300, subsets=20) == pytest.approx(whole, rel=0.1)


def test_bad_features(sets):
    with pytest.raises(ValueError, match="6 and 5 columns"):
        frechet_distance(sets[0], sets[1][:, :5])
    with pytest.raises(ValueError, match="6 and 5 columns"):
        kernel_distance(sets[0], sets[1][:, :5])
    with pytest.raises(ValueError, match=r"\[N, D\]"):
        frechet_distance(sets[0][0], sets[1])
    with pytest.raises(ValueError, match="no clips"):
        expression_frechet_distance([], [sets[0]])
    assert np.isnan(frechet_distance(sets[0][:1], sets[1]))


def test_frames_of_clips(clips):
    found = expression_frechet_distance(clips[:5], clips[5:])
    assert found == frechet_distance(np.concatenate(clips[:5]), np.concatenate(clips[5:]))
    lost = [np.concatenate([c[:60], np.full((3, 4), np.nan), c[60:]]) for c in clips[:5]]
    assert expression_frechet_distance(lost, clips[5:]) == pytest.approx(found)
    assert expression_kernel_distance(clips, clips[:6]) < 0.05


def test_only_motion_measures_see_shuffling(clips):
    shuffled = shuffled_in_time(clips[:6])
    assert sorted(shuffled[0][:, 0]) == sorted(clips[0][:, 0])
    still = expression_frechet_distance(clips[:6], clips[6:])
    assert expression_frechet_distance(shuffled, clips[6:]) == pytest.approx(still)
    for distance in (delta_frechet_distance, trajectory_frechet_distance):
        real = distance(clips[:6], clips[6:])
        assert distance(shuffled, clips[6:]) > 5 * real


def test_windows(clips):
    cut = windows([clips[0], clips[1][:30], clips[2][:10]], length=25, stride=5)
    assert cut.shape == (20 + 2, 100)
    assert np.array_equal(cut[1], clips[0][5:30].ravel())
    assert np.isnan(trajectory_frechet_distance([clips[0][:10]], clips))


def test_trajectories_by_singular_vectors(clips):
    ours, theirs = windows(clips[:4], 10, 5), windows(clips[4:], 10, 5)
    axes = np.linalg.svd(theirs - theirs.mean(0), full_matrices=False)[2][:6].T
    wanted = frechet_distance(ours @ axes, theirs @ axes)
    found = trajectory_frechet_distance(clips[:4], clips[4:], 10, 5, 6)
    assert found == pytest.approx(wanted, rel=1e-6)


def test_floor_and_interval(clips):
    floor = real_floor(clips)
    assert 0 < floor["low"] <= floor["mean"] <= floor["high"]
    assert expression_frechet_distance([2 * c for c in clips], clips) > floor["high"]
    assert real_floor(clips[:3]) is None
    low, high = bootstrap_distance([2 * c for c in clips], clips, draws=40)
    assert low < expression_frechet_distance([2 * c for c in clips], clips) < high
    assert bootstrap_distance(clips[:1], clips) is None


def test_files_of_other_tools(tmp_path):
    table = np.random.default_rng(5).normal(size=(7, 64)).astype(np.float32)
    np.save(tmp_path / "a.npy", table)
    np.savez(tmp_path / "b.npz", exp=table, pose=table[:, :6])
    np.savez(tmp_path / "c.npz", exp=table)
    for args in (("a.npy",), ("b.npz", "exp"), ("c.npz",)):
        assert np.array_equal(load_coefficients(tmp_path / args[0], *args[1:]), table)
    with pytest.raises(ValueError, match=r"b\.npz holds exp, pose"):
        load_coefficients(tmp_path / "b.npz")
    np.save(tmp_path / "d.npy", table[0])
    np.save(tmp_path / "e.npy", np.array([{"a": 1}], dtype=object), allow_pickle=True)
    (tmp_path / "f.npz").write_bytes(b"PK\x03\x04 broken")
    for name in ("d.npy", "e.npy", "f.npz"):
        with pytest.raises(ValueError, match=name):
            load_coefficients(tmp_path / name)
    with pytest.raises(FileNotFoundError):
        load_coefficients(tmp_path / "none.npy")
