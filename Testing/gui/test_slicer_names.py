"""What the module may call: the same in Slicer and in the stand-in, where names that Slicer lacks are refused."""

import ctk
import pytest
import qt
import slicer
import slicer.util


def refusal(action):
    """The sentence with which a name is refused."""
    with pytest.raises(AttributeError) as caught:
        action()
    return str(caught.value)


def test_properties_are_values_and_slots_are_functions(application):
    label = qt.QLabel("GTV")
    assert label.text == "GTV" and label.enabled is True
    label.text = "Lung left"
    assert label.text == "Lung left" and label.setText("Heart") is None and label.text == "Heart"
    box = qt.QComboBox()
    box.addItems(["a", "b"])
    box.currentIndex = 1
    assert (box.currentText, box.count, box.itemText(0)) == ("b", 2, "a")


def test_a_name_that_is_not_there_is_refused_for_reading_and_for_writing(application):
    label = qt.QLabel()
    assert "txet" in refusal(lambda: label.txet)
    refusal(lambda: setattr(label, "txet", "GTV"))
    assert not hasattr(label, "currentNode")


def test_a_setter_that_ctk_shows_only_as_a_property_is_refused(application):
    section = ctk.ctkCollapsibleButton()
    section.collapsed = True
    assert section.collapsed is True and section.checked is False
    assert "setCollapsed" in refusal(lambda: section.setCollapsed(False))


def test_a_property_of_a_selector_is_a_value_and_not_its_setter(application):
    selector = slicer.qMRMLNodeComboBox()
    selector.nodeTypes = ["vtkMRMLScalarVolumeNode"]
    selector.noneEnabled = True
    assert tuple(selector.nodeTypes) == ("vtkMRMLScalarVolumeNode",)
    assert "setNodeTypes" in refusal(lambda: selector.setNodeTypes(["vtkMRMLScalarVolumeNode"]))
    assert "setNoneEnabled" in refusal(lambda: selector.setNoneEnabled(True))


def test_classes_that_do_not_exist_are_refused(application):
    for module, name in ((ctk, "ctkNoSuchWidget"), (slicer, "qMRMLNoSuchWidget"), (qt, "QNoSuchWidget")):
        assert name in refusal(lambda module=module, name=name: getattr(module, name))


def test_a_signal_calls_with_as_many_arguments_as_its_signature_says(application):
    button, seen = qt.QPushButton("Propagate"), []
    button.checkable = True
    button.connect("clicked()", lambda: seen.append("nothing"))
    button.connect("clicked(bool)", lambda checked: seen.append(checked))
    button.clicked.connect(lambda checked: seen.append(("by name", checked)))
    button.click()
    assert seen == ["nothing", True, ("by name", True)]


def test_a_function_is_called_no_more_once_disconnected_or_while_signals_are_blocked(application):
    box, seen = qt.QSpinBox(), []
    box.connect("valueChanged(int)", seen.append)
    box.value = 3
    box.blockSignals(True)
    box.value = 4
    box.blockSignals(False)
    box.disconnect("valueChanged(int)", seen.append)
    box.value = 5
    assert seen == [3]


def test_enumerations_are_integers_that_can_be_combined(application):
    assert qt.QMessageBox.Ok | qt.QMessageBox.Cancel == int(qt.QMessageBox.Ok) + int(qt.QMessageBox.Cancel)
    assert qt.QProcess.NormalExit == 0 and not qt.QProcess.NormalExit
    item = qt.QTableWidgetItem("47")
    item.setFlags(item.flags() & ~qt.Qt.ItemIsEditable)
    item.setData(qt.Qt.UserRole, 47)
    item.setData(qt.Qt.UserRole + 1, "GTV")
    assert not item.flags() & qt.Qt.ItemIsEditable
    assert (item.data(qt.Qt.UserRole), item.data(qt.Qt.UserRole + 1)) == (47, "GTV")


def test_lists_of_qt_come_back_as_tuples(application):
    assert isinstance(slicer.app.layoutManager().sliceViewNames(), tuple)
    assert isinstance(slicer.qMRMLCheckableNodeComboBox().checkedNodes(), tuple)


def test_dynamic_properties_and_names_are_found(application):
    parent = qt.QWidget()
    child = qt.QLineEdit(parent)
    child.objectName = "patientName"
    child.setProperty("SlicerParameterName", "reviewer")
    assert child.property("SlicerParameterName") == "reviewer" and child.name == "patientName"
    assert slicer.util.findChild(parent, "patientName") == child
    assert slicer.util.childWidgetVariables(parent).patientName == child


def test_an_event_filter_in_python_sees_events(application):
    class Filter(qt.QObject):
        def eventFilter(self, watched, event):
            seen.append(event.type())
            return False

    seen, widget, kept = [], qt.QWidget(), Filter()
    widget.installEventFilter(kept)
    widget.show()
    application.processEvents()
    assert qt.QEvent.Show in seen


def test_what_a_slot_raises_is_printed_and_fails_the_test(application, printed):
    button = qt.QPushButton()
    button.connect("clicked()", lambda: 1 / 0)
    button.click()
    assert len(printed) == 1 and "ZeroDivisionError" in printed[0]
    printed.clear()


def test_a_timer_fires_once_or_again_and_again(application, wait):
    once, often = [], []
    qt.QTimer.singleShot(1, lambda: once.append(1))
    timer = qt.QTimer()
    timer.interval = 2
    timer.connect("timeout()", lambda: often.append(1))
    timer.start()
    wait(lambda: len(often) >= 3, what="three ticks")
    timer.stop()
    assert once == [1] and not timer.active


def test_settings_are_kept(application):
    qt.QSettings().setValue("P2SAMTest/count", "3")
    assert slicer.util.settingsValue("P2SAMTest/count", 0, int) == 3
    qt.QSettings().remove("P2SAMTest/count")
    assert slicer.util.settingsValue("P2SAMTest/count", 0, int) == 0
