from datetime import timedelta
from pathlib import Path

import pytest

from hub.config import Config, Rate, load, parse
from hub.errors import ConfigError

GOOD = """\
[hub]
name = "hub.example.mv"

[seal]
key = "file:keys/seal.p12"
password_file = "keys/seal.pass"

[vault]
master_key_file = "keys/master.key"

[tenants.rostock]
mailboxes = ["archive"]

[tenants.rostock.procedures.bauamt]
authors = ["ags:130030000000"]

[mailboxes.archive]
plugin = "directory"

[mailboxes.archive.config]
path = "var/mailboxes/archive"
"""
FILE = Path("/etc/hub/hub.toml")


def config(text: str = GOOD, **environ: str) -> Config:
    return parse(text, FILE, environ)


def errors(text: str, **environ: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        parse(text, Path("hub.toml"), environ)
    return list(caught.value.errors)


def refusal(text: str, environ: dict[str, str]) -> ConfigError | None:
    """Return the error that a text gives, None if it gives a Config; others are raised."""
    try:
        parse(text, FILE, environ)
    except ConfigError as error:
        return error
    return None


def test_what_is_not_set_has_its_default_and_paths_count_from_the_files_folder() -> None:
    whole = config()
    assert whole.hub.database_file == Path("/etc/hub/var/hub.db")
    assert whole.hub.database == "sqlite:////etc/hub/var/hub.db"
    assert whole.spool.path == Path("/etc/hub/spool")
    assert whole.spool.rescan == timedelta(seconds=2)
    assert whole.seal.key == "file:/etc/hub/keys/seal.p12"
    assert whole.seal.key_file == Path("/etc/hub/keys/seal.p12")
    assert whole.vault.path == Path("/etc/hub/var/vault")
    assert [wait.total_seconds() for wait in whole.retry.wait] == [60, 300, 900, 3600, 14400]
    assert whole.retention.payload == timedelta(days=14)
    assert (whole.limits.envelope, whole.limits.drop) == (16 * 2**20, 2 * 2**30)
    assert whole.folder_of("rostock", "bauamt") == Path("/etc/hub/spool/rostock/bauamt")
    mailbox = whole.mailboxes["archive"]
    assert (mailbox.in_flight, mailbox.sandbox, mailbox.scheme) == (64, False, None)
    assert mailbox.config == {"path": "var/mailboxes/archive"}


def test_a_config_cannot_be_changed() -> None:
    with pytest.raises(AttributeError):
        config().folder = Path("/")  # type: ignore[misc]  # that it is refused is the point
    with pytest.raises(ValueError, match="frozen"):
        config().hub.name = "other"  # type: ignore[misc]  # as above


def test_all_errors_come_at_once_each_with_its_line_and_what_was_meant() -> None:
    text = GOOD.replace("name =", "nam =").replace('["archive"]', '["archiv"]')
    text += 'in_flite = 3\n[spool]\nrescan = "2"\n[mailbox]\n'
    assert errors(text) == [
        "hub.toml:1: hub.name: missing. Set it: Who issues receipts: named in each as its Issuer.",
        'hub.toml:2: hub.nam: unknown key. Did you mean "name"?',
        (
            "hub.toml:12: tenants.rostock.mailboxes: no mailbox is called archiv."
            ' Did you mean "archive"?'
        ),
        (
            "hub.toml:24: spool.rescan: not a duration."
            ' Write a text of number and unit, as "60s", "5m" or "7d".'
        ),
        'hub.toml:25: mailbox: unknown key. Did you mean "mailboxes"?',
    ]


def test_a_key_of_another_table_is_recognised() -> None:
    text = GOOD + '[spool]\nsettel = "0s"\n'
    assert errors(text) == [
        (
            'hub.toml:23: spool.settel: unknown key. Did you mean "settle"?'
            " It stands in [tenants.NAME.procedures.NAME]."
        )
    ]


def test_a_rate_is_so_many_in_a_time() -> None:
    found = config(GOOD.replace('"directory"', '"directory"\nrate = "600/m"'))
    assert found.mailboxes["archive"].rate == Rate(count=600, per=timedelta(minutes=1))


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('"hub.example.mv"', "7", "2: hub.name: not a text. Write it in quotes."),
        ('"hub.example.mv"', '"a b"', "2: hub.name: not written as it must be. Allowed: letters"),
        ('"directory"', '"directory"\nin_flight = "9"', "19: mailboxes.archive.in_flight: not a"),
        ('"directory"', '"directory"\nin_flight = 0', "in_flight: too small. At least 1."),
        ('"directory"', '"directory"\nin_flight = 1001', "in_flight: too great. At most 1000."),
        ('"directory"', '"directory"\nsandbox = 1', "sandbox: neither true nor false."),
        ('"directory"', '"directory"\nwait = "60,0"', "wait: a wait of 0 seconds."),
        ('"directory"', '"directory"\nwait = 60', "wait: not a list of waits."),
        ('"directory"', '"directory"\ngive_up = "367d"', "give_up: out of range. Allowed: 1s to"),
        ('"directory"', '"directory"\npin = "x>=1"', "pin: not written as it must be."),
        ('"directory"', '"directory"\nscheme = "A"', "scheme: not written as it must be."),
        ('"directory"', '"directory"\nrate = 5', "rate: not a rate."),
        ('"var/mailboxes/archive"', "2026-01-01", "config: a date, or no number, in a plugin's"),
        ('"var/mailboxes/archive"', "[[nan]]", "config: a date, or no number, in a plugin's"),
        ('["archive"]', "[]", "12: tenants.rostock.mailboxes: empty. Name at least one."),
        ('["archive"]', "[1]", "tenants.rostock.mailboxes: entry 1 is not a text."),
        ('["archive"]', '["archive", "archive"]', "mailboxes: archive is named twice."),
        ('["ags:130030000000"]', '"ags:1"', "authors: not a list."),
        ('["ags:130030000000"]', '["a", "b c"]', "authors: entry 2 is not written as it must be."),
        (
            '["ags:130030000000"]',
            '["a"]\nsettle = "2d"',
            "settle: out of range. Allowed: 0s to 1d.",
        ),
        ('["ags:130030000000"]', '["a"]\nsettle = "0"', "settle: not a duration."),
        ("[tenants.rostock.", "[tenants.Rostock.", "tenants.Rostock: not written as it must be."),
        ('"file:keys/seal.p12"', '"keys/seal.p12"', 'seal.key: not a key. Write "file:" and a'),
        ('"file:keys/seal.p12"', '"pkcs11:token=a"', "seal.key: not yet built."),
        ('"file:keys/seal.p12"', '"file:a\\u0000"', "seal.key: not a path."),
        ('"keys/master.key"', '""', "vault.master_key_file: not a path."),
        ('"keys/master.key"', '"k"\npath = "s3://b"', "vault.path: not yet built."),
        ("[hub]", '[hub]\ndatabase = "postgresql+psycopg://h/d"', "hub.database: not yet built."),
        ("[hub]", '[hub]\ndatabase = "sqlite://"', "hub.database: not a database."),
        ("[hub]", '[hub]\ndatabase = "sqlite:///a?mode=ro"', "hub.database: not a database."),
        ("[hub]", '[limits]\ndrop = "0B"\n[hub]', "limits.drop: too small."),
        ("[hub]", '[limits]\ndrop = "5 MB"\n[hub]', "limits.drop: not a size."),
        (
            "[hub]",
            '[checks.virus]\nplugin = "virus"\ntenants = ["rostok"]\n[hub]',
            '3: checks.virus.tenants: no tenant is called rostok. Did you mean "rostock"?',
        ),
        (
            "[hub]",
            '[observers.tally]\nplugin = "tally"\ncall_timeout = "2m"\n[hub]',
            "3: observers.tally.call_timeout: longer than hub.stop_grace.",
        ),
        ('"directory"', '"directory"\nrecord = "5"', "record: not written as it must be."),
        ("[hub]", "spool = 3\n[hub]", "1: spool: not a table. Give it a header in brackets."),
        ("[tenants.rostock]", '[tenants.rostock]\npostal = "all"', "no mailbox is called all"),
        ('["archive"]', '["archive"]\npostal = "archive"', "archive stands among the tenant"),
    ],
)
def test_a_wrong_value_is_said_in_words_of_hub_toml(old: str, new: str, said: str) -> None:
    assert old in GOOD
    found = errors(GOOD.replace(old, new))
    assert any(said in line for line in found), found


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ('[limits]\ndocument = "3GiB"', "limits.document: greater than limits.drop."),
        ('[spool]\npath = "var/vault/spool"', "spool.path: inside vault.path."),
        ('[spool]\npath = "var"', "hub.database: inside spool.path."),
        ('[spool]\npath = "keys/./"', "seal.password_file: inside spool.path."),
        ('[spool]\npath = "x/../keys"', "vault.master_key_file: inside spool.path."),
        (
            '[mailboxes.b]\nplugin = "p"\ncall_timeout = "2m"',
            "b.call_timeout: longer than hub.stop_",
        ),
    ],
)
def test_tables_must_fit_together(more: str, said: str) -> None:
    found = errors(f"{GOOD}{more}\n")
    assert any(said in line for line in found), found


