"""fake_hub.py - a server that behaves like the Hugging Face hub, and misbehaves where it is told to.

Small files are answered by the hub itself (200, a git SHA-1 as ETag). Large ones (LARGE) lie in storage:
the hub answers 302 with X-Linked-Etag (their SHA-256) and X-Linked-Size, and the address leads to another
host: the same server, called localhost instead of 127.0.0.1.

A fault is a function of a request; it is used once, for the next request that fits:

    hub.fault("GET", "model.safetensors", cut(1000), cut(500))

Every request is noted in hub.log. Standard library only.
"""

import hashlib
import http.server
import json
import re
import ssl
import threading
import urllib.parse

LARGE = (".safetensors", ".bin")


def git_sha1(content):
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


def sha256(content):
    return hashlib.sha256(content).hexdigest()


def is_large(name):
    return name.endswith(LARGE)


def etag_of(name, content):
    return sha256(content) if is_large(name) else git_sha1(content)


class Repo:
    """The states of a repository: commits by name, and what each holds."""

    def __init__(self):
        self.commits, self.refs = {}, {}

    def push(self, files, ref="main"):
        listing = "".join(f"{name} {git_sha1(data)}\n" for name, data in sorted(files.items()))
        commit = hashlib.sha1((ref + listing).encode()).hexdigest()
        self.commits[commit] = dict(files)
        self.refs[ref] = commit
        return commit


class Seen:
    """A request as it came."""

    def __init__(self, handler, path):
        self.method, self.path = handler.command, path
        self.host = handler.headers.get("Host", "").rsplit(":", 1)[0]
        self.headers = {key.lower(): value for key, value in handler.headers.items()}

    def __repr__(self):
        return f"{self.method} {self.host} {self.path}"


class FakeHub(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, certificate=None):
        super().__init__(("127.0.0.1", 0), Handler)
        self.scheme = "https" if certificate else "http"
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            self.socket = context.wrap_socket(self.socket, server_side=True)
        self.repos, self.renamed, self.gated, self.private = {}, {}, set(), set()
        self.token = "hf_right"
        self.storage = f"{self.scheme}://localhost:{self.server_port}"
        self.log, self.faults, self.stored = [], {}, {}
        self.stopping = threading.Event()
        self.endpoint = f"{self.scheme}://127.0.0.1:{self.server_port}"
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()

    def handle_error(self, request, address):
        pass  # clients go away in the middle of things here

    def close(self):
        self.stopping.set()
        self.shutdown()
        self.server_close()

    def push(self, repo_id, files, ref="main"):
        return self.repos.setdefault(repo_id, Repo()).push(files, ref)

    def fault(self, method, name, *faults):
        self.faults.setdefault((method, name), []).extend(faults)

    def requests(self, method=None, name=""):
        return [seen for seen in self.log
                if (method is None or seen.method == method) and name in seen.path]


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *arguments):
        pass

    def do_HEAD(self):
        self.route()

    def do_GET(self):
        self.route()

    def route(self):
        # Of a proxy, a whole address is asked.
        path = urllib.parse.urlsplit(self.path).path
        self.server.log.append(Seen(self, path))
        words = re.fullmatch(r"/(.+)/resolve/([^/]+)/(.+)", path)
        stored = re.fullmatch(r"/storage/([0-9a-f]{64})/(.+)", path)
        listed = re.fullmatch(r"/api/models/(.+?)/(revision|tree)/([^/]+)", path)
        if words:
            self.resolve(*(urllib.parse.unquote(word) for word in words.groups()))
        elif stored:
            self.give(stored[2], self.server.stored[stored[1]], {"ETag": '"whatever"'})
        elif listed:
            self.list(*(urllib.parse.unquote(word) for word in listed.groups()))
        else:
            self.refuse(404)

    # What the hub knows

    def resolve(self, repo_id, revision, name):
        hub = self.server
        if repo_id in hub.renamed:
            path = f"/{hub.renamed[repo_id]}/resolve/{urllib.parse.quote(revision, safe='')}/{name}"
            self.reply(307, {"Location": path})
            return
        repo = self.find(repo_id)
        if not repo:
            return
        commit = repo.refs.get(revision, revision)
        if commit not in repo.commits:
            self.refuse(404, "RevisionNotFound")
        elif name not in repo.commits[commit]:
            if not self.misbehave(name, b""):
                self.refuse(404, "EntryNotFound", commit)
        elif is_large(name):
            self.point(name, repo.commits[commit][name], commit)
        else:
            content = repo.commits[commit][name]
            self.give(name, content, {"ETag": f'"{git_sha1(content)}"', "X-Repo-Commit": commit})

    def find(self, repo_id):
        hub = self.server
        known = self.headers.get("Authorization") == f"Bearer {hub.token}"
        if repo_id in hub.gated and not known:
            self.refuse(403 if self.headers.get("Authorization") else 401, "GatedRepo")
        elif repo_id not in hub.repos or (repo_id in hub.private and not known):
            # Without a token nobody is told whether it is there.
            self.refuse(404 if known else 401, "RepoNotFound")
        else:
            return hub.repos[repo_id]
        return None

    def point(self, name, content, commit):
        digest = sha256(content)
        self.server.stored[digest] = content
        headers = {"X-Repo-Commit": commit, "X-Linked-Etag": f'"{digest}"',
                   "X-Linked-Size": str(len(content)), "ETag": '"0123456789abcdef"',
                   "Location": f"{self.server.storage}/storage/{digest}/{name}?Signature=secret"}
        if not (self.command == "HEAD" and self.misbehave(name, content, headers)):
            self.reply(302, headers)

    def list(self, repo_id, kind, revision):
        repo = self.find(repo_id)
        if not repo:
            return
        commit = repo.refs.get(revision, revision)
        files = repo.commits[commit]
        answer = {"id": repo_id, "sha": commit, "siblings": [{"rfilename": name} for name in files]}
        if kind == "tree":
            answer = []
            for name, content in files.items():
                entry = {"type": "file", "path": name, "size": len(content),
                         "oid": git_sha1(content)}
                if is_large(name):
                    entry["lfs"] = {"oid": sha256(content), "size": len(content),
                                    "pointerSize": 130}
                answer.append(entry)
        self.reply(200, {"Content-Type": "application/json"}, json.dumps(answer).encode())

    # How it says so

    def misbehave(self, name, content, headers=None):
        faults = self.server.faults.get((self.command, name))
        if not faults:
            return False
        self.content, self.fault_headers = content, dict(headers or {})
        return faults.pop(0)(self) is not False

    def give(self, name, content, headers):
        if not self.misbehave(name, content, headers):
            self.send(content, headers)

    def range_start(self):
        found = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        return int(found[1]) if found else None

    def begin(self, content, headers):
        """The head of a whole or partial answer; what of the content belongs to it."""
        start = self.range_start()
        if start is None:
            self.send_response(200)
            part = content
        else:
            self.send_response(206)
            part = content[start:]
            self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        for key, value in {"Content-Length": str(len(part)), **headers}.items():
            if value is not None:
                self.send_header(key, value)
        self.end_headers()
        return part

    def send(self, content, headers):
        part = self.begin(content, headers)
        if self.command == "GET":
            self.wfile.write(part)

    def reply(self, status, headers=None, content=b""):
        self.send_response(status)
        for key, value in {"Content-Length": str(len(content)), **(headers or {})}.items():
            if value is not None:
                self.send_header(key, value)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(content)

    def refuse(self, status, code=None, commit=None):
        self.reply(status, {"X-Error-Code": code, "X-Repo-Commit": commit}, b"no")


