"""The Segment Editor's widget, without its effects: which segmentation, segment and volume it works on, and its undo."""

import slicer
from PySide6.QtCore import Property, Signal
from PySide6.QtWidgets import QFormLayout

from ..kept import kept
from .mrml_widget import qMRMLWidget
from .node_combo_box import qMRMLNodeComboBox
from .segments_table import qMRMLSegmentsTableView


class qMRMLSegmentEditorWidget(qMRMLWidget):
    """Keeps its choices in a vtkMRMLSegmentEditorNode, and states of the segmentation for undo."""

    currentSegmentIDChanged = Signal(str)
    segmentationNodeChanged = Signal(object)
    sourceVolumeNodeChanged = Signal(object)

    def __init__(self, parent=None):
        super().__init__(parent)
        self._node, self._effect, self._values = None, "", {}
        self._history = slicer.vtkSegmentationHistory()
        self._history.SetMaximumNumberOfStates(10)
        self._segmentations, self._volumes = (self._selector(one) for one in ("vtkMRMLSegmentationNode", "vtkMRMLScalarVolumeNode"))
        self._table = qMRMLSegmentsTableView(self)
        form = QFormLayout(self)
        form.addRow("Segmentation:", self._segmentations)
        form.addRow("Source volume:", self._volumes)
        form.addRow(self._table)
        self._segmentations.currentNodeChanged.connect(self.setSegmentationNode)
        self._volumes.currentNodeChanged.connect(self.setSourceVolumeNode)

    def _selector(self, kind):
        box = qMRMLNodeComboBox(self)
        box.noneEnabled, box.nodeTypes = True, [kind]
        return box

    def setMRMLScene(self, scene):
        super().setMRMLScene(scene)
        self._segmentations.setMRMLScene(scene)
        self._volumes.setMRMLScene(scene)

    def mrmlSegmentEditorNode(self):
        return self._node

    def setMRMLSegmentEditorNode(self, node):
        self._node = node

    def segmentationNode(self):
        return self._node.GetSegmentationNode() if self._node else None

    def setSegmentationNode(self, node):
        if self._node is None or node is self.segmentationNode():
            return
        self._node.SetAndObserveSegmentationNode(node)
        self._segmentations.setCurrentNode(node)
        self._table.setSegmentationNode(node)
        self._history.RemoveAllStates()
        self._history.SetSegmentation(node.GetSegmentation() if node else None)
        count = node.GetSegmentation().GetNumberOfSegments() if node else 0
        self.setCurrentSegmentID(node.GetSegmentation().GetNthSegmentID(0) if count else "")
        self.segmentationNodeChanged.emit(node)

    def sourceVolumeNode(self):
        return self._node.GetSourceVolumeNode() if self._node else None

    def setSourceVolumeNode(self, node):
        if self._node is None or node is self.sourceVolumeNode():
            return
        self._node.SetAndObserveSourceVolumeNode(node)
        self._volumes.setCurrentNode(node)
        self.sourceVolumeNodeChanged.emit(node)

    def currentSegmentID(self):
        return self._node.GetSelectedSegmentID() or "" if self._node else ""

    def setCurrentSegmentID(self, identifier):
        if self._node is None or identifier == self.currentSegmentID():
            return
        self._node.SetSelectedSegmentID(identifier)
        self._table.setSelectedSegmentIDs([identifier])
        self.currentSegmentIDChanged.emit(identifier)

    def setActiveEffectByName(self, name):
        self._effect = name
        if self._node is not None:
            self._node.SetActiveEffectName(name)

    def activeEffect(self):
        return None

    def saveStateForUndo(self):
        """Remembers the segmentation as it is; the next `undo` brings it back."""
        if self.segmentationNode() is not None:
            self._history.SaveState()

    def undo(self):
        self._history.RestorePreviousState()

    def redo(self):
        self._history.RestoreNextState()

    def setMaximumNumberOfUndoStates(self, number):
        self._history.SetMaximumNumberOfStates(number)

    def installKeyboardShortcuts(self, _parent=None):
        """The effects' keys, which the stand-in has not."""

    def uninstallKeyboardShortcuts(self):
        """The effects' keys, which the stand-in has not."""

    maximumNumberOfUndoStates = Property(int, lambda self: self._history.GetMaximumNumberOfStates(), setMaximumNumberOfUndoStates)

    undoEnabled, readOnly, maskingSectionVisible = kept("undoEnabled", bool, True), kept("readOnly", bool, False), kept("maskingSectionVisible", bool, True)
    segmentationNodeSelectorVisible, sourceVolumeNodeSelectorVisible = kept("segmentationNodeSelectorVisible", bool, True), kept("sourceVolumeNodeSelectorVisible", bool, True)
    autoShowSourceVolumeNode, switchToSegmentationsButtonVisible = kept("autoShowSourceVolumeNode", bool, True), kept("switchToSegmentationsButtonVisible", bool, True)