def test_a_tenant_has_one_mailbox_per_scheme() -> None:
    two = GOOD.replace('"archive"]', '"archive", "other"]').replace(
        'plugin = "directory"', 'plugin = "directory"\nscheme = "letters"'
    )
    two += '[mailboxes.other]\nplugin = "directory"\nscheme = "{}"\n'
    assert config(two.format("files")).mailboxes["other"].scheme == "files"
    found = errors(two.format("letters"))
    assert "tenants.rostock.mailboxes: archive and other have the same scheme" in found[0]


def test_two_tenants_may_each_have_a_mailbox_of_one_scheme() -> None:
    text = GOOD.replace('"directory"', '"directory"\nscheme = "letters"')
    text += '[mailboxes.other]\nplugin = "directory"\nscheme = "letters"\n'
    text += '[tenants.wismar]\nmailboxes = ["other"]\n'
    text += '[tenants.wismar.procedures.bauamt]\nauthors = ["ags:130740087087"]\n'
    assert set(config(text).tenants) == {"rostock", "wismar"}


def test_a_mailbox_may_have_a_schedule_of_its_own() -> None:
    text = GOOD.replace('"directory"', '"directory"\nwait = "1,2"')
    own = config(text).retry_of("archive")
    assert own.wait == (timedelta(seconds=1), timedelta(seconds=2))
    assert own.give_up == timedelta(days=7)


