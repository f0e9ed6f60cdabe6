"""A reviewed visit as it stands in the scene after a run, in awkward geometry: oblique, flipped, anisotropic, not square."""

import numpy as np
import slicer
import vtk
from vtk.util.numpy_support import numpy_to_vtk

from P2SAMSlicerLib import MRMLPrompts, MRMLReview
from P2SAMSlicerLib.MRMLSegmentations import addSegment, createResult
from P2SAMSlicerLib.MRMLSegments import writeSegment
from P2SAMSlicerLib.Review import VisitReview

SHAPE = (24, 70, 90)
"""(K, J, I)."""
SPACING = (1.5, 1.2, 4.0)


def rotation(about_z: float, about_x: float) -> np.ndarray:
    cz, sz, cx, sx = np.cos(about_z), np.sin(about_z), np.cos(about_x), np.sin(about_x)
    return np.array([[cz, -sz, 0], [sz, cz, 0], [0, 0, 1]]) @ np.array([[1, 0, 0], [0, cx, -sx], [0, sx, cx]])


def matrix(turn, origin) -> np.ndarray:
    result = np.eye(4)
    result[:3, :3] = turn * SPACING
    result[:3, 3] = origin
    return result


FOLLOWUP = matrix(rotation(0.21, -0.17) @ np.diag([-1.0, -1.0, -1.0]), (61.5, 48.0, 55.0))
"""Slices are counted downwards, and the voxels are left-handed."""
PRIOR = matrix(rotation(-0.11, 0.06) @ np.diag([-1.0, -1.0, 1.0]), (80.0, 30.0, -70.0))


def add_volume(scene, name, ijk_to_ras, seed, shape=SHAPE):
    """A body of soft tissue with some noise, so that slices can be told apart."""
    grid = np.indices(shape).astype(float)
    inside = ((grid[1] / shape[1] - 0.5) / 0.44) ** 2 + ((grid[2] / shape[2] - 0.5) / 0.42) ** 2 < 1
    array = np.where(inside, 40 + 3 * grid[0], -1000) + np.random.default_rng(seed).normal(0, 12, shape)
    image = vtk.vtkImageData()
    image.SetDimensions(shape[::-1])
    image.GetPointData().SetScalars(numpy_to_vtk(np.ascontiguousarray(array.astype(np.int16)).ravel(), deep=True))
    node = scene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", name)
    placed = vtk.vtkMatrix4x4()
    placed.DeepCopy(np.asarray(ijk_to_ras, dtype=float).ravel().tolist())
    node.SetIJKToRASMatrix(placed)
    node.SetAndObserveImageData(image)
    node.CreateDefaultDisplayNodes()
    node.GetDisplayNode().SetAutoWindowLevel(False)
    node.GetDisplayNode().SetWindowLevelMinMax(-160, 240)
    return node


def ball(centre, radius, shape=SHAPE) -> np.ndarray:
    grid = np.indices(shape).astype(float)
    return sum(((grid[axis] - centre[axis]) / radius[axis]) ** 2 for axis in range(3)) <= 1


STRUCTURES = {"GTV": (ball((11, 40, 52), (6, 9, 8)), (0.9, 0.2, 0.2)), "Heart": (ball((15, 30, 30), (5, 12, 10)), (0.2, 0.6, 0.95))}
FLAGS = {("GTV", 8): [("empty", "Nothing was found, but the aligned prior has 1.2 cm2 here.")], ("GTV", 13): [("far", "The distance 0.6 is 2.0 times what is usual.")],
         ("Heart", 17): [("area jump", "The area changes 1.9-fold from the slice before (prior: 1.05)."), ("far", "The distance 0.5 is 1.6 times what is usual.")]}  # fmt: skip
WORST_FIRST = [("GTV", 8), ("Heart", 17), ("GTV", 13)]


def ras(ijk_to_ras, kji) -> list:
    return [float(value) for value in (np.asarray(ijk_to_ras) @ [kji[2], kji[1], kji[0], 1.0])[:3]]


def add_segmentation(scene, volume, masks) -> object:
    node = createResult(scene, volume)
    for name, mask in masks.items():
        writeSegment(node, addSegment(node, volume, name, segmentId=name, colorRgb=STRUCTURES[name][1]), mask, volume)
    return node


