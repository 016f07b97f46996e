"""The questions of the suite, by file. A case is (line, expectation or None, comment or None); where the
expectation is None, the oracle says it."""
import struct
import zlib

import oracle
import peers
import wire
from wire import name_wire

OPTIONS = ["", "", " +rd", " +edns", " +edns +rd", " +do", " +edns=4096", " +do +rd", " +ad"]


def varied(line):
    """Some bits and EDNS forms, and some letter case, from the question's own hash."""
    h = zlib.crc32(line.encode())
    name, rest = line.split(" ", 1)
    if name.endswith("long.dname.test."):
        # Whether these fit into 512 bytes depends on how a server compresses.
        return f"{line} +edns"
    if h % 7 == 0 and "\\" not in name:
        name = "".join(c.upper() if h >> i % 24 & 1 else c for i, c in enumerate(name))
    return f"{name} {rest}{OPTIONS[h // 7 % len(OPTIONS)]}"


def names_of(zone, more=(), wide=True):
    """Every name of the zone, a name below each, and a sister of some."""
    out = set(zone.names)
    for name in zone.names:
        for label in (b"x", b"*") if wide or name == zone.apex else (b"x",):
            if len(name) < 250 and not name.startswith(b"\1*") or label == b"x":
                if len(name) + 2 <= 255:
                    out.add(name_wire(label.decode() + ".")[:-1] + name)
        # A referral does not depend on the name below the cut, so one deeper name is enough.
        if (wide or name.startswith(b"\1*")) and zone.cut(name) in (None, name) and len(name) + 4 <= 255:
            out.add(b"\1y\1x" + name)
    out |= {wire.fold(name_wire(m)) for m in more}
    # Of the many names with very many labels, some.
    out = {n for n in out if oracle.depth(n) < 12 or oracle.depth(n) % 40 == 3 or oracle.depth(n) > 120}
    return sorted(out, key=lambda n: list(reversed(wire.labels(n))))


def matrix(zone, types, more=(), deep=True, wide=True):
    out = []
    for name in names_of(zone, more, wide):
        if not deep and name not in zone.names:
            continue
        own = [wire.type_text(t) for t in sorted(zone.sets.get(name, ()))]
        some = types if name in zone.names or len(types) < 4 else types[:4]
        for rtype in dict.fromkeys(list(some) + own):
            out.append((varied(f"{wire.name_text(name)} {rtype}"), None, None))
    return out


def fixed(*lines):
    return [(line, None, None) for line in lines]


def message(flags=0, qd=1, an=0, ns=0, ar=0, body=b""):
    return "hex " + (struct.pack(">HHHHH", flags, qd, an, ns, ar) + body).hex()


def question(name, rtype=1, klass=1):
    return name_wire(name) + struct.pack(">HH", rtype, klass)


def opt(size=1232, extended=0, version=0, flags=0, data=b"", owner=b"\0", rdlen=None):
    length = len(data) if rdlen is None else rdlen
    return owner + struct.pack(">HHBBHH", 41, size, extended, version, flags, length) + data


WWW = question("www.sem.test.")
WWW_IS = "www.sem.test. 3600 A 192.0.2.10 , 192.0.2.11"
RECORD = name_wire("www.sem.test.") + struct.pack(">HHIH", 1, 1, 60, 4) + b"\1\2\3\4"
SOA_RECORD = name_wire("sem.test.") + struct.pack(">HHIH", 6, 1, 60, 22) + b"\0\0" + struct.pack(">5I", 1, 1, 1, 1, 1)
FINE = f"NOERROR aa | {WWW_IS} | |"
FINE_EDNS = f"NOERROR aa opt | {WWW_IS} | |"
FORMERR = "FORMERR aa? rd? opt? | | |"
NOTIMP = "NOTIMP rd? aa? cd? opt? do? | | |"


