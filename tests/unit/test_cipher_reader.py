"""The reader of a blob: like a file of the plain bytes, and any damage is met."""

import io
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from postfach_mailbox.cipher import (
    CHUNK,
    HEADER,
    TAG,
    Damaged,
    Reader,
    blob_length,
    plain_size,
    seal,
)
from tests.unit.test_cipher import KEY, PATTERN, SIZES


@contextmanager
def opened(
    blob: bytes, *, before: bytes = b"", after: bytes = b"", context: bytes = b"c"
) -> Iterator[Reader]:
    """Give a reader of a blob that lies between other bytes of a file."""
    with TemporaryFile() as file:
        file.write(before + blob + after)
        file.flush()
        with Reader(file.fileno(), len(before), len(blob), key=KEY, context=context) as reader:
            yield reader


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("read"), st.integers(-1, 3 * CHUNK)),
        st.tuples(st.just("readinto"), st.integers(0, 2 * CHUNK)),
        st.tuples(st.just("seek"), st.integers(0, 5 * CHUNK)),
        st.tuples(st.just("seek back"), st.integers(0, 2 * CHUNK)),
        st.tuples(st.just("seek from end"), st.integers(0, 2 * CHUNK)),
        st.tuples(st.just("line"), st.integers(0, 50)),
    ),
    max_size=12,
)


def step(stream: IO[bytes] | Reader, action: str, number: int) -> object:
    match action:
        case "read":
            return stream.read(number)
        case "readinto":
            buffer = bytearray(number)
            count = stream.readinto(buffer)  # type: ignore[union-attr]  # BytesIO and Reader have it
            return count, bytes(buffer)
        case "seek":
            return stream.seek(number)
        case "seek back":
            return stream.seek(-min(number, stream.tell()), os.SEEK_CUR)
        case "line":
            return stream.readline(number)
        case _:
            size = stream.seek(0, os.SEEK_END)
            return stream.seek(-min(number, size), os.SEEK_END)


@pytest.mark.slow
@settings(max_examples=200)
@given(size=SIZES, steps=STEPS, before=st.binary(max_size=40), after=st.binary(max_size=40))
def test_reading_and_seeking_is_as_in_the_plain_bytes(
    size: int, steps: list[tuple[str, int]], before: bytes, after: bytes
) -> None:
    plain = io.BytesIO(PATTERN[:size])
    with opened(seal(KEY, b"c", PATTERN[:size]), before=before, after=after) as reader:
        assert reader.size == size
        for action, number in steps:
            assert step(reader, action, number) == step(plain, action, number), action
            assert reader.tell() == plain.tell()


@pytest.mark.parametrize("chunks", [1, 2])
def test_a_blob_cut_off_between_chunks_is_found_before_a_byte_is_read(chunks: int) -> None:
    blob = seal(KEY, b"c", PATTERN[: 3 * CHUNK])[: HEADER + chunks * (CHUNK + TAG)]
    assert plain_size(len(blob)) == chunks * CHUNK  # the length alone does not betray it
    with pytest.raises(Damaged, match="does not decrypt"), opened(blob):
        pass


@given(size=SIZES, cut=st.integers(1, 3 * CHUNK))
def test_a_blob_cut_off_is_not_opened(size: int, cut: int) -> None:
    blob = seal(KEY, b"c", PATTERN[:size])
    with pytest.raises(Damaged), opened(blob[: max(0, len(blob) - cut)]):
        pass


@given(data=st.data(), size=SIZES)
def test_a_changed_bit_is_met_while_reading_at_the_latest(data: st.DataObject, size: int) -> None:
    blob = bytearray(seal(KEY, b"c", PATTERN[:size]))
    place = data.draw(st.integers(0, len(blob) - 1))
    blob[place] ^= 1 << data.draw(st.integers(0, 7))
    with pytest.raises(Damaged), opened(bytes(blob)) as reader:
        reader.read()


def test_a_place_before_the_start_and_an_unknown_whence_are_refused() -> None:
    with opened(seal(KEY, b"c", b"text")) as reader:
        with pytest.raises(ValueError, match="seek"):
            reader.seek(-1)
        with pytest.raises(ValueError, match="seek"):
            reader.seek(0, 7)
        assert reader.read() == b"text"


def test_two_readers_share_one_descriptor() -> None:
    blob = seal(KEY, b"c", PATTERN[: 2 * CHUNK])
    with TemporaryFile() as file:
        file.write(blob + blob)
        file.flush()
        readers = [
            Reader(file.fileno(), at, len(blob), key=KEY, context=b"c") for at in (0, len(blob))
        ]
        read = [bytearray(), bytearray()]
        while any(pieces := [reader.read(10_007) or b"" for reader in readers]):
            for n, piece in enumerate(pieces):
                read[n] += piece
    assert read == [PATTERN[: 2 * CHUNK]] * 2


def test_a_reader_closes_its_descriptor_only_when_it_was_handed_over(tmp_path: Path) -> None:
    path = tmp_path / "blob"
    path.write_bytes(seal(KEY, b"c", b"text"))
    fd = os.open(path, os.O_RDONLY)
    Reader(fd, 0, blob_length(4), key=KEY, context=b"c").close()
    os.fstat(fd)
    reader = Reader(fd, 0, blob_length(4), key=KEY, context=b"c", close_fd=True)
    reader.close()
    reader.close()
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(fd)


def test_a_reader_that_cannot_be_made_leaves_the_descriptor_open(tmp_path: Path) -> None:
    path = tmp_path / "blob"
    path.write_bytes(b"\0" * 100)
    fd = os.open(path, os.O_RDONLY)
    with pytest.raises(Damaged):
        Reader(fd, 0, 100, key=KEY, context=b"c", close_fd=True)
    os.close(fd)


def test_a_file_shorter_than_the_blob_should_be_is_damaged() -> None:
    with TemporaryFile() as file:
        file.write(seal(KEY, b"c", b"text")[:-1])
        file.flush()
        with pytest.raises(Damaged, match="ends within"):
            Reader(file.fileno(), 0, blob_length(4), key=KEY, context=b"c")


def test_damage_in_the_middle_is_met_there_and_not_before() -> None:
    blob = bytearray(seal(KEY, b"c", PATTERN[: 3 * CHUNK]))
    blob[HEADER + CHUNK + TAG + 5] ^= 1
    with opened(bytes(blob)) as reader:
        assert reader.read(CHUNK) == PATTERN[:CHUNK]
        with pytest.raises(Damaged, match="chunk 1 of 3"):
            reader.read(1)


def test_a_closed_reader_reads_and_seeks_no_more() -> None:
    with opened(seal(KEY, b"c", b"text")) as reader:
        pass
    with pytest.raises(ValueError, match="closed"):
        reader.read(1)
    with pytest.raises(ValueError, match="closed"):
        reader.seek(0)
