"""Rigid registration from several starts: shifts found by exhaustive search, then mutual information, best fit kept."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import SimpleITK as sitk
from scipy import fft, ndimage

from .agreement import Agreement, agreement
from .coarse import VOXEL_MM, CoarseScan

_SEARCH_MM = 2 * VOXEL_MM
"""Voxel of the shift search."""

_SEARCH_PEAKS = 3
_SEARCH_OVERLAP = 0.3
"""Of the smaller body, that a shift must keep in both scans to be a start."""

_SAME_START_MM = 6.0
_SAME_PLACE_MM = 15.0
_NOT_FAR_BEHIND = 0.9
_FINALISTS = 2


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
    """Register from every start at 8 mm, fast; then the best of them, and the next that ended elsewhere, with care at 8 and 4 mm.

    Parameters
    ----------
    step : callable(done)
        Told the share done, 0..1, between registrations; may raise to stop.

    Returns
    -------
    list of Fit
        Best score first; empty where nothing could be registered (no structure in one of the scans). Equal input
        gives bit-identical transforms: every voxel of the body is used, none sampled, on one thread each.
    """
    starts = rigid_starts(prior, followup)
    fits = []
    for number, (name, shift) in enumerate(starts):
        step(number / (len(starts) + _FINALISTS))
        fits += _optimised(prior, followup, _shifted(followup, shift), name, coarse=True)
    chosen = _finalists(followup, sorted(fits, key=_score))
    finals = []
    for number, fit in enumerate(chosen):
        step((len(starts) + number) / (len(starts) + _FINALISTS))
        finals += _optimised(prior, followup, fit.transform, fit.start, coarse=False)
    step(1.0)
    return sorted(finals, key=_score)


def _finalists(followup: CoarseScan, fits: list[Fit]) -> list[Fit]:
    """The best fits (given best first) that put the body's corners at different places and are not far behind the best."""
    places = followup.points(followup.body)
    corners = np.array([[x, y, z] for x in _ends(places[:, 0]) for y in _ends(places[:, 1]) for z in _ends(places[:, 2])])
    kept: list[tuple[Fit, np.ndarray]] = []
    for fit in fits:
        moved = np.array([fit.transform.TransformPoint(corner) for corner in corners.tolist()])
        apart = all(np.linalg.norm(moved - other, axis=1).max() > _SAME_PLACE_MM for _, other in kept)
        if apart and fit.agreement.score >= _NOT_FAR_BEHIND * fits[0].agreement.score:
            kept.append((fit, moved))
    return [fit for fit, _ in kept[:_FINALISTS]]


def _ends(values: np.ndarray) -> tuple[float, float]:
    return values.min(), values.max()


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


def _shifted(followup: CoarseScan, shift: np.ndarray) -> sitk.Euler3DTransform:
    transform = identity()
    transform.SetCenter(followup.body_centre().tolist())
    transform.SetTranslation(shift.tolist())
    return transform


def _optimised(prior: CoarseScan, followup: CoarseScan, start: sitk.Transform, name: str, coarse: bool) -> list[Fit]:
    """The registration from one start; an empty list where the scans share too little for it to run."""
    method = sitk.ImageRegistrationMethod()
    method.SetMetricAsMattesMutualInformation(40)
    method.SetMetricSamplingStrategy(method.NONE)
    method.SetMetricFixedMask(followup.as_image(ndimage.binary_dilation(followup.body)))
    method.SetInterpolator(sitk.sitkLinear)
    least, steps, shorter = (0.05, 60, 0.5) if coarse else (0.01, 120, 0.7)
    method.SetOptimizerAsRegularStepGradientDescent(4.0 if coarse else 2.0, least, steps, shorter, 1e-5)
    method.SetOptimizerScalesFromPhysicalShift()
    method.SetShrinkFactorsPerLevel([2] if coarse else [2, 1])
    method.SetSmoothingSigmasPerLevel([VOXEL_MM] if coarse else [VOXEL_MM, VOXEL_MM / 2])
    method.SetNumberOfThreads(1)  # with more, sums are added in the order in which threads end
    transform = sitk.Euler3DTransform(start)
    method.SetInitialTransform(transform, inPlace=True)
    try:
        method.Execute(followup.image, prior.image)
    except RuntimeError:  # ITK: "all samples map outside" or "joint PDF summed to zero"
        return []
    return [fit_of(prior, followup, transform, name)]


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