def header():
    out = []
    for opcode in (1, 2, 3, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15):
        out.append((f"www.sem.test. A +opcode={opcode}", NOTIMP, None))
        out.append((f"nozone.invalid. A +edns +opcode={opcode}", NOTIMP, None))
    note = "no two servers agree; this one implements neither (RFC 1035, 4.1.1: NOTIMP, the kind of query is not supported)"
    for opcode in (4, 5):
        for line in (f"sem.test. SOA +opcode={opcode}", f"sem.test. SOA +edns +opcode={opcode}",
                     f"nozone.invalid. SOA +opcode={opcode}", f"www.sem.test. A +opcode={opcode}"):
            out.append((line, NOTIMP, note))
    out.append((message(0x2400, 1, 1, 0, 0, question("sem.test.", 6) + SOA_RECORD), NOTIMP, "NOTIFY with the new SOA; " + note))
    out.append((message(0x2800, 1, 0, 1, 0, question("sem.test.", 6) + RECORD), NOTIMP, "UPDATE that adds a record; " + note))
    out.append((message(0x1000, 0), NOTIMP, "opcode 2 without a question"))
    for bit in ("aa", "ra", "z", "ad"):
        out.append((f"www.sem.test. A +{bit}", FINE, None))
    out.append(("www.sem.test. A +tc", FINE, "TC in a query means nothing"))
    out.append(("www.sem.test. A +rcode=5", FINE, "an rcode in a query means nothing"))
    out.append(("www.sem.test. A +rd", f"NOERROR aa rd | {WWW_IS} | |", None))
    cd = "RFC 4035, 3.1.6: CD is clear in authoritative answers (section 3 would have it copied)"
    out.append(("www.sem.test. A +cd", f"NOERROR aa | {WWW_IS} | |", cd))
    out.append(("www.sem.test. A +rd +cd +ad +z +aa", f"NOERROR aa rd | {WWW_IS} | |", cd))
    for name in ("www.sem.test.", "missing.sem.test.", "nozone.invalid.", "host.sub.sem.test."):
        out.append((f"{name} A +qr", "silent", "a response is never answered"))
    out.append((message(0x8000, 0), "silent", "a response is never answered"))
    out.append((message(0x8183, 1, 0, 0, 0, WWW), "silent", "a response is never answered"))
    return out


