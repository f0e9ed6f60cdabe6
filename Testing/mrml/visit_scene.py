"""A small patient in the scene, on grids that are not square, anisotropic, oblique and flipped; and a logic with a real worker."""

import sys
from pathlib import Path

import numpy as np
from segment_scene import add_shared, add_transform, add_volume, vtk_matrix

sys.path.append(str(Path(__file__).resolve().parents[1] / "worker"))
from pipe_process import PipeProcess  # noqa: E402

from P2SAMSlicerLib.Logic import Logic  # noqa: E402

CENTRE = np.array([-12.0, 9.0, 20.0])
RADII = np.array([11.0, 13.0, 15.0])
SHIFT = np.array([2.0, -1.5, 1.0])
NODULE = np.array([14.0, 12.0, 8.0])
"""The second structure, from the centre of the first."""
SETTINGS = {"alignment": "none", "n_positive": [1, 2], "track_mm": 8.0, "max_features": 200}
STRUCTURES = ("mass", "nodule")


def turned(degrees_z=15.0, degrees_x=9.0):
    z, x = np.radians([degrees_z, degrees_x])
    about_z = np.array([[np.cos(z), -np.sin(z), 0], [np.sin(z), np.cos(z), 0], [0, 0, 1]])
    return about_z @ np.array([[1, 0, 0], [0, np.cos(x), -np.sin(x)], [0, np.sin(x), np.cos(x)]])


def grid(shape, spacing, flips, centre, turn=None):
    """(4, 4) ijk_to_ras of a grid centred near the patient's structure."""
    matrix = np.eye(4)
    matrix[:3, :3] = (turned() if turn is None else turn) * flips * np.asarray(spacing)
    matrix[:3, 3] = centre - matrix[:3, :3] @ ((np.array(shape[::-1]) - 1) / 2)
    return matrix


PRIOR_SHAPE, FOLLOWUP_SHAPE = (16, 34, 28), (18, 30, 32)
PRIOR_GRID = grid(PRIOR_SHAPE, (2.2, 1.9, 4.0), [-1, 1, -1], CENTRE + [3, -2, 1])
FOLLOWUP_GRID = grid(FOLLOWUP_SHAPE, (2.0, 2.1, 3.6), [1, -1, 1], CENTRE + [2, 1, -2], turned(-8.0, 6.0))

RIGHT_HANDED_GRID = grid(FOLLOWUP_SHAPE, (2.0, 2.1, 3.6), [1, -1, -1], CENTRE + [2, 1, -2], turned(-8.0, 6.0))
"""Slicer turns a left-handed volume round when it reads it from a file; this one stays as it is."""


def places(matrix, shape):
    k, j, i = np.indices(shape)
    return np.stack([i, j, k], axis=-1) @ matrix[:3, :3].T + matrix[:3, 3]


def structure(name, matrix, shape, shift=(0, 0, 0)):
    """(K, J, I) bool."""
    middle, radii = (CENTRE, RADII) if name == "mass" else (CENTRE + NODULE, 0.45 * RADII)
    return np.linalg.norm((places(matrix, shape) - middle - shift) / radii, axis=-1) < 1


def scan(matrix, shape, shift=(0, 0, 0), seed=0):
    """(K, J, I) int16 HU: a body in air, two structures in it."""
    away = places(matrix, shape) - CENTRE
    hu = np.where(np.linalg.norm(away[..., :2] / [27, 27], axis=-1) < 1, -80.0, -1000.0)
    hu[structure("mass", matrix, shape, shift)] = 180
    hu[structure("nodule", matrix, shape, shift)] = 320
    return np.rint(hu + np.random.default_rng(seed).normal(0, 6, shape)).astype(np.int16)


