"""The report of several systems: figures side by side, paired differences, frames row by row."""

from __future__ import annotations

from html import escape
from itertools import groupby
from typing import TYPE_CHECKING

from recognizer.evaluation.catalogue import METRICS
from recognizer.evaluation.pairs import LEAST_PAIRS, Pair
from recognizer.evaluation.radar import normalised
from recognizer.report.bars import bar, beside, difference_bar, number, scale
from recognizer.report.page import document, failures, radar, shown, tiles, unavailable
from recognizer.report.sheets import sheet, strip

if TYPE_CHECKING:
    from recognizer.evaluate import SystemsEvaluation

#: Clips of one name whose frames are shown.
_SHEETS = 12
_ARROW = {"higher": "↑", "lower": "↓", "real": "≈", "": ""}


def render_systems(found: SystemsEvaluation, title: str) -> str:
    """The whole page."""
    lacking: dict[str, str] = {}
    for one in found.systems.values():
        lacking |= {k: v for k, v in one.unavailable.items() if k not in lacking}
    measured = {name for one in found.systems.values() for name in one.metrics}
    parts = [
        f"<h1>{escape(title)}</h1>",
        _summary(found),
        failures(found.failed),
        radar({name: normalised(one.metrics) for name, one in found.systems.items()}),
        _table(found),
        *map(_pair, found.pairs),
        *_sheets(found),
        unavailable({k: v for k, v in lacking.items() if k not in measured}),
    ]
    return document(title, parts)


def _summary(found: SystemsEvaluation) -> str:
    return tiles(
        [
            *((len(one.clips), f"clips of {name}") for name, one in found.systems.items()),
            (len(found.references), "real clips"),
            (min(pair.clips for pair in found.pairs), "clips in common"),
            (len(found.failed), "files failed"),
        ]
    )


def _table(found: SystemsEvaluation) -> str:
    systems, best = found.systems, found.best
    names = [name for name in METRICS if any(name in one.metrics for one in systems.values())]
    head = "".join(f"<th>{escape(system)}</th>" for system in systems)
    rows = []
    for group, members in groupby(names, key=lambda name: METRICS[name].group):
        span = len(systems) + 2
        rows.append(f'<tr class="group"><th colspan="{span}">{escape(group)}</th></tr>')
        for name in members:
            known = [one.metrics[name] for one in systems.values() if name in one.metrics]
            ends = scale(name, known)
            cells = "".join(
                _cell(one.metrics.get(name), ends, best.get(name) == system)
                for system, one in systems.items()
            )
            about = METRICS[name]
            arrow = f' <span class="way">{_ARROW[about.better]}</span>'
            rows.append(
                f"<tr><td>{escape(about.title)}{arrow}<small><code>{name}</code> "
                f"{escape(known[0]['backend'])}</small></td>{cells}<td>{beside(known[0])}</td></tr>"
            )
    return (
        "<section><h2>Side by side</h2>"
        '<p class="note">Over all clips of each system. Square brackets: 95 % interval over clips. '
        "↑ higher, ↓ lower, ≈ nearer to the real clips is better. ★ better than each of the "
        "others over the clips in common: the interval of the paired difference excludes 0, in "
        f"{LEAST_PAIRS} pairs or more. Intervals are not corrected for the number of measures: of "
        "twenty equal ones one is marked by chance. A Fréchet distance grows where clips are "
        "drawn twice: its interval may lie above the value. A frozen face is steady and does not "
        "flicker: read those beside liveliness. Bars of a row share one scale; "
        '<i class="floor"></i> floor, <i class="real"></i> real clips.</p>'
        f'<div class="scroll"><table class="side"><thead><tr><th>measure</th>{head}'
        f"<th>floor, real clips</th></tr></thead><tbody>{''.join(rows)}</tbody></table></div>"
        "</section>"
    )


def _cell(row: dict | None, ends, best: bool) -> str:
    if row is None:
        return "<td>–</td>"
    interval = ""
    if row["ci95"]:
        interval = f'<span class="ci">[{", ".join(map(number, row["ci95"]))}]</span>'
    return (
        f'<td{" class=best" if best else ""}><b class="value">{number(row["value"])}</b> {interval}'
        f"<small>n = {row['n']}</small>{bar(row, ends, labelled=False)}</td>"
    )


def _pair(pair: Pair) -> str:
    a, b = escape(pair.a), escape(pair.b)
    rows = "".join(_difference(name, row) for name, row in pair.metrics.items())
    return (
        f"<section><details><summary><h2>{a} less {b}, over {pair.clips} clips in common</h2>"
        "</summary>"
        '<p class="note">Paired bootstrap: clips are drawn anew for both at once. “from real”: '
        "differences of the distances from the real clip’s value. Last column: how often "
        f"{a} is better, by clips; in brackets by draws of the bootstrap, for figures that no clip "
        "has by itself.</p>"
        '<div class="scroll"><table class="pairs"><thead><tr><th>measure</th><th>difference</th>'
        f"<th></th><th>n</th><th>{a} better</th></tr></thead><tbody>{rows}</tbody></table></div>"
        "</details></section>"
    )


def _difference(name: str, row: dict) -> str:
    interval = f"[{', '.join(map(number, row['ci95']))}]" if row["ci95"] else ""
    sure = ' class="sure"' if row["better"] else ""
    winner = f" <small>{escape(row['better'])} better</small>" if row["better"] else ""
    of = " <small>from real</small>" if row["of"] != "value" else ""
    share = "–" if row["superiority"] is None else f"{100 * row['superiority']:.0f} %"
    share = share if row["over"] == "clips" else f"({share})"
    return (
        f"<tr><td>{escape(METRICS[name].title)} {_ARROW[METRICS[name].better]}{of}</td>"
        f"<td{sure}>{number(row['difference'])} {interval}{winner}</td>"
        f"<td>{difference_bar(row)}</td><td>{row['n']}</td><td>{share}</td></tr>"
    )


def _sheets(found: SystemsEvaluation) -> list[str]:
    named = {
        system: {clip.request.clip.stem: clip for clip in one.clips}
        for system, one in found.systems.items()
    }
    stems = list(dict.fromkeys(stem for clips in named.values() for stem in clips))
    stems.sort(key=lambda stem: -sum(stem in clips for clips in named.values()))
    sections = []
    for i, stem in enumerate(stems[:_SHEETS]):
        rows, references = [], {}
        for j, (system, clips) in enumerate(named.items()):
            if stem in clips:
                clip = clips[stem]
                frames = sheet(clip, f"clip{i}system{j}", last=True)
                rows.append(_row(system, shown(clip), frames))
                if clip.reference is not None:
                    references[clip.request.reference] = clip.reference
        for path, measures in list(references.items())[:1]:
            rows.insert(0, _row("real", "", strip(path, measures, f"clip{i}real", {}, last=True)))
        sections.append(f'<section class="clip"><h3>{escape(stem)}</h3>{"".join(rows)}</section>')
    if len(stems) > _SHEETS:
        sections.append(
            f'<p class="note">Frames of {_SHEETS} clips are shown; the JSON has all '
            f"{len(stems)}.</p>"
        )
    return sections


def _row(name: str, about: str, frames: str) -> str:
    note = f' <span class="note">{about}</span>' if about else ""
    return f"<p><b>{escape(name)}</b>{note}</p>{frames}"