def malformed():
    cut = WWW[:-2]
    out = [
        ("hex 0000 +udp".replace("0000 ", "0000000100000000 "), "silent", "eleven bytes with the id: no header"),
        (message(0, 0), FORMERR, "no question (RFC 9619)"),
        (message(0, 0, 0, 0, 1, opt()), FORMERR, "no question, EDNS (RFC 7873, 5.4 allows it for cookies only)"),
        (message(0, 2, body=WWW + WWW), FORMERR, "two questions (RFC 9619)"),
        (message(0, 2, body=WWW + question("only4.sem.test.")), FORMERR, "two questions (RFC 9619)"),
        (message(0, 2, body=WWW), FORMERR, "two questions, one there"),
        (message(0, 1), FORMERR, "the question is missing"),
        (message(0, 1, 1, body=WWW), FORMERR, "the answer record is missing"),
        (message(0, 1, 0, 1, body=WWW), FORMERR, "the authority record is missing"),
        (message(0, 1, 0, 0, 1, body=WWW), FORMERR, "the additional record is missing"),
        (message(0, 1, 0, 0, 1, body=WWW + RECORD[:-1]), FORMERR, "the additional record is cut short"),
        (message(0, 1, 0, 0, 1, body=WWW + name_wire("www.sem.test.") + b"\0\1"), FORMERR, "the additional record is cut short"),
        (message(0, 1, 1, body=WWW + RECORD), FINE, "a record in the answer section is skipped"),
        (message(0, 1, 0, 1, body=WWW + RECORD), FINE, "a record in the authority section is skipped"),
        (message(0, 1, 0, 0, 1, body=WWW + RECORD), FINE, "a record in the additional section is skipped"),
        (message(0, 1, 0, 0, 2, body=WWW + RECORD + opt()), FINE_EDNS, "a record before the OPT is skipped"),
        (message(0, 1, 0, 0, 2, body=WWW + opt() + RECORD), FINE_EDNS, "a record after the OPT is skipped"),
        (message(0, 1, 0, 0, 1, body=WWW + b"\xc0\x0c" + RECORD[14:]), FINE, "a record whose owner is a pointer is skipped"),
        (message(0, 1, body=WWW + b"\0"), FINE, "a byte after the message is not looked at"),
        (message(0, 1, 0, 0, 1, body=WWW + opt() + b"\0abcd"), FINE_EDNS, "bytes after the message are not looked at"),
        (message(0, 1, body=cut), FORMERR, "class cut off"),
        (message(0, 1, body=WWW[:-3]), FORMERR, "type cut off"),
        (message(0, 1, body=b"\x20abc"), FORMERR, "name runs out"),
        (message(0, 1, body=b"\3www"), FORMERR, "name without an end"),
        (message(0, 1, body=b"\xc0\x0c\0\1\0\1"), FORMERR, "name points to itself"),
        (message(0, 1, body=b"\xc0\x12\0\1\0\1" + name_wire("sem.test.")), FORMERR, "name points forward"),
        (message(0, 1, body=b"\xc0"), FORMERR, "half a pointer"),
        (message(0, 1, body=b"\xff\xff\0\1\0\1"), FORMERR, "name points out of the message"),
        (message(0, 1, body=b"\x41a\0\0\1\0\1"), FORMERR, "label type 01"),
        (message(0, 1, body=b"\x81a\0\0\1\0\1"), FORMERR, "label type 10"),
        (message(0, 1, body=b"\3www\x41a\0\0\1\0\1"), FORMERR, "label type 01 in the second label"),
        (message(0, 1, body=(b"\x3f" + b"a" * 63) * 3 + b"\x3e" + b"a" * 62 + b"\0\0\1\0\1"), FORMERR, "a name of 256 octets"),
        (message(0, 1, body=(b"\x3f" + b"a" * 63) * 4 + b"\0\0\1\0\1"), FORMERR, "a name of 257 octets"),
        (message(0, 1, body=b"\1a" * 128 + b"\0\0\1\0\1"), FORMERR, "128 labels"),
        (message(0, 1, body=(b"\x3f" + b"a" * 63) * 3 + b"\x3d" + b"a" * 61 + b"\0\0\1\0\1"), "REFUSED | | |", "a name of 255 octets is fine"),
        (message(0, 1, body=b"\1a" * 127 + b"\0\0\1\0\1"), "REFUSED | | |", "127 labels are fine"),
    ]
    key = name_wire("key.sem.test.") + struct.pack(">HHIH", 250, 255, 0, 0)
    data = name_wire("hmac-sha256.") + struct.pack(">HIHH", 0, 1700000000, 300, 32) + b"\7" * 32 + struct.pack(">HHH", 1, 0, 0)
    tsig = name_wire("key.sem.test.") + struct.pack(">HHIH", 250, 255, 0, len(data)) + data
    unknown = "TSIG by a key that is not known: NOTAUTH, and BADKEY in an unsigned TSIG (RFC 8945, 5.2.1)"
    out += [
        (message(0, 1, 0, 0, 1, WWW + tsig), "NOTAUTH aa? | | | *", unknown),
        (message(0, 1, 0, 0, 2, WWW + opt() + tsig), "NOTAUTH aa? opt | | | *", unknown),
        (message(0, 1, 0, 0, 1, question("sem.test.", 252) + tsig) + " +tcp", "NOTAUTH aa? | | | *", unknown),
        (message(0, 1, 0, 0, 2, WWW + tsig + opt()), FORMERR, "TSIG that is not the last record (RFC 8945, 5.1)"),
        (message(0, 1, 0, 0, 2, WWW + tsig + tsig), FORMERR, "two TSIGs (RFC 8945, 5.1)"),
        (message(0, 1, 0, 0, 1, WWW + key[:-2] + b"\0\3abc"), FORMERR, "TSIG with broken data"),
    ]
    return out


