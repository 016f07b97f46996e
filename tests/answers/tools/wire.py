"""DNS messages to and from text: the words of the case files.

A question is a line `NAME TYPE +option..` or `hex DIGITS` (everything after the message id); a
reply becomes a `Reply` whose sections are sorted RRsets in one canonical text form.
"""
import ipaddress
import struct

TYPES = {
    "A": 1, "NS": 2, "MD": 3, "MF": 4, "CNAME": 5, "SOA": 6, "MB": 7, "MG": 8, "MR": 9, "NULL": 10, "WKS": 11, "PTR": 12,
    "HINFO": 13, "MINFO": 14, "MX": 15, "TXT": 16, "RP": 17, "AFSDB": 18, "RT": 21, "KEY": 25, "AAAA": 28, "LOC": 29,
    "SRV": 33, "NAPTR": 35, "KX": 36, "CERT": 37, "A6": 38, "DNAME": 39, "OPT": 41, "APL": 42, "DS": 43, "SSHFP": 44,
    "IPSECKEY": 45, "RRSIG": 46, "NSEC": 47, "DNSKEY": 48, "DHCID": 49, "NSEC3": 50, "NSEC3PARAM": 51, "TLSA": 52,
    "SMIMEA": 53, "HIP": 55, "CDS": 59, "CDNSKEY": 60, "OPENPGPKEY": 61, "CSYNC": 62, "ZONEMD": 63, "SVCB": 64,
    "HTTPS": 65, "SPF": 99, "EUI48": 108, "EUI64": 109, "TKEY": 249, "TSIG": 250, "IXFR": 251, "AXFR": 252, "MAILB": 253,
    "MAILA": 254, "ANY": 255, "URI": 256, "CAA": 257,
}
TYPE_NAMES = {v: k for k, v in TYPES.items()}
CLASSES = {"IN": 1, "CH": 3, "HS": 4, "NONE": 254, "ANY": 255}
RCODES = {0: "NOERROR", 1: "FORMERR", 2: "SERVFAIL", 3: "NXDOMAIN", 4: "NOTIMP", 5: "REFUSED", 6: "YXDOMAIN",
          9: "NOTAUTH", 16: "BADVERS", 17: "BADKEY", 23: "BADCOOKIE"}
#: Header bits by name; `z` is the one bit that is still reserved.
BITS = {"qr": 0x8000, "aa": 0x0400, "tc": 0x0200, "rd": 0x0100, "ra": 0x0080, "z": 0x0040, "ad": 0x0020, "cd": 0x0010}
SINGLE_NAME = {2, 5, 12, 39, 3, 4, 7, 8, 9}
#: Bytes before the name, in types whose data is a number or two and a name.
PREFIXED_NAME = {15: 2, 18: 2, 21: 2, 33: 6, 36: 2}


class Malformed(Exception):
    pass


def type_number(text):
    return TYPES[text] if text in TYPES else int(text.removeprefix("TYPE"))


def type_text(number):
    return TYPE_NAMES.get(number, f"TYPE{number}")


def name_wire(text):
    """`\\.` and `\\065` as in master files; no check of lengths, so that wrong names can be sent."""
    out, label, i = b"", bytearray(), 0
    if text == ".":
        return b"\0"
    while i < len(text):
        c = text[i]
        if c == "\\":
            if text[i + 1].isdigit():
                label.append(int(text[i + 1:i + 4]))
                i += 4
            else:
                label.append(ord(text[i + 1]))
                i += 2
        elif c == ".":
            out += bytes([len(label)]) + label
            label = bytearray()
            i += 1
        else:
            label.append(ord(c))
            i += 1
    assert not label, f"{text} is not absolute"
    return out + b"\0"


