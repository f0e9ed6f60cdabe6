"""Modules: the loadable ones' logic that slicer-core brings, and the scripted ones that a test loads."""

import importlib.util
import sys
from pathlib import Path

import slicer
from PySide6.QtCore import Property, QObject, Signal
from PySide6.QtGui import QIcon
from PySide6.QtWidgets import QVBoxLayout

from .kept import kept
from .values import wrap
from .widgets.mrml_widget import qSlicerWidget
from .widgets.segment_editor import qMRMLSegmentEditorWidget

LOGICS = {
    "Volumes": "vtkSlicerVolumesLogic",
    "Markups": "vtkSlicerMarkupsLogic",
    "Segmentations": "vtkSlicerSegmentationsModuleLogic",
    "SubjectHierarchy": "vtkSlicerSubjectHierarchyModuleLogic",
    "Tables": "vtkSlicerTablesLogic",
    "Texts": "vtkSlicerTextsLogic",
    "Plots": "vtkSlicerPlotsLogic",
    "Transforms": "vtkSlicerTransformLogic",
    "Terminologies": "vtkSlicerTerminologiesModuleLogic",
}


class qSlicerAbstractModuleWidget(qSlicerWidget):
    """The panel of a module."""

    def __init__(self, module):
        super().__init__()
        self._module, self._entered = module, False
        QVBoxLayout(self)

    def module(self):
        return self._module

    def enter(self):
        self._entered = True

    def exit(self):
        self._entered = False

    isEntered = Property(bool, lambda self: self._entered)


class qSlicerScriptedLoadableModuleWidget(qSlicerAbstractModuleWidget):
    """The panel of a scripted module: its Python class does the work."""

    def __init__(self, module):
        super().__init__(module)
        self._python = None
        self.reload()

    def self(self):
        return self._python

    def reload(self):
        """Makes the Python widget anew, from the file as it was read last."""
        name = self._module.name
        widget_class = getattr(sys.modules[name], f"{name}Widget")
        try:
            self._python = widget_class(wrap(self))
            setattr(slicer.modules, f"{name}Widget", self._python)
            self.setMRMLScene(slicer.mrmlScene)
            self._python.setup()
        except Exception:  # Slicer prints what a module's panel raises, and goes on
            sys.excepthook(*sys.exc_info())

    def enter(self):
        super().enter()
        getattr(self._python, "enter", lambda: None)()

    def exit(self):
        super().exit()
        getattr(self._python, "exit", lambda: None)()

    moduleName = Property(str, lambda self: self._module.name)


class SegmentEditorModuleWidget:
    """The Python widget of Slicer's own Segment Editor module, as far as other modules reach into it."""

    def __init__(self, parent):
        raw = qMRMLSegmentEditorWidget()
        raw.setMRMLScene(slicer.mrmlScene)
        self.parent, self.editor = parent, wrap(raw)
        parent.layout().addWidget(self.editor)
        self.parameterSetNode = None

    def setup(self):
        self.selectParameterNode()

    def enter(self):
        self.selectParameterNode()

    def selectParameterNode(self):
        """Finds or makes the Segment Editor's own node, as the module does when it is entered."""
        node = slicer.mrmlScene.GetSingletonNode("SegmentEditor", "vtkMRMLSegmentEditorNode")
        if node is None:
            node = slicer.mrmlScene.CreateNodeByClass("vtkMRMLSegmentEditorNode")
            node.UnRegister(None)
            node.SetSingletonTag("SegmentEditor")
            node = slicer.mrmlScene.AddNode(node)
        self.parameterSetNode = node
        self.editor.setMRMLSegmentEditorNode(node)