def edns():
    out = []
    badvers = "BADVERS aa? opt | | |"
    for version in (1, 2, 128, 255):
        for name in ("www.sem.test. A", "missing.sem.test. A", "nozone.invalid. A", "host.sub.sem.test. A", "a100.size.test. A"):
            out.append((f"{name} +version={version}", badvers, None))
    out.append(("www.sem.test. A +version=1 +do +nsid +rd", "BADVERS aa? opt do nsid? rd | | |", "RFC 6891, 6.1.3; DO is copied"))
    for what, body, ar in (
            ("two OPTs (RFC 6891, 6.1.1)", opt() + opt(), 2), ("two OPTs, the second of version 1", opt() + opt(version=1), 2),
            ("three OPTs", opt() * 3, 3), ("two OPTs around a record", opt() + RECORD + opt(), 3),
            ("OPT with an owner (RFC 6891, 6.1.2)", opt(owner=b"\3www\0"), 1),
            ("OPT whose owner points to the question", opt(owner=b"\xc0\x0c"), 1),
            ("OPT longer than the message", opt(rdlen=9), 1), ("OPT without its length", opt()[:-2], 1),
            ("OPT without TTL and length", opt()[:-6], 1),
            ("option longer than the OPT", opt(data=b"\0\3\0\x09ab"), 1), ("half an option header", opt(data=b"\0\3\0"), 1),
            ("an option, then half a header", opt(data=b"\0\3\0\0\0"), 1)):
        out.append((message(0, 1, 0, 0, ar, WWW + body), FORMERR, what))
    out.append((message(0, 1, 1, 0, 0, WWW + opt()), FORMERR, "OPT in the answer section"))
    out.append((message(0, 1, 0, 1, 0, WWW + opt()), FORMERR, "OPT in the authority section"))
    out.append((message(0, 1, 0, 0, 1, WWW + opt(extended=255)), FINE_EDNS, "extended rcode in a query"))
    out.append(("www.sem.test. A +edns", FINE_EDNS, None))
    out.append(("www.sem.test. A +do", f"NOERROR aa opt do | {WWW_IS} | |", "RFC 3225: DO is copied"))
    out.append(("www.sem.test. A +ednsflags=ffff", f"NOERROR aa opt do | {WWW_IS} | |", "other flags are cleared"))
    out.append(("www.sem.test. A +ednsflags=7fff", FINE_EDNS, "other flags are cleared"))
    for data in ("+opt=65001:abcd", "+opt=65001:", "+opt=0:00", "+opt=4:00", "+opt=12:0000", "+opt=13:00", "+opt=65535:ffff", "+opt=100:" + "aa" * 300,
                 "+opt=65001: +opt=65001: +opt=65002:00"):
        out.append((f"www.sem.test. A {data}", FINE_EDNS, None))
    out.append(("www.sem.test. A +opt=11: +udp", FINE_EDNS, "RFC 7828, 3.2.1: not over UDP"))
    nsid = f"NOERROR aa opt nsid | {WWW_IS} | |"
    out += [("www.sem.test. A +nsid", nsid, "RFC 5001"), ("www.sem.test. A +opt=3:aabb", nsid, "data in the request is ignored"),
            ("www.sem.test. A +opt=65001:00 +nsid +opt=65002:", nsid, None), ("www.sem.test. A +nsid +nsid", nsid, "asked twice, said once"),
            ("missing.sem.test. A +nsid", "NXDOMAIN aa opt nsid | | sem.test. 300 SOA ns1.sem.test. hostmaster.sem.test. 2024010101 7200 3600 1209600 300 |", None),
            ("nozone.invalid. A +nsid", "REFUSED opt nsid | | |", None)]
    for size in (0, 1, 100, 511, 512, 513, 1231, 1232, 1233, 1280, 1400, 1452, 4096, 8192, 65535):
        out.append((f"www.sem.test. A +edns={size}", FINE_EDNS, None))
        out.append((f"a100.size.test. A +udp +edns={size}", "NOERROR aa tc opt | * | * | *", None))
        out.append((f"a20.size.test. A +udp +edns={size}", None, None))
    return out


