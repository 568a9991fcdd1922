"""The shared attacks on a spool, as far as the spool itself decides about them."""

import importlib.util
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

from hub.errors import NoticeRefused
from hub.spool import Claim, Spool, Stuck
from tests.unit.spools import TurnedClock, found_claims, make_folders, open_one

LIMIT = 16 << 20


@pytest.fixture
def attacks(shared: Callable[[str], Path]) -> ModuleType:
    spec = importlib.util.spec_from_file_location(
        "spool_attacks", shared("hostile/spool_attacks.py")
    )
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def outcome(spool: Spool, name: bytes) -> str:
    """Take a drop as intake does; say what the spool says of it."""
    claim = spool.claim(name)
    if claim is None:
        return "gone"
    if isinstance(claim, Stuck) or claim.bad_name:
        return "SpoolFileRejected"
    try:
        spool.read_envelope(claim, LIMIT)
    except NoticeRefused as refusal:
        return refusal.refusal.value
    return "taken"


# The attacks' own threads leave files open and meet files that are gone.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_each_attack_ends_as_it_must(attacks: ModuleType, tmp_path: Path) -> None:
    path = make_folders(tmp_path)
    spool = open_one(path, TurnedClock())
    skipped = {"flood"}  # 10,000 files: see the next test
    for name in [name for name in attacks.ATTACKS if name not in skipped]:
        with attacks.Attacks(str(path / "in"), [name], b"<x/>") as made:
            expected = made.made[name][0].split("|")
            found = spool.scan()
            outcomes = {outcome(spool, one) for one in found}
        assert made.outside_untouched, name
        # "taken" here means handed on to the envelope's check, which refuses the rest
        harmless = "XmlMalformed" in expected or name == "symlink_inside"  # its target is a drop
        allowed = {*expected, "gone"} | ({"taken"} if harmless else set())
        assert outcomes <= allowed, (name, outcomes)
        assert outcomes or "ignored" in expected or not made.made[name][1], name
        spool.reject(*found_claims(spool))
        assert found_claims(spool) == [], name
    spool.folders.close()


@pytest.mark.slow
def test_a_flood_is_listed_at_once(attacks: ModuleType, tmp_path: Path) -> None:
    path = make_folders(tmp_path)
    spool = open_one(path, TurnedClock())
    with attacks.Attacks(str(path / "in"), ["flood"], b"<x/>"):
        assert len(spool.scan()) == 10_000
    spool.folders.close()


def test_claims_are_told_apart_from_all_names(tmp_path: Path) -> None:
    for name in ("a.xml", "0" * 22 + ".1", "0" * 22 + ".x.a.xml", "0" * 22 + ".0..xml"):
        assert Claim.parse(name) is None
