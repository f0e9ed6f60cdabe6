"""Fixtures for tests of the panel: in the stand-in (`pytest Testing/gui`), or in a real Slicer that runs pytest inside itself."""

import logging
import os
import sys
import time
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))
from application_kind import MODULE, isRealSlicer, standIn  # noqa: E402 - the folder must be on the path first

REASON = None if isRealSlicer() else standIn()


PAUSE_SECONDS = 0.004


class LeftOut(pytest.Module):
    """A test file that cannot even be imported here."""

    def collect(self):
        pytest.skip(REASON, allow_module_level=True)


def pytest_pycollect_makemodule(module_path, parent):
    """Skips the files of this folder, with the reason, where neither Slicer nor the stand-in can be had."""
    return LeftOut.from_parent(parent, path=module_path) if REASON else None


class Printed(list):
    """What slots, observers and VTK complained of during a test; a test that expects it calls `clear()`."""


@pytest.fixture(autouse=True)
def printed(application, monkeypatch):
    """Fails the test at its end where an exception was lost in a slot or an observer, or VTK reported an error."""
    import vtk

    found, before, window = Printed(), sys.excepthook, vtk.vtkOutputWindow.GetInstance()

    def keep(kind, value, trace):
        found.append(f"{kind.__name__}: {value}")
        before(kind, value, trace)

    @vtk.calldata_type(vtk.VTK_STRING)
    def error(_caller, _event, text):
        found.append(text)

    monkeypatch.setattr(sys, "excepthook", keep)
    tag = window.AddObserver("ErrorEvent", error)
    yield found
    application.processEvents()
    window.RemoveObserver(tag)
    assert not found, f"An exception ended in a slot or an observer, or VTK reported an error: {found}"


@pytest.fixture(autouse=True)
def torchForgotten(monkeypatch):
    """Tests of models in the same process have imported torch; whoever imports it again during a test of the panel is found out."""
    monkeypatch.delitem(sys.modules, "torch", raising=False)


@pytest.fixture(scope="session")
def application():
    """`slicer.app`, of Slicer or of the stand-in."""
    import slicer

    yield slicer.app
    if not isRealSlicer():
        import runtime

        if hasattr(slicer.modules, "P2SAMSlicerWidget"):
            slicer.modules.P2SAMSlicerWidget.logic.shutdown()  # the worker that the tests shared
        runtime.close()


@pytest.fixture
def scene(application):
    """The application's scene, cleared before and after the test."""
    import slicer

    slicer.mrmlScene.Clear(0)
    application.processEvents()
    yield slicer.mrmlScene
    slicer.mrmlScene.Clear(0)
    application.processEvents()


@pytest.fixture
def mainWindow(application):
    """The main window, shown."""
    import slicer

    window = slicer.util.mainWindow()
    window.resize(1400, 900)
    window.show()
    application.processEvents()
    return window


@pytest.fixture
def module(application, mainWindow, scene):
    """The module's widget (the Python object), entered on an empty scene."""
    import slicer

    if not hasattr(slicer.modules, "p2samslicer"):
        import runtime

        runtime.load_module(MODULE)
    slicer.util.selectModule("P2SAMSlicer")
    application.processEvents()
    return slicer.util.getModuleWidget("P2SAMSlicer")


@pytest.fixture
def screenshot(mainWindow, application, tmp_path):
    """Function: name -> path of a PNG of the main window, in $P2SAM_SCREENSHOTS where that is set."""
    import slicer

    folder = Path(os.environ.get("P2SAM_SCREENSHOTS") or tmp_path)

    def take(name):
        folder.mkdir(parents=True, exist_ok=True)
        application.processEvents()
        slicer.util.forceRenderAllViews()
        application.processEvents()
        path = folder / f"{name}.png"
        assert mainWindow.grab().save(str(path)), f"{path} could not be written"
        return path

    return take


@pytest.fixture
def wait(application):
    """Function: (condition, seconds) -> runs the event loop until the condition holds, or fails with its name."""
    import qt

    def until(condition, seconds=10.0, what=""):
        clock = qt.QElapsedTimer()
        clock.start()
        while not condition():
            application.processEvents(qt.QEventLoop.AllEvents, 20)
            time.sleep(PAUSE_SECONDS)  # the worker needs the processor more
            if clock.elapsed() > 1000 * seconds:
                pytest.fail(f"{what or getattr(condition, '__name__', 'the condition')} did not come within {seconds} s")

    return until


@pytest.fixture(autouse=True)
def dialogs(application, monkeypatch):
    """Answers dialogs as the test says: `dialogs.expect("confirmOkCancelDisplay", True)`; one that nobody expects fails the test."""
    from scripted_dialogs import Dialogs

    one = Dialogs(monkeypatch)
    yield one
    logging.getLogger().debug("dialogs shown: %s", one.shown)
    one.check()
