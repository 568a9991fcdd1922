"""`make demo SCENARIO=bundid`: the citizens' mailboxes, straight and through FIT-Connect.

The service and FIT-Connect are sandboxes in a process of their own, over TLS with certificates of
their own authority. A notice reaches a citizen, another one through the bridge; one account was
deleted; the service is away and comes back; in the end the application is shown as completed.
"""

import sys
from contextlib import ExitStack
from pathlib import Path

from tools.demo_hub import PLACE, Running, attempts, configure, hub, made, shown
from tools.demo_papers import Letter, State, letter
from tools.demo_sandbox import Sandbox
from tools.demo_story import Story, by_hub, by_xmlsec1, look_at

MODULE = "postfach_mailbox_bundid.sandbox"
ANNA = "40000000-0000-4000-8000-000000000004"
DELETED = "90000000-0000-4000-8000-000000000009"
APPLICATION = "0b6e8f52-3a0e-4d63-9a3b-6f2f0c1d7e05"
TRIES = 3  # attempts before the service comes back: one prepares, the others fail
DIRECT = """\
[mailboxes.bundid]
plugin = "bundid"                 # the citizens' mailboxes, straight to the service
collect = "1s"
[mailboxes.bundid.config]
transport = "direct"
url = "{service}"
certificate_file = "bundid/certificates/authority.p12"
password_file = "bundid/certificates/authority.password"
ca_file = "bundid/certificates/ca.pem"
"""
BRIDGED = """\

[mailboxes.bridged]
plugin = "bundid"                 # the same, through FIT-Connect and its bridge
scheme = "bridged"
[mailboxes.bridged.config]
transport = "fitconnect"
certificate_file = "bundid/certificates/authority.p12"
password_file = "bundid/certificates/authority.password"
[mailboxes.bridged.config.fitconnect]
submission_url = "{fitconnect}"
token_url = "{fitconnect}/token"
client_id = "authority"
secret_file = "bundid/fitconnect/authority.secret"
issuer = "https://submission.sandbox.example"
ca_file = "bundid/certificates/ca.pem"
destination = "6e1f3a52-0000-4000-8000-00000000d00b"
"""


def papers_of() -> tuple[Letter, ...]:
    """Return what is handed in, in this order."""
    return (
        letter("permit by the online form", f"bundid/{ANNA}", "0815", Baugenehmigung=3),
        letter("its addendum", f"bridged/{ANNA}", "0815", Nachtrag=2),
        letter("notice of fees", f"bundid/{DELETED}", "0816", Gebührenbescheid=2),
        letter("final inspection", f"bundid/{ANNA}", "0815", Schlussabnahme=2),
    )


def run(folder: Path) -> bool:
    """Run the scenario; whether all came as it had to. Raises Failed."""
    print(f"The citizens' mailboxes, for real over TLS, in {shown(folder)}/ (half a minute).")
    papers = made(folder, papers_of())
    with ExitStack() as stack:
        federal = Sandbox.started(MODULE, folder / "bundid", ("--port", "--fitconnect"))
        stack.callback(lambda: federal.end())  # noqa: PLW0108  # another one by then
        tables = DIRECT.format(service=federal.urls[0]) + BRIDGED.format(fitconnect=federal.urls[1])
        configure(folder, ("bundid", "bridged"), tables)
        print(f"\n  sandbox of the service         {federal.urls[0]}/")
        print(f"  sandbox of FIT-Connect         {federal.urls[1]}/")
        running = stack.enter_context(Running.started(folder))
        print(f"  hub run --announce             process {running.pid}")
        story = Story(folder=folder, running=running, receipts=[])
        permit, addendum, fees, last = papers_of()
        story.hand_in(1, permit, papers)
        story.follow(permit, "deposited")
        story.hand_in(2, addendum, papers, ", through FIT-Connect")
        story.follow(addendum, "deposited")
        story.hand_in(3, fees, papers, ", which was deleted")
        story.follow(fees, "failed")
        federal.end()
        story.hand_in(4, last, papers, "; the service is away")
        story.follow(last, "accepted")
        for one in running.wait_until(lambda: attempts(folder, last, at_least=TRIES)):
            at = running.seconds_at(one["started_at"])
            said = " ".join(filter(None, (one["outcome"], one["code"])))
            story.tell(f"attempt {one['n']}", said, at=at)
        federal = federal.again()
        story.tell("back", "the service is there again")
        story.follow(last, "deposited")
        completed(story, papers)
        code = running.stop()
        print(f"\n  SIGTERM: the hub ended with exit code {code}")
        return all([code == 0, check(story, federal)])


def completed(story: Story, papers: Path) -> None:
    """Hand in that the application is completed."""
    state = State(application=APPLICATION, status="COMPLETED", scheme="bundid", account=ANNA)
    file = papers / f"{state.uuid}.xml"
    file.write_text(state.envelope(), "utf-8")
    print(f"\n  5  the application {APPLICATION}: COMPLETED")
    handed = hub(story.folder, "submit", str(file), "--to", PLACE)
    story.tell("handed in", handed.stdout.strip().removeprefix("handed in as "))
    story.follow(state, "status")


def check(story: Story, federal: Sandbox) -> bool:
    """Print what lies where, and have the proofs checked; whether all of it holds."""
    arrived = federal.arrived()
    print("\nWhat the citizen has")
    for facts in arrived:
        way = "through the bridge" if facts.get("submission") else "straight"
        what = facts["title"] if facts["kind"] == "message" else f"state {facts['status']}"
        print(f"  {facts['kind']:<8} {way:<19} {what}")
    kinds = [(facts["kind"], bool(facts.get("submission"))) for facts in arrived]
    wanted = [("message", False), ("message", True), ("message", False), ("state", False)]
    look_at(story, arrived=federal.folder / "arrived")
    print(
        f"  the page  {shown(Path(sys.executable))} -m postfach_mailbox_bundid.sandbox"
        f" --folder {shown(federal.folder)}"
    )
    print("\nThe proof")
    ca, files = story.folder / "keys" / "ca.pem", sorted(story.receipts)
    return all([kinds == wanted, by_hub(files, ca), by_xmlsec1(files, ca)])
