"""The folder of packages for machines without a network: a setting of the application, not of the scene."""

import qt
import slicer

KEY = "P2SAMSlicer/Wheelhouse"


class Offline:
    """Ties the field of the panel to Slicer's settings."""

    def __init__(self, ui):
        self._edit = ui.wheelhouseEdit
        self._edit.currentPath = slicer.util.settingsValue(KEY, "") or ""
        self._edit.connect("currentPathChanged(QString)", self._onPath)

    @property
    def folder(self):
        """The folder, or an empty text for the network."""
        return self._edit.currentPath

    def _onPath(self, path):
        qt.QSettings().setValue(KEY, path)
