"""A small patient in the scene: made by formula, awkward geometry, with the dates and patient that DICOM would give."""

import numpy as np
import slicer
import vtk
from vtk.util.numpy_support import numpy_to_vtk

from P2SAMSlicerLib import SampleData
from P2SAMSlicerLib.MRMLSegmentations import addSegment, createResult
from P2SAMSlicerLib.MRMLSegments import writeSegment

SPACING = (2.0, 1.6, 4.0)
STRUCTURES = {"GTV": (0.9, 0.2, 0.2), "Heart": (0.2, 0.6, 0.95)}


def matrix(turn, origin, flips=(-1, -1, 1)):
    """IJK to RAS of an oblique grid."""
    c, s = np.cos(turn), np.sin(turn)
    result = np.eye(4)
    result[:3, :3] = np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]]) * np.array(SPACING) * np.array(flips)
    result[:3, 3] = origin
    return result


def ellipsoid(points, centre, radius):
    return np.sum(((points - centre) / radius) ** 2, axis=-1) <= 1


def points_of(ijk_to_ras, shape):
    kji = np.indices(shape).transpose(1, 2, 3, 0).astype(float)
    return kji[..., ::-1] @ ijk_to_ras[:3, :3].T + ijk_to_ras[:3, 3]


def anatomy(points, shift, shrink):
    """(HU, structure name -> mask): lungs in a body, a heart, and a mass that moves and shrinks."""
    body = ellipsoid(points, [0, 0, 0], [72, 52, 400])
    lungs = ellipsoid(points, [0, 4, 0], [60, 38, 60])
    heart = ellipsoid(points, [10, 6, -6], [24, 20, 26])
    mass = ellipsoid(points, np.array([-34, 2, 2]) + shift, np.array([15, 12, 16]) * shrink)
    hu = np.where(body, -20.0, -1000.0)
    hu[lungs] = -780
    hu[heart] = 45
    hu[mass] = 70
    return hu, {"GTV": mass, "Heart": heart & ~mass}


def add_volume(scene, name, hu, ijk_to_ras):
    image = vtk.vtkImageData()
    image.SetDimensions(hu.shape[::-1])
    image.GetPointData().SetScalars(numpy_to_vtk(np.ascontiguousarray(hu.astype(np.int16)).ravel(), deep=True))
    node = scene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", name)
    placed = vtk.vtkMatrix4x4()
    placed.DeepCopy(ijk_to_ras.ravel().tolist())
    node.SetIJKToRASMatrix(placed)
    node.SetAndObserveImageData(image)
    node.CreateDefaultDisplayNodes()
    return node


class PhantomScene:
    """Prior, its segmentation, and follow-ups.

    Attributes
    ----------
    prior, segmentation, followups
        The nodes.
    truths : list of dict
        Structure name -> mask of each follow-up.
    """

    def __init__(self, scene, followups=2, shape=(22, 66, 80)):
        self.scene = scene
        grid = matrix(0.12, (85.0, 60.0, -44.0))
        hu, masks = anatomy(points_of(grid, shape), np.zeros(3), 1.0)
        self.prior = add_volume(scene, "CT January", self._noisy(hu, 0), grid)
        self.segmentation = createResult(scene, self.prior)
        self.segmentation.SetName("Contours January")
        for name, mask in masks.items():
            writeSegment(self.segmentation, addSegment(self.segmentation, self.prior, name, segmentId=name, colorRgb=STRUCTURES[name]), mask, self.prior)
        self.followups, self.truths = [], []
        for number in range(followups):
            self._add_followup(number, shape)
        SampleData.placeInHierarchy(scene, {"priorVolume": self.prior, "priorSegmentation": self.segmentation, "followups": self.followups, "truths": []})

    def _add_followup(self, number, shape):
        shape = (shape[0] + 2, shape[1] - 6, shape[2] + 4)
        grid = matrix(-0.08, (88.0, 55.0, 46.0), (-1, -1, -1))
        hu, masks = anatomy(points_of(grid, shape), np.array([2.0, -2.0, 3.0]) * (number + 1), 0.92**(number + 1))
        self.followups.append(add_volume(self.scene, ("CT February", "CT March", "CT April")[number], self._noisy(hu, number + 1), grid))
        self.truths.append(masks)

    @staticmethod
    def _noisy(hu, seed):
        return hu + np.random.default_rng(seed).normal(0, 14, hu.shape)
