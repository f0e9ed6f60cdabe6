"""What reads a saved scene must work before anything is installed: Slicer ships neither torch nor scikit-learn."""

import subprocess
import sys
from pathlib import Path

import pytest

LIBRARY = Path(__file__).resolve().parents[2] / "P2SAMSlicer"
HEAVY = ("torch", "sklearn", "ot", "scipy", "SimpleITK", "pydicom", "threadpoolctl", "qt", "ctk", "PySide6")
PROGRAM = """
import sys, types
import slicer
translator = types.ModuleType("slicer.i18n")
translator.tr = lambda text: text
sys.modules["slicer.i18n"] = translator
sys.path.insert(0, {library!r})
before = set(sys.modules)
import P2SAMSlicerLib.{name}
print(*sorted({{name.partition(".")[0] for name in set(sys.modules) - before}} & set({heavy!r})))
"""


@pytest.mark.parametrize("name", ["Review", "MRMLReview", "MRMLPrompts", "MRMLTables", "Checks", "SettingsText", "EditedSlices"])
def test_reading_a_review_its_points_and_its_tables_needs_nothing_that_slicer_does_not_ship(name):
    program = PROGRAM.format(library=str(LIBRARY), name=name, heavy=HEAVY)
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=120)
    assert result.returncode == 0, result.stderr
    assert result.stdout.strip() == ""
