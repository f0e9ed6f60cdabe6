"""Do two scans belong together? One line a question: patient, dates, modality, frame of reference, spacing, values."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date

import numpy as np
from slicer.i18n import tr as _

OK, WARNING, ERROR = "ok", "warning", "error"

AIR_HU, ONLY_AIR_HU, FAT_HU = -500.0, -200.0, -20.0
NARROWEST_HU = 100.0
LEAST_FAT = 1e-3
"""Limits of Hounsfield units, as `p2sam.files.images.check_ct` has them."""
THICKER = 2.0
"""Slices thicker than the prior's by more than this factor are said."""
SAMPLE = 1_000_000


@dataclass(frozen=True)
class Check:
    """One line under the visits: `level` is "ok", "warning" or "error", `topic` the question it answers."""

    level: str
    text: str
    topic: str = ""


@dataclass(frozen=True)
class Scan:
    """What the checks need to know of a volume.

    Attributes
    ----------
    meta : dict
        As `MRMLVolumes.metaOf` gives it; keys are absent where nothing is known.
    spacing : (3,)
        Along (i, j, k), millimetres.
    array : (K, J, I) ndarray
    valueRange : (low, high)
    isLeftHanded : bool
        Of the directions of i, j, k. Slicer reads no volume like that from a file; a script can make one.
    """

    name: str
    meta: dict = field(default_factory=dict)
    spacing: tuple = (1.0, 1.0, 1.0)
    array: np.ndarray | None = None
    valueRange: tuple = (-1000.0, 1000.0)
    isLeftHanded: bool = False

    def said(self, key: str) -> str:
        return str(self.meta.get(key) or "").strip()


def scanChecks(scan: Scan) -> list:
    """What can be wrong with one scan alone: modality, number of slices, values."""
    found = [_modality(scan), _slices(scan), _values(scan)]
    return [check for check in found if check is not None]


def pairChecks(prior: Scan, followup: Scan, alignment: str = "") -> list:
    """What can be wrong with two scans together.

    Parameters
    ----------
    alignment : str
        How the prior will be brought onto the follow-up ("none", "rigid", ...); empty where it is not chosen yet.
    """
    found = [_patient(prior, followup), _dates(prior, followup), _frame(prior, followup, alignment), _spacing(prior, followup), _same(prior, followup), _hand(followup)]
    return [check for check in found if check is not None]


def _patient(prior: Scan, followup: Scan) -> Check:
    one, other = prior.said("patient_id"), followup.said("patient_id")
    if not one or not other:
        unknown = followup.name if not other else prior.name
        return Check(WARNING, _("The patient of '{name}' is not recorded; make sure yourself that both scans are of one patient.").format(name=unknown), "patient")
    if one != other:
        text = _("The patients differ: the prior '{prior}' is of '{one}', the follow-up '{followup}' of '{other}'.")
        return Check(ERROR, text.format(prior=prior.name, one=one, followup=followup.name, other=other), "patient")
    return Check(OK, _("'{name}': same patient ({patient}).").format(name=followup.name, patient=other), "patient")


def _dates(prior: Scan, followup: Scan) -> Check | None:
    one, other = _dateOf(prior.said("study_date")), _dateOf(followup.said("study_date"))
    if one is None or other is None:
        return None
    days = (other - one).days
    if days < 0:
        text = _("'{name}' was taken {days} days before the prior ({date}, {priorDate}); check that they are not exchanged.")
        return Check(WARNING, text.format(name=followup.name, days=-days, date=other.isoformat(), priorDate=one.isoformat()), "dates")
    if days == 0:
        return Check(OK, _("'{name}': same day as the prior ({date}).").format(name=followup.name, date=other.isoformat()), "dates")
    return Check(OK, _("'{name}': {days} days after the prior ({date}).").format(name=followup.name, days=days, date=other.isoformat()), "dates")


def _frame(prior: Scan, followup: Scan, alignment: str) -> Check | None:
    one, other = prior.said("frame_of_reference_uid"), followup.said("frame_of_reference_uid")
    if not one or not other:
        return None
    if one == other:
        return Check(OK, _("'{name}': same frame of reference.").format(name=followup.name), "frame of reference")
    if alignment == "none":
        text = _("'{name}' and the prior have different frames of reference, so they cannot be compared in place; choose another alignment than 'none'.")
        return Check(ERROR, text.format(name=followup.name), "frame of reference")
    return Check(OK, _("'{name}': another frame of reference, as usual between visits; the prior is aligned.").format(name=followup.name), "frame of reference")


def _spacing(prior: Scan, followup: Scan) -> Check:
    text = " × ".join(f"{value:.3g}" for value in followup.spacing)
    ratio = max(followup.spacing) / max(prior.spacing)
    if ratio > THICKER:
        message = _("'{name}' has {spacing} mm voxels, {ratio} times coarser than the prior; thin structures may be lost.")
        return Check(WARNING, message.format(name=followup.name, spacing=text, ratio=f"{ratio:.1f}"), "spacing")
    return Check(OK, _("'{name}': {spacing} mm voxels.").format(name=followup.name, spacing=text), "spacing")


def _hand(followup: Scan) -> Check | None:
    if not followup.isLeftHanded:
        return None
    text = _("The axes of '{name}' are left-handed; Slicer turns such a volume round when a scene is loaded, and the slices of its review would be counted from the other end. Save it and load it again before you propagate.")
    return Check(WARNING, text.format(name=followup.name), "axes")


def _same(prior: Scan, followup: Scan) -> Check | None:
    one, other = prior.said("series_uid"), followup.said("series_uid")
    if one and one == other:
        return Check(WARNING, _("'{name}' is the same series as the prior; choose the scan of the other visit.").format(name=followup.name), "series")
    return None


def _modality(scan: Scan) -> Check | None:
    modality = scan.said("modality")
    if not modality:
        return None
    if modality != "CT":
        return Check(ERROR, _("'{name}' is {modality}, not CT; choose the CT series.").format(name=scan.name, modality=modality), "modality")
    return Check(OK, _("'{name}': CT.").format(name=scan.name), "modality")


def _slices(scan: Scan) -> Check | None:
    if scan.array is None or min(scan.array.shape) > 1:
        return None
    return Check(ERROR, _("'{name}' is a single slice; choose a volume.").format(name=scan.name), "slices")


def _values(scan: Scan) -> Check | None:
    low, high = scan.valueRange
    if low == high:
        return Check(ERROR, _("'{name}' is empty: every voxel is {value}. Load the CT again.").format(name=scan.name, value=f"{low:g}"), "values")
    wrong = high < ONLY_AIR_HU or high - low < NARROWEST_HU or low >= AIR_HU and _fat(scan.array) < LEAST_FAT
    if wrong:
        text = _("'{name}' has values from {low} to {high}: no Hounsfield units of a CT. Load the CT with its rescale slope and intercept applied.")
        return Check(ERROR, text.format(name=scan.name, low=f"{low:g}", high=f"{high:g}"), "values")
    return None


def _fat(array: np.ndarray | None) -> float:
    """The part of the voxels that could be fat or air, from a sample."""
    if array is None:
        return 1.0
    step = max(1, int(np.ceil((array.size / SAMPLE) ** (1 / 3))))
    sample = array[::step, ::step, ::step]
    return float(np.count_nonzero(sample < FAT_HU)) / sample.size


def _dateOf(text: str) -> date | None:
    """A DICOM date; None for what is none."""
    digits = text.replace("-", "")[:8]
    try:
        return date(int(digits[:4]), int(digits[4:6]), int(digits[6:8])) if len(digits) == 8 else None
    except ValueError:
        return None
