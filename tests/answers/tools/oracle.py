"""What an authoritative server should answer, after the RFCs and the choices of this suite.

Written to be read beside the RFCs, not to be fast: it knows nothing of pharos or of the peers. Where
servers differ, the choice made here is named, and the case files say who agrees.
"""
import ipaddress

import wire

NS, CNAME, SOA, MX, SRV, DNAME, DS, SVCB, HTTPS, A, AAAA, ANY = 2, 5, 6, 15, 33, 39, 43, 64, 65, 1, 28, 255
AXFR, IXFR = 252, 251
#: A chain is followed so far; more is answered in part, and resolvers go on from there.
CHAIN_MAX = 16


def parent(name):
    return name[1 + name[0]:]


def below(name, above):
    """Whether `name` is `above` or lies below it."""
    while True:
        if name == above:
            return True
        if name == b"\0":
            return False
        name = parent(name)


def depth(name):
    return len(wire.labels(name))


class Zone:
    def __init__(self, records):
        self.sets = {}
        for owner, rtype, ttl, rdata in records:
            rrset = self.sets.setdefault(owner, {}).setdefault(rtype, [ttl, []])
            rrset[0] = min(rrset[0], ttl)
            if rdata not in rrset[1]:
                rrset[1].append(rdata)
            if rtype == SOA:
                self.apex = owner
        #: Every name that exists, empty non-terminals included (RFC 4592, 2.2.2).
        self.names = set()
        for owner in self.sets:
            while owner != self.apex:
                self.names.add(owner)
                owner = parent(owner)
            self.names.add(self.apex)

    def rrset(self, owner, rtype, shown=None):
        ttl, rdatas = self.sets[owner][rtype]
        return (shown or owner, ttl, rtype, rdatas)

    def negative(self):
        """The SOA with the TTL of a negative answer (RFC 2308, 3)."""
        ttl, (rdata,) = self.sets[self.apex][SOA]
        return (self.apex, min(ttl, int.from_bytes(rdata[-4:], "big")), SOA, [rdata])

    def cut(self, name):
        """The topmost cut at or above `name`, the apex not counted (RFC 1034, 4.3.2, 3b)."""
        path = []
        while name != self.apex:
            path.append(name)
            name = parent(name)
        return next((n for n in reversed(path) if NS in self.sets.get(n, ())), None)

    def dname(self, name):
        """The topmost DNAME strictly above `name`."""
        path = []
        while name != self.apex:
            name = parent(name)
            path.append(name)
        return next((n for n in reversed(path) if DNAME in self.sets.get(n, ())), None)

    def match(self, name):
        """The owner that answers for `name`: itself, or the wildcard at the closest encloser (RFC 4592)."""
        if name in self.names:
            return name
        encloser = parent(name)
        while encloser not in self.names:
            encloser = parent(encloser)
        star = b"\1*" + encloser
        return star if star in self.names else None


class Answer:
    def __init__(self):
        self.rcode, self.aa = "NOERROR", False
        self.answer, self.authority, self.additional = [], [], []
        #: For ANY: instead of the answer, exactly one of these.
        self.one_of = []
        self.truncated_glue = False


