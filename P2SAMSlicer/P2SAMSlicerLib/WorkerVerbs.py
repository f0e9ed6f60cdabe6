"""Verbs that need the worker but no visit: devices, packages, models, estimates, the sample patient."""

from __future__ import annotations

import slicer
from p2sam.errors import InputError
from slicer.i18n import tr as _

from .Cases import loadedModel
from .Task import Task

SAMPLE = {"priorVolume": "prior_ct", "priorSegmentation": "prior_segmentation"}
"""What `loadSample` calls a node -> the worker's name of its file."""


class Request(Task):
    """One request, and what it needs before it.

    Parameters
    ----------
    verb : str
    parameters : dict
    model : (name, device) or None
        Loaded first where it is not.
    """

    eager = True

    def __init__(self, worker, verb: str, parameters: dict, model=None, onFinished=None):
        super().__init__(worker, onFinished)
        self._verb = verb
        self._parameters = parameters
        self._model = model

    def _steps(self):
        if self._model is not None:
            facts = yield from loadedModel(self, *self._model)
            if self._verb == "load_model":
                return facts
        return (yield from self.ask(self._verb, None, **self._parameters))


class WorkerVerbs:
    """A part of `Logic`. With a `callback` a verb returns at once and calls it with the answer; without one it waits."""

    def devices(self, callback=None):
        """Devices on which models can run, each tried with a small kernel in the worker.

        Returns
        -------
        dict
            `devices`: list of {id, title, free_bytes, total_bytes, works, reason}; `torch`: version or None;
            `torch_error`: text or None. After a failure `error` says why, and there are no devices.
        """
        empty = {"devices": [], "torch": None, "torch_error": None}
        return self._answer(Request(self.worker, "probe_devices", {}), callback, empty)

    def packages(self, callback=None):
        """Versions of the packages that the engine can use, as the worker finds them: {packages, broken}."""
        return self._answer(Request(self.worker, "probe_packages", {}), callback, {"packages": {}, "broken": {}})

    def loadModel(self, model: str = "graph", device: str = "auto", callback=None):
        """Load a model in the worker, by its name or its weights file: {name, sha256, device, licence}."""
        return self._answer(Request(self.worker, "load_model", {}, (model, device)), callback, {})

    def estimate(self, followup, structures: int, settings=None, model: str = "graph", device: str = "auto", slices=None, callback=None):
        """How long a propagation will take here, in seconds: {seconds, before_s, draw_s}.

        Parameters
        ----------
        followup : vtkMRMLScalarVolumeNode
        structures : int
            How many.
        slices : int or None
            On how many slices they are, added up over all of them, where that is known.
        """
        shape = list(followup.GetImageData().GetDimensions()[::-1])
        parameters = {"shape": shape, "structures": int(structures), "settings": self._settings(settings, model).to_dict()}
        if slices is not None:
            parameters["slices"] = int(slices)
        return self._answer(Request(self.worker, "estimate", parameters, (model, device)), callback, {})

    def samplePatient(self, folder: str, scale: float = 1.0, callback=None):
        """Compute the sample patient into a folder: {files: {role: path}}."""
        return self._answer(Request(self.worker, "phantom", {"folder": str(folder), "scale": float(scale)}), callback, {})

    def loadSample(self, callback=None, folder=None, scale: float = 1.0):
        """Compute the sample patient and load it.

        Parameters
        ----------
        folder : str or None
            Where its files stay; None takes a folder of the worker's own, removed when Slicer ends.
        scale : float
            Voxel size, times the usual one, 0.5 to 4: the larger, the sooner it is there.

        Returns
        -------
        dict
            `priorVolume`, `priorSegmentation`, `followups` (list), `truths` (list, the right answers). A callback gets
            {`error`: sentence} where it failed.
        """
        self.worker.ensure()
        folder = str(folder or self.worker.folder.path / "sample")
        request = Request(self.worker, "phantom", {"folder": folder, "scale": float(scale)})
        if callback is None:
            return self._loadedSample(self.start(request, wait=True)["files"])
        return self._answer(request, lambda told: callback(self._sampleOr(told)), {})

    def _answer(self, request: Request, callback, failed: dict):
        if callback is None:
            return self.start(request, wait=True)
        request.onFinished(lambda task: callback(task.result if task.status == "done" else {**failed, "error": task.message}))
        return self.start(request, wait=False)

    def _sampleOr(self, told: dict) -> dict:
        """The nodes of the sample, or {error: why there are none}."""
        if "files" not in told:
            return {"error": told["error"]}
        try:
            return self._loadedSample(told["files"])
        except InputError as error:
            return {"error": str(error)}

    def _loadedSample(self, files: dict) -> dict:
        nodes = {name: self._loadedNode(files[role], role) for name, role in SAMPLE.items()}
        for key, ending in (("followups", "_ct"), ("truths", "_truth")):
            roles = [role for role in files if role.endswith(ending) and role not in SAMPLE.values()]
            nodes[key] = [self._loadedNode(files[role], role) for role in roles]
        return nodes

    def _loadedNode(self, path: str, role: str):
        """A node read from a file, by the scene's own storage nodes."""
        isVolume = role.endswith("_ct")
        kind = ("vtkMRMLScalarVolumeNode", "vtkMRMLVolumeArchetypeStorageNode") if isVolume else ("vtkMRMLSegmentationNode", "vtkMRMLSegmentationStorageNode")
        title = _("Sample {role}").format(role=role.removesuffix("_ct").replace("_", " "))
        node = self.scene.AddNewNodeByClass(kind[0], self.scene.GetUniqueNameByString(title))
        storage = getattr(slicer, kind[1])()
        storage.SetFileName(path)
        if not storage.ReadData(node):
            self.scene.RemoveNode(node)
            raise InputError(_("The sample file '{path}' could not be read; free some disk space and load the sample again.").format(path=path))
        node.CreateDefaultDisplayNodes()
        return node
