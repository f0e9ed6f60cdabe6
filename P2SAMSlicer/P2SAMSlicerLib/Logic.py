"""What the module can do, for the panel and for the Python console. Knows no Qt and no panel; the scene is given."""

from __future__ import annotations

from p2sam.errors import InputError
from p2sam.models.registry import settings_for
from p2sam.settings import Settings
from slicer.i18n import tr as _

from . import MRMLReview
from .Cases import Case
from .Corrections import Redraw, resetSlice
from .Inputs import checkedInputs
from .Patients import checkPatients
from .Reports import Evaluation, ReportExport, useAsPrior
from .Run import Run
from .SliceReview import ACCEPTED, FLAGGED, NOT_REVIEWED
from .TaskRunner import TaskRunner
from .VisitAccess import VisitAccess
from .VisitNodes import needed
from .Worker import Worker
from .WorkerVerbs import WorkerVerbs


class Logic(WorkerVerbs, TaskRunner):
    """Propagates a prior to follow-ups, and keeps what a person makes of it.

    Verbs with `wait=True` return when all is done, without an event loop. With `wait=False` they return at once; call
    `flush` now and then (a timer) so that what the worker drew gets into the scene.

    Parameters
    ----------
    scene : vtkMRMLScene
    makeProcess : callable() -> process
        Makes the worker's process, not yet started; `WorkerProcess` in Slicer.
    undo : callable(segmentationNode) or None
        Saves the state of a segmentation; called once for each action of the user, before its first change.
    later : callable(callable) or None
        Calls what it is given a moment later; with it, opening a case for a single slice does not block.
    """

    def __init__(self, scene, makeProcess, undo=None, later=None):
        self.scene = scene
        self.undo = undo
        self.notices = []
        """What the worker said of itself, newest last."""
        TaskRunner.__init__(self, Worker(makeProcess, self.notices.append), later)
        self._redraws = {}
        self._access = VisitAccess(scene, lambda node: self.undo(node) if self.undo else None, self._drawnVisit)

    def propagate(
        self, priorVolume, priorSegmentation, followups, segments=None, settings=None, model="graph", device="auto", transform=None,
        into=None, wait=True, progress=None, observer=None, allowOtherPatient=False,
    ):  # fmt: skip
        """Segment follow-ups from a prior.

        Parameters
        ----------
        priorVolume : vtkMRMLScalarVolumeNode
        priorSegmentation : vtkMRMLSegmentationNode
        followups : vtkMRMLScalarVolumeNode, or a list of them
        segments : list of str or None
            Ids or names; None is all.
        settings : p2sam.settings.Settings, dict or None
            None is the preset "clinical" as the model needs it (`registry.settings_for`), and so is what a dict leaves
            out; `Settings` are taken as they are.
        model, device : str
            A name of the registry or a weights file; "auto", "cpu", "cuda:0", …
        transform : path, vtkMRMLTransformNode or None
            Moves the prior onto the follow-up, in place of an alignment.
        into : vtkMRMLSegmentationNode or None
            Adds the result to this one, as the Segment Editor would let a person do it; None makes a new one a visit.
        wait : bool
        progress : callable(visit, stage, done, total, secondsLeft) or None
        observer : object or None
            See `Run`.
        allowOtherPatient : bool
            Patient IDs that differ are of one patient all the same; the review says so as a warning.

        Returns
        -------
        list of vtkMRMLTextNode
            The review of each follow-up; with `wait=False` the Run.

        Raises
        ------
        InputError
            An input that cannot be used.
        RunError
            A follow-up failed; the error's `reviews` has those that did not.
        """
        self.checkIdle()
        followups, segmentIds = checkedInputs(self.scene, priorVolume, priorSegmentation, followups, segments, into)
        checkPatients(priorVolume, followups, allowOtherPatient)
        run = Run(self.scene, self.worker, self.undo, observer, progress)
        for followup in followups:
            case = Case(
                priorVolume, priorSegmentation, segmentIds, followup, self._settings(settings, str(model)), str(model), device,
                transform if transform is None or hasattr(transform, "GetID") else str(transform),
            )  # fmt: skip
            run.add(case, into=into)
        return self.start(run, wait)

    def propagateAgain(self, reviewNode, slices=None, wait=True, progress=None, observer=None):
        """Draw a visit again; accepted and edited slices are kept and guide the others.

        Parameters
        ----------
        slices : (first, last) or None
            The follow-up's own slice numbers, both inclusive; the others stay as they are.

        Returns
        -------
        vtkMRMLTextNode
            The review; with `wait=False` the Run.
        """
        self.checkIdle()
        case = self._access.case(reviewNode)
        needed(reviewNode, "segmentation")
        if slices is not None:
            first, last = (int(one) for one in slices)
            if not 0 <= first <= last:
                raise InputError(_("The range of slices is {first} to {last}; give the lower number first, from 0.").format(first=first, last=last))
            slices = (first, last)
        run = Run(self.scene, self.worker, self.undo, observer, progress)
        run.add(case, reviewNode=reviewNode, slices=slices)
        found = self.start(run, wait)
        return reviewNode if wait else found

    def redrawSlice(self, reviewNode, structure: str, index: int, wait=True, done=None, reviewer: str = ""):
        """Draw one slice again from its points as they are now.

        Parameters
        ----------
        done : callable(error) or None
            Called at the end, with None or a sentence.
        """
        key = (reviewNode.GetID(), structure, int(index))
        if not wait and isinstance(self.task, Redraw):
            self._redraws[key] = (reviewNode, structure, int(index), done, reviewer)
            return self.task
        self.checkIdle()
        redraw = Redraw(self.worker, self._access, reviewNode, structure, int(index), reviewer)
        if done is not None:
            redraw.onFinished(lambda task: done(task.message if task.status != "done" else None))
        return self.start(redraw, wait)

    def resetSlice(self, reviewNode, structure: str, index: int) -> None:
        """Take a slice back to what the method proposed, contour and points."""
        resetSlice(self._access, reviewNode, structure, int(index))

    def acceptSlice(self, reviewNode, structure: str, index: int, reviewer: str = "", note: str = "") -> None:
        """Accept a slice as it is now; the next run keeps it bit for bit."""
        self._access.settle(reviewNode, structure, int(index), ACCEPTED, reviewer, note)

    def flagSlice(self, reviewNode, structure: str, index: int, reviewer: str = "", note: str = "") -> None:
        """Mark a slice as wrong; the next run draws it again, unless a person drew on it. The flag stays."""
        self._access.settle(reviewNode, structure, int(index), FLAGGED, reviewer, note)

    def clearStatus(self, reviewNode, structure: str, index: int, reviewer: str = "", note: str = "") -> None:
        """Nobody has looked at the slice."""
        self._access.settle(reviewNode, structure, int(index), NOT_REVIEWED, reviewer, note)

    def acceptVisit(self, reviewNode, reviewer: str = "", note: str = "") -> list:
        """Accept all slices but those a person flagged; these are returned as (structure, index)."""
        return self._access.acceptAll(reviewNode, reviewer, note)

    def markEdited(self, reviewNode, reviewer: str = "") -> dict:
        """Note which slices were edited since they were drawn or accepted: structure name -> slice numbers."""
        return self._access.noteEdits(reviewNode, reviewer)

    def useAsPrior(self, reviewNode) -> tuple:
        """(volume, segmentation) of an accepted visit, to propagate from."""
        return useAsPrior(self._access, reviewNode)

    def exportReport(self, reviewNode, folder: str, overwrite: bool = False, wait=True, done=None, reference=None, pairs=None):
        """Write the folder of a visit, as the command line does: {folder, report}. `done(answer)` is told {error} after a failure.

        With a `reference` and its `pairs`, as in `evaluate`, the comparison is in the report and in metrics.csv.
        """
        self.checkIdle()
        export = ReportExport(self.worker, self._access, reviewNode, str(folder), overwrite, reference, pairs)
        return self.answer(export, wait, done)

    def evaluate(self, reviewNode, reference, pairs: dict, wait=True, done=None):
        """Dice and surface distances against a reference: a row (dict) for each structure of `pairs` {name: segment id}."""
        self.checkIdle()
        return self.answer(Evaluation(self.worker, self._access, reviewNode, reference, pairs), wait, done)

    def visits(self) -> list:
        """The review of every visit in the scene."""
        return MRMLReview.findAll(self.scene)

    def review(self, reviewNode):
        """The `VisitReview` of a review node; of a visit that is being drawn, as it is this moment."""
        return self._access.review(reviewNode)

    def _drawnVisit(self):
        return getattr(self.task, "current", None)

    def afterTask(self) -> None:
        """Draw the slice that was asked for meanwhile."""
        if self._redraws:
            _key, (node, structure, index, done, reviewer) = self._redraws.popitem()
            self.redrawSlice(node, structure, index, wait=False, done=done, reviewer=reviewer)

    def dropWaiting(self) -> None:
        self._redraws.clear()

    @staticmethod
    def _settings(settings, model: str) -> Settings:
        """As the command line makes them: what is not given follows the model."""
        if isinstance(settings, Settings):
            return settings
        given = dict(settings or {})
        return settings_for(Settings.from_dict(given), model, given)
