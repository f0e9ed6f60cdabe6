"""Rigid registration from several starts: shifts found by exhaustive search, then mutual information, best fit kept.

The transform is ITK's; its six parameters are optimised here, not in ITK, whose mutual information differs in the last
bits from run to run (threads add in the order in which they end) and takes five times as long.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import SimpleITK as sitk
from scipy import fft, ndimage
from scipy.optimize import minimize

from .agreement import Agreement, agreement
from .coarse import VOXEL_MM, CoarseScan
from .matching import Matching

_SEARCH_MM = 2 * VOXEL_MM
"""Voxel of the shift search."""

_SEARCH_PEAKS = 3
_SEARCH_OVERLAP = 0.3
"""Of the smaller body, that a shift must keep in both scans to be a start."""

_SAME_START_MM = 6.0
_SAME_END_MM = 1.0
_SAME_PLACE_MM = 15.0
_NOT_FAR_BEHIND = 0.9
_FINALISTS = 2

_SMOOTH = (8.0, 12_000)
_SHARP = (2.0, 60_000)
"""Sigma in mm and number of voxels of the two resolutions, as `Matching` takes them."""

_ITERATIONS = 60
_LEVER_MM = 100.0
"""An angle counts as the motion at this distance from the centre, so that angles and shifts have one scale."""


@dataclass(frozen=True)
class Fit:
    """A transform (follow-up points to prior points, LPS), where it started from, and how well it fits."""

    transform: sitk.Transform
    start: str
    agreement: Agreement


def identity() -> sitk.Euler3DTransform:
    return sitk.Euler3DTransform()


def fit_of(prior: CoarseScan, followup: CoarseScan, transform: sitk.Transform, start: str) -> Fit:
    return Fit(transform, start, agreement(prior, followup, transform))


def register_rigid(prior: CoarseScan, followup: CoarseScan, step: Callable[[float], None]) -> list[Fit]:
    """Register from every start on smooth scans; then the best of them, and the next that ended elsewhere, on sharp ones.

    Parameters
    ----------
    step : callable(done)
        Told the share done, 0..1, between registrations; may raise to stop.

    Returns
    -------
    list of Fit
        Best score first; equal input gives bit-identical transforms.
    """
    centre = followup.body_centre()
    starts = rigid_starts(prior, followup)
    share = 1 / (len(starts) + _FINALISTS)
    ends = []
    smooth = Matching(prior, followup, *_SMOOTH)
    for number, (name, shift) in enumerate(starts):
        step(number * share)
        parameters = _climbed(smooth, centre, np.concatenate([np.zeros(3), shift]))
        if all(np.abs(parameters - other).max() > _SAME_END_MM for other, _ in ends):
            ends.append((parameters, fit_of(prior, followup, _transform(parameters, centre), name)))
    fits = []
    sharp = Matching(prior, followup, *_SHARP)
    for number, (parameters, fit) in enumerate(_finalists(followup, ends)):
        step((len(starts) + number) * share)
        fits.append(fit_of(prior, followup, _transform(_climbed(sharp, centre, parameters), centre), fit.start))
    step(1.0)
    return sorted(fits, key=lambda fit: -fit.agreement.score)


def _finalists(followup: CoarseScan, ends: list[tuple[np.ndarray, Fit]]) -> list[tuple[np.ndarray, Fit]]:
    """The best ends of different places for the body's corners that are not far behind the very best."""
    ends = sorted(ends, key=lambda end: -end[1].agreement.score)
    body = followup.points(followup.body)
    corners = [(x, y, z) for x in _ends(body[:, 0]) for y in _ends(body[:, 1]) for z in _ends(body[:, 2])]
    kept, places = [], []
    for parameters, fit in ends:
        moved = np.array([fit.transform.TransformPoint(corner) for corner in corners])
        apart = all(np.linalg.norm(moved - other, axis=1).max() > _SAME_PLACE_MM for other in places)
        if apart and fit.agreement.score >= _NOT_FAR_BEHIND * ends[0][1].agreement.score:
            kept.append((parameters, fit))
            places.append(moved)
    return kept[:_FINALISTS]


def _ends(values: np.ndarray) -> tuple[float, float]:
    return float(values.min()), float(values.max())


def _score(fit: Fit) -> float:
    return -fit.agreement.score


def rigid_starts(prior: CoarseScan, followup: CoarseScan) -> list[tuple[str, np.ndarray]]:
    """Named shifts (LPS, mm): in place, best shifts of the search, body on body, middle on middle; doubles left out."""
    starts = [("in place", np.zeros(3))]
    starts += [(f"shift search {rank}", shift) for rank, shift in enumerate(search_shifts(prior, followup), start=1)]
    starts += [("body centres", prior.body_centre() - followup.body_centre()), ("middle of the scans", prior.middle() - followup.middle())]
    kept: list[tuple[str, np.ndarray]] = []
    for name, shift in starts:
        if all(np.linalg.norm(shift - other) > _SAME_START_MM for _, other in kept):
            kept.append((name, shift))
    return kept


def _climbed(matching: Matching, centre: np.ndarray, start: np.ndarray) -> np.ndarray:
    """(6,) parameters at the nearest maximum of mutual information; angles in units of `_LEVER_MM` (mm of motion)."""
    arms = matching.points - centre

    def objective(parameters):
        turn, by_angle = rotation(parameters[:3] / _LEVER_MM)
        information, rise = matching(arms @ turn.T + (centre + parameters[3:]))
        moment = rise.T.astype(np.float64) @ arms
        by_parameter = np.concatenate([[(part * moment).sum() / _LEVER_MM for part in by_angle], rise.sum(axis=0, dtype=np.float64)])
        return -information, -by_parameter

    return minimize(objective, start, jac=True, method="L-BFGS-B", options={"maxiter": _ITERATIONS, "ftol": 1e-7}).x