def test_no_error_repeats_a_value_since_it_may_be_a_secret() -> None:
    canary = "kanarienvogel"
    for line in GOOD.splitlines():
        key, equals, _ = line.partition(" = ")
        for value in (f'"{canary} \\u0007"', f'["{canary} x"]', f'"{canary}', f"{canary}"):
            text = GOOD.replace(line, f"{key} = {value}") if equals else GOOD + f"x = {value}"
            error = refusal(text, {})
            assert canary not in str(error)
            assert not any(canary in finding for finding in (error.errors if error else ()))


def test_a_file_that_is_no_toml_names_its_line() -> None:
    assert errors("[hub]\nname = \n") == [
        "hub.toml:2: not valid TOML (Invalid value). Mend that line"
    ]
    assert errors("x = [") == ["hub.toml:1: not valid TOML (Invalid value). Mend that line"]
    assert "nested too deeply" in errors("x = " + "[" * 5000)[0]
    assert "nested too deeply" in errors("x = " + "[" * 17 + "]" * 17)[0]
    assert "nested too deeply" in errors(".".join("x" * 30) + " = 1")[0]
    assert "not valid TOML" in errors(f"x = {'9' * 5000}")[0]
    assert "longer than 1 MiB" in errors("#" * (2**20 + 1))[0]


def test_a_file_that_cannot_be_read_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r'No such file.*Run "hub init DIR"'):
        load(tmp_path / "hub.toml", {})
    with pytest.raises(ConfigError, match="Is a directory"):
        load(tmp_path, {})
    with pytest.raises(ConfigError):
        load(tmp_path / "\0", {})
    (tmp_path / "hub.toml").write_bytes(b"[hub]\nname = '\xe4'")
    with pytest.raises(ConfigError, match=r"hub.toml:2: not UTF-8"):
        load(tmp_path / "hub.toml", {})


def test_a_file_of_another_system_is_read_all_the_same(tmp_path: Path) -> None:
    (tmp_path / "hub.toml").write_bytes(b"\xef\xbb\xbf" + GOOD.replace("\n", "\r\n").encode())
    whole = load(tmp_path / "hub.toml", {})
    assert whole.hub.name == "hub.example.mv"
    assert origins(whole)["seal.key"].endswith("hub.toml:5")


def origins(whole: Config) -> dict[str, str]:
    return {setting.key: setting.origin for setting in whole.settings}


def test_it_is_known_where_each_value_came_from() -> None:
    found = origins(config(HUB__SEAL__KEY="file:other.pem"))
    assert found["seal.key"] == "HUB__SEAL__KEY"
    assert found["seal.password_file"] == "/etc/hub/hub.toml:6"
    assert found["spool.rescan"] == "default"
    assert found["mailboxes.archive.config.path"] == "/etc/hub/hub.toml:21"
    assert found["tenants.rostock.procedures.bauamt.owner"] == "default"


def test_what_is_in_effect_is_shown_as_hub_toml_writes_it_and_secrets_are_not() -> None:
    text = GOOD + 'password = "geheim"\ntoken_file = "keys/token"\n'
    shown = {setting.key: setting.value for setting in config(text).settings}
    assert shown["retention.payload"] == '"14d"'
    assert shown["tenants.rostock.mailboxes"] == '["archive"]'
    assert shown["mailboxes.archive.scheme"] == "unset"
    assert shown["mailboxes.archive.config.password"] == "(not shown)"
    assert shown["mailboxes.archive.config.token_file"] == '"keys/token"'


def test_the_fingerprint_changes_with_what_two_hubs_must_share_and_with_nothing_else() -> None:
    same = config().fingerprint()
    assert config(GOOD + '[retry]\ngive_up = "8d"\n').fingerprint() == same
    assert config(HUB__SEAL__KEY="file:other.pem").fingerprint() == same
    for name, value in (
        ("HUB__HUB__NAME", "other"),
        ("HUB__SPOOL__PATH", "other"),
        ("HUB__VAULT__PATH", "other"),
        ("HUB__TENANTS__ROSTOCK__PROCEDURES__STEUER__AUTHORS", '["a"]'),
        ("HUB__MAILBOXES__OTHER__PLUGIN", "directory"),
    ):
        assert config(**{name: value}).fingerprint() != same, name


def test_the_fingerprint_does_not_depend_on_the_order_of_tables() -> None:
    one, other = '[mailboxes.x]\nplugin = "a"\n', '[mailboxes.y]\nplugin = "b"\n'
    assert config(GOOD + one + other).fingerprint() == config(GOOD + other + one).fingerprint()
