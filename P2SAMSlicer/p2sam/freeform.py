"""Deformable registration: a cubic B-spline free-form deformation by mutual information, kept smooth by bending energy.

Rueckert et al., Nonrigid registration using free-form deformations, IEEE TMI 1999; the result is a plain ITK B-spline
transform. It is optimised here, not in ITK, because every voxel's derivative is then a few matrix products: seconds
instead of minutes on two cores, bit-identical from run to run, with a penalty that ITK's B-spline registration lacks.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import SimpleITK as sitk
from scipy.optimize import minimize

from .coarse import VOXEL_MM, CoarseScan
from .matching import Matching


@dataclass(frozen=True)
class Level:
    """One resolution: distance of control points, smoothing of the grey values, and `voxels` as in `Matching`."""

    knots_mm: float
    sigma_mm: float
    voxels: int


LEVELS = (Level(60.0, 8.0, 40_000), Level(35.0, 4.0, 80_000), Level(25.0, 2.0, 160_000))
ITERATIONS = 30
STIFFNESS = 300.0
"""Weight of the bending energy (mm^-2) against the mutual information (nats)."""


class Lattice:
    """Control points over the follow-up's coarse grid, one voxel wider on each side.

    Displacements are in mm along the grid's axes, in numpy order: coefficients are (3, K, J, I) with the k component first.
    """

    def __init__(self, shape: tuple[int, int, int], knots_mm: float):
        self.shape = shape
        self.length = (np.array(shape) + 2) * VOXEL_MM
        self.mesh = np.maximum(1, np.rint(self.length / knots_mm)).astype(int)
        self.knots_mm = self.length / self.mesh
        self._weights = [self.weights(axis, (np.arange(n) + 1.5) * VOXEL_MM).astype(np.float32) for axis, n in enumerate(shape)]

    @property
    def coefficients_shape(self) -> tuple[int, int, int, int]:
        return (3, *(self.mesh + 3))

    def weights(self, axis: int, position_mm: np.ndarray) -> np.ndarray:
        """(n, mesh + 3) cubic B-spline weights of positions along an axis, from the lattice's start."""
        at = position_mm / self.knots_mm[axis]
        cell = np.clip(np.floor(at).astype(int), 0, self.mesh[axis] - 1)
        t = at - cell
        parts = ((1 - t) ** 3, 3 * t**3 - 6 * t**2 + 4, -3 * t**3 + 3 * t**2 + 3 * t + 1, t**3)
        weights = np.zeros((len(at), self.mesh[axis] + 3))
        for number, part in enumerate(parts):
            weights[np.arange(len(at)), cell + number] = part / 6
        return weights

    def displacements(self, coefficients: np.ndarray) -> np.ndarray:
        """(3, K, J, I) float32 mm at the voxels."""
        k, j, i = self._weights
        planes = (j @ coefficients.astype(np.float32) @ i.T).reshape(3, k.shape[1], -1)
        return (k @ planes).reshape(3, *self.shape)

    def gather(self, gradient: np.ndarray) -> np.ndarray:
        """The transpose of `displacements`: derivatives by voxel displacement to derivatives by coefficient."""
        k, j, i = self._weights
        planes = k.T @ gradient.reshape(3, self.shape[0], -1)
        return j.T @ planes.reshape(3, k.shape[1], *self.shape[1:]) @ i

    def refined(self, coefficients: np.ndarray, coarser: Lattice) -> np.ndarray:
        """A coarser lattice's deformation on this one (least squares along each axis)."""
        for axis in range(3):
            positions = np.linspace(0, self.length[axis], 4 * self.mesh[axis] + 9)
            change = np.linalg.pinv(self.weights(axis, positions)) @ coarser.weights(axis, positions)
            coefficients = np.moveaxis(np.tensordot(change, coefficients, (1, axis + 1)), 0, axis + 1)
        return coefficients

    def bending(self, coefficients: np.ndarray) -> tuple[float, np.ndarray]:
        """Mean squared second differences of the coefficients (mm^-2), all six kinds, and the derivative."""
        energy, derivative = 0.0, np.zeros_like(coefficients)
        points = float(np.prod(coefficients.shape[1:]))
        for one in range(3):
            for other in range(one, 3):
                weight = (1 if one == other else 2) / (self.knots_mm[one] * self.knots_mm[other]) ** 2 / points
                second = np.diff(np.diff(coefficients, axis=one + 1), axis=other + 1)
                energy += weight * float((second**2).sum())
                derivative += 2 * weight * _diff_transposed(_diff_transposed(second, other + 1), one + 1)
        return energy, derivative

    def transform(self, coefficients: np.ndarray, followup: CoarseScan) -> sitk.BSplineTransform:
        """As an ITK transform of LPS points."""
        result = sitk.BSplineTransform(3, 3)
        result.SetTransformDomainDirection(followup.direction.ravel().tolist())
        result.SetTransformDomainOrigin((followup.origin - followup.direction @ np.full(3, 1.5 * VOXEL_MM)).tolist())
        result.SetTransformDomainPhysicalDimensions(self.length[::-1].tolist())
        result.SetTransformDomainMeshSize([int(n) for n in self.mesh[::-1]])
        result.SetParameters(np.tensordot(followup.direction, coefficients[::-1], 1).ravel().tolist())
        return result


