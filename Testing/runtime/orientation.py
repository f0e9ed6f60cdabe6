"""The default directions of slice views."""

import slicer


def prepare(scene):
    """Adds Axial, Sagittal and Coronal, the patient's right on the screen's left, to the scene's default slice node."""
    slicer.vtkMRMLSliceNode.AddDefaultSliceOrientationPresets(scene, True)
