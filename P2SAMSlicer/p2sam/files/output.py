"""The output folder of a visit: written beside its place and moved there as a whole, or not there at all."""

from __future__ import annotations

import json
import os
import re
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from ..errors import OutputError
from .markups import write_prompts
from .provenance import APPLICATION, build_provenance, sha256_of
from ..report.page import render_report
from ..result import StructureResult, VisitResult
from ..review import NOT_REVIEWED, Review, review_of
from ..segmentation import Segmentation
from .segmentations import write_segmentation
from .tables import write_metrics, write_slices

SEGMENTATION, PROVENANCE, REPORT = "segmentation.seg.nrrd", "provenance.json", "report.html"
SLICES, METRICS, TRANSFORM = "slices.csv", "metrics.csv", "transform.h5"
STATUS_TAG, NOTE_TAG = "Segmentation.Status", "P2SAM.Note"
"""Tags of a segment: Slicer's own, and one of ours, which Slicer keeps."""
NOT_OURS_BUT_HARMLESS = {".DS_Store", "Thumbs.db", "desktop.ini"}
"""What file managers leave in a folder by themselves."""


def write_visit(
    visit: VisitResult,
    folder: str | os.PathLike,
    *,
    prior_on_followup: np.ndarray | None = None,
    metrics_rows: Sequence[Mapping] | None = None,
    truth_masks: Mapping[str, np.ndarray] | None = None,
    inputs: Mapping[str, str | os.PathLike] | None = None,
    transform: sitk.Transform | None = None,
    overwrite: bool = False,
) -> Path:
    """Write everything a person or a program needs of one follow-up.

    Parameters
    ----------
    visit : VisitResult
    folder : path
        Becomes `segmentation.seg.nrrd`, `positive_prompts.mrk.json`, `negative_prompts.mrk.json`, `slices.csv`,
        `metrics.csv` (with `metrics_rows`), `transform.h5` (with `transform`), `provenance.json` and `report.html`.
    prior_on_followup, metrics_rows, truth_masks
        As in `render_report`.
    inputs : dict of str to path
        Role to the file or folder that was read; path and SHA-256 go into the provenance.
    transform : SimpleITK.Transform
        Of the alignment, as it was used.
    overwrite : bool
        Replace an earlier result of ours. Files in it that are not ours, or were edited since, stop it.

    Returns
    -------
    Path
        The folder.

    Raises
    ------
    OutputError
        The folder exists and may not be replaced, or the disk refuses; what stood there before still stands.
    InputError
        An input to be hashed is gone.
    """
    folder = Path(os.path.abspath(folder))
    check_output_folder(folder, overwrite)
    provenance = build_provenance(visit, inputs)
    visit = replace(visit, provenance=provenance)
    with _whole_folder(folder) as temporary:
        write_segmentation(_segmentation_of(visit), temporary / SEGMENTATION)
        mark_segmentation(temporary / SEGMENTATION, visit)
        write_prompts(visit, temporary)
        write_slices(visit, temporary / SLICES)
        if metrics_rows:
            write_metrics(metrics_rows, temporary / METRICS)
        if transform is not None:
            _write_transform(transform, temporary / TRANSFORM)
        page = render_report(visit, prior_on_followup, metrics_rows, truth_masks)
        (temporary / REPORT).write_text(page, encoding="utf-8")
        provenance["files"] = {file.name: sha256_of(file) for file in sorted(temporary.iterdir())}
        text = json.dumps(provenance, indent=1, ensure_ascii=False, allow_nan=False)
        (temporary / PROVENANCE).write_text(text + "\n", encoding="utf-8")
    return folder


def check_output_folder(folder: str | os.PathLike, overwrite: bool = False) -> None:
    """Refuse a folder that `write_visit` would refuse; call it before the work, not after.

    Raises
    ------
    OutputError
        It is a file, holds something that is not ours or was edited, or holds our result and `overwrite` is False.
    """
    folder = Path(folder)
    if not os.path.lexists(folder):
        return
    if folder.is_symlink() or not folder.is_dir():
        raise OutputError(f"The output '{folder}' exists and is not a folder; choose another one.")
    try:
        names = {file.name for file in folder.iterdir()} - NOT_OURS_BUT_HARMLESS
        if not names:
            return
        ours = _recorded_files(folder)
    except OSError as error:
        raise OutputError(f"The output folder '{folder}' cannot be read ({error.strerror}); choose another one.") from error
    if ours is None:
        raise OutputError(f"The output folder '{folder}' holds files that P2SAMSlicer did not write; choose an empty or a new folder.")
    if not overwrite:
        raise OutputError(f"The output folder '{folder}' holds an earlier result; ask for overwriting, or choose another folder.")
    kept = sorted(name for name in names - {PROVENANCE} if name not in ours or _changed(folder / name, ours[name]))
    if kept:
        listed = ", ".join(kept)
        raise OutputError(f"The output folder '{folder}' holds work that would be lost ({listed}: added or edited since); move it away, or choose another folder.")


