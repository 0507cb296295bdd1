"""Examples in docstrings are true."""

import doctest
import importlib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def modules():
    for package in ("gen", "recognizer"):
        for file in sorted((ROOT / package).rglob("*.py")):
            if ">>> " in file.read_text("utf-8"):
                yield ".".join(file.relative_to(ROOT).with_suffix("").parts)


@pytest.mark.parametrize("name", list(modules()))
def test_examples(name):
    module = importlib.import_module(name)
    failed, tried = doctest.testmod(module)
    assert tried > 0
    assert failed == 0
