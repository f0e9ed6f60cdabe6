"""The bundled phantom: one patient, a prior visit and two follow-ups with a known truth, made from formulas.

No file is read and nothing is random but by the seed: the same numpy gives the same voxels, bit for bit. The tumour
shrinks, moves, changes its shape and stays in contact with heart and chest wall; between the visits the patient
breathes, lies differently, on another table, in another field of view. It looks like a CT but is nobody's.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy import ndimage
from scipy.spatial.transform import Rotation

from ..errors import SettingsError
from ..files.images import write_volume
from .anatomy import Tumour, body_distance, thorax_distance
from .shapes import Points, cover, paint, smooth_step
from .tissue import AIR_HU, Patient, image, make_patient
from ..segmentation import Segment, Segmentation
from ..files.segmentations import write_segmentation
from ..volume import Volume

PATIENT_ID = "PHANTOM"


def _terminology(category: str, kind: str, modifier: str = "^^") -> str:
    """Slicer's `TerminologyEntry` tag: contexts and SNOMED CT codes, no anatomic region."""
    lists = "Segmentation category and type - 3D Slicer General Anatomy list", "Anatomic codes - DICOM master list"
    return f"{lists[0]}~SCT^{category}~SCT^{kind}~{modifier}~{lists[1]}~^^~^^"


_STRUCTURE = "123037004^Anatomical Structure"
STRUCTURES = {
    "GTV": ((0.86, 0.20, 0.18), _terminology("49755003^Morphologically Altered Structure", "4147007^Mass")),
    "Heart": ((0.81, 0.43, 0.33), _terminology(_STRUCTURE, "80891009^Heart")),
    "Spinal cord": ((0.96, 0.84, 0.19), _terminology(_STRUCTURE, "2748008^Spinal cord")),
    "Lung left": ((0.30, 0.62, 0.86), _terminology(_STRUCTURE, "39607008^Lung", "SCT^7771000^Left")),
    "Lung right": ((0.40, 0.76, 0.65), _terminology(_STRUCTURE, "39607008^Lung", "SCT^24028007^Right")),
}
"""Name -> (colour, Slicer's `TerminologyEntry`), in the order of the segments."""


@dataclass(frozen=True)
class Visit:
    """How one visit differs from the patient's anatomy. Lengths in mm, angles in degrees.

    Attributes
    ----------
    size, spacing : 3 numbers along (i, j, k)
    directions : (3, 3)
        Unit vectors of i, j, k in RAS, one a row, before `tilt_deg`.
    tilt_deg, turn_deg : 3 angles about R, A, S
        Of the scan's grid, and of the patient.
    centre, shift : (R, A, S)
        Centre of the field of view; displacement of the patient.
    diaphragm_rise, rib_drop, chest_fall : float
        Breathing out: how far the domes rise, the ribs drop, and the chest falls in; negative for breathing in.
    table : "flat" or "curved"
    table_drop : float
        Gap between the back and the table.
    noise_hu : float
        Standard deviation.
    """

    name: str
    date: str
    tumour: Tumour
    size: tuple[int, int, int]
    spacing: tuple[float, float, float]
    centre: tuple[float, float, float]
    directions: tuple[tuple[float, ...], ...] = ((-1, 0, 0), (0, -1, 0), (0, 0, 1))
    tilt_deg: tuple[float, float, float] = (0, 0, 0)
    turn_deg: tuple[float, float, float] = (0, 0, 0)
    shift: tuple[float, float, float] = (0, 0, 0)
    diaphragm_rise: float = 0
    rib_drop: float = 0
    chest_fall: float = 0
    table: str = "flat"
    table_drop: float = 0
    noise_hu: float = 14