def classes():
    out = []
    for klass in ("HS", "NONE", "0", "2", "5", "4242", "65535"):
        for name in ("www.sem.test. A", "nozone.invalid. A", "sem.test. ANY"):
            out.append((f"{name} +class={klass}", "REFUSED aa? | | |", None))
    note = "QCLASS * is answered as IN, but not with authority (RFC 1035, 6.2)"
    out.append(("www.sem.test. A +class=ANY", f"NOERROR | {WWW_IS} | |", note))
    out.append(("version.bind. TXT +class=ANY", "REFUSED | | |", None))
    for name in ("www.sem.test.", "foo.bind.", "nozone.invalid.", "sem.test.", "example.", "authors.bind.", "x.version.bind.", "x.id.server.",
                 "server.", "bind.", "."):
        for rtype in ("A", "TXT"):
            out.append((f"{name} {rtype} +class=CH", "REFUSED aa? | | |", None))
    for name, text in (("version.bind.", "*"), ("version.server.", "*"), ("id.server.", '"ns1"'), ("hostname.bind.", '"ns1"')):
        out.append((f"{name} TXT +class=CH", f"NOERROR aa? | {name} 0 CH TXT {text} | * |", None))
        out.append((f"{name.upper()} TXT +class=CH +do +rd", f"NOERROR aa? rd opt do | {name} 0 CH TXT {text} | * |", None))
        out.append((f"{name} A +class=CH", "REFUSED aa? | | |", None))
        out.append((f"{name} TXT", "REFUSED | | |", None))
    for rtype in ("TYPE0", "OPT", "TSIG", "TKEY", "TYPE128", "TYPE200", "TYPE248", "MAILB", "MAILA", "MD", "MF", "MB", "MG", "MR", "NULL", "WKS", "A6",
                  "RRSIG", "NSEC", "NSEC3", "NSEC3PARAM", "DNSKEY", "ZONEMD", "CSYNC", "TYPE1000", "TYPE32768", "TYPE65280", "TYPE65535"):
        for name in ("www.sem.test.", "missing.sem.test.", "z.ent.sem.test.", "host.sub.sem.test.", "x.wcname.sem.test.", "nozone.invalid."):
            # RRSIG may stand beside a CNAME (RFC 4035, 2.5), and then servers do not follow it.
            if (rtype, name) != ("RRSIG", "x.wcname.sem.test."):
                out.append((f"{name} {rtype}", None, None))
    for rtype in ("AXFR", "IXFR"):
        for name in ("sem.test.", "example.", "child.parent.test.", "www.sem.test.", "missing.sem.test.", "sub.sem.test.", "nozone.invalid.", "."):
            for transport in ("udp", "tcp"):
                out.append((f"{name} {rtype} +{transport}", None, None))
    for transport in ("udp", "tcp"):
        out.append((message(0, 1, 0, 1, 0, question("sem.test.", 251) + SOA_RECORD) + f" +{transport}", "REFUSED aa? | | |", "IXFR with the SOA that is known"))
    for name in (".", "test.", "nozone.invalid.", "www.nozone.invalid.", "com.", "exampl.", "examples.", "www-sem.test.", "xsem.test.",
                 "in-addr.arpa.", "192.in-addr.arpa.", "3.0.192.in-addr.arpa.", "lost.test.", "x.lost.test."):
        for rtype in ("A", "NS", "SOA", "DS", "ANY", "TXT +do", "AAAA +rd"):
            out.append((f"{name} {rtype}", None, None))
    return out


