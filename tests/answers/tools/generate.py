#!/usr/bin/env python3
"""Writes the case files of this suite, checked against the peers.

Every question goes to NSD, Knot, BIND and PowerDNS with the same zones, over UDP and TCP; each case names
the peers whose reply is the expected one. The expectation itself is the oracle's, or written by hand where
a message is malformed. A case that fewer than two peers support must carry a reason.

    generate.py            all files
    generate.py zone ttl   some
    generate.py --show LINE    one question: what is expected, what each peer says
"""
import collections
import os
import sys

import cases
import oracle
import peers
import wire
from expect import Expect

OUT = os.path.dirname(peers.HERE)

#: Why the suite goes its own way where fewer than two peers go with it.
REASONS = {
    "any": "ANY: one RRset (RFC 8482, 4.1)",
    "loop": "a circle of aliases: each once, then the answer ends (RFC 1034, 3.6.2)",
    "long": "a chain is followed to its 16th alias; a resolver goes on from there (RFC 1034, 3.6.2)",
    "axfr": "AXFR over UDP is not defined (RFC 5936, 4.2): as over TCP",
    "glue": "glue that does not fit asks for TC (RFC 9471, 3.1)",
}


def wanted(truth, q, transport):
    """The oracle's answer as an expectation."""
    out = truth.resolve(q.name, q.type)
    flags = [f for f, on in (("aa", out.aa), ("rd", q.flags & 0x100), ("opt", q.edns is not None),
                             ("do", q.edns_flags & 0x8000)) if on]
    texts = [wire.section_text(oracle.text_sets(s)) for s in (out.answer, out.authority, out.additional)]
    reason = None
    if out.one_of:
        texts[0] = "one-of " + wire.section_text(oracle.text_sets(out.one_of))
    elif q.type == oracle.ANY and len(out.answer) > 1:
        texts[0] = "*"
        texts[1] = texts[2] = "*"
    if q.type == oracle.AXFR and transport == "udp":
        reason = REASONS["axfr"]
    aliases = [r for r in out.answer if r[2] == oracle.CNAME]
    if aliases and not out.authority and out.rcode == "NOERROR":
        last = wire.fold(aliases[-1][3][0])
        if any(r[0] == last and r[2] == oracle.CNAME for r in out.answer):
            reason = REASONS["loop"]
        elif len(aliases) >= oracle.CHAIN_MAX:
            reason = REASONS["long"]
            texts[0] = "*"
            if any(r[2] == oracle.DNAME for r in out.answer):
                # So long that it may not fit either.
                texts, flags = ["*"] * 3, flags + ["tc?"]
    if len(aliases) > 11:
        reason = REASONS["long"]
    # An answer to ANY is one RRset, so how large it is depends on which.
    limit = 65535 if transport == "tcp" else 512 if q.edns is None else max(512, min(q.edns, 1232))
    room = limit - (11 if q.edns is not None else 0)
    if oracle.size(q.name, out.answer + out.authority) > room:
        return f"{out.rcode} {' '.join(flags + ['tc'])} | * | * | *", None
    if oracle.size(q.name, out.answer + out.authority + out.additional) > room:
        if out.answer:
            texts[2] = "*"
        else:
            return f"{out.rcode} {' '.join(flags + ['tc'])} | * | * | *", REASONS["glue"]
    return f"{out.rcode} {' '.join(flags)} | {texts[0]} | {texts[1]} | {texts[2]}", reason


def replies(live, q):
    """By peer: [(transport, reply or exception)]."""
    out = {}
    for peer in live:
        rows = []
        for transport in [q.transport] if q.transport else ["udp", "tcp"]:
            try:
                # Silence is believed the second time: the machine may be busy.
                rows.append((transport, peer.ask(q, transport) or peer.ask(q, transport, wait=1)))
            except (wire.Malformed, IndexError) as e:
                rows.append((transport, e))
        out[peer.name] = rows
    return out


def judge(expect, q, rows):
    out = []
    for transport, reply in rows:
        if isinstance(reply, Exception):
            out.append(f"{transport}: malformed: {reply!r}")
        else:
            out += [f"{transport}: {f}" for f in expect.faults(q, reply, peer=True)]
    return out


def expected_of(truth, q, text):
    """[(question line suffix, expectation, reason)]: split by transport where the two must differ."""
    if text is not None:
        return [("", text, None)]
    if q.transport:
        return [("", *wanted(truth, q, q.transport))]
    udp, tcp = wanted(truth, q, "udp"), wanted(truth, q, "tcp")
    if udp[0] == tcp[0]:
        return [("", *udp)]
    return [(" +udp", *udp), (" +tcp", *tcp)]


