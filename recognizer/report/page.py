"""The report's HTML: figures with intervals and floors, clips with their worst moments."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from html import escape
from itertools import groupby
from typing import TYPE_CHECKING

from recognizer.evaluation.catalogue import METRICS
from recognizer.evaluation.comparison import EvaluatedClip
from recognizer.evaluation.radar import normalised
from recognizer.facs import EMOTIONS
from recognizer.report.bars import bar, beside, number, scale
from recognizer.report.figures import circumplex_figure, curves_figure, png_data, radar_figure
from recognizer.report.sheets import sheet
from recognizer.report.style import CSS

if TYPE_CHECKING:
    from recognizer.evaluate import Evaluation

#: So many clips have their curves drawn, and so many their frames shown.
_CURVES, _SHEETS = 12, 24
_WAY = {"higher": "↑ higher is better", "lower": "↓ lower is better",
        "real": "≈ near real clips is better"}  # fmt: skip
_ARROW = {"higher": "↑", "lower": "↓", "real": "≈", "": ""}


def render(evaluation: Evaluation, title: str) -> str:
    """The whole page."""
    clips = evaluation.clips
    parts = [
        f"<h1>{escape(title)}</h1>",
        _summary(evaluation),
        failures(evaluation.failed),
        radar({"": normalised(evaluation.metrics)}),
        _metrics(evaluation.metrics),
        _confusion(evaluation.metrics.get("emotion_accuracy", {}).get("confusion")),
        _table_of_clips(clips),
        *(_clip(i, clip) for i, clip in enumerate(clips[:_SHEETS])),
        _left_out(len(clips)),
        unavailable(evaluation.unavailable),
    ]
    return document(title, parts)


def document(title: str, parts: Iterable[str]) -> str:
    """Sections as a page."""
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{CSS}</style></head>\n<body><main>"
        + "\n".join(part for part in parts if part)
        + "</main></body></html>\n"
    )


def _summary(evaluation: Evaluation) -> str:
    clips = evaluation.clips
    seconds = sum(len(clip.measures) / clip.measures.fps for clip in clips)
    asked = sum(clip.asked is not None for clip in clips)
    paired = sum(clip.reference is not None for clip in clips)
    facts = [
        (len(clips), "clips measured"),
        (f"{seconds:.0f} s", "of film"),
        (len(evaluation.references), "real clips"),
        (paired, "clips with a reference"),
        (asked, "clips with something asked"),
        (len(evaluation.failed), "files failed"),
        (sum(clip.measures.rest == "known" for clip in clips), "persons known at rest"),
    ]
    return tiles(facts)


def tiles(facts: Iterable[tuple]) -> str:
    """Numbers and what they count, in a row."""
    inside = "".join(f"<div><b>{value}</b>{escape(what)}</div>" for value, what in facts)
    return f'<div class="tiles">{inside}</div>'


def failures(failed: list[dict[str, str]]) -> str:
    """Files that could not be measured, and why."""
    if not failed:
        return ""
    rows = "".join(
        f"<li><b>{escape(one['file'])}</b>: {escape(one['reason'])}</li>" for one in failed
    )
    return f'<section class="failed"><h2>Failed files</h2><ul>{rows}</ul></section>'


def radar(systems: Mapping[str, Mapping[str, float]]) -> str:
    """Normalised figures of each system as a section; none where fewer than three axes are known.

    Args:
        systems: name → axis → 0..1 (:func:`recognizer.evaluation.radar.normalised`).
    """
    figure = radar_figure(systems)
    if figure is None:
        return ""
    return (
        "<section><h2>At a glance</h2>"
        f'<img class="radar" alt="radar of normalised figures" src="{png_data(figure)}">'
        '<p class="note">Each axis runs from 0 (chance, or no better than another sound or person) '
        "to 1, the dashed ring: what the real clips get, or perfection where they were asked "
        "nothing. Expressions and motion over time: floor ÷ distance. Liveliness: Std-R or its "
        "inverse, mean of mouth, eyes, brows and head. Steadiness and calm pictures: real ÷ own "
        "jitter and flicker; a frozen face has these for nothing, liveliness tells. Lips with "
        "sound: between other clips’ sound and the real clips. Identity: from 0.4 (still the same "
        "person) to the real clips’. Axes whose figures are lacking are left out.</p></section>"
    )


def _metrics(metrics: dict[str, dict]) -> str:
    rows = []
    for group, names in groupby(metrics, key=lambda name: METRICS[name].group):
        rows.append(f'<tr class="group"><th colspan="3">{escape(group)}</th></tr>')
        rows += [_metric(name, metrics[name]) for name in names]
    legend = " · ".join(f"<span>{escape(text)}</span>" for text in _WAY.values())
    return (
        "<section><h2>Figures over all clips</h2>"
        '<p class="note">Square brackets: 95 % interval over clips. n: clips with a value. '
        "Bar: the value on its measure's own range, or beside floor and real clips where it has "
        'none, with its interval as a line; <i class="floor"></i> floor, what perfect clips or '
        'mere chance would get; <i class="real"></i> the real clips. '
        f"{legend}.</p>"
        '<table class="metrics"><thead><tr><th>measure</th><th>value</th>'
        f"<th>floor, real clips</th></tr></thead><tbody>{''.join(rows)}</tbody></table></section>"
    )


def _metric(name: str, row: dict) -> str:
    about = METRICS[name]
    interval = ""
    if row["ci95"]:
        low, high = map(number, row["ci95"])
        interval = f'<span class="ci">[{low}, {high}]</span>'
    undefined = f", undefined in {row['undefined']}" if row.get("undefined") else ""
    arrow = f' <span class="way">{_ARROW[about.better]}</span>' if about.better else ""
    return (
        f"<tr><td>{escape(about.title)}{arrow}"
        f"<small><code>{name}</code> {escape(row['backend'])}</small></td>"
        f'<td><b class="value">{number(row["value"])}</b> {interval}'
        f"<small>n = {row['n']}{undefined}</small>{bar(row, scale(name, [row]))}</td>"
        f"<td>{beside(row)}</td></tr>"
    )


def _confusion(table: list[list[int]] | None) -> str:
    if not table:
        return ""
    used = [i for i, row in enumerate(table) if sum(row)]
    head = "".join(f"<th>{name[:4]}</th>" for name in EMOTIONS)
    rows = "".join(
        f"<tr><th>{EMOTIONS[i]}</th>"
        + "".join(
            f'<td style="background:rgba(63,127,181,{0.75 * n / sum(table[i]):.2f})"'
            f"{' class=hit' if i == j else ''}>{n or ''}</td>"
            for j, n in enumerate(table[i])
        )
        + "</tr>"
        for i in used
    )
    return (
        "<section><h2>Emotion asked (row) and shown (column)</h2>"
        '<div class="scroll"><table class="confusion"><thead><tr><th></th>'
        f"{head}</tr></thead><tbody>{rows}</tbody></table></div></section>"
    )


def _table_of_clips(clips: Iterable[EvaluatedClip]) -> str:
    columns = {
        "emotion_probability": "emotion asked, probability",
        "au_rmse": "AU error",
        "valence_rmse": "valence error",
        "arousal_rmse": "arousal error",
        "lip_audio_r_best": "lips, r",
        "lip_audio_lag": "lag",
        "lip_audio_z": "z",
        "jitter": "jitter",
        "flicker": "flicker",
        "identity_similarity": "identity",
        "st_lpips": "ST-LPIPS",
    }
    clips = list(clips)
    columns = {k: v for k, v in columns.items() if any(k in clip.metrics for clip in clips)}
    head = "".join(f"<th>{escape(title)}</th>" for title in columns.values())
    rows = "".join(
        f"<tr><th>{_linked(i, clip.name)}</th>"
        + "".join(_cell(clip, name) for name in columns)
        + "</tr>"
        for i, clip in enumerate(clips)
    )
    return (
        "<section><h2>Clip by clip</h2>"
        '<div class="scroll"><table class="clips"><thead><tr><th>clip</th>'
        f"{head}</tr></thead><tbody>{rows}</tbody></table></div></section>"
    )


def _linked(i: int, name: str) -> str:
    return f'<a href="#clip{i}">{escape(name)}</a>' if i < _SHEETS else escape(name)


def _cell(clip: EvaluatedClip, name: str) -> str:
    if name in clip.metrics:
        return f"<td>{number(clip.metrics[name][0])}</td>"
    return f'<td title="{escape(clip.reasons.get(name, ""))}">–</td>'


def shown(clip: EvaluatedClip) -> str:
    """What was asked of a clip and what it shows, in words."""
    measures = clip.measures
    emotion = measures.emotion[measures.success].mean(axis=0)
    valence, arousal = measures.valence_arousal[measures.success].mean(axis=0)
    strongest = int(emotion.argmax())
    asked = f"asked: <b>{escape(clip.request.asked.name)}</b>; " if clip.request.asked else ""
    return (
        f"{asked}shown: <b>{EMOTIONS[strongest]}</b> ({number(emotion[strongest])}), valence "
        f"{number(valence)}, arousal {number(arousal)}"
    )


def _clip(i: int, clip: EvaluatedClip) -> str:
    measures = clip.measures
    worst = "; ".join(_moment(i, one) for one in clip.worst)
    pictures = ""
    if i < _CURVES and len(measures) > 1:
        drawn = (("curves", curves_figure(clip)), ("circumplex", circumplex_figure(clip)))
        images = "".join(
            f'<img class="{kind}" alt="{kind} of {escape(clip.name)}" src="{png_data(figure)}">'
            for kind, figure in drawn
        )
        pictures = f'<div class="pictures">{images}</div>'
    return (
        f'<section class="clip" id="clip{i}"><h3>{escape(clip.name)}</h3>'
        f"<p>{shown(clip)}; {len(measures)} frames at {measures.fps:g} a second; person at rest "
        f"{measures.rest}</p>"
        f'<p class="note">worst moments: {worst or "none"}</p>'
        f"{sheet(clip, f'clip{i}')}{pictures}</section>"
    )


def _moment(i: int, one: dict) -> str:
    value = "" if one["what"] == "no face" else f" {number(one['value'])}"
    where = f"#clip{i}frame{one['frame']}"
    return f'<a href="{where}">{one["time"]:.2f} s</a> {escape(one["what"])}{value}'


def _left_out(clips: int) -> str:
    notes = []
    if clips > _CURVES:
        notes.append(f"curves are drawn of the first {_CURVES} clips")
    if clips > _SHEETS:
        notes.append(f"frames are shown of the first {_SHEETS}; the JSON has all {clips}")
    return f'<p class="note">{"; ".join(notes)}.</p>' if notes else ""


def unavailable(reasons: Mapping[str, str]) -> str:
    """What could not be measured, and why."""
    if not reasons:
        return ""
    rows = "".join(
        f"<tr><td>{escape(METRICS[name].title)}<small><code>{name}</code></small></td>"
        f"<td>{escape(reason)}</td></tr>"
        for name, reason in reasons.items()
    )
    return (
        "<section><h2>Not measured</h2>"
        f'<table class="reasons"><tbody>{rows}</tbody></table></section>'
    )
