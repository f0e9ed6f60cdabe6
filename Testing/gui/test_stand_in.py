"""The stand-in itself: what it refuses on top of Slicer, and that what it carries of the index is the index."""

import ctk
import pytest
import qt
import slicer
import slicer.util
from application_kind import SHARED, isRealSlicer

pytestmark = pytest.mark.skipif(isRealSlicer(), reason="inside a real Slicer there is no stand-in to test")


def test_the_carried_rows_are_those_of_the_index():
    from runtime import carry, index

    folder = SHARED / "slicer-api"
    if not folder.is_dir():
        pytest.skip("the index (../shared/slicer-api) is not on this machine")
    for name, text in carry.carried(folder).items():
        assert (index.DATA / name).read_text(encoding="utf-8") == text, f"{name} is not what carry.py writes: run it again"


def test_every_property_and_signal_of_the_stand_ins_widgets_stands_in_the_index():
    from PySide6 import QtCore
    from runtime import index, rules
    from runtime.widgets import WIDGETS

    strange = []
    for name, one in WIDGETS.items():
        mine = [value for value in vars(one) if not value.startswith("_")]
        mine = [value for value in mine if isinstance(vars(one)[value], (QtCore.Property, QtCore.Signal))]
        listed = {row for row in mine if any(row in rows.properties | rows.signals for rows in index.bases_of(name))}
        hidden = set(getattr(one, "signalOverloads", {}).values())
        strange += [f"{name}.{value}" for value in mine if value not in listed | hidden and rules.kind_of(one, value)]
    assert not strange


def test_what_the_index_has_and_the_stand_in_lacks_is_said_so(application):
    with pytest.raises(AttributeError, match="has no 'symmetricMoves' yet, though Slicer's has"):
        ctk.ctkRangeWidget().symmetricMoves  # noqa: B018 - the look-up is what is tested
    with pytest.raises(AttributeError, match="The stand-in has no ctk.ctkAxesWidget yet"):
        ctk.ctkAxesWidget  # noqa: B018


@pytest.mark.parametrize("signature", ["klicked()", "clicked(int)", "currentNodeChanged(vtkMRMLNode*)"])
def test_a_signal_that_does_not_exist_is_refused(application, signature):
    with pytest.raises(AttributeError, match="QPushButton has no"):
        qt.QPushButton().connect(signature, print)


def test_the_text_signal_that_only_qt5_had_is_refused(application):
    with pytest.raises(AttributeError, match="currentIndexChanged"):
        qt.QComboBox().connect("currentIndexChanged(QString)", print)


def test_what_pythonqt_cannot_hand_on_from_a_function_is_refused_and_can_be_made(application):
    label = qt.QLabel()
    with pytest.raises(ValueError, match="QFontMetrics"):
        label.fontMetrics()
    assert qt.QFontMetrics(label.font).height() > 0


def test_a_read_only_property_cannot_be_written(application):
    with pytest.raises(AttributeError, match="can only be read"):
        slicer.modules.volumes.name = "Other"


def test_a_class_without_a_constructor_cannot_be_made(application):
    with pytest.raises(TypeError, match="no constructor"):
        slicer.qSlicerAbstractModule()


@pytest.mark.parametrize("call", ["QMessageBox().exec_()", "QDialog().exec_()", "QMenu().exec_()"])
def test_a_dialog_that_would_wait_for_a_person_is_refused(application, call):
    from runtime.modality import UnexpectedDialog

    with pytest.raises(UnexpectedDialog):
        eval(f"qt.{call}", {"qt": qt})  # noqa: S307 - the text stands above


def test_a_ui_file_with_a_class_that_designer_does_not_have_is_refused(application, tmp_path):
    path = tmp_path / "Strange.ui"
    path.write_text('<ui version="4.0"><class>A</class><widget class="qMRMLStrange" name="A"/></ui>', encoding="utf-8")
    with pytest.raises(LookupError, match="qMRMLStrange"):
        slicer.util.loadUI(str(path))


def test_a_dialog_that_nobody_expects_fails_and_one_that_is_expected_is_answered(application, dialogs):
    dialogs.expect("confirmOkCancelDisplay", True)
    assert slicer.util.confirmOkCancelDisplay("Download 375 MB?") is True
    dialogs.expect("QFileDialog.getOpenFileName", "/data/model.pth")
    assert qt.QFileDialog.getOpenFileName(None, "Model") == "/data/model.pth"
    with pytest.raises(AssertionError, match="errorDisplay: The worker died"):
        slicer.util.errorDisplay("The worker died")
    with pytest.raises(AssertionError, match="Unexpected dialogs"):
        dialogs.check()
    dialogs.forgive()
    assert [name for name, _text in dialogs.shown] == ["confirmOkCancelDisplay", "QFileDialog.getOpenFileName", "errorDisplay"]
