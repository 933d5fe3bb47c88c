"""Open a pull request on the Hub, or bring the one that is open up to date: there is never a second one.

Gives `propose`; every error is a `HubError` of one sentence that says what to do
"""

from collections.abc import Mapping
from dataclasses import dataclass

from huggingface_hub import CommitOperationAdd, Discussion

from .errors import HubError
from .repo import Content, Repo, changes


@dataclass(frozen=True)
class Proposal:
    """A pull request that is open, and what was done to it."""

    url: str
    done: str  # opened, updated or as it was


def propose(repo: Repo, files: Mapping[str, Content], deciding: str, subject: str, title: str, body: str) -> Proposal:
    """Return the pull request that proposes the files.

    deciding: the file that tells whether an open one proposes something else. subject: how the titles of such pull
    requests begin; only those of the token's own account are brought up to date. body: Markdown.
    """
    me = repo.call("asking whose token this is", repo.api.whoami)["name"]
    found = _open(repo, me, subject)
    if found is not None:
        return _update(repo, found, files, deciding, title, body)
    operations = [CommitOperationAdd(path, content) for path, content in files.items()]
    try:
        info = repo.call(
            "opening a pull request",
            lambda: repo.api.create_commit(
                **repo.at, operations=operations, commit_message=title, commit_description=body, create_pr=True
            ),
        )
    except HubError:
        found = _open(repo, me, subject)  # the answer may have been lost, and not the question
        if found is None:
            raise
        return Proposal(found.url, "opened")
    return Proposal(str(info.pr_url), "opened")


def _open(repo: Repo, me: str, subject: str) -> Discussion | None:
    """Return the pull request of an account that is open, the latest of several."""
    there = repo.call(
        "listing its pull requests",
        lambda: list(
            repo.api.get_repo_discussions(
                repo.name, repo_type=repo.kind, author=me, discussion_type="pull_request", discussion_status="open"
            )
        ),
    )
    own = [one for one in there if one.is_pull_request and one.author == me and one.title.startswith(subject)]
    return max(own, key=lambda one: one.num, default=None)


def _update(
    repo: Repo, found: Discussion, files: Mapping[str, Content], deciding: str, title: str, body: str
) -> Proposal:
    """Send the files to a pull request, with the text as a comment, unless it proposes them already."""
    revision = f"refs/pr/{found.num}"
    if not changes({deciding: files[deciding]}, {**repo.tree(revision)}).n_same:
        operations = [CommitOperationAdd(path, content) for path, content in files.items()]
        repo.call(
            "sending files to its pull request",
            lambda: repo.api.create_commit(
                **repo.at, operations=operations, commit_message=title, commit_description=body, revision=revision
            ),
        )
        repo.call(
            "commenting its pull request",
            lambda: repo.api.comment_discussion(repo.name, found.num, body, repo_type=repo.kind),
        )
        repo.call(
            "naming its pull request",
            lambda: repo.api.rename_discussion(repo.name, found.num, title, repo_type=repo.kind),
        )
        return Proposal(found.url, "updated")
    return Proposal(found.url, "as it was")
