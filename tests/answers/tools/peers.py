"""Starts the four peers on loopback ports, all with the zones of this suite."""
import os
import shutil
import socket
import struct
import subprocess
import tempfile
import time

import wire

HERE = os.path.dirname(os.path.abspath(__file__))
ZONES = os.path.join(os.path.dirname(HERE), "zones")
#: What a peer does not load: BIND refuses NS at a wildcard.
ABSENT = {"bind": {"wns.test"}}


def zones():
    """Origin (no final dot) to file."""
    out = {}
    for file in sorted(os.listdir(ZONES)):
        if file.endswith(".zone"):
            out[file.removesuffix(".zone").replace("%2F", "/")] = os.path.join(ZONES, file)
    return out


def free_port():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as u:
        while True:
            with socket.socket() as t:
                t.bind(("127.0.0.1", 0))
                port = t.getsockname()[1]
                try:
                    u.bind(("127.0.0.1", port))
                    return port
                except OSError:
                    continue


def put(folder, name, text):
    path = os.path.join(folder, name)
    with open(path, "w") as f:
        f.write(text)
    return path


def nsd(folder, port, all_zones, transfer=False):
    conf = f"""
server:
  ip-address: 127.0.0.1@{port}
  server-count: 1
  username: ""
  database: ""
  zonesdir: "{folder}"
  pidfile: "{folder}/pid"
  xfrdfile: "{folder}/xfrd"
  zonelistfile: "{folder}/list"
  logfile: "{folder}/log"
  xfrdir: "{folder}"
  rrl-ratelimit: 0
  rrl-whitelist-ratelimit: 0
  identity: "ns1"
  nsid: "ascii_ns1"
remote-control:
  control-enable: no
"""
    for origin, path in all_zones.items():
        conf += f'zone:\n  name: "{origin}"\n  zonefile: "{path}"\n'
        conf += "  provide-xfr: 127.0.0.1 NOKEY\n" if transfer else ""
    return ["nsd", "-d", "-c", put(folder, "nsd.conf", conf)]


def knot(folder, port, all_zones):
    conf = f"""
server:
  rundir: "{folder}"
  listen: 127.0.0.1@{port}
  udp-workers: 1
  tcp-workers: 1
  background-workers: 1
  identity: "ns1"
  nsid: "ns1"
log:
  - target: "{folder}/log"
    any: notice
database:
  storage: "{folder}"
template:
  - id: default
    zonefile-sync: -1
    zonefile-load: whole
    journal-content: none
    semantic-checks: off
zone:
""" + "".join(f'  - domain: "{o}"\n    file: "{p}"\n' for o, p in all_zones.items())
    return ["knotd", "-c", put(folder, "knot.conf", conf)]


def bind(folder, port, all_zones):
    conf = f"""
options {{ directory "{folder}"; listen-on port {port} {{ 127.0.0.1; }}; listen-on-v6 {{ none; }};
  recursion no; dnssec-validation no; notify no; querylog no; minimal-responses no-auth;
  check-integrity no; check-names primary ignore; check-mx ignore; check-mx-cname ignore; check-srv-cname ignore;
  check-sibling no; max-records-per-type 0; allow-transfer {{ none; }}; server-id "ns1"; hostname "ns1"; empty-zones-enable no;
  pid-file "{folder}/pid"; session-keyfile none; lock-file none; managed-keys-directory "{folder}"; }};
controls {{ }};
""" + "".join(f'zone "{o}" {{ type primary; file "{p}"; }};\n' for o, p in all_zones.items())
    return ["named", "-g", "-n", "1", "-c", put(folder, "named.conf", conf)]


def pdns(folder, port, all_zones):
    named = put(folder, "named.conf", "".join(f'zone "{o}" {{ type master; file "{p}"; }};\n' for o, p in all_zones.items()))
    put(folder, "pdns.conf", f"""
launch=bind
bind-config={named}
bind-check-interval=0
local-address=127.0.0.1
local-port={port}
socket-dir={folder}
daemon=no
guardian=no
receiver-threads=1
distributor-threads=1
dname-processing=yes
disable-axfr=yes
server-id=ns1
disable-syslog=yes
loglevel=4
security-poll-suffix=
cache-ttl=0
query-cache-ttl=0
negquery-cache-ttl=0
""")
    return ["pdns_server", f"--config-dir={folder}"]


