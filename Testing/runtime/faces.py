"""Objects of Qt as PythonQt shows them: properties are values, names that do not exist are refused."""

import weakref
from functools import cache

from PySide6 import QtCore
from shiboken6 import Shiboken

from . import index, modality, signals
from .rules import RENAMED, is_read_only, kind_of, refusal
from .values import guarded, unwrap, wrap

_nothing = object()
_alive = weakref.WeakValueDictionary()


def raw_of(one):
    return object.__getattribute__(one, "_raw")


class FaceType(type):
    """The class of a wrapped class: makes `qt.QLabel.Ok` and `qt.QTimer.singleShot` work, and Python subclasses."""

    def __init__(cls, name, bases, namespace):
        super().__init__(name, bases, namespace)
        if "_rawClass" not in namespace and bases:
            cls._rawClass = _subclass(name, cls._rawClass, namespace)
            cls._isPythonClass = True

    def __getattr__(cls, name):
        raw_class = type.__getattribute__(cls, "_rawClass")
        if name.startswith("__") or kind_of(raw_class, name) is None:
            raise AttributeError(refusal(raw_class, name))
        return _seen(raw_class, RENAMED.get(name, name))


class Face(metaclass=FaceType):
    """One wrapped object."""

    _rawClass = Shiboken.Object
    _isPythonClass = False

    def __init__(self, *arguments):
        raw_class = type(self)._rawClass
        row = index.qt_class(raw_class.__name__)
        if row and not row.constructible:
            raise TypeError(f"{raw_class.__name__} cannot be created from Python: the index lists no constructor for it.")
        raw = raw_class(*(unwrap(one) for one in arguments))
        object.__setattr__(self, "_raw", raw)
        _remember(self, raw)

    def __getattr__(self, name):
        raw = raw_of(self)
        if name.startswith("__"):
            raise AttributeError(name)
        kind = kind_of(type(raw), name)
        if kind is None:
            return _dynamic(raw, name)
        if isinstance(raw, QtCore.QObject) and name in EXTRAS and kind == "function":
            return EXTRAS[name](raw)
        if kind == "property":
            return wrap(_property(raw, name))
        if kind == "signal":
            return signals.Signal(raw, name)
        return _seen(raw, RENAMED.get(name, name))

    def __setattr__(self, name, value):
        raw = raw_of(self)
        kind = kind_of(type(raw), name)
        if kind == "property":
            return _set_property(raw, name, unwrap(value))
        if name == "name" and isinstance(raw, QtCore.QObject):
            return raw.setObjectName(value)
        if type(self)._isPythonClass or not isinstance(raw, QtCore.QObject):
            return object.__setattr__(self, name, value)
        if kind:
            raise AttributeError(f"'{name}' of {type(raw).__name__} is a {kind}: nothing can be assigned to it.")
        raise AttributeError(refusal(type(raw), name, "property"))

    def __bool__(self):
        return Shiboken.isValid(raw_of(self))

    def __eq__(self, other):
        return isinstance(other, Face) and (raw_of(self) is raw_of(other) or raw_of(self) == raw_of(other))

    def __ne__(self, other):
        return not self == other

    def __hash__(self):
        return hash(raw_of(self))

    def __repr__(self):
        return f"{type(self).__name__} (C++ {raw_of(self)!r})"

    def __dir__(self):
        return [name for name in dir(raw_of(self)) if kind_of(type(raw_of(self)), name)]


def face(raw):
    """The face of an object, the same one as long as somebody holds it."""
    mine = getattr(raw, "_pythonFace", None)
    if mine is not None:
        return mine
    key = _key(raw)
    found = _alive.get(key)
    if found is None or raw_of(found) is not raw:
        found = object.__new__(face_class(type(raw)))
        object.__setattr__(found, "_raw", raw)
        _alive[key] = found
    return found


@cache
def face_class(raw_class):
    """The face class of a Qt class; the bases are the faces of its bases."""
    bases = tuple(face_class(one) for one in raw_class.__bases__ if issubclass(one, Shiboken.Object) and one is not Shiboken.Object)
    return FaceType(raw_class.__name__, bases or (Face,), {"_rawClass": raw_class, "__doc__": f"The face of {raw_class.__name__}."})


