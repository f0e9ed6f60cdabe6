"""Small DICOM series and structure sets, written with pydicom for the tests of reading them."""

from __future__ import annotations

import numpy as np
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, RTStructureSetStorage, generate_uid

FRAME = "1.2.826.0.1.3680043.8.498.1"
SERIES = "1.2.826.0.1.3680043.8.498.2"


def phantom_hu(shape=(6, 10, 14), seed=3):
    """(K, J, I) int16: air around a box of tissue, with noise so that no two voxels rows are alike."""
    hu = np.full(shape, -1000, dtype=np.int16)
    hu[:, 2:-2, 3:-3] = 40
    return hu + np.random.default_rng(seed).integers(-15, 15, shape).astype(np.int16)


def write_series(folder, hu, *, spacing=(0.8, 1.25, 3.0), origin=(-12.5, 30.25, -100.0), row=(1, 0, 0), column=(0, 1, 0),
                 series=SERIES, prefix="ct", change=None, **tags):  # fmt: skip
    """Write (K, J, I) HU as one file a slice, in shuffled file order; spacing is (i, j, k), LPS origin of slice 0.

    `change(dataset, k)` may edit each data set before it is written. Returns the paths, slice 0 first.
    """
    folder.mkdir(parents=True, exist_ok=True)
    normal = np.cross(row, column)
    names = np.random.default_rng(1).permutation(len(hu))
    paths = []
    for k, pixels in enumerate(hu):
        dataset = new_dataset(CTImageStorage)
        dataset.Modality = "CT"
        dataset.SeriesInstanceUID = series
        dataset.SeriesDescription = "thorax"
        dataset.FrameOfReferenceUID = FRAME
        dataset.ImagePositionPatient = [float(f"{value:.8g}") for value in np.array(origin) + k * spacing[2] * normal]
        dataset.ImageOrientationPatient = [float(f"{value:.8g}") for value in (*row, *column)]
        dataset.PixelSpacing = [spacing[1], spacing[0]]
        dataset.Rows, dataset.Columns = pixels.shape
        dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
        dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit, dataset.PixelRepresentation = 16, 16, 15, 0
        dataset.RescaleSlope, dataset.RescaleIntercept = 1, -1024
        dataset.PixelData = (pixels.astype(np.int32) + 1024).astype("<u2").tobytes()
        dataset.update(_dataset(tags))
        if change is not None:
            change(dataset, k)
        paths.append(folder / f"{prefix}{names[k]:03d}.dcm")
        dataset.save_as(paths[-1], enforce_file_format=True)
    return paths


def write_rtstruct(path, rois, *, frame=FRAME, patient="P1", kind="CLOSED_PLANAR", colors=None):
    """Write an RTSTRUCT without image references; `rois` is {name: [(n, 3) LPS contour, ...]}."""
    dataset = new_dataset(RTStructureSetStorage)
    dataset.Modality = "RTSTRUCT"
    dataset.PatientID = patient
    dataset.StructureSetROISequence, dataset.ROIContourSequence = Sequence(), Sequence()
    for number, (name, contours) in enumerate(rois.items(), start=1):
        dataset.StructureSetROISequence.append(_dataset({"ROINumber": number, "ROIName": name, "ReferencedFrameOfReferenceUID": frame}))
        drawn = _dataset({"ReferencedROINumber": number})
        if colors:
            drawn.ROIDisplayColor = colors[number - 1]
        drawn.ContourSequence = Sequence()
        for points in contours:
            flat = [f"{value:.8g}" for value in np.asarray(points, dtype=float).ravel()]
            drawn.ContourSequence.append(_dataset({"ContourGeometricType": kind, "NumberOfContourPoints": len(points), "ContourData": flat}))
        dataset.ROIContourSequence.append(drawn)
    dataset.save_as(path, enforce_file_format=True)
    return path


def new_dataset(sop_class) -> FileDataset:
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = sop_class
    meta.MediaStorageSOPInstanceUID = generate_uid()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset = FileDataset(None, {}, file_meta=meta, preamble=b"\0" * 128)
    dataset.SOPClassUID, dataset.SOPInstanceUID = sop_class, meta.MediaStorageSOPInstanceUID
    dataset.PatientID, dataset.StudyDate, dataset.StudyInstanceUID = "P1", "20240131", "1.2.3.4"
    return dataset


def _dataset(tags: dict) -> Dataset:
    dataset = Dataset()
    for name, value in tags.items():
        setattr(dataset, name, value)
    return dataset
