"""Image files and folders read as a `Volume`, checked to be a CT; and a `Volume` written back."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from .atomic import atomic_path
from .damage import check_whole
from .dicom_series import is_dicom_file, read_series
from ..errors import GeometryError, InputError, OutputError
from .nrrd import read_nrrd_header, write_nrrd
from ..volume import Volume

FORMATS = (".nrrd", ".nhdr", ".nii", ".nii.gz", ".mha", ".mhd")
_WRITTEN_FORMATS = (".nrrd", ".nii", ".nii.gz", ".mha")


def existing_path(path: str | os.PathLike) -> Path:
    """The path, or an `InputError` where nothing is there or an empty file or folder is."""
    path = Path(path)
    if not path.exists():
        raise InputError(f"There is no file or folder '{path}'; check the path.")
    if not os.access(path, os.R_OK):
        raise InputError(f"'{path}' may not be read with your permissions; change them or copy it.")
    if path.is_dir() and not any(path.iterdir()):
        raise InputError(f"The folder '{path}' is empty.")
    if path.is_file() and path.stat().st_size == 0:
        raise InputError(f"The file '{path}' is empty (0 bytes); copy it again.")
    return path


def read_volume(path: str | os.PathLike, series_uid: str | None = None) -> Volume:
    """Read NRRD, NIfTI or MetaImage, a folder of DICOM slices, or the series that one DICOM file belongs to.

    Parameters
    ----------
    series_uid : str, optional
        Which DICOM series, where a folder holds several.

    Returns
    -------
    Volume
        int16 or float32. `meta["source"]` is the path; from DICOM also what `dicom_series.read_series` lists.

    Raises
    ------
    InputError
        Missing, unreadable, not one grey value a voxel, a segmentation, or NaN or infinite values.
    GeometryError
        Not three-dimensional, one slice only, or a sheared, tilted or irregular grid.
    """
    path = existing_path(path)
    if path.is_dir() or is_dicom_file(path):
        return checked(read_series(path, series_uid))
    image = read_image(path)
    if image.GetNumberOfComponentsPerPixel() != 1:
        raise InputError(
            f"'{path}' has {image.GetNumberOfComponentsPerPixel()} values a voxel;"
            " give a CT with one grey value a voxel."
        )
    if image.HasMetaDataKey("Segment0_ID"):
        raise InputError(f"'{path}' is a segmentation, not a CT; give it as the segmentation.")
    return _narrowed(checked(exact_volume(path, image)))


def read_image(path: Path) -> sitk.Image:
    """A 3-D SimpleITK image of a file that is not DICOM; a fourth axis of length one is dropped."""
    if not path.name.lower().endswith(FORMATS):
        raise InputError(
            f"'{path}' is not an image file that is read here; give {', '.join(FORMATS)} or a folder of DICOM slices."
        )
    check_whole(path)
    try:
        image = sitk.ReadImage(str(path))
    except RuntimeError as error:
        raise InputError(
            f"'{path}' cannot be read as an image ({_reason(error)}); open it in 3D Slicer and save it again."
        ) from error
    if image.GetDimension() == 4 and image.GetSize()[3] == 1:
        image = image[:, :, :, 0]
    if image.GetDimension() != 3:
        raise GeometryError(
            f"'{path}' has {image.GetDimension()} axes of {image.GetSize()};"
            " a volume has three. Save one time point of it, as a stack of slices."
        )
    return image


def exact_volume(path: Path, image: sitk.Image) -> Volume:
    """The image as a volume; from NRRD with the header's own numbers, which SimpleITK splits and rounds."""
    volume = Volume.from_sitk(image, {"source": str(path)})
    if path.name.lower().endswith((".nrrd", ".nhdr")):
        matrix = read_nrrd_header(path).ijk_to_ras
        if matrix is not None and np.allclose(matrix, volume.ijk_to_ras, rtol=1e-9, atol=1e-6):
            return Volume(volume.array, matrix, volume.meta)
    return volume


def checked(volume: Volume) -> Volume:
    """The same volume, or an error where no method can work on it."""
    source = volume.meta.get("source", "the volume")
    if min(volume.shape) < 2:
        raise GeometryError(
            f"'{source}' has one slice only ({' x '.join(map(str, volume.shape[::-1]))} voxels);"
            " a volume needs at least two along each axis."
        )
    if volume.array.dtype.kind not in "iuf":
        raise InputError(
            f"'{source}' has voxels of type {volume.array.dtype}, not plain numbers; save it as a grey-value image."
        )
    if volume.array.dtype.kind == "f":
        bad = volume.array.size - int(np.isfinite(volume.array).sum())
        if bad:
            raise InputError(
                f"'{source}' has {bad} voxels that are NaN or infinite;"
                " replace them (for example with -1000 HU outside the scan) and save it again."
            )
    axes = volume.ijk_to_ras[:3, :3] / volume.spacing_mm
    skew = np.abs(axes.T @ axes - np.eye(3)).max()
    if skew > 1e-3:
        raise GeometryError(
            f"The axes of '{source}' are not perpendicular (off by {np.degrees(np.arcsin(min(skew, 1.0))):.1f} degrees, as from gantry tilt)."
            " Resample it to an upright grid in 3D Slicer."
        )
    return volume


