"""The Slicer side: who may import what, no torch in Slicer's process, no hidden scene, and every string translatable."""

import ast
import re
import string
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

MODULE = Path(__file__).resolve().parents[2] / "P2SAMSlicer"
LIBRARY = MODULE / "P2SAMSlicerLib"
FILES = sorted([*LIBRARY.rglob("*.py"), *MODULE.glob("*.py")])
LONGEST_FILE, LONGEST_FUNCTION = 260, 70

QT = {"qt", "ctk"}
DEEP_LEARNING = {"torch", "torchvision", "segment_anything", "sam2", "hydra", "omegaconf", "safetensors"}
KNOWN = {*sys.stdlib_module_names, "slicer", "vtk", "numpy", "p2sam", "p2sam_worker", "packaging", "P2SAMSlicerLib", "SampleData", "PyTorchUtils", *QT}
WITHOUT_QT = {"Review.py", "Checks.py", "Logic.py", "Run.py", "WorkerClient.py", "SettingsText.py"}
"""And every MRML*.py: what is tested on real MRML nodes, without an application."""
HOLDS_THE_SCENE = {"Widget.py", "P2SAMSlicer.py"}
"""Where Slicer's own scene is picked up and handed on; everybody else is given a scene or a node."""
LIGHT_ENGINE = {
    "p2sam.errors", "p2sam.settings", "p2sam.models.registry", "p2sam.models.weights", "p2sam.files.prompt_look", "p2sam.regrid", "p2sam.volume",
}  # fmt: skip
"""What may be imported when Slicer starts; other engine files only inside the function that needs them."""
WORKER = {"p2sam_worker.protocol", "p2sam_worker.job"}
SLOTS_THAT_END = {"Task.py"}
"""Where one `except Exception` turns a fault of ours into a message: the end of a slot."""
SHOWN = {
    "setText", "setToolTip", "setWindowTitle", "setTitle", "setPlaceholderText", "setStatusTip", "setWhatsThis", "setHeaderLabels",
    "setHorizontalHeaderLabels", "setLabelText", "setInformativeText", "setDetailedText", "addAction", "addTab", "errorDisplay",
    "infoDisplay", "warningDisplay", "confirmOkCancelDisplay", "confirmYesNoDisplay", "showStatusMessage", "messageBox",
}  # fmt: skip
"""Calls whose text a person reads."""


def name_of(path):
    return path.relative_to(LIBRARY if LIBRARY in path.parents else MODULE).as_posix()


def tree_of(path):
    return ast.parse(path.read_text(encoding="utf-8"))


def imports_of(tree, file_scope=False):
    """Dotted names of what is imported, anywhere or only at file scope; a name from our library with its package."""
    found = set()
    for node in tree.body if file_scope else ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            module = node.module or "" if not node.level else ".".join(filter(None, ["P2SAMSlicerLib", node.module]))
            found |= {module} | {f"{module}.{alias.name}" for alias in node.names}
    return found


def roots_of(tree):
    return {name.partition(".")[0] for name in imports_of(tree)}


def library_files_of(tree):
    """Files of our library that a file imports."""
    parts = {name.split(".")[1] for name in imports_of(tree) if name.startswith("P2SAMSlicerLib.")}
    return {f"{part}.py" for part in parts if (LIBRARY / f"{part}.py").is_file()}


def without_qt():
    """Every file that must do without Qt, and every file of the library that those import."""
    open_files = {name_of(path) for path in FILES if name_of(path) in WITHOUT_QT or name_of(path).startswith("MRML")}
    found = set()
    while open_files:
        name = open_files.pop()
        found.add(name)
        open_files |= library_files_of(tree_of(LIBRARY / name)) - found
    return found


def offenders(wrong):
    """File -> what is wrong with it, for every file where `wrong(tree, name)` finds something."""
    found = {name_of(path): wrong(tree_of(path), name_of(path)) for path in FILES}
    return {name: what for name, what in found.items() if what}


