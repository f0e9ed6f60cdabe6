"""Review, Correct and Report of the real .ui in a window of their own, and what a person does to them."""

import time
from pathlib import Path

import qt
import slicer

from P2SAMSlicerLib.ReviewPanels import ReviewPanels

UI = Path(__file__).resolve().parents[2] / "P2SAMSlicer" / "Resources" / "UI" / "Review.ui"
PANEL_WIDTH = 460


class OpenedPanels:
    """The three panels on the screen, entered, beside the main window's views.

    Attributes
    ----------
    ui, panels, current
    """

    def __init__(self, logic):
        self.logic = logic
        self.widget = slicer.util.loadUI(str(UI))
        self.ui = slicer.util.childWidgetVariables(self.widget)
        self.ui.reviewerLineEdit.setText("Dr Adams")
        self.widget.setMRMLScene(slicer.mrmlScene)
        self.panels = ReviewPanels(self.ui, logic)
        self.current = self.panels.current
        window = slicer.util.mainWindow()
        window.show()
        self.widget.resize(PANEL_WIDTH, 1100)
        self.widget.show()
        self.panels.enter()
        self.settle()

    def close(self):
        self.panels.exit()
        self.panels.cleanup()
        self.widget.close()
        layouts = slicer.app.layoutManager()
        layouts.setLayout(slicer.vtkMRMLLayoutNode.SlicerLayoutFourUpView)
        slicer.mrmlScene.Clear(0)
        self.settle()

    def settle(self, seconds=0.05):
        """Let timers and paint events come, and what these set off."""
        end = time.monotonic() + seconds
        for _turn in range(5):
            slicer.app.processEvents()
        while time.monotonic() < end:
            slicer.app.processEvents()
            time.sleep(0.005)

    def wait_until(self, condition, seconds=60):
        end = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < end, "What was waited for never came."
            self.logic.flush() if hasattr(self.logic, "flush") else None
            self.settle(0.02)
        self.settle()

    def rows(self):
        """(structure, slice) of the table, from the top, as a person reads them."""
        table = self.ui.sliceTable
        return [(table.item(row, 1).text(), int(table.item(row, 2).text())) for row in range(table.rowCount)]

    def statuses(self):
        table = self.ui.sliceTable
        return {(table.item(row, 1).text(), int(table.item(row, 2).text())): table.item(row, 7).text() for row in range(table.rowCount)}

    def click_row(self, structure, index):
        self.ui.sliceTable.selectRow(self.rows().index((structure, index)))
        self.settle()

    def press(self, letter):
        """A key, as the window system delivers it; in a real Slicer its shortcut is set off."""
        try:
            from PySide6.QtTest import QTest
        except ImportError:
            next(one for one in self.ui.reviewCollapsibleButton.findChildren(qt.QShortcut) if one.key.toString() == letter and one.enabled).activated()
        else:
            from runtime.faces import raw_of

            raw_of(self.widget).activateWindow()
            self.settle()
            QTest.keyClick(raw_of(self.widget).focusWidget() or raw_of(self.widget), letter.lower())
        self.settle()

    def grab(self, path):
        self.widget.grab().save(str(path))


def slice_node(tag):
    return slicer.app.layoutManager().sliceWidget(tag).mrmlSliceNode()


def pixels(tag):
    """(height, width, 3) uint8 of what a slice view has rendered, the first row at the bottom."""
    import vtk
    from vtk.util.numpy_support import vtk_to_numpy

    view = slicer.app.layoutManager().sliceWidget(tag).sliceView()
    view.forceRender()
    grab = vtk.vtkWindowToImageFilter()
    grab.SetInput(view.renderWindow())
    grab.ReadFrontBufferOff()
    grab.Update()
    image = grab.GetOutput()
    width, height, _depth = image.GetDimensions()
    return vtk_to_numpy(image.GetPointData().GetScalars()).reshape(height, width, -1)[..., :3].copy()


def colored_near(tag, ras, rgb, radius=6):
    """Whether a slice view shows a colour near a place in patient space."""
    import numpy as np

    view = slicer.app.layoutManager().sliceWidget(tag).sliceView()
    column, row, _depth = view.convertRASToXYZ(list(ras))
    image = pixels(tag).astype(int)
    near = image[max(0, int(row) - radius) : int(row) + radius + 1, max(0, int(column) - radius) : int(column) + radius + 1]
    return bool((np.abs(near - np.array(rgb)).max(axis=-1) < 60).any())
