"""Loading a plugin: what is refused at start, and what the refusal says."""

import hashlib
import itertools
from pathlib import Path

import pytest

from postfach_mailbox.capabilities import Capabilities
from postfach_mailbox.frames import Operation, Start
from postfach_mailbox.loading import StartRefused, load

NUMBERS = itertools.count(1)

GOOD = """
from postfach_mailbox import (
    Capabilities, Deferred, Health, HubPath, Reason, Repeat, Settings, hookimpl
)

class Mailbox:
    class Config(Settings):
        path: HubPath
        secret: int = 0

    def __init__(self, config):
        self._path = config.path
        self.client = print  # callable, but no method

    def capabilities(self):
        return Capabilities(
            scheme="some", address_pattern="[a-z]+", legal_bases={"OZG9"}, assurance_level="low",
            max_file=1, max_total=1, max_count=1, repeat=Repeat.NEITHER,
        )

    def deposit(self, delivery):
        return Deferred(reason=Reason(code="AWAY", text=str(self._path)))

    def health(self):
        return Health(status="up")

    @property
    def trap(self):
        raise RuntimeError("a property was run")

@hookimpl
def postfach_mailbox():
    return Mailbox
"""


class Site:
    """A folder on sys.path with distributions in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def install(self, text: str, *, name: str = "some", version: str = "1.0") -> None:
        module = f"some_plugin_{next(NUMBERS)}"
        (self.folder / f"{module}.py").write_text(text, "utf-8")
        info = self.folder / f"postfach_mailbox_{name}-{version}.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Name: postfach-mailbox-{name}\nVersion: {version}\n")
        (info / "entry_points.txt").write_text(f"[postfach.mailboxes]\nsome = {module}\n")


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.pycache_prefix", None)  # what a load sets ends with the test
    return Site(tmp_path)


def start(version: str = "1.0", **config: str | int) -> Start:
    return Start(
        distribution="postfach-mailbox-some",
        version=version,
        entry_point="some",
        config={"path": "letters", **config},
        base="/srv/hub",
        in_flight=1,
    )


def refused(site: Site, text: str) -> str:
    site.install(text)
    with pytest.raises(StartRefused) as caught:
        load(start())
    return caught.value.reason


def test_a_good_plugin_is_loaded_with_its_settings(site: Site) -> None:
    site.install(GOOD)
    loaded = load(start())
    assert isinstance(loaded.capabilities, Capabilities)
    assert loaded.capabilities.scheme == "some"
    assert set(loaded.operations) == {Operation.DEPOSIT, Operation.HEALTH}
    # `deposit` takes no `keep` here: arguments that are not needed may be left out
    outcome = loaded.hooks.deposit(delivery=None, keep=None)
    assert outcome.reason.text == "/srv/hub/letters"


def test_a_misspelt_operation_is_refused_and_named(site: Site) -> None:
    text = GOOD.replace("    @property", "    def reconsile(self, key): ...\n    @property")
    site.install(text)
    with pytest.raises(StartRefused) as caught:
        load(start())
    assert caught.value.reason == "the contract has no operation 'reconsile'"
    assert not caught.value.configured
    assert "'reconcile'" in caught.value.fix


def test_an_operation_with_an_unknown_argument_is_refused(site: Site) -> None:
    text = GOOD.replace("deposit(self, delivery)", "deposit(self, notice)")
    reason = refused(site, text)
    assert "`deposit`" in reason
    assert "'notice'" in reason
    assert "0x" not in reason


def test_an_unknown_hook_of_the_module_is_refused_and_named(site: Site) -> None:
    site.install(GOOD + "\n@hookimpl\ndef postfach_mailbax(): ...\n")
    with pytest.raises(StartRefused) as caught:
        load(start())
    assert caught.value.reason == "the contract has no hook 'postfach_mailbax'"
    assert "'postfach_mailbox'" in caught.value.fix


def test_a_module_without_the_hook_is_refused(site: Site) -> None:
    assert "postfach_mailbox" in refused(site, GOOD.replace("@hookimpl", ""))


@pytest.mark.parametrize("operation", ["capabilities", "deposit", "health"])
def test_a_required_operation_that_is_missing_is_named(site: Site, operation: str) -> None:
    assert operation in refused(site, GOOD.replace(f"def {operation}(", f"def _{operation}("))


def test_a_promise_without_its_operation_is_refused(site: Site) -> None:
    assert "reconcile" in refused(site, GOOD.replace("Repeat.NEITHER", "Repeat.QUERYABLE"))


def test_a_promise_to_prepare_without_prepare_is_refused(site: Site) -> None:
    text = GOOD.replace("Repeat.NEITHER", "Repeat.NEITHER, prepares=True")
    assert "prepare" in refused(site, text)


def test_settings_that_are_not_closed_are_refused(site: Site) -> None:
    text = GOOD.replace("class Config(Settings)", "class Config(Open)")
    text = "from pydantic import BaseModel as Open\n" + text
    assert "not closed" in refused(site, text)


def test_wrong_settings_are_named_by_key_and_their_values_are_not_repeated(site: Site) -> None:
    site.install(GOOD)
    with pytest.raises(StartRefused) as caught:
        load(start(secret="canary-7f3a", colour="blue"))
    assert "config.secret" in caught.value.reason
    assert "config.colour: unknown key" in caught.value.reason
    assert caught.value.configured
    assert "canary" not in str(caught.value)
    assert "hub.toml" in caught.value.fix


def test_a_setting_that_is_missing_or_misspelt_is_said_so(site: Site) -> None:
    site.install(GOOD)
    wrong = start(secert=1)
    with pytest.raises(StartRefused) as caught:
        load(wrong.model_copy(update={"config": {"secert": 1}}))
    assert "config.path: must be set" in caught.value.reason
    assert "config.secert: unknown key. Did you mean 'secret'?" in caught.value.reason


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("import no_such_module", "no_such_module"),
        ("raise SystemExit(3)", "SystemExit"),
        ("raise RuntimeError('canary-7f3a')", "RuntimeError in"),
        ("x = 1\ndef (", ".py:2"),
        (GOOD.replace("self.client = print", "raise OSError('canary-7f3a')"), "OSError in"),
        (GOOD.replace("max_count=1", "max_count=0"), "capabilities(): max_count: "),
        (GOOD.replace("self.client = print", "Capabilities()"), "ValidationError in"),
    ],
)
def test_whatever_a_plugin_raises_while_it_loads_is_a_refusal(
    site: Site, text: str, said: str
) -> None:
    reason = refused(site, text)
    assert said in reason
    assert "canary" not in reason
    assert "pydantic" not in reason  # where it was found is no help


def test_capabilities_of_another_kind_are_refused(site: Site) -> None:
    text = GOOD.replace("return Capabilities(", "return dict(")
    assert "capabilities() returned" in refused(site, text)


def test_another_version_than_the_named_one_is_not_loaded(site: Site) -> None:
    site.install("raise SystemExit('must not run')", version="9.9")
    with pytest.raises(StartRefused, match="0 entry points"):
        load(start())


def test_a_second_distribution_with_the_same_entry_point_does_not_win(site: Site) -> None:
    site.install("raise SystemExit('must not run')", name="evil", version="1.0")
    site.install(GOOD)
    assert load(start()).operations


def test_a_record_that_names_no_code_holds_no_plugin(site: Site) -> None:
    site.install(GOOD)
    (info,) = site.folder.glob("*.dist-info")
    (info / "RECORD").write_text(f"{info.name}/METADATA,,\n{info.name}/RECORD,,\n")
    made = hashlib.sha256((info / "RECORD").read_bytes()).hexdigest()
    with pytest.raises(StartRefused, match="does not name what would be loaded: /"):
        load(start().model_copy(update={"record": f"sha256:{made}"}))
