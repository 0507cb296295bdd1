"""Trials of the closed loop and its rivals, as figures."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from gen.bench.trials import Shown, Trial
from gen.loop.closed_loop import allowed, told_units
from gen.loop.controller import Errors, Seen, share_shown
from gen.loop.report import LoopReport
from recognizer.facs import AU_NAMES
from recognizer.metrics.sampling import bootstrap_interval


def loop_figures(trials: Sequence[Trial]) -> dict:
    """What a set of trials says.

    Returns:
        by way (see :class:`Trial`) the ``errors``: ``place`` (root mean square of valence and
        arousal), of action units that are told, mean absolute, ``asked_units`` (those that a clip
        was asked for), ``told_units`` (all, 0 being wanted of the others) and ``beyond_speech``
        (all, what the same words show without expression being wanted of the others), ``scores``
        (MediaPipe's) and the judge's two, each as a mean over clips ``open`` and by this way, the
        share of the open loop's that is ``lowered`` with its interval over clips, and the share of
        clips that is ``better``; the same shares by emotion, intensity and portrait; ``sync``:
        means and the largest loss; ``emotion``: mean probability of what was asked for; ``shown``:
        how much of the told action units that were asked for is shown. Beside them ``by_unit``:
        where the action units' errors are (see :func:`unit_figures`); ``by_pass``: the errors that
        the loop itself read of the best pass so far.
    """
    groups = {
        "by_emotion": lambda trial: trial.emotion,
        "by_intensity": lambda trial: f"{trial.intensity:.2f}",
        "by_portrait": lambda trial: trial.portrait,
    }
    report: dict = {"clips": len(trials), "told": list(trials[0].loop.told)}
    names = list(_errors(trials[0].shown["open"]))
    for way in list(trials[0].shown)[1:]:
        found: dict = {"errors": {name: _figure(trials, way, name) for name in names}}
        for title, key in groups.items():
            found[title] = {
                group: {n: _lowered([t for t in trials if key(t) == group], way, n) for n in names}
                for group in dict.fromkeys(map(key, trials))
            }
        pairs = [(trial.shown["open"], trial.shown[way]) for trial in trials]
        found["sync"] = {
            "open": _mean(one.sync for one, _ in pairs),
            way: _mean(one.sync for _, one in pairs),
            "largest_loss": round(max(before.sync - after.sync for before, after in pairs), 4),
        }
        found["emotion"] = {
            "open": _mean(one.emotion for one, _ in pairs),
            way: _mean(one.emotion for _, one in pairs),
        }
        found["shown"] = {
            "open": _mean(_share_shown(one) for one, _ in pairs),
            way: _mean(_share_shown(one) for _, one in pairs),
        }
        report[way] = found
    report["by_unit"] = unit_figures(trials)
    loops = [trial.loop for trial in trials]
    best = [[_best(one, n) for one in loops] for n in range(max(len(o.passes) for o in loops))]
    report["by_pass"] = [
        {name: _mean(getattr(e, name) for e in row) for name in ("place", "units", "asked_units")}
        for row in best
    ]
    seconds = [one.seconds for loop in loops for one in loop.passes[1:]]
    report["seconds_a_pass"] = _mean(seconds) if seconds else None
    return report


def unit_figures(trials: Sequence[Trial]) -> dict:
    """Told action units → where their errors are, by the recognizer that steers.

    Returns:
        for each: ``asked`` and ``not_asked``: mean absolute errors over the clips that ask for it
        and over the others, by way, with ``clips`` and, where it is asked for, the mean of what is
        ``wanted``, where it is not, the mean of what is read of the same speech without expression
        (``calm``); ``share`` of the open loop's error that is this unit's where it is asked for.
    """
    ways = list(trials[0].shown)
    asked = np.array([trial.shown["open"].asked for trial in trials])
    errors = {
        way: np.abs(np.array([trial.shown[way].read for trial in trials]) - asked) for way in ways
    }
    calm = np.array([trial.shown["open"].calm for trial in trials])
    whole = errors["open"][:, told_units()].sum()
    found = {}
    for unit in np.flatnonzero(told_units()):
        row: dict = {}
        for name, clips in (("asked", asked[:, unit] > 0), ("not_asked", asked[:, unit] == 0)):
            if clips.any():
                row[name] = {"clips": int(clips.sum())}
                row[name] |= {way: _mean(errors[way][clips, unit]) for way in ways}
        if "asked" in row:
            clips = asked[:, unit] > 0
            row["asked"]["wanted"] = _mean(asked[clips, unit])
            row["share"] = round(float(errors["open"][clips, unit].sum() / whole), 4)
        if "not_asked" in row:
            row["not_asked"]["calm"] = _mean(calm[asked[:, unit] == 0, unit])
        found[AU_NAMES[unit]] = row
    return found


def _share_shown(shown: Shown) -> float:
    nothing = np.zeros(2), np.zeros(8)
    asked, read = (Seen(np.array(units), *nothing) for units in (shown.asked, shown.read))
    return share_shown(asked, read, told_units())


def _best(loop: LoopReport, number: int) -> Errors:
    """Of the passes up to one: the errors of that which would be kept."""
    made = loop.passes[: number + 1]
    kept = [one for one in made if allowed(one, made[0])]
    return min((one.errors for one in kept), key=lambda errors: errors.score)


def _errors(shown: Shown) -> dict[str, float]:
    asked, read, calm = (np.array(units) for units in (shown.asked, shown.read, shown.calm))
    told, wanted = told_units(), np.where(asked > 0, asked, calm)
    return {
        "place": shown.errors.place,
        "asked_units": float(np.abs(read - asked)[told & (asked > 0)].mean()),
        "told_units": shown.errors.units,
        "beyond_speech": float(np.abs(read - wanted)[told].mean()),
        "scores": shown.scores,
        "judge_place": shown.judge.place,
        "judge_units": shown.judge.units,
    }


def _figure(trials: Sequence[Trial], way: str, name: str) -> dict:
    before, after = ([_errors(t.shown[one])[name] for t in trials] for one in ("open", way))
    gone = np.subtract(before, after)
    bounds = bootstrap_interval(gone / np.mean(before))
    return {
        "open": _mean(before),
        way: _mean(after),
        "lowered": _lowered(trials, way, name),
        "ci95": bounds and [round(bound, 4) for bound in bounds],
        "better": _mean(gone > 0),
    }


def _lowered(trials: Sequence[Trial], way: str, name: str) -> float:
    before, after = (sum(_errors(t.shown[one])[name] for t in trials) for one in ("open", way))
    return round(1 - after / before, 4)


def _mean(values: Iterable[float]) -> float:
    return round(float(np.mean(list(values))), 4)
