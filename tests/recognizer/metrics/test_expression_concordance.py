"""Asked against shown: figures by hand and by scikit-learn, torchmetrics and SciPy."""

import numpy as np
import pytest
from scipy import stats
from sklearn.metrics import accuracy_score, balanced_accuracy_score, f1_score, mean_squared_error

from recognizer.facs import EMOTIONS
from recognizer.metrics.emotion import EmotionAccuracy, emotion_accuracy, emotion_confusion
from recognizer.metrics.expression import (
    ActionUnitConcordance,
    ActionUnitError,
    ValenceArousalConcordance,
    action_unit_concordance,
    action_unit_error,
    valence_arousal_concordance,
)

NAMES = ("AU04", "AU12", "AU15", "AU25")


@pytest.fixture(scope="module")
def curves():
    rng = np.random.default_rng(0)
    asked = np.clip(rng.normal(1, 1.5, (200, 4)), 0, 5)
    return np.clip(asked + rng.normal(0, 0.7, asked.shape), 0, 5), asked


@pytest.fixture(scope="module")
def emotions():
    rng = np.random.default_rng(1)
    labels = rng.integers(0, 8, 300)
    shown = rng.dirichlet(np.ones(8), 300) + 0.3 * np.eye(8)[labels]
    return shown / shown.sum(1, keepdims=True), labels


def test_frames_are_sklearns(emotions):
    shown, labels = emotions
    confusion, unread = emotion_confusion(shown, labels, "frame")
    found = emotion_accuracy(confusion)
    guess = shown.argmax(1)
    assert found["accuracy"] == pytest.approx(accuracy_score(labels, guess))
    assert found["macro"] == pytest.approx(balanced_accuracy_score(labels, guess))
    assert list(found["f1"].values()) == pytest.approx(f1_score(labels, guess, average=None))
    assert (found["n"], unread) == (300, 0)


def test_clips_are_judged_by_their_mean():
    shown = np.full((5, 8), 0.05)
    shown[:, EMOTIONS.index("anger")] = (0.9, 0.1, 0.1, 0.2, np.nan)
    shown[:, EMOTIONS.index("fear")] = 0.4
    assert emotion_confusion(shown, "anger", "clip")[0][4, 6] == 1  # .325 against .4
    assert emotion_confusion(shown[:1], "anger", "clip")[0][4, 4] == 1
    frames, unread = emotion_confusion(shown, "anger", "frame")
    assert (frames[4, 4], frames[4, 6], unread) == (1, 3, 1)


def test_curves_of_emotions():
    """Neutral, then happiness rising; nothing is asked in the last two frames."""
    asked = np.zeros((8, 8))
    asked[:, 0], asked[3:, 1] = 0.5, 0.8
    asked[6:] = np.nan
    shown = np.eye(8)[[0, 0, 2, 1, 1, 1, 5, 5]]
    confusion, _ = emotion_confusion(shown, asked, "frame")
    assert (confusion[0, 0], confusion[0, 2], confusion[1, 1], confusion.sum()) == (2, 1, 3, 6)
    labels = np.array([0, 0, 0, 1, 1, 1, -1, -1])
    assert np.array_equal(emotion_confusion(shown, labels, "frame")[0], confusion)
    assert emotion_confusion(shown, labels, "clip")[0].sum() == 2
    lost = np.where(labels[:, None] == 1, np.nan, shown)
    assert emotion_confusion(lost, labels, "clip")[1] == 1


def test_bad_questions():
    shown = np.full((3, 8), 1 / 8)
    for asked, match in (("joy", "'joy'"), (np.zeros(4), "3 frames"), (np.zeros((3, 7)), "3, 7")):
        with pytest.raises(ValueError, match=match):
            emotion_confusion(shown, asked)
    with pytest.raises(ValueError, match="level"):
        emotion_confusion(shown, 1, "video")
    with pytest.raises(ValueError, match="emotions must be"):
        emotion_confusion(shown[:, :7], 1)


