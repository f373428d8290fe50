"""A small Hugging Face Hub on this machine: what the real clients need to push and load models, and to read data sets.

Keeps repositories in memory as commits, those of data sets under `datasets/NAME`, and every request for tests to look
at. It speaks the classic protocol (set HF_HUB_DISABLE_XET=1): small files come inside the commit, large ones through
Git LFS. Reading is open to anyone, writing needs the token and a namespace that the user may write to.
"""

import base64
import hashlib
import io
import json
import os
import re
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path, PurePosixPath
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qs, unquote, urlsplit

import pyarrow
import pyarrow.parquet
import yaml
from datasets import Dataset

LARGE = (".safetensors", ".bin", ".pt", ".pth", ".h5", ".msgpack", ".parquet")  # what .gitattributes sends through LFS
MODEL_NAME = re.compile(r"[\w.-]+(/[\w.-]+)?")
FRONT_MATTER = re.compile(r"\A---\n(.*?)\n---\n", re.DOTALL)


@dataclass(frozen=True)
class Commit:
    """The files of a repository at one time."""

    oid: str
    message: str
    files: dict[str, bytes]  # path -> content


@dataclass
class Repository:
    """A repository: its commits, and where its branches point."""

    name: str
    commits: dict[str, Commit] = field(default_factory=dict)  # oid -> commit
    branches: dict[str, str] = field(default_factory=dict)  # branch -> oid

    def commit(self, branch: str, message: str, changes: dict[str, bytes]) -> Commit:
        """Add files to a branch, or write them over."""
        parent = self.branches.get(branch)
        files = {**(self.commits[parent].files if parent else {}), **changes}
        digest = hashlib.sha1(f"{self.name} {len(self.commits)} {parent} {message}".encode())
        for path in sorted(files):
            digest.update(path.encode() + files[path])
        commit = Commit(digest.hexdigest(), message, files)
        self.commits[commit.oid] = commit
        self.branches[branch] = commit.oid
        return commit

    def at(self, revision: str) -> Commit:
        """Return the commit that a branch name or a commit's own name means."""
        oid = self.branches.get(revision, revision)
        if oid not in self.commits:
            raise HubError(404, "RevisionNotFound", f"Invalid rev id: {revision}")
        return self.commits[oid]


@dataclass(frozen=True)
class Request:
    """One request as it arrived."""

    method: str
    path: str  # without the query, still quoted
    query: str
    headers: dict[str, str]  # names in lower case
    body: bytes

    def values(self, name: str) -> list[str]:
        """Return the values of a field of the query or of a form."""
        return parse_qs(self.query or self.body.decode()).get(name, [])

    def json(self) -> dict[str, Any]:
        """Read the body as JSON."""
        return json.loads(self.body)


@dataclass(frozen=True)
class Answer:
    """What goes back: a body, its headers and the status."""

    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    status: int = 200


class HubError(Exception):
    """An answer that is an error, with the headers by which the client tells errors apart."""

    def __init__(self, status: int, code: str, message: str) -> None:
        """Remember the status, the code of the Hub (empty where it has none) and the message."""
        super().__init__(message)
        self.status, self.code = status, code

    def answer(self) -> Answer:
        """Return the error as the Hub writes it."""
        headers = {"X-Error-Message": str(self), **({"X-Error-Code": self.code} if self.code else {})}
        return json_answer({"error": str(self)}, self.status, headers)


def json_answer(record: object, status: int = 200, headers: dict[str, str] | None = None) -> Answer:
    """Return JSON."""
    content = json.dumps(record).encode()
    return Answer(content, {"Content-Type": "application/json", **(headers or {})}, status)


