"""Watches the scene for a widget: one call whenever nodes come, go or are renamed, and none while the scene is being read."""

import slicer
import vtk
from shiboken6 import Shiboken


class SceneWatch:
    """Calls `changed` after the scene changed.

    Parameters
    ----------
    widget : QWidget
        Whose end ends the watch.
    changed : callable()
    """

    def __init__(self, widget, changed):
        self._widget, self._changed, self._scene, self._tags, self._nodes = widget, changed, None, [], {}

    def setScene(self, scene):
        """Watches another scene, or none."""
        self._end()
        self._scene = scene
        if scene is not None:
            events = (scene.NodeAddedEvent, scene.NodeRemovedEvent, scene.EndBatchProcessEvent)
            self._tags = [scene.AddObserver(event, self._look) for event in events]
        self._changed()

    def follow(self, nodes):
        """Watches the names of these nodes."""
        for node, tag in self._nodes.values():
            node.RemoveObserver(tag)
        self._nodes = {id(node): (node, node.AddObserver(vtk.vtkCommand.ModifiedEvent, self._look)) for node in nodes}

    @property
    def scene(self):
        return self._scene

    def nodes(self, types, hide_children=(), hidden=False):
        """The nodes of these classes, in the order of the scene."""
        if self._scene is None:
            return []
        found = [self._scene.GetNthNode(index) for index in range(self._scene.GetNumberOfNodes())]
        found = [one for one in found if any(one.IsA(kind) for kind in types) and not any(one.IsA(kind) for kind in hide_children)]
        return [one for one in found if hidden or not one.GetHideFromEditors()]

    def _end(self):
        for tag in self._tags:
            self._scene.RemoveObserver(tag)
        self.follow([])
        self._scene, self._tags = None, []

    def _look(self, *_event):
        if not Shiboken.isValid(self._widget):
            self._end()
        elif self._scene is not None and not self._scene.IsBatchProcessing():
            self._changed()


def create(scene, class_name, name):
    """A new node of a class, in the scene."""
    return scene.AddNewNodeByClass(class_name, slicer.mrmlScene.GenerateUniqueName(name))
