"""The command's process begins and ends as one that is left alone, only sooner."""

import os
import subprocess
import sys

import pytest

SCRIPT = """
import atexit, concurrent.futures, sys, time
from demo.process import leave, settle

settle()
atexit.register(print, "tidied")
pool = concurrent.futures.ThreadPoolExecutor()
pool.submit(lambda: (time.sleep(0.2), print("waited for")))
print("said", end=" ")
leave({code!r})
"""


@pytest.mark.parametrize(("code", "status"), [(None, 0), (0, 0), (2, 2), ("a reason", 1)])
def test_all_is_said_and_tidied(code, status):
    command = [sys.executable, "-c", SCRIPT.format(code=code)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == status
    assert done.stdout.split() == ["said", "waited", "for", "tidied"]
    assert done.stderr == ("a reason\n" if status == 1 else "")


SETTLED = """
import gc
from demo.process import settle

usual = gc.get_threshold()
settle()
assert gc.get_threshold() != usual
gc.collect()
assert gc.get_threshold() == usual and not gc.callbacks
"""


CLOSED = """
import os, sys
for number in (0, 1, 2):
    os.close(number)
os.execv(sys.executable, [sys.executable, "-c", sys.argv[1]])
"""
OPENED = """
import os
from demo.process import leave, settle

settle()
print("nobody hears")
leave(sum(os.fstat(number).st_rdev != os.stat(os.devnull).st_rdev for number in (0, 1, 2)))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="descriptors are inherited otherwise there")
def test_closed_streams_lead_nowhere():
    done = subprocess.run([sys.executable, "-c", CLOSED, OPENED], capture_output=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


def test_garbage_is_looked_for_as_usual_once_all_is_imported():
    subprocess.run([sys.executable, "-c", SETTLED], check=True)


def test_nobody_is_told_of_a_visit(tmp_path):
    """onnxruntime numbers the device and its visits in the user's cache before it reports them."""
    pytest.importorskip("onnxruntime", reason="pip install onnxruntime")
    places = dict.fromkeys(("TMPDIR", "TEMP", "TMP", "XDG_CACHE_HOME", "HOME"), str(tmp_path))
    telling = {"CI", "GITHUB_ACTIONS", "ORT_DISABLE_TELEMETRY", "ORT_RUNNING_UNIT_TESTS"}
    kept = {name: value for name, value in os.environ.items() if name not in telling}
    script = "import gen, onnxruntime"
    subprocess.run([sys.executable, "-c", script], env=kept | places, check=True)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []
