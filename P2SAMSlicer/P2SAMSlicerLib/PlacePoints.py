"""Placing one point with the mouse, through Slicer's own place mode."""

from __future__ import annotations

SELECTION, INTERACTION = "vtkMRMLSelectionNodeSingleton", "vtkMRMLInteractionNodeSingleton"


class PlacePoints:
    """Starts and stops Slicer's place mode for a list.

    Parameters
    ----------
    scene : vtkMRMLScene
    """

    def __init__(self, scene):
        self.scene = scene
        self._list = None

    def start(self, listNode) -> bool:
        """The next click in a view adds a point to the list. False where the application has no mouse modes."""
        selection, interaction = self.scene.GetNodeByID(SELECTION), self.scene.GetNodeByID(INTERACTION)
        if selection is None or interaction is None:
            return False
        self._list = listNode
        selection.SetReferenceActivePlaceNodeClassName(listNode.GetClassName())
        selection.SetActivePlaceNodeID(listNode.GetID())
        interaction.SetPlaceModePersistence(0)
        interaction.SetCurrentInteractionMode(interaction.Place)
        return True

    def stop(self) -> None:
        """Back to the arrow, where placing is ours."""
        interaction, selection = self.scene.GetNodeByID(INTERACTION), self.scene.GetNodeByID(SELECTION)
        if self._list is None or interaction is None or selection is None:
            return
        if interaction.GetCurrentInteractionMode() == interaction.Place and selection.GetActivePlaceNodeID() == self._list.GetID():
            interaction.SetCurrentInteractionMode(interaction.ViewTransform)
        self._list = None
