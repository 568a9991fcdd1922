"""`make demo SCENARIO=post`: an account at BundID was deleted, so the notice goes by post.

The service is a sandbox, over TLS. The notice fails for good; a print job follows it into the
folder of a print service, which this program plays: it takes the job away, and tells that the
letter was given to the post.
"""

import hashlib
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from lxml import etree

from postfach_mailbox_postal.kit import PrintService
from tools.demo_bundid import ANNA, DELETED, DIRECT, MODULE
from tools.demo_hub import Running, configure, made, shown
from tools.demo_papers import Letter, letter
from tools.demo_sandbox import Sandbox
from tools.demo_story import Story, by_hub, by_xmlsec1, look_at

LINES = ("Frau", "Erika Musterfrau", "Amselweg 1", "18055 Rostock")
RELAY = """\

[mailboxes.print]
plugin = "postal"                 # the relay to the post: what fails goes there
collect = "1s"
[mailboxes.print.config]
path = "print-service"
sender = "Bauamt, Postfach 1, 18055 Rostock"
"""


def papers_of() -> tuple[Letter, ...]:
    """Return what is handed in, in this order."""
    return (
        letter("building permit by post", f"bundid/{DELETED}", "0911", Baugenehmigung=3, Plan=1),
        letter("another one, deposited", f"bundid/{ANNA}", "0912", Baugenehmigung=2),
    )


def run(folder: Path) -> bool:
    """Run the scenario; whether all came as it had to. Raises Failed."""
    print(
        f"A deleted account, and the post, for real over TLS, in {shown(folder)}/ (some seconds)."
    )
    permit, other = (replace(each, lines=LINES) for each in papers_of())
    papers = made(folder, (permit, other))
    service = PrintService(folder / "print-service", folder / "printed").set_up()
    with ExitStack() as stack:
        federal = Sandbox.started(MODULE, folder / "bundid")
        stack.callback(federal.end)
        configure(folder, ["bundid"], DIRECT.format(service=federal.urls[0]) + RELAY)
        _name_the_relay(folder / "hub.toml")
        print(f"\n  sandbox of the service         {federal.urls[0]}/")
        running = stack.enter_context(Running.started(folder))
        print(f"  hub run --announce             process {running.pid}")
        story = Story(folder=folder, running=running, receipts=[])
        story.hand_in(1, permit, papers, ", which was deleted")
        story.follow(permit, "failed")
        story.follow(permit, "posted")
        (key,) = running.wait_until(lambda: service.deposited)
        story.tell("taken", "the print service takes the job away")
        service.tell(key, "posted")
        story.tell("told", "the print service tells that the letter was given to the post")
        story.follow(permit, "post-result")
        story.hand_in(2, other, papers, ", which is there")
        story.follow(other, "deposited")
        code = running.stop()
        print(f"\n  SIGTERM: the hub ended with exit code {code}")
        return all([code == 0, check(story, permit, service)])


def _name_the_relay(config: Path) -> None:
    text = config.read_text("utf-8")
    tenant = "[tenants.rostock]\n"
    config.write_text(text.replace(tenant, f'{tenant}postal = "print"\n', 1), "utf-8")


def check(story: Story, permit: Letter, service: PrintService) -> bool:
    """Print what lies where, and have the proofs checked; whether all of it holds."""
    (job,) = (story.folder / "printed").iterdir()
    ticket = etree.fromstring((job / "job.xml").read_bytes())
    print("\nWhat is printed, once")
    for element in ticket.iter("{*}Cover", "{*}Document"):
        print(f"  {element.get('file'):<13} {element.get('size')} bytes")
    printed = [
        hashlib.sha256((job / f"{number:02}.pdf").read_bytes()).hexdigest()
        for number in range(1, len(permit.papers) + 1)
    ]
    right = printed == [paper.sha256 for paper in permit.papers] and len(service.deposited) == 1
    look_at(story, cover=job / "00-cover.pdf", ticket=job / "job.xml")
    print("\nThe proof")
    ca, files = story.folder / "keys" / "ca.pem", sorted(story.receipts)
    return all([right, by_hub(files, ca), by_xmlsec1(files, ca)])
