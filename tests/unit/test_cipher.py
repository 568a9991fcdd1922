"""Blobs: what was written comes back, and anything else is found."""

from itertools import pairwise

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from hypothesis import given
from hypothesis import strategies as st

from postfach_mailbox.cipher import (
    CHUNK,
    HEADER,
    TAG,
    Damaged,
    blob_length,
    encrypt,
    plain_size,
    seal,
    unseal,
)

KEY = bytes(range(32))
PATTERN = bytes(range(251)) * 1200  # no chunk of it is like another: 251 does not divide 65,536
SIZES = st.one_of(
    st.integers(0, 300),
    st.sampled_from([n * CHUNK + d for n in (1, 2, 3) for d in (-1, 0, 1)]),
    st.integers(0, len(PATTERN)),
)
EDGES = [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK, 2 * CHUNK + 1, 3 * CHUNK]


@given(size=SIZES, context=st.binary(max_size=80))
def test_what_was_sealed_comes_back(size: int, context: bytes) -> None:
    blob = seal(KEY, context, PATTERN[:size])
    assert unseal(KEY, context, blob) == PATTERN[:size]
    assert len(blob) == blob_length(size)
    assert plain_size(len(blob)) == size


@pytest.mark.slow
@given(size=SIZES, cuts=st.lists(st.integers(0, len(PATTERN)), max_size=8))
def test_how_the_source_is_cut_into_pieces_does_not_matter(size: int, cuts: list[int]) -> None:
    places = [0, *sorted(min(cut, size) for cut in cuts), size]
    pieces = [PATTERN[a:b] for a, b in pairwise(places)]
    blob = b"".join(encrypt(KEY, b"c", pieces))
    assert unseal(KEY, b"c", blob) == PATTERN[:size]


def test_a_source_of_no_pieces_is_an_empty_document() -> None:
    assert unseal(KEY, b"c", b"".join(encrypt(KEY, b"c", []))) == b""


@pytest.mark.parametrize("size", EDGES)
def test_a_blob_is_what_the_format_says(size: int) -> None:
    """Decrypted here by the description alone, without the module's own arithmetic."""
    blob = seal(KEY, b"notice 7", PATTERN[:size])
    assert blob[0] == 1
    info = b"postfach blob 1\0notice 7"
    key = HKDF(algorithm=SHA256(), length=32, salt=blob[1:17], info=info).derive(KEY)
    chunks = [blob[at : at + 65_552] for at in range(17, len(blob), 65_552)]
    plain = b"".join(
        AESGCM(key).decrypt(index.to_bytes(11, "big") + bytes([index == len(chunks) - 1]), c, None)
        for index, c in enumerate(chunks)
    )
    assert plain == PATTERN[:size]


def test_a_blob_of_the_first_release_is_still_read() -> None:
    """Written once with this format: whoever changes the format breaks what lies in vaults."""
    blob = bytes.fromhex(
        "01000102030405060708090a0b0c0d0e0fa9c09595d48a080d8e21210fd02a5eacb54c341377e5008d"
    )
    assert unseal(KEY, b"notice", blob) == b"Bescheid"


def test_the_same_bytes_are_never_encrypted_alike() -> None:
    assert seal(KEY, b"c", b"same") != seal(KEY, b"c", b"same")


def test_the_plain_bytes_are_not_in_the_blob() -> None:
    assert b"canary" not in seal(KEY, b"c", b"canary" * 100)


@given(size=SIZES, cut=st.integers(1, 3 * CHUNK))
def test_a_blob_cut_off_is_found(size: int, cut: int) -> None:
    blob = seal(KEY, b"c", PATTERN[:size])
    short = blob[: max(0, len(blob) - cut)]
    with pytest.raises(Damaged):
        unseal(KEY, b"c", short)


@given(data=st.data(), size=SIZES)
def test_a_changed_bit_is_found(data: st.DataObject, size: int) -> None:
    blob = bytearray(seal(KEY, b"c", PATTERN[:size]))
    place = data.draw(st.integers(0, len(blob) - 1))
    blob[place] ^= 1 << data.draw(st.integers(0, 7))
    with pytest.raises(Damaged):
        unseal(KEY, b"c", bytes(blob))


@given(order=st.permutations(range(4)).filter(lambda order: order != [0, 1, 2, 3]))
def test_chunks_in_another_order_are_found(order: list[int]) -> None:
    blob = seal(KEY, b"c", PATTERN[: 4 * CHUNK])
    chunks = [blob[HEADER + i * (CHUNK + TAG) :][: CHUNK + TAG] for i in order]
    with pytest.raises(Damaged):
        unseal(KEY, b"c", blob[:HEADER] + b"".join(chunks))


def test_a_chunk_of_another_blob_of_the_same_key_is_found() -> None:
    one, other = (seal(KEY, b"c", PATTERN[: 2 * CHUNK]) for _ in range(2))
    middle = HEADER + CHUNK + TAG
    with pytest.raises(Damaged):
        unseal(KEY, b"c", one[:middle] + other[middle:])


def test_bytes_after_the_last_chunk_are_found() -> None:
    for more in (b"x", b"x" * (CHUNK + TAG)):
        with pytest.raises(Damaged):
            unseal(KEY, b"c", seal(KEY, b"c", PATTERN[:CHUNK]) + more)


def test_another_context_and_another_key_are_found() -> None:
    blob = seal(KEY, b"notice 1/document 1", b"text")
    with pytest.raises(Damaged):
        unseal(KEY, b"notice 1/document 2", blob)
    with pytest.raises(Damaged):
        unseal(bytes(32), b"notice 1/document 1", blob)


def test_another_version_is_named() -> None:
    with pytest.raises(Damaged, match="version 1"):
        unseal(KEY, b"c", b"\2" + seal(KEY, b"c", b"text")[1:])


@given(blob=st.binary(max_size=200))
def test_any_bytes_are_refused_and_nothing_else_happens(blob: bytes) -> None:
    with pytest.raises(Damaged):
        unseal(KEY, b"c", blob)


@given(length=st.integers(-5, 5 * CHUNK))
def test_each_length_is_the_blob_of_one_size_or_of_none(length: int) -> None:
    try:
        size = plain_size(length)
    except Damaged:
        assert length not in {blob_length(n) for n in range(max(0, length - 200), max(0, length))}
    else:
        assert blob_length(size) == length


@pytest.mark.parametrize("key", [b"", b"k" * 16, b"k" * 31, b"k" * 33])
def test_a_key_of_another_length_is_a_mistake_of_the_caller(key: bytes) -> None:
    with pytest.raises(ValueError, match="a key has 32 bytes"):
        seal(key, b"c", b"text")


def test_a_negative_size_is_a_mistake_of_the_caller() -> None:
    with pytest.raises(ValueError, match="blob_length"):
        blob_length(-1)
