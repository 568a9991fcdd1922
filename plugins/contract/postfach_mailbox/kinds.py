"""The kinds of plugins: mailboxes, checks, observers; what each offers and must be able to do."""

from dataclasses import dataclass

from postfach_mailbox.capabilities import Capabilities
from postfach_mailbox.checking import CheckCapabilities
from postfach_mailbox.frames import Described, Group, Operation
from postfach_mailbox.hooks import (
    CheckHooks,
    CheckPluginHooks,
    MailboxHooks,
    ObserverHooks,
    ObserverPluginHooks,
    PluginHooks,
)
from postfach_mailbox.observing import ObserverCapabilities


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """A kind of plugin.

    table: the table of hub.toml that configures one
    hook: the function of the plugin's module that returns its class
    module_hooks, class_hooks: specifications of both
    capabilities: what its class says of itself; operations: those that it may offer
    required: those that it must offer
    """

    name: str
    table: str
    hook: str
    module_hooks: type
    class_hooks: type
    capabilities: type[Described]
    operations: tuple[Operation, ...]
    required: tuple[Operation, ...]


KINDS: dict[Group, Kind] = {
    "postfach.mailboxes": Kind(
        name="mailbox",
        table="mailboxes",
        hook="postfach_mailbox",
        module_hooks=PluginHooks,
        class_hooks=MailboxHooks,
        capabilities=Capabilities,
        operations=tuple(
            each for each in Operation if each not in (Operation.CHECK, Operation.OBSERVE)
        ),
        required=(Operation.DEPOSIT, Operation.HEALTH),
    ),
    "postfach.checks": Kind(
        name="check",
        table="checks",
        hook="postfach_check",
        module_hooks=CheckPluginHooks,
        class_hooks=CheckHooks,
        capabilities=CheckCapabilities,
        operations=(Operation.CHECK, Operation.HEALTH),
        required=(Operation.CHECK, Operation.HEALTH),
    ),
    "postfach.observers": Kind(
        name="observer",
        table="observers",
        hook="postfach_observer",
        module_hooks=ObserverPluginHooks,
        class_hooks=ObserverHooks,
        capabilities=ObserverCapabilities,
        operations=(Operation.OBSERVE, Operation.HEALTH),
        required=(Operation.OBSERVE, Operation.HEALTH),
    ),
}
