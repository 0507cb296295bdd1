"""What the classes of this package that add up over clips share: torchmetrics' protocol.

A class has ``update``, ``compute``, ``reset`` and ``merge_state``, so that clips may be measured in
several processes. Without torchmetrics (extra ``eval``) the modules import all the same and their
functions work; only making an object raises :class:`recognizer.metrics.extras.UnavailableError`.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import ClassVar

import numpy as np

from recognizer.metrics.extras import UnavailableError, torchmetrics
from recognizer.metrics.sampling import Summary, summarize


def _torchmetrics_base() -> type:
    try:
        return torchmetrics().Metric
    except UnavailableError as error:
        reason = str(error)

    class Unavailable:
        def __init__(self, *args, **kwargs) -> None:
            raise UnavailableError(reason)

    return Unavailable


Metric = _torchmetrics_base()


def stacked(state: list, columns: int) -> np.ndarray:
    """A list state (or what synchronisation made of it) as float64 ``[N, columns]``."""
    import torch

    if isinstance(state, torch.Tensor):
        state = [state]
    rows = [np.asarray(part.cpu(), np.float64).reshape(-1, columns) for part in state]
    return np.concatenate(rows) if rows else np.zeros((0, columns))


class ClipMetric(Metric):
    """A measure of one clip at a time, averaged over clips.

    Subclasses name their function; keyword arguments of the constructor that the function knows
    are passed on to it, others to ``torchmetrics.Metric``.

    Raises:
        UnavailableError: torchmetrics is not installed.
    """

    is_differentiable = False
    full_state_update = False
    #: The functional twin: arrays of one clip → a number, or a number of each of ``names``.
    measure: ClassVar[Callable]
    #: Keys of what ``measure`` returns; empty where it returns a number.
    names: ClassVar[tuple[str, ...]] = ()

    def __init__(self, **settings) -> None:
        own = inspect.signature(self.measure).parameters
        super().__init__(**{key: value for key, value in settings.items() if key not in own})
        self.settings = {key: value for key, value in settings.items() if key in own}
        self.add_state("clips", default=[], dist_reduce_fx="cat")

    def update(self, *clip, **named) -> None:
        """Add a clip: the arguments of the function without those given to the constructor."""
        import torch

        value = self.measure(*clip, **named, **self.settings)
        row = [value[name] for name in self.names] if self.names else [value]
        self.clips.append(torch.tensor([row], dtype=torch.float64))

    def compute(self) -> Summary | dict[str, Summary]:
        """The mean over clips with its interval (:class:`recognizer.metrics.sampling.Summary`),
        or one of each name."""
        values = stacked(self.clips, max(1, len(self.names)))
        if not self.names:
            return summarize(values[:, 0])
        return {name: summarize(values[:, i]) for i, name in enumerate(self.names)}