# Faults


def status(number, **headers):
    """Answers with a status."""
    headers = {key.replace("_", "-"): value for key, value in headers.items()}
    return lambda handler: handler.reply(number, headers)


def headers(**changed):
    """Answers as it should but for some headers; None leaves one out."""
    changed = {key.replace("_", "-"): value for key, value in changed.items()}

    def fault(handler):
        merged = {**handler.fault_headers, **changed}
        if "Location" in handler.fault_headers:
            handler.reply(302, merged)
        else:
            handler.send(handler.content, merged)
    return fault


def redirect(to, number=302):
    return lambda handler: handler.reply(number, {"Location": to})


def cut(after):
    """Promises everything and closes after so many bytes."""
    def fault(handler):
        part = handler.begin(handler.content, handler.fault_headers)
        handler.wfile.write(part[:after])
        handler.close_connection = True
    return fault


def stall(after):
    """Stops sending after so many bytes; None: before the head."""
    def fault(handler):
        if after is not None:
            part = handler.begin(handler.content, handler.fault_headers)
            handler.wfile.write(part[:after])
            handler.wfile.flush()
        handler.server.stopping.wait(30)
        handler.close_connection = True
    return fault


def trickle(pieces, pause):
    """Sends everything in so many pieces, with a pause before each."""
    def fault(handler):
        part = handler.begin(handler.content, handler.fault_headers)
        size = len(part) // pieces + 1
        for start in range(0, len(part), size):
            handler.server.stopping.wait(pause)
            handler.wfile.write(part[start:start + size])
    return fault


def trickle_head(pause):
    """Sends one header after the other, with a pause before each, and no end."""
    def fault(handler):
        handler.send_response(200)
        handler.flush_headers()
        for number in range(1000):
            if handler.server.stopping.wait(pause):
                break
            handler.wfile.write(b"X-%d: y\r\n" % number)
        handler.close_connection = True
    return fault


def until(event, after=0):
    """Stops after so many bytes until the event, then sends the rest."""
    def fault(handler):
        part = handler.begin(handler.content, handler.fault_headers)
        handler.wfile.write(part[:after])
        event.wait(30)
        handler.wfile.write(part[after:])
    return fault


def whole(handler):
    """Ignores a range."""
    del handler.headers["Range"]
    return False


def instead(change):
    """Sends other content, with lengths that fit it."""
    def fault(handler):
        handler.send(change(handler.content), handler.fault_headers)
    return fault


def partial(range_header):
    """206 with a range that was not asked for."""
    return lambda handler: handler.reply(206, {"Content-Range": range_header}, handler.content)


def endless(handler):
    """No length, and more than there should be."""
    handler.send_response(200)
    handler.end_headers()
    handler.wfile.write(handler.content * 3)
    handler.close_connection = True
