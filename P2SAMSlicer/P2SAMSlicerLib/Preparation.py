"""From a press of Propagate to a model that can run: packages are asked for and installed, PyTorch is tried in the worker."""

from slicer.i18n import tr as _

from .Dependencies import Declined, DependencyError


class Preparation:
    """Asks and installs what a model lacks, then goes on.

    Parameters
    ----------
    logic : Logic
    makeDependencies : callable() -> Dependencies
    devicePanel : DevicePanel
    runPanel : RunPanel
        Shows what goes on, and what went wrong.
    """

    def __init__(self, logic, makeDependencies, devicePanel, runPanel):
        self.logic = logic
        self._makeDependencies = makeDependencies
        self._devicePanel = devicePanel
        self._runPanel = runPanel

    def prepare(self, family, then):
        """Call `then()` once a model of this family can run; not at all where the user declines or something fails."""
        try:
            installed = self._makeDependencies().ensure(family, beforeInstall=self.logic.shutdown)
        except DependencyError as error:
            self._tell(error)
            return
        if installed:
            self._devicePanel.forget()
            self._runPanel.log(_("Packages were installed."))
        if family == "graph":
            then()
        elif self._devicePanel.probed:
            self._afterProbe(then)
        else:
            self._probe(then)

    def repair(self, then=lambda: None):
        """Install a damaged PyTorch again, after asking, and try it."""
        try:
            self._makeDependencies().repairTorch(self._devicePanel.torchError, beforeInstall=self.logic.shutdown)
        except DependencyError as error:
            self._tell(error)
            return
        self._devicePanel.forget()
        self._probe(then)

    def _probe(self, then):
        self._runPanel.setBusy(_("Testing PyTorch…"))
        self._devicePanel.probe(lambda: self._afterProbe(then))

    def _afterProbe(self, then):
        self._runPanel.setBusy("")
        if self._devicePanel.torchError:
            self.repair(then)
        else:
            then()

    def _tell(self, error):
        self._runPanel.showMessage(str(error), isError=not isinstance(error, Declined))
