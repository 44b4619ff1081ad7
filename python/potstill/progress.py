"""A bar while something goes on."""

from __future__ import annotations

from typing import Any, Optional


class Bar:
    """tqdm's bar; nothing where it is not wanted, or not there unasked.

    Args:
        wanted: True: it must be there; None: where standard error is a terminal; False: none.
        **settings: of tqdm.
    """

    def __init__(self, wanted: Optional[bool], **settings: Any) -> None:
        self._bar: Any = None
        if wanted is False:
            return
        try:
            from tqdm.auto import tqdm
        except ImportError:
            if wanted:
                raise
            return
        self._bar = tqdm(disable=None if wanted is None else False, **settings)

    def step(self) -> None:
        """One more."""
        if self._bar is not None:
            self._bar.update()

    def show(self, done: int, total: int) -> None:
        """How far it is."""
        if self._bar is not None and total:
            self._bar.total = total
            self._bar.update(done - self._bar.n)

    def close(self) -> None:
        if self._bar is not None:
            self._bar.close()
