"""Whether two scans are of one patient, as far as their patient IDs say it; IDs that anonymisation changed can be allowed."""

from __future__ import annotations

from p2sam.errors import InputError
from slicer.i18n import tr as _

from .MRMLVolumes import metaOf


def differingIds(prior, followup) -> tuple | None:
    """The patient IDs (of the prior, of the follow-up) where both are known and differ; else None."""
    ids = tuple(str(metaOf(node).get("patient_id") or "").strip() for node in (prior, followup))
    return ids if all(ids) and ids[0] != ids[1] else None


def checkPatients(prior, followups, allowOtherPatient: bool) -> None:
    """Raise `InputError` where a follow-up is known to be of another patient and nobody said that it is the same one."""
    for followup in followups:
        ids = differingIds(prior, followup)
        if ids is not None and not allowOtherPatient:
            text = _(
                "The patients differ: the prior '{prior}' is of '{one}', the follow-up '{followup}' of '{other}'."
                " Choose scans of one patient, or say that they are of one (allowOtherPatient=True) where the IDs were changed."
            )
            raise InputError(text.format(prior=prior.GetName(), one=ids[0], followup=followup.GetName(), other=ids[1]))


def patientWarning(prior, followup) -> str | None:
    """What the review keeps of patient IDs that differ; None where they do not."""
    ids = differingIds(prior, followup)
    if ids is None:
        return None
    text = _("The patient IDs differ: '{one}' in the prior, '{other}' in the follow-up. Whoever started the run stated that it is the same patient.")
    return text.format(one=ids[0], other=ids[1])