def calls_of(tree):
    """(name called, call) for every call; for a method the last part of its name."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, (ast.Name, ast.Attribute)):
            yield (node.func.id if isinstance(node.func, ast.Name) else node.func.attr), node


def raw_text(node):
    """Whether an expression is text written in the code that no translator sees: it has letters, and is not in `_()`."""
    if isinstance(node, ast.Constant):
        return isinstance(node.value, str) and bool(re.search(r"[^\W\d_]", re.sub(r"<[^>]*>", "", node.value)))
    if isinstance(node, ast.JoinedStr):
        return any(raw_text(part) for part in node.values if isinstance(part, ast.Constant))
    if isinstance(node, ast.BinOp):
        return raw_text(node.left) or raw_text(node.right)
    if isinstance(node, (ast.List, ast.Tuple)):
        return any(raw_text(part) for part in node.elts)
    if isinstance(node, ast.IfExp):
        return raw_text(node.body) or raw_text(node.orelse)
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in ("format", "join"):
        return raw_text(node.func.value)
    return False


def untranslated(tree):
    """Lines that show a person text which is not in `_()`: error messages that leave a function, and what Qt widgets show."""
    caught = {id(node) for block in ast.walk(tree) if isinstance(block, ast.Try) for step in block.body for node in ast.walk(step)}
    raised = [node.exc for node in ast.walk(tree) if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call) and id(node) not in caught]
    lines = [call.lineno for call in raised if any(raw_text(argument) for argument in call.args[:1])]
    return lines + [call.lineno for name, call in calls_of(tree) if name in SHOWN and any(raw_text(one) for one in call.args)]


def badly_translated(tree):
    """Lines where `_()` is given what the translators' tools cannot read, or placeholders without a name."""
    wrong = []
    for name, call in calls_of(tree):
        if name == "_" and isinstance(call.func, ast.Name):
            text = call.args[0] if len(call.args) == 1 else None
            if not isinstance(text, ast.Constant) or not isinstance(text.value, str) or not _are_named(text.value):
                wrong.append(call.lineno)
    return wrong


def _are_named(text):
    """Whether placeholders are `{named}`; `%d` is Slicer's own, in the labels of control points."""
    fields = [field for _, field, _, _ in string.Formatter().parse(text) if field is not None]
    return all(field and not field[0].isdigit() for field in fields) and not re.search(r"%[sf]|%\(", text)


def test_there_are_files_to_check():
    names = {name_of(path) for path in FILES}
    assert {"__init__.py", "MRMLVolumes.py", "MRMLSegmentations.py"} <= names and len(without_qt()) > 8


def test_slicers_process_never_imports_torch():
    assert not offenders(lambda tree, name: roots_of(tree) & DEEP_LEARNING)
    dynamic = {"import_module", "__import__", "find_spec"}
    assert not offenders(
        lambda tree, name: [
            call.lineno
            for called, call in calls_of(tree)
            if called in dynamic - {"find_spec"} and call.args and isinstance(call.args[0], ast.Constant) and call.args[0].value in DEEP_LEARNING
        ]
    )


def test_no_engine_file_that_opens_a_network_is_imported():
    allowed = {"p2sam.models", "p2sam.models.registry", "p2sam.models.weights"}

    def opened(tree, name):
        models = {one for one in imports_of(tree) if one.startswith("p2sam.models")}
        return {one for one in models if one not in allowed and one.rpartition(".")[0] not in allowed - {"p2sam.models"}}

    assert not offenders(opened)


def test_only_known_packages_are_imported():
    assert not offenders(lambda tree, name: roots_of(tree) - KNOWN)


def test_of_the_worker_only_the_protocol_and_the_job_folder_are_used():
    def inside(tree, name):
        used = {one for one in imports_of(tree) if one.startswith("p2sam_worker")} - {"p2sam_worker"}
        return {one for one in used if one not in WORKER and one.rpartition(".")[0] not in WORKER}

    assert not offenders(inside)


def test_starting_slicer_reads_only_the_light_engine_files():
    packages = {"p2sam", "p2sam.models", "p2sam.files"}

    def heavy(tree, name):
        used = {one for one in imports_of(tree, file_scope=True) if one.startswith("p2sam.")} - packages
        return {one for one in used if one not in LIGHT_ENGINE and one.rpartition(".")[0] not in LIGHT_ENGINE}

    assert not offenders(heavy)


def test_what_is_tested_without_an_application_does_without_qt_and_all_it_imports_too():
    needs_no_qt = without_qt()
    assert not offenders(lambda tree, name: name in needs_no_qt and roots_of(tree) & QT)


def test_what_is_tested_without_an_application_asks_nothing_of_the_application():
    """`slicer.app`, `slicer.util` and `slicer.modules` exist only inside Slicer."""
    needs_no_qt = without_qt()

    def asks(tree, name):
        attributes = [node for node in ast.walk(tree) if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name)]
        return name in needs_no_qt and {one.attr for one in attributes if one.value.id == "slicer"} & {"app", "util", "modules"}

    assert not offenders(asks)


