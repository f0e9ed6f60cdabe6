"""A transform that someone else made, from a file."""

from __future__ import annotations

import os
from pathlib import Path

import SimpleITK as sitk

from .errors import InputError

ENDINGS = (".h5", ".tfm", ".txt")


def read_transform(path: str | os.PathLike) -> sitk.Transform:
    """Read an ITK transform of three-dimensional points.

    It maps points of the follow-up to points of the prior, LPS, millimetres: what ITK, ANTs, Slicer and BRAINSFit
    write for resampling the prior (moving) onto the follow-up (fixed). Slicer shows its inverse, the motion of the prior.

    Raises
    ------
    InputError
        Missing, of another format, damaged, or not three-dimensional.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f"There is no transform file '{path}'; check the path.")
    if path.suffix.lower() not in ENDINGS:
        raise InputError(f"'{path}' is not a transform file that is read here; give {', '.join(ENDINGS)} as ITK or Slicer write it.")
    try:
        transform = sitk.ReadTransform(str(path))
    except RuntimeError as error:
        raise InputError(f"'{path}' cannot be read as an ITK transform; write it again with Slicer or SimpleITK.") from error
    if transform.GetDimension() != 3:
        raise InputError(f"'{path}' is a transform of {transform.GetDimension()} dimensions; a volume needs three.")
    return transform
