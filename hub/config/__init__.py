"""hub.toml -> Config: frozen, with every error found at once and each on its line.

    text -> tomllib -> environment laid over it -> models (tables) -> checks across (together)
            layout: on which line each key stands

An error is one line, `hub.toml:9: spool.settel: unknown key. Did you mean "settle"?`, and holds no
value, since a value may be a secret in the wrong place. Relative paths count from hub.toml's
folder. `HUB__SEAL__KEY=...` sets `seal.key` (environment).

Limits: 1 MiB of text, 16 levels.
"""

from hub.config.reading import Config, load, parse
from hub.config.settings import Setting
from hub.config.tables import (
    CheckConfig,
    Hub,
    Limits,
    MailboxConfig,
    ObserverConfig,
    PluginConfig,
    Procedure,
    Retention,
    Retry,
    Seal,
    Spool,
    Tenant,
    Vault,
)
from hub.config.units import Rate

__all__ = [
    "CheckConfig",
    "Config",
    "Hub",
    "Limits",
    "MailboxConfig",
    "ObserverConfig",
    "PluginConfig",
    "Procedure",
    "Rate",
    "Retention",
    "Retry",
    "Seal",
    "Setting",
    "Spool",
    "Tenant",
    "Vault",
    "load",
    "parse",
]
