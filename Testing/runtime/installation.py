"""Puts the stand-in in the place of the application."""

import importlib
import os
import sys
import types

_state = {}


def why_not():
    """None where the stand-in can run here, or the sentence that says what is missing."""
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    if sys.platform == "linux" and not os.environ.get("DISPLAY"):
        os.environ.setdefault("VTK_DEFAULT_OPENGL_WINDOW", "vtkEGLRenderWindow")
    for name, package in (("PySide6.QtWidgets", "PySide6-Essentials"), ("PySide6.QtUiTools", "PySide6-Essentials"), ("slicer_core", "slicer-core")):
        try:
            importlib.import_module(name)
        except ImportError as error:
            return f"{package} cannot be loaded ({error}): pip install -r requirements/test.txt, and the libraries that Qt needs."
    return None


def install():
    """Makes `import slicer, qt, ctk` work, with a scene, a main window and the views; once a process.

    Returns
    -------
    slicer : module
    """
    if _state:
        return _state["slicer"]
    reason = why_not()
    if reason:
        raise ImportError(reason)
    import slicer

    slicer.mrmlScene = slicer.vtkMRMLScene()
    _state["slicer"] = slicer
    _qt_modules(slicer)
    _python_modules(slicer)
    _application(slicer)
    return slicer


def load_module(path):
    """Loads a scripted module from its file; returns `slicer.modules.<name>`."""
    from . import modules

    loaded = modules.load(path)
    _state["application"].startupCompleted.emit()
    return loaded


def close():
    """Ends the views and modules; the process can only end after it."""
    if "window" in _state:
        from . import modules

        for name in modules.MANAGER.modulesNames():
            modules.MANAGER.moduleAboutToBeUnloaded.emit(name)
        _state["window"].hide()
        _state["application"].processEvents()


def _qt_modules(slicer):
    from . import index, qt_module
    from .faces import face_class

    sys.modules["qt"] = qt_module.module()
    from .application import qSlicerApplication
    from .widgets import WIDGETS

    _state["application"] = qSlicerApplication()
    from . import layout_manager, main_window, modules
    from .widgets import plot_view, slice_controller, slice_view, slice_widget

    classes = dict(WIDGETS)
    for module in (layout_manager, main_window, modules, plot_view, slice_controller, slice_view, slice_widget):
        classes |= {name: one for name, one in vars(module).items() if name.startswith("q") and isinstance(one, type)}
    sys.modules["ctk"] = _ctk_module(classes)
    slicer.__getattr__ = _refusing("slicer")
    for name, one in classes.items():
        if name.startswith("q") and name in index.classes_of("slicer"):
            setattr(slicer, name, face_class(one))


def _ctk_module(classes):
    from .faces import face_class

    ctk = types.ModuleType("ctk", "The classes of CTK that the stand-in has.")
    ctk.__getattr__ = _refusing("ctk")
    for name, one in classes.items():
        if name.startswith("ctk"):
            setattr(ctk, name, face_class(one))
    return ctk


def _refusing(module):
    from . import index

    def refuse(name):
        if name in index.classes_of(module):
            raise AttributeError(f"The stand-in has no {module}.{name} yet, though Slicer does: add it in Testing/runtime.")
        raise AttributeError(f"{module} has no '{name}': the index of Slicer's names lists no such class.")

    return refuse


def _python_modules(slicer):
    slicer.modules = types.ModuleType("slicer.modules", "One attribute a module.")
    slicer.selfTests = {}
    from . import i18n

    _put(slicer, "i18n", i18n)
    slicer.app = _wrapped(_state["application"])
    from . import parameters, scripted_module

    _put(slicer, "parameterNodeWrapper", parameters)
    _put(slicer, "ScriptedLoadableModule", scripted_module)


def _put(slicer, name, module):
    setattr(slicer, name, module)
    sys.modules[f"slicer.{name}"] = module


def _wrapped(raw):
    from .values import wrap

    return wrap(raw)


def _application(slicer):
    from . import modules
    from .layout_manager import qSlicerLayoutManager
    from .main_window import qSlicerMainWindow

    application = _state["application"]
    application.start(modules.MANAGER)
    modules.load_logics(application.applicationLogic())
    _state["window"] = qSlicerMainWindow()
    _state["window"].moduleSelector().setModuleManager(modules.MANAGER)
    application.setLayoutManager(qSlicerLayoutManager(_state["window"].viewport(), application.applicationLogic()))
    application.startupCompleted.emit()
