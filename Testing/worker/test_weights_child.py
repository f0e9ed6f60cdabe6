"""The child that brings a model's weights ends when it is left alone, whatever its network does."""

import subprocess
import sys

from p2sam.errors import Cancelled

HANGING = """
import sys, threading
from p2sam_worker import weights
weights.GRACE_S = 0.2
weights.bring = lambda *_: threading.Event().wait()
sys.exit(weights.main(["download", "sam_vit_b"]))
"""


def test_a_download_that_hangs_ends_soon_after_whoever_asked_for_it_is_gone():
    child = subprocess.Popen([sys.executable, "-c", HANGING], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        child.stdin.close()
        assert child.wait(timeout=30) == Cancelled.exit_code
    finally:
        child.kill()
        child.stdout.close()
