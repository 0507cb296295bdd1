"""What a job has done, does now, and has yet to do."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from demo.jobs import Progress


def stages_html(stages: Sequence[tuple[str, Sequence[str]]], now: Progress | None) -> str:
    """Stages as a row, the present one with its bar.

    Args:
        stages: what is shown, and which of the hook's stages it stands for.
        now: the latest report; None when all is done.
    """
    at = len(stages)
    if now is not None:
        at = next((i for i, (_, names) in enumerate(stages) if now.stage in names), 0)
    items = []
    for i, (title, _) in enumerate(stages):
        state = "done" if i < at else "now" if i == at else "next"
        items.append(f'<li class="stage-{state}">{escape(title)}</li>')
    return (
        f'<div class="stages" role="status"><ol>{"".join(items)}</ol>'
        f"{'' if now is None else _bar(now)}</div>"
    )


def _bar(now: Progress) -> str:
    if not now.total:
        return (
            f'<div class="stage-bar stage-busy"><i></i></div><p>{escape(now.stage.capitalize())}'
            f"{f', {now.done}' if now.done else ''} …</p>"
        )
    share = 100 * min(1.0, now.done / now.total)
    return (
        f'<div class="stage-bar"><i style="width:{share:.0f}%"></i></div>'
        f"<p>{escape(now.stage.capitalize())}, {now.done} of {now.total}</p>"
    )


def note_html(text: str) -> str:
    """A line in place of the stages."""
    return f'<div class="stages" role="status"><p>{escape(text)}</p></div>'
