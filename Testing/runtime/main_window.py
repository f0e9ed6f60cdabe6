"""The main window: the module at the left, the views at the right."""

from PySide6.QtCore import Property, Qt, Signal
from PySide6.QtWidgets import QComboBox, QDockWidget, QLabel, QMainWindow, QScrollArea, QToolBar, QVBoxLayout, QWidget

PANEL_WIDTH = 480


class qSlicerModuleSelectorToolBar(QToolBar):
    """Chooses the module."""

    moduleSelected = Signal(str)

    def __init__(self, parent=None):
        super().__init__(parent)
        self._box, self._name, self._manager = QComboBox(), "", None
        self._box.setMinimumWidth(260)
        self.addWidget(QLabel(" Modules:  "))
        self.addWidget(self._box)
        self._box.textActivated.connect(lambda title: self.selectModule(self._manager.nameOf(title)))

    def setModuleManager(self, manager):
        self._manager = manager
        manager.moduleLoaded.connect(lambda _name: self._fill())
        self._fill()

    def _fill(self):
        self._box.clear()
        self._box.addItems([self._manager.module(name).title for name in self._manager.modulesNames()])
        self._box.setCurrentIndex(-1)

    def selectModule(self, name):
        """Leaves the module that is shown and enters another."""
        module = self._manager.module(name)
        if module is None or name == self._name:
            return
        self._name = name
        self._box.setCurrentText(module.title)
        self.moduleSelected.emit(name)

    selectedModule = Property(str, lambda self: self._name, selectModule)


class qSlicerMainWindow(QMainWindow):
    """Module panel, views, status bar."""

    initialWindowShown = Signal()

    def __init__(self):
        super().__init__()
        self.setObjectName("qSlicerMainWindow")
        self.setWindowTitle("3D Slicer (stand-in)")
        self._selector, self._entered = qSlicerModuleSelectorToolBar(self), None
        self.addToolBar(self._selector)
        self._selector.moduleSelected.connect(self._show)
        self._views = QWidget()
        self._views.setObjectName("CentralWidget")
        self.setCentralWidget(self._views)
        self._scroll = QScrollArea()
        self._scroll.setWidgetResizable(True)
        self._scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAsNeeded)
        dock = QDockWidget("Module Panel", self)
        dock.setObjectName("PanelDockWidget")
        dock.setWidget(self._scroll)
        dock.setMinimumWidth(PANEL_WIDTH)
        self.addDockWidget(Qt.DockWidgetArea.LeftDockWidgetArea, dock)
        self._panel = QWidget()
        self._panel.setObjectName("ModulePanel")
        QVBoxLayout(self._panel).setContentsMargins(0, 0, 0, 0)
        self._scroll.setWidget(self._panel)
        self.statusBar()
        self.resize(1400, 900)

    def moduleSelector(self):
        return self._selector

    def viewport(self):
        return self._views

    def _show(self, name):
        from .modules import MANAGER

        if self._entered is not None:
            self._entered.exit()
            self._entered.setParent(None)
        widget = MANAGER.module(name).widgetRepresentation()
        self._panel.layout().addWidget(widget)
        widget.show()
        widget.enter()
        self._entered = widget
