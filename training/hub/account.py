"""Say whether a token may write for an owner, as the Hub's whoami describes it, and how to log in."""

import sys
from pathlib import Path
from typing import Any

TOKENS = "https://huggingface.co/settings/tokens"


def login_command(*options: str) -> str:
    """Return the command that logs in to the Hub, as it can be pasted into the shell that this was started in.

    Where nobody has activated the environment, `hf` alone is not found.
    """
    hf, here = Path(sys.executable).with_name("hf"), Path.cwd()
    return " ".join([hf.relative_to(here).as_posix() if here in hf.parents else "hf", "auth", "login", *options])


def obstacle(who: dict[str, Any], owner: str) -> tuple[str, str]:
    """Return why a token may not write to an owner's repositories, and what to do; two empty texts where it may."""
    name, orgs = who["name"], {org.get("name"): org.get("roleInOrg") for org in who.get("orgs") or []}
    if owner != name and owner not in orgs:
        return (
            f"the token is {name}'s, who is neither {owner} nor in an organisation {owner}",
            f"Take {name}/…, or log in as {owner}: {login_command('--force')}",
        )
    if not _writes((who.get("auth") or {}).get("accessToken") or {}, owner):
        return (
            f"{name}'s token may read but not write for {owner}",
            f'Make one of the kind "write" on {TOKENS}, then: {login_command("--force")}',
        )
    if orgs.get(owner) == "read":
        return (
            f"{name} may read but not write in the organisation {owner}",
            "Ask who runs it for the role of a contributor.",
        )
    return "", ""


def _writes(token: dict[str, Any], owner: str) -> bool:
    """Return whether a token may write to an owner's repositories, as far as its description tells."""
    if token.get("role") != "fineGrained":
        return token.get("role") != "read"
    return any(
        "repo.write" in scope.get("permissions", [])
        and ((scope.get("entity") or {}).get("name") or owner).split("/")[0] == owner
        for scope in (token.get("fineGrained") or {}).get("scoped") or []
    )
