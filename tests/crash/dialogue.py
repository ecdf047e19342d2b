"""What a client says in a session and what it is answered, cut short or not."""

from maildrops import COUNT

# Those that are read before anything is deleted: small ones and a large one.
READ = (0, COUNT // 2, COUNT - 1)


def login(account):
    return ["USER " + account.name, "PASS " + account.password]


def session(account, deleted):
    """The session that is struck: all that mail programs commonly do."""
    return login(account) + ["STAT", "UIDL", "LIST"] + ["RETR %d" % (n + 1) for n in READ] \
        + ["DELE %d" % (n + 1) for n in deleted] + ["QUIT"]


def look(account, count):
    """The next session: reads everything and deletes nothing."""
    return login(account) + ["STAT", "UIDL", "LIST"] \
        + ["RETR %d" % (n + 1) for n in range(count)] + ["QUIT"]


def encode(commands):
    return "".join(c + "\r\n" for c in commands).encode()


class Dialogue:
    """Replies to commands that were sent at once."""

    def __init__(self, commands, output):
        self.replies = {}  # command -> status line
        self.bodies = {}  # command -> body as it was sent, if it came whole
        self.broken = None  # a torn reply at the end of the output
        at = self.line(output, 0)[1]  # the greeting
        for command in commands:
            text, at = self.line(output, at)
            if text is None:
                break
            self.replies[command] = text
            if command.split(" ")[0] in ("UIDL", "LIST", "RETR") and text.startswith(b"+OK"):
                at = self.body(command, output, at)
                if at < 0:
                    break
        self.extra = output[at:] if at >= 0 else b""

    @staticmethod
    def line(output, at):
        end = output.find(b"\r\n", at)
        return (None, at) if end < 0 else (output[at:end], end + 2)

    def body(self, command, output, at):
        if output.startswith(b".\r\n", at):
            self.bodies[command] = b""
            return at + 3
        end = output.find(b"\r\n.\r\n", at)
        if end < 0:
            self.broken = command
            return -1
        self.bodies[command] = output[at:end + 2]
        return end + 5

    def good(self, command):
        """True, False, or None if there was no reply."""
        text = self.replies.get(command)
        return None if text is None else text.startswith(b"+OK")

    def listing(self, command):
        """Message number, from 0 -> what UIDL or LIST said of it."""
        lines = self.bodies.get(command, b"").splitlines()
        return {int(line.split(b" ")[0]) - 1: line.split(b" ")[1] for line in lines}

    def deleted(self):
        return [int(c.split(" ")[1]) - 1 for c in self.replies
                if c.startswith("DELE ") and self.good(c)]
