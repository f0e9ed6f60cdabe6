"""Lays the views out, as the layout node of the scene describes it."""

import xml.etree.ElementTree as ElementTree

import slicer
import vtk
from PySide6.QtCore import Property, QObject, Qt, Signal
from PySide6.QtWidgets import QSplitter, QTabWidget, QVBoxLayout, QWidget

from .widgets.plot_view import qMRMLPlotWidget
from .widgets.slice_widget import qMRMLSliceWidget


class qSlicerLayoutManager(QObject):
    """Makes a widget for each view node and puts those of the current layout into the viewport.

    Parameters
    ----------
    viewport : QWidget
        Where the views go.
    logic : vtkSlicerApplicationLogic
    """

    layoutChanged = Signal(int)

    def __init__(self, viewport, logic):
        super().__init__(viewport)
        self._viewport, self._application, self._shown = viewport, logic, None
        self._slices, self._plots, self._others = {}, {}, {}
        QVBoxLayout(viewport).setContentsMargins(0, 0, 0, 0)
        self._layouts = slicer.vtkMRMLLayoutLogic()
        self._layouts.SetMRMLApplicationLogic(logic)
        self._layouts.SetMRMLScene(slicer.mrmlScene)
        node = self._layouts.GetLayoutNode()
        node.AddObserver(vtk.vtkCommand.ModifiedEvent, lambda *_event: self._lay())
        slicer.mrmlScene.AddObserver(slicer.mrmlScene.EndBatchProcessEvent, lambda *_event: self._lay())
        self._lay()

    def layoutLogic(self):
        return self._layouts

    def mrmlScene(self):
        return slicer.mrmlScene

    def viewport(self):
        return self._viewport

    def setLayout(self, number):
        self._layouts.GetLayoutNode().SetViewArrangement(number)

    def sliceViewNames(self):
        return list(self._slices)

    def sliceWidget(self, name):
        return self._slices.get(name)

    def plotWidget(self, number):
        return list(self._plots.values())[number] if number < len(self._plots) else None

    def threeDWidget(self, _number):
        return None

    def tableWidget(self, _number):
        return None

    def viewWidget(self, node):
        return {**self._slices, **self._plots}.get(node.GetLayoutName())

    def mrmlSliceLogics(self):
        return self._application.GetSliceLogics()

    def resetSliceViews(self):
        for one in self._slices.values():
            one.fitSliceToBackground()

    def resetThreeDViews(self):
        """The stand-in has no 3D view."""

    def setRenderPaused(self, paused):
        for one in self._slices.values():
            one.sliceView().setRenderPaused(paused)

    def pauseRender(self):
        self.setRenderPaused(True)

    def resumeRender(self):
        self.setRenderPaused(False)

    def _number(self):
        return self._layouts.GetLayoutNode().GetViewArrangement()

    layout = Property(int, _number, setLayout, notify=layoutChanged)
    threeDViewCount = Property(int, lambda self: 0)
    tableViewCount = Property(int, lambda self: 0)
    plotViewCount = Property(int, lambda self: len(self._plots))

    def _lay(self):
        if slicer.mrmlScene.IsBatchProcessing():
            return
        number, text = self._number(), self._layouts.GetLayoutNode().GetCurrentLayoutDescription()
        if (number, text) == self._shown or not text:
            return
        self._shown = (number, text)
        for one in (*self._slices.values(), *self._plots.values()):
            one.setParent(None)
        for one in self._slices.values():
            one.mrmlSliceNode().SetMappedInLayout(False)
        column = self._viewport.layout()
        while column.count():
            column.takeAt(0).widget().deleteLater()
        column.addWidget(self._built(ElementTree.fromstring(text)))
        self.layoutChanged.emit(number)

    def _built(self, element):
        """The widget of one <layout>, <item> or <view>."""
        if element.tag == "item":
            return self._built(element[0])
        if element.tag == "view":
            return self._view(element)
        if element.get("type") == "tab":
            box = QTabWidget()
            for one in element:
                box.addTab(self._built(one), one.get("name", ""))
            return box
        box = QSplitter(Qt.Orientation.Vertical if element.get("type", "horizontal") == "vertical" else Qt.Orientation.Horizontal)
        for number, one in enumerate(element):
            box.addWidget(self._built(one))
            box.setStretchFactor(number, int(one.get("splitSize", 500)))
        box.setSizes([int(one.get("splitSize", 500)) for one in element])
        return box

    def _view(self, element):
        name, kind = element.get("singletontag"), element.get("class")
        if kind == "vtkMRMLSliceNode":
            widget = self._slices.get(name) or self._new_slice(name)
            widget.mrmlSliceNode().SetMappedInLayout(True)
        elif kind == "vtkMRMLPlotViewNode":
            widget = self._plots.get(name) or self._new_plot(name)
        else:
            widget = QWidget()
            widget.setObjectName(f"{kind}{name}")
            widget.setStyleSheet("background: qlineargradient(x1:0, y1:0, x2:0, y2:1, stop:0 #c2c2e8, stop:1 #7478bf);")
        widget.show()
        return widget

    def _new_slice(self, name):
        logic = slicer.vtkMRMLSliceLogic()
        logic.SetMRMLApplicationLogic(self._application)
        logic.SetMRMLScene(slicer.mrmlScene)
        node = slicer.mrmlScene.GetSingletonNode(name, "vtkMRMLSliceNode")
        logic.SetSliceNode(node) if node is not None else logic.AddSliceNode(name)
        self._application.GetSliceLogics().AddItem(logic)
        self._slices[name] = qMRMLSliceWidget()
        self._slices[name].setLogic(logic)
        return self._slices[name]

    def _new_plot(self, name):
        self._plots[name] = qMRMLPlotWidget()
        self._plots[name].setObjectName(f"qMRMLPlotWidget{name}")
        self._plots[name].setMRMLPlotViewNode(slicer.mrmlScene.GetSingletonNode(name, "vtkMRMLPlotViewNode"))
        self._plots[name].plotView().setMRMLScene(slicer.mrmlScene)
        return self._plots[name]
