"""Work on many items."""

import math
import operator
import os

import pytest

from recognizer.pool import run_all


@pytest.mark.parametrize("workers", [1, 2])
def test_every_item_is_done_once(workers):
    assert dict(run_all(operator.neg, range(5), workers)) == {i: -i for i in range(5)}


def test_an_item_that_kills_its_process_takes_no_other_along():
    found = dict(run_all(_fatal, (0, 1, 2), 2, died=str))
    assert found == {0: 0, 1: "1", 2: 2}


def _fatal(item):
    if item == 1:
        os._exit(1)
    return item


def test_an_unknown_engine_is_refused():
    with pytest.raises(ValueError, match="local, ray"):
        list(run_all(math.sqrt, (4,), engine="slurm"))


def test_ray_does_the_same():
    pytest.importorskip("ray", reason="pip install 'facewright[ray]'")
    assert dict(run_all(operator.neg, range(5), 2, "ray")) == {i: -i for i in range(5)}
