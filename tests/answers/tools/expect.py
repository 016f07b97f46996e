"""What a reply must be, in one line: `RCODE flag.. | answer | authority | additional`.

Flags: header bits; `opt`, `do`, `nsid` for EDNS. A word with `?` may be or not be. `silent` alone: no
reply. A section that is `*` is not looked at; `one-of A ; B` asks for exactly one of those RRsets; data
`*` is any one record.
"""
import wire

LIMITS = {None: 512}


class Expect:
    def __init__(self, text):
        self.text = text
        head, *sections = [p.strip() for p in text.split("|")]
        words = head.split()
        self.rcode, self.flags = words[0], set(words[1:])
        self.sections = sections + [""] * (3 - len(sections))

    def faults(self, question, reply, peer):
        """Why the reply is wrong; for a peer, what is optional is left to it."""
        if self.rcode == "silent":
            return [] if reply is None else ["a reply"]
        if reply is None:
            return ["no reply"]
        out = []
        if reply.rcode_text() != self.rcode:
            out.append(f"rcode {reply.rcode_text()}")
        got = (reply.bits - {"qr"}) | ({"opt"} if reply.opts else set())
        if reply.opts and reply.opts[0][1] & 0x8000:
            got.add("do")
        if reply.opts and b"\0\3\0\3ns1" in reply.opts[0][2]:
            got.add("nsid")
        for flag in sorted(got | self.flags):
            if not flag.endswith("?") and flag + "?" not in self.flags and (flag in got) != (flag in self.flags):
                out.append(f"{flag} {'set' if flag in got else 'clear'}")
        if question.hex is None and question.opcode == 0 and self.rcode not in ("FORMERR", "NOTIMP"):
            if reply.question != question.message(0)[12:12 + len(question.name) + 4]:
                out.append("question")
        sections = [list(s) for s in reply.sections]
        if peer and sections[0]:
            # Servers that are not told to be brief add the apex NS; no chain ends in a cut at an apex.
            cut = {e.split()[0] for e in self.sections[1].split(" ; ") if " NS " in e}
            sections[1] = [s for s in sections[1] if s[2] != "NS" or s[0] in cut]
        for name, want, have in zip(("answer", "authority", "additional"), self.sections, sections):
            if want == "*":
                continue
            have = [wire.set_text(s) for s in have]
            if want.startswith("one-of "):
                wanted = want.removeprefix("one-of ").split(" ; ")
                fine = len(have) == 1 and have[0] in wanted or (peer and sorted(have) == sorted(wanted))
            else:
                wanted = want.split(" ; ") if want else []
                if peer and name == "additional":
                    fine = set(wanted) <= set(have)
                else:
                    fine = len(have) == len(wanted) and all(map(same, sorted(wanted), sorted(have)))
            if not fine:
                out.append(f"{name}: {' ; '.join(have)}")
        return out


def same(want, have):
    if want.endswith(" *"):
        return have.startswith(want[:-1]) and " , " not in have
    return want == have
