"""The same by plain git: a Space's repository, its binaries through git-lfs.

Gives `GitSpace`, which has the part of `Repo` that sends files; it works in a clone of its own, so that the history
of this folder stays as it is, and the Space gets the serving files alone
"""
import base64
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from fastcore.script import CliError
from huggingface_hub import get_token

from .hub_errors import NotKnown
from .hub_repo import KEPT, PUT_BACK, Changes, HubError, before
from .manifest import PICTURES

ELSEWHERE = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY", "GIT_COMMON_DIR")  # a hook's
BINARIES = ("*.pkl", "*.onnx", *(f"*{ending}" for ending in PICTURES if ending != ".svg"))
REMOTE = "space"


class GitSpace:
    """A Space's repository at some address. token: for addresses of https."""

    def __init__(self, name: str, url: str, owner: str = "", token: str | None = None):
        self.name, self.url = name, url
        self.env = {name: value for name, value in os.environ.items() if name not in ELSEWHERE}
        self.env |= {"GIT_TERMINAL_PROMPT": "0", "GIT_LFS_SKIP_SMUDGE": "1"}
        if token and url.startswith("https://"):  # in the environment: a command line can be read by everybody here
            told = base64.b64encode(f"{owner}:{token}".encode()).decode()
            hub = "https://" + urlsplit(url).netloc  # for git-lfs too, whose address is another; no other host gets it
            self.env |= {"GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": f"http.{hub}/.extraHeader",
                         "GIT_CONFIG_VALUE_0": f"Authorization: Basic {told}"}

    def add_remote(self, root: Path) -> str:
        """Add the Space to this folder's git remotes, if there is none of that name yet; return what to know of it."""
        if not (root / ".git").exists():
            return "this folder is no git clone, so it got no remote"
        there = self._git("remote", "get-url", REMOTE, cwd=root, check=False)
        if not there:
            self._git("remote", "add", REMOTE, self.url, cwd=root)
        elif there != self.url:
            return f"the remote {REMOTE} of this folder is {there}, and stays so"
        return f"remote {REMOTE}: {self.url}"

    def changes(self, files: dict[str, bytes]) -> Changes:
        """Return what a push of these files would change."""
        with self._clone() as clone:
            return self._stage(clone, files)

    def send(self, files: dict[str, bytes], message: str) -> str:
        """Push a commit that leaves exactly these files there, and return its SHA."""
        with self._clone() as clone:
            self._stage(clone, files)
            return self._push(clone, message)

    def put_back(self) -> tuple[str, str]:
        """Push a commit that restores what was there before the last one; return both SHAs, the restored one first."""
        with self._clone() as clone:
            told = self._git("log", "--format=%H%x09%s", cwd=clone, check=False)
            target = before([tuple(line.split("\t", 1)) for line in told.splitlines()])
            if not target or "app.py" not in self._git("ls-tree", "--name-only", target, cwd=clone).split():
                raise HubError(f"{self.name} has no earlier version to put back.")
            self._git("lfs", "fetch", "origin", target, cwd=clone)  # its binaries: a push wants to have seen them
            self._git("read-tree", "--reset", target, cwd=clone)
            if not self._git("diff", "--cached", "--name-only", cwd=clone):
                raise HubError(f"{self.name} and the version before it ({target[:12]}) hold the same files.")
            return target, self._push(clone, f"{PUT_BACK} {target}")

    def _stage(self, clone: Path, files: dict[str, bytes]) -> Changes:
        """Make the clone's index hold exactly these files."""
        for path in clone.rglob("*"):
            if path.is_file() and path.relative_to(clone).parts[0] not in (".git", *KEPT):
                path.unlink()
        self._git("lfs", "track", *BINARIES, cwd=clone)
        for name, content in files.items():
            path = clone / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        self._git("add", "--all", "--force", cwd=clone)
        lines = self._git("diff", "--cached", "--name-status", "--no-renames", cwd=clone).splitlines()
        kinds = {kind: [line.split("\t")[1] for line in lines if line[0] == kind and line.split("\t")[1] not in KEPT]
                 for kind in "AMD"}
        return Changes(kinds["A"], kinds["M"], kinds["D"], len(files) - len(kinds["A"]) - len(kinds["M"]))

    def _push(self, clone: Path, message: str) -> str:
        known = all(self._git("config", setting, cwd=clone, check=False) for setting in ("user.name", "user.email"))
        identity = () if known else ("-c", "user.name=Fieldguide", "-c", "user.email=deploy@fieldguide.invalid")
        self._git(*identity, "commit", "-q", "-m", message, cwd=clone)
        commit = self._git("rev-parse", "HEAD", cwd=clone)
        try:
            self._git("push", "-q", "origin", "HEAD:main", cwd=clone, stands="")
        except HubError as error:  # where the connection broke, it may have arrived
            try:
                there = self._git("ls-remote", "origin", "refs/heads/main", cwd=clone)
            except HubError:
                raise NotKnown(f"{error} Whether it arrived is not known.") from error
            if commit not in there:
                raise HubError(f"{error} {self._as_it_was}") from error
        return commit

    @property
    def _as_it_was(self) -> str:
        return f"{self.name} is as it was: a push arrives whole or not at all."

    @contextmanager
    def _clone(self) -> Iterator[Path]:
        """Yield a clone of the Space, without the binaries' content."""
        if not all(map(shutil.which, ("git", "git-lfs"))):
            raise HubError("git or git-lfs is not installed, and the Hub takes binaries by git only so. Install both, "
                           "or leave --git out.")
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
            clone = Path(folder) / "space"
            self._git("clone", "-q", self.url, str(clone), cwd=Path(folder))
            self._git("checkout", "-q", "-B", "main", cwd=clone, check=False)  # an empty repository has no branch yet
            self._git("lfs", "install", "--local", cwd=clone)
            yield clone

    def _git(self, *args: str, cwd: Path, check: bool = True, stands: str | None = None) -> str:
        """Return what a git command prints; HubError with its last words if it fails.

        stands: what is to be said then of the Space, if not that it is as it was.
        """
        run = subprocess.run(["git", *args], cwd=cwd, env=self.env, capture_output=True, text=True)
        if check and run.returncode:
            words = f"{run.stdout.strip()}\n{run.stderr.strip()}".strip().splitlines() or ["no reason given"]
            command = next(arg for arg in args if not arg.startswith("-") and "=" not in arg)
            told = self._as_it_was if stands is None else stands
            raise HubError(f"git {command} failed: {' '.join(words[-3:]).rstrip('.')}. {told}".strip())
        return run.stdout.strip()


def by_push(space: str, hub: str, remote: str) -> GitSpace:
    """Return the Space's git repository, at the Hub or at another address; the token is for the Hub alone."""
    at = urlsplit(remote or f"{hub}/spaces/{space}")
    if at.password or (at.username and at.scheme.startswith("http")):
        raise CliError("--remote holds a password, and git would keep it in .git/config. Leave it out: the token of "
                       "hf auth login, or HF_TOKEN, goes along.")
    return GitSpace(space, at.geturl(), space.split("/")[0], get_token() if at.netloc == urlsplit(hub).netloc else None)
