"""The picture of a slice view, which mouse and keys act on."""

from PySide6.QtCore import Qt, QTimer
from PySide6.QtGui import QImage, QPainter
from PySide6.QtWidgets import QSizePolicy, QWidget

from ..slice_renderer import SliceRenderer

BUTTONS = {Qt.MouseButton.LeftButton: "LeftButton", Qt.MouseButton.MiddleButton: "MiddleButton", Qt.MouseButton.RightButton: "RightButton"}


class qMRMLSliceView(QWidget):
    """Shows what a SliceRenderer draws; hands mouse and key events to its interactor."""

    def __init__(self, parent=None):
        super().__init__(parent)
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setMinimumSize(60, 60)
        self._renderer, self._image, self._stale, self._paused = None, None, True, 0
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(10)
        self._timer.timeout.connect(self.update)

    def setLogic(self, logic):
        self._renderer = SliceRenderer(logic, self.scheduleRender)
        self._fit()

    def mrmlSliceNode(self):
        return self._renderer.logic.GetSliceNode()

    def renderWindow(self):
        return self._renderer.window

    def interactor(self):
        return self._renderer.interactor

    def sliceViewInteractorStyle(self):
        return self._renderer.style

    def interactorObserver(self):
        return self._renderer.style

    def displayableManagerByClassName(self, name):
        managers = self._renderer.managers
        found = (managers.GetNthDisplayableManager(index) for index in range(managers.GetDisplayableManagerCount()))
        return next((one for one in found if one.IsA(name)), None)

    def scheduleRender(self):
        """Draws soon, once for many requests."""
        self._stale = True
        if not self._paused and not self._timer.isActive():
            self._timer.start()

    def forceRender(self):
        """Draws now."""
        self._stale = True
        self._draw()
        self.repaint()

    def setRenderPaused(self, paused):
        self._paused = max(self._paused + (1 if paused else -1), 0)
        if not self._paused and self._stale:
            self.scheduleRender()

    def convertDeviceToXYZ(self, position):
        return [position[0], self.height() - 1 - position[1], 0.0]

    def convertXYZToRAS(self, xyz):
        point = self.mrmlSliceNode().GetXYToRAS().MultiplyPoint([*xyz[:3], 1.0])
        return list(point[:3])

    def convertRASToXYZ(self, ras):
        import vtk

        inverse = vtk.vtkMatrix4x4()
        vtk.vtkMatrix4x4.Invert(self.mrmlSliceNode().GetXYToRAS(), inverse)
        return list(inverse.MultiplyPoint([*ras[:3], 1.0])[:3])

    def pixels(self):
        """What is drawn, (height, width, 3) uint8; for the tests of the stand-in itself."""
        self._draw()
        return self._pixels

    def _draw(self):
        if self._renderer is None:
            return
        self._fit()
        self._pixels = self._renderer.pixels()
        height, width, _ = self._pixels.shape
        self._image = QImage(self._pixels.tobytes(), width, height, 3 * width, QImage.Format.Format_RGB888).copy()
        self._stale = False

    def _fit(self):
        size = (self.width(), self.height())
        if self._renderer is not None and self._renderer.window.GetSize() != size:
            self._renderer.resize(*size)

    def paintEvent(self, _event):
        if self._renderer is not None and (self._stale or self._image is None) and not self._paused:
            self._draw()
        painter = QPainter(self)
        if self._image is None:
            painter.fillRect(self.rect(), Qt.GlobalColor.black)
        else:
            painter.drawImage(self.rect(), self._image)

    def resizeEvent(self, _event):
        self._fit()
        self.scheduleRender()

    def _place(self, event):
        position, keys = event.position(), event.modifiers()
        control, shift = (bool(keys & one) for one in (Qt.KeyboardModifier.ControlModifier, Qt.KeyboardModifier.ShiftModifier))
        self._renderer.interactor.SetEventInformationFlipY(int(position.x()), int(position.y()), int(control), int(shift), "\0", 0, None)

    def mousePressEvent(self, event):
        self._place(event)
        self._renderer.interactor.InvokeEvent(f"{BUTTONS[event.button()]}PressEvent")

    def mouseReleaseEvent(self, event):
        self._place(event)
        self._renderer.interactor.InvokeEvent(f"{BUTTONS[event.button()]}ReleaseEvent")

    def mouseMoveEvent(self, event):
        self._place(event)
        self._renderer.interactor.InvokeEvent("MouseMoveEvent")

    def wheelEvent(self, event):
        self._place(event)
        self._renderer.interactor.InvokeEvent("MouseWheelForwardEvent" if event.angleDelta().y() > 0 else "MouseWheelBackwardEvent")

    def enterEvent(self, _event):
        self._renderer.interactor.InvokeEvent("EnterEvent")

    def leaveEvent(self, _event):
        self._renderer.interactor.InvokeEvent("LeaveEvent")