def rotation(angles: np.ndarray) -> tuple[np.ndarray, list[np.ndarray]]:
    """(3, 3) matrix of ITK's Euler angles (radians; z after x after y), and its derivative by each angle."""
    turns, slopes = [], []
    for axis, angle in enumerate(angles):
        one, other = (axis + 1) % 3, (axis + 2) % 3
        turn, slope = np.eye(3), np.zeros((3, 3))
        turn[one, one] = turn[other, other] = slope[other, one] = np.cos(angle)
        turn[other, one], turn[one, other] = np.sin(angle), -np.sin(angle)
        slope[one, one] = slope[other, other] = -np.sin(angle)
        slope[one, other] = -np.cos(angle)
        turns.append(turn)
        slopes.append(slope)
    x, y, z = turns
    return z @ x @ y, [z @ slopes[0] @ y, z @ x @ slopes[1], slopes[2] @ x @ y]


def _transform(parameters: np.ndarray, centre: np.ndarray) -> sitk.Euler3DTransform:
    transform = identity()
    transform.SetCenter(centre.tolist())
    transform.SetParameters([*(parameters[:3] / _LEVER_MM).tolist(), *parameters[3:].tolist()])
    return transform


def search_shifts(prior: CoarseScan, followup: CoarseScan) -> list[np.ndarray]:
    """The shifts (LPS, mm) of highest masked normalised cross-correlation over all shifts, best first.

    Padfield, Masked object registration in the Fourier domain, IEEE TIP 2012, Equation 9.
    """
    fixed, fixed_mask = _search_grid(followup, followup)
    moving, moving_mask = _search_grid(prior, followup)
    correlation, count = masked_correlation(fixed, fixed_mask, moving, moving_mask)
    correlation[count < _SEARCH_OVERLAP * min(fixed_mask.sum(), moving_mask.sum())] = -1
    first = followup.direction @ (_extent(prior, followup)[0] - _extent(followup, followup)[0])
    shifts = []
    for _ in range(_SEARCH_PEAKS):
        peak = np.unravel_index(np.argmax(correlation), correlation.shape)
        if correlation[peak] <= 0:
            break
        voxels = np.array([at if at < size else at - period for at, size, period in zip(peak, moving.shape, correlation.shape)])
        shifts.append(first + followup.direction @ (voxels[::-1] * _SEARCH_MM))
        near = np.ix_(*[np.arange(at - 2, at + 3) % period for at, period in zip(peak, correlation.shape)])
        correlation[near] = -1
    return shifts


def masked_correlation(fixed, fixed_mask, moving, moving_mask) -> tuple[np.ndarray, np.ndarray]:
    """Correlation of `fixed[x]` with `moving[x + shift]` where both masks are 1, and the voxels in both, for all shifts.

    Negative shifts stand at the end of an axis, as the Fourier transform has them.
    """
    shape = [fft.next_fast_len(a + b - 1, True) for a, b in zip(fixed.shape, moving.shape)]

    def spectrum(array):
        return fft.rfftn(array, shape)

    def product(one, other):
        return fft.irfftn(np.conj(one) * other, shape)

    fixed, moving = fixed * fixed_mask, moving * moving_mask
    in_fixed, in_moving = spectrum(fixed_mask), spectrum(moving_mask)
    of_fixed, of_moving = spectrum(fixed), spectrum(moving)
    count = product(in_fixed, in_moving)
    safe = np.maximum(count, 1.0)
    sum_fixed, sum_moving = product(of_fixed, in_moving), product(in_fixed, of_moving)
    spread_fixed = product(spectrum(fixed * fixed), in_moving) - sum_fixed**2 / safe
    spread_moving = product(in_fixed, spectrum(moving * moving)) - sum_moving**2 / safe
    together = product(of_fixed, of_moving) - sum_fixed * sum_moving / safe
    return together / np.sqrt(np.maximum(spread_fixed, 1e-3) * np.maximum(spread_moving, 1e-3)), count


def _extent(scan: CoarseScan, frame: CoarseScan) -> tuple[np.ndarray, np.ndarray]:
    """(3,) lowest and highest coordinates (mm) of the scan's voxels along the frame's axes."""
    ends = [(0, size - 1) for size in scan.shape[::-1]]
    corners = np.array([(i, j, k) for i in ends[0] for j in ends[1] for k in ends[2]])
    along = (scan.origin + (corners * VOXEL_MM) @ scan.direction.T) @ frame.direction
    return along.min(axis=0), along.max(axis=0)


def _search_grid(scan: CoarseScan, frame: CoarseScan) -> tuple[np.ndarray, np.ndarray]:
    """Smoothed grey values and body (as 0 and 1) of a scan on the search grid, which lies along the frame's axes."""
    low, high = _extent(scan, frame)
    resample = sitk.ResampleImageFilter()
    resample.SetSize([int(n) for n in np.ceil((high - low) / _SEARCH_MM - 1e-6) + 1])
    resample.SetOutputSpacing([_SEARCH_MM] * 3)
    resample.SetOutputDirection(frame.direction.ravel().tolist())
    resample.SetOutputOrigin((frame.direction @ low).tolist())
    resample.SetInterpolator(sitk.sitkLinear)
    smooth = ndimage.gaussian_filter(scan.grey, _SEARCH_MM / VOXEL_MM / 2)
    grey = sitk.GetArrayFromImage(resample.Execute(scan.as_image(smooth)))
    body = sitk.GetArrayFromImage(resample.Execute(scan.as_image(scan.body.astype(np.float32))))
    return grey.astype(np.float64), (body > 0.5).astype(np.float64)
