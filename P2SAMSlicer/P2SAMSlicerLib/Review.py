"""The review of a visit: its structures and their slices, with their statuses. Saved with the scene as JSON."""

from __future__ import annotations

from dataclasses import dataclass, field

from p2sam.errors import InputError
from slicer.i18n import tr as _

from . import ReviewJson
from .ReviewJson import finite
from .ReviewRows import worstFirst
from .SliceReview import ACCEPTED, ANCHORING, FLAGGED, STATUSES, SliceReview, number


@dataclass
class StructureReview:
    """One structure of a visit.

    Attributes
    ----------
    segmentId, priorSegmentId : str
        In the result's and in the prior's segmentation.
    usualDistance : float or None
        What is usual within the prior: distances are read against it.
    centroidShiftMm : float or None
        From the aligned prior's centroid, `priorCentroidRas`, to the result's; None where one of them is empty.
    isPart : bool
        Whether the prior's scan or the follow-up's cuts the structure, so that its volumes are not to be compared.
    slices : dict of int to SliceReview
        By slice index; slices where neither the prior nor the result has the structure are absent.
    """

    name: str
    segmentId: str = ""
    priorSegmentId: str = ""
    usualDistance: float | None = None
    volumeMl: float = 0.0
    priorVolumeMl: float = 0.0
    centroidShiftMm: float | None = None
    priorCentroidRas: list | None = None
    isPart: bool = False
    warnings: list = field(default_factory=list)
    slices: dict = field(default_factory=dict)

    @property
    def changePercent(self) -> float | None:
        """Of the volume, against the prior's on its own scan; None where that is empty, or one of the two is the volume of a part."""
        return 100 * (self.volumeMl - self.priorVolumeMl) / self.priorVolumeMl if self.priorVolumeMl and not self.isPart else None

    def relative(self, one: SliceReview) -> float | None:
        """The slice's distance where 1 is usual within the prior; the bare distance where that is not known."""
        return one.distance / self.usualDistance if one.distance is not None and self.usualDistance else one.distance

    def anchors(self) -> list:
        """Indices of the slices that the next run must keep."""
        return sorted(index for index, one in self.slices.items() if one.status in ANCHORING)

    @classmethod
    def fromResult(cls, result: dict) -> StructureReview:
        """Of a structure as the worker reports it; `segmentId` is where the caller put the mask."""
        slices = [SliceReview.fromResult(one) for one in result.get("slices") or ()]
        return cls(
            name=result["name"],
            segmentId=result.get("id") or "",
            priorSegmentId=result.get("id") or "",
            usualDistance=number(result.get("usual_distance")),
            volumeMl=number(result.get("volume_ml")) or 0.0,
            priorVolumeMl=number(result.get("prior_volume_ml")) or 0.0,
            centroidShiftMm=number(result.get("centroid_shift_mm")),
            priorCentroidRas=result.get("prior_centroid_ras"),
            isPart=bool(result.get("cut_by_field_of_view") or result.get("cut_by_prior_scan")),
            warnings=[str(text) for text in result.get("warnings") or ()],
            slices={one.index: one for one in slices},
        )


@dataclass
class VisitReview:
    """One follow-up. `settings`, `model` (name, sha256), `alignment` and `provenance` are kept as the run reported them."""

    name: str
    complete: bool = True
    warnings: list = field(default_factory=list)
    alignment: dict = field(default_factory=dict)
    settings: dict = field(default_factory=dict)
    model: dict = field(default_factory=dict)
    seconds: float = 0.0
    sliceAxis: int = 0
    structures: list = field(default_factory=list)
    provenance: dict = field(default_factory=dict)

    @classmethod
    def fromResult(cls, visit: dict, settings: dict | None = None, model: dict | None = None) -> VisitReview:
        """Of a visit as the worker reports it (`VISIT` of the protocol)."""
        return cls(
            name=visit["name"],
            complete=bool(visit.get("complete", True)),
            warnings=[str(text) for text in visit.get("warnings") or ()],
            alignment=finite(visit.get("alignment") or {}),
            settings=finite(settings or {}),
            model=finite(model or {}),
            seconds=number(visit.get("seconds")) or 0.0,
            sliceAxis=int(visit.get("slice_axis", 0)),
            structures=[StructureReview.fromResult(one) for one in visit.get("structures") or ()],
            provenance=finite(visit.get("provenance") or {}),
        )

    @property
    def names(self) -> list:
        return [structure.name for structure in self.structures]

    @property
    def anchors(self) -> dict:
        """Structure name to the indices of its accepted and edited slices; structures without any are absent."""
        found = {structure.name: structure.anchors() for structure in self.structures}
        return {name: indices for name, indices in found.items() if indices}

    def structure(self, name: str) -> StructureReview:
        for structure in self.structures:
            if structure.name == name:
                return structure
        message = _("The review of '{visit}' has no structure '{name}'; it has: {known}.")
        raise InputError(message.format(visit=self.name, name=name, known=", ".join(self.names) or _("none")))

    def slice(self, structure: str, index: int) -> SliceReview:
        slices = self.structure(structure).slices
        if index not in slices:
            message = _("Slice {index} of '{name}' is not in the review of '{visit}': nothing was drawn there.")
            raise InputError(message.format(index=index, name=structure, visit=self.name))
        return slices[index]

    def setStatus(self, structure: str, index: int, status: str, reviewer: str = "", note: str = "", time: str | None = None) -> SliceReview:
        one = self.slice(structure, index)
        one.settle(status, reviewer, note, time)
        return one

    def acceptAll(self, reviewer: str = "", note: str = "", time: str | None = None) -> list:
        """Accept every slice but those that a person flagged: these are returned as (structure, index) and stay flagged. Notes stay."""
        left = []
        for structure in self.structures:
            for index, one in sorted(structure.slices.items()):
                if one.status == FLAGGED:
                    left.append((structure.name, index))
                elif one.status != ACCEPTED:
                    one.settle(ACCEPTED, reviewer, note or one.note, time)
        return left

    def counts(self, structure: str | None = None) -> dict:
        """Number of slices of each status, and "flagged by the method" and "slices" (all of them)."""
        chosen = self.structures if structure is None else [self.structure(structure)]
        slices = [one for each in chosen for one in each.slices.values()]
        found = {status: sum(one.status == status for one in slices) for status in STATUSES}
        return {**found, "flagged by the method": sum(bool(one.flags) for one in slices), "slices": len(slices)}

    def worstFirst(self) -> list:
        """Rows of the review table, the slice that most needs a look first; see `ReviewRows.worstFirst`."""
        return worstFirst([self])

    def toJson(self) -> str:
        """Text for the scene; `fromJson` reads it back equal."""
        structures = [{**vars(one), "slices": [vars(one.slices[index]) for index in sorted(one.slices)]} for one in self.structures]
        return ReviewJson.write({**vars(self), "structures": structures})

    @classmethod
    def fromJson(cls, text: str) -> VisitReview:
        """Read what `toJson` wrote, here or in an older or newer module.

        Raises
        ------
        InputError
            The text is damaged, or of a newer format.
        """
        values = ReviewJson.read(text)
        try:
            structures = [dict(one) for one in values.get("structures", [])]
            for structure in structures:
                slices = [SliceReview(**ReviewJson.known(SliceReview, one)) for one in structure.get("slices", [])]
                structure["slices"] = {one.index: one for one in slices}
            values["structures"] = [StructureReview(**ReviewJson.known(StructureReview, one)) for one in structures]
            return cls(**ReviewJson.known(cls, values))
        except (TypeError, ValueError, AttributeError, LookupError) as error:
            raise ReviewJson.damaged(error) from error