class Hub:
    """The Hub itself; as a context manager it serves on a free port of 127.0.0.1.

    Attributes:
        token: the one token that may write.
        namespaces: where its owner may write, the owner first.
        repositories: by full name.
        large_files: uploaded through LFS, by SHA-256.
        requests: all that arrived, in order.
    """

    def __init__(self, token: str, *namespaces: str) -> None:
        self.token = token
        self.namespaces = namespaces
        self.repositories: dict[str, Repository] = {}
        self.large_files: dict[str, bytes] = {}
        self.requests: list[Request] = []
        self._lock = threading.Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"hub": self}))
        self._server.daemon_threads = True

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()

    @property
    def url(self) -> str:
        """What HF_ENDPOINT must say."""
        return f"http://127.0.0.1:{self._server.server_port}"

    def add_repository(self, name: str, folder: Path | None = None) -> Repository:
        """Create a repository, with the files of a folder if one is given."""
        repository = self.repositories[name] = Repository(name)
        files = {path.name: path.read_bytes() for path in sorted(folder.iterdir())} if folder else {}
        repository.commit("main", "initial commit", {".gitattributes": b"", **files})
        return repository

    def add_dataset(self, name: str, **branches: dict[str, bytes]) -> Repository:
        """Create a data set; each branch has files of its own."""
        repository = self.repositories[f"datasets/{name}"] = Repository(name)
        for branch, files in branches.items():
            repository.commit(branch, "initial commit", files)
        return repository

    def repository(self, name: str) -> Repository:
        """Return a repository that must exist."""
        if name not in self.repositories:
            raise HubError(404, "RepoNotFound", "Repository not found")
        return self.repositories[name]

    def check_writer(self, request: Request, name: str) -> None:
        """Refuse a request that may not write to a repository."""
        if request.headers.get("authorization") != f"Bearer {self.token}":
            raise HubError(401, "", "Invalid username or password.")
        if name.partition("/")[0] not in self.namespaces:
            raise HubError(403, "", "You don't have the rights to create a model under this namespace")

    def answer(self, request: Request) -> Answer:
        """Record a request and answer it, one at a time."""
        with self._lock:
            self.requests.append(request)
            try:
                for method, pattern, respond in ROUTES:
                    found = re.fullmatch(pattern, request.path)
                    if found and request.method in method:
                        parts = {name: unquote(part) for name, part in found.groupdict().items() if part is not None}
                        return respond(self, request, **parts)
                raise HubError(404, "", f"this small Hub has no {request.method} {request.path}")
            except HubError as error:
                return error.answer()


class _Handler(BaseHTTPRequestHandler):
    """HTTP in and out; what to answer is the hub's."""

    protocol_version = "HTTP/1.1"
    hub: Hub

    def _respond(self) -> None:
        headers = {name.lower(): value for name, value in self.headers.items()}
        url = urlsplit(self.path)
        answer = self.hub.answer(Request(self.command, url.path, url.query, headers, self._body()))
        self.send_response(answer.status)
        for name, value in {**answer.headers, "Content-Length": str(len(answer.body))}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(answer.body)

    do_GET = do_HEAD = do_POST = do_PUT = _respond

    def _body(self) -> bytes:
        """Read the body: of a known length, or in chunks."""
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        chunks = []
        while length := int(self.rfile.readline(), 16):
            chunks.append(self.rfile.read(length))
            self.rfile.readline()  # the line end after a chunk
        self.rfile.readline()  # the one after the last
        return b"".join(chunks)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Stay silent; `Hub.requests` holds what came."""


def _whoami(hub: Hub, request: Request) -> Answer:
    user = hub.namespaces[0]
    hub.check_writer(request, user)
    return json_answer({"type": "user", "name": user, "orgs": [{"name": name} for name in hub.namespaces[1:]]})


def _create_repository(hub: Hub, request: Request) -> Answer:
    wanted = request.json()
    name = f"{wanted.get('organization') or hub.namespaces[0]}/{wanted['name']}"
    hub.check_writer(request, name)
    record = {"url": f"{hub.url}/{name}", "name": name}
    if name in hub.repositories:
        error = "You already created this model repo"
        return json_answer({**record, "error": error}, 409, {"X-Error-Message": error})
    hub.add_repository(name)
    return json_answer(record)


def _create_branch(hub: Hub, request: Request, name: str, revision: str) -> Answer:
    hub.check_writer(request, name)
    repository = hub.repository(name)
    if revision in repository.branches:
        raise HubError(409, "", f"Reference already exists: refs/heads/{revision}")
    repository.branches[revision] = repository.at(request.json().get("startingPoint", "main")).oid
    return json_answer({})


def _validate_card(hub: Hub, request: Request) -> Answer:
    """Check a card's metadata, as the Hub does before it takes a README.md."""
    front_matter = FRONT_MATTER.match(request.json()["content"])
    if front_matter is None:
        return json_answer({"warnings": [{"message": "empty or missing yaml metadata in repo card"}], "errors": []})
    metadata = yaml.safe_load(front_matter[1])
    unknown = [code for code in metadata.get("language", []) if not re.fullmatch("[a-z]{2,3}", code)]
    if unknown:
        message = f'"language" must only contain ISO 639-1, 639-2 or 639-3 codes, not {", ".join(unknown)}.'
        return json_answer({"warnings": [], "errors": [{"message": message}]}, 400)
    base_model = metadata.get("base_model")
    if base_model is not None and not MODEL_NAME.fullmatch(base_model):
        message = f'"base_model" with value "{base_model}" is not valid. Use a model id from https://hf.co/models.'
        return json_answer({"warnings": [], "errors": [{"message": message}]}, 400)
    return json_answer({"warnings": [], "errors": []})


def _preupload(hub: Hub, request: Request, name: str, revision: str) -> Answer:
    """Say for each file whether it is a large one, and which content the repository has of it."""
    hub.check_writer(request, name)
    files = hub.repository(name).at(revision).files
    answers = []
    for record in request.json()["files"]:
        path = record["path"]
        oid = file_record(path, files[path])["etag"] if path in files else None
        mode = "lfs" if path.endswith(LARGE) else "regular"
        answers.append({"path": path, "uploadMode": mode, "shouldIgnore": False, "oid": oid})
    return json_answer({"files": answers})


