"""A small DICOM segmentation object on the grid of `dicom_files.write_series`, only the frames that have a voxel."""

from __future__ import annotations

import numpy as np
from dicom_files import FRAME, new_dataset
from pydicom.dataset import Dataset
from pydicom.pixels import pack_bits
from pydicom.sequence import Sequence
from pydicom.uid import SegmentationStorage

SPACING, ORIGIN = (0.8, 1.25, 3.0), (-12.5, 30.25, -100.0)


def write_seg(path, masks, *, patient="P1", kind="BINARY"):
    """`masks` is {(label, description): (K, J, I) bool}; the frames are stored from the head down, one segment after another."""
    seg = new_dataset(SegmentationStorage)
    seg.Modality, seg.PatientID, seg.FrameOfReferenceUID, seg.SegmentationType = "SEG", patient, FRAME, kind
    seg.SegmentSequence, seg.PerFrameFunctionalGroupsSequence = Sequence(), Sequence()
    frames = []
    for number, ((label, description), mask) in enumerate(masks.items(), start=1):
        segment = Dataset()
        segment.SegmentNumber, segment.SegmentLabel, segment.SegmentAlgorithmType = number, label, "MANUAL"
        if description:
            segment.SegmentDescription = description
        seg.SegmentSequence.append(segment)
        for k in reversed(np.flatnonzero(mask.any(axis=(1, 2)))):
            frames.append(mask[k])
            seg.PerFrameFunctionalGroupsSequence.append(_group(number, k))
    seg.SharedFunctionalGroupsSequence = Sequence([_shared()])
    seg.NumberOfFrames = len(frames)
    seg.Rows, seg.Columns = frames[0].shape
    seg.SamplesPerPixel, seg.PhotometricInterpretation, seg.PixelRepresentation = 1, "MONOCHROME2", 0
    seg.BitsAllocated, seg.BitsStored, seg.HighBit = 1, 1, 0
    seg.PixelData = pack_bits(np.stack(frames).astype(np.uint8).ravel(), pad=True)
    seg.save_as(path, enforce_file_format=True)
    return path


def _group(number, k):
    group, place, segment = Dataset(), Dataset(), Dataset()
    place.ImagePositionPatient = [ORIGIN[0], ORIGIN[1], ORIGIN[2] + k * SPACING[2]]
    segment.ReferencedSegmentNumber = number
    group.PlanePositionSequence, group.SegmentIdentificationSequence = Sequence([place]), Sequence([segment])
    return group


def _shared():
    shared, turn, measures = Dataset(), Dataset(), Dataset()
    turn.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
    measures.PixelSpacing, measures.SliceThickness = [SPACING[1], SPACING[0]], SPACING[2]
    shared.PlaneOrientationSequence, shared.PixelMeasuresSequence = Sequence([turn]), Sequence([measures])
    return shared
