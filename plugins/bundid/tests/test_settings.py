"""The mailbox's table in hub.toml, for the way through FIT-Connect."""

from typing import Any

import pytest
from pydantic import ValidationError

from postfach_mailbox_bundid import Mailbox

WAY = {
    "submission_url": "https://submission.example/api",
    "token_url": "https://token.example/token",
    "client_id": "amt",
    "secret_file": "secret",
    "destination": "6E1F3A52-0000-4000-8000-00000000D00B",
}
CONFIG = {
    "transport": "fitconnect",
    "certificate_file": "bundid.p12",
    "password_file": "bundid.password",
    "fitconnect": WAY,
}


def test_paths_of_the_way_count_from_the_hubs_folder() -> None:
    read = Mailbox.Config.model_validate(CONFIG, context={"base": "/hub"})
    assert read.fitconnect is not None
    assert str(read.fitconnect.secret_file) == "/hub/secret"
    assert read.fitconnect.destination == "6e1f3a52-0000-4000-8000-00000000d00b"


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"fitconnect": None}, "fitconnect: must be there"),
        ({"fitconnect": {"reply_key_file": "key.pem"}}, "fitconnect.reply_key_file"),
        ({"fitconnect": {"destination": "canary"}}, "fitconnect.destination"),
        ({"fitconnect": {"no_such": "canary"}}, "fitconnect.no_such"),
        ({"transport": "canary"}, "transport"),
        ({"mail": {"folder": "mail"}}, "mail: retrieval_address or reply_address"),
        ({"mail": {"folder": "mail"}, "reply_address": "a@b.example"}, "reply_address: an address"),
        ({"reply_address": "canary/{key}@b.example"}, "reply_address: an address"),
        ({"reply_address": "long-canary-canary+{key}@b.example"}, "reply_address: beside"),
        ({"mail": {}, "reply_address": "a+{key}@b.example"}, "folder or server"),
        ({"mail": {"server": "canary/x"}, "reply_address": "a+{key}@b.example"}, "mail.server"),
        (
            {"mail": {"server": "imap.b.example"}, "reply_address": "a+{key}@b.example"},
            "user, pass",
        ),
        (
            {"mail": {"folder": "m", "signed_by": "c"}, "reply_address": "a+{key}@b.example"},
            "signed_by, checked_by",
        ),
    ],
)
def test_a_wrong_setting_is_named_without_its_value(change: dict[str, Any], named: str) -> None:
    config = {**CONFIG, **change}
    if isinstance(change.get("fitconnect"), dict):
        config["fitconnect"] = {**WAY, **change["fitconnect"]}
    with pytest.raises(ValidationError) as caught:
        Mailbox.Config.model_validate(config, context={"base": "/hub"})
    assert named in str(caught.value)
    assert "canary" not in str(caught.value)
