"""The bar on a terminal."""

import io

from demo import progress


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_a_stage_without_a_total_does_not_keep_the_last_one(monkeypatch):
    from rich.progress import Progress

    bars = []
    enter = Progress.__enter__
    monkeypatch.setattr(Progress, "__enter__", lambda bar: bars.append(bar) or enter(bar))
    monkeypatch.setattr(progress.sys, "stderr", Terminal())
    with progress.progress_bar() as hook:
        hook("tracking", 159, 159)
        (task,) = bars[0].tasks
        assert (task.description, task.completed, task.total) == ("tracking", 159, 159)
        hook("reading", 0, None)
        (task,) = bars[0].tasks
        assert (task.description, task.completed, task.total) == ("reading", 0, None)


def test_nothing_where_nobody_looks(capsys):
    with progress.progress_bar() as hook:
        hook("tracking", 1, 2)
    assert capsys.readouterr() == ("", "")
