"""How values of each type are written into the parameter node: the same names and texts as in Slicer, so that scenes can be exchanged."""

import collections.abc
import pathlib
import typing

import slicer
import slicer.util


class Plain:
    """int, float, str, bool, paths: one parameter of the node."""

    def __init__(self, kind):
        self.kind = kind
        self.start = {bool: False, str: "", int: 0, float: 0.0}.get(kind, None if kind not in PATHS else kind())

    def check(self, value):
        allowed = (int, float) if self.kind is float else self.kind
        if not isinstance(value, allowed):
            raise TypeError(f"Value of type {self.kind.__name__} expected, not {value!r}.")

    def is_in(self, node, name):
        return bool(node.HasParameter(name))

    def write(self, node, name, value):
        self.check(value)
        node.SetParameter(name, str(value) if self.kind is not bool else ("True" if value else "False"))

    def read(self, node, name):
        text = node.GetParameter(name)
        return text == "True" if self.kind is bool else self.kind(text)

    def remove(self, node, name):
        node.UnsetParameter(name)


PATHS = (pathlib.Path, pathlib.PurePath, pathlib.PosixPath, pathlib.WindowsPath)


class Node:
    """A node of the scene: a node reference, and an empty parameter that says it was set."""

    start = None

    def __init__(self, kind):
        self.kind = kind

    def check(self, value):
        if value is not None and not isinstance(value, self.kind):
            raise TypeError(f"Node of class {self.kind.__name__} expected, not {value.GetClassName() if hasattr(value, 'GetClassName') else repr(value)}.")

    def is_in(self, node, name):
        return bool(node.HasParameter(name))

    def write(self, node, name, value):
        self.check(value)
        node.SetParameter(name, "")
        node.SetNodeReferenceID(name, value.GetID() if value is not None else None)

    def read(self, node, name):
        return node.GetNodeReference(name)

    def remove(self, node, name):
        node.UnsetParameter(name)
        node.RemoveNodeReferenceIDs(name)


class Several:
    """list[...]: `name_len`, and `name_0`, `name_1`, ... each written as its own type is."""

    def __init__(self, element):
        self.element = element

    @property
    def start(self):
        return []

    def check(self, value):
        for one in value:
            self.element.check(one)

    def is_in(self, node, name):
        return bool(node.HasParameter(f"{name}_len"))

    def write(self, node, name, values):
        values = list(values)
        self.check(values)
        with slicer.util.NodeModify(node):
            before = int(node.GetParameter(f"{name}_len")) if self.is_in(node, name) else 0
            for number, one in enumerate(values):
                self.element.write(node, f"{name}_{number}", one)
            for number in range(len(values), before):
                self.element.remove(node, f"{name}_{number}")
            node.SetParameter(f"{name}_len", str(len(values)))

    def read(self, node, name):
        count = int(node.GetParameter(f"{name}_len")) if self.is_in(node, name) else 0
        return ObservedList(self, node, name, [self.element.read(node, f"{name}_{number}") for number in range(count)])

    def remove(self, node, name):
        self.write(node, name, [])
        node.UnsetParameter(f"{name}_len")


class Pairs:
    """tuple[...], and the entries of a dict."""

    def __init__(self, elements):
        self.elements = elements

    @property
    def start(self):
        return tuple(one.start for one in self.elements)

    def check(self, value):
        for element, one in zip(self.elements, value, strict=True):
            element.check(one)

    def is_in(self, node, name):
        return self.elements[0].is_in(node, f"{name}_0")

    def write(self, node, name, value):
        self.check(value)
        for number, (element, one) in enumerate(zip(self.elements, value)):
            element.write(node, f"{name}_{number}", one)

    def read(self, node, name):
        return tuple(element.read(node, f"{name}_{number}") for number, element in enumerate(self.elements))

    def remove(self, node, name):
        for number, element in enumerate(self.elements):
            element.remove(node, f"{name}_{number}")


class Mapping(Several):
    """dict[...]: a list of pairs."""

    @property
    def start(self):
        return {}

    def write(self, node, name, values):
        super().write(node, name, list(dict(values).items()))

    def read(self, node, name):
        return ObservedDict(self, node, name, dict(list(super().read(node, name))))


class ObservedList(collections.abc.MutableSequence):
    """A list that writes itself into the node when it is changed. It is no `list`, and `+` is refused, as in Slicer."""

    def __init__(self, serializer, node, name, values):
        self._where, self._list = (serializer, node, name), values

    def _save(self):
        serializer, node, name = self._where
        serializer.write(node, name, self._list)

    def __getitem__(self, index):
        return self._list[index]

    def __len__(self):
        return len(self._list)

    def __setitem__(self, index, value):
        self._list[index] = value
        self._save()

    def __delitem__(self, index):
        del self._list[index]
        self._save()

    def insert(self, index, value):
        self._list.insert(index, value)
        self._save()

    def __eq__(self, other):
        return self._list == (other._list if isinstance(other, ObservedList) else other)

    def __add__(self, other):
        raise NotImplementedError("Slicer's ObservedList cannot be added to: make a list of it first.")

    __radd__ = __mul__ = __rmul__ = __add__

    def __repr__(self):
        return f"ObservedList({self._list})"


class ObservedDict(collections.abc.MutableMapping):
    """A dict that writes itself into the node when it is changed."""

    def __init__(self, serializer, node, name, values):
        self._where, self._dict = (serializer, node, name), values

    def _save(self):
        serializer, node, name = self._where
        serializer.write(node, name, self._dict)

    def __getitem__(self, key):
        return self._dict[key]

    def __iter__(self):
        return iter(self._dict)

    def __len__(self):
        return len(self._dict)

    def __setitem__(self, key, value):
        self._dict[key] = value
        self._save()

    def __delitem__(self, key):
        del self._dict[key]
        self._save()

    def __eq__(self, other):
        return self._dict == (other._dict if isinstance(other, ObservedDict) else other)


def serializer_of(kind):
    """The serializer of a type.

    Raises
    ------
    TypeError
        For a type that the stand-in does not know, be it that Slicer does.
    """
    if typing.get_origin(kind) is typing.Annotated:
        return serializer_of(typing.get_args(kind)[0])
    origin, parts = typing.get_origin(kind), typing.get_args(kind)
    if kind in (int, float, str, bool, *PATHS):
        return Plain(kind)
    if isinstance(kind, type) and issubclass(kind, slicer.vtkMRMLNode):
        return Node(kind)
    if origin is list:
        return Several(serializer_of(parts[0]))
    if origin is tuple:
        return Pairs([serializer_of(one) for one in parts])
    if origin is dict:
        return Mapping(Pairs([serializer_of(one) for one in parts]))
    raise TypeError(f"A parameter of type {kind} cannot be kept in the stand-in's parameter node.")
