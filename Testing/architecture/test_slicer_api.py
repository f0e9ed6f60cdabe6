"""The Slicer side calls only what Slicer has: every name on slicer, slicer.util, slicer.app, qt and ctk is looked up in the index."""

import ast
import json
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SIDE = [ROOT / "P2SAMSlicer" / "P2SAMSlicer.py", *sorted((ROOT / "P2SAMSlicer" / "P2SAMSlicerLib").glob("*.py"))]
UI = sorted((ROOT / "P2SAMSlicer" / "Resources" / "UI").glob("*.ui"))
PYTHON, QT = (json.loads((ROOT / "Testing" / "Data" / f"slicer_api_{kind}.json").read_text(encoding="utf-8")) for kind in ("python", "qt"))
SUBMODULES = ("util", "packaging", "i18n", "ScriptedLoadableModule", "parameterNodeWrapper", "testing")
KNOWN = {"app", "modules", "mrmlScene", "selfTests", "logging", *SUBMODULES} - {"logging"}


def names_of(key):
    return set(PYTHON[key]["names"])


VTK_CLASSES = {name for key in PYTHON if key.startswith("slicer (VTK classes") for name in names_of(key)}
SLICER_QT, CTK_QT = names_of("slicer (Qt classes)"), names_of("ctk (Qt classes)")


def used(path):
    """Dotted names of attributes read in a file, longest first, with their line: `slicer.util.loadUI`."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    inner = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and id(node) not in inner:
            name = dotted(node)
            if name:
                yield name, node.lineno
        elif isinstance(node, ast.ImportFrom) and node.module and node.module.partition(".")[0] in ("slicer", "qt", "ctk"):
            yield from ((f"{node.module}.{one.name}", node.lineno) for one in node.names)


def dotted(node):
    parts = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    return ".".join([node.id, *reversed(parts)]) if isinstance(node, ast.Name) else None


def members(name):
    """Every name that a Qt class of the index shows to Python, with its bases."""
    found, row = set(), QT.get(name)
    while row:
        functions = [*row.get("slots", ()), *row.get("invokables", ()), *(row.get("decorated") or ()), *row.get("signals", ())]
        found |= {one.partition("(")[0] for one in functions} | set(row.get("properties", ())) | set(row.get("property_names", ())) | set(row.get("public_names", ()))
        for enum in row.get("enums", {}).values():
            found |= set(enum.get("values", ()))
        row = QT.get(row.get("base"))
    return found | {"connect", "disconnect", "name", "className", "delete", "inherits", "help"}


def wrong_with(name):
    """What is wrong with a dotted name, or None."""
    first, *rest = name.split(".")
    if first == "ctk" and rest:
        return class_is_wrong("ctk", rest, CTK_QT)
    if first == "qt" and rest:
        return None if rest[0] == "Qt" or rest[0].startswith("Q") else f"qt has no {rest[0]}"
    if first != "slicer" or not rest:
        return None
    if rest[0] in SUBMODULES:
        return None if len(rest) == 1 or f"slicer.{rest[0]}.{rest[1]}" in PYTHON or in_package(rest) else f"slicer.{rest[0]} has no {rest[1]}"
    if rest[0] == "app":
        return None if len(rest) == 1 or rest[1] in members("qSlicerApplication") else f"qSlicerApplication has no {rest[1]}"
    if rest[0].startswith("vtk"):
        return None if rest[0] in VTK_CLASSES else f"slicer has no {rest[0]}"
    if rest[0].startswith("q"):
        return class_is_wrong("slicer", rest, SLICER_QT)
    return None if rest[0] in KNOWN else f"slicer has no {rest[0]}"


def in_package(rest):
    """`slicer.parameterNodeWrapper.X`, which its index row lists, and names that a module imports."""
    row = PYTHON.get(f"slicer.{rest[0]}", {})
    return rest[1] in {*row.get("public_names", ()), *row.get("__all__", ()), *row.get("names_imported", ())}


def class_is_wrong(module, rest, known):
    if rest[0] not in known:
        return f"{module} has no {rest[0]}"
    if len(rest) > 1 and rest[0] in QT and rest[1] not in members(rest[0]):
        return f"{rest[0]} has no {rest[1]}"
    return None


def test_every_name_that_is_called_exists_in_slicer():
    found = [f"{path.name}:{line}: {name}: {wrong_with(name)}" for path in SIDE for name, line in used(path) if wrong_with(name)]
    assert not found, "\n".join(found)


def test_every_widget_class_of_the_ui_files_can_be_used_in_designer():
    for path in UI:
        names = {part.partition('"')[0] for part in path.read_text(encoding="utf-8").split('<widget class="')[1:]}
        strange = [one for one in names if not one.startswith("Q") and one != "qMRMLWidget" and f"designer {one}" not in PYTHON]
        assert not strange, f"{path.name}: {strange}"


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("slicer.util.loadUi", "slicer.util has no loadUi"),
        ("slicer.app.layoutmanager", "qSlicerApplication has no layoutmanager"),
        ("slicer.vtkMRMLNoSuchNode", "slicer has no vtkMRMLNoSuchNode"),
        ("slicer.qMRMLNoSuchWidget", "slicer has no qMRMLNoSuchWidget"),
        ("ctk.ctkNoSuchWidget", "ctk has no ctkNoSuchWidget"),
        ("ctk.ctkPathLineEdit.Files", None),
        ("ctk.ctkPathLineEdit.Folders", "ctkPathLineEdit has no Folders"),
        ("slicer.util.arrayFromVolume", None),
        ("slicer.parameterNodeWrapper.parameterNodeWrapper", None),
        ("slicer.logging.info", "slicer has no logging"),
    ],
)
def test_the_check_knows_right_from_wrong(name, sentence):
    assert wrong_with(name) == sentence