class qSlicerAbstractModule(QObject):
    """What the application knows of a module."""

    def __init__(self, name, path=""):
        super().__init__()
        self.setObjectName(f"{name}Module")
        self._name, self._values, self._logic, self._widget = name, {"title": name, "path": str(path)}, None, None

    def logic(self):
        return self._logic

    def mrmlScene(self):
        return slicer.mrmlScene

    def createNewWidgetRepresentation(self):
        return qSlicerAbstractModuleWidget(self)

    def widgetRepresentation(self):
        if self._widget is None:
            self._widget = self.createNewWidgetRepresentation()
        return self._widget

    name = Property(str, lambda self: self._name)
    path, title, helpText, acknowledgementText = (kept(one, str, "") for one in ("path", "title", "helpText", "acknowledgementText"))
    categories, contributors, dependencies = (kept(one, "QStringList", []) for one in ("categories", "contributors", "dependencies"))
    associatedNodeTypes, extensions = kept("associatedNodeTypes", "QStringList", []), kept("extensions", "QVariant", [])
    icon, hidden, index = kept("icon", QIcon, QIcon()), kept("hidden", bool, False), kept("index", int, -1)
    widgetRepresentationCreationEnabled = kept("widgetRepresentationCreationEnabled", bool, True)


class qSlicerLoadableModule(qSlicerAbstractModule):
    """A module of Slicer's own, with its logic from slicer-core."""


class qSlicerScriptedLoadableModule(qSlicerLoadableModule):
    """A module in Python."""

    def createNewWidgetRepresentation(self):
        return qSlicerScriptedLoadableModuleWidget(self)


class qSlicerModuleFactoryManager(QObject):
    """The names of what is loaded."""

    def loadedModuleNames(self):
        return MANAGER.modulesNames()

    def isLoaded(self, name):
        return name in MANAGER.modulesNames()


class qSlicerModuleManager(QObject):
    """Finds modules by name."""

    moduleLoaded = Signal(str)
    moduleAboutToBeUnloaded = Signal(str)

    def __init__(self):
        super().__init__()
        self._modules, self._factory = {}, qSlicerModuleFactoryManager()

    def module(self, name):
        return self._modules.get(name)

    def modulesNames(self):
        return list(self._modules)

    def factoryManager(self):
        return self._factory

    def nameOf(self, title):
        return next(name for name, one in self._modules.items() if one.title == title)

    def add(self, module):
        self._modules[module.name] = module
        setattr(slicer.modules, module.name.lower(), wrap(module))
        self.moduleLoaded.emit(module.name)


MANAGER = qSlicerModuleManager()


def load_logics(application_logic):
    """Registers the logic of Slicer's own modules, as the application does at its start."""
    application_logic.SetModuleLogic("Colors", application_logic.GetColorLogic())
    for name, class_name in LOGICS.items():
        module = qSlicerLoadableModule(name)
        if hasattr(slicer, class_name):
            module._logic = getattr(slicer, class_name)()
            module._logic.SetMRMLApplicationLogic(application_logic)
            if name != "Terminologies":  # its files are not in slicer-core
                module._logic.SetMRMLScene(slicer.mrmlScene)
            application_logic.SetModuleLogic(name, module._logic)
        MANAGER.add(module)
    own = type(sys)("SegmentEditor")
    own.SegmentEditorWidget = SegmentEditorModuleWidget
    sys.modules.setdefault("SegmentEditor", own)
    editor = qSlicerScriptedLoadableModule("SegmentEditor")
    editor.title = "Segment Editor"
    MANAGER.add(editor)


def load(path):
    """Loads a scripted module from its file, as the application does at its start.

    Parameters
    ----------
    path : path-like
        `<Name>.py`, with the classes `<Name>`, `<Name>Widget`, ...
    """
    path = Path(path).resolve()
    if str(path.parent) not in sys.path:
        sys.path.insert(0, str(path.parent))
    spec = importlib.util.spec_from_file_location(path.stem, path)
    python = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = python
    spec.loader.exec_module(python)
    module = qSlicerScriptedLoadableModule(path.stem, path)
    module.title = ""
    instance = getattr(python, path.stem)(wrap(module))
    setattr(slicer.modules, f"{path.stem}Instance", instance)
    MANAGER.add(module)
    getattr(instance, "setup", lambda: None)()
    return wrap(module)