def _offer_upload(hub: Hub, request: Request, name: str) -> Answer:
    """Tell where to put the large files that are not here yet (the LFS batch protocol)."""
    hub.check_writer(request, name)
    objects = []
    for record in request.json()["objects"]:
        actions = {"upload": {"href": f"{hub.url}/lfs/{record['oid']}"}, "verify": {"href": f"{hub.url}/lfs/verify"}}
        objects.append(record if record["oid"] in hub.large_files else {**record, "actions": actions})
    return json_answer({"transfer": "basic", "objects": objects})


def _take_upload(hub: Hub, request: Request, oid: str) -> Answer:
    """Take a large file; its address is the permission, so there is no token."""
    if hashlib.sha256(request.body).hexdigest() != oid:
        raise HubError(400, "", "the content is another than announced")
    hub.large_files[oid] = request.body
    return Answer()


def _verify_upload(hub: Hub, request: Request) -> Answer:
    wanted = request.json()
    if len(hub.large_files.get(wanted["oid"], b"")) != wanted["size"]:
        raise HubError(404, "", "no such object")
    return json_answer({})


def _commit(hub: Hub, request: Request, name: str, revision: str) -> Answer:
    """Take a commit: JSON lines, a header first, then a line for each file."""
    hub.check_writer(request, name)
    header, *operations = [json.loads(line) for line in request.body.splitlines()]
    changes = {}
    for operation in operations:
        value = operation["value"]
        if operation["key"] == "file":
            changes[value["path"]] = base64.b64decode(value["content"])
        elif operation["key"] == "lfsFile" and value["oid"] in hub.large_files:
            changes[value["path"]] = hub.large_files[value["oid"]]
        else:
            raise HubError(400, "", f"this small Hub cannot commit {operation}")
    repository = hub.repository(name)
    repository.at(revision)
    commit = repository.commit(revision, header["value"]["summary"], changes)
    return json_answer({"success": True, "commitOid": commit.oid, "commitUrl": f"{hub.url}/{name}/commit/{commit.oid}"})


def _information(hub: Hub, request: Request, name: str, revision: str = "main") -> Answer:
    commit = hub.repository(name).at(revision)
    siblings = [{"rfilename": path} for path in sorted(commit.files)]
    record = {"id": name.removeprefix("datasets/"), "sha": commit.oid, "private": False, "siblings": siblings}
    return json_answer(record)


def _references(hub: Hub, request: Request, name: str) -> Answer:
    branches = hub.repository(name).branches.items()
    records = [{"name": branch, "ref": f"refs/heads/{branch}", "targetCommit": oid} for branch, oid in branches]
    return json_answer({"branches": records, "tags": [], "converts": []})


def file_record(path: str, content: bytes) -> dict[str, Any]:
    """Describe a file as a tree listing does, with its ETag: SHA-256 of a large file, git's hash of a small one."""
    record = {"type": "file", "path": path, "size": len(content)}
    git_hash = hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()
    if not path.endswith(LARGE):
        return {**record, "oid": git_hash, "etag": git_hash}
    sha256 = hashlib.sha256(content).hexdigest()
    lfs = {"oid": sha256, "size": len(content), "pointerSize": 130}
    return {**record, "oid": git_hash, "etag": sha256, "lfs": lfs}


def entries(commit: Commit) -> dict[str, dict[str, Any]]:
    """Describe all files and folders of a commit, by path."""
    found = {}
    for path, content in sorted(commit.files.items()):
        for folder in list(PurePosixPath(path).parents)[:-1]:
            oid = hashlib.sha1(f"{commit.oid} {folder}".encode()).hexdigest()
            found[str(folder)] = {"type": "directory", "path": str(folder), "size": 0, "oid": oid}
        found[path] = {key: value for key, value in file_record(path, content).items() if key != "etag"}
    return found


def _tree(hub: Hub, request: Request, name: str, revision: str, path: str = "") -> Answer:
    """List what is in a folder; recursively, if asked, what is in its folders too."""
    below = {
        entry: record
        for entry, record in entries(hub.repository(name).at(revision)).items()
        if not path or entry.startswith(f"{path}/")
    }
    if path and not below:
        raise HubError(404, "EntryNotFound", f"{path} does not exist on {revision}")
    if request.values("recursive") != ["true"]:
        below = {entry: record for entry, record in below.items() if str(PurePosixPath(entry).parent) == (path or ".")}
    return json_answer(list(below.values()))


