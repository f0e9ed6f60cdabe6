"""Puts what the worker draws into a segmentation, and never over what a person did there."""

from __future__ import annotations

import numpy as np
from p2sam.errors import InputError
from slicer.i18n import tr as _

from .Cases import isInScene
from .EditedSlices import pixelMm2
from .MRMLSegmentations import readMask, readSlice, setStatus, writeSlices, writeSlicesHonouring
from .MRMLVolumes import volumeOf
from .Proposals import checksum, pack
from .ReviewRows import structureStatus
from .SliceReview import EDITED, FLAGGED, NOT_REVIEWED, SliceReview


class ResultWriter:
    """Writes slices of a visit.

    Parameters
    ----------
    followup : vtkMRMLScalarVolumeNode
    segmentationNode : vtkMRMLSegmentationNode
    review : VisitReview
        Knows what was on each slice last; it is kept up to date.
    action : UserAction
        Saves the state for undo before the first change.
    editorNode : vtkMRMLSegmentEditorNode or None
    honouring : bool
        The segmentation is one the user chose: masking, overwrite mode and locked segments of the Segment Editor count.
    """

    def __init__(self, followup, segmentationNode, review, action, editorNode=None, honouring: bool = False):
        self.followup = followup
        self.segmentationNode = segmentationNode
        self.review = review
        self.honouring = honouring
        self._action = action
        self._editorNode = editorNode
        self.kept = {}
        """Structure name -> slices on which a person's work was found and kept in this run."""

    def checkNodes(self) -> None:
        """Raise `InputError` where the follow-up or the segmentation has left the scene."""
        for node in (self.followup, self.segmentationNode):
            if not isInScene(node):
                text = _("'{node}' was removed from the scene, so the drawing of '{visit}' ended.")
                raise InputError(text.format(node=node.GetName(), visit=self.review.name))

    def current(self, name: str, index: int) -> np.ndarray:
        """(rows, cols) bool: what is on the slice now."""
        structure = self.review.structure(name)
        self._checkSegment(structure)
        return readSlice(self.segmentationNode, structure.segmentId, self.followup, index, self.review.sliceAxis)

    def currentMask(self, name: str) -> np.ndarray:
        """(K, J, I) bool: the whole structure as it is now."""
        structure = self.review.structure(name)
        self._checkSegment(structure)
        return readMask(self.segmentationNode, structure.segmentId, self.followup)

    def write(self, name: str, masks: dict, surfaces: bool = True) -> list:
        """Write what the method drew, but for slices that a person accepted or changed; these are kept and returned.

        Parameters
        ----------
        masks : {index: (rows, cols) bool}
        """
        self.checkNodes()
        structure = self.review.structure(name)
        self._checkSegment(structure)
        todo, kept, same = {}, [], {}
        for index, mask in masks.items():
            one = structure.slices.get(index) or SliceReview(index)
            now = checksum(self.current(name, index))
            if self._isKept(structure, one, now, mask):
                kept.append(index)
            elif now == checksum(mask):
                same[index] = mask
            else:
                todo[index] = mask
        self._put(structure, todo, surfaces)
        for index, mask in {**same, **todo}.items():
            self._remember(structure, index, mask)
        self.kept.setdefault(name, set()).update(kept)
        return kept

    def correct(self, name: str, index: int, mask: np.ndarray, status: str, reviewer: str = "") -> None:
        """Write one slice because a person asked for just that; what the method proposed first stays known, and so does a note."""
        self.checkNodes()
        structure = self.review.structure(name)
        self._checkSegment(structure)
        self._put(structure, {index: mask}, True)
        one = structure.slices.setdefault(index, SliceReview(index))
        if one.proposedCrc is None:
            one.proposedCrc = checksum(np.zeros_like(mask))
        self.see(name, index)
        one.settle(status if one.isEdited or status != EDITED else NOT_REVIEWED, reviewer, one.note)

    def see(self, name: str, index: int) -> None:
        """Take what is on the slice now as known: its checksum and its area."""
        one = self.review.slice(name, index)
        mask = self.current(name, index)
        one.seenCrc = checksum(mask)
        one.areaMm2 = float(np.count_nonzero(mask) * pixelMm2(volumeOf(self.followup)[1], self.review.sliceAxis))

    def hasSegment(self, name: str) -> bool:
        return self.segmentationNode.GetSegmentation().GetSegment(self.review.structure(name).segmentId) is not None

    def settleProposals(self, written: dict) -> None:
        """Where the overwrite mode let one structure take voxels from another of ours: what is left is what was proposed."""
        for name, indices in written.items():
            structure = self.review.structure(name)
            for index in indices - self.kept.get(name, set()):
                self._remember(structure, index, self.current(name, index))

    def settleStatus(self, name: str) -> None:
        """Show the structure's status as the Segment Editor does."""
        structure = self.review.structure(name)
        if self.hasSegment(name):
            setStatus(self.segmentationNode, structure.segmentId, structureStatus(structure, self.review.complete))

    def _isKept(self, structure, one: SliceReview, now: int, mask: np.ndarray) -> bool:
        if now != _seen(one, mask):
            structure.slices[one.index] = one
            one.seenCrc = now
            if one.proposedCrc is None:
                one.proposedCrc = checksum(np.zeros_like(mask))
            if one.status != FLAGGED:
                one.settle(EDITED, note=one.note)
        return one.isSettled

    def _put(self, structure, masks: dict, surfaces: bool) -> None:
        if not masks:
            return
        if not self.honouring:
            writeSlices(
                self.segmentationNode, self.followup, structure.segmentId, masks, self.review.sliceAxis,
                surfaces=surfaces, action=self._action,
            )  # fmt: skip
            return
        for ours, part in self._byOthers(structure, masks).items():
            writeSlicesHonouring(
                self._editorNode, self.segmentationNode, self.followup, structure.segmentId, part, self.review.sliceAxis,
                mayOverwrite=ours, surfaces=surfaces, action=self._action,
            )  # fmt: skip
            self._seeLosses(ours, part)

    def _byOthers(self, structure, masks: dict) -> dict:
        """The slices by the segments of this visit that may lose voxels there: never where a person settled theirs."""
        found = {}
        for index, mask in masks.items():
            ours = tuple(one.segmentId for one in self.review.structures if one is not structure and not self._isSettled(one, index, mask))
            found.setdefault(ours, {})[index] = mask
        return found

    def _seeLosses(self, segmentIds, indices) -> None:
        """What these segments lost to ours just now is no edit of a person: they held what was seen last when ours was written."""
        for structure in self.review.structures:
            for index in indices if structure.segmentId in segmentIds else ():
                one = structure.slices.get(index)
                if one is None or one.seenCrc is None:
                    continue
                crc = checksum(self.current(structure.name, index))
                if one.proposedCrc == one.seenCrc:
                    one.proposedCrc = crc
                one.seenCrc = crc

    def _isSettled(self, structure, index: int, mask: np.ndarray) -> bool:
        if not self.hasSegment(structure.name):
            return True
        one = structure.slices.get(index) or SliceReview(index)
        return one.isSettled or checksum(self.current(structure.name, index)) != _seen(one, mask)

    def _remember(self, structure, index: int, mask: np.ndarray) -> None:
        """The slice as it is now is what the method proposed; where masking applied, that is less than was drawn."""
        one = structure.slices.setdefault(index, SliceReview(index))
        if self.honouring:
            mask = self.current(structure.name, index)
        crc = checksum(mask)
        one.proposedCrc = one.seenCrc = crc
        one.proposed = pack(mask)

    def _checkSegment(self, structure) -> None:
        if self.segmentationNode.GetSegmentation().GetSegment(structure.segmentId) is None:
            text = _("The segment of '{structure}' was removed from '{node}', so it cannot be drawn. Propagate the visit anew.")
            raise InputError(text.format(structure=structure.name, node=self.segmentationNode.GetName()))


def _seen(one: SliceReview, mask: np.ndarray) -> int:
    """Checksum of what was on the slice when it was last looked at: nothing, where it never was."""
    return one.seenCrc if one.seenCrc is not None else checksum(np.zeros_like(mask))
