"""What the panel remembers with the scene. Defaults equal `p2sam.settings`; a test compares them."""

from typing import Annotated

from slicer import vtkMRMLScalarVolumeNode, vtkMRMLSegmentationNode, vtkMRMLTextNode
from slicer.parameterNodeWrapper import WithinRange, parameterNodeWrapper


@parameterNodeWrapper
class ParameterNode:
    """Inputs, choices and place of the panel.

    Visits: priorVolume, priorSegmentation, priorSegmentIds, followups, outputSegmentation (None: a new one a visit).
    Model: model (name in the registry), modelFile (path, goes before the name), device ("auto", "cpu", "cuda:0", ...).
    Settings: preset and what the panel shows of `p2sam.settings.Settings`, in its ranges; lengths in mm, window in HU.
    Review: review (the visit shown), onlyFlagged, currentStructure, currentSlice.
    """

    priorVolume: vtkMRMLScalarVolumeNode
    priorSegmentation: vtkMRMLSegmentationNode
    priorSegmentIds: list[str]
    followups: list[vtkMRMLScalarVolumeNode]
    outputSegmentation: vtkMRMLSegmentationNode

    model: str = "graph"
    modelFile: str = ""
    device: str = "auto"

    preset: str = "clinical"
    positiveCounts: str = "1-3"
    negativeCounts: str = "2"
    retrieval: str = "wasserstein"
    cost: str = "squared-euclidean"
    alignment: str = "deformable"
    windowFromDisplay: bool = False
    windowLow: Annotated[float, WithinRange(-2000.0, 4000.0)] = -910.0
    windowHigh: Annotated[float, WithinRange(-2000.0, 4000.0)] = 590.0
    boxMarginMm: Annotated[float, WithinRange(-1.0, 200.0)] = 8.0
    reachMm: Annotated[float, WithinRange(0.0, 200.0)] = 15.0
    extentMm: Annotated[float, WithinRange(0.0, 100.0)] = 7.5
    trackMm: Annotated[float, WithinRange(0.0, 60.0)] = 24.0

    review: vtkMRMLTextNode
    onlyFlagged: bool = False
    currentSection: str = "visits"
    currentStructure: str = ""
    currentSlice: int = -1
