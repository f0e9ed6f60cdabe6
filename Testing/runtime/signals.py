"""Signals as PythonQt offers them: `object.connect("signal(type)", f)` and `object.signal.connect(f)`."""

from PySide6 import QtCore

from .rules import longest_signature, signature_of
from .values import guarded, unwrap, wrap


class Connections:
    """The connections made from Python to one object, kept on it so that they can be undone."""

    @staticmethod
    def of(raw):
        if "_connections" not in raw.__dict__:
            raw._connections = []
        return raw._connections


class Signal:
    """One signal of one object."""

    def __init__(self, raw, name, signature=None):
        self.raw, self.name, self.signature = raw, name, signature

    def connect(self, function):
        """Calls the function whenever the signal is sent; a slot of another object is given as `other.slot`."""
        if not callable(function):
            raise TypeError(f"Signal '{self.name}' can be connected to a function, not to {function!r}.")
        slot = guarded(function)
        self._bound(slot, True)
        Connections.of(self.raw).append((self.key, function, slot))
        return True

    def disconnect(self, function):
        """Undoes `connect`."""
        kept = Connections.of(self.raw)
        for entry in kept:
            if entry[0] == self.key and entry[1] == function:
                kept.remove(entry)
                self._bound(entry[2], False)
                return True
        return False

    def emit(self, *arguments):
        getattr(self.raw, self.name).emit(*(unwrap(one) for one in arguments))

    __call__ = emit

    @property
    def key(self):
        return self.signature or self.name

    def _bound(self, slot, connect):
        longest = longest_signature(type(self.raw), self.name)
        if longest:
            action = QtCore.QObject.connect if connect else QtCore.QObject.disconnect
            action(self.raw, QtCore.SIGNAL(self.signature or longest), slot)
            return
        name = getattr(self.raw, "signalOverloads", {}).get(self.signature, self.name)
        signal = getattr(self.raw, name)
        signal.connect(slot) if connect else signal.disconnect(slot)


def signal_of(raw, signature):
    """The signal of a signature such as "clicked(bool)"."""
    plain = signature_of(type(raw), signature)
    return Signal(raw, plain.partition("(")[0], plain)


def connect(raw, signature, function, slot=None):
    """PythonQt's `connect(signature, function)`, and `connect(signature, receiver, "slot(type)")`."""
    if isinstance(slot, str):
        function = getattr(wrap(unwrap(function)), slot.partition("(")[0])
    return signal_of(raw, signature).connect(function)


def disconnect(raw, signature, function, slot=None):
    if isinstance(slot, str):
        function = getattr(wrap(unwrap(function)), slot.partition("(")[0])
    return signal_of(raw, signature).disconnect(function)