def sizes(zone):
    out = []
    for name in sorted(zone.names):
        text = wire.name_text(name)
        if text.startswith(("ns", "long-label", "mail")) and name != b"\5nscut" + zone.apex:
            continue
        if name == zone.apex or text[0] == "m" and text[1].isdigit():
            continue
        for rtype in sorted(zone.sets.get(name, ())):
            if rtype == NS_TYPE:
                continue
            for option in ("+udp", "+udp +edns=512", "+udp +edns=900", "+udp +do", "+udp +edns=4096", "+tcp", "+tcp +edns"):
                out.append((f"{text} {wire.type_text(rtype)} {option}", None, None))
    for name in ("a20", "a30", "a31", "a100", "txt100", "mxadd", "huge", "t460", "t1170", "t1180"):
        for option in ("+udp", "+udp +edns", "+tcp"):
            out.append((f"{name}.size.test. ANY {option}", None, None))
    for name in ("x.glue", "x.glue40", "x.nscut", "ns100", "x.ns100", "mxadd", "x.wild"):
        for rtype in ("A", "MX", "TXT", "NS", "DS"):
            for option in ("+udp", "+udp +edns=512", "+udp +edns=900", "+udp +edns", "+udp +edns=4096", "+tcp", "+tcp +edns"):
                out.append((f"{name}.size.test. {rtype} {option}", None, None))
    return out


NS_TYPE = oracle.NS


