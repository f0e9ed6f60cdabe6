"""How long the chosen propagation will take on the chosen device, asked from the worker once the choice has settled."""

import time

from slicer.i18n import tr as _

from .Duration import duration

SETTLE_SECONDS = 0.8


class Estimate:
    """Asks for one estimate at a time, and only while nothing else goes on. No Qt: `pulse` is called now and then.

    Parameters
    ----------
    logic : Logic
    show : callable(text)
    canAsk : callable(family) -> bool
        Whether the packages of a model family are there.
    """

    def __init__(self, logic, show, canAsk):
        self.logic = logic
        self._show = show
        self._canAsk = canAsk
        self._wanted = None
        self._due = None
        self._left = []
        self._seconds = 0.0
        self._measured = True
        self.asking = False

    def want(self, wanted):
        """Ask for this soon: a dict of followups, structures (count), settings, model, device and family; None for nothing."""
        if wanted == self._wanted:
            return
        self._wanted = wanted
        self._due = time.monotonic() + SETTLE_SECONDS if wanted else None
        self._show("")

    def stop(self):
        """Make room for something else, which may begin when the logic is idle; the worker and its model stay warm."""
        self._wanted = self._due = None
        self._show("")

    def pulse(self):
        if self._due is None or time.monotonic() < self._due or self.logic.running or self.asking:
            return
        self._due = None
        if not self._canAsk(self._wanted["family"]):
            self._show(_("The time can be estimated once the model's packages are installed; Propagate asks for that."))
            return
        self._left, self._seconds, self._measured = list(self._wanted["followups"]), 0.0, True
        self.asking = True
        self._show(_("Estimating the time…"))
        self._ask(self._wanted)

    def _ask(self, wanted):
        followup = self._left.pop(0)
        if followup.GetImageData() is None:
            self.asking = False
            return
        self.logic.estimate(
            followup, wanted["structures"], wanted["settings"], wanted["model"], wanted["device"], callback=lambda answer: self._onAnswer(wanted, answer)
        )

    def _onAnswer(self, wanted, answer):
        if wanted is not self._wanted or "seconds" not in answer:
            self.asking = False
            if wanted is self._wanted:
                self._show(_("The time cannot be estimated: {reason}").format(reason=answer.get("error", "")))
            return
        self._seconds += answer["seconds"]
        self._measured = self._measured and answer["measured"]
        if self._left:
            self._ask(wanted)
            return
        self.asking = False
        text = _("About {time} for {visits} × {structures} on this device, as measured here.") if self._measured else _("About {time} for {visits} × {structures} on this device; aligning is a guess until the first run.")
        self._show(text.format(
            time=duration(self._seconds), visits=_count(len(wanted["followups"]), _("1 visit"), _("{count} visits")), structures=_count(wanted["structures"], _("1 structure"), _("{count} structures"))
        ))  # fmt: skip


def _count(count, one, many):
    return one if count == 1 else many.format(count=count)