PLAIN = set(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_*/+=:!#%&<>?[]^{}~'`")


def name_text(wire):
    if wire == b"\0":
        return "."
    out, i = "", 0
    while wire[i]:
        for b in wire[i + 1:i + 1 + wire[i]]:
            out += chr(b) if b in PLAIN else f"\\{b:03d}"
        out += "."
        i += 1 + wire[i]
    return out


def fold(wire):
    return bytes(b + 32 if 65 <= b <= 90 else b for b in wire)


def labels(wire):
    out, i = [], 0
    while wire[i]:
        out.append(wire[i:i + 1 + wire[i]])
        i += 1 + wire[i]
    return out


def strings_text(rdata):
    out, i = [], 0
    while i < len(rdata):
        text = ""
        for b in rdata[i + 1:i + 1 + rdata[i]]:
            text += chr(b) if b in PLAIN or b in b" .()@" else f"\\{b:03d}"
        out.append(f'"{text}"')
        i += 1 + rdata[i]
    return " ".join(out)


def rdata_text(rtype, rdata):
    """Of data without compression. What has no text here is in the form of RFC 3597."""
    try:
        if rtype == 1 and len(rdata) == 4:
            return str(ipaddress.IPv4Address(rdata))
        if rtype == 28 and len(rdata) == 16:
            return str(ipaddress.IPv6Address(rdata))
        if rtype in SINGLE_NAME:
            return name_text(fold(rdata))
        if rtype in PREFIXED_NAME:
            n = PREFIXED_NAME[rtype]
            return " ".join(map(str, struct.unpack(f">{n // 2}H", rdata[:n]))) + " " + name_text(fold(rdata[n:]))
        if rtype == 6:
            m = name_text(fold(rdata))
            end = sum(map(len, labels(rdata))) + 1
            r = name_text(fold(rdata[end:]))
            return " ".join([m, r, *map(str, struct.unpack(">5I", rdata[-20:]))])
        if rtype in (16, 99) and rdata:
            return strings_text(rdata)
    except (IndexError, struct.error):
        raise Malformed("rdata") from None
    return f"\\# {len(rdata)} {rdata.hex()}".rstrip()


class Question:
    """One line of a case file: what is sent."""

    def __init__(self, line):
        self.line = line
        words = line.split()
        self.transport = None
        self.hex = None
        self.flags, self.opcode, self.rcode, self.klass = 0, 0, 0, 1
        self.edns, self.version, self.edns_flags, self.options = None, 0, 0, []
        if words[0] == "hex":
            self.hex = bytes.fromhex(words[1])
            self.name = self.type = None
            rest = words[2:]
        else:
            self.name, self.type = name_wire(words[0]), type_number(words[1])
            rest = words[2:]
        for word in rest:
            key, _, value = word.removeprefix("+").partition("=")
            if key in ("udp", "tcp"):
                self.transport = key
            elif key in BITS:
                self.flags |= BITS[key]
            elif key == "opcode":
                self.opcode = int(value)
            elif key == "rcode":
                self.rcode = int(value)
            elif key == "class":
                self.klass = CLASSES[value] if value in CLASSES else int(value)
            else:
                if self.edns is None:
                    self.edns = 1232
                if key == "edns":
                    self.edns = int(value or 1232)
                elif key == "do":
                    self.edns_flags |= 0x8000
                elif key == "ednsflags":
                    self.edns_flags |= int(value, 16)
                elif key == "version":
                    self.version = int(value)
                elif key == "nsid":
                    self.options.append((3, b""))
                elif key == "opt":
                    code, _, data = value.partition(":")
                    self.options.append((int(code), bytes.fromhex(data)))
                else:
                    raise ValueError(word)

    def message(self, ident):
        if self.hex is not None:
            return struct.pack(">H", ident) + self.hex
        head = struct.pack(">HHHHHH", ident, self.flags | self.opcode << 11 | self.rcode, 1, 0, 0, self.edns is not None)
        body = self.name + struct.pack(">HH", self.type, self.klass)
        if self.edns is not None:
            data = b"".join(struct.pack(">HH", c, len(d)) + d for c, d in self.options)
            body += b"\0" + struct.pack(">HHBBHH", 41, self.edns, 0, self.version, self.edns_flags, len(data)) + data
        return head + body


class Reply:
    """A decoded reply. `sections` are answer, authority and additional: lists of (owner, ttl, type,
    class, [rdata text]) sorted, without the OPT."""

    def __init__(self, wire):
        self.wire = wire
        if len(wire) < 12:
            raise Malformed("short")
        self.id, bits, self.qd, an, ns, ar = struct.unpack(">6H", wire[:12])
        self.opcode, self.rcode = bits >> 11 & 15, bits & 15
        self.bits = {k for k, v in BITS.items() if bits & v}
        pos = 12
        for _ in range(self.qd):
            _, pos = self.name_at(pos)
            pos += 4
        self.question = wire[12:pos]
        self.opts, self.sections = [], []
        for count in (an, ns, ar):
            sets = {}
            for _ in range(count):
                owner, pos = self.name_at(pos)
                if pos + 10 > len(wire):
                    raise Malformed("record")
                rtype, klass, ttl, rdlen = struct.unpack(">HHIH", wire[pos:pos + 10])
                pos += 10
                if pos + rdlen > len(wire):
                    raise Malformed("rdata length")
                if rtype == 41:
                    self.opts.append((klass, ttl, wire[pos:pos + rdlen]))
                    pos += rdlen
                    continue
                rdata = rdata_text(rtype, self.expanded(rtype, pos, rdlen))
                key = (name_text(fold(owner)), ttl, type_text(rtype), klass)
                sets.setdefault(key, []).append(rdata)
                pos += rdlen
            self.sections.append(sorted((*k, sorted(v)) for k, v in sets.items()))
        self.trailing = len(wire) - pos
        if self.opts:
            size, ttl, _ = self.opts[0]
            self.rcode |= ttl >> 24 << 4

    def name_at(self, pos):
        out, end, hops = b"", None, 0
        while True:
            if pos >= len(self.wire):
                raise Malformed("name")
            n = self.wire[pos]
            if n & 0xC0 == 0xC0:
                end = end or pos + 2
                pos = (n & 0x3F) << 8 | self.wire[pos + 1]
                hops += 1
                if hops > 127:
                    raise Malformed("pointer loop")
            elif n & 0xC0:
                raise Malformed("label type")
            else:
                out += self.wire[pos:pos + 1 + n]
                pos += 1 + n
                if n == 0:
                    return out, end or pos

    def expanded(self, rtype, pos, rdlen):
        """Data with its names decompressed, in the types that may compress (RFC 3597, 4)."""
        end = pos + rdlen
        if rtype in SINGLE_NAME:
            name, after = self.name_at(pos)
            if after != end:
                raise Malformed("name in rdata")
            return name
        if rtype in (15, 18, 21, 33):
            n = PREFIXED_NAME[rtype]
            return self.wire[pos:pos + n] + self.name_at(pos + n)[0]
        if rtype == 6:
            m, after = self.name_at(pos)
            r, after = self.name_at(after)
            return m + r + self.wire[after:end]
        return self.wire[pos:end]

    def rcode_text(self):
        return RCODES.get(self.rcode, f"RCODE{self.rcode}")


def set_text(rrset):
    owner, ttl, rtype, klass, rdatas = rrset
    klass = "" if klass == 1 else {3: "CH ", 254: "NONE ", 255: "ANY "}.get(klass, f"CLASS{klass} ")
    return f"{owner} {ttl} {klass}{rtype} " + " , ".join(rdatas)


def section_text(section):
    return " ; ".join(map(set_text, section))
