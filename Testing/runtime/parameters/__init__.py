"""`slicer.parameterNodeWrapper`: a module's settings as typed attributes, kept in a node of the scene."""

from .annotations import Choice, Decimals, Default, Maximum, Minimum, SingleStep, WithinRange
from .connectors import createGuiConnector
from .wrapper import SlicerParameterNamePropertyName, findChildWidgetForParameter, isParameterNodeWrapper, parameterNodeWrapper

__all__ = [
    "Choice", "Decimals", "Default", "Maximum", "Minimum", "SingleStep", "SlicerParameterNamePropertyName", "WithinRange",
    "createGuiConnector", "findChildWidgetForParameter", "isParameterNodeWrapper", "parameterNodeWrapper",
]
