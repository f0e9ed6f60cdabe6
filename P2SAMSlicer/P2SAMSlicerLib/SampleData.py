"""The computed patient among Slicer's sample data: made on this machine, so nothing is downloaded."""

import os
from itertools import zip_longest

import slicer
from slicer.i18n import tr as _

from .MRMLSubjectHierarchy import itemOf

PATIENT_ID = "PHANTOM"
DATES = ("20240108", "20240205", "20240311")
"""Of the prior and the follow-ups, as `p2sam.phantom` has them, which is too heavy to be read here."""
WINDOW_HU = (-160.0, 240.0)
"""Soft tissue, as contours are usually drawn and looked at."""
CATEGORY = "P2SAM"
NAME = "P2SAM computed patient"


def register():
    """Offer the patient in the module Sample Data; called once, when Slicer has started."""
    try:
        import SampleData
    except ImportError:
        return
    logic = SampleData.SampleDataLogic
    if hasattr(logic, "registerCustomSampleDataCategory"):
        logic.registerCustomSampleDataCategory(category=CATEGORY, title=_("P2SAM: follow-up CT"))
    logic.registerCustomSampleDataSource(
        category=CATEGORY,
        sampleName=NAME,
        uris="",
        fileNames="",
        nodeNames=_("Computed patient: prior and two follow-ups"),
        thumbnailFileName=os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "Resources", "Icons", "P2SAMPhantom.png"),
        customDownloader=load,
    )


def load(source=None):
    """Compute the patient in the worker and load it; the module P2SAM is opened with it chosen."""
    slicer.util.selectModule("P2SAMSlicer")
    slicer.modules.P2SAMSlicerWidget.panel.loadSample()


def show(nodes):
    """The prior in the slice views, all in the soft-tissue window; the right answers of the follow-ups stay hidden until they are wanted."""
    for volume in (nodes["priorVolume"], *nodes["followups"]):
        if volume.GetDisplayNode() is not None:
            volume.GetDisplayNode().SetAutoWindowLevel(False)
            volume.GetDisplayNode().SetWindowLevelMinMax(*WINDOW_HU)
    for truth in nodes["truths"]:
        if truth.GetDisplayNode() is not None:
            truth.GetDisplayNode().SetVisibility(False)
    slicer.util.setSliceViewerLayers(background=nodes["priorVolume"], fit=True)


def placeInHierarchy(scene, nodes):
    """Patient, studies and dates for the loaded nodes, as Slicer's DICOM module would give them."""
    hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(scene)
    patient = hierarchy.CreateSubjectItem(hierarchy.GetSceneItemID(), _("Computed patient"))
    hierarchy.SetItemAttribute(patient, "DICOM.PatientID", PATIENT_ID)
    pairs = zip_longest(nodes["followups"], nodes["truths"])
    groups = [[nodes["priorVolume"], nodes["priorSegmentation"]], *([one for one in pair if one is not None] for pair in pairs)]
    for date, group in zip(DATES, groups):
        study = hierarchy.CreateStudyItem(patient, f"{date[:4]}-{date[4:6]}-{date[6:]}")
        hierarchy.SetItemAttribute(study, "DICOM.StudyDate", date)
        for node in group:
            hierarchy.SetItemParent(itemOf(hierarchy, node), study)
        volume = itemOf(hierarchy, group[0])
        hierarchy.SetItemAttribute(volume, "DICOM.Modality", "CT")
        hierarchy.SetItemAttribute(volume, "DICOM.FrameOfReferenceUID", f"2.25.{date}")