def _narrowed(volume: Volume) -> Volume:
    """Integers as int16 where they fit, all else as float32: a 300-slice CT takes 150 MiB instead of 600."""
    array = volume.array
    fits = array.dtype.kind in "iu" and array.min() >= -32768 and array.max() <= 32767
    return volume.with_array(array.astype(np.int16 if fits else np.float32, copy=False))


SMALLEST_MM, LARGEST_MM = 10.0, 3000.0
"""Of the longest side of a CT: beyond that its header counts in metres, or in micrometres."""


def check_ct(volume: Volume) -> None:
    """Raise `InputError` where the values cannot be Hounsfield units, or the scan is said to be another modality.

    A CT of a person shows air (about -1000 HU) or at least fat (about -100 HU), even where the field of view is
    small; stored values without their rescale intercept, MR, PET, label maps and normalised images do not.
    """
    source = volume.meta.get("source", "the volume")
    modality = volume.meta.get("modality", "CT")
    if modality != "CT":
        raise InputError(
            f"'{source}' is {modality}, not CT; P2SAMSlicer works on CT in Hounsfield units. Choose the CT series."
        )
    extent = volume.spacing_mm * volume.shape[::-1]
    if not SMALLEST_MM <= extent.max() <= LARGEST_MM:
        size = " x ".join(f"{side:.3g}" for side in extent)
        raise InputError(f"'{source}' is {size} mm large, which no scan of a person is; are its spacings in millimetres? Save it again with the right ones.")
    low, high = float(volume.array.min()), float(volume.array.max())
    span = f"'{source}' has values from {low:g} to {high:g}"
    if low == high:
        raise InputError(f"'{source}' is empty: every voxel is {low:g}. Export the CT again.")
    if high < -200:
        raise InputError(f"{span}: no tissue, only air. Export the CT again, with its rescale slope and intercept applied.")
    if high - low < 100:
        raise InputError(
            f"{span}, too narrow for Hounsfield units (air -1000,"
            " water 0, bone 300 and more). Give the CT before windowing or normalisation."
        )
    if low < -500:
        return
    fat = float(np.count_nonzero(volume.array < -20)) / volume.array.size
    if fat < 1e-3:
        raise InputError(
            f"{span}: no air and no fat, so these are not Hounsfield units."
            " Give a CT with its rescale intercept applied (often -1024), not MR, PET or a label map."
        )


def write_volume(volume: Volume, path: str | os.PathLike) -> None:
    """Write NRRD (geometry bit for bit), NIfTI or MetaImage, compressed, whole or not at all.

    Raises
    ------
    OutputError
        The file could not be written, or does not read back as it was.
    """
    path = Path(path)
    name = path.name.lower()
    array = volume.array.astype(np.uint8) if volume.array.dtype == bool else volume.array
    if name.endswith(".nrrd"):
        write_nrrd(path, array, volume.ijk_to_ras)
        return
    if not name.endswith(_WRITTEN_FORMATS):
        raise OutputError(f"'{path}' has no ending that is written here; choose {', '.join(_WRITTEN_FORMATS)}.")
    with atomic_path(path) as temporary:
        image = Volume(array, volume.ijk_to_ras).to_sitk()
        try:
            sitk.WriteImage(image, str(temporary), useCompression=True)
            back = sitk.GetArrayFromImage(sitk.ReadImage(str(temporary)))
        except RuntimeError as error:
            raise OutputError(
                f"'{path}' could not be written ({_reason(error)}); free some space or choose another folder."
            ) from error
        if not np.array_equal(back, array):
            raise OutputError(f"'{path}' did not read back as it was written; free some space or choose another folder.")


def _reason(error: RuntimeError) -> str:
    """The last telling line of an ITK message, without its C++ prefix."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip() and not line.startswith("Reason:")]
    if not lines or "Unable to determine ImageIO reader" in lines[-1]:
        return "its content is not of the format that its name says"
    return lines[-1].split("): ")[-1].rstrip(".")
