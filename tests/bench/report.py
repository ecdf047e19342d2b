"""The table of results, as text and as a plot."""

import math
import os
import statistics

BAR, GAP, LABEL, WIDTH = 14, 26, 330, 560


def processor():
    with open("/proc/cpuinfo", encoding="ascii", errors="replace") as f:
        names = [line.split(":", 1)[1].strip() for line in f if line.startswith("model name")]
    return "%d x %s, Linux %s" % (os.cpu_count(), (names or ["?"])[0], os.uname().release)


def heading(rounds, quick):
    return ("pop3d and Debian 12's POP3 servers, by scripts/bench%s: processor time of all\n"
            "processes of a server for each unit of work, or memory; medians of %d rounds, and\n"
            "the figure of each round.  Absolute figures say more of the machine (%s)\n"
            "than of a server; what counts are ratios.\n\n") % (
                " --quick" if quick else "", rounds, processor())


def verdicts(row, figures):
    """[(what, figure, most)] of a row's targets that could be measured.

    A target is a ratio of two contenders' medians, or a figure if there is no other.
    """
    found = []
    for ours, other, most in row.targets:
        if figures.get(ours) and other is None:
            found.append((ours, statistics.median(figures[ours]), most))
        elif figures.get(ours) and figures.get(other):
            ratio = statistics.median(figures[ours]) / statistics.median(figures[other])
            found.append((ours + " / " + other, ratio, most))
    return found


def text(results):
    lines = []
    for row, figures in results:
        lines.append("%s (%s)" % (row.name, row.unit))
        for name, values in figures.items():
            lines.append("    %-26s %10.2f   (%s)" % (
                name, statistics.median(values), " ".join("%.2f" % v for v in values)))
        for what, value, most in verdicts(row, figures):
            lines.append("    %-44s %6.2f   target %.2f%s" % (
                what, value, most, "" if value <= most else " MISSED"))
        lines.append("")
    return "\n".join(lines)


def _bar(y, name, value, most):
    """Lengths are logarithmic: figures of a row differ by factors, not by amounts."""
    length = WIDTH * math.log10(max(value, 0.01) / 0.01) / math.log10(max(most, 0.02) / 0.01)
    colour = "#1f6f43" if name.startswith(("pop3d", "argon2id", "least")) else "#9aa5b1"
    return ('<text x="%d" y="%d" text-anchor="end">%s</text>'
            '<rect x="%d" y="%d" width="%.1f" height="%d" fill="%s"/>'
            '<text x="%.1f" y="%d">%.2f</text>') % (
                LABEL - 6, y + 11, name, LABEL, y, length, BAR - 2, colour,
                LABEL + length + 4, y + 11, value)


def plot(results):
    parts, y = [], 10
    for row, figures in results:
        medians = {name: statistics.median(v) for name, v in figures.items() if v}
        if not medians:
            continue
        parts.append('<text x="6" y="%d" font-weight="bold">%s (%s)</text>' % (
            y + 12, row.name, row.unit))
        y += BAR + 6
        for name, value in sorted(medians.items(), key=lambda pair: pair[1]):
            parts.append(_bar(y, name, value, max(medians.values())))
            y += BAR
        y += GAP - BAR
    return ('<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" '
            'font-family="sans-serif" font-size="11">\n'
            '<rect width="100%%" height="100%%" fill="white"/>\n%s\n</svg>\n') % (
                LABEL + WIDTH + 80, y + 10, "\n".join(parts))
