"""What may be on the disk after the power went out, at any instant of a recorded session.

The model is harder than any file system in use:
- written octets that no fsync of the file has followed are there, or are not, or are torn
  at borders of pages: some pages arrive, and the others hold zeros or what was there
  before; the file may have got its new length nevertheless;
- so with changes of its length;
- a change of names (a new file, link, unlink, rename) is there or is not, each for itself
  and in no order, until an fsync of every directory in which it changed something.
A rename is one change: its two names go together, as on every file system that has a
journal.  An fsync that returned has done what it says.
"""

import os
import random
import time

PAGE = 4096
SAMPLES = 6
# The machine has started since.
BOOT = int(time.time() - time.clock_gettime(time.CLOCK_BOOTTIME))
KEPT, DROPPED, HEAD, TAIL, ZEROS = "kept", "dropped", "head", "tail", "zeros"
TORN = (HEAD, TAIL, ZEROS)


def directories_of(op):
    return {os.path.dirname(path) or "." for path in op.what}


def unsure(ops):
    """Places of the operations that need not be on the disk."""
    found = []
    for place, op in enumerate(ops):
        if op.kind == "data":
            wanted = {op.what}
        elif op.kind == "names":
            wanted = directories_of(op)
        else:
            continue
        wanted -= {later.what for later in ops[place + 1:] if later.kind == "sync"}
        if wanted:
            found.append(place)
    return found


def fates(ops, seed):
    """What may have become of the operations: {place: fate}, those kept left out."""
    places = unsure(ops)
    yield {}
    yield {place: DROPPED for place in places}
    for place in places:
        yield {place: DROPPED}
        yield {other: DROPPED for other in places if other != place}
        if ops[place].kind == "data" and ops[place].change[0] == "write":
            for fate in TORN:
                yield {place: fate}
    chance = random.Random(seed)
    for _ in range(SAMPLES):
        chosen = {}
        for place in places:
            torn = ops[place].kind == "data" and ops[place].change[0] == "write"
            fate = chance.choice((KEPT, DROPPED) + (TORN if torn else ()))
            if fate != KEPT:
                chosen[place] = fate
        yield chosen


def write(content, offset, text, fate):
    """Change the content of a file by a write that this became of."""
    end = offset + len(text)
    middle = offset + (end - offset) // 2
    border = min(max(middle // PAGE * PAGE, offset), end)
    if len(content) < end:
        content.extend(bytes(end - len(content)))
    if fate == KEPT:
        content[offset:end] = text
    elif fate == HEAD:
        content[offset:border] = text[:border - offset]
    elif fate == TAIL:
        content[border:end] = text[border - offset:]


class State:
    """What is on the disk if this became of the operations."""

    def __init__(self, trace, ops, fate_of):
        self.trace, self.ops, self.fate_of = trace, ops, fate_of
        self.names = {path: inode for inode, path in enumerate(sorted(trace.before))}
        self.changes = {}  # inode -> places of the changes that are there, in order
        for place, op in enumerate(ops):
            if fate_of.get(place) == DROPPED:
                continue
            if op.kind == "names":
                self.names.update(op.what)
            elif op.kind == "data":
                self.changes.setdefault(op.what, []).append(place)
        self.names = {p: inode for p, inode in self.names.items() if inode is not None}

    def key(self):
        """The same for no two states that differ."""
        return frozenset(
            (path, inode, tuple((place, self.fate_of.get(place))
                                for place in self.changes.get(inode, ())))
            for path, inode in self.names.items())

    def content(self, inode):
        before = self.trace.before
        content = bytearray(before[sorted(before)[inode]] if inode < len(before) else b"")
        for place in self.changes.get(inode, ()):
            change = self.ops[place].change
            if change[0] == "write":
                write(content, *change[1:], self.fate_of.get(place, KEPT))
            else:
                del content[change[1]:]
                content.extend(bytes(change[1] - len(content)))
        return content

    def lay(self, home):
        """Make it so."""
        for directory in sorted(self.trace.directories - {"."}):
            os.makedirs(os.path.join(home, directory), mode=0o700, exist_ok=True)
        for path, inode in self.names.items():
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
            with open(os.open(os.path.join(home, path), flags, 0o600), "wb", 0) as f:
                f.write(self.content(inode))
                os.utime(f.fileno(), (BOOT - 60, BOOT - 60))


def said(trace, end):
    """What the client had been told by then."""
    length = sum(op.what for op in trace.ops[:end] if op.kind == "said")
    return trace.output[:trace.greeted + length]


def crashes(trace, seed):
    """All instants, as numbers of operations, and fates; each state of the disk once.

    What was said counts, too: after the last word a state must satisfy more than before.
    """
    seen = set()
    for end in range(len(trace.ops) + 1):
        final = end == len(trace.ops)
        if end > 0 and trace.ops[end - 1].kind == "said" and not final:
            continue
        ops = trace.ops[:end]
        for fate_of in fates(ops, "%s %d" % (seed, end)):
            key = State(trace, ops, fate_of).key(), final
            if key not in seen:
                seen.add(key)
                yield end, fate_of
