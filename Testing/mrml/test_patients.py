"""Patient IDs that differ: refused, or allowed and then kept with the result as a warning, in the review and in what is exported."""

import json

import pytest
import slicer
from visit_scene import SETTINGS, Patient

from p2sam.errors import InputError
from P2SAMSlicerLib import MRMLReview


@pytest.fixture
def patient(scene):
    patient = Patient(scene)
    hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(scene)
    for node, name in ((patient.prior, "A-1"), (patient.followup, "ANON 7")):
        item = hierarchy.CreateSubjectItem(hierarchy.GetSceneItemID(), name)
        hierarchy.SetItemAttribute(item, "DICOM.PatientID", name)
        hierarchy.SetItemParent(hierarchy.GetItemByDataNode(node) or hierarchy.CreateItem(item, node), item)
    return patient


def propagate(logic, patient, **more):
    return logic.propagate(patient.prior, patient.segmentation, patient.followup, segments=["mass"], settings=SETTINGS, **more)


def test_other_patients_are_refused_with_the_way_on(scene, worker, patient):
    with pytest.raises(InputError, match=r"'A-1'.*'ANON 7'.*allowOtherPatient=True"):
        propagate(worker.logic(scene), patient)
    assert MRMLReview.findAll(scene) == []


def test_what_was_stated_is_kept_with_the_review_and_exported(scene, worker, patient, tmp_path):
    logic, told = worker.logic(scene), []

    class Watcher:
        def onWarning(self, text):
            told.append(text)

    (node,) = propagate(logic, patient, allowOtherPatient=True, observer=Watcher())
    review = MRMLReview.load(node)
    (warning,) = [text for text in review.warnings if "patient IDs differ" in text]
    assert "'A-1'" in warning and "'ANON 7'" in warning and told == [warning]
    assert review.provenance["patientIds"] == ["A-1", "ANON 7"]
    logic.propagateAgain(node)
    assert MRMLReview.load(node).warnings.count(warning) == 1 and MRMLReview.load(node).provenance["patientIds"] == ["A-1", "ANON 7"]
    logic.exportReport(node, str(tmp_path / "report"))
    written = [path for path in (tmp_path / "report").rglob("*.json") if "provenance" in path.name]
    assert any(warning in json.loads(path.read_text(encoding="utf-8"))["review"]["warnings"] for path in written)
    assert "patient IDs differ" in (tmp_path / "report" / "report.html").read_text(encoding="utf-8")
