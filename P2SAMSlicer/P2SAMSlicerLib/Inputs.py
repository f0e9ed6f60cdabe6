"""Inputs of a run, looked at before anything is done with them."""

from __future__ import annotations

from p2sam.errors import InputError
from slicer.i18n import tr as _

from .Cases import isInScene
from .MRMLVolumes import volumeOf


def checkedInputs(scene, priorVolume, priorSegmentation, followups, segments=None, into=None) -> tuple:
    """The follow-ups as a list, and the ids of the structures.

    Raises
    ------
    InputError, GeometryError
        A node that is missing, of another scene or of the wrong kind; a volume without voxels or under a transform
        that bends it; a structure that is unknown, or a name that two of them have.
    """
    followups = list(followups) if isinstance(followups, (list, tuple)) or hasattr(followups, "__iter__") else [followups]
    _checkNode(scene, priorVolume, "vtkMRMLScalarVolumeNode", _("prior volume"))
    _checkNode(scene, priorSegmentation, "vtkMRMLSegmentationNode", _("prior segmentation"))
    if not followups:
        raise InputError(_("No follow-up is chosen; choose at least one volume."))
    for followup in followups:
        _checkNode(scene, followup, "vtkMRMLScalarVolumeNode", _("follow-up"))
        if followup is priorVolume:
            raise InputError(_("'{volume}' is the prior and a follow-up; choose another follow-up.").format(volume=followup.GetName()))
    if len({one.GetID() for one in followups}) < len(followups):
        raise InputError(_("A follow-up is chosen twice; choose each once."))
    for volume in (priorVolume, *followups):
        volumeOf(volume)
    if into is not None:
        _checkNode(scene, into, "vtkMRMLSegmentationNode", _("result segmentation"))
        if len(followups) > 1:
            raise InputError(_("A chosen segmentation can take one follow-up, {count} are chosen; choose one, or let each have a new one.").format(count=len(followups)))
        if into is priorSegmentation:
            raise InputError(_("The result cannot go into the prior segmentation '{node}'; choose another one.").format(node=into.GetName()))
    return followups, segmentIds(priorSegmentation, segments)


def segmentIds(segmentationNode, segments=None) -> tuple:
    """Ids of the structures that are named by id or by name; of all where `segments` is None."""
    segmentation = segmentationNode.GetSegmentation()
    every = [segmentation.GetNthSegmentID(number) for number in range(segmentation.GetNumberOfSegments())]
    names = {one: segmentation.GetSegment(one).GetName() for one in every}
    chosen = every if segments is None else [_idOf(str(one), names, segmentationNode) for one in segments]
    if not chosen:
        raise InputError(_("No structure of '{node}' is chosen; choose at least one.").format(node=segmentationNode.GetName()))
    taken = [names[one] for one in chosen]
    doubled = sorted({name for name in taken if taken.count(name) > 1})
    if doubled:
        raise InputError(_("Two structures of '{node}' are named '{name}'; rename one of them.").format(node=segmentationNode.GetName(), name=doubled[0]))
    return tuple(chosen)


def _idOf(told: str, names: dict, segmentationNode) -> str:
    if told in names:
        return told
    found = [one for one, name in names.items() if name == told]
    if len(found) == 1:
        return found[0]
    text = _("'{node}' has {count} structures named '{name}'; it has: {known}.")
    raise InputError(text.format(node=segmentationNode.GetName(), count=len(found), name=told, known=", ".join(names.values()) or _("none")))


def _checkNode(scene, node, className: str, what: str) -> None:
    if node is None:
        raise InputError(_("No {what} is chosen.").format(what=what))
    if not hasattr(node, "IsA") or not node.IsA(className):
        raise InputError(_("The {what} is no {kind}; choose a node of that kind.").format(what=what, kind=className))
    if not isInScene(node) or node.GetScene() is not scene:
        raise InputError(_("The {what} '{node}' is not in the scene; load it first.").format(what=what, node=node.GetName()))
