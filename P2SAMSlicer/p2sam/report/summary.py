"""The top of the report: who and how, what must be read first, and the figures of every structure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from numbers import Real
from pathlib import PurePath

from .card import StructureView
from ..align import DOUBTFUL_QUALITY
from .html import color_chip, table
from .text import NOTHING, escape, number, plain
from ..result import SliceResult, StructureResult, VisitResult
from ..review import FLAGGED, Review

UNKNOWN = "not recorded"
METRIC_TITLES = {
    "structure": "Structure",
    "method": "Method",
    "dice": "Dice",
    "slice_dice": "Dice, mean of slices",
    "slices": "Slices",
    "surface_dice": "Surface Dice",
    "hd95_mm": "95 % Hausdorff (mm)",
    "mean_surface_mm": "Mean surface distance (mm)",
    "truth_ml": "Truth (ml)",
    "result_ml": "Result (ml)",
    "volume_difference_ml": "Difference (ml)",
    "volume_difference_percent": "Difference (%)",
    "centroid_mm": "Centroid distance (mm)",
    "tolerance_mm": "Tolerance (mm)",
}
"""Of the columns of `Metrics.as_row()`; another column is titled by its key."""


def facts(visit: VisitResult) -> list[tuple[str, str, str]]:
    """(term, value, small print) of the page's head; what nobody recorded is called so."""
    told, meta = visit.provenance, visit.followup.meta
    prior = _mapping(told.get("prior"))
    model = told.get("model")
    named = _mapping(model)
    model_name = str(named.get("title") or named.get("name") or model or UNKNOWN)
    digest = named.get("sha256")
    alignment = visit.alignment
    return [
        ("Patient", str(meta.get("patient_id", UNKNOWN)), ""),
        ("Follow-up", _date(meta.get("study_date")), _source(meta)),
        ("Prior", _date(prior.get("study_date")), _source(prior)),
        ("Model", model_name, f"SHA-256 {str(digest)[:16]}…" if digest else ""),
        ("Preset", str(told.get("preset") or _mapping(told.get("settings")).get("preset") or UNKNOWN), ""),
        ("Alignment", str(alignment.get("used", UNKNOWN)), _quality(alignment)),
        ("Run", f"{number(visit.seconds)} s", str(told.get("started", ""))),
    ]


def _mapping(value: object) -> Mapping:
    return value if isinstance(value, Mapping) else {}


def _date(value: object) -> str:
    """DICOM's 20190704 as 2019-07-04; anything else as it is."""
    text = str(value or UNKNOWN)
    return f"{text[:4]}-{text[4:6]}-{text[6:]}" if len(text) == 8 and text.isdigit() else text


def _source(meta: Mapping) -> str:
    return PurePath(str(meta["source"])).name if meta.get("source") else ""


def _quality(alignment: Mapping) -> str:
    quality = alignment.get("quality")
    if quality is None:
        return "quality not measured"
    if isinstance(quality, Mapping):
        return ", ".join(f"{str(key).replace('_', ' ')} {_value(value)}" for key, value in quality.items())
    return f"quality {_value(quality)} on a scale to 1, which is a perfect copy; below {DOUBTFUL_QUALITY} is doubtful"


def _value(value: object) -> str:
    return number(float(value)) if isinstance(value, (int, float)) and not isinstance(value, bool) else str(value)


def warnings(visit: VisitResult) -> list[str]:
    """Every warning of the run, once: alignment that fell back, the visit, each structure by name."""
    asked, used = visit.alignment.get("requested"), visit.alignment.get("used")
    lines = [f"Alignment '{asked}' was asked for, '{used}' was used."] if asked and used and asked != used else []
    lines += [str(line) for line in visit.alignment.get("warnings", ())]
    lines += list(visit.warnings)
    lines += [f"{structure.segment.name}: {line}" for structure in visit.structures for line in structure.warnings]
    return list(dict.fromkeys(lines))


def verdict(order: list[tuple[int, SliceResult]], views: Sequence[StructureView], review: Review | None = None) -> str:
    """How many slices have a reason to look at, which, how many a person flagged, and the one to begin with; `order` is the cards'."""
    if not order:
        return '<p class="lead">No slice was segmented.</p>'
    reviewed = [None if review is None else review.of(views[place].name, result.index) for place, result in order]
    by_person = [one for one in reviewed if one is not None and one.status == FLAGGED]
    reasoned = [result for _, result in order if result.flags]
    codes = Counter(flag.code for result in reasoned for flag in result.flags)
    kinds = ", ".join(f"{escape(plain(code))} {count}" for code, count in codes.most_common())
    names = ", ".join(sorted({one.reviewer or "a reviewer" for one in by_person}))
    lines = [f"<b>{len(by_person)} of {len(order)} slices</b> {'was' if len(by_person) == 1 else 'were'} flagged by {escape(names)}."] if by_person else []
    if reasoned:
        lines.append(f"The method gives a reason to look at <b>{len(reasoned)} of {len(order)} slices</b> ({kinds}).")
    else:
        lines.append(f"The method gives no reason to look at any of {len(order)} slices. Every contour still needs a look before it is used.")
    if reasoned or by_person:
        place, first = order[0]
        lines.append(f'Start with <a href="#{views[place].card_id(first)}">{escape(views[place].name)}, slice {first.index}</a>.')
    return f'<p class="lead">{" ".join(lines)}</p>'