KINDS = {"nsd": nsd, "knot": knot, "bind": bind, "pdns": pdns}


class Peer:
    def __init__(self, name, folder=None, **options):
        self.name = name
        self.dir = folder or tempfile.mkdtemp(prefix=f"answers-{name}-")
        self.port = free_port()
        # Under plain names: some servers expand a per cent sign.
        self.zones = {}
        for number, (origin, path) in enumerate(zones().items()):
            if origin not in ABSENT.get(name, ()):
                self.zones[origin] = shutil.copy(path, os.path.join(self.dir, f"zone{number}"))
        command = KINDS[name](self.dir, self.port, self.zones, **options)
        self.log = open(os.path.join(self.dir, "out"), "w")
        self.proc = subprocess.Popen(command, stdout=self.log, stderr=self.log, cwd=self.dir)
        self.udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.udp.connect(("127.0.0.1", self.port))
        self.tcp = None
        self.ident = 0
        self.served = False

    def wait(self):
        """Until every zone is answered for."""
        end = time.monotonic() + 10
        for origin in self.zones:
            while True:
                try:
                    reply = self.ask(wire.Question(f"{origin}. SOA"), "udp", wait=1)
                    if reply and reply.rcode == 0 and "aa" in reply.bits:
                        break
                except OSError:
                    pass
                if time.monotonic() > end or self.proc.poll() is not None:
                    raise SystemExit(f"{self.name} does not serve {origin}: see {self.dir}")
                time.sleep(0.1)
        self.served = True
        return self

    def ask(self, question, transport, wait=0.4):
        """The reply, None where there is none."""
        self.ident = self.ident % 65535 + 1
        message = question.message(self.ident)
        data = self.over_tcp(message, wait) if transport == "tcp" else self.over_udp(message, wait)
        return wire.Reply(data) if data else None

    def over_udp(self, message, wait):
        self.udp.send(message)
        end = time.monotonic() + wait
        while (left := end - time.monotonic()) > 0:
            self.udp.settimeout(left)
            try:
                data = self.udp.recv(65535)
            except (TimeoutError, ConnectionRefusedError):
                return None
            if data[:2] == message[:2]:
                return data
        return None

    def over_tcp(self, message, wait, again=True):
        fresh = self.tcp is None
        if fresh:
            self.tcp = socket.create_connection(("127.0.0.1", self.port))
        try:
            self.tcp.settimeout(wait)
            self.tcp.sendall(struct.pack(">H", len(message)) + message)
            data = self.exactly(struct.unpack(">H", self.exactly(2))[0])
            if data[:2] == message[:2]:
                return data
        except (OSError, EOFError):
            pass
        self.tcp.close()
        self.tcp = None
        return None if fresh or not again else self.over_tcp(message, wait, False)

    def exactly(self, n):
        out = b""
        while len(out) < n:
            part = self.tcp.recv(n - len(out))
            if not part:
                raise EOFError
            out += part
        return out

    def transfer(self, origin):
        """Every record of a zone over AXFR: (owner, type, ttl, data), folded names in the owner only."""
        with socket.create_connection(("127.0.0.1", self.port)) as self.tcp:
            self.tcp.settimeout(5)
            message = wire.Question(f"{origin}. AXFR").message(77)
            self.tcp.sendall(struct.pack(">H", len(message)) + message)
            out, soas = [], 0
            while soas < 2:
                data = self.exactly(struct.unpack(">H", self.exactly(2))[0])
                reply = wire.Reply(data)
                assert reply.rcode == 0, f"{origin}: {reply.rcode_text()}"
                pos, count = 12 + len(reply.question), struct.unpack(">H", data[6:8])[0]
                for _ in range(count):
                    owner, pos = reply.name_at(pos)
                    rtype, _, ttl, rdlen = struct.unpack(">HHIH", data[pos:pos + 10])
                    soas += rtype == 6
                    if rtype != 6 or soas < 2:
                        out.append((wire.fold(owner), rtype, ttl, reply.expanded(rtype, pos + 10, rdlen)))
                    pos += 10 + rdlen
        self.tcp = None
        return out

    def stop(self):
        self.proc.terminate()
        try:
            self.proc.wait(10)
        except subprocess.TimeoutExpired:
            self.proc.kill()
            self.proc.wait()
        self.log.close()
        if self.served:
            # Else its log is wanted.
            shutil.rmtree(self.dir, ignore_errors=True)
