"""The Python packages a model needs: which are missing, and installing them with consent, when Propagate is pressed."""

import contextlib
import logging
import subprocess
import tempfile
from pathlib import Path

import slicer
from slicer.i18n import tr as _

from p2sam.errors import P2SAMError
from . import Installer

TORCH = ("torch>=2.6", "torchvision>=0.21")
SAM = ("segment-anything>=1.0", "safetensors>=0.4")
"""The second opens weights such as those of `sam_nano`, which come with the module."""
SAM2_NEEDS = ("hydra-core>=1.3.2", "iopath>=0.1.10", "tqdm>=4.66", "pillow>=10")
SAM2 = ("sam2>=1.1",)
KEPT = ("numpy", "scipy", "SimpleITK", "pydicom", "requests")


class DependencyError(P2SAMError):
    """Packages that are missing and could not be installed: a sentence that says which, and what to do."""


class Declined(DependencyError):
    """The user did not agree to install what is missing."""


class Dependencies:
    """What is missing for a model, and how it is brought.

    Parameters
    ----------
    requirementsFile : str or Path
        What the built-in model needs.
    wheelhouse : str
        A folder of packages for machines without a network; empty: PyPI.
    """

    def __init__(self, requirementsFile, wheelhouse=""):
        self.base = Installer.readRequirements(requirementsFile)
        self.wheelhouse = str(wheelhouse)

    def missing(self, family):
        """The requirements of a model family ("graph", "sam", "medsam", "sam2") that are not met, in their order."""
        return [one for one in self._needed(family) if not Installer.isSatisfied(one)]

    def ensure(self, family, beforeInstall=None):
        """Install what is missing, after asking; True where something was installed.

        Parameters
        ----------
        family : str
        beforeInstall : callable or None
            Called once the user agreed: the place to stop a worker that holds the files.

        Raises
        ------
        Declined, DependencyError
        """
        missing = self.missing(family)
        if not missing:
            return False
        self._refuseInTesting(missing)
        self._ask(missing)
        if beforeInstall is not None:
            beforeInstall()
        self._install(missing)
        still = self.missing(family)
        if still:
            raise DependencyError(_("These packages are still missing: {packages}. The Python console shows what pip said.").format(packages=", ".join(still)))
        return True

    def repairTorch(self, reason, beforeInstall=None):
        """Remove a torch that is installed but cannot be imported, and install it again; asks first.

        Raises
        ------
        Declined, DependencyError
        """
        self._refuseInTesting(TORCH)
        question = _("PyTorch is installed but does not start:\n{reason}\n\nRemove it and install it again (up to 3 GB)? Slicer's other packages stay as they are.").format(reason=reason)
        if not slicer.util.confirmOkCancelDisplay(question, _("P2SAM: repair PyTorch")):
            raise Declined(_("PyTorch was not repaired. Choose the built-in model, which does not need it."))
        if beforeInstall is not None:
            beforeInstall()
        with self._told():
            slicer.util.pip_uninstall("torch torchvision")
        self._install([one for one in TORCH if not Installer.isSatisfied(one)])

    def _needed(self, family):
        needed = list(self.base)
        if family != "graph":
            needed += [*TORCH, *SAM]
        if family == "sam2":
            needed += [*SAM2_NEEDS, *SAM2]
        return needed

    def _refuseInTesting(self, missing):
        """A test must not change the Python it runs in, and a dialog would block it for ever."""
        if slicer.app.testingEnabled():
            raise DependencyError(_("Missing packages: {packages}. Nothing is installed in testing mode; install them before.").format(packages=", ".join(missing)))

    def _ask(self, missing):
        where = _("the folder {folder}").format(folder=self.wheelhouse) if self.wheelhouse else _("the network (PyPI)")
        size = _("up to 3 GB, some minutes") if any(one in TORCH for one in missing) else _("about 20 MB, less than a minute")
        question = _(
            "This model needs Python packages that are not in Slicer yet. They are installed into Slicer's own Python, from {where}: "
            "{size}. Slicer's numpy and SimpleITK are not changed.\n\n{packages}"
        ).format(where=where, size=size, packages="\n".join(missing))
        if not slicer.util.confirmOkCancelDisplay(question, _("P2SAM: install packages")):
            raise Declined(_("Nothing was installed, so this model cannot run. Press Propagate to be asked again."))

    def _install(self, missing):
        """torch through the PyTorch extension; sam2, a source package that needs torch to build, last."""
        before = Installer.versions()
        with self._told(), tempfile.TemporaryDirectory(prefix="p2sam-") as folder, self._pipSettings(Path(folder)):
            plain = [one for one in missing if one not in (*TORCH, *SAM2)]
            if plain:
                Installer.install(plain)
            if any(one in TORCH for one in missing):
                self._installTorch()
            if any(one in SAM2 for one in missing):
                with Installer.environment(SAM2_BUILD_CUDA="0"):
                    Installer.install(SAM2, "--no-deps", "--no-build-isolation")
        Installer.offerRestart(before)

    def _installTorch(self):
        if self.wheelhouse:
            Installer.install(TORCH)
            return
        try:
            import PyTorchUtils
        except ImportError as error:
            raise DependencyError(
                _("SAM models need the extension PyTorch. Install it with Slicer's Extensions Manager, restart Slicer, and press Propagate again. The built-in model runs without it.")
            ) from error
        torch, torchvision = (one.partition(">=")[2] for one in TORCH)
        with Installer.keptOut("torch"):
            try:
                Installer.callWithKnown(
                    PyTorchUtils.PyTorchUtilsLogic().installTorch,
                    askConfirmation=False, torchVersionRequirement=f">={torch}", torchvisionVersionRequirement=f">={torchvision}",
                )  # fmt: skip
            except ModuleNotFoundError:
                logging.debug("PyTorchUtils tried to import torch into Slicer after installing it; that is held off.")

    @contextlib.contextmanager
    def _pipSettings(self, folder):
        """pip's settings while it runs: what Slicer ships stays at its version; no network with a wheelhouse."""
        constraints = folder / "constraints.txt"
        constraints.write_text(Installer.pinned(KEPT), encoding="utf-8")
        settings = {"PIP_CONSTRAINT": constraints.as_uri()}
        if self.wheelhouse:
            wheels = Path(self.wheelhouse)
            if not wheels.is_dir():
                raise DependencyError(_("The folder of packages {folder} does not exist. Choose another, or clear it to use the network.").format(folder=wheels))
            settings.update(PIP_NO_INDEX="1", PIP_FIND_LINKS=wheels.resolve().as_uri())
        with Installer.environment(**settings):
            yield

    @contextlib.contextmanager
    def _told(self):
        """pip's failure as a sentence; what pip printed is in the Python console."""
        try:
            yield
        except (subprocess.CalledProcessError, RuntimeError, OSError) as error:
            raise DependencyError(_("The packages could not be installed: {error}. The Python console shows what pip said.").format(error=error)) from error
