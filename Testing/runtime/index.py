"""The index of names that exist in 3D Slicer: what the stand-in may offer, and nothing else."""

import json
from functools import cache
from pathlib import Path

DATA = Path(__file__).resolve().parents[1] / "Data"
QT_FILE, PYTHON_FILE = "slicer_api_qt.json", "slicer_api_python.json"
EVERYWHERE = {"className", "connect", "delete", "disconnect", "help", "inherits", "name"}
"""What PythonQt adds to every object it wraps; `name` is another word for `objectName`."""


class QtClass:
    """One class of the index: which of its names are values, signals, functions or enumeration values.

    Parameters
    ----------
    name : str
    row : dict
        The row of `slicer_api_qt.json`, keys as the README of the index explains them.
    """

    def __init__(self, name, row):
        self.name = name
        self.base = row.get("base")
        self.is_library = "library" in row
        properties = row.get("properties", {})
        self.properties = {*properties, *row.get("property_names", ())}
        self.read_only = {one for one, what in properties.items() if "write" not in what}
        self.signatures = set(row.get("signals", ()))
        self.signals = {one.partition("(")[0] for one in self.signatures}
        functions = [*row.get("slots", ()), *row.get("invokables", ()), *(row.get("decorated") or ())]
        self.functions = {one.partition("(")[0] for one in functions}
        enums = row.get("enums", {})
        self.constants = {*enums} | {value for enum in enums.values() for value in _values_of(enum)}
        self.public_names = set(row.get("public_names", ()))
        self.constructible = row.get("constructors") != []
        self.python = row.get("python")

    def kind_of(self, name):
        """ "property", "signal", "function", "constant", "public" (a library's own name, of whichever kind), or None."""
        kinds = (
            ("property", self.properties),
            ("signal", self.signals),
            ("function", self.functions),
            ("constant", self.constants),
            ("public", self.public_names),
        )
        return next((kind for kind, names in kinds if name in names), None)


def _values_of(enum):
    values = enum.get("values", enum) if isinstance(enum, dict) else enum
    return [one for one in values if one != "flag"]


@cache
def qt_rows():
    """Class name -> row, as they stand in Testing/Data."""
    return json.loads((DATA / QT_FILE).read_text(encoding="utf-8"))


@cache
def python_rows():
    """Dotted name -> row: `slicer.util.*`, the class lists of `slicer` and `ctk`, the submodules."""
    return json.loads((DATA / PYTHON_FILE).read_text(encoding="utf-8"))


@cache
def qt_class(name):
    """The class of that name, or None where the index does not list it."""
    row = qt_rows().get(name)
    return QtClass(name, row) if row is not None else None


@cache
def bases_of(name):
    """The class of that name and its bases, as the index has them; empty where it does not list the class."""
    found = qt_class(name)
    return () if found is None else (found, *bases_of(found.base))


def classes_of(module):
    """Names of the Qt classes that `slicer` or `ctk` offers."""
    return set(python_rows()[f"{module} (Qt classes)"]["names"])
