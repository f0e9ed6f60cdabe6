"""What a name is on a wrapped object: a value, a signal, a function, a constant, or not there at all."""

from functools import cache

from PySide6 import QtCore

from . import index

RENAMED = {"exec_": "exec", "raise_": "raise_", "print_": "print_"}
"""Names that PythonQt changes because they were words of the Python language."""


def qt_class_name(raw_class):
    """The name under which a class is looked up, without the part of the library."""
    return raw_class.__name__


def is_library(raw_class):
    return raw_class.__module__.startswith("PySide6")


@cache
def kind_of(raw_class, name):
    """ "property", "signal", "function", "constant", or None where the index does not list the name for the class.

    Parameters
    ----------
    raw_class : type
        The PySide6 class, or a class of the stand-in named as the class in Slicer.
    name : str
    """
    for one in raw_class.__mro__:
        rows = index.bases_of(qt_class_name(one))
        kinds = (row.kind_of(RENAMED.get(name, name).rstrip("_")) for row in rows)
        kind = next((kind for kind in kinds if kind), None)
        if kind == "public" or not rows and is_library(one):
            kind = _kind_in_library(raw_class, name)
        if kind:
            return kind
    return "function" if name in index.EVERYWHERE else None


def _kind_in_library(raw_class, name):
    """The kind of a name that PySide6 offers: Qt classes outside the index are taken as PySide6 knows them."""
    about = getattr(raw_class, "staticMetaObject", None)
    if about is not None and about.indexOfProperty(name) >= 0:
        return "property"
    value = getattr(raw_class, RENAMED.get(name, name), None)
    if value is None or name.startswith("_"):
        return None
    if isinstance(value, QtCore.Signal):
        return "signal"
    return "function" if callable(value) and not isinstance(value, type) else "constant"


@cache
def is_read_only(raw_class, name):
    """True where the index says that a property has no setter."""
    rows = (row for one in raw_class.__mro__ for row in index.bases_of(qt_class_name(one)) if name in row.properties)
    nearest = next(rows, None)
    return nearest is not None and name in nearest.read_only


def refusal(raw_class, name, what="a property, slot, function or signal"):
    """The sentence that refuses a name."""
    found = index.qt_class(qt_class_name(raw_class))
    where = "the index of Slicer's classes (Testing/Data/slicer_api_qt.json)" if found else "Qt"
    return f"{qt_class_name(raw_class)} has no '{name}': {where} lists no such {what} for it or its bases."


def longest_signature(raw_class, name):
    """The signature of a library's signal with all its arguments, or None where the signal is the stand-in's own."""
    for one in raw_class.__mro__:
        about = getattr(one, "staticMetaObject", None)
        if is_library(one) and about is not None:
            methods = [about.method(number) for number in range(about.methodCount())]
            found = [bytes(one.methodSignature()).decode() for one in methods if bytes(one.name()).decode() == name]
            return max(found, key=lambda text: text.count(",") + ("()" not in text)) if found else None
    return None


def signature_of(raw_class, signature):
    """The normalized signature of a signal, refused where the class does not have it.

    Raises
    ------
    AttributeError
        Where neither the index nor Qt knows the signal.
    """
    plain = bytes(QtCore.QMetaObject.normalizedSignature(signature)).decode()
    for one in raw_class.__mro__:
        if any(plain in row.signatures for row in index.bases_of(qt_class_name(one))):
            return plain
        about = getattr(one, "staticMetaObject", None)
        if is_library(one) and about is not None and about.indexOfSignal(plain) >= 0:
            return plain
    raise AttributeError(refusal(raw_class, signature, "signal"))
