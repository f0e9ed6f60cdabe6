"""Bring a prior CT onto a follow-up CT: in place, centred, rigid, deformable, or by a transform from a file.

Every transform here maps points of the follow-up to points of the prior, LPS, millimetres: ITK's convention for
resampling the prior onto the follow-up, and what Slicer and elastix write for a "moving to fixed" resampling.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field

import numpy as np
import SimpleITK as sitk

from .agreement import Agreement
from .coarse import CoarseScan, coarse_scan
from .errors import Cancelled, GeometryError, SettingsError
from .freeform import STIFFNESS, register_freeform, smallest_jacobian
from .regrid import mask_box
from .registration import Fit, fit_of, identity, register_rigid
from .transform_file import read_transform
from .volume import LPS_TO_RAS, Volume, canonical

METHODS = ("none", "centre", "rigid", "deformable")
