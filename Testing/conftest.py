"""Fixtures that more than one test folder needs."""

import importlib.util
from pathlib import Path

import pytest

if importlib.util.find_spec("triton"):
    # torch's compiler brings an LLVM of its own, and one process that runs all tests crashes where VTK's comes first.
    # It does not bring torch with it.
    import triton  # noqa: F401


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real images beside the repository; the test is skipped where it is missing."""
    folder = Path(__file__).resolve().parents[2] / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("real images (../shared/data) are not on this machine")
    return folder
