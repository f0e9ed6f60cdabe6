"""Bring a prior CT onto a follow-up CT: in place, centred, rigid, deformable, or by a transform from a file.

Every transform here maps points of the follow-up to points of the prior, LPS, millimetres, which is ITK's convention
for resampling the prior onto the follow-up.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import asdict

import numpy as np
import SimpleITK as sitk
from threadpoolctl import threadpool_limits

from .agreement import Agreement
from .alignment import Alignment
from .coarse import coarse_scan
from .errors import Cancelled, GeometryError, SettingsError
from .freeform import STIFFNESS, register_freeform, smallest_jacobian
from .registration import Fit, fit_of, identity, register_rigid
from .settings import ALIGNMENTS
from .transform_file import read_transform
from .volume import LPS_TO_RAS, Volume, canonical

LEAST_QUALITY = 0.25
"""Below this two scans fit no better than strangers do: registration has failed."""

DOUBTFUL_QUALITY = 0.4
"""Below this an alignment is used, with a warning."""

LEAST_OVERLAP = 0.02
"""Of the smaller body, that both scans must show after alignment."""

LITTLE_OVERLAP = 0.5
"""Below this share in common an alignment is used, with a warning."""

CLEARLY_BETTER = 0.05
"""In score, that centring must be ahead of in place to be fallen back to."""

LEAST_GAIN = 0.005
"""In score, that a deformation must bring; less is noise that it followed."""

LEAST_JACOBIAN = 0.1
"""A deformation that shrinks some place of the body to less than this is as good as folded."""


def align(
    prior: Volume,
    followup: Volume,
    method: str = "rigid",
    transform: str | os.PathLike | None = None,
    progress: Callable[[str, float], None] | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> Alignment:
    """Align a prior CT with a follow-up CT; two runs on one machine give bit-identical transforms.

    Parameters
    ----------
    method
        "none" leaves both in patient space. "centre" puts the middle slice's centre on the other's, as the authors pair
        slices; nothing is turned. "rigid" and "deformable" register, and fall back, with a warning, where they fail:
        deformable to rigid, rigid to in place (or to centre, where that fits better than in place).
    transform
        A file (.h5, .tfm, .txt) used instead of `method`; see `transform_file.read_transform` for its direction.
    progress : callable(step, done)
        Told the step's name and the share of all work done, 0..1.
    cancelled : callable() -> bool
        Asked between steps.

    Raises
    ------
    SettingsError
        An unknown method.
    InputError
        A transform file that cannot be read.
    GeometryError
        The two scans show no common part of the body after alignment.
    Cancelled
    """
    if method not in ALIGNMENTS:
        raise SettingsError(f"alignment is '{method}'; choose one of: {', '.join(ALIGNMENTS)}.")
    began = time.perf_counter()
    given = None if transform is None else read_transform(transform)
    tell = _teller(progress, cancelled)
    tell("shrink", 0.0)
    scans = coarse_scan(prior), coarse_scan(followup)
    in_place = fit_of(*scans, identity(), "in place")
    warnings: list[str] = []
    if given is not None:
        requested = used = "file"
        fit = _given(scans, in_place, given, warnings)
    else:
        requested = method
        with threadpool_limits(1):  # small products: more threads are slower, and their number would change the last bits
            used, fit = _aligned(scans, in_place, centre_translation(prior, followup), method, tell, warnings)
    _check_overlap(used, fit)
    warnings += _doubts(fit.agreement)
    tell("done", 1.0)
    details = {"start": fit.start, "in_place_quality": in_place.agreement.quality, **asdict(fit.agreement)}
    details.pop("quality")
    if used in ("deformable", "file"):
        details["least_jacobian"] = smallest_jacobian(fit.transform, scans[1])
    return Alignment(requested, used, fit.transform, fit.agreement.quality, details, tuple(warnings), time.perf_counter() - began)


def _teller(progress, cancelled) -> Callable[[str, float], None]:
    def tell(step: str, done: float) -> None:
        if cancelled is not None and cancelled():
            raise Cancelled("Alignment was cancelled.")
        if progress is not None:
            progress(step, done)

    return tell


def _aligned(scans, in_place: Fit, centre: sitk.Transform, method: str, tell, warnings: list[str]) -> tuple[str, Fit]:
    """The method used and its fit, or those of the method before it that did not fail."""
    if method == "none":
        return "none", in_place
    centred = fit_of(*scans, centre, "centre")
    if method == "centre":
        return "centre", centred
    share = 1.0 if method == "rigid" else 0.3
    used, fit = _rigid(scans, in_place, centred, lambda done: tell("rigid", 0.05 + 0.9 * share * done), warnings)
    if method == "rigid":
        return used, fit
    if fit.agreement.quality < LEAST_QUALITY:
        warnings.append("Deformable alignment was left out, because it needs a start that fits.")
        return used, fit
    return _deformable(scans, used, fit, lambda done: tell("deformable", 0.05 + 0.9 * (share + (1 - share) * done)), warnings)


def _rigid(scans, in_place: Fit, centred: Fit, step, warnings: list[str]) -> tuple[str, Fit]:
    best = register_rigid(*scans, step)[0]
    score, score_in_place = best.agreement.score, in_place.agreement.score
    if score > score_in_place and best.agreement.quality >= LEAST_QUALITY:
        return "rigid", best
    used, kept = ("centre", centred) if centred.agreement.score > score_in_place + CLEARLY_BETTER else ("none", in_place)
    name = {"centre": "the scans are centred on each other", "none": "they stay where the scanners put them"}[used]
    if best.agreement.quality < LEAST_QUALITY:
        warnings.append(f"Rigid alignment failed (quality {best.agreement.quality:.2f}, at least {LEAST_QUALITY} is needed); {name}.")
    else:
        warnings.append(f"Rigid alignment fits no better than in place (score {score:.3f} and {score_in_place:.3f}); {name}.")
    return used, kept


def _deformable(scans, used: str, base: Fit, step, warnings: list[str]) -> tuple[str, Fit]:
    """Deformed from `base`; once more and stiffer where it folds; `base` itself where that does not help."""
    for attempt, stiffness in enumerate((STIFFNESS, 10 * STIFFNESS)):
        warp = register_freeform(*scans, base.transform, lambda done, attempt=attempt: step((attempt + done) / 2), stiffness)
        composed = sitk.CompositeTransform([base.transform, warp])  # the last one is applied first
        jacobian = smallest_jacobian(composed, scans[1])
        if jacobian >= LEAST_JACOBIAN:
            break
    else:
        warnings.append(f"Deformable alignment folded the body (least Jacobian {jacobian:.2f}); alignment '{used}' is used instead.")
        return used, base
    fit = fit_of(*scans, composed, base.start)
    score, score_before = fit.agreement.score, base.agreement.score
    if score < score_before + LEAST_GAIN:
        warnings.append(f"Deformable alignment fits no better than '{used}' (score {score:.3f} and {score_before:.3f}), which is used instead.")
        return used, base
    return "deformable", fit


def _given(scans, in_place: Fit, transform: sitk.Transform, warnings: list[str]) -> Fit:
    """The fit of a transform from a file, with a warning where it looks wrong."""
    fit = fit_of(*scans, transform, "file")
    score, score_in_place = fit.agreement.score, in_place.agreement.score
    if score < score_in_place:
        warnings.append(f"The given transform fits worse (score {score:.2f}) than both scans in place ({score_in_place:.2f}).")
        inverse = inverse_of(transform)
        if inverse is not None and fit_of(*scans, inverse, "file").agreement.score > score_in_place:
            warnings.append("Its inverse fits better: write it in the other direction, from follow-up points to prior points.")
    return fit


def inverse_of(transform: sitk.Transform) -> sitk.Transform | None:
    """The inverse, or None for a transform that has none in closed form."""
    try:
        return transform.GetInverse()
    except RuntimeError:
        return None


def _doubts(measured: Agreement) -> list[str]:
    """What a person should know of an alignment that is used all the same."""
    doubts = []
    if measured.quality < DOUBTFUL_QUALITY:
        doubts.append(f"The aligned prior fits the follow-up poorly (quality {measured.quality:.2f} of 1); look at both before relying on it.")
    if measured.overlap < LITTLE_OVERLAP:
        doubts.append(f"The two scans have only {100 * measured.overlap:.0f} % of the smaller body in common; what lies beyond cannot be found.")
    return doubts


def _check_overlap(used: str, fit: Fit) -> None:
    if fit.agreement.overlap < LEAST_OVERLAP:
        raise GeometryError(
            f"After alignment '{used}' the prior and the follow-up share {100 * fit.agreement.overlap:.0f} % of the smaller body;"
            " check that both show the same region of the same patient, align rigidly, or give a transform."
        )


def centre_translation(prior: Volume, followup: Volume) -> sitk.TranslationTransform:
    """The shift that puts the centre of the follow-up's middle slice on that of the prior's; slice n // 2 of n is the middle."""
    shift = _middle_ras(prior) - _middle_ras(followup)
    return sitk.TranslationTransform(3, (shift * np.diag(LPS_TO_RAS)[:3]).tolist())


def _middle_ras(volume: Volume) -> np.ndarray:
    turned = canonical(volume)[0]
    slices, rows, columns = turned.shape
    return turned.ras_of(np.array([[(columns - 1) / 2, (rows - 1) / 2, slices // 2]]))[0]