class Patient:
    """The nodes of a prior and of follow-ups.

    Parameters
    ----------
    followups : int
    transformed : bool
        Put the follow-ups under a linear transform that moves them away and their voxels back, so that they lie where
        they lay: only a reader who leaves the transform out is wrong.
    """

    def __init__(self, scene, followups=1, transformed=False, grid=FOLLOWUP_GRID):
        self.scene = scene
        self.grid = grid
        self.prior = add_volume(scene, PRIOR_GRID, name="prior", array=scan(PRIOR_GRID, PRIOR_SHAPE))
        masks = {f"Segment_{number}": structure(name, PRIOR_GRID, PRIOR_SHAPE) for number, name in enumerate(STRUCTURES, 1)}
        self.segmentation = add_shared(scene, self.prior, masks, "contours")
        for number, name in enumerate(STRUCTURES, 1):
            self.segmentation.GetSegmentation().GetSegment(f"Segment_{number}").SetName(name)
        self.followups = [
            add_volume(scene, grid, name=f"visit{n}", array=scan(grid, FOLLOWUP_SHAPE, SHIFT * n, n)) for n in range(1, followups + 1)
        ]
        if transformed:
            self._putUnderTransform()

    @property
    def followup(self):
        return self.followups[0]

    def _putUnderTransform(self):
        node = add_transform(self.scene)
        matrix = vtk_matrix(np.eye(4))
        node.GetMatrixTransformToParent(matrix)
        moved = np.array([[matrix.GetElement(row, column) for column in range(4)] for row in range(4)])
        for followup in self.followups:
            followup.SetIJKToRASMatrix(vtk_matrix(np.linalg.inv(moved) @ self.grid))
            followup.SetAndObserveTransformNodeID(node.GetID())


class Watcher:
    """Keeps what a run tells."""

    def __init__(self):
        self.slices, self.visits, self.warnings, self.ends, self.progress = [], [], [], [], []

    def onProgress(self, *told):
        self.progress.append(told)

    def onSlice(self, *told):
        self.slices.append(told)

    def onVisit(self, node):
        self.visits.append(node)

    def onWarning(self, text):
        self.warnings.append(text)

    def onFinished(self, status, message):
        self.ends.append((status, message))


def makeLogic(scene, undo=None, **options):
    """A logic whose worker is a real process."""
    return Logic(scene, lambda: PipeProcess(**options), undo)


def nodeNames(scene):
    """Class and name of every node, but for the subject hierarchy, which Slicer's application always has."""
    nodes = [scene.GetNthNode(number) for number in range(scene.GetNumberOfNodes())]
    return sorted(f"{node.GetClassName()} {node.GetName()}" for node in nodes if not node.IsA("vtkMRMLSubjectHierarchyNode"))


def drive(logic, until=lambda: False, seconds=120, budget=0.05):
    """Pump and flush as a panel's timer does, until there is nothing to do or `until()`; the longest single step, s."""
    import time

    end, longest = time.monotonic() + seconds, 0.0
    while logic.running and not until():
        if logic.worker.client is not None:
            logic.worker.client.process.pump(0.005)
        began = time.monotonic()
        logic.flush(budget)
        longest = max(longest, time.monotonic() - began)
        assert time.monotonic() < end, "the task did not end in time"
    return longest


class SharedWorker:
    """One worker for many tests, as starting one takes seconds."""

    def __init__(self):
        self._first = None

    def logic(self, scene, undo=None):
        logic = makeLogic(scene, undo)
        if self._first is None:
            self._first = logic.worker
        logic.worker = self._first
        return logic

    def end(self):
        if self._first is not None:
            self._first.shutdown()


def masksOf(logic, node):
    """Structure name -> (K, J, I) bool as the scene has it."""
    return logic._access.masks(node)


def paint(logic, node, name, index, mask):
    """What a person paints in the Segment Editor: our writer, reviews and checksums know nothing of it."""
    from P2SAMSlicerLib import MRMLReview, MRMLSegmentations

    review = logic.review(node)
    MRMLSegmentations.writeSlices(
        MRMLReview.reference(node, "segmentation"), MRMLReview.reference(node, "followup"), review.structure(name).segmentId, {index: mask}, review.sliceAxis
    )


def painted(shape=FOLLOWUP_SHAPE[1:], seed=3):
    """A slice that no method would draw."""
    return np.random.default_rng(seed).random(shape) < 0.2
