"""Takes pages that are too old away from a subject: exactly what their facts count goes from her cells with them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from services.aggregator.domain.ageing import day_after
from services.aggregator.domain.footing import Basis
from services.aggregator.domain.pages import Sheet, cells_of_page
from services.aggregator.domain.stored import RepRef, ScoreboardCommit, Shelf, Sweep
from services.aggregator.posting import Posting
from shared.contracts.keys import PACKED_FIELD, PAGES_FIELD, RETAINED_FIELD
from shared.contracts.messages import decode_cell, encode_pages
from shared.domain.facts import PageEntry


def cells_to_see(pages: Iterable[str], basis: Basis | None) -> list[str]:
    """The fields of the cells hash that ``expiry`` has to be given."""
    if basis is None:
        return [RETAINED_FIELD]
    with_state = basis.plan.stocks_of_moments
    cells = (cells_of_page(page, basis.zone, with_state=with_state) for page in pages)
    return [RETAINED_FIELD, *dict.fromkeys(name for some in cells for name in some)]


def expiry(
    ref: RepRef,
    basis: Basis | None,
    shelf: Shelf,
    pages: Mapping[str, Mapping[str, PageEntry]],
    seen: Mapping[str, bytes | None],
) -> Sweep:
    """What to do to the subject. pages: those that go, with their entries. seen: what ``cells_to_see`` named."""
    commit = ScoreboardCommit(0, 0, 0, {}, {}, {}, {}, {}, set())
    cells = {name: {} if cell is None else decode_cell(cell) for name, cell in seen.items() if name != RETAINED_FIELD}
    posting = Posting(commit, {ref: None if basis is None else Sheet(basis.plan, basis.zone)}, {ref: cells})
    for page, entries in pages.items():
        posting.withdraw((*ref, page), {i: entry.fact for i, entry in entries.items() if entry.fact is not None})
    posting.close()
    retained = max(seen[RETAINED_FIELD] or b"", day_after(max(pages)).encode())
    return Sweep(
        ref,
        shelf.position,
        gone=list(pages),
        cells={
            **commit.cells.get(ref, {}),
            PAGES_FIELD: _names([page for page in shelf.pages if page not in pages]),
            PACKED_FIELD: _names([page for page in shelf.packed if page not in pages]),
            RETAINED_FIELD: retained,
        },
        values={place[2:]: deltas for place, deltas in commit.values.items()},
        unmapped=commit.unmapped,
        unconverted=list(commit.unconverted),
        is_changed=basis is not None,
    )


def _names(pages: Sequence[str]) -> bytes | None:
    return encode_pages(list(pages)) if pages else None
