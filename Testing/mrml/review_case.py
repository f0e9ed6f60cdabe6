"""A visit as the worker reports it, and an oblique, flipped, anisotropic CT node for it to lie on."""

import numpy as np
import slicer
import vtk
from P2SAMSlicerLib.Proposals import checksum, pack
from P2SAMSlicerLib.SliceReview import SliceReview
from vtk.util.numpy_support import numpy_to_vtk

SHAPE = (14, 37, 52)
"""(K, J, I)"""
NAME = 'GTV-1 "Tüm·or" <left>; 50%:a\\b'
"""A name with everything that can go wrong in XML, JSON and TSV."""


def obliqueMatrix(spacing=(0.9, 1.3, 3.1), degrees=(14.0, -21.0, 8.0), flips=(True, False, True), origin=(31.0, -42.0, 615.0)):
    """(4, 4) IJK to RAS of a turned, flipped grid."""
    rotation = np.eye(3)
    for axis, angle in enumerate(np.radians(degrees)):
        one, other = [column for column in range(3) if column != axis]
        turn = np.eye(3)
        turn[[one, other], [one, other]] = np.cos(angle)
        turn[one, other], turn[other, one] = -np.sin(angle), np.sin(angle)
        rotation = rotation @ turn
    matrix = np.eye(4)
    matrix[:3, :3] = rotation * spacing * [-1 if flip else 1 for flip in flips]
    matrix[:3, 3] = origin
    return matrix


def toVtk(matrix):
    found = vtk.vtkMatrix4x4()
    found.DeepCopy(np.asarray(matrix, dtype=float).ravel())
    return found


def addVolume(scene, name="CT 2", shape=SHAPE, matrix=None, array=None, className="vtkMRMLScalarVolumeNode"):
    """A CT node: air, a body of water and fat, noise."""
    if array is None:
        array = np.full(shape, -1000, dtype=np.int16)
        array[:, 4:-4, 5:-6] = np.random.default_rng(3).integers(-90, 70, array[:, 4:-4, 5:-6].shape)
    node = scene.AddNewNodeByClass(className, name)
    slicer.util.updateVolumeFromArray(node, array)
    node.SetIJKToRASMatrix(toVtk(obliqueMatrix() if matrix is None else matrix))
    return node


def addSegmentation(scene, volumeNode, name="contours", masks=None):
    """A segmentation node with a segment for each (id, mask on the volume's grid)."""
    node = scene.AddNewNodeByClass("vtkMRMLSegmentationNode", name)
    node.CreateDefaultDisplayNodes()
    node.SetReferenceImageGeometryParameterFromVolumeNode(volumeNode)
    if masks is None:
        masks = {"Segment_1": np.zeros(slicer.util.arrayFromVolume(volumeNode).shape, dtype=np.uint8)}
        masks["Segment_1"][3:8, 10:20, 15:30] = 1
    for segmentId, mask in masks.items():
        image = slicer.vtkOrientedImageData()
        image.SetDimensions(mask.shape[::-1])
        matrix = vtk.vtkMatrix4x4()
        volumeNode.GetIJKToRASMatrix(matrix)
        image.SetImageToWorldMatrix(matrix)
        image.GetPointData().SetScalars(numpy_to_vtk(np.ascontiguousarray(mask, dtype=np.uint8).ravel(), deep=True))
        segment = slicer.vtkSegment()
        segment.SetName(segmentId.replace("_", " "))
        segment.AddRepresentation("Binary labelmap", image)
        node.GetSegmentation().AddSegment(segment, segmentId)
    return node


def propose(structure, mask, sliceAxis):
    """Let a mask (K, J, I) be what the method drew, as the run that writes it notes it in the review."""
    others = tuple(axis for axis in range(3) if axis != sliceAxis)
    for index in sorted({*structure.slices, *np.flatnonzero(mask.any(axis=others)).tolist()}):
        one = structure.slices.setdefault(index, SliceReview(index))
        drawn = np.take(mask, index, axis=sliceAxis)
        one.proposedCrc = one.seenCrc = checksum(drawn)
        one.proposed = pack(drawn)


def rasOf(matrix, ijk):
    return [float(value) for value in (np.asarray(matrix) @ [*ijk, 1.0])[:3]]


def sliceOf(index, matrix, flags=(), distance=0.2, sliceAxis=0, similarity=0.9):
    """`SLICE` of the protocol with three positive points and two negative ones."""
    points = []
    for label, count in ((1, 3), (0, 2)):
        for part in range(count):
            kji = [6, 11 + 3 * part + label, 18 + 4 * part]
            kji[sliceAxis] = index
            points.append({"label": label, "part": part, "similarity": similarity - 0.0123 * part, "ras": rasOf(matrix, kji[::-1])})
    return {
        "index": index,
        "position_mm": 3.1 * index,
        "reference_index": index + 2,
        "distance": distance,
        "area_mm2": 410.0 + index,
        "prior_area_mm2": 400.0,
        "n_positive": 3,
        "n_negative": 2,
        "kind": "parts",
        "flags": [{"code": code, "reason": f"Because of {code}."} for code in flags],
        "candidates": [{"kind": "parts", "n_positive": 3, "n_negative": 2, "distance": distance, "area_mm2": 410.0}],
        "chosen": 0,
        "points": points,
    }


def visitOf(matrix=None, name="CT 2", sliceAxis=0):
    """`VISIT` of the protocol: two structures, with every kind of slice."""
    matrix = obliqueMatrix() if matrix is None else matrix
    slices = [
        sliceOf(3, matrix, distance=0.10, sliceAxis=sliceAxis),
        sliceOf(4, matrix, ("far", "extent end"), distance=0.95, sliceAxis=sliceAxis),
        sliceOf(5, matrix, ("empty",), distance=None, sliceAxis=sliceAxis),
        sliceOf(6, matrix, distance=0.30, sliceAxis=sliceAxis),
        sliceOf(7, matrix, ("extent end",), distance=0.4, sliceAxis=sliceAxis),
    ]
    other = [sliceOf(6, matrix, distance=0.30, sliceAxis=sliceAxis), sliceOf(7, matrix, distance=float("nan"), sliceAxis=sliceAxis)]
    return {
        "name": name,
        "complete": False,
        "warnings": ["The run was stopped."],
        "seconds": 12.5,
        "alignment": {"requested": "deformable", "used": "rigid", "quality": 0.87},
        "slice_axis": sliceAxis,
        "structures": [
            {"name": NAME, "id": "Segment_1", "volume_ml": 12.0, "prior_volume_ml": 16.0, "centroid_shift_mm": 3.25, "warnings": ["Cut."], "usual_distance": 0.2, "slices": slices},
            {"name": "Heart", "id": "Segment_2", "volume_ml": 0.0, "prior_volume_ml": 0.0, "centroid_shift_mm": None, "warnings": [], "usual_distance": 0.05, "slices": other},
        ],
        "provenance": {"software": "p2sam", "versions": {"numpy": "2"}},
    }
