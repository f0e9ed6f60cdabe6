"""Copies the rows of the index that the stand-in and the tests need into Testing/Data: run it after adding a class.

    python Testing/runtime/carry.py ../shared/slicer-api
"""

import json
import sys
from pathlib import Path

DATA = Path(__file__).resolve().parents[1] / "Data"
CLASSES = """
qSlicerApplication qSlicerMainWindow qSlicerModuleManager qSlicerModuleFactoryManager qSlicerAbstractModule qSlicerLoadableModule
qSlicerScriptedLoadableModule qSlicerScriptedLoadableModuleWidget qSlicerModuleSelectorToolBar qSlicerWidget qSlicerLayoutManager
qMRMLWidget qMRMLNodeComboBox qMRMLCheckableNodeComboBox qMRMLSliceWidget qMRMLSliceView qMRMLSliceControllerWidget
qMRMLSegmentEditorWidget qMRMLSegmentsTableView qMRMLPlotWidget qMRMLPlotView qMRMLTableView qMRMLSubjectHierarchyTreeView
qMRMLThreeDWidget qMRMLThreeDView qSlicerCommandOptions qSlicerSegmentEditorAbstractEffect qSlicerCoreIOManager qSlicerIOManager
ctkCollapsibleButton ctkCollapsibleGroupBox ctkComboBox ctkCheckableComboBox ctkRangeWidget ctkDoubleRangeSlider ctkSliderWidget
ctkDoubleSlider ctkDoubleSpinBox ctkPathLineEdit ctkDirectoryButton ctkMessageBox ctkMenuButton ctkFittedTextBrowser
ctkExpandableWidget ctkSearchBox ctkWidgetsUtils ctkPushButton
""".split()
PYTHON_PREFIXES = ("slicer.util", "slicer.packaging", "slicer.i18n", "slicer.ScriptedLoadableModule", "slicer.parameterNodeWrapper")
PYTHON_ROWS = (
    "PythonQt instance methods", "slicer", "slicer.app", "slicer.modules", "slicer.testing", "slicer.testing.runUnitTest",
    "slicer (Qt classes)", "ctk (Qt classes)", "slicer.modules (loadable)", "slicer.modules (scripted_dirs)",
)
UNUSED = ("not_visible", "hidden", "enums_not_declared", "visible_by_ancestor", "header", "kit", "cpp_only")


def qt_rows(index):
    """The rows of CLASSES, of every Qt library class and of all their bases, without the keys that nobody reads."""
    wanted, found = [*CLASSES, *(name for name, row in index.items() if "library" in row)], {}
    while wanted:
        name = wanted.pop()
        if name and name not in found:
            found[name] = {key: value for key, value in index[name].items() if key not in UNUSED}
            wanted += [found[name].get("base"), *found[name].get("other_bases", ())]
            wanted = [one for one in wanted if one is None or one in index]
    return dict(sorted(found.items()))


def python_rows(index):
    """The rows of the Python modules of Slicer that the module uses."""
    kept = {name: row for name, row in index.items() if name.startswith(PYTHON_PREFIXES) or name in PYTHON_ROWS or name.startswith(("designer ", "slicer ("))}
    return dict(sorted(kept.items()))


def text_of(rows):
    """JSON with one row a line, so that a change shows as one line."""
    lines = [f"{json.dumps(name)}: {json.dumps(row, sort_keys=True, separators=(',', ':'))}" for name, row in rows.items()]
    return "{\n" + ",\n".join(lines) + "\n}\n"


def carried(folder):
    """File name -> text for both files, from the folder that holds the whole index."""
    qt, python = (json.loads((Path(folder) / name).read_text(encoding="utf-8")) for name in ("qt_api.json", "python_api.json"))
    return {"slicer_api_qt.json": text_of(qt_rows(qt)), "slicer_api_python.json": text_of(python_rows(python))}


if __name__ == "__main__":
    DATA.mkdir(exist_ok=True)
    for name, text in carried(sys.argv[1]).items():
        (DATA / name).write_text(text, encoding="utf-8")
        print(f"{DATA / name}: {len(text) / 1000:.0f} kB")
