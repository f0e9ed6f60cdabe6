"""Errors that a person can act on: one sentence that says what happened, with the value, and what to do."""


class P2SAMError(Exception):
    """Base of every error raised on purpose; `exit_code` is what the command line ends with."""

    exit_code = 1


class InputError(P2SAMError):
    """A file, folder or option that was given cannot be used."""

    exit_code = 2


class GeometryError(InputError):
    """Volumes whose geometry cannot be used: tilted, irregular, one slice, no overlap."""


class StructureError(InputError):
    """A structure that is absent, empty, or cut off where it is needed."""


class SettingsError(InputError):
    """A setting outside its range, or an unknown name of one."""


class WeightsError(P2SAMError):
    """Model weights that are missing, damaged, or not the architecture they were said to be."""

    exit_code = 3


class DeviceError(P2SAMError):
    """A device that is absent, or out of memory."""

    exit_code = 4


class OutputError(P2SAMError):
    """A result that could not be written: full disk, read-only folder."""

    exit_code = 5


class Cancelled(P2SAMError):
    """The user stopped the run; what was done so far is kept and marked incomplete."""

    exit_code = 130
