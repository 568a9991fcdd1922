"""`make demo SCENARIO=reply`: a citizen reads a notice and writes back, by e-mail of BundID.

The service is a sandbox, over TLS; it writes its e-mails into a folder, as a mail server would put
them there. The first reading becomes a receipt; the reply comes out at the procedure, sealed.
"""

from contextlib import ExitStack
from pathlib import Path

from lxml import etree

from tools.demo_bundid import ANNA, DIRECT, MODULE
from tools.demo_hub import PLACE, Running, configure, made, shown
from tools.demo_papers import Letter, letter
from tools.demo_sandbox import Sandbox
from tools.demo_story import XML, Story, by_hub, by_xmlsec1, look_at

MAIL = """\
retrieval_address = "gelesen+{key}@rathaus.example"
reply_address = "antwort+{key}@rathaus.example"
[mailboxes.bundid.config.mail]
folder = "mail"                   # or an IMAP server: see the mailbox's README
"""


def papers_of() -> tuple[Letter, ...]:
    """Return what is handed in."""
    return (letter("request for a document", f"bundid/{ANNA}", "0921", Nachforderung=2),)


def run(folder: Path) -> bool:
    """Run the scenario; whether all came as it had to. Raises Failed."""
    print(f"A reply comes back, for real over TLS, in {shown(folder)}/ (some seconds).")
    papers = made(folder, papers_of())
    (request,) = papers_of()
    with ExitStack() as stack:
        federal = Sandbox.started(MODULE, folder / "bundid", more=("--mail", str(folder / "mail")))
        stack.callback(federal.end)
        configure(folder, ["bundid"], DIRECT.format(service=federal.urls[0]) + MAIL)
        print(f"\n  sandbox of the service         {federal.urls[0]}/")
        running = stack.enter_context(Running.started(folder))
        print(f"  hub run --announce             process {running.pid}")
        story = Story(folder=folder, running=running, receipts=[])
        story.hand_in(1, request, papers)
        story.follow(request, "deposited")
        print("\n  2  the citizen reads it")
        federal.post("/read", message="000001")
        story.tell("e-mail", "the service writes that it was read")
        story.follow(request, "retrieved")
        print("\n  3  the citizen writes back, with a document")
        federal.post("/reply", papers_of()[0].papers[0].data, message="000001", text="Anbei.")
        story.tell("e-mail", "the service writes what the citizen wrote")
        out = folder / "spool" / PLACE / "out"
        (reply,) = running.wait_until(lambda: sorted(out.glob("*.reply.xml")))
        story.tell("reply", str(reply.relative_to(folder / "spool")))
        running.wait_until(lambda: not list((folder / "mail").glob("*.eml")))
        story.tell("taken", "both e-mails are moved aside: the hub has stored them")
        code = running.stop()
        print(f"\n  SIGTERM: the hub ended with exit code {code}")
        return all([code == 0, check(story, reply)])


def check(story: Story, reply: Path) -> bool:
    """Print what came back and where it lies, and have the proofs checked; whether all holds."""
    said = etree.fromstring(reply.read_bytes())
    names = [each.text or "" for each in said.iterfind("r:Document/r:Reference", XML)]
    print("\nWhat the procedure has of it")
    print(f"  text      {said.findtext('r:Text', '', XML)}")
    for name in names:
        print(f"  document  {name}")
    sent = papers_of()[0].papers[0].data
    right = [reply.with_name(name).read_bytes() for name in names] == [sent]
    look_at(story, reply=reply, mail=story.folder / "mail" / "taken")
    print("\nThe proof")
    ca, files = story.folder / "keys" / "ca.pem", sorted({*story.receipts, reply})
    return all([right, by_hub(files, ca), by_xmlsec1(files, ca)])