def test_what_shows_does_not_compute():
    assert not offenders(lambda tree, name: roots_of(tree) & QT and roots_of(tree) & {"numpy", "scipy"})


def test_the_scene_is_handed_on_and_not_fetched():
    def fetches(tree, name):
        lines = [node.lineno for node in ast.walk(tree) if isinstance(node, ast.Attribute) and node.attr == "mrmlScene"]
        return [] if name in HOLDS_THE_SCENE else lines

    assert not offenders(fetches)


def test_a_file_holds_one_noun_and_says_which():
    assert not offenders(lambda tree, name: not ast.get_docstring(tree))
    lengths = {name_of(path): len(path.read_text(encoding="utf-8").splitlines()) for path in FILES}
    assert not {name: length for name, length in lengths.items() if length > LONGEST_FILE}


def test_a_function_does_one_step():
    def long(tree, name):
        functions = [node for node in ast.walk(tree) if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))]
        return [f"{one.name}, {one.end_lineno - one.lineno + 1} lines" for one in functions if one.end_lineno - one.lineno + 1 > LONGEST_FUNCTION]

    assert not offenders(long)


def test_names_are_written_as_slicer_writes_them():
    def foreign(tree, name):
        functions = [node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef) and not node.decorator_list]
        return [one for one in functions if "_" in one.strip("_") and not one.startswith(("test_", "__"))]

    assert not offenders(foreign)


def test_errors_are_caught_by_their_kind():
    """No bare `except`; one `except Exception` in the few files where a slot ends."""

    def broad(tree, name):
        handlers = [node for node in ast.walk(tree) if isinstance(node, ast.ExceptHandler)]
        lines = [one.lineno for one in handlers if one.type is None or isinstance(one.type, ast.Name) and one.type.id in ("Exception", "BaseException")]
        return lines[1:] if name in SLOTS_THAT_END else lines

    assert not offenders(broad)


def test_nothing_is_printed():
    assert not offenders(lambda tree, name: [call.lineno for called, call in calls_of(tree) if called == "print"])


def test_every_sentence_can_be_translated():
    assert not offenders(lambda tree, name: untranslated(tree))


def test_translators_are_given_whole_sentences_with_named_placeholders():
    assert not offenders(lambda tree, name: badly_translated(tree))


@pytest.mark.parametrize(
    ("check", "code"),
    [
        (untranslated, 'raise InputError("There is no volume.")'),
        (untranslated, 'raise InputError(f"No {volume}.")'),
        (untranslated, 'raise InputError("No {a}.".format(a=1))'),
        (untranslated, 'label.setText("Prior")'),
        (untranslated, 'table.setHeaderLabels([_("Slice"), "Area"])'),
        (untranslated, 'button.setToolTip(_("Stop") + " now" if busy else "")'),
        (badly_translated, 'text = _(f"No {volume}.")'),
        (badly_translated, 'text = _("No {}.").format(volume)'),
        (badly_translated, 'text = _("No {0}.").format(volume)'),
        (badly_translated, 'text = _("No %s.") % volume'),
        (badly_translated, "text = _(sentence)"),
    ],
)
def test_the_checks_of_strings_find_what_they_look_for(check, code):
    assert check(ast.parse(code))


@pytest.mark.parametrize("code", ['label.setText("")', 'label.setText(f"{value:.1f}")', 'raise InputError(_("No {name}.").format(name=name))', 'raise InputError(str(error))'])
def test_the_checks_of_strings_leave_alone_what_is_right(code):
    assert not untranslated(ast.parse(code)) and not badly_translated(ast.parse(code))


def test_importing_the_slicer_side_stays_light():
    """The files that need no Qt are imported for real, and the light engine files with them."""
    pytest.importorskip("slicer", reason="slicer-core is not installed", exc_type=ImportError)
    script = textwrap.dedent(
        """
        import importlib, sys, types
        import slicer
        if "slicer.i18n" not in sys.modules:
            translator = types.ModuleType("slicer.i18n")
            translator.tr, translator.translate = lambda text: text, lambda context, text: text
            sys.modules["slicer.i18n"] = translator
        before = set(sys.modules)
        for name in {names!r}:
            importlib.import_module(name)
        heavy = {{"torch", "SimpleITK", "sklearn", "scipy", "ot", "pydicom", "qt", "ctk", "skimage"}}
        print(" ".join(heavy & (set(sys.modules) - before)))
        """
    ).format(names=sorted(LIGHT_ENGINE) + [f"P2SAMSlicerLib.{name[:-3]}" for name in sorted(without_qt())])
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=120, cwd=MODULE)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == ""
