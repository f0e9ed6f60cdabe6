"""A stand-in for 3D Slicer's application, to test the module's panel where Slicer cannot be installed.

`install()` puts the modules `slicer`, `qt` and `ctk` into `sys.modules`: real MRML from the `slicer-core` wheel, Qt from
PySide6, shown as PythonQt shows it, and only with names that the index in Testing/Data lists. `load_module(path)` loads a
scripted module as Slicer does. README.md beside this file says what is real and what is not.
"""

from .installation import close, install, load_module, why_not

__all__ = ["close", "install", "load_module", "why_not"]