PRIOR = Visit("prior", "20240108", Tumour((-86, 31, -1), (32, 27, 27), 0.4), (240, 184, 56), (1.6, 1.6, 3.0), (0, -14, -8))
FOLLOWUPS = (
    Visit(
        "followup1", "20240205", Tumour((-86, 37, 4), (32, 23, 23), 0.9),
        (228, 176, 60), (1.7, 1.7, 2.5), (4, -20, -2),
        turn_deg=(1.5, -1.0, 2.5), shift=(7, -5, 9), diaphragm_rise=7, rib_drop=3, chest_fall=2, table_drop=4, noise_hu=17,
    ),
    Visit(
        "followup2", "20240311", Tumour((-85, 37, -3), (30, 19, 19), 1.5, haze_hu=330),
        (176, 144, 42), (1.8, 1.8, 4.0), (-14, -8, -6),
        directions=((1, 0, 0), (0, -1, 0), (0, 0, -1)), tilt_deg=(7, 0, -3), turn_deg=(-2.0, 1.5, -4.0), shift=(-9, 6, -12),
        diaphragm_rise=-5, rib_drop=-2, chest_fall=-3, table="curved", noise_hu=15,
    ),
)


@dataclass(frozen=True)
class PhantomPatient:
    """The prior visit, and the follow-ups as (name, CT, true segmentation)."""

    prior: Volume
    prior_segmentation: Segmentation
    followups: tuple[tuple[str, Volume, Segmentation], ...]


def phantom_patient(seed: int = 0, scale: float = 1.0) -> PhantomPatient:
    """Make the phantom.

    Parameters
    ----------
    seed : int
        Of textures, vessels and noise; the anatomy stays.
    scale : float
        Voxel size as a multiple of the usual (1.6 x 1.6 x 3 mm for the prior), from 0.5 to 4. At 2 the patient is made
        in under a second and is good for tests.

    Raises
    ------
    SettingsError
        For a scale outside 0.5 to 4.
    """
    if not 0.5 <= scale <= 4:
        raise SettingsError(f"The phantom's scale is {scale}; choose a voxel size between 0.5 and 4 times the usual.")
    patient = make_patient(seed, 1.5 * max(1.0, scale))
    prior, truth = _scan(PRIOR, patient, seed, scale)
    followups = tuple((visit.name, *_scan(visit, patient, seed + n + 1, scale)) for n, visit in enumerate(FOLLOWUPS))
    return PhantomPatient(prior, truth, followups)


def write_phantom(folder: str | Path, seed: int = 0, scale: float = 1.0) -> dict[str, Path]:
    """Write the phantom into `folder` as `<visit>_ct.nrrd` and `<visit>.seg.nrrd`; returns name -> path.

    Keys: "prior_ct", "prior_segmentation", and for each follow-up "<name>_ct" and "<name>_truth".
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    patient = phantom_patient(seed, scale)
    paths = {"prior_ct": folder / "prior_ct.nrrd", "prior_segmentation": folder / "prior.seg.nrrd"}
    write_volume(patient.prior, paths["prior_ct"])
    write_segmentation(patient.prior_segmentation, paths["prior_segmentation"])
    for name, volume, truth in patient.followups:
        paths[f"{name}_ct"], paths[f"{name}_truth"] = folder / f"{name}_ct.nrrd", folder / f"{name}_truth.seg.nrrd"
        write_volume(volume, paths[f"{name}_ct"])
        write_segmentation(truth, paths[f"{name}_truth"])
    return paths


def _scan(visit: Visit, patient: Patient, seed: int, scale: float) -> tuple[Volume, Segmentation]:
    """Image one visit, a few slices at a time, and add blur and noise."""
    matrix, shape = _grid(visit, scale)
    width = float(np.mean(np.linalg.norm(matrix[:3, :3], axis=0)[:2])) * 1.1
    hu = np.empty(shape, dtype=np.float32)
    masks = {name: np.zeros(shape, dtype=bool) for name in STRUCTURES}
    for first in range(0, shape[0], 4):
        slab = slice(first, min(first + 4, shape[0]))
        hu[slab], found = _slab(visit, patient, matrix, slab, shape, width)
        for name, mask in found.items():
            masks[name][slab] = mask
    hu = ndimage.gaussian_filter(hu, (0, 0.45, 0.45), mode="nearest")
    hu += _noise(np.random.default_rng([seed, 77]), shape, visit.noise_hu)
    array = np.clip(np.rint(hu), -1024, 3071).astype(np.int16)
    meta = {
        "patient_id": PATIENT_ID,
        "study_date": visit.date,
        "modality": "CT",
        "frame_of_reference_uid": f"2.25.{visit.date}",
    }
    segments = tuple(
        Segment(name, masks[name], f"Segment_{n + 1}", color, terminology)
        for n, (name, (color, terminology)) in enumerate(STRUCTURES.items())
    )
    return Volume(array, matrix, meta), Segmentation(segments, matrix, shape, dict(meta))


def _grid(visit: Visit, scale: float) -> tuple[np.ndarray, tuple[int, int, int]]:
    """The scan's `ijk_to_ras` and numpy shape (K, J, I)."""
    size = np.maximum(np.round(np.array(visit.size) / scale), 4).astype(int)
    columns = Rotation.from_euler("xyz", visit.tilt_deg, degrees=True).as_matrix() @ np.array(visit.directions, dtype=float).T
    matrix = np.eye(4)
    matrix[:3, :3] = columns * (np.array(visit.spacing) * scale)
    matrix[:3, 3] = np.array(visit.centre) - matrix[:3, :3] @ ((size - 1) / 2)
    return matrix, tuple(int(n) for n in size[::-1])


