"""The class decorator that makes attributes of a class live in a parameter node."""

import typing

import qt
import slicer.util
import vtk

from .annotations import Default, Validator
from .connectors import Connector, createGuiConnector
from .serializers import serializer_of

SlicerParameterNamePropertyName = "SlicerParameterName"


class Parameter:
    """One attribute: its type, its default, how it is written and what it refuses."""

    def __init__(self, name, datatype, default):
        self.name, self.datatype, self.serializer = name, datatype, serializer_of(datatype)
        notes = typing.get_args(datatype)[1:] if typing.get_origin(datatype) is typing.Annotated else ()
        self.validators = [one for one in notes if isinstance(one, Validator)]
        noted = next((one.value for one in notes if isinstance(one, Default)), self.serializer.start)
        self.default = noted if default is None else default

    def read(self, node):
        if not self.serializer.is_in(node, self.name):
            self.write(node, self.default)
        return self.serializer.read(node, self.name)

    def write(self, node, value):
        for one in self.validators:
            one.validate(value)
        self.serializer.write(node, self.name, value)


class Wrapped:
    """What the decorator adds to a class."""

    _is_parameter_node_wrapper = True
    allParameters: typing.ClassVar[dict] = {}

    def __init__(self, parameterNode, prefix=None):
        if prefix:
            raise NotImplementedError("The stand-in's parameter nodes have no prefix.")
        self.parameterNode = parameterNode
        self._guis, self._observers, self._nextTag, self._updating = {}, {}, 0, False
        for one in self.allParameters.values():
            one.read(parameterNode)

    def getValue(self, name):
        return self._parameter(name).read(self.parameterNode)

    def setValue(self, name, value):
        self._parameter(name).write(self.parameterNode, value)

    def default(self, name):
        return Default(self._parameter(name).default)

    def dataType(self, name):
        return self._parameter(name).datatype

    def _parameter(self, name):
        if name not in self.allParameters:
            raise ValueError(f"Cannot find a param with the given name: {name}. There are {', '.join(self.allParameters)}.")
        return self.allParameters[name]

    def connectGui(self, gui):
        """Connects every widget with the property SlicerParameterName; returns a tag for disconnectGui."""
        widgets = gui.findChildren(qt.QWidget) if hasattr(gui, "isWidgetType") else vars(gui).values()
        named = {one.property(SlicerParameterNamePropertyName): one for one in widgets if hasattr(one, "property")}
        return self.connectParametersToGui({name: one for name, one in named.items() if name})

    def connectParametersToGui(self, mapping):
        """Connects parameters to widgets, given as {name: widget or connector}."""
        for name in mapping:
            self._parameter(name)
        made = {name: one if isinstance(one, Connector) else createGuiConnector(one, self.dataType(name)) for name, one in mapping.items()}
        tag, self._nextTag = self._nextTag, self._nextTag + 1
        self._guis[tag] = made
        self._observers[tag] = self.AddObserver(vtk.vtkCommand.ModifiedEvent, self._onNode)
        for name, connector in made.items():
            connector.write(self.getValue(name))
            connector.onChanged(self._fromGui(name, connector))
        return tag

    def disconnectGui(self, tag):
        for connector in self._guis.pop(tag, {}).values():
            connector.onChanged(None)
        if tag in self._observers:
            self.RemoveObserver(self._observers.pop(tag))

    def _fromGui(self, name, connector):
        def changed():
            if not self._updating:
                with slicer.util.NodeModify(self):
                    self.setValue(name, connector.read())

        return changed

    def _onNode(self, caller, event):
        self._toGui()

    def _toGui(self):
        if self._updating:
            return
        self._updating = True
        try:
            for connectors in list(self._guis.values()):
                for name, connector in connectors.items():
                    connector.write(self.getValue(name))
        finally:
            self._updating = False

    def StartModify(self):
        return self.parameterNode.StartModify()

    def EndModify(self, before):
        return self.parameterNode.EndModify(before)

    def AddObserver(self, event, callback, priority=0.0):
        return self.parameterNode.AddObserver(event, callback, priority)

    def RemoveObserver(self, tag):
        return self.parameterNode.RemoveObserver(tag)

    def Modified(self):
        return self.parameterNode.Modified()


def parameterNodeWrapper(classtype=None):
    """Makes the annotated attributes of a class parameters of a vtkMRMLScriptedModuleNode."""
    return _processed if classtype is None else _processed(classtype)


def _processed(classtype):
    parameters = {}
    for name, datatype in typing.get_type_hints(classtype, include_extras=True).items():
        if name in dir(Wrapped):
            raise ValueError(f"Cannot use reserved name '{name}' in a parameterNodeWrapper.")
        parameters[name] = Parameter(name, datatype, getattr(classtype, name, None))
        setattr(classtype, name, _property(name))
    for name, value in vars(Wrapped).items():
        if name == "__init__" or not name.startswith("__"):
            setattr(classtype, name, value)
    classtype.allParameters = parameters
    return classtype


def _property(name):
    return property(lambda self: self.getValue(name), lambda self, value: self.setValue(name, value))


def isParameterNodeWrapper(classOrObject):
    return getattr(classOrObject, "_is_parameter_node_wrapper", False)


def findChildWidgetForParameter(widget, parameter):
    """The widget that shows a parameter, or None."""
    found = (one for one in widget.findChildren(qt.QWidget) if one.property(SlicerParameterNamePropertyName) == parameter)
    return next(found, None)