def slice_of(name, index, mask) -> dict:
    """A slice as the worker reports it."""
    area = float(np.count_nonzero(mask[index]) * SPACING[0] * SPACING[1])
    middle = np.argwhere(mask[index]).mean(axis=0) if mask[index].any() else np.array([20.0, 20.0])
    places = [(1, 0, middle), (1, 1, middle + [2, -2]), (0, 0, middle + [20, 8])]
    distance = 0.3 + 0.01 * index if area else None
    candidate = {"kind": "parts", "n_positive": 2, "n_negative": 1, "distance": distance, "area_mm2": area}
    return {
        "index": index, "position_mm": -4.0 * index, "reference_index": 30 - index if index > 6 else None, "distance": distance,
        "area_mm2": area, "prior_area_mm2": area * 0.9 + 5, "n_positive": 2, "n_negative": 1, "kind": "parts",
        "flags": [{"code": code, "reason": reason} for code, reason in FLAGS.get((name, index), [])], "candidates": [candidate], "chosen": 0,
        "points": [{"label": label, "part": part, "similarity": 0.8 - 0.1 * part, "ras": ras(FOLLOWUP, (index, *place))} for label, part, place in places],
    }  # fmt: skip


def result_of(name, masks) -> dict:
    structures = []
    for structure, mask in masks.items():
        slices = [slice_of(structure, index, mask) for index in np.flatnonzero(mask.any(axis=(1, 2)))]
        structures.append({"name": structure, "id": structure, "usual_distance": 0.3, "volume_ml": mask.sum() * np.prod(SPACING) / 1000,
                           "prior_volume_ml": mask.sum() * np.prod(SPACING) / 900, "centroid_shift_mm": 2.5, "slices": slices})  # fmt: skip
    return {"name": name, "complete": True, "slice_axis": 0, "structures": structures, "seconds": 3.0}


class ReviewedScene:
    """Nodes of one or several reviewed visits."""

    def __init__(self, scene, visits=("visit 2",)):
        masks = {name: mask for name, (mask, _color) in STRUCTURES.items()}
        self.scene = scene
        self.prior = add_volume(scene, "prior CT", PRIOR, 1, (30, 70, 90))
        self.priorSegmentation = add_segmentation(scene, self.prior, {name: np.concatenate([np.zeros((6, *SHAPE[1:]), bool), mask[::-1]]) for name, mask in masks.items()})
        self.priorSegmentation.SetName("prior contours")
        self.followups, self.segmentations, self.reviews = [], [], []
        for number, visit in enumerate(visits):
            self._add_visit(visit, number, masks)

    def _add_visit(self, visit, number, masks):
        followup = add_volume(self.scene, visit, FOLLOWUP, 2 + number)
        segmentation = add_segmentation(self.scene, followup, masks)
        result = result_of(visit, masks)
        review = VisitReview.fromResult(result)
        node = MRMLReview.save(self.scene, None, review, followup)
        lists = {name: MRMLPrompts.createLists(self.scene, followup, name) for name in masks}
        for structure in result["structures"]:
            MRMLPrompts.fill(lists[structure["name"]], structure["slices"])
        MRMLReview.setReferences(node, segmentation=segmentation, priorVolume=self.prior, priorSegmentation=self.priorSegmentation)
        MRMLReview.setLists(node, lists)
        self.followups.append(followup)
        self.segmentations.append(segmentation)
        self.reviews.append(node)


class RecordingLogic:
    """The logic's verbs on the review, without a worker; what was asked is kept in `asked`."""

    def __init__(self, scene):
        self.scene = scene
        self.running = False
        self.asked = []
        self.pending = []

    def _settle(self, node, structure, index, status, reviewer="", note=""):
        review = MRMLReview.load(node)
        review.setStatus(structure, index, status, reviewer, note)
        MRMLReview.save(self.scene, node, review)

    def acceptSlice(self, node, structure, index, reviewer="", note=""):
        self._settle(node, structure, index, "accepted", reviewer, note)

    def flagSlice(self, node, structure, index, reviewer="", note=""):
        self._settle(node, structure, index, "flagged", reviewer, note)

    def clearStatus(self, node, structure, index):
        self._settle(node, structure, index, "not reviewed")

    def acceptVisit(self, node, reviewer="", note=""):
        review = MRMLReview.load(node)
        review.acceptAll(reviewer, note)
        MRMLReview.save(self.scene, node, review)

    def redrawSlice(self, node, structure, index, wait=True, done=None, reviewer=""):
        self.asked.append(("redraw", structure, index))
        self.pending.append(done)

    def resetSlice(self, node, structure, index):
        self.asked.append(("reset", structure, index))

    def markEdited(self, node, reviewer=""):
        self.asked.append(("markEdited", node.GetID()))

    def propagateAgain(self, node, slices=None, wait=True, progress=None, observer=None):
        self.asked.append(("again", slices))

    def useAsPrior(self, node):
        return MRMLReview.reference(node, "followup"), MRMLReview.reference(node, "segmentation")
