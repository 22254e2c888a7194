"""A small hub of data sets and models on this machine: what huggingface_hub asks of the real one, and nothing else."""

from __future__ import annotations

import hashlib
import json
import re
import threading
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote, urlsplit


@dataclass
class Repo:
    """A data set or model: the files of each commit, the commit that its branches point to, and what its card says."""

    head: str
    commits: dict[str, dict[str, bytes]]
    card: dict[str, object] | None = None
    branches: dict[str, str] | None = None


class FakeHub:
    """An HTTP server in a thread; `requests` is what it was asked: (method, path, Range header or None).

    `drop_once` names files whose first transfer ends after half of its bytes; `hold` names files whose transfer stops
    there until `release()`; `held` is set when that has happened.
    """

    def __init__(self):
        self.repos: dict[str, Repo] = {}
        self.requests: list[tuple[str, str, str | None]] = []
        self.drop_once: set[str] = set()
        self.hold: set[str] = set()
        self.held, self._go_on = threading.Event(), threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def release(self) -> None:
        self.hold.clear()
        self._go_on.set()

    def asked(self, part: str) -> list[tuple[str, str, str | None]]:
        return [r for r in self.requests if part in r[1]]

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._go_on.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def _handler(hub: FakeHub) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_):
            pass

        def do_HEAD(self):
            self._answer(body=False)

        def do_GET(self):
            self._answer(body=True)

        def _answer(self, body: bool) -> None:
            path = unquote(urlsplit(self.path).path)
            hub.requests.append((self.command, path, self.headers.get("Range")))
            if match := re.fullmatch(r"/api/(?:datasets|models)/([^/]+/[^/]+)/revision/(.+)", path):
                self._info(*match.groups())
            elif match := re.fullmatch(r"/api/(?:datasets|models)/([^/]+/[^/]+)/tree/([^/]+)/?", path):
                self._tree(*match.groups())
            elif match := re.fullmatch(r"(?:/datasets)?/([^/]+/[^/]+)/resolve/([^/]+)/(.+)", path):
                self._file(*match.groups(), body=body)
            else:
                self._error(404, "EntryNotFound")

        def _repo(self, name: str, revision: str) -> tuple[Repo, str] | None:
            repo = hub.repos.get(name)
            if repo is None:
                self._error(404, "RepoNotFound")
            elif repo.branches and revision in repo.branches:
                return repo, repo.branches[revision]
            elif revision in ("main", "refs/convert/parquet"):
                return repo, repo.head
            elif revision in repo.commits:
                return repo, revision
            else:
                self._error(404, "RevisionNotFound")
            return None

        def _info(self, name: str, revision: str) -> None:
            if found := self._repo(name, revision):
                repo, commit = found
                card = {"cardData": repo.card} if repo.card else {}
                siblings = [{"rfilename": f} for f in repo.commits[commit]]
                self._json({"_id": "0", "id": name, "sha": commit, "private": False, "siblings": siblings, **card})

        def _tree(self, name: str, revision: str) -> None:
            if found := self._repo(name, revision):
                repo, commit = found
                files = repo.commits[commit].items()
                self._json([{"type": "file", "path": f, "size": len(b), "oid": _sha1(b)} for f, b in files])

        def _file(self, name: str, revision: str, file: str, body: bool) -> None:
            if not (found := self._repo(name, revision)):
                return
            repo, commit = found
            if file not in repo.commits[commit]:
                self._error(404, "EntryNotFound")
                return
            content = repo.commits[commit][file]
            match = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range") or "")
            start = int(match[1]) if match else 0
            part = content[start:]
            self.send_response(206 if match else 200)
            self.send_header("ETag", f'"{_sha1(content)}"')
            self.send_header("X-Repo-Commit", commit)
            self.send_header("Accept-Ranges", "bytes")
            self.send_header("Content-Length", str(len(part)))
            if match:
                self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
            self.end_headers()
            if not body:
                return
            if file in hub.drop_once or file in hub.hold:
                self.wfile.write(part[: len(part) // 2])
                self.wfile.flush()
                if file in hub.hold:
                    hub.held.set()
                    hub._go_on.wait(30)
                hub.drop_once.discard(file)
                self.close_connection = True
            else:
                self.wfile.write(part)

        def _json(self, value: object) -> None:
            content = json.dumps(value).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def _error(self, status: int, code: str) -> None:
            self.send_response(status)
            self.send_header("X-Error-Code", code)
            self.send_header("Content-Length", "0")
            self.end_headers()

    return Handler


def _sha1(content: bytes) -> str:
    return hashlib.sha1(content).hexdigest()