def _diff_transposed(array: np.ndarray, axis: int) -> np.ndarray:
    padding = [(1, 1) if number == axis else (0, 0) for number in range(array.ndim)]
    return -np.diff(np.pad(array, padding), axis=axis)


class Objective:
    """Bending energy less mutual information, by coefficients, at one level."""

    def __init__(self, prior: CoarseScan, followup: CoarseScan, linear: sitk.Transform, level: Level, stiffness: float):
        self.lattice = Lattice(followup.shape, level.knots_mm)
        self.stiffness = stiffness
        self.matching = Matching(prior, followup, level.sigma_mm, level.voxels)
        matrix, offset = linear_parts(linear)
        self.base = self.matching.points @ matrix.T + offset
        self.turn = (matrix @ followup.direction)[:, ::-1].astype(np.float32)  # mm along the follow-up's k, j, i to LPS of the prior

    def __call__(self, flat: np.ndarray) -> tuple[float, np.ndarray]:
        coefficients = flat.reshape(self.lattice.coefficients_shape)
        moved = np.take(self.lattice.displacements(coefficients).reshape(3, -1), self.matching.used, axis=1)
        information, rise = self.matching(self.base + moved.T @ self.turn.T)
        by_voxel = np.zeros((3, int(np.prod(self.lattice.shape))), dtype=np.float32)
        by_voxel[:, self.matching.used] = self.turn.T @ rise.T
        energy, by_bending = self.lattice.bending(coefficients)
        derivative = self.stiffness * by_bending - self.lattice.gather(by_voxel.reshape(3, *self.lattice.shape))
        return self.stiffness * energy - information, derivative.ravel()


def linear_parts(linear: sitk.Transform) -> tuple[np.ndarray, np.ndarray]:
    """(3, 3) and (3,): matrix and offset of a linear transform of points."""
    offset = np.array(linear.TransformPoint((0.0, 0.0, 0.0)))
    return np.stack([linear.TransformPoint(axis) for axis in np.eye(3).tolist()], axis=1) - offset[:, None], offset


def register_freeform(
    prior: CoarseScan, followup: CoarseScan, linear: sitk.Transform, step: Callable[[float], None], stiffness: float = STIFFNESS
) -> sitk.BSplineTransform:
    """The deformation to apply to follow-up points before `linear`.

    Parameters
    ----------
    linear
        Maps follow-up points to prior points (LPS); linear, such as a rigid transform.
    step : callable(done)
        Told the share done, 0..1, at every iteration; may raise to stop.
    """
    coarser, coefficients = None, None
    for number, level in enumerate(LEVELS):
        objective = Objective(prior, followup, linear, level, stiffness)
        lattice = objective.lattice
        start = np.zeros(lattice.coefficients_shape) if coarser is None else lattice.refined(coefficients, coarser)
        iterations = iter(range(ITERATIONS + 1))

        def told(_, number=number, iterations=iterations):
            step((number + next(iterations) / ITERATIONS) / len(LEVELS))

        options = {"maxiter": ITERATIONS, "maxcor": 8, "ftol": 1e-6}
        found = minimize(objective, start.ravel(), jac=True, method="L-BFGS-B", callback=told, options=options)
        coarser, coefficients = lattice, found.x.reshape(lattice.coefficients_shape)
    return coarser.transform(coefficients, followup)


def smallest_jacobian(transform: sitk.Transform, followup: CoarseScan) -> float:
    """The least Jacobian determinant of the transform inside the follow-up's body; a fold makes it 0 or less."""
    image = followup.image
    grid = image.GetSize(), image.GetOrigin(), image.GetSpacing(), image.GetDirection()
    field = sitk.TransformToDisplacementField(transform, sitk.sitkVectorFloat32, *grid)
    along = sitk.GetArrayFromImage(field) @ followup.direction.astype(np.float32)  # ITK's own filter ignores the direction
    slopes = np.stack([np.gradient(along, VOXEL_MM, axis=axis)[followup.body] for axis in (2, 1, 0)], axis=-1)
    return float(np.linalg.det(slopes + np.eye(3, dtype=np.float32)).min())
