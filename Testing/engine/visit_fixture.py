"""A made-up visit on a grid as awkward as real ones: not square, anisotropic, oblique, flipped, two structures."""

import numpy as np
from p2sam.prompts import PointPrompts
from p2sam.result import CandidateRecord, Flag, SliceResult, StructureResult, VisitResult
from p2sam.segmentation import Segment
from p2sam.volume import Volume, canonical

AWKWARD_NAME = '<b>GTV & "x"</b>'
TUMOUR_RAS = np.array([-22.0, 14.0, 31.0])
"""Centre of the first structure in millimetres, well off the middle of the volume on every axis."""
CORD_RAS = np.array([6.0, -24.0, 30.0])
EMPTY_SLICE_OFFSET = 2
"""The slice so far above the tumour's lowest one has no result, no score and a flag."""


def oblique_matrix(spacing_mm=(0.9, 1.3, 4.0), flips=(False, True, True), degrees=11.0, shape_ijk=(84, 60, 15)):
    """(4, 4) ijk_to_ras of an axial grid turned about two axes, its columns flipped as asked, centred near the tumour."""
    a, b = np.radians([degrees, -0.6 * degrees])
    turn = np.array([[np.cos(a), -np.sin(a), 0], [np.sin(a), np.cos(a), 0], [0, 0, 1]])
    tilt = np.array([[1, 0, 0], [0, np.cos(b), -np.sin(b)], [0, np.sin(b), np.cos(b)]])
    signs = np.where(flips, 1.0, -1.0) * np.array([1.0, 1.0, -1.0])  # unflipped: towards L, P, S as DICOM stores it
    matrix = np.eye(4)
    matrix[:3, :3] = (turn @ tilt) * signs * np.asarray(spacing_mm)
    middle = (np.asarray(shape_ijk) - 1) / 2
    matrix[:3, 3] = np.array([-6.0, 0.0, 30.0]) - matrix[:3, :3] @ middle
    return matrix


def make_volume(flips=(False, True, True), slice_last=False):
    """A CT-like follow-up (K, J, I); `slice_last` stores the slices along I, as a sagittal reader might."""
    shape_ijk = (84, 60, 15)
    matrix = oblique_matrix(flips=flips, shape_ijk=shape_ijk)
    if slice_last:
        matrix = matrix[:, [2, 1, 0, 3]]
        shape_ijk = shape_ijk[::-1]
    meta = {"patient_id": "P&1", "study_date": "20240305", "modality": "CT", "source": "visit2.nrrd"}
    grid = Volume(np.zeros(shape_ijk[::-1], np.float32), matrix, meta)
    ras = ras_grid(grid)
    rng = np.random.default_rng(4)
    body = np.where(np.linalg.norm((ras - [-6, 0, 30]) / [34, 34, 1e9], axis=-1) < 1, -780.0, 30.0)
    body = np.where(ball(ras, TUMOUR_RAS, (11, 9, 14)), 40.0, body)
    return grid.with_array((body + rng.normal(0, 15, body.shape)).astype(np.float32))


def ras_grid(volume):
    """(K, J, I, 3) RAS of every voxel centre."""
    k, j, i = np.meshgrid(*(np.arange(n) for n in volume.array.shape), indexing="ij")
    return volume.ras_of(np.stack([i, j, k], axis=-1).reshape(-1, 3).astype(float)).reshape(*volume.array.shape, 3)


def ball(ras, centre, radii):
    return np.linalg.norm((ras - centre) / radii, axis=-1) < 1


