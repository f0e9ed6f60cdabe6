"""Dialogs that a test answers: nothing waits for a person, in Slicer or in the stand-in."""

import qt
import slicer.util

FUNCTIONS = ("infoDisplay", "warningDisplay", "errorDisplay", "confirmOkCancelDisplay", "confirmYesNoDisplay", "confirmRetryCloseDisplay", "messageBox")
STATIC = {
    "QMessageBox": ("question", "information", "warning", "critical", "about"),
    "QFileDialog": ("getOpenFileName", "getOpenFileNames", "getSaveFileName", "getExistingDirectory"),
    "QInputDialog": ("getText", "getInt", "getDouble", "getItem", "getMultiLineText"),
}


class Unexpected(AssertionError):
    """A dialog that the test did not expect."""


class Dialogs:
    """Replaces the functions that open a dialog, for one test.

    Attributes
    ----------
    shown : list of (name, text)
        Every dialog of the test, for instance ("errorDisplay", "The worker died ...").
    """

    def __init__(self, monkeypatch):
        self.shown, self._expected, self._wrong = [], [], []
        for name in FUNCTIONS:
            monkeypatch.setattr(slicer.util, name, self._answering(name))
        for name, functions in STATIC.items():
            monkeypatch.setattr(qt, name, Answered(getattr(qt, name), name, functions, self._answering))

    def expect(self, name, answer=None):
        """Answers the next dialog of that name, for instance "confirmOkCancelDisplay" or "QFileDialog.getOpenFileName"."""
        self._expected.append((name, answer))

    def check(self):
        """Fails where a dialog came that nobody expected, or one that was expected did not come."""
        assert not self._wrong, f"Unexpected dialogs: {self._wrong}"
        assert not self._expected, f"These dialogs never came: {self._expected}"

    def forgive(self):
        """Forgets what went wrong so far."""
        self._wrong.clear()
        self._expected.clear()

    def _answering(self, name):
        def show(*arguments, **options):
            text = " | ".join(str(one) for one in (*arguments, *options.values()) if isinstance(one, str))
            self.shown.append((name, text))
            match = next((one for one in self._expected if one[0] == name), None)
            if match is None:
                self._wrong.append((name, text))
                raise Unexpected(f"{name}: {text}")
            self._expected.remove(match)
            return match[1]

        return show


class Answered:
    """A class of Qt whose functions that wait are answered; everything else is the class's own."""

    def __init__(self, original, name, functions, answering):
        self._original = original
        for one in functions:
            setattr(self, one, answering(f"{name}.{one}"))

    def __getattr__(self, name):
        return getattr(self._original, name)

    def __call__(self, *arguments):
        return self._original(*arguments)
