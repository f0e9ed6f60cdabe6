"""The phantom's tissues: organs put together, painted in Hounsfield units, and named as structures."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from . import anatomy
from .anatomy import Tumour
from .lung import Texture, VesselTree, draw_tree, grow_tree, make_texture
from .shapes import Points, cover, ellipsoid, paint, smooth_step, smooth_union

HILA_MM = {"right": (46.0, -18.0, 24.0), "left": (-52.0, -22.0, 24.0)}
AIR_HU, FAT_HU, MUSCLE_HU, BLOOD_HU, HEART_HU, TUMOUR_HU = -1000.0, -102.0, 52.0, 42.0, 45.0, 35.0


@dataclass(frozen=True)
class Patient:
    """One patient: the textures and vessels that stay the same from visit to visit."""

    fine: Texture
    coarse: Texture
    vessels: VesselTree


def make_patient(seed: int, step_mm: float) -> Patient:
    """Draw a patient's textures and vessel trees; `step_mm` is the vessel grid's spacing."""
    random = np.random.default_rng(seed)
    fine, coarse = make_texture(random, 1.1, 1.7), make_texture(random, 1.7, 3.4)
    branches = []
    for side, root in HILA_MM.items():
        for kind in range(2):
            goals = _goals_in_lung(random, side, 420)
            branches.append(grow_tree(random, np.array(root) + (0, 8 - 16 * kind, 6 - 14 * kind), goals))
    return Patient(fine, coarse, draw_tree(branches, step_mm))


def _goals_in_lung(random: np.random.Generator, side: str, count: int) -> np.ndarray:
    sign = 1.0 if side == "right" else -1.0
    tries = random.uniform((8, -98, -112), (134, 88, 122), (count * 5, 3)) * (sign, 1, 1)
    points = tuple(tries.T.astype(np.float32))
    return tries[Organs(points).lung < -5][:count]


class Organs:
    """Distances to the organs at a set of points, each worked out once."""

    def __init__(self, points: Points):
        self.points = points
        self.thorax = anatomy.thorax_distance(points)
        self.spine = anatomy.spine_distances(points)
        self.heart = anatomy.heart_distances(points)
        self.vessels = anatomy.vessel_distances(points)
        self.airway = anatomy.airway_distance(points)
        self.diaphragm = anatomy.diaphragm_height(points) - points[2]
        self.mediastinum = self._mediastinum()
        self.lung = np.maximum(np.maximum(self.thorax, -self.mediastinum), self.diaphragm)

    def _mediastinum(self) -> np.ndarray:
        """Heart, spine, great vessels and airway with the fat between them; the lungs end where it begins."""
        x, y, z = self.points
        waist = 7 + 13 * np.exp(-(((y - 5) / 30) ** 2)) + 12 * smooth_step(y, 50, 85) * smooth_step(-z, -20, 40)
        band = np.abs(x + 2) - waist
        spine = np.minimum(self.spine["disc"], self.spine["body"]) - 2.5
        spine = smooth_union(spine, np.abs(x) + 0.75 * (y + 76) - 14, 6)
        heart = self.heart["heart"] - 3.2 - 4.5 * smooth_step(y, 30, 65)
        hilum = np.abs(x + 4) - 46
        large = smooth_union(self.vessels["aorta"] - 2, np.maximum(self.vessels["blood"], hilum) - 2, 5)
        core = smooth_union(band, spine, 5)
        core = smooth_union(core, heart, 6)
        core = smooth_union(core, large, 5)
        return smooth_union(core, np.minimum(self.vessels["gullet"], np.maximum(self.airway, hilum)) - 2, 4)

    def tumour(self, tumour: Tumour) -> np.ndarray:
        """Distance to the tumour as it lies: cut by heart, aorta and chest wall, through the fat around them."""
        free = anatomy.tumour_distance(self.points, tumour)
        walls = np.maximum(self.thorax, np.maximum(-self.heart["heart"], -self.vessels["aorta"] - 0.5))
        return np.maximum(free, np.maximum(walls, self.diaphragm))

    def masks(self, tumour: Tumour) -> dict[str, np.ndarray]:
        """Name -> bool at each point. No two overlap: the lungs leave out the tumour."""
        heart = (self.heart["heart"] < 0) & (self.diaphragm < 0)
        gtv = self.tumour(tumour) < 0
        lung = (self.lung < 0) & ~gtv & ~heart
        left = self.points[0] < 0
        cord = self.spine["cord"] < 0
        return {"GTV": gtv, "Heart": heart, "Spinal cord": cord, "Lung left": lung & left, "Lung right": lung & ~left}


def image(
    points: Points, body: np.ndarray, tumour: Tumour, patient: Patient, width_mm: float
) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """HU and structures at each point inside the body.

    Parameters
    ----------
    body : (n,) float32
        Distance to the skin.
    width_mm : float
        Voxel size that edges are blurred over.

    Returns
    -------
    hu : (n,) float32
    masks : dict of (n,) bool
    """
    x, y, _ = points
    hu = np.full(body.shape, FAT_HU, dtype=np.float32)
    fine, coarse = patient.fine.at(points), patient.coarse.at(points)
    thorax = anatomy.thorax_distance(points)
    wall = np.flatnonzero(thorax > -4)
    deep = np.flatnonzero((thorax < 6) | ((np.abs(x) < 48) & (y < -40)))
    outer, inner = _pick(points, wall), _pick(points, deep)
    _paint_part(hu, wall, _paint_wall, outer, thorax[wall], body[wall], fine[wall], coarse[wall], width_mm)
    organs = Organs(inner)
    for step in (_paint_abdomen, _paint_lung, _paint_mediastinum, _paint_tumour, _paint_spine):
        _paint_part(hu, deep, step, organs, tumour, patient, fine[deep], coarse[deep], width_mm)
    _paint_part(hu, wall, _paint_ribs, outer, thorax[wall], fine[wall], width_mm)
    masks = {}
    for name, found in organs.masks(tumour).items():
        masks[name] = np.zeros(body.shape, dtype=bool)
        masks[name][deep] = found
    return hu, masks


def _pick(points: Points, index: np.ndarray) -> Points:
    return tuple(coordinate[index] for coordinate in points)


def _paint_part(hu: np.ndarray, index: np.ndarray, step, *arguments) -> None:
    part = hu[index]
    step(part, *arguments)
    hu[index] = part


def _paint_wall(hu, points, thorax, body, fine, coarse, width) -> None:
    x, y, z = points
    side = smooth_step(np.abs(x), 60, 140)
    hu[:] = 5.0
    paint(hu, body + 2.0, FAT_HU + 6 * coarse, width)
    rind = 9 + 6 * side * smooth_step(-y, -60, 40) + 4 * smooth_step(y, 40, 90) * smooth_step(np.abs(x), 15, 60) + 1.5 * coarse
    paint(hu, body + rind, MUSCLE_HU + 6 * fine + 5 * coarse, width)
    layer = np.abs(thorax - 14 - 5 * side - 2 * np.sin(z / 17 + x / 30)) - 1.3 - 0.7 * coarse
    paint(hu, np.maximum(layer, 24 - np.abs(x)), -75.0, width)
    outer = np.abs(thorax - 27 - 2 * np.sin(z / 23 - y / 20)) - 1.2 - 0.8 * coarse
    paint(hu, np.maximum(outer, np.maximum(55 - np.abs(x), body + rind)), -70.0, width)
    armpit = ellipsoid((np.abs(x), y, z), (128, 22, 82), (24, 20, 50)) + 3 * coarse
    paint(hu, np.maximum(armpit, 13 - thorax), FAT_HU + 8 * coarse, width)
    erector = np.abs(ellipsoid((np.abs(x), y, np.zeros_like(z)), (27, -98, 0), (23, 15, 400))) - 0.8
    paint(hu, np.maximum(erector, y + 84), -60.0, width)
    paint(hu, thorax - 1.2, -20.0, width)


def _paint_abdomen(hu, organs, tumour, patient, fine, coarse, width) -> None:
    points = organs.points
    x, y, z = points
    if organs.diaphragm.max() < -width:
        return
    below = np.maximum(organs.thorax, -organs.diaphragm)
    paint(hu, below, 48.0, width)
    inside = np.maximum(organs.thorax + 2.0, 3.0 - organs.diaphragm)
    paint(hu, inside, FAT_HU + 8 * coarse, width)
    liver = np.maximum(inside + 1, np.maximum(-x - 38 + 0.5 * np.abs(y - 30), -y - 70))
    paint(hu, liver, 58 + 5 * fine + 4 * coarse, width)
    portal = np.abs(np.sin(x / 21 + z / 30) * np.cos(y / 19 - z / 25)) * 20 - 1.5 + 1.5 * coarse
    paint(hu, np.maximum(liver, portal), 44.0, width)
    spleen = np.maximum(ellipsoid(points, (-84, -46, -104), (40, 36, 42)), inside + 2)
    paint(hu, spleen, 50 + 4 * fine, width)
    stomach = np.maximum(ellipsoid(points, (-68, 16, -104), (42, 42, 38)), inside + 4)
    paint(hu, stomach, 40.0, width)
    paint(hu, stomach + 4, np.where(y > 30, -980, 18 + 5 * fine), width)


def _paint_lung(hu, organs, tumour, patient, fine, coarse, width) -> None:
    x, y, z = organs.points
    near = np.flatnonzero(organs.lung < width)
    depth = np.full(x.shape, -2, dtype=np.float32)
    depth[near] = patient.vessels.at(_pick(organs.points, near))
    gravity = 22 * smooth_step(-y, -10, 80) - 12 * smooth_step(y, 0, 70)
    tissue = -845 + gravity + 26 * fine + 16 * coarse
    tissue += 160 * np.exp(-np.maximum(anatomy.tumour_distance(organs.points, tumour), 0) / 5)
    if tumour.haze_hu:
        cloud = np.exp(-np.maximum(anatomy.haze_distance(organs.points, tumour), 0) / 4)
        tissue += tumour.haze_hu * cloud * np.clip(0.75 + 0.35 * coarse + 0.1 * fine, 0, 1.3)
    fissure = np.abs(0.62 * (y - 10) + 0.78 * (z + 5) + 5 * np.sin(x / 30)) - 0.2
    right_front = (x > 0) & (0.62 * (y - 10) + 0.78 * (z + 5) > 0)
    minor = np.where(right_front, np.abs(z - 18 - 0.08 * (x - 60) - 4 * np.sin(y / 28)) - 0.1, 9)
    tissue += 190 * cover(np.minimum(fissure, minor), width)
    paint(tissue, -depth, 38.0, width * 0.85)
    paint(tissue, organs.vessels["blood"], BLOOD_HU, width)
    paint(tissue, organs.airway - 1.3, 10.0, width)
    paint(tissue, organs.airway, AIR_HU + 20, width)
    paint(hu, organs.lung, tissue, width)


def _paint_mediastinum(hu, organs, tumour, patient, fine, coarse, width) -> None:
    points = organs.points
    x, y, z = points
    room = np.maximum(np.maximum(organs.thorax, organs.mediastinum), organs.diaphragm - 2)
    paint(hu, np.maximum(room, np.minimum(organs.diaphragm, 50)), 20.0, width)
    paint(hu, room + 1.0, FAT_HU + 12 * coarse, width)
    node = np.maximum(np.abs(coarse - 1.9) * 4 - 1.6, room + 3)
    paint(hu, node, 25.0, width)
    paint(hu, organs.vessels["gullet"], 38.0, width)
    paint(hu, np.maximum(organs.vessels["gullet"] + 4.6, np.abs(np.mod(z, 61) - 30) - 9), -700.0, width)
    heart = organs.heart
    rind = np.maximum(np.abs(heart["heart"] - 3.0) - 0.7, room)
    paint(hu, rind, 10.0, width)
    chest = np.maximum(organs.thorax, organs.diaphragm - 1)
    paint(hu, np.maximum(heart["heart"], chest), HEART_HU + 7 + 3 * fine, width)
    paint(hu, np.maximum(heart["cavity"], heart["heart"] + 3), BLOOD_HU - 2 + 3 * fine, width * 2)
    paint(hu, np.maximum(heart["groove"], chest), -70.0, width)
    paint(hu, np.maximum(organs.vessels["blood"], organs.mediastinum), BLOOD_HU + 3 * fine, width)
    paint(hu, organs.vessels["aorta"], BLOOD_HU + 4 + 3 * fine, width)
    plaque = np.maximum(np.abs(organs.vessels["aorta"] + 0.8) - 1.0, 2.5 - coarse * 1.2)
    paint(hu, plaque, 520.0, width)
    paint(hu, np.maximum(organs.airway - 1.6, organs.mediastinum), 30.0, width)
    paint(hu, np.maximum(organs.airway, organs.mediastinum), AIR_HU + 10, width)


def _paint_tumour(hu, organs, tumour, patient, fine, coarse, width) -> None:
    paint(hu, organs.tumour(tumour), TUMOUR_HU + 9 * coarse + 4 * fine, width)


def _paint_spine(hu, organs, tumour, patient, fine, coarse, width) -> None:
    spine = organs.spine
    paint(hu, np.maximum(spine["disc"], 1.0 - spine["canal"]), 85.0, width)
    paint(hu, spine["canal"], 8.0, width)
    paint(hu, spine["cord"], 44.0, width)
    _paint_hollow(hu, spine["body"], 520 + 50 * fine, 175 + 45 * fine + 20 * coarse, 1.5, width)
    _paint_hollow(hu, spine["arch"], 640 + 60 * fine, 260 + 40 * fine, 2.2, width)


def _paint_ribs(hu, points, thorax, fine, width) -> None:
    ribs = anatomy.rib_distances(points, thorax)
    paint(hu, ribs["cartilage"], 105 + 12 * fine, width)
    _paint_hollow(hu, ribs["rib"], 760 + 60 * fine, 200 + 40 * fine, 1.5, width)
    _paint_hollow(hu, ribs["sternum"], 420 + 40 * fine, 110 + 30 * fine, 1.6, width)
    _paint_hollow(hu, anatomy.scapula_distance(points), 760 + 50 * fine, 260 + 40 * fine, 1.7, width)


def _paint_hollow(hu, distance, shell, core, thickness_mm: float, width) -> None:
    """Bone: a dense shell round a softer core."""
    paint(hu, distance, shell, width)
    paint(hu, distance + thickness_mm, core, width)
