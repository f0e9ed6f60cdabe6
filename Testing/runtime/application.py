"""`slicer.app`: the application object, with the scene and the logic of MRML behind it."""

import sys
import tempfile

import slicer
import vtk
from PySide6.QtCore import Property, QProcessEnvironment, QSettings, Signal, qInstallMessageHandler
from PySide6.QtWidgets import QApplication

from . import orientation
from .io_manager import qSlicerCoreIOManager

VERSION = (5, 13)


def _print(_kind, _context, text):
    """Qt's messages on the error output, without the offscreen platform's remark on itself."""
    if "propagateSizeHints" not in text:
        print(text, file=sys.stderr)


class qSlicerApplication(QApplication):
    """The one application; `start` makes the scene, and the main window is made after it."""

    startupCompleted = Signal()
    mrmlSceneChanged = Signal(object)
    renderPaused = Signal(bool)

    def __init__(self):
        qInstallMessageHandler(_print)
        super().__init__([sys.argv[0]])
        self.setApplicationName("Slicer")
        self.setOrganizationName("P2SAM stand-in")
        self.setApplicationVersion("%d.%d.0" % VERSION)
        self.setStyle("Fusion")
        self._folder = tempfile.TemporaryDirectory(prefix="slicer-stand-in-")
        QSettings.setDefaultFormat(QSettings.Format.IniFormat)
        for scope in (QSettings.Scope.UserScope, QSettings.Scope.SystemScope):
            QSettings.setPath(QSettings.Format.IniFormat, scope, self._folder.name)
        self._layouts, self._modules, self._logic = None, None, slicer.vtkSlicerApplicationLogic()

    def start(self, modules):
        """Puts the scene into the application logic.

        Parameters
        ----------
        modules : qSlicerModuleManager
        """
        scene = slicer.mrmlScene
        self._modules = modules
        slicer.vtkMRMLSliceViewDisplayableManagerFactory.GetInstance().SetMRMLApplicationLogic(self._logic)
        self._logic.SetSliceLogics(vtk.vtkCollection())
        self._logic.SetViewLogics(vtk.vtkCollection())
        self._logic.SetMRMLScene(scene)
        self._logic.GetColorLogic().SetMRMLScene(scene)
        self._logic.GetColorLogic().AddDefaultColorNodes()
        orientation.prepare(scene)
        crosshair = slicer.vtkMRMLCrosshairNode()
        crosshair.SetCrosshairName("default")
        scene.AddNode(crosshair)
        scene.SetRootDirectory(self._folder.name)
        self._files = qSlicerCoreIOManager()

    def setLayoutManager(self, manager):
        self._layouts = manager

    def layoutManager(self):
        return self._layouts

    def moduleManager(self):
        return self._modules

    def coreIOManager(self):
        return self._files

    ioManager = coreIOManager

    def applicationLogic(self):
        return self._logic

    def mrmlScene(self):
        return slicer.mrmlScene

    def moduleLogic(self, name):
        return self._logic.GetModuleLogic(name)

    def testingEnabled(self):
        return True

    def settings(self):
        return QSettings()

    userSettings = revisionUserSettings = settings

    def startupEnvironment(self):
        return QProcessEnvironment.systemEnvironment()

    environment = startupEnvironment

    def setRenderPaused(self, paused):
        if self._layouts is not None:
            self._layouts.setRenderPaused(paused)
        self.renderPaused.emit(paused)

    def pauseRender(self):
        self.setRenderPaused(True)

    def resumeRender(self):
        self.setRenderPaused(False)

    def restart(self):
        raise AssertionError("The module asked to restart the application; the stand-in has nothing to restart.")

    def moduleDocumentationUrl(self, name):
        return f"https://slicer.readthedocs.io/en/latest/user_guide/modules/{name.lower()}.html"

    temporaryPath = Property(str, lambda self: self._folder.name, lambda self, value: None)
    cachePath = Property(str, lambda self: self._folder.name)
    slicerHome = Property(str, lambda self: sys.prefix)
    majorVersion, minorVersion = Property(int, lambda self: VERSION[0]), Property(int, lambda self: VERSION[1])
    revision, repositoryRevision = Property(str, lambda self: "0"), Property(str, lambda self: "0")
    os, arch = Property(str, lambda self: {"darwin": "macosx", "win32": "win"}.get(sys.platform, sys.platform)), Property(str, lambda self: "amd64")
    documentationBaseUrl = Property(str, lambda self: "https://slicer.readthedocs.io/en/latest/")
    launcherExecutableFilePath = Property(str, lambda self: "")
    extensionsInstallPath = Property(str, lambda self: self._folder.name)
