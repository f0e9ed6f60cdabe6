"""Values that cross between Python and Qt: enumerations are integers, lists come back as tuples, functions may fail."""

import enum
import sys

from shiboken6 import Shiboken


class QtEnum(int):
    """An enumeration or flag value: an `int`, as PythonQt gives it, that remembers what Qt needs back."""

    def __new__(cls, raw):
        self = super().__new__(cls, raw.value)
        self.raw = raw
        return self

    def _combined(self, other, operation):
        theirs = getattr(other, "raw", other)
        try:
            return wrap(operation(self.raw, theirs))
        except TypeError:
            return operation(int(self), int(other))

    def __or__(self, other):
        return self._combined(other, lambda a, b: a | b)

    def __and__(self, other):
        return self._combined(other, lambda a, b: a & b)

    def __xor__(self, other):
        return self._combined(other, lambda a, b: a ^ b)

    __ror__, __rand__, __rxor__ = __or__, __and__, __xor__

    def __invert__(self):
        try:
            return wrap(~self.raw)
        except TypeError:
            return ~int(self)

    def __repr__(self):
        return str(int(self))


NOT_RETURNED = {"QFontInfo", "QFontMetrics", "QFontMetricsF"}
"""Classes without an empty constructor: PythonQt can make them (`qt.QFontMetrics(font)`), and cannot hand on one that a function returns."""


def wrap(value):
    """What Python code sees of a value that Qt gave."""
    from .faces import face

    if type(value).__name__ in NOT_RETURNED:
        raise ValueError(f"A {type(value).__name__} that a function of Qt returns is unknown to PythonQt: make one, as with qt.QFontMetrics(widget.font).")
    if isinstance(value, Shiboken.Object):
        return face(value)
    if isinstance(value, enum.Enum) and type(value).__module__.startswith("PySide6"):
        return QtEnum(value)
    if isinstance(value, (list, tuple)):
        return tuple(wrap(one) for one in value)
    if isinstance(value, dict):
        return {key: wrap(one) for key, one in value.items()}
    return value


def unwrap(value):
    """What Qt gets for a value that Python code gave."""
    from .faces import Face, raw_of

    if isinstance(value, Face):
        return raw_of(value)
    if isinstance(value, QtEnum):
        return value.raw
    if isinstance(value, (list, tuple)):
        return [unwrap(one) for one in value]
    if isinstance(value, dict):
        return {key: unwrap(one) for key, one in value.items()}
    if isinstance(value, type) and issubclass(value, Face):
        return value._rawClass
    if callable(value) and not isinstance(value, type):
        return guarded(value)
    return value


def guarded(function):
    """A function for Qt to call: it gets as many arguments as it takes, and what it raises is printed, as PythonQt does."""

    def call(*arguments):
        try:
            return unwrap(function(*fitting(function, [wrap(one) for one in arguments])))
        except Exception:  # a slot ends here: Qt cannot take a Python exception
            sys.excepthook(*sys.exc_info())

    return call


def fitting(function, arguments):
    """The first arguments, as many as the function can take."""
    code = getattr(getattr(function, "__func__", function), "__code__", None)
    if code is None or code.co_flags & 0x04:
        return arguments
    return arguments[: code.co_argcount - (1 if hasattr(function, "__self__") else 0)]