def test_emotion_class(emotions, needs_torchmetrics):
    shown, labels = emotions
    parts = [EmotionAccuracy("frame"), EmotionAccuracy("frame")]
    for i in range(0, 300, 50):
        parts[i // 50 % 2].update(shown[i : i + 50], labels[i : i + 50])
    parts[0].merge_state(parts[1])
    found = parts[0].compute()
    assert found["accuracy"] == pytest.approx(accuracy_score(labels, shown.argmax(1)))
    clips = EmotionAccuracy()
    clips.update(shown[labels == 3], "sadness")
    clips.update(np.full((4, 8), np.nan), "fear")
    found = clips.compute()
    assert (found["accuracy"], found["n"], found["unread"]) == (1, 1, 1)
    assert np.isnan(found["per_class"]["fear"])


def test_action_units(curves, needs_torchmetrics):
    import torch
    from torchmetrics.functional.regression import concordance_corrcoef

    shown, asked = curves
    found = action_unit_concordance(shown, asked, NAMES, threshold=2.0)
    theirs = concordance_corrcoef(torch.tensor(shown), torch.tensor(asked)).numpy()
    assert list(found["ccc"].values()) == pytest.approx(theirs, rel=0.01)
    for i, name in enumerate(NAMES):
        # ICC(3,1) of two raters: twice the covariance over the sum of variances.
        covariance = np.cov(shown[:, i], asked[:, i])
        assert found["icc"][name] == pytest.approx(2 * covariance[0, 1] / np.trace(covariance))
        assert found["f1"][name] == pytest.approx(f1_score(asked[:, i] >= 2, shown[:, i] >= 2))
    assert found["mean"]["f1"] == pytest.approx(np.mean(list(found["f1"].values())))
    assert found["undefined"] == {"ccc": [], "icc": [], "f1": []} and found["frames"] == 200


def test_units_that_never_vary_are_named_not_averaged(curves):
    shown, asked = (c.copy() for c in curves)
    asked[:, 2] = 0
    shown[:, 3] = 0
    found = action_unit_concordance(shown, asked, NAMES)
    assert found["undefined"] == {"ccc": ["AU15"], "icc": ["AU15"], "f1": ["AU15"]}
    assert np.isnan(found["ccc"]["AU15"]) and found["ccc"]["AU25"] == 0
    assert found["mean"]["ccc"] == pytest.approx(
        np.mean([found["ccc"][n] for n in ("AU04", "AU12", "AU25")])
    )


def test_only_what_was_asked_counts(curves):
    shown, asked = curves
    some = action_unit_concordance(shown, {"AU12": asked[:, 1]}, NAMES)
    assert some["ccc"]["AU12"] == action_unit_concordance(shown, asked, NAMES)["ccc"]["AU12"]
    assert some["undefined"]["ccc"] == ["AU04", "AU15", "AU25"]
    with pytest.raises(ValueError, match="AU99"):
        action_unit_concordance(shown, {"AU99": asked[:, 1]}, NAMES)
    with pytest.raises(ValueError, match="AU12 must be"):
        action_unit_concordance(shown, {"AU12": asked[:5, 1]}, NAMES)
    with pytest.raises(ValueError, match="200, 24"):
        action_unit_concordance(shown, asked)


def test_valence_and_arousal(curves):
    shown, asked = (c[:, :2] / 2.5 - 0.6 for c in curves)
    found = valence_arousal_concordance(shown, asked)
    for i, name in enumerate(("valence", "arousal")):
        s, a = shown[:, i], asked[:, i]
        assert found[name]["pearson"] == pytest.approx(stats.pearsonr(s, a).statistic)
        assert found[name]["rmse"] == pytest.approx(mean_squared_error(a, s) ** 0.5)
        assert found[name]["sagr"] == pytest.approx(accuracy_score(np.sign(a), np.sign(s)))
    constant = valence_arousal_concordance(shown, {"valence": np.full(200, 0.4)})
    assert np.isnan(constant["valence"]["ccc"]) and np.isnan(constant["arousal"]["rmse"])
    assert constant["mean"]["rmse"] == constant["valence"]["rmse"]


def test_pooled_classes(curves, needs_torchmetrics):
    shown, asked = curves
    units = [ActionUnitConcordance(NAMES, 2.0), ActionUnitConcordance(NAMES, 2.0)]
    affect = ValenceArousalConcordance()
    for i in range(0, 200, 40):
        units[i // 40 % 2].update(shown[i : i + 40], asked[i : i + 40])
        affect.update(shown[i : i + 40, :2], {"valence": asked[i : i + 40, 0]})
    units[0].merge_state(units[1])
    found = units[0].compute()
    assert found["f1"] == action_unit_concordance(shown, asked, NAMES, 2.0)["f1"]
    assert found["mean"]["ccc"] == pytest.approx(
        action_unit_concordance(shown, asked, NAMES)["mean"]["ccc"]
    )
    wanted = valence_arousal_concordance(shown[:, :2], {"valence": asked[:, 0]})
    assert affect.compute()["valence"] == wanted["valence"]


def test_halves_of_the_face(curves, needs_torchmetrics):
    made, real = curves
    found = action_unit_error(made, real, NAMES)
    errors = [mean_squared_error(real[:, i], made[:, i]) for i in range(4)]
    assert found["aue_u"] == pytest.approx(errors[0])
    assert found["aue_l"] == pytest.approx(sum(errors[1:]))
    assert np.isnan(action_unit_error(made[:, 1:], real[:, 1:], NAMES[1:])["aue_u"])
    metric = ActionUnitError(names=NAMES)
    metric.update(made, real)
    metric.update(real, real)
    assert metric.compute()["aue_l"]["value"] == pytest.approx(found["aue_l"] / 2)
