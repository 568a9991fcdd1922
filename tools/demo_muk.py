"""`make demo SCENARIO=muk`: companies' mailboxes, through a gateway that takes before it deposits.

The gateway (ELSTER-Transfer) with the mailboxes behind it is a sandbox, over TLS. A sealed notice
is taken, and deposited later; the account of another one was closed; a company writes back.
"""

from contextlib import ExitStack
from pathlib import Path

from tools.demo_hub import PLACE, Running, configure, made, shown
from tools.demo_papers import Letter, letter
from tools.demo_sandbox import Sandbox
from tools.demo_story import Story, by_hub, by_xmlsec1, look_at

MODULE = "postfach_mailbox_muk.sandbox"
BAKERY = "du-20000000-0000-4000-8000-000000000002"
CLOSED = "du-90000000-0000-4000-8000-000000000009"
MAILBOX = """\
[mailboxes.muk]
plugin = "muk"
collect = "1s"
[mailboxes.muk.config]
url = "{url}"
certificate_file = "muk/certificates/authority.p12"
password_file = "muk/certificates/authority.password"
ca_file = "muk/certificates/ca.pem"
"""


def papers_of() -> tuple[Letter, ...]:
    """Return what is handed in, in this order."""
    return (
        letter("trade licence", f"muk/{BAKERY}", "0901", Gewerbeerlaubnis=3),
        letter("notice of fees", f"muk/{CLOSED}", "0902", Gebührenbescheid=2),
    )


def run(folder: Path) -> bool:
    """Run the scenario; whether all came as it had to. Raises Failed."""
    print(f"Companies' mailboxes, for real over TLS, in {shown(folder)}/ (some seconds).")
    papers = made(folder, papers_of())
    with ExitStack() as stack:
        gateway = Sandbox.started(MODULE, folder / "muk")
        stack.callback(gateway.end)
        configure(folder, ["muk"], MAILBOX.format(url=gateway.urls[0]))
        gateway.post("/switch", account=BAKERY, do="by-hand")
        print(f"\n  sandbox of the gateway         {gateway.urls[0]}/")
        running = stack.enter_context(Running.started(folder))
        print(f"  hub run --announce             process {running.pid}")
        story = Story(folder=folder, running=running, receipts=[])
        licence, fees = papers_of()
        story.hand_in(1, licence, papers)
        story.follow(licence, "accepted")
        order = _order(gateway)
        story.tell("taken", "by the gateway: no deposit yet, the hub asks")
        gateway.post("/deposit", order=order)
        story.follow(licence, "deposited")
        story.hand_in(2, fees, papers, ", which was closed")
        story.follow(fees, "failed")
        print("\n  3  the company writes back, with a document")
        gateway.post("/reply", b"%PDF-1.4 proof", order=order, subject="Nachweis")
        out = folder / "spool" / PLACE / "out"
        (reply,) = running.wait_until(lambda: sorted(out.glob("*.reply.xml")))
        story.tell("reply", str(reply.relative_to(folder / "spool")))
        code = running.stop()
        print(f"\n  SIGTERM: the hub ended with exit code {code}")
        return all([code == 0, check(story, gateway, reply)])


def _order(gateway: Sandbox) -> str:
    (file,) = (gateway.folder / "orders").glob("*.json")
    return file.stem


def check(story: Story, gateway: Sandbox, reply: Path) -> bool:
    """Print what lies where, and have the proofs checked; whether all of it holds."""
    arrived = [facts["subject"] for facts in gateway.arrived()]
    print("\nWhat the company has")
    for subject in arrived:
        print(f"  message  {subject}")
    look_at(story, reply=reply, arrived=gateway.folder / "arrived")
    print("\nThe proof")
    ca, files = story.folder / "keys" / "ca.pem", sorted({*story.receipts, reply})
    return all([len(arrived) == 1, by_hub(files, ca), by_xmlsec1(files, ca)])
