"""The phantom's anatomy: how far a point of the patient is from each organ.

Everything is a function of patient millimetres (x right, y front, z head; the carina is near z = 50, the right
diaphragm near z = -50), so a truth is exact on any grid and at any breathing state.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .shapes import Points, ellipsoid, smooth_step, smooth_union, superellipse, tube

VERTEBRA_MM = 25.0
RIB_MM = 27.0
HEART_AXES = np.array([[-0.74, 0.53, -0.42], [0.30, 0.82, 0.48], [0.60, 0.22, -0.77]])


@dataclass(frozen=True)
class Tumour:
    """The tumour of one visit: an ellipsoid with a lobulated surface.

    Attributes
    ----------
    centre, radii : 3 floats, mm
    phase : float, radians
        Moves its lobes.
    haze_hu : float
        How much denser the lung behind it has become; no part of the tumour.
    """

    centre: tuple[float, float, float]
    radii: tuple[float, float, float]
    phase: float
    haze_hu: float = 0.0


def body_distance(points: Points) -> np.ndarray:
    """Skin: a wide oval, broader at the shoulders, with a furrow over the spine and the back flattened by the couch."""
    x, y, z = points
    shoulder = smooth_step(z, 10, 110)
    oval = superellipse(x, y, np.float32(-8), 164 + 16 * shoulder, 113 - 8 * shoulder, 2.25)
    furrow = 7 * np.exp(-((x / 16) ** 2)) * (y < 0)
    chest = 4 * np.exp(-(((np.abs(x) - 70) / 40) ** 2)) * (y > 0)
    return np.maximum(oval + furrow - chest, -(y + 117))


def thorax_distance(points: Points) -> np.ndarray:
    """Inner surface of the rib cage."""
    x, y, z = points
    taper = np.clip((z + 15) / 130, 0, 1) ** 2
    return superellipse(x, y, -5 - 9 * taper, (129 - 0.10 * y) * (1 - 0.42 * taper), 88 * (1 - 0.30 * taper), 2.5)


def spine_distances(points: Points) -> dict[str, np.ndarray]:
    """Vertebral `body`, `arch` (with its processes), `canal` and `cord`."""
    x, y, z = points
    bend = -60 + 5 * (z / 90) ** 2
    dz = np.mod(z, VERTEBRA_MM) - VERTEBRA_MM / 2
    waist = 1.6 * np.cos(dz * np.float32(np.pi / 10))
    oval = superellipse(x, y, bend, 18.5 - waist, 14.5 - waist * 0.6, 2.2)
    canal_y = bend - 22.5
    canal = superellipse(x, y, canal_y, np.float32(10), np.float32(8.5), 2.0)
    dent = canal - 1.5
    body = np.maximum(np.maximum(oval, np.abs(dz) - 10.2), -dent)
    disc = np.maximum(np.maximum(oval + 0.5, np.abs(dz) - 13), -dent)
    cord = superellipse(x, y, canal_y, np.float32(6.2), np.float32(4.6), 2.0)
    ax = np.abs(x)
    ring = np.maximum.reduce([canal - 4.5, -canal, np.abs(dz - 1) - 8.5])
    local = (ax, y - bend, dz)
    transverse = tube(local, [(11, -24, 3), (24, -32, 3), (35, -37, 3)], [5.0, 4.0, 4.5])
    facet = tube(local, [(12, -27, -8), (12, -28, 8)], [4.5, 4.5])
    drop = dz + 0.55 * (bend - 36 - y)
    drop = np.mod(drop + VERTEBRA_MM / 2, VERTEBRA_MM) - VERTEBRA_MM / 2
    spinous = np.maximum.reduce([ax - 2.6 - 1.2 * (y < bend - 48), np.abs(drop) - 6.5, np.abs(y - bend + 43) - 13])
    arch = np.minimum.reduce([ring, spinous, transverse, facet])
    return {"body": body, "disc": disc, "arch": np.maximum(arch, -canal), "canal": canal, "cord": cord}


def rib_distances(points: Points, thorax: np.ndarray) -> dict[str, np.ndarray]:
    """Bony `rib`, `cartilage` and `sternum`: ovals that ride on the rib cage and slope down to the front."""
    x, y, z = points
    around = np.arctan2(np.abs(x), -(y + 8))
    drop = 42 * (1 - np.cos(np.minimum(around, 2.5))) - 16 * np.maximum(around - 2.35, 0)
    dz = (np.mod(z + drop + 6, RIB_MM) - RIB_MM / 2) * 0.86
    oval = 3.6 * (np.sqrt((dz / 6.2) ** 2 + ((thorax - 5.2) / 3.6) ** 2) - 1)
    rib = np.maximum(oval, np.maximum((around - 2.42) * 80, 19 - np.abs(x)))
    cartilage = np.maximum(oval, np.maximum((2.40 - around) * 80, (around - 2.98) * 80))
    plate = 5.0 * (np.sqrt((x / (15.5 + 4 * smooth_step(z, 30, 70))) ** 2 + ((thorax - 7) / 5.6) ** 2) - 1)
    sternum = np.maximum(plate, np.where(y > 0, -58 - z, 50))
    return {"rib": rib, "cartilage": cartilage, "sternum": sternum}


def scapula_distance(points: Points) -> np.ndarray:
    """Shoulder blades: thin plates behind the upper ribs, thick at their outer edge."""
    x, y, z = points
    ax = np.abs(x)
    length = 66 * np.clip((z + 12) / 80, 0.02, 1)
    along = ((ax - 84) * 0.80 + (y + 84) * 0.60)
    across = np.abs((ax - 84) * -0.60 + (y + 84) * 0.80 + 3 * np.sin(along / 14))
    outside = np.maximum(np.maximum(-along, along - length), 0)
    thick = 2.0 + 3.2 * np.exp(-(((along - length + 4) / 6) ** 2)) + 1.0 * np.exp(-((along / 6) ** 2))
    return np.maximum(np.sqrt(across**2 + outside**2) - thick, -12 - z)


def heart_distances(points: Points) -> dict[str, np.ndarray]:
    """`heart` (the structure), and inside it the `cavity` and the fatty `groove` between atria and ventricles."""
    ventricles = ellipsoid(points, (-24, 22, -22), (58, 43, 42), HEART_AXES)
    right_atrium = ellipsoid(points, (24, 14, -14), (25, 30, 37))
    left_atrium = ellipsoid(points, (-4, -19, 2), (31, 17, 20))
    outflow = ellipsoid(points, (-10, 34, 14), (20, 17, 20))
    heart = smooth_union(smooth_union(smooth_union(ventricles, right_atrium, 8), left_atrium, 8), outflow, 8)
    left = ellipsoid(points, (-34, 14, -22), (41, 20, 20), HEART_AXES)
    right = ellipsoid(points, (-8, 40, -24), (36, 17, 24), HEART_AXES)
    cavity = np.minimum(np.minimum(left, right), np.minimum(right_atrium + 3, left_atrium + 3))
    seam = np.minimum(np.abs(ventricles - right_atrium), np.abs(ventricles - left_atrium)) - 2.5
    return {"heart": heart, "cavity": cavity, "groove": np.maximum(np.maximum(seam, -(heart + 9)), heart + 0.5)}


def vessel_distances(points: Points) -> dict[str, np.ndarray]:
    """The large vessels, the oesophagus and the airway's lumen."""
    rising = [(2, 22, 12), (16, 30, 36), (15, 26, 58), (-2, 6, 73)]
    falling = [(-20, -24, 74), (-29, -44, 58), (-26, -48, 20), (-21, -46, -40), (-14, -44, -120)]
    aorta = tube(points, rising + falling, [14, 16, 15.5, 14, 13, 12.5, 12, 11.5, 11])
    head = tube(points, [(6, 14, 72), (16, 6, 130)], [6.5, 6])
    head = np.minimum(head, tube(points, [(-16, -14, 76), (-22, -10, 130)], [5, 5]))
    trunk = tube(points, [(-14, 36, 16), (-26, 22, 40)], [13.5, 13])
    right = tube(points, [(-22, 14, 42), (6, 2, 40), (40, -6, 36), (52, -14, 20)], [11, 10.5, 9, 7])
    left = tube(points, [(-26, 18, 42), (-46, -12, 42), (-58, -24, 26)], [11, 9.5, 7])
    caval = tube(points, [(26, 14, 8), (28, 12, 70), (22, 14, 130)], [9.5, 9, 8])
    caval = np.minimum(caval, tube(points, [(22, -2, -38), (20, -12, -120)], [12, 12]))
    veins = tube(points, [(18, -20, 4), (46, -24, 4)], [7, 5])
    veins = np.minimum(veins, tube(points, [(-28, -20, 4), (-52, -26, 2)], [7, 5]))
    azygos = tube(points, [(9, -40, -120), (9, -42, 40), (16, -36, 58), (28, 4, 60)], [3.5, 4, 4.5, 5])
    gullet = tube(points, [(-3, -36, 130), (-4, -36, 50), (-4, -39, 0), (-14, -28, -80)], [6.5, 6.5, 6.5, 8])
    blood = np.minimum.reduce([trunk, right, left, caval, veins, azygos, head])
    return {"aorta": aorta, "blood": blood, "gullet": gullet}