def shortened(entries):
    """Text of long RRsets that come again, by name; they stand at the top of the file."""
    count = collections.Counter()
    for _, text, *_ in entries:
        for section in text.split("|")[1:]:
            for rrset in section.strip().removeprefix("one-of ").split(" ; "):
                count[rrset] += 1
    names = {}
    for rrset, n in sorted(count.items()):
        if len(rrset) > 60 and n > 1 or len(rrset) > 1200:
            owner, ttl, rtype = rrset.split(" ")[:3]
            name = f"${owner}/{rtype}"
            if name in names.values():
                name += f"/{ttl}"
            if name not in names.values():
                names[rrset] = name
    return names


def render(about, entries):
    names = shortened(entries)
    lines = [f"# {about}", "#", "# Written by tools/generate.py; README.md says how to read it.", ""]
    lines += [f"let {name} = {rrset}" for rrset, name in sorted(names.items(), key=lambda i: i[1])]
    lines += [""] if names else []
    previous = None
    for line, text, agree, note in entries:
        if note and note != previous:
            lines.append(f"# {note}")
        previous = note
        head, *sections = text.split("|")
        parts = [head.strip()]
        for section in sections:
            one = "one-of " if section.strip().startswith("one-of ") else ""
            sets = section.strip().removeprefix("one-of ").split(" ; ")
            parts.append(one + " ; ".join(names.get(s, s) for s in sets))
        parts += [""] * (4 - len(parts)) if len(parts) > 1 else []
        lines += [line, "  " + " | ".join([*parts, f"by {' '.join(agree) or 'none'}"]).replace("|  |", "| |").replace("|  |", "| |")]
    return "\n".join(lines) + "\n"


def load_oracle():
    source = peers.Peer("nsd", transfer=True)
    try:
        source.wait()
        return [oracle.Zone(source.transfer(origin)) for origin in source.zones]
    finally:
        source.stop()


def main():
    zones = load_oracle()
    truth = oracle.Oracle(zones)
    live = [peers.Peer(name) for name in peers.KINDS]
    try:
        for peer in live:
            peer.wait()
        if sys.argv[1:2] == ["--show"]:
            show(truth, live, " ".join(sys.argv[2:]))
            return 0
        return write(truth, zones, live, set(sys.argv[1:]))
    finally:
        for peer in live:
            peer.stop()


def show(truth, live, line):
    q = wire.Question(line)
    for suffix, text, _ in expected_of(truth, q, None) if q.hex is None else []:
        print(f"expected{suffix}: {text}")
    for name, rows in replies(live, q).items():
        for transport, r in rows:
            text = "nothing" if r is None else repr(r) if isinstance(r, Exception) else " | ".join(
                [f"{r.rcode_text()} {' '.join(sorted(r.bits - {'qr'}))}", *map(wire.section_text, r.sections)])
            print(f"{name} {transport}: {text}")


def write(truth, zones, live, only):
    total, bare, tally = 0, [], collections.Counter()
    for file, about, todo in cases.files(zones):
        if only and file not in only:
            continue
        entries, seen = [], set()
        for line, text, note in todo:
            q = wire.Question(line)
            for suffix, expected, reason in expected_of(truth, q, text):
                full = line + suffix
                if full in seen:
                    continue
                seen.add(full)
                asked, expect = wire.Question(full), Expect(expected)
                faults = {name: judge(expect, asked, rows) for name, rows in replies(live, asked).items()}
                agree = [name for name, f in faults.items() if not f]
                why = note or reason
                if len(agree) < 2 and not why and asked.type == oracle.ANY:
                    why = REASONS["any"]
                if len(agree) < 2 and not why:
                    bare.append((file, full, expected, faults))
                entries.append((full, expected, agree, why))
                tally[len(agree)] += 1
        total += len(entries)
        with open(os.path.join(OUT, f"{file}.test"), "w") as f:
            f.write(render(about, entries))
        print(f"{file}: {len(entries)} cases, {sum(len(e[2]) >= 2 for e in entries)} with two or more peers")
    print(f"{total} cases; by number of peers that agree: {dict(sorted(tally.items()))}")
    for file, line, expected, faults in bare:
        print(f"\n{file}: {line}\n  expected {expected[:300]}")
        for name, f in faults.items():
            print(f"  {name}: {'agrees' if not f else '; '.join(f)[:300]}")
    return 1 if bare else 0


if __name__ == "__main__":
    sys.exit(main())
