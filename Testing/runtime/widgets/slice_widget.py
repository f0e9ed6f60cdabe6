"""One slice view with its bar."""

from PySide6.QtCore import Property
from PySide6.QtWidgets import QVBoxLayout, QWidget

from .slice_controller import qMRMLSliceControllerWidget
from .slice_view import qMRMLSliceView


class qMRMLSliceWidget(QWidget):
    """The bar and the picture of one slice node."""

    def __init__(self, parent=None):
        super().__init__(parent)
        self._logic, self._controller, self._view = None, qMRMLSliceControllerWidget(self), qMRMLSliceView(self)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self._controller)
        column.addWidget(self._view, 1)

    def setLogic(self, logic):
        self._logic = logic
        self._controller.setSliceLogic(logic)
        self._view.setLogic(logic)
        self.setObjectName(f"qMRMLSliceWidget{logic.GetSliceNode().GetLayoutName()}")

    def sliceLogic(self):
        return self._logic

    logic = sliceLogic

    def sliceView(self):
        return self._view

    viewWidget = sliceView

    def sliceController(self):
        return self._controller

    controllerWidget = sliceController

    def mrmlSliceNode(self):
        return self._logic.GetSliceNode()

    mrmlAbstractViewNode = mrmlSliceNode

    def mrmlSliceCompositeNode(self):
        return self._logic.GetSliceCompositeNode()

    def interactorStyle(self):
        return self._view.sliceViewInteractorStyle()

    def fitSliceToBackground(self):
        self._logic.FitSliceToBackground()

    def setSliceOrientation(self, name):
        self.mrmlSliceNode().SetOrientation(name)

    sliceViewName = Property(str, lambda self: self.mrmlSliceNode().GetLayoutName())
    sliceViewLabel = Property(str, lambda self: self.mrmlSliceNode().GetLayoutLabel())
    sliceOrientation = Property(str, lambda self: self.mrmlSliceNode().GetOrientation(), setSliceOrientation)
