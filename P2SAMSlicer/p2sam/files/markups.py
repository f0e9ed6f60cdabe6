"""Prompts as Slicer markups: one control point a prompt, written, and read again after a person moved them."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..errors import InputError
from ..result import StructureResult, VisitResult
from ..volume import LPS_TO_RAS
from .prompt_look import ACTIVE_RGB, COLORS_RGB, GLYPH_SCALE, GLYPHS, NEGATIVE, POSITIVE, TEXT_SCALE, WORDS

SCHEMA = (
    "https://raw.githubusercontent.com/slicer/slicer/master/Modules/Loadable/Markups/Resources/Schema/"
    "markups-schema-v1.0.3.json#"
)
FILE_NAMES = {POSITIVE: "positive_prompts.mrk.json", NEGATIVE: "negative_prompts.mrk.json"}

_LABEL = re.compile(r"^(?P<structure>.+) p(?P<part>[1-9]\d*) · slice (?P<slice>\d+)$", re.DOTALL)
_SIMILARITY = re.compile(r"^(?P<word>positive|negative) prompt; similarity (?P<value>-?\d+(\.\d+)?)$")


@dataclass(frozen=True)
class MarkupPrompt:
    """One control point of a prompts file.

    Attributes
    ----------
    label : int
        1 positive, 0 negative.
    position_ras : (3,) float64
        Millimetres. The position is the truth: where a person moved the point, `slice_index` still names the slice
        on which the prompt was proposed.
    structure : str or None
    part : int or None
        Counted from 0 within its label, as in `PointPrompts` (the label in Slicer counts from 1).
    slice_index : int or None
        0-based along the follow-up's own slice axis, as in `SliceResult`.
    similarity : float or None
        The last four are None for a point that a person added, whose label says nothing of them.
    """

    label: int
    position_ras: np.ndarray
    structure: str | None = None
    part: int | None = None
    slice_index: int | None = None
    similarity: float | None = None


def write_prompts(visit: VisitResult, folder: str | Path) -> tuple[Path, Path]:
    """Write `positive_prompts.mrk.json` and `negative_prompts.mrk.json` for every structure of a visit.

    Parameters
    ----------
    visit : VisitResult
    folder : path
        Must exist.

    Returns
    -------
    (Path, Path)
        The positive and the negative file. A file without points is written too: it opens as an empty list.

    Raises
    ------
    OSError
        Where the disk refuses; `write_visit` turns it into a sentence.
    """
    paths = []
    for label in (POSITIVE, NEGATIVE):
        path = Path(folder) / FILE_NAMES[label]
        path.write_text(json.dumps(markups_document(visit.structures, label), indent=1, ensure_ascii=False), encoding="utf-8")
        paths.append(path)
    return paths[0], paths[1]


def markups_document(structures: tuple[StructureResult, ...], label: int) -> dict:
    """The content of one prompts file: a fiducial list in LPS, as Slicer itself writes it."""
    points = [point for structure in structures for point in _control_points(structure, label)]
    for number, point in enumerate(points, start=1):
        point["id"] = str(number)
    return {
        "@schema": SCHEMA,
        "markups": [
            {
                "type": "Fiducial",
                "coordinateSystem": "LPS",
                "coordinateUnits": "mm",
                "locked": False,
                "fixedNumberOfControlPoints": False,
                "labelFormat": "%N-%d",
                "lastUsedControlPointNumber": len(points),
                "controlPoints": points,
                "measurements": [],
                "display": _display(label),
            }
        ],
    }


def prompt_label(structure: str, part: int, slice_index: int) -> str:
    """What a person reads beside the point, e.g. "GTV-1 p3 · slice 47": parts from 1, slices as Slicer's IJK counts them. A point that
    a person added is of no part."""
    return f"{structure} {f'p{part + 1}' if part >= 0 else 'added'} · slice {slice_index}"


def _described(label: int, similarity: float) -> str:
    known = f"similarity {similarity:.4f}" if np.isfinite(similarity) else "added by a person"
    return f"{WORDS[label]} prompt; {known}"


def read_prompts(path: str | Path, label: int | None = None) -> list[MarkupPrompt]:
    """Read the points of a prompts file, as written here or as saved by Slicer after a person edited it.

    Parameters
    ----------
    path : path
        A `.mrk.json` file with fiducial lists in LPS or RAS.
    label : int or None
        1 positive, 0 negative; None takes it from each point's description, or else from the file's name.

    Returns
    -------
    list of MarkupPrompt
        In the file's order. Points without a defined position are left out, as Slicer shows them nowhere.

    Raises
    ------
    InputError
        The file is missing, not JSON, not markups, in unknown coordinates, or says nowhere whether it is positive.
    """
    path = Path(path)
    prompts = []
    for markup in _markups_of(path):
        to_ras = _frame_to_ras(markup, path)
        for point in markup.get("controlPoints", []):
            if point.get("positionStatus", "defined") == "defined":
                prompts.append(_prompt_of(point, to_ras, path, label))
    return prompts


def _control_points(structure: StructureResult, label: int) -> list[dict]:
    points = []
    for result in structure.slices:
        for row in np.flatnonzero(result.prompts.labels == label):
            position_lps = LPS_TO_RAS[:3, :3] @ np.asarray(result.prompts_ras[row], dtype=float)
            points.append(
                {
                    "id": "",
                    "label": prompt_label(structure.segment.name, int(result.prompts.parts[row]), result.index),
                    "description": _described(label, float(result.prompts.similarity[row])),
                    "associatedNodeID": "",
                    "position": [round(float(value), 6) for value in position_lps],
                    "orientation": [-1.0, 0.0, 0.0, 0.0, -1.0, 0.0, 0.0, 0.0, 1.0],
                    "selected": True,
                    "locked": False,
                    "visibility": True,
                    "positionStatus": "defined",
                }
            )
    return points


def _display(label: int) -> dict:
    """Slicer hides a point off its slice as long as its projection is off; labels only where points are few."""
    color = list(COLORS_RGB[label])
    return {
        "visibility": True,
        "opacity": 1.0,
        "color": color,
        "selectedColor": color,
        "activeColor": list(ACTIVE_RGB),
        "propertiesLabelVisibility": False,
        "pointLabelsVisibility": label == POSITIVE,
        "textScale": TEXT_SCALE,
        "glyphType": GLYPHS[label],
        "glyphScale": GLYPH_SCALE,
        "glyphSize": 4.0,
        "useGlyphScale": True,
        "sliceProjection": False,
        "sliceProjectionUseFiducialColor": True,
        "sliceProjectionOutlinedBehindSlicePlane": False,
        "sliceProjectionColor": [1.0, 1.0, 1.0],
        "sliceProjectionOpacity": 0.6,
        "snapMode": "unconstrained",
    }


def _markups_of(path: Path) -> list[dict]:
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise InputError(f"There is no prompts file {path}; give the path of a .mrk.json file.") from error
    except (OSError, ValueError) as error:
        raise InputError(f"The prompts file {path} cannot be read ({error}); save it again from Slicer as .mrk.json.") from error
    markups = document.get("markups") if isinstance(document, dict) else None
    if not isinstance(markups, list) or not all(isinstance(markup, dict) for markup in markups):
        raise InputError(f"{path} holds no Slicer markups; save the points from Slicer as .mrk.json.")
    return markups


def _frame_to_ras(markup: dict, path: Path) -> np.ndarray:
    """(3, 3) from the list's coordinates to RAS; old files say 0 for RAS and 1 for LPS."""
    frame = str(markup.get("coordinateSystem", "LPS"))
    if frame in ("LPS", "1"):
        return LPS_TO_RAS[:3, :3]
    if frame in ("RAS", "0"):
        return np.eye(3)
    raise InputError(f"{path} uses the coordinate system '{frame}'; save the points from Slicer in LPS or RAS.")


def _prompt_of(point: dict, to_ras: np.ndarray, path: Path, label: int | None) -> MarkupPrompt:
    try:
        position = np.asarray(point["position"], dtype=float)
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"{path}: the point '{point.get('label', '')}' has no position; delete it in Slicer.") from error
    if position.shape != (3,) or not np.isfinite(position).all():
        raise InputError(f"{path}: the point '{point.get('label', '')}' is at {point['position']}, not at three numbers; delete it in Slicer.")
    named = _LABEL.match(point.get("label", ""))
    described = _SIMILARITY.match(point.get("description", ""))
    return MarkupPrompt(
        label=_label_of(described, path) if label is None else label,
        position_ras=to_ras @ position,
        structure=named["structure"] if named else None,
        part=int(named["part"]) - 1 if named else None,
        slice_index=int(named["slice"]) if named else None,
        similarity=float(described["value"]) if described else None,
    )


def _label_of(described: re.Match | None, path: Path) -> int:
    """The description travels with the point; a point added by hand takes the side its file is named after."""
    word = described["word"] if described else path.name.split("_")[0].lower()
    for label, name in WORDS.items():
        if word == name:
            return label
    raise InputError(f"{path} does not say whether its points are positive or negative; name it positive_… or negative_….")