def _key(raw):
    return Shiboken.getCppPointer(raw)[0]


def _remember(one, raw):
    if type(one)._isPythonClass:
        raw._pythonFace = one
    else:
        _alive[_key(raw)] = one


def _subclass(name, raw_class, namespace):
    """The Qt class of a Python subclass: the virtual functions that it overrides call back into Python."""

    def override(function):
        return lambda raw, *arguments: guarded(lambda *given: function(face(raw), *given))(*arguments)

    overridden = {one: override(what) for one, what in namespace.items() if callable(what) and not one.startswith("__") and hasattr(raw_class, one)}
    namespace_class = type(name, (raw_class,), overridden)
    return namespace_class


def _seen(owner, name):
    """A function or a constant of an object or a class."""
    value = getattr(owner, name, _nothing)
    if value is _nothing:
        raise AttributeError(_gap(owner if isinstance(owner, type) else type(owner), name))
    if isinstance(value, type) and issubclass(value, Shiboken.Object):
        return face_class(value)
    if not callable(value) or isinstance(value, type):
        return wrap(value)

    def call(*arguments):
        modality.check(owner, name)
        return wrap(value(*(unwrap(one) for one in arguments)))

    call.__name__ = name
    return call


def _property(raw, name):
    for getter in (name, "is" + name[0].upper() + name[1:]):
        value = getattr(raw, getter, _nothing)
        if value is not _nothing:
            break
    else:
        if raw.metaObject().indexOfProperty(name) < 0:
            raise AttributeError(_gap(type(raw), name))
        return raw.property(name)
    return value() if callable(value) else value


def _set_property(raw, name, value):
    if is_read_only(type(raw), name):
        raise AttributeError(f"'{name}' of {type(raw).__name__} can only be read.")
    setter = getattr(raw, "set" + name[0].upper() + name[1:], None)
    if setter is not None:
        setter(value)
    elif isinstance(getattr(type(raw), name, None), QtCore.Property):
        setattr(raw, name, value)
    elif raw.metaObject().indexOfProperty(name) < 0:
        raise AttributeError(_gap(type(raw), name))
    elif not raw.setProperty(name, value):
        raise AttributeError(f"'{name}' of {type(raw).__name__} does not take {value!r}.")


def _gap(raw_class, name):
    return f"The stand-in's {raw_class.__name__} has no '{name}' yet, though Slicer's has: add it in Testing/runtime."


def _dynamic(raw, name):
    """The value of a property that was added to the object itself, as PythonQt also finds it."""
    if isinstance(raw, QtCore.QObject) and name.encode() in [bytes(one) for one in raw.dynamicPropertyNames()]:
        return wrap(raw.property(name))
    raise AttributeError(refusal(type(raw), name))


def _find_children(raw):
    def find(kind=QtCore.QObject, name=""):
        raw_class = kind._rawClass if isinstance(kind, type) else QtCore.QObject
        found = raw.findChildren(raw_class, name) if name else raw.findChildren(raw_class)
        if isinstance(kind, str):
            found = [one for one in found if kind in [base.__name__ for base in type(one).__mro__]]
        return wrap(found)

    return find


EXTRAS = {
    "name": lambda raw: raw.objectName(),
    "className": lambda raw: lambda: type(raw).__name__,
    "inherits": lambda raw: lambda name: name in [one.__name__ for one in type(raw).__mro__],
    "connect": lambda raw: lambda *arguments: signals.connect(raw, *arguments),
    "disconnect": lambda raw: lambda *arguments: signals.disconnect(raw, *arguments),
    "delete": lambda raw: lambda: Shiboken.delete(raw),
    "findChildren": _find_children,
    "findChild": lambda raw: lambda *arguments: next(iter(_find_children(raw)(*arguments)), None),
    "help": lambda raw: lambda: "\n".join(dir(face(raw))),
}
"""What PythonQt does itself, whatever the class."""
