"""Properties that a class of the stand-in only remembers."""

from PySide6.QtCore import Property


def kept(name, kind, start=None):
    """A Qt property that stands in the object's `_values`.

    Parameters
    ----------
    name : str
    kind : type or str
        As PySide6's Property takes it.
    start : object, optional
        The value before one is given; the empty one of the type where left out.
    """

    def write(self, value):
        self._values[name] = value

    return Property(kind, lambda self: self._values.get(name, kind() if start is None and isinstance(kind, type) else start), write)