class Oracle:
    def __init__(self, zones):
        self.zones = {z.apex: z for z in zones}

    def zone_for(self, name, rtype):
        """The deepest zone; for DS at an apex, the zone above if there is one (RFC 4035, 3.1.4.1)."""
        found = [z for apex, z in self.zones.items() if below(name, apex)]
        found.sort(key=lambda z: -depth(z.apex))
        if rtype == DS and len(found) > 1 and found[0].apex == name:
            return found[1]
        return found[0] if found else None

    def resolve(self, name, rtype):
        out = Answer()
        name = wire.fold(name)
        zone = self.zone_for(name, rtype)
        if rtype in (AXFR, IXFR):
            out.rcode = "REFUSED" if zone and zone.apex == name else "NOTAUTH"
            return out
        if zone is None:
            out.rcode = "REFUSED"
            return out
        seen = set()
        for _ in range(CHAIN_MAX + 1):
            if name in seen:
                break
            seen.add(name)
            zone = self.zone_for(name, rtype)
            if zone is None:
                break
            name = self.step(zone, name, rtype, out)
            if name is None:
                break
        # An answer to ANY is kept as short as it can be (RFC 8482).
        if out.rcode == "NOERROR" and rtype != ANY:
            self.addresses(out)
        return out

    def step(self, zone, name, rtype, out):
        """One round of RFC 1034, 4.3.2; the next name where an alias leads on."""
        cut = zone.cut(name)
        dname = zone.dname(name)
        if dname and cut and depth(dname) < depth(cut):
            cut = None
        if cut and not (rtype == DS and cut == name):
            # RFC 1034, 4.3.2, 3b; AA stands for the first owner in the answer.
            out.aa = bool(out.answer)
            out.authority.append(zone.rrset(cut, NS))
            out.referral = zone, cut
            self.glue(zone, out)
            return None
        out.aa = True
        if dname and (not cut or depth(dname) < depth(cut)):
            made = self.substitute(zone, dname, name, out)
            return None if rtype == CNAME else made
        owner = zone.match(name)
        if owner is None:
            out.rcode = "NXDOMAIN"
            out.authority.append(zone.negative())
            return None
        sets = zone.sets.get(owner, {})
        if rtype == ANY and sets:
            picks = [zone.rrset(owner, t, name) for t in sorted(sets)]
            if out.answer or len(picks) == 1:
                out.answer.append(picks[0])
            else:
                out.one_of = picks
            return None
        if rtype in sets:
            out.answer.append(zone.rrset(owner, rtype, name))
            return None
        if CNAME in sets:
            out.answer.append(zone.rrset(owner, CNAME, name))
            return wire.fold(sets[CNAME][1][0])
        out.authority.append(zone.negative())
        return None

    def substitute(self, zone, dname, name, out):
        """RFC 6672, 3.2: the DNAME, and the CNAME that it makes."""
        ttl, (target,) = zone.sets[dname][DNAME]
        rrset = zone.rrset(dname, DNAME)
        if rrset not in out.answer:
            out.answer.append(rrset)
        made = name[:len(name) - len(dname)] + wire.fold(target)
        if len(made) > 255:
            out.rcode = "YXDOMAIN"
            return None
        if any(r[0] == name and r[2] == CNAME for r in out.answer):
            return None
        out.answer.append((name, ttl, CNAME, [made]))
        return made

    def add(self, out, rrset):
        present = {(r[0], r[2]) for r in out.answer + out.authority + out.additional}
        if (rrset[0], rrset[2]) not in present:
            out.additional.append(rrset)

    def glue(self, zone, out):
        """Addresses of a referral's servers: below this or another cut of the zone, or its own data."""
        for target in out.authority[-1][3]:
            target = wire.fold(target)
            if below(target, zone.apex) and self.zone_for(target, A):
                owner = target if zone.cut(target) else zone.match(target)
                for rtype in (A, AAAA):
                    if rtype in zone.sets.get(owner, {}):
                        self.add(out, zone.rrset(owner, rtype, target))

    def addresses(self, out):
        """Addresses of the targets in the answer, from the zone that holds the record (RFC 1034, 4.3.2, 6)."""
        for owner, _, rtype, rdatas in list(out.answer):
            at = {NS: 0, MX: 2, SRV: 6, SVCB: 2, HTTPS: 2}.get(rtype)
            if at is None:
                continue
            zone = self.zone_for(owner, rtype)
            for rdata in rdatas:
                end = at
                while rdata[end]:
                    end += 1 + rdata[end]
                target = wire.fold(rdata[at:end + 1])
                if target == b"\0":
                    if rtype not in (SVCB, HTTPS):
                        continue
                    target = owner
                if not below(target, zone.apex) or zone.cut(target) or zone.dname(target):
                    continue
                found = zone.match(target)
                for address in (A, AAAA):
                    if address in zone.sets.get(found, {}):
                        self.add(out, zone.rrset(found, address, target))


def text_sets(rrsets):
    """In the form of `wire.Reply.sections`."""
    return sorted(
        (wire.name_text(o), ttl, wire.type_text(t), 1, sorted(wire.rdata_text(t, r) for r in rdatas))
        for o, ttl, t, rdatas in rrsets)


def size(name, rrsets):
    """Bytes of a message without OPT, its names compressed as far as RFC 3597 allows."""
    known, at = {}, 12

    def put(wire_name):
        nonlocal at
        rest = wire_name
        while rest != b"\0" and rest not in known:
            if at < 0x4000:
                known[rest] = at
            at += 1 + rest[0]
            rest = parent(rest)
        at += 1 if rest == b"\0" else 2

    put(wire.fold(name))
    at += 4
    for owner, _, rtype, rdatas in rrsets:
        for rdata in rdatas:
            put(owner)
            at += 10
            if rtype in (NS, CNAME, 12):
                put(wire.fold(rdata))
            elif rtype == MX:
                at += 2
                put(wire.fold(rdata[2:]))
            elif rtype == SOA:
                first = rdata[:sum(map(len, wire.labels(rdata))) + 1]
                put(wire.fold(first))
                put(wire.fold(rdata[len(first):-20]))
                at += 20
            else:
                if rtype == DNAME:
                    # Not compressed itself, but what it makes may point into it.
                    start, target = at, wire.fold(rdata)
                    while target != b"\0":
                        known.setdefault(target, start)
                        start += 1 + target[0]
                        target = parent(target)
                at += len(rdata)
    return at
