"""The command line: what it prints, where, and how it ends."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from hub import starter
from hub.clock import system_clock

HUB = Path(sys.executable).parent / "hub"
pytestmark = pytest.mark.slow
PLACE = "rostock/bauamt"


def hub(*arguments: object, **environ: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [HUB, *(str(argument) for argument in arguments)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env=os.environ | environ,
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A hub in which one notice went all the way."""
    made = tmp_path_factory.mktemp("hub") / "h"
    started = starter.init(made, system_clock().now())
    config = made / "hub.toml"
    assert hub("--config", config, "submit", started.notice, "--to", PLACE).returncode == 0
    ran = hub("--config", config, "run", "--once", "--announce")
    assert ran.returncode == 0, ran.stderr
    assert [line.split()[0] for line in ran.stdout.splitlines()] == ["accepted", "final", "receipt"]
    return made


def message_id(folder: Path) -> str:
    listed = json.loads(hub("--config", folder / "hub.toml", "list", "--json").stdout)
    (one,) = listed
    return str(one["message_id"])


def test_help_names_every_command() -> None:
    shown = hub("--help")
    assert shown.returncode == 0
    names = ("config", "doctor", "init", "list", "receipt", "retry", "run", "status", "submit")
    for name in names:
        assert re.search(rf"^  {name}\b", shown.stdout, re.MULTILINE), name


def test_init_makes_a_hub_that_checks_out_and_refuses_a_folder_in_use(tmp_path: Path) -> None:
    made = hub("init", tmp_path / "h")
    assert made.returncode == 0
    assert "run --once" in made.stdout
    checked = hub("--config", tmp_path / "h" / "hub.toml", "config", "check")
    assert (checked.returncode, checked.stderr) == (0, "")
    again = hub("init", tmp_path / "h")
    assert again.returncode == 73
    assert again.stdout == ""


def test_all_errors_of_the_configuration_come_at_once(tmp_path: Path) -> None:
    starter.init(tmp_path / "h", system_clock().now())
    file = tmp_path / "h" / "hub.toml"
    text = file.read_text("utf-8").replace("[retry]", '[retry]\ngive_upp = "7d"\nwayt = "60"')
    file.write_text(text, "utf-8")
    checked = hub("--config", file, "config", "check")
    assert checked.returncode == 78
    assert len(checked.stderr.splitlines()) == 2
    assert 'Did you mean "give_up"?' in checked.stderr


def test_the_configuration_is_found_by_environment(folder: Path) -> None:
    shown = hub("config", "show", HUB_CONFIG=str(folder / "hub.toml"))
    assert "hub.name" in shown.stdout


def test_status_tells_every_attempt_and_receipt(folder: Path) -> None:
    config, number = folder / "hub.toml", message_id(folder)
    told = hub("--config", config, "status", number)
    assert "DEPOSITED" in told.stdout
    assert ".01.deposited.xml" in told.stdout
    (found,) = json.loads(hub("--config", config, "status", number, "--json").stdout)
    assert [one["outcome"] for one in found["attempts"]] == ["DEPOSITED"]


def test_an_unknown_notice_is_an_error_that_says_what_to_do(folder: Path) -> None:
    asked = hub("--config", folder / "hub.toml", "status", "urn:de:xta:messageid:x:y")
    assert asked.returncode == 65
    assert "hub list" in asked.stderr


@pytest.mark.parametrize(
    ("filters", "count"),
    [
        (["--state", "deposited"], 1),
        (["--state", "FAILED"], 0),
        (["--tenant", "schwerin"], 0),
        (["--older", "1h"], 0),
        (["--older", "0s"], 1),
    ],
)
def test_list_filters(folder: Path, filters: list[str], count: int) -> None:
    listed = hub("--config", folder / "hub.toml", "list", "--json", *filters)
    assert len(json.loads(listed.stdout)) == count


def test_a_final_notice_cannot_be_tried_again(folder: Path) -> None:
    tried = hub("--config", folder / "hub.toml", "retry", message_id(folder))
    assert tried.returncode == 65
    assert "DEPOSITED" in tried.stderr


def receipt_of(folder: Path) -> Path:
    (found,) = (folder / "spool" / PLACE / "out").glob("*.deposited.xml")
    return found


def test_a_receipt_verifies_and_an_altered_one_does_not(folder: Path, tmp_path: Path) -> None:
    ca = folder / "keys" / "ca.pem"
    good = hub("receipt", "verify", receipt_of(folder), "--trust", ca)
    assert good.returncode == 0
    assert ": valid, Receipt sealed by" in good.stdout
    altered = tmp_path / "altered.xml"
    altered.write_bytes(receipt_of(folder).read_bytes().replace(b"DEPOSITED<", b"FAILED<"))
    bad = hub("receipt", "verify", receipt_of(folder), altered, "--trust", ca, "--json")
    assert bad.returncode == 65
    assert [one["valid"] for one in json.loads(bad.stdout)] == [True, False]


def test_a_receipt_is_written_again_byte_for_byte(folder: Path) -> None:
    file = receipt_of(folder)
    data = file.read_bytes()
    file.unlink()
    config = folder / "hub.toml"
    assert file.name in hub("--config", config, "receipt", "reissue", message_id(folder)).stdout
    assert hub("--config", config, "run", "--once").returncode == 0
    assert file.read_bytes() == data


def test_confirm_wants_a_place_that_is_there(folder: Path) -> None:
    config = folder / "hub.toml"
    assert hub("--config", config, "receipt", "confirm", "rostock/none").returncode == 64
    confirmed = hub("--config", config, "receipt", "confirm", PLACE)
    assert confirmed.returncode == 0, confirmed.stderr


def test_doctor_finds_a_mailbox_that_is_away(folder: Path, tmp_path: Path) -> None:
    started = starter.init(tmp_path / "h", system_clock().now())
    assert hub("--config", started.config, "doctor").returncode == 0
    (tmp_path / "h" / "var" / "mailboxes" / "archive" / ".mailbox").unlink()
    looked = hub("--config", started.config, "doctor", "--json")
    assert looked.returncode == 69
    bad = [one for one in json.loads(looked.stdout) if not one["ok"]]
    assert [one["subject"] for one in bad] == ["mailbox archive"]


def test_submit_hands_nothing_in_whose_document_is_missing(tmp_path: Path) -> None:
    started = starter.init(tmp_path / "h", system_clock().now())
    started.document.unlink()
    handed = hub("--config", started.config, "submit", started.notice, "--to", PLACE)
    assert handed.returncode == 65
    assert started.document.name in handed.stderr
    assert list((tmp_path / "h" / "spool" / PLACE / "in").iterdir()) == []


def test_submit_never_writes_over_what_waits(tmp_path: Path) -> None:
    started = starter.init(tmp_path / "h", system_clock().now())
    waiting = tmp_path / "h" / "spool" / PLACE / "in" / started.document.name
    waiting.write_bytes(b"another procedure's file")
    handed = hub("--config", started.config, "submit", started.notice, "--to", PLACE)
    assert handed.returncode == 73
    assert waiting.read_bytes() == b"another procedure's file"
    assert [one.name for one in waiting.parent.iterdir()] == [waiting.name]


def test_a_word_that_is_no_command_is_a_usage_error() -> None:
    assert hub("despatch").returncode == 64