def airway_distance(points: Points) -> np.ndarray:
    """Lumen of the trachea, the main and the lobar bronchi."""
    trachea = tube(points, [(1, -22, 130), (1, -20, 51)], [8.5, 8.5])
    right = tube(points, [(2, -20, 52), (30, -24, 31), (34, -28, 8), (50, -42, -20)], [7.5, 7, 5.5, 3])
    right_upper = tube(points, [(28, -24, 34), (52, -18, 46), (66, -10, 60)], [5, 3.6, 2])
    left = tube(points, [(0, -20, 52), (-40, -28, 24), (-50, -42, 2), (-60, -52, -20)], [7.5, 6, 4.6, 2.5])
    left_upper = tube(points, [(-40, -27, 25), (-58, -12, 34), (-70, 6, 46)], [5, 3.6, 2])
    return np.minimum.reduce([trachea, right, right_upper, left, left_upper])


def diaphragm_height(points: Points) -> np.ndarray:
    """z of the top of the diaphragm: a higher dome over the liver, a lower one on the left."""
    x, y, _ = points
    right = -44 - 46 * np.clip(((x - 62) / 78) ** 2 + ((y - 12) / 84) ** 2, 0, 3)
    left = -54 - 46 * np.clip(((x + 64) / 78) ** 2 + ((y - 8) / 84) ** 2, 0, 3)
    return -smooth_union(-right, -left, 10)


def tumour_distance(points: Points, tumour: Tumour) -> np.ndarray:
    """Surface of the tumour as if nothing stood in its way."""
    x, y, z = (coordinate - np.float32(c) for coordinate, c in zip(points, tumour.centre))
    lobes = np.sin(x / 9 + tumour.phase) * np.sin(y / 8 - tumour.phase)
    lobes += np.sin(z / 9 + 0.7 * tumour.phase) * np.cos(x / 12 - y / 10)
    fine = np.sin(x / 3.4 + y / 3.9 + tumour.phase) * np.sin(z / 3.6 - y / 4.6)
    return ellipsoid((x, y, z), (0, 0, 0), tumour.radii) + np.float32(2.3) * lobes + np.float32(0.6) * fine


def haze_distance(points: Points, tumour: Tumour) -> np.ndarray:
    """A shadow in the lung behind the tumour, where a treated lung clouds over."""
    behind = np.array(tumour.centre) + (4, -0.95 * tumour.radii[1], -4)
    return ellipsoid(points, behind, (0.8 * tumour.radii[0], 18, 17))
