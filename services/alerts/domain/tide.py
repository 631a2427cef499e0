"""Are the numbers at least as new as they were? Marks never go back unless the state did. Pure.

After the state went back, and after a start, who cannot know what was before, numbers are not judged until everything
that had been received by then is applied again: a value on its way back up is no news, and its alert would be false.
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from shared.domain.instants import Micros


class Tide(Struct, frozen=True):
    """``marks`` as last looked at, one a partition; numbers are current once all have come to ``needed``.

    ``begun``: there have been marks. Before, nothing is counted yet, and no number can be on its way back.
    """

    needed: Micros
    marks: tuple[Micros, ...] = ()
    begun: bool = False

    def after(self, marks: Sequence[Micros], now: Micros) -> Tide:
        """With what a look at an instant has found. ``marks``: of every partition, 0 where there is none."""
        lost = len(marks) < len(self.marks)
        lost = lost or any(mark < before for mark, before in zip(marks, self.marks, strict=False))
        return Tide(now if lost else self.needed, tuple(marks), self.begun or any(marks))

    @property
    def is_current(self) -> bool:
        """Whether numbers may be judged."""
        return not self.begun or min(self.marks, default=0) >= self.needed