def mark_segmentation(path: Path, visit: VisitResult) -> None:
    """Give every segment of a `.seg.nrrd` its status, which the Segment Editor shows, and a note that stays with it in Slicer; mark the
    file of a run that was stopped as incomplete."""
    review = review_of(visit)
    content = path.read_bytes()
    end = content.index(b"\n\n")
    header = content[:end]
    for number, structure in enumerate(visit.structures):
        tags = f"{NOTE_TAG}:{research_note(structure, review)}|"
        status = review.segment_status(structure, visit.complete) if review else "" if visit.complete else "inprogress"
        tags += f"{STATUS_TAG}:{status}|" if status else ""
        header = re.sub(rb"(?m)^(Segment%d_Tags:=.*)$" % number, rb"\1" + tags.encode(), header)
    ending = b"" if visit.complete else b"\n" + APPLICATION.encode() + b"_Complete:=false"
    path.write_bytes(header + ending + content[end:])


def research_note(structure: StructureResult, review: Review | None) -> str:
    """Without a colon or a bar, which part the tags of a segment."""
    slices = len(structure.slices)
    done = 0 if review is None else slices - review.counts(structure)[NOT_REVIEWED]
    return f"P2SAM result for research use only, {f'{done} of {slices} slices reviewed' if done else 'not reviewed'}"


def _segmentation_of(visit: VisitResult) -> Segmentation:
    segments = tuple(structure.segment for structure in visit.structures)
    return Segmentation(segments, visit.followup.ijk_to_ras, visit.followup.array.shape, dict(visit.followup.meta))


def _recorded_files(folder: Path) -> Mapping | None:
    """Name to SHA-256 of the files of an earlier result; None where the folder is not one of ours."""
    try:
        told = json.loads((folder / PROVENANCE).read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return None
    files = told.get("files") if isinstance(told, dict) and told.get("application") == APPLICATION else None
    return files if isinstance(files, dict) else None


def _changed(path: Path, digest: str) -> bool:
    return not path.is_file() or sha256_of(path) != digest


def _write_transform(transform: sitk.Transform, path: Path) -> None:
    try:
        sitk.WriteTransform(transform, str(path))
    except RuntimeError as error:
        raise OutputError(f"The transform could not be written to '{path.name}'; free some space, or choose another output folder.") from error


@contextmanager
def _whole_folder(folder: Path) -> Iterator[Path]:
    """Give a temporary folder beside `folder`; it takes its place on success and is removed on any failure."""
    missing = [parent for parent in folder.parents if not parent.exists()]
    temporary, placed = None, False
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
        yield temporary
        temporary.chmod(0o777 & ~_umask())
        _put_in_place(temporary, folder)
        placed = True
    except OSError as error:
        raise OutputError(
            f"The result could not be written to '{folder}' ({error.strerror or error}); nothing was left behind. "
            "Free some space, or choose another output folder."
        ) from error
    finally:
        if not placed:
            _clean_up(temporary, missing)


def _put_in_place(temporary: Path, folder: Path) -> None:
    """Swap by renaming; the earlier folder comes back where the swap fails, and goes where it succeeds."""
    if not folder.exists():
        os.rename(temporary, folder)
        return
    earlier = Path(f"{temporary}-earlier")
    os.rename(folder, earlier)
    try:
        os.rename(temporary, folder)
    except OSError:
        os.rename(earlier, folder)
        raise
    try:
        shutil.rmtree(earlier)
    except OSError as error:
        raise OutputError(f"The result is in '{folder}', but the one it replaced could not be removed ({error.strerror}); delete '{earlier}'.") from error


def _clean_up(temporary: Path | None, missing: list[Path]) -> None:
    """Remove the temporary folder, and the parents made for it as far as they are empty."""
    if temporary is not None:
        shutil.rmtree(temporary, ignore_errors=True)
    for parent in missing:
        if parent.is_dir() and not any(parent.iterdir()):
            parent.rmdir()


def _umask() -> int:
    """The process's mask for new files (reading it means setting it)."""
    mask = os.umask(0)
    os.umask(mask)
    return mask
