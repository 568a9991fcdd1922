"""The sandbox as a program."""

import json
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from postfach_fitconnect.sandbox import ACTIVE, main
from postfach_fitconnect.sandbox.attempt import SERVICE, Attempt, Line, Request

pytestmark = pytest.mark.slow

MORE = "6e1f3a52-0000-4000-8000-0000000000aa"


def submitted(line: Line, token: str, destination: str) -> Attempt:
    attempt = Attempt(line, token, destination, {})
    place = f"/v2/destinations/{destination}"
    kid = attempt.ask(place).json["encryptionKid"]
    attempt.jwk = attempt.ask(f"{place}/keys/{kid}").json
    assert attempt.run().status == 202
    assert len(attempt.events) == 3
    return attempt


@pytest.mark.slow
def test_the_program_serves_until_it_is_ended_and_goes_on(tmp_path: Path) -> None:
    folder = tmp_path / "sandbox"
    command = [sys.executable, "-m", "postfach_fitconnect.sandbox.program", "--port", "0"]
    command += ["--folder", str(folder), "--bits", "3072", "--destination", MORE]
    for number in range(2):
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as program:
            assert program.stdout is not None
            told = re.match(r"ready on https://127\.0\.0\.1:(\d+)/\n", program.stdout.readline())
            assert told is not None
            hints = "".join(program.stdout.readline() for _ in range(4))
            line = Line(int(told[1]), folder / "certificates" / "ca.pem")
            secret = (folder / "authority.secret").read_text("ascii").strip()
            token = line.token("authority", secret).json["access_token"]
            begun = [submitted(line, token, destination) for destination in (MORE, ACTIVE)]
            page = line.send(Request(method="GET", path="/", headers={}, body=b""))
            program.send_signal(signal.SIGTERM)
            assert program.wait(20) == 0
        assert secret not in hints
        assert "authority.secret" in hints
        assert begun[0].submission in page.body.decode()
        assert len(list((folder / "arrived").iterdir())) == 2 * (number + 1)
    facts = json.loads((folder / "arrived" / "000001" / "facts.json").read_text("utf-8"))
    assert (facts["facts"]["destination"], facts["facts"]["service"]) == (MORE, SERVICE)


@pytest.mark.parametrize(
    ("option", "text"),
    [
        (["--destination", "canary"], "--destination"),
        (["--client", "../canary"], "--client"),
    ],
)
def test_a_wrong_option_is_named(
    tmp_path: Path, option: list[str], text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--folder", str(tmp_path), "--bits", "3072", "--port", "0", *option])
    assert ended.value.code == 2
    assert text in capsys.readouterr().err


def test_help_tells_all_switches(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--help"])
    told = capsys.readouterr().out
    for each in ("accept-late", "by-hand", "reject", "set-signature", "events-cut", "no-delete"):
        assert each in told
