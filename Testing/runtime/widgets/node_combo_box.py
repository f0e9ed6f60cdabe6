"""Chooses one node of the scene."""

from PySide6.QtCore import Property, Signal
from PySide6.QtWidgets import QComboBox, QVBoxLayout, QWidget

from .scene_watch import SceneWatch, create


def _setting(name, kind):
    """A property that fills the rows anew."""

    def write(self, value):
        self._values[name] = [value] if isinstance(value, str) and kind == "QStringList" else value
        self._fill()

    return Property(kind, lambda self: self._values[name], write)


class qMRMLNodeComboBox(QWidget):
    """A combo box of the nodes of some classes."""

    currentNodeChanged = Signal(object)
    currentNodeChangedAtAll = Signal(bool)
    currentNodeIDChanged = Signal(str)
    nodeAdded = Signal(object)
    nodeAddedByUser = Signal(object)
    nodeActivated = Signal(object)
    signalOverloads = {"currentNodeChanged(bool)": "currentNodeChangedAtAll"}

    def __init__(self, parent=None):
        super().__init__(parent)
        self._box = QComboBox(self)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._box)
        self._values = {
            "nodeTypes": [], "hideChildNodeTypes": [], "noneEnabled": False, "noneDisplay": "", "showHidden": False, "showChildNodeTypes": True,
            "addEnabled": True, "removeEnabled": True, "renameEnabled": False, "editEnabled": False, "selectNodeUponCreation": True, "baseName": "",
            "interactionNodeSingletonTag": "",
        }
        self._nodes, self._attributes, self._current = [], {}, None
        self._watch = SceneWatch(self, self._fill)
        self._box.currentIndexChanged.connect(self._chosen)
        self._box.activated.connect(lambda _row: self.nodeActivated.emit(self._current))

    def mrmlScene(self):
        return self._watch.scene

    def setMRMLScene(self, scene):
        self._watch.setScene(scene)

    def currentNode(self):
        return self._current

    def setCurrentNode(self, node):
        """Chooses a node, by itself or its ID; None chooses nothing."""
        if isinstance(node, str):
            node = self._watch.scene.GetNodeByID(node) if self._watch.scene and node else None
        self._box.setCurrentIndex(self._row_of(node))

    def setCurrentNodeID(self, identifier):
        self.setCurrentNode(identifier or None)

    def setCurrentNodeIndex(self, index):
        self.setCurrentNode(self.nodeFromIndex(index))

    def nodeCount(self):
        return len(self._nodes)

    def nodeFromIndex(self, index):
        return self._nodes[index] if 0 <= index < len(self._nodes) else None

    def addAttribute(self, node_type, name, value=None):
        """Shows of that class only the nodes with the attribute (and the value, where one is given)."""
        self._attributes[node_type, name] = value
        self._fill()

    def removeAttribute(self, node_type, name):
        self._attributes.pop((node_type, name), None)
        self._fill()

    def addNode(self, class_name=None):
        """Makes a node of the first class, as the entry "Create new" does, and chooses it."""
        kind = class_name or self._values["nodeTypes"][0]
        node = create(self._watch.scene, kind, self._values["baseName"] or kind.removeprefix("vtkMRML").removesuffix("Node"))
        self.nodeAddedByUser.emit(node)
        if self._values["selectNodeUponCreation"]:
            self.setCurrentNode(node)
        return node

    def removeCurrentNode(self):
        if self._current is not None:
            self._watch.scene.RemoveNode(self._current)

    def _fits(self, node):
        wanted = [(name, value) for (kind, name), value in self._attributes.items() if node.IsA(kind)]
        return all(node.GetAttribute(name) is not None and value in (None, node.GetAttribute(name)) for name, value in wanted)

    def _fill(self):
        values = self._values
        before = self._nodes
        self._nodes = [one for one in self._watch.nodes(values["nodeTypes"], values["hideChildNodeTypes"], values["showHidden"]) if self._fits(one)]
        self._watch.follow(self._nodes)
        self._box.blockSignals(True)
        self._box.clear()
        if values["noneEnabled"]:
            self._box.addItem(values["noneDisplay"] or "None")
        self._box.addItems([one.GetName() or "" for one in self._nodes])
        still = self._current if self._current in self._nodes else None
        if still is None and not values["noneEnabled"] and self._nodes and not self._keeps_empty():
            still = self._nodes[0]
        self._box.setCurrentIndex(self._row_of(still))
        self._box.blockSignals(False)
        for node in self._nodes:
            if node not in before:
                self.nodeAdded.emit(node)
        self._filled()
        self._set_current(still)

    def _keeps_empty(self):
        """True where the first node is not chosen by itself."""
        return False

    def _filled(self):
        """For a subclass: the rows are new."""

    def _row_of(self, node):
        offset = 1 if self._values["noneEnabled"] else 0
        return self._nodes.index(node) + offset if node in self._nodes else offset - 1

    def _chosen(self, row):
        index = row - (1 if self._values["noneEnabled"] else 0)
        self._set_current(self._nodes[index] if 0 <= index < len(self._nodes) else None)

    def _set_current(self, node):
        if node is self._current:
            return
        self._current = node
        self.currentNodeChanged.emit(node)
        self.currentNodeChangedAtAll.emit(node is not None)
        self.currentNodeIDChanged.emit(node.GetID() or "" if node is not None else "")

    nodeTypes, hideChildNodeTypes = _setting("nodeTypes", "QStringList"), _setting("hideChildNodeTypes", "QStringList")
    noneEnabled, noneDisplay, showHidden = _setting("noneEnabled", bool), _setting("noneDisplay", str), _setting("showHidden", bool)
    addEnabled, removeEnabled, renameEnabled, editEnabled = (_setting(f"{one}Enabled", bool) for one in ("add", "remove", "rename", "edit"))
    selectNodeUponCreation, baseName = _setting("selectNodeUponCreation", bool), _setting("baseName", str)
    showChildNodeTypes, interactionNodeSingletonTag = _setting("showChildNodeTypes", bool), _setting("interactionNodeSingletonTag", str)
    currentNodeID = Property(str, lambda self: self._current.GetID() or "" if self._current is not None else "", setCurrentNodeID)
    currentNodeId = Property(str, lambda self: self._current.GetID() or "" if self._current is not None else "", setCurrentNode)
