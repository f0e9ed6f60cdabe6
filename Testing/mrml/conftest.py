"""Fresh MRML scenes with the nodes that Slicer's application always has, and a stand-in for the translator that it adds."""

import importlib.util
import sys
import types
from pathlib import Path

import pytest

slicer = pytest.importorskip("slicer", reason="slicer-core is not installed", exc_type=ImportError)

MODULE = Path(__file__).resolve().parents[2] / "P2SAMSlicer"
if str(MODULE) not in sys.path:
    sys.path.insert(0, str(MODULE))

if "slicer.i18n" not in sys.modules and importlib.util.find_spec("slicer.i18n") is None:
    translator = types.ModuleType("slicer.i18n")
    translator.tr = lambda text: text
    translator.translate = lambda context, text: text
    sys.modules["slicer.i18n"] = slicer.i18n = translator


def newScene(folder):
    """A scene that can be saved and loaded, and what must outlive it."""
    scene = slicer.vtkMRMLScene()
    scene.AddNode(slicer.vtkMRMLSelectionNode())
    scene.AddNode(slicer.vtkMRMLInteractionNode())
    cache = slicer.vtkCacheManager()
    cache.SetRemoteCacheDirectory(str(folder))
    cache.SetMRMLScene(scene)
    manager = slicer.vtkDataIOManager()
    manager.SetCacheManager(cache)
    scene.SetCacheManager(cache)
    scene.SetDataIOManager(manager)
    markups = slicer.vtkSlicerMarkupsLogic()
    markups.SetMRMLScene(scene)
    return scene, (cache, manager, markups)


@pytest.fixture
def makeScene(tmp_path):
    """Makes fresh scenes; they live until the test ends."""
    kept = []

    def make():
        folder = tmp_path / f"cache{len(kept)}"
        folder.mkdir()
        kept.append(newScene(folder))
        return kept[-1][0]

    return make


@pytest.fixture
def scene(makeScene):
    return makeScene()


@pytest.fixture(scope="module")
def worker():
    """One real worker for the tests of a file, as starting one takes seconds."""
    from visit_scene import SharedWorker

    worker = SharedWorker()
    yield worker
    worker.end()
