"""Panel part 4: Propagate and Cancel, how far it is, and the log."""

import time

from slicer.i18n import tr as _

from p2sam.errors import P2SAMError

from .RunProgress import RunProgress
from .RunWarnings import RunWarnings
from .VisitText import WARNING_COLOR


class RunPanel:
    """Runs one thing at a time: a propagation, or what `follow` is given.

    Parameters
    ----------
    ui : widgets by name
    logic : Logic

    Attributes
    ----------
    whyNot : callable() -> str or None
        Why Propagate is disabled.
    onPropagate : callable()
        What Propagate does; it calls `follow`.
    afterSlice : callable(job, index)
        Told when a slice of a `VisitJob` was drawn.
    afterVisit : callable(reviewNode)
        Told when a visit's result is in the scene.
    afterRun : callable(status, message)
        Told after each run; status is "done", "cancelled" or "failed".
    """

    def __init__(self, ui, logic):
        self.ui = ui
        self.logic = logic
        self.whyNot = lambda: None
        self.onPropagate = lambda: None
        self.afterSlice = lambda job, index: None
        self.afterVisit = lambda reviewNode: None
        self.afterRun = lambda status, message: None
        self.run = None
        self._busy = ""
        self._progress = RunProgress(1)
        self._warnings = RunWarnings()
        self._cancelledAt = None
        self._parameterNode = None
        ui.propagateButton.connect("clicked()", self._onButton)
        for widget in (ui.progressBar, ui.progressLabel):
            widget.setVisible(False)

    @property
    def running(self):
        return self.run is not None

    def setParameterNode(self, parameterNode):
        self._parameterNode = parameterNode
        self.refresh()

    def cleanup(self):
        if self.running:
            self.run.cancel()
        self._parameterNode = None

    def refresh(self):
        """Propagate is enabled where it can be pressed; otherwise its tooltip and a line under it say why not."""
        button = self.ui.propagateButton
        reason = None if self.running or self._busy else self.whyNot()
        self.ui.whyNotLabel.setVisible(bool(reason))
        self.ui.whyNotLabel.setText(reason or "")
        if self.running:
            cancelling = self._cancelledAt is not None
            button.setText(_("Cancelling…") if cancelling else _("Cancel"))
            button.setEnabled(not cancelling)
            button.setToolTip(_("Stops at the next slice. The slices drawn so far stay and are marked incomplete."))
            return
        button.setText(self._busy or _("Propagate"))
        button.setEnabled(not reason and not self._busy)
        button.setToolTip(reason or _("Segments every ticked follow-up from the prior. Slicer can be used meanwhile."))

    def setBusy(self, text):
        """Show that something is prepared, or nothing more with an empty text."""
        self._busy = text
        self.refresh()

    def follow(self, begin):
        """Start a run and show how far it is.

        Parameters
        ----------
        begin : callable(observer) -> Run
            Starts it without waiting.
        """
        if self.running:
            return
        self._cancelledAt = None
        self._warnings = RunWarnings()
        self.showProgress(_("Starting…"), 0, 0)
        try:
            self.run = begin(self)
        except P2SAMError as error:
            self.showMessage(str(error), isError=True)
            self.refresh()
            return
        self._progress = RunProgress(len(self.run.jobs))
        self.log(_("Started."))
        self.refresh()

    def cancel(self):
        """Stop at the next slice; the panel is usable again within a second."""
        if not self.running or self._cancelledAt is not None:
            return
        self._cancelledAt = time.monotonic()
        self.log(_("Cancel was pressed."))
        self.refresh()
        self.run.cancel()

    def log(self, text):
        """Add a line with the time."""
        self.ui.logEdit.appendPlainText(f"{time.strftime('%H:%M:%S')}  {text}")

    def showProgress(self, text, done, total):
        """`total` 0: it is not known how much there is."""
        self.ui.progressBar.setVisible(True)
        self.ui.progressBar.setRange(0, total)
        self.ui.progressBar.setValue(done)
        self._showText(text, "")

    def showMessage(self, text, isError=False, isWarning=False):
        """What came of it, instead of the progress bar."""
        self.ui.progressBar.setVisible(False)
        self._showText(text, "color: #c62828;" if isError else f"color: {WARNING_COLOR};" if isWarning else "")
        self.log(text)
        if isError:
            self.ui.logBox.collapsed = False

    def _showText(self, text, style):
        self.ui.progressLabel.setStyleSheet(style)
        self.ui.progressLabel.setText(text)
        self.ui.progressLabel.setVisible(bool(text))

    def _onButton(self):
        if self.running:
            self.cancel()
        else:
            self.onPropagate()

    # what a run tells its observer; see Run

    def onProgress(self, visit, stage, done, total, secondsLeft):
        self._progress.step(visit, stage, done, total, secondsLeft)
        self.showProgress(self._progress.text(), self._progress.done, self._progress.total)

    def onSlice(self, visit, structure, index):
        self._progress.structure = structure
        self.afterSlice(self.run.current, index)

    def onWarning(self, text):
        self._warnings.tell(text)
        self.log(_("Warning: {text}").format(text=text))

    def onVisit(self, reviewNode):
        for text in self._warnings.add(reviewNode.GetID(), self.logic.review(reviewNode)):
            self.log(_("Warning: {text}").format(text=text))
        self._progress.visitEnded()
        self.afterVisit(reviewNode)

    def onFinished(self, status, message):
        run, self.run = self.run, None
        details = getattr(run, "details", "")
        if details:
            self.log(details)
        warned = self._warnings.sentence()
        text = message or (_("Finished.") if warned and status == "done" else _ENDS[status]())
        self.showMessage(" ".join(filter(None, (text, warned))), status == "failed", bool(warned))
        if self._warnings.onlyInLog:
            self.ui.logBox.collapsed = False
        self.refresh()
        self.afterRun(status, message)


_ENDS = {
    "done": lambda: _("Finished. Review the slices below: those with a reason first, then the most unlike the prior."),
    "cancelled": lambda: _("Cancelled. The slices drawn so far are kept and marked incomplete."),
    "failed": lambda: _("The run failed."),
}
