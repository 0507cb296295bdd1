"""What is missing is said in one line, never worked around."""

import subprocess
import sys

import pytest

from recognizer.metrics.extras import UnavailableError, optional


def test_missing_package():
    with pytest.raises(UnavailableError, match=r"nowhere is not installed: pip install .*\[eval\]"):
        optional("nowhere.at.all")


def test_a_package_that_breaks_is_no_missing_package(tmp_path, monkeypatch):
    (tmp_path / "broken_pack.py").write_text("import something_it_needs\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ModuleNotFoundError, match="something_it_needs"):
        optional("broken_pack")


def test_torchvision_and_stlpips_import():
    """In a process of its own: both, in either order, leave no placeholder behind."""
    pytest.importorskip("stlpips_pytorch", reason="needs the extra eval")
    code = (
        "import sys, importlib.util as u; lacking = [n for n in ('IPython', 'torchsummary')"
        " if u.find_spec(n) is None];"
        "from recognizer.metrics.extras import stlpips, torchvision;"
        "assert stlpips().LPIPS; assert torchvision().models.alexnet;"
        "assert not set(lacking) & set(sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
