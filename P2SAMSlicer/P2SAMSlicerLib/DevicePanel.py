"""The device of panel part 2: which there are, tested in the worker; a damaged PyTorch; and how long a run will take."""

import importlib.metadata

from slicer.i18n import tr as _

from .ComboChoice import ComboChoice


class DevicePanel:
    """Shows and changes where the model runs.

    Parameters
    ----------
    ui : widgets by name
    logic : Logic

    Attributes
    ----------
    torchError : str
        Why an installed PyTorch does not start, as the worker found; empty where nothing is known to be wrong.
    """

    def __init__(self, ui, logic):
        self.ui = ui
        self.logic = logic
        self.onRepair = lambda: None
        self.torchError = ""
        self._devices = None
        self._probing = False
        self._parameterNode = None
        self._device = ComboChoice(ui.deviceSelector, "device")
        self._showDevices()
        self.showEstimate("")
        ui.probeButton.connect("clicked()", self.probe)
        ui.repairButton.connect("clicked()", lambda: self.onRepair())

    def setParameterNode(self, parameterNode):
        self._parameterNode = parameterNode
        self._device.setParameterNode(parameterNode)
        self.refresh()

    def cleanup(self):
        self._parameterNode = None

    def refresh(self):
        """Show what the parameter node has; the built-in model runs on the CPU and needs no choice."""
        if self._parameterNode is None:
            return
        needsTorch = self._parameterNode.model != "graph"
        self._device.refresh()
        for widget in (self.ui.deviceLabel, self.ui.deviceSelector, self.ui.probeButton):
            widget.setVisible(needsTorch)
        self.ui.probeButton.setEnabled(not self._probing)
        self.ui.repairButton.setVisible(needsTorch and bool(self.torchError))
        text = self._text() if needsTorch else ""
        self.ui.deviceDetailsLabel.setText(text)
        self.ui.deviceDetailsLabel.setVisible(bool(text))

    def probe(self, then=None):
        """Test every device in the worker; `then()` is called when it is known."""
        if self._probing:
            return
        self._probing = True
        self.refresh()
        self.logic.devices(lambda message: self._onProbed(message, then))

    def forget(self):
        """Packages changed: what was found may not hold any more."""
        self._devices = None
        self.torchError = ""
        self._showDevices()
        self.refresh()

    @property
    def probed(self):
        return self._devices is not None

    def showEstimate(self, text):
        self.ui.estimateLabel.setText(text)
        self.ui.estimateLabel.setVisible(bool(text))

    def _onProbed(self, found, then):
        self._probing = False
        self._devices = found.get("devices", [])
        self.torchError = (found.get("torch_error") or "") if _torchRecord() else ""
        self._showDevices()
        self.refresh()
        if then is not None:
            then()

    def _showDevices(self):
        found = [one for one in self._devices or () if one["works"]]
        if not self._devices:
            found = [{"id": "cpu", "title": _("CPU"), "reason": ""}]
        self._device.setChoices([("auto", _("Automatic")), *((one["id"], one["title"]) for one in found)])

    def _text(self):
        if self._probing:
            return _("Testing the devices…")
        if self.torchError:
            return _("PyTorch is installed but does not start: {reason}").format(reason=self.torchError)
        if self._devices is None:
            return _("Press Test to see which GPUs work and how much memory is free.")
        broken = [_("{device} cannot be used: {reason}").format(device=one["title"], reason=one["reason"]) for one in self._devices if not one["works"]]
        gpus = [one for one in self._devices if one["works"] and one["id"] != "cpu"]
        if not gpus:
            broken.append(_("No GPU that works was found: a SAM model on the CPU takes minutes a visit and structure."))
        return "\n".join(broken)


def _torchRecord():
    """Whether some torch is recorded as installed; it is not imported."""
    try:
        return bool(importlib.metadata.version("torch"))
    except importlib.metadata.PackageNotFoundError:
        return False