def _paths(hub: Hub, request: Request, name: str, revision: str) -> Answer:
    """Describe those of the paths asked for that exist."""
    found = entries(hub.repository(name).at(revision))
    return json_answer([found[path] for path in request.values("paths") if path in found])


def _resolve(hub: Hub, request: Request, name: str, revision: str, path: str) -> Answer:
    """Give out a file, with the headers by which the client caches it."""
    commit = hub.repository(name).at(revision)
    if path not in commit.files:
        error = HubError(404, "EntryNotFound", "Entry not found").answer()
        return Answer(error.body, {**error.headers, "X-Repo-Commit": commit.oid}, error.status)
    content = commit.files[path]
    etag = file_record(path, content)["etag"]
    return Answer(content, {"X-Repo-Commit": commit.oid, "ETag": f'"{etag}"', "X-Linked-Size": str(len(content))})


NAME = r"(?P<name>[^/]+/[^/]+?)"
DATASET = r"(?P<name>datasets/[^/]+/[^/]+?)"
REVISION = r"(?P<revision>refs/convert/[^/]+|[^/]+)"
MODEL = f"/api/models/{NAME}"
ROUTES: list[tuple[tuple[str, ...], str, Callable[..., Answer]]] = [
    (("GET",), "/api/whoami-v2", _whoami),
    (("POST",), "/api/repos/create", _create_repository),
    (("POST",), "/api/validate-yaml", _validate_card),
    (("POST",), f"{MODEL}/branch/{REVISION}", _create_branch),
    (("POST",), f"{MODEL}/preupload/{REVISION}", _preupload),
    (("POST",), f"{MODEL}/commit/{REVISION}", _commit),
    (("POST",), rf"/{NAME}\.git/info/lfs/objects/batch", _offer_upload),
    (("PUT",), r"/lfs/(?P<oid>[0-9a-f]{64})", _take_upload),
    (("POST",), "/lfs/verify", _verify_upload),
    (("GET",), f"{MODEL}/refs", _references),
    *[
        route
        for address, name in ((MODEL, NAME), (f"/api/{DATASET}", DATASET))
        for route in (
            (("GET",), f"{address}(/revision/{REVISION})?", _information),
            (("GET",), f"{address}/tree/{REVISION}(/(?P<path>.+))?", _tree),
            (("POST",), f"{address}/paths-info/{REVISION}", _paths),
            (("GET", "HEAD"), f"/{name}/resolve/{REVISION}/(?P<path>.+)", _resolve),
        )
    ],
]


def parquet(rows: list[dict[str, Any]]) -> bytes:
    """Return rows as a Parquet file."""
    buffer = io.BytesIO()
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows), buffer)
    return buffer.getvalue()


def card(configs: dict[str, dict[str, str]]) -> bytes:
    """Return a README.md that says which files each configuration has: config -> split -> pattern."""
    lines = ["---", "configs:"]
    for name, splits in configs.items():
        lines += [f"- config_name: {name}", "  data_files:"]
        for split, pattern in splits.items():
            lines += [f"  - split: {split}", f"    path: {pattern}"]
    return "\n".join([*lines, "---", "# A data set", ""]).encode()


def with_card(files: dict[str, bytes]) -> dict[str, bytes]:
    """Add a README.md to files that lie in `CONFIG/SPLIT-00000-of-00001.parquet`."""
    configs: dict[str, dict[str, str]] = {}
    for path in files:
        config, name = path.split("/")
        split = name.split("-")[0]
        configs.setdefault(config, {})[split] = f"{config}/{split}-*"
    return {"README.md": card(configs), **files}


def write_hub_folder(folder, rows_of):
    """A data set as the Hub keeps it: Parquet with a `translation` column, configurations in the README."""
    lines = ["---", "configs:"]
    for config, rows in rows_of.items():
        source, target = config.split("-")
        records = [{"translation": {source: left, target: right}} for left, right in rows]
        (folder / config).mkdir(parents=True)
        Dataset.from_list(records).to_parquet(str(folder / config / "train-00000-of-00001.parquet"))
        lines += [f"- config_name: {config}", "  data_files:", "  - split: train", f"    path: {config}/train-*"]
    (folder / "README.md").write_text("\n".join([*lines, "---", ""]), encoding="utf-8")
    return folder


def environment(hub: Hub, home: Path, **variables: str) -> dict[str, str]:
    """Point the client at our Hub, with a cache of its own; nothing of the user's own settings stays."""
    theirs = re.compile(r"HF_.*|TRANSFORMERS_.*|.*_PROXY", re.IGNORECASE)
    kept = {name: value for name, value in os.environ.items() if not theirs.fullmatch(name)}
    ours = {"HF_ENDPOINT": hub.url, "HF_HOME": str(home), "HF_HUB_DISABLE_XET": "1"}
    return {**kept, **ours, "TOKENIZERS_PARALLELISM": "false", "OMP_NUM_THREADS": "1", **variables}
