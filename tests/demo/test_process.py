"""The command's process begins and ends as one that is left alone, only sooner."""

import subprocess
import sys

import pytest

SCRIPT = """
import atexit, concurrent.futures, sys, time
from demo.process import leave

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


def test_garbage_is_looked_for_as_usual_once_all_is_imported():
    subprocess.run([sys.executable, "-c", SETTLED], check=True)
