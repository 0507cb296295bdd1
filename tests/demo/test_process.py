"""The command's process ends as one that is left alone."""

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
