"""The command `hub`: results to stdout, messages to stderr, exit codes of sysexits.h.

The commands' modules import Click alone; what a command needs of the hub is imported when it runs,
so that `hub --help` answers at once.
"""

import os
import sys
from pathlib import Path

import click

from hub.cli.checking import config, doctor
from hub.cli.copies import backup, restore
from hub.cli.deciding import close, pause, release, resume, retry, settle
from hub.cli.notices import list_notices, status
from hub.cli.plugins import plugin
from hub.cli.proofs import evidence
from hub.cli.receipts import receipt
from hub.cli.running import init, run, submit
from hub.errors import ConfigError, HubError, machine_failed


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="postfach-hub", prog_name="hub")
@click.option(
    "--config",
    "file",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="hub.toml; else the environment's HUB_CONFIG, else ./hub.toml.",
)
@click.pass_context
def hub(context: click.Context, file: Path | None) -> None:
    """Take official notices over, seal them, deposit them in mailboxes, prove it."""
    context.obj = file or Path(os.environ.get("HUB_CONFIG", "hub.toml"))


LOOKING = (status, list_notices)
DECIDING = (retry, release, settle, close, pause, resume)
KEEPING = (backup, restore)
for command in (init, config, doctor, run, submit, *LOOKING, *DECIDING, receipt, evidence, plugin):
    hub.add_command(command)
for command in KEEPING:
    hub.add_command(command)


def main(arguments: list[str] | None = None) -> None:
    """Run the command line and leave with its exit code; a bug shows its traceback."""
    try:
        code = hub.main(args=arguments, prog_name="hub", standalone_mode=False)
    except ConfigError as error:
        for line in error.errors:
            click.echo(f"hub: {line}", err=True)
        sys.exit(error.exit_code)
    except HubError as error:
        click.echo(f"hub: {error}", err=True)
        sys.exit(error.exit_code)
    except click.ClickException as error:
        error.show()
        sys.exit(64)  # EX_USAGE
    except click.Abort:
        sys.exit(130)
    except BrokenPipeError:  # the reader of our output is gone
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(74)
    except Exception as error:  # noqa: BLE001  # a bug: its traceback is wanted, and 70 tells supervisors so
        if isinstance(error, OSError) and (failed := machine_failed(error)):
            click.echo(f"hub: {failed}", err=True)
            sys.exit(failed.exit_code)
        import traceback

        traceback.print_exc()
        sys.exit(70)
    sys.exit(code if isinstance(code, int) else 0)
