"""Frames of the spool: whatever a crash or a disk does to a file, what is whole comes back and nothing is invented."""

from hypothesis import given
from hypothesis import strategies as st

from services.ingest.domain.spool_framing import OVERHEAD, framed, scan

PAYLOADS = st.lists(st.binary(min_size=1, max_size=40), max_size=8)
HEADER = b"header"


def file_of(payloads: list[bytes]) -> bytes:
    return HEADER + b"".join(map(framed, payloads))


def read(data: bytes) -> list[bytes]:
    return [frame.payload for frame in scan(data, len(HEADER)).frames]


@given(PAYLOADS)
def test_what_was_written_is_read(payloads: list[bytes]) -> None:
    data = file_of(payloads)
    found = scan(data, len(HEADER))
    assert ([frame.payload for frame in found.frames], found.damaged, found.sound) == (payloads, [], len(data))


@given(PAYLOADS, st.data())
def test_a_write_that_was_broken_off_costs_only_what_it_wrote(payloads: list[bytes], data: st.DataObject) -> None:
    whole = file_of(payloads)
    cut = data.draw(st.integers(len(HEADER), len(whole)))
    found = scan(whole[:cut], len(HEADER))
    ends = [len(file_of(payloads[: n + 1])) for n in range(len(payloads))]
    count = sum(end <= cut for end in ends)
    assert [frame.payload for frame in found.frames] == payloads[:count]
    assert found.sound == len(file_of(payloads[:count]))
    assert not found.damaged


@given(PAYLOADS.filter(bool), st.data())
def test_a_byte_that_changed_costs_its_own_frame_and_is_never_taken_for_data(
    payloads: list[bytes], data: st.DataObject
) -> None:
    whole = bytearray(file_of(payloads))
    place = data.draw(st.integers(len(HEADER), len(whole) - 1))
    whole[place] ^= data.draw(st.integers(1, 255))
    found = read(bytes(whole))
    ends = [len(file_of(payloads[: n + 1])) for n in range(len(payloads))]
    hit = sum(end <= place for end in ends)
    assert found[:hit] == payloads[:hit]
    assert found[hit:] == [] or found[hit:] == payloads[hit + 1 :]


@given(st.binary(min_size=1, max_size=30), PAYLOADS.filter(bool))
def test_a_damaged_frame_among_whole_ones_is_named_and_not_cut_off(payload: bytes, after: list[bytes]) -> None:
    broken = bytearray(framed(payload))
    broken[OVERHEAD] ^= 1
    data = HEADER + bytes(broken) + b"".join(map(framed, after))
    found = scan(data, len(HEADER))
    assert [(one.start, one.end) for one in found.damaged] == [(len(HEADER), len(HEADER) + len(broken))]
    assert ([frame.payload for frame in found.frames], found.sound) == (after, len(data))


@given(PAYLOADS, st.integers(1, 5000))
def test_zeros_that_a_file_system_left_are_a_torn_tail(payloads: list[bytes], zeros: int) -> None:
    whole = file_of(payloads)
    found = scan(whole + bytes(zeros), len(HEADER))
    assert (len(found.frames), found.sound, found.damaged) == (len(payloads), len(whole), [])


@given(st.binary(max_size=300))
def test_rubbish_is_read_without_an_error(rubbish: bytes) -> None:
    found = scan(rubbish)
    assert found.sound <= len(rubbish)
