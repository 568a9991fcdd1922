"""Real documents go through unchanged, and the receipts say which they were."""

import shutil
import subprocess
from pathlib import Path

import pytest

from hub.schemas import parse
from tests import material
from tests.flow.inventory import delivery_key, unbalanced
from tests.flow.papers import Drop, Paper, drop
from tests.flow.world import World

pytestmark = pytest.mark.slow

SAMPLES = material.SHARED / "samples" / "pdf"
MOST = 5 * 1024 * 1024  # bytes of a document that may stand in the envelope
SEAL_PROPERTIES = "SignedProperties"


def samples() -> list[Path]:
    return sorted(SAMPLES.glob("*.pdf"))


@pytest.fixture(scope="module")
def sent(tmp_path_factory: pytest.TempPathFactory) -> tuple[World, dict[str, tuple[Drop, Paper]]]:
    """Send every sample, each beside the envelope and, where it fits, in it: one run."""
    material.shared("samples/pdf")
    world = World.make(tmp_path_factory.mktemp("documents") / "hub")
    drops = {}
    for path in samples():
        data = path.read_bytes()
        for inline in (False, True) if len(data) <= MOST else (False,):
            paper = Paper(data=data, filename=path.name, inline=inline)
            made = drop(paper, scheme="archive", account="registry")
            drops[f"{path.stem}-{'data' if inline else 'reference'}"] = (made, paper)
    world.put(*(made for made, _ in drops.values()))
    world.once()
    return world, drops


def test_the_world_balances(sent: tuple[World, dict[str, tuple[Drop, Paper]]]) -> None:
    world, drops = sent
    assert len(drops) >= 2 * len(samples()) > 0
    assert unbalanced(world, len(drops)) == []
    assert list((world.procedure / "in").iterdir()) == []


@pytest.mark.parametrize("way", ["reference", "data"])
@pytest.mark.parametrize("name", [path.stem for path in samples()])
def test_a_document_lies_in_the_mailbox_byte_for_byte(
    sent: tuple[World, dict[str, tuple[Drop, Paper]]], name: str, way: str
) -> None:
    world, drops = sent
    made, paper = drops[f"{name}-{way}"]
    key = delivery_key(made.message_id)
    letter = world.folder / "var" / "mailboxes" / "archive" / "registry" / key
    assert (letter / f"{name}.pdf").read_bytes() == paper.data
    (receipt,) = world.receipts(made.stem).values()
    assert receipt.outcome == "DEPOSITED"
    assert receipt.digests == (paper.sha256,)
    sealed = parse((letter / "bescheid-siegel.xml").read_bytes())
    assert paper.sha256 in "".join(str(text) for text in sealed.itertext())


def test_xmlsec1_accepts_every_receipt_and_sealed_notice(
    sent: tuple[World, dict[str, tuple[Drop, Paper]]],
) -> None:
    program = shutil.which("xmlsec1")
    if program is None:
        pytest.skip("xmlsec1: not installed, not checked")
    world, drops = sent
    files = [world.procedure / "out" / name for name in world.receipts()]
    files += [letter / "bescheid-siegel.xml" for letter in world.letters()]
    assert len(files) == 2 * len(drops)
    trust = ["--trusted-pem", str(world.folder / "keys" / "ca.pem")]
    for file in files:
        command = [program, "--verify", *trust, "--id-attr:Id", SEAL_PROPERTIES, str(file)]
        ended = subprocess.run(command, capture_output=True, text=True, check=False)
        assert ended.returncode == 0, ended.stderr