def _slab(
    visit: Visit, patient: Patient, matrix, slab: slice, shape, width: float
) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """HU and structures of a few slices."""
    k, j, i = np.ogrid[slab, : shape[1], : shape[2]]
    grid = [matrix[n, 0] * i + matrix[n, 1] * j + (matrix[n, 2] * k + matrix[n, 3]) for n in range(3)]
    scanner = tuple(coordinate.astype(np.float32).ravel() for coordinate in grid)
    hu = np.full(scanner[0].size, AIR_HU, dtype=np.float32)
    _paint_table(hu, scanner, visit, width)
    posed = _pose(scanner, visit)
    body = body_distance(posed)
    inside = np.flatnonzero(body < 3)
    relaxed = _breathe(tuple(coordinate[inside] for coordinate in posed), visit)
    tissue, found = image(relaxed, body[inside], visit.tumour, patient, width)
    hu[inside] += cover(body[inside], width) * (tissue - hu[inside])
    masks = {}
    for name, mask in found.items():
        full = np.zeros(hu.size, dtype=bool)
        full[inside] = mask
        masks[name] = full.reshape(grid[0].shape)
    return hu.reshape(grid[0].shape), masks


def _pose(scanner: Points, visit: Visit) -> Points:
    """Where in the patient a point of the scanner lies: the patient is turned about its middle and shifted."""
    turn = Rotation.from_euler("xyz", visit.turn_deg, degrees=True).as_matrix().T.astype(np.float32)
    moved = [coordinate - np.float32(shift) for coordinate, shift in zip(scanner, visit.shift)]
    return tuple(sum(turn[row, column] * moved[column] for column in range(3)) for row in range(3))


def _breathe(points: Points, visit: Visit) -> Points:
    """Where tissue came from: domes move along the body most at the bottom, ribs and front wall less, the spine not."""
    x, y, z = points
    free = smooth_step(np.sqrt(x * x + (y + 75) ** 2), 28, 75)
    inner = 1 - smooth_step(thorax_distance(points), -22, 4)
    lift = visit.diaphragm_rise * inner * (1 - smooth_step(z, -75, 75)) - visit.rib_drop * (1 - inner) * smooth_step(y, -60, 60)
    fall = visit.chest_fall * smooth_step(y, -45, 85)
    return x, y + free * fall, z - free * lift


def _paint_table(hu: np.ndarray, scanner: Points, visit: Visit, width: float) -> None:
    """A couch under the back: a thin shell round foam, flat for treatment, curved for diagnosis."""
    x, y, _ = scanner
    top = np.float32(visit.shift[1] - 118 - visit.table_drop)
    if visit.table == "curved":
        top = top - 3 + (x - np.float32(visit.shift[0])) ** 2 / 900
    under = y - top
    slab = np.maximum(np.maximum(under, -under - 34), np.abs(x) - 235)
    paint(hu, slab, 20.0, width)
    paint(hu, slab + 2.2, -940.0, width)


def _noise(random: np.random.Generator, shape, sigma_hu: float) -> np.ndarray:
    """CT noise: correlated over about two pixels within a slice."""
    white = random.standard_normal(shape, dtype=np.float32)
    grain = ndimage.gaussian_filter(white, (0.35, 0.75, 0.75), mode="wrap")
    return grain * np.float32(sigma_hu / grain.std())