def files(zones):
    """(file, what it is about, cases)."""
    z = {wire.name_text(zone.apex): zone for zone in zones}
    common = ["A", "TXT", "NS", "DS", "MX", "ANY", "AAAA", "CNAME", "SOA"]
    few = ["A", "TXT", "ANY", "CNAME"]
    yield "zone", "Apex, cuts, glue, empty non-terminals and wildcards.", matrix(
        z["sem.test."], common, ["a.b.c.d.e.sem.test.", "a.b.c.x.wild.sem.test.", "e.ent.wild.sem.test.", "*.*.wild.sem.test.", "a.*.w2.sem.test.",
                                 "b.a.leaf.w2.sem.test.", "q.q.inner.w3.sem.test.", "inner.w3.sem.test.", "w3.sem.test.", "a.b.in.w4.sem.test.",
                                 "other.w4.sem.test.", "a.x.in.w4.sem.test.", "a.del.w5.sem.test.", "a.other.w5.sem.test."])
    yield "rfc4592", "The zone and the questions of RFC 4592.", fixed(
        "host3.example. MX", "host3.example. A", "foo.bar.example. TXT", "host1.example. MX", "sub.*.example. MX",
        "_telnet._tcp.host1.example. SRV", "host.subdel.example. A", "ghost.*.example. MX") + matrix(
        z["example."], ["A", "TXT", "MX", "SRV", "ANY", "NS"], ["_udp.host1.example.", "_ssh._tcp.host9.example.", "x.sub.*.example.", "y.*.example."])
    # Of the long chain, two types will do.
    def long(line):
        name, rtype = line.lower().split()[:2]
        return name[0] == "l" and name[1:3].isdigit() and rtype not in ("a", "txt")

    yield "cname", "Aliases: chains in the zone, into other zones of this server, out of it, to nothing and in circles.", [c for c in matrix(
        z["cname.test."], few + ["MX", "NS", "DS", "AAAA", "SOA"], wide=False) if not long(c[0])] + matrix(z["sister.test."], few) + fixed(*(
            f"{name}.cname.test. A +rd +{transport}" for transport in ("udp", "tcp") for name in ("twin1", "twin2", "twin1", "twin2")))
    yield "dname", "DNAME (RFC 6672): at its owner, below it, in chains, at an apex, too long.", matrix(
        z["dname.test."], ["A", "TXT", "CNAME", "DNAME", "ANY", "NS"], [
            "c.dn.dname.test.", "n.dn.dname.test.", "p.dn.dname.test.", "circle.dn.dname.test.", "q.w.dn.dname.test.", "w.dn.dname.test.", "y.x.dn.dname.test.", "a.b.c.dn.dname.test.", "a.sis.dname.test.",
            "z.sis.dname.test.", "c.first.dname.test.", "n.first.dname.test.", "host.tocut.dname.test.", "c.zero.dname.test.",
            "l" * 50 + "." + "m" * 50 + ".long.dname.test.", "l" * 37 + ".long.dname.test.", "l" * 38 + ".long.dname.test.", "l" * 39 + ".long.dname.test.",
            "l" * 40 + ".long.dname.test.", "l" * 41 + ".long.dname.test.", "l" * 63 + ".long.dname.test."]) + matrix(
        z["dnapex.test."], ["A", "MX", "NS", "SOA", "DNAME", "CNAME", "DS", "AAAA"], ["c.dnapex.test.", "n.dnapex.test.", "q.w.dnapex.test."])
    both = ["A", "NS", "DS", "SOA", "TXT", "ANY", "CNAME"]
    yield "parents", "Zones within zones, all served here; and one whose parent is not.", [
        c for zone in ("parent.test.", "child.parent.test.", "deep.two.parent.test.", "orphan.lost.test.") for c in matrix(z[zone], both)]
    yield "reverse", "RFC 2317: reverse zones that are parts of others.", [
        c for zone in ("2.0.192.in-addr.arpa.", "0/25.2.0.192.in-addr.arpa.") for c in matrix(z[zone], ["PTR", "CNAME", "NS", "ANY", "A"])]
    yield "ttl", "TTLs, of negative answers above all (RFC 2308, 5).", [
        c for zone in ("ttl.test.", "ttl2.test.", "ttl0.test.", "solo.") for c in matrix(z[zone], ["A", "TXT", "SOA", "NS", "AAAA"])]
    yield "names", "Labels that are no host names, long names, many labels.", matrix(
        z["names.test."], ["A", "TXT", "MX", "ANY"], ["a\\.b.names.test.", "b.a.names.test.", "MIXED.names.test.", "upper.mixed.names.test.", "a.q.mid.names.test.",
                                                     "\\000\\000.names.test.", "q.two.names.test.", "\\*.names.test.", "A\\.B.names.test."])
    every = ["A", "AAAA", "NS", "MX", "TXT", "SPF", "CNAME", "PTR", "SRV", "CAA", "NAPTR", "SSHFP", "TLSA", "SMIMEA", "OPENPGPKEY", "DS", "DNSKEY", "CDS", "CDNSKEY",
             "SVCB", "HTTPS", "LOC", "URI", "HINFO", "RP", "TYPE65280", "TYPE731", "SOA", "DNAME", "TYPE9999"]
    yield "types", "Every type that a zone file may hold.", matrix(z["types.test."], ["A"]) + [
        (varied(f"{n}.types.test. {t}"), None, None) for n in ("all", "x.wild") for t in every] + [
        (varied(f"{n} {t}"), None, None) for n in ("types.test.", "cname.types.test.") for t in every]
    yield "additional", "What goes along: addresses of targets (RFC 1034, 4.3.2, 6).", matrix(
        z["add.test."], ["MX", "SRV", "NS", "SVCB", "HTTPS", "A", "ANY", "NAPTR"], ["any.wmx.add.test."], deep=False) + fixed(
        "any.wmx.add.test. MX", "a.wild.add.test. A", "x.dn.add.test. MX")
    yield "size", "RRsets that do not fit (RFC 2181, 9), and those that just do.", sizes(z["size.test."])
    yield "header", "Bits and opcodes.", header()
    yield "malformed", "Messages that are wrong, and some that only look so.", malformed()
    yield "edns", "EDNS (RFC 6891).", edns()
    yield "classes", "Other classes, other types, names of no zone.", classes()
