"""What can go wrong, by kind: one class for each status of the library.

Each is a ``PotstillError``, and where Python has a class of its own for the kind, that too: who
catches ``ValueError`` catches a wrong argument. Messages say what, where and what was expected.
"""

from __future__ import annotations


class PotstillError(Exception):
    """Anything that Potstill refuses or cannot do."""


class ArgumentError(PotstillError, ValueError):
    """The call itself is wrong: an option out of range, adapters that exclude each other."""


class InputError(PotstillError, ValueError):
    """Sound or text that cannot be used: no such file, damaged, too short, not finite."""


class ModelError(PotstillError):
    """A file of a model or an adapter is missing, damaged or does not fit."""


class UnsupportedError(PotstillError, NotImplementedError):
    """Valid, but this version does not do it; the message names it."""


class ReadWriteError(PotstillError, OSError):
    """The system refused to read or write: disk, network, a target that exists."""


class OutOfMemoryError(PotstillError, MemoryError):
    """There is no memory for it."""


class CancelledError(PotstillError):
    """The caller asked to stop."""


class NotFoundError(ModelError, LookupError):
    """No such model on this machine; the hub may have it."""


class AccessError(PotstillError, PermissionError):
    """The hub has no such model, or does not give it without a token that has access."""


class DeviceError(PotstillError, RuntimeError):
    """This machine lacks what was asked for: an instruction set, Core ML."""


class CommandError(PotstillError, RuntimeError):
    """The command ended with an error; its message is what it said.

    Attributes:
        code: its exit code (1 some inputs failed, 2 usage, 3 model or adapter, 4 environment,
            5 a threshold was missed).
    """

    def __init__(self, message: str, code: int = 1) -> None:
        super().__init__(message, code)
        self.code = code

    def __str__(self) -> str:
        return str(self.args[0])


class PotstillWarning(UserWarning):
    """What works, but perhaps not as meant."""


#: By the numbers of ``pst_status``.
BY_STATUS: dict[int, type[PotstillError]] = {
    1: ArgumentError,
    2: InputError,
    3: ModelError,
    4: UnsupportedError,
    5: ReadWriteError,
    6: OutOfMemoryError,
    7: CancelledError,
    8: NotFoundError,
    9: AccessError,
    10: DeviceError,
}


def of_status(status: int, message: str) -> PotstillError:
    """The exception of a status; one that this package does not know is a plain ``PotstillError``."""
    return BY_STATUS.get(status, PotstillError)(message)
