"""pip as Slicer offers it, old and new: what is installed at which version, and installing with settings of our own."""

import contextlib
import importlib.metadata
import inspect
import os
import sys

import slicer
from packaging.requirements import Requirement
from slicer.i18n import tr as _


def readRequirements(file):
    """The requirements of a file, one text each; comments and empty lines left out."""
    with open(file, encoding="utf-8") as lines:
        texts = [line.partition("#")[0].strip() for line in lines]
    return [text for text in texts if text]


def isSatisfied(requirement):
    """Whether a package is installed in the version wanted; read from its record, the package is not imported."""
    wanted = Requirement(requirement)
    try:
        found = importlib.metadata.version(wanted.name)
    except importlib.metadata.PackageNotFoundError:
        return False
    return found is not None and wanted.specifier.contains(found, prereleases=True)


def versions():
    """Name of every installed package -> its version."""
    importlib.invalidate_caches()
    return {one.metadata["Name"]: one.version for one in importlib.metadata.distributions() if one.metadata["Name"]}


def pinned(names):
    """Lines for pip's constraints: these packages at the version they have now; absent ones left out."""
    have = {name.lower(): version for name, version in versions().items()}
    return "".join(f"{name}=={have[name.lower()]}\n" for name in names if name.lower() in have)


def install(requirements, *options):
    """Install with Slicer's pip on the main thread; `slicer.packaging` where it exists (5.12), else `slicer.util`.

    Raises
    ------
    subprocess.CalledProcessError
        pip failed.
    """
    arguments = [*requirements, *options]
    try:
        from slicer.packaging import pip_install
    except ImportError:
        slicer.util.pip_install(arguments)
    else:
        pip_install(arguments, requester="P2SAM")
    importlib.invalidate_caches()


def offerRestart(before):
    """Ask for a restart where a package that this Slicer has imported already changed its version.

    Parameters
    ----------
    before : dict
        `versions()` before the installation.
    """
    changed = [name for name, version in versions().items() if before.get(name, version) != version]
    loaded = [name for name in changed if _importNames(name) & sys.modules.keys()]
    if loaded and slicer.util.confirmYesNoDisplay(
        _("These packages changed while Slicer uses them: {packages}. Restart Slicer now? What is not saved is lost; choose No to save it first, and restart then.").format(packages=", ".join(loaded)),
        _("P2SAM: restart"),
    ):
        slicer.util.restart()


def _importNames(name):
    """The names under which a package is imported."""
    listed = (importlib.metadata.distribution(name).read_text("top_level.txt") or name).split()
    return {one.replace("-", "_") for one in listed}


@contextlib.contextmanager
def environment(**values):
    """Environment variables for the children started meanwhile."""
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


@contextlib.contextmanager
def keptOut(name):
    """Make `import name` fail in this process meanwhile; children can import it."""
    if name in sys.modules:
        yield
        return
    sys.modules[name] = None
    try:
        yield
    finally:
        del sys.modules[name]


def callWithKnown(function, **arguments):
    """Call with those arguments that this version of the function takes."""
    known = inspect.signature(function).parameters
    return function(**{name: value for name, value in arguments.items() if name in known})