def structure_table(visit: VisitResult) -> str:
    """One row a structure: volumes, change, shift, slices, distances; what is compared with what, and where a scan cuts a structure."""
    titles = ["Volume (ml)", "Prior (ml)", "Change (ml)", "Change (%)", "Shift to aligned prior (mm)", "Slices", "With a reason", "No contour"]
    columns = [("Structure", True)] + [(title, False) for title in [*titles, "Mean distance", "Largest distance"]]
    rows = table(columns, [_structure_row(visit, structure) for structure in visit.structures])
    notes = [
        "Changes are against the volume that the prior has on its own scan. The shift is between the centres of the result and of the aligned "
        "prior, which was brought onto this scan before: it is not how far the structure moved in the patient."
    ]
    cut = [one.segment.name for one in visit.structures if one.is_cut(visit.aligned_masks[one.segment.name])]
    part = [one.segment.name for one in visit.structures if one.prior_is_part]
    if cut:
        notes.append(f"The follow-up's field of view cuts {', '.join(cut)}: the volume is that of a part, so no change is given.")
    if part:
        notes.append(f"The prior's scan cuts {', '.join(part)}: the prior's volume is that of a part, so no change is given.")
    return rows + "".join(f'<p class="note">{escape(note)}</p>' for note in notes)


def _structure_row(visit: VisitResult, structure: StructureResult) -> list[str]:
    """A part of a volume is no volume to compare: an incomplete visit, or a cut structure, shows no change."""
    prior_ml = structure.prior_volume_ml
    comparable = visit.complete and not structure.is_part(visit.aligned_masks[structure.segment.name])
    change = structure.volume_ml - prior_ml if comparable else None
    relative = 100 * change / prior_ml if change is not None and prior_ml > 0 else None
    scored = [result for result in structure.slices if result.distance is not None]
    worst = max(scored, key=lambda result: result.distance, default=None)
    return [
        color_chip(structure.segment.color_rgb) + escape(structure.segment.name),
        number(structure.volume_ml),
        number(prior_ml),
        number(change, signed=True),
        number(relative, signed=True),
        number(structure.centroid_shift_mm if visit.complete else None),
        number(len(structure.slices)),
        number(sum(bool(result.flags) for result in structure.slices)),
        number(sum(result.area_mm2 <= 0 for result in structure.slices)),
        number(sum(result.distance for result in scored) / len(scored)) if scored else NOTHING,
        NOTHING if worst is None else f"{number(worst.distance)} <small>slice {worst.index}</small>",
    ]


def metric_table(rows: Sequence[Mapping], visit_name: str) -> str:
    """The metric rows; the visit is not repeated on its own page, and one tolerance for all goes into the title."""
    keys = list(dict.fromkeys(key for row in rows for key in row))
    if {row.get("visit", visit_name) for row in rows} == {visit_name}:
        keys = [key for key in keys if key != "visit"]
    titles = {key: METRIC_TITLES.get(key, key.replace("_", " ")) for key in keys}
    tolerances = {row.get("tolerance_mm") for row in rows} - {None}
    if "surface_dice" in titles and len(tolerances) == 1:
        titles["surface_dice"] += f" at {number(tolerances.pop(), 1)} mm"
        keys = [key for key in keys if key != "tolerance_mm"]
    columns = [(titles[key], any(isinstance(row.get(key), str) for row in rows)) for key in keys]
    return table(columns, [[_metric_cell(row.get(key)) for key in keys] for row in rows])


def _metric_cell(value: object) -> str:
    is_number = value is None or isinstance(value, Real) and not isinstance(value, bool)
    return number(value) if is_number else escape(value)


def footer(visit: VisitResult) -> str:
    """How to read the pictures, and the versions that made the result."""
    versions = _mapping(visit.provenance.get("versions"))
    made = ", ".join(f"{escape(name)} {escape(version)}" for name, version in versions.items())
    return (
        "<footer><p>Pictures are shown as on an axial CT console: the patient's right is on the left of the picture. Slice numbers count from 0, "
        "as Slicer's IJK does. Keys j and k go to the next and the previous slice. A printout holds the slices that are open.</p>"
        f"<p>{made}</p></footer>"
    )
