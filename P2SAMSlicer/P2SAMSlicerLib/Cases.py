"""A case: one prior and one follow-up of the scene, opened in the worker, and again wherever it is not open any more."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, replace

import numpy as np
import slicer
from p2sam.errors import InputError
from p2sam.models.registry import MODEL_SETTINGS, settings_for
from p2sam.settings import PRESETS, Settings
from slicer.i18n import tr as _

from .Exports import exportArray
from .MRMLSegmentExport import storedSegment
from .MRMLVolumes import metaOf, volumeOf


@dataclass(frozen=True, eq=False)
class Case:
    """What a case is made of.

    Attributes
    ----------
    segmentIds : tuple of str
        Of the prior's segmentation.
    model : str
        Name in the registry, or path of a weights file.
    transform : str, vtkMRMLTransformNode or None
        Moves the prior onto the follow-up, in place of an alignment.

    The worker knows a case by `id`, which is made from all of this: the same inputs are the same case, and a changed
    one is another.
    """

    priorVolume: object
    priorSegmentation: object
    segmentIds: tuple
    followup: object
    settings: Settings
    model: str = "graph"
    device: str = "auto"
    transform: object = None

    @property
    def name(self) -> str:
        return self.followup.GetName()

    @property
    def nodes(self) -> tuple:
        return self.priorVolume, self.priorSegmentation, self.followup

    def withRanges(self, ranges):
        """The case with the part counts that a checkpoint brings along, as on the command line; counts that somebody changed stay.

        Parameters
        ----------
        ranges : mapping or None
            What the worker tells of the loaded model, see `registry.settings_for`.
        """
        plain = settings_for(PRESETS[self.settings.preset], self.model)
        changed = [name for name in MODEL_SETTINGS if getattr(self.settings, name) != getattr(plain, name)]
        return replace(self, settings=settings_for(self.settings, self.model, changed, ranges))

    def checkNodes(self) -> None:
        """Raise `InputError` where a node has left the scene."""
        for node in self.nodes:
            if not isInScene(node):
                text = _("'{node}' was removed from the scene, so '{visit}' cannot go on. Load it again and propagate again.")
                raise InputError(text.format(node=node.GetName(), visit=self.name))

    @property
    def id(self) -> str:
        segmentation = self.priorSegmentation.GetSegmentation()
        source = segmentation.GetSourceRepresentationName()
        stored = [segmentation.GetSegment(one) and segmentation.GetSegment(one).GetRepresentation(source) for one in self.segmentIds]
        key = (
            self.segmentIds,
            tuple(None if one is None else one.GetMTime() for one in stored),
            *(_stateOf(node) for node in (self.priorVolume, self.followup)),
            json.dumps(self.settings.to_dict(), sort_keys=True),
            self.model,
            self.device,
            _transformState(self.transform),
        )
        return f"{self.name} {hashlib.sha256(repr(key).encode()).hexdigest()[:20]}"


def isInScene(node) -> bool:
    scene = node.GetScene() if node is not None else None
    return scene is not None and scene.GetNodeByID(node.GetID()) is node


def loadedModel(task, model: str, device: str, onMessage=None):
    """Generator: load a model in the worker where another one is loaded; what the worker tells of it."""
    worker = task.worker
    worker.ensure()
    if worker.model != (model, device):
        worker.model = None
        worker.modelFacts = yield from task.ask("load_model", onMessage, model=model, device=device)
        worker.model = (model, device)
    return worker.modelFacts


def openedCase(task, case: Case, onMessage=None):
    """Generator: open a case in the worker where it is not open, or not as the scene has it now; its facts.

    Returns
    -------
    dict
        `id`, `alignment`, `slice_axis`, `structures`, `warnings`.
    """
    case.checkNodes()
    yield from loadedModel(task, case.model, case.device, onMessage)
    identity = case.id
    facts = task.worker.factsOf(identity)
    if facts is not None:
        return facts
    prior = yield from _exportedVolume(task, case, case.priorVolume, "prior")
    segments = yield from _exportedSegments(task, case)
    followup = yield from _exportedVolume(task, case, case.followup, "followup")
    told = yield from task.ask(
        "open_case", onMessage, case=identity, name=case.name, prior=prior, segments=segments, followup=followup,
        settings=case.settings.to_dict(), transform=_transformFile(task, case.transform), structures=None,
    )  # fmt: skip
    return task.worker.opened(identity, {**told, "id": identity})


def _exportedVolume(task, case: Case, node, role: str):
    array, matrix = volumeOf(node)
    task.worker.ensure()
    name = yield from _checked(case, exportArray(task.worker.folder, array, role))
    return {"array": name, "ijk_to_ras": np.asarray(matrix).tolist(), "meta": metaOf(node)}


def _exportedSegments(task, case: Case):
    """Each as it is stored, a few slices a step; the worker brings it onto the prior's grid, which is the slow part."""
    told = []
    for segmentId in case.segmentIds:
        case.checkNodes()
        if case.priorSegmentation.GetSegmentation().GetSegment(segmentId) is None:
            text = _("The segment '{id}' was removed from '{node}'; choose the structures again.")
            raise InputError(text.format(id=segmentId, node=case.priorSegmentation.GetName()))
        found = storedSegment(case.priorSegmentation, case.priorVolume, segmentId)
        yield None
        name = yield from _checked(case, exportArray(task.worker.folder, found["voxels"], "segment"))
        told.append({
            "id": found["id"], "name": found["name"], "color_rgb": [float(part) for part in found["colorRgb"]],
            "terminology": found["terminology"] or None, "mask": name, "ijk_to_ras": found["ijkToRas"].tolist(),
        })  # fmt: skip
    return told


def _checked(case: Case, steps):
    """The steps of an export, ended where a node leaves the scene meanwhile."""
    while True:
        try:
            yield next(steps)
        except StopIteration as end:
            return end.value
        case.checkNodes()


def _stateOf(volumeNode) -> tuple:
    image = volumeNode.GetImageData()
    _array, matrix = volumeOf(volumeNode)
    return image.GetMTime(), np.round(matrix, 6).tobytes()


def _transformState(transform):
    if transform is None or isinstance(transform, str):
        return transform
    return transform.GetID(), transform.GetTransformToWorldMTime()


def _transformFile(task, transform) -> str | None:
    """A path as it is; a transform node as a file in the job folder (ITK stores it from follow-up to prior, as needed)."""
    if transform is None or isinstance(transform, str):
        return transform
    if not isInScene(transform):
        raise InputError(_("The transform '{node}' was removed from the scene; choose another one, or none.").format(node=transform.GetName()))
    path = str(task.worker.folder.path / f"transform-{transform.GetID()}.h5")
    storage = slicer.vtkMRMLTransformStorageNode()
    storage.SetFileName(path)
    if not storage.WriteData(transform):
        raise InputError(_("The transform '{node}' could not be written for the worker; save it to a file and give its path.").format(node=transform.GetName()))
    return path