def make_visit(flips=(False, True, True), slice_last=False, complete=True):
    """VisitResult with the awkwardly named tumour and a cord; the tumour's prior is larger and shifted."""
    volume = make_volume(flips, slice_last)
    ras = ras_grid(volume)
    tumour, tumour_prior = ball(ras, TUMOUR_RAS, (10, 8, 14)), ball(ras, TUMOUR_RAS + [2, 1, 0], (13, 10, 16))
    cord = ball(ras[..., :2], CORD_RAS[:2], (5, 4))
    tumour &= ~_one_slice(volume, _own_slices(volume, tumour)[EMPTY_SLICE_OFFSET])
    structures = (
        _structure(volume, Segment(AWKWARD_NAME, tumour, "Segment_1", (0.8, 0.2, 0.3)), tumour_prior),
        _structure(volume, Segment("Spinal-Cord", cord, "Segment_2", (0.2, 0.6, 0.9)), cord.copy()),
    )
    return VisitResult(
        name="visit2",
        followup=volume,
        structures=structures,
        aligned_masks={AWKWARD_NAME: tumour_prior, "Spinal-Cord": cord.copy()},
        alignment={"requested": "deformable", "used": "rigid", "quality": 0.81, "seconds": 3.2, "warnings": ["Folding < 0; rigid kept."]},
        complete=complete,
        warnings=("Two structures overlapped in 3 voxels.",),
        seconds=12.5,
        provenance={"model": "graph", "preset": "clinical", "prior": {"study_date": "20240101", "source": "prior.nrrd"}},
    )


def slice_axis(volume):
    """numpy axis of the follow-up's slices."""
    return canonical(volume)[1].axes[0]


def _own_slices(volume, mask):
    axis = slice_axis(volume)
    return np.flatnonzero(mask.any(axis=tuple(a for a in range(3) if a != axis)))


def _one_slice(volume, index):
    chosen = np.zeros(volume.array.shape, bool)
    chosen[(slice(None),) * slice_axis(volume) + (index,)] = True
    return chosen


def _structure(volume, segment, prior):
    voxel_ml = abs(np.linalg.det(volume.ijk_to_ras[:3, :3])) / 1000
    slices = tuple(_slice(volume, segment.mask, prior, index) for index in _own_slices(volume, segment.mask | prior))
    shift = np.linalg.norm(ras_grid(volume)[segment.mask].mean(axis=0) - ras_grid(volume)[prior].mean(axis=0))
    return StructureResult(segment, slices, segment.mask.sum() * voxel_ml, prior.sum() * voxel_ml, float(shift), ())


def _slice(volume, mask, prior, index):
    turned, order = canonical(volume)
    k = len(turned.array) - 1 - index if order.flips[0] else index
    flat, flat_prior = order.apply(mask)[k], order.apply(prior)[k]
    pixel_mm2 = float(np.prod(turned.spacing_mm[:2]))
    normal = turned.ijk_to_ras[:3, 2] / turned.spacing_mm[2]
    position = float(turned.ras_of(np.array([[0.0, 0.0, k]]))[0] @ normal)
    common = dict(index=int(index), position_mm=position, reference_index=int(index) + 3)
    areas = dict(area_mm2=flat.sum() * pixel_mm2, prior_area_mm2=flat_prior.sum() * pixel_mm2)
    if not flat.any():
        records = (CandidateRecord("parts", 1, 1, None, 0.0),)
        flags = (Flag("empty", "Nothing was found on this slice, although the prior reaches it."),)
        return SliceResult(**common, **areas, prompts=PointPrompts.empty(), prompts_ras=np.zeros((0, 3)), candidates=records, chosen=None, flags=flags)
    inside = np.argwhere(flat)[:, ::-1]
    outside = np.argwhere(~flat)[:, ::-1]
    points = np.array([inside[0], inside[-1], outside[len(outside) // 3]], np.float32)
    prompts = PointPrompts(points, np.array([1, 1, 0], np.int8), np.array([0, 1, 0]), np.array([0.91, 0.84, 0.5], np.float32))
    prompts_ras = turned.ras_of(np.column_stack([points, np.full(3, k)]).astype(float))
    distance = 0.2 + 0.01 * int(index)
    records = (
        CandidateRecord("parts", 1, 1, distance + 0.05, 90.0),
        CandidateRecord("parts", 2, 1, distance, float(areas["area_mm2"])),
        CandidateRecord("aligned prior", 0, 0, distance + 0.2, float(areas["prior_area_mm2"])),
    )
    flags = (Flag("far_distance", f"Distance {distance:.2f} is above 0.30, the most the prior shows against itself."),) if distance > 0.3 else ()
    return SliceResult(**common, **areas, prompts=prompts, prompts_ras=prompts_ras, candidates=records, chosen=1, flags=flags)
