"""What must hold after a session, whatever happened to it.

- Every message that was not deleted is there, once, byte for byte; so is mail that was
  delivered meanwhile.  A deleted one is wholly there or wholly gone.
- +OK to QUIT: all are gone.  What was sent of a message was right.
- The next session works at once, shows the unique-ids that were shown before, and leaves
  no files behind but those that an undisturbed one leaves.
"""

from dialogue import READ, look, session
from maildrops import COUNT, FETCHED, WORKLOADS, Damage

NEXT_SECONDS = 3.0


class Verdict:
    """What is wrong, in words; collected rather than raised."""

    def __init__(self):
        self.faults = []

    def expect(self, condition, text, *args):
        if not condition:
            self.faults.append(text % args if args else text)


def ordinary_files(rig):
    """Names of files that sessions leave which nothing happens to."""
    found = set()
    for deleted in WORKLOADS.values():
        rig.lay()
        for commands in (session(rig.account, deleted), look(rig.account, COUNT)):
            rig.plain(commands)
            found |= rig.store.others(rig.home)
    return found


def fates(dialogue, deleted):
    """(numbers that may be gone, numbers that must be gone), by what the client heard."""
    answer = dialogue.good("QUIT")
    if answer is None:
        return set(deleted), set()
    asked = set(dialogue.deleted())
    return asked, asked if answer else set()


def check_said(verdict, store, dialogue):
    """What the client was told before the session ended, or was ended, was true."""
    for number in READ:
        body = dialogue.bodies.get("RETR %d" % (number + 1))
        verdict.expect(body is None or body == store.sent.raws[number],
                       "RETR %d sent something else", number + 1)
    for number, octets in dialogue.listing("LIST").items():
        verdict.expect(int(octets) == store.octets[number],
                       "LIST said %s octets of %d", octets, number + 1)


def check_fates(verdict, where, numbers, may, must, delivered):
    there = set(numbers)
    for number in range(COUNT):
        if number not in may and number not in there:
            verdict.faults.append("%s: message %d is lost" % (where, number + 1))
        if number in must and number in there:
            verdict.faults.append("%s: message %d came back" % (where, number + 1))
    verdict.expect((COUNT in there) == delivered, "%s: delivered mail is %s", where,
                   "lost" if delivered else "there too early")


def count_messages(rig):
    """How many messages to ask for: those of an mbox are known when it is whole."""
    try:
        return len(rig.store.numbers(rig.home))
    except Damage:
        return COUNT + 1


def check_shown(verdict, store, dialogue):
    """The numbers of the messages that the next session showed, in its order."""
    listed, shown = dialogue.listing("LIST"), []
    for command in ("PASS", "STAT", "UIDL", "LIST", "QUIT"):
        full = next((c for c in dialogue.replies if c.startswith(command)), command)
        verdict.expect(dialogue.good(full), "next session, %s: %r", command,
                       dialogue.replies.get(full))
    for number, octets in sorted(listed.items()):
        body = dialogue.bodies.get("RETR %d" % (number + 1))
        shown.append(store.sent.number(body))
        verdict.expect(shown[-1] >= 0, "next session: RETR %d is no message", number + 1)
        verdict.expect(int(octets) == store.octets[shown[-1]],
                       "next session: LIST said %s octets of %d", octets, number + 1)
    return shown


def check_next(verdict, rig, told, may, must, delivered, ordinary):
    """Run the next session, and look at what it shows and at what it leaves.

    told: message number -> unique-id that the client has been shown.
    """
    commands = look(rig.account, count_messages(rig))
    run = rig.plain(commands)
    verdict.expect(run.seconds < NEXT_SECONDS, "next session: %.1f s", run.seconds)
    shown = check_shown(verdict, rig.store, run.dialogue)
    verdict.expect(not run.dialogue.extra, "next session: said more than it was asked")
    check_fates(verdict, "shown", shown, may, must, delivered)
    ids = run.dialogue.listing("UIDL")
    verdict.expect(len(set(ids.values())) == len(ids) == len(shown), "unique-ids: %r", ids)
    for position, number in enumerate(shown):
        if number in told:
            verdict.expect(ids.get(position) == told[number],
                           "message %d was %r and is now %r", number + 1, told[number],
                           ids.get(position))
    try:
        verdict.expect(sorted(rig.store.numbers(rig.home)) == sorted(shown),
                       "what is stored is not what was shown")
    except Damage as damage:
        verdict.faults.append("after the next session: %s" % damage)
    litter = rig.store.others(rig.home) - ordinary
    verdict.expect(not litter, "left behind: %r", sorted(litter))


def check_after(rig, dialogue, workload, deliver, ordinary):
    """Everything, after a session that was struck; returns the faults in words."""
    verdict = Verdict()
    if workload == FETCHED:
        # QUIT promises nothing of what the client has not asked for.
        may, must = {n for n in READ if "RETR %d" % (n + 1) in dialogue.bodies}, set()
    else:
        may, must = fates(dialogue, WORKLOADS[workload])
    check_said(verdict, rig.store, dialogue)
    if rig.store.kind == "maildir":
        try:
            check_fates(verdict, "stored", rig.store.numbers(rig.home), may, must, False)
        except Damage as damage:
            verdict.faults.append("stored: %s" % damage)
    if deliver:
        rig.deliver()
    told = dialogue.listing("UIDL")
    check_next(verdict, rig, told, may, must, deliver, ordinary)
    return verdict.faults
