#!/usr/bin/env python3
"""Asks pharos about random worlds: five zones, some within others, full of wildcards, cuts, aliases and
DNAMEs that lead to one another. What differs from the oracle is printed with what the peers say.

    worlds.py PROGRAM FIRST LAST     seeds FIRST to LAST - 1; PROGRAM is the pharos to ask

Exits with 1 where anything differs. A world that NSD does not load is left out, since the oracle
gets its records there (NSD keeps one tree of names, and minds a DNAME of one zone above names of another).
"""
import os
import random
import shutil
import sys
import tempfile

import generate
import oracle
import peers
import wire
from expect import Expect

#: Origin and the zones delegated from it.
ORIGINS = {"r1.rnd": ["a.r1.rnd", "b.c.r1.rnd"], "a.r1.rnd": ["a.a.r1.rnd"], "b.c.r1.rnd": [], "r2.rnd": [], "a.a.r1.rnd": []}
TYPES = ["A", "A", "TXT", "CNAME", "CNAME", "DNAME", "NS", "MX", "AAAA", "DS", "SRV", "HTTPS"]
QUESTIONS = 400
DS_DATA = "1 8 1 7777777777777777777777777777777777777777"


def pharos(program):
    def start(folder, port, zones):
        os.makedirs(os.path.join(folder, "zones"))
        for origin, path in zones.items():
            shutil.copy(path, os.path.join(folder, "zones", f"{origin}.zone"))
        os.makedirs(os.path.join(folder, "state"))
        config = peers.put(folder, "pharos.toml", f"""
zones = "zones"
state = "{folder}/state"
[node]
name = "ns1"
[listen]
dns = ["127.0.0.1:{port}"]
admin = []
udp_threads = 1
""")
        return [program, "serve", "--config", config]
    return start


def some_name(rnd, labels):
    origin = rnd.choice(list(ORIGINS))
    return ".".join([rnd.choice(labels) for _ in range(rnd.choice([0, 1, 1, 2, 2, 3]))] + [origin, ""])


def zone_text(rnd, origin, targets):
    """A master file that every server loads: nothing beside a CNAME or below a DNAME."""
    used, lines = {}, ["@ SOA ns1 h 1 2 3 4 60", "@ NS ns1", "ns1 A 192.0.2.1"]

    def add(owner, rtype, data):
        have = used.setdefault(owner, set())
        above = owner.split(".")
        hidden = any("DNAME" in used.get(".".join(above[n:]), ()) for n in range(1, len(above)))
        fine = not (
            hidden or "CNAME" in have or rtype == "CNAME" and have or rtype == "DNAME" and (
                have & {"DNAME", "NS"} or any(other.endswith("." + owner) for other in used))
            or rtype == "NS" and "DNAME" in have or rtype == "DS" and "NS" not in have
            or rtype in ("NS", "DNAME") and owner.startswith("*"))
        line = f"{owner} {rtype} {data}"
        if fine and line not in lines:
            have.add(rtype)
            lines.append(line)
        elif not have:
            del used[owner]
        return fine

    for child in ORIGINS[origin]:
        if rnd.random() < 0.8:
            owner = child.removesuffix("." + origin)
            add(owner, "NS", f"ns1.{child}.")
            add(f"ns1.{owner}", "A", "192.0.2.9")
            if rnd.random() < 0.5:
                add(owner, "DS", DS_DATA)
    for _ in range(rnd.randint(6, 26)):
        owner = ".".join(rnd.choice("abcd*") for _ in range(rnd.choice([1, 1, 1, 2, 2, 3, 4])))
        rtype, number, target = rnd.choice(TYPES), rnd.randint(1, 254), rnd.choice(targets)
        data = {"A": f"192.0.2.{number}", "AAAA": f"2001:db8::{number:x}", "TXT": f'"t{number}"', "MX": f"10 {target}", "DS": DS_DATA,
                "SRV": f"1 2 3 {target}", "HTTPS": f"1 {target}"}.get(rtype, target)
        if add(owner, rtype, data) and rtype == "NS" and rnd.random() < 0.6:
            server = f"{rnd.choice(['ns', 'x.ns', 'a'])}.{owner}"
            if add(server, "A", f"192.0.2.{number}"):
                add(owner, "NS", server)
    return f"$ORIGIN {origin}.\n$TTL 300\n" + "\n".join(lines) + "\n"


def check(seed, ours, others, truth, rnd):
    wrong = 0
    asked = {f"{some_name(rnd, ['a', 'b', 'c', 'd', '*', 'ns1', 'x'])} {rnd.choice(TYPES + ['ANY', 'SOA'])}" for _ in range(QUESTIONS)}
    for line in sorted(asked):
        line += rnd.choice(["", " +edns", " +do"])
        for suffix, text, _ in generate.expected_of(truth, wire.Question(line), None):
            question, expect = wire.Question(line + suffix), Expect(text)
            for transport in [question.transport] if question.transport else ["udp", "tcp"]:
                try:
                    faults = expect.faults(question, ours.ask(question, transport, 2), peer=False)
                except (wire.Malformed, IndexError) as e:
                    faults = [f"malformed: {e!r}"]
                if faults:
                    wrong += 1
                    print(f"seed {seed}, {transport}: {line}\n  expected {text}\n  pharos: {'; '.join(faults)}")
                    for name, rows in generate.replies(others, question).items():
                        print(f"  {name}: {'; '.join(generate.judge(expect, question, rows)) or 'as expected'}")
    return len(asked), wrong


def world(seed, program):
    """(questions asked, replies that were wrong)."""
    rnd = random.Random(seed)
    peers.KINDS["pharos"] = pharos(program)
    peers.ABSENT = {}
    running = []
    with tempfile.TemporaryDirectory(prefix="worlds-") as folder:
        peers.ZONES = folder
        targets = [some_name(rnd, ["a", "b", "c", "d", "*", "ns1", "x"]) for _ in range(14)] + ["www.elsewhere.invalid."]
        for origin in ORIGINS:
            peers.put(folder, f"{origin}.zone", zone_text(rnd, origin, targets))
        try:
            truth = oracle.Oracle(generate.load_oracle())
            for name in ("pharos", "nsd", "knot", "bind", "pdns"):
                running.append(peers.Peer(name))
            return check(seed, running[0].wait(), [p.wait() for p in running[1:]], truth, rnd)
        except SystemExit as e:
            print(f"seed {seed}: left out: {e}")
            return 0, 0
        finally:
            for peer in running:
                peer.stop()


def main():
    program, first, last = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    results = [world(seed, program) for seed in range(first, last)]
    asked, wrong = (sum(column) for column in zip(*results))
    print(f"{asked} questions over UDP and TCP, {wrong} wrong replies")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
