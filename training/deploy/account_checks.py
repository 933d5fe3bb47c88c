"""Check what an account may do on the Hub, by what the Hub says of it; each check comes with its fix."""

from typing import Any

from .checks import Check
from .manifest import CPU, ZERO_GPU

TOKENS = "https://huggingface.co/settings/tokens"


def account(who: dict[str, Any], owner: str) -> Check:
    """Say whether a token, as the Hub's whoami describes it, may write to an owner's Spaces."""
    name, orgs = who["name"], {org.get("name"): org.get("roleInOrg") for org in who.get("orgs") or []}
    if owner != name and owner not in orgs:
        return Check(
            "account",
            problem=f"the token is {name}'s, who is neither {owner} nor in an organisation {owner}",
            fix=f"Deploy to {name}/…, or log in as {owner}: hf auth login --force",
        )
    if not _writes((who.get("auth") or {}).get("accessToken") or {}, owner):
        return Check(
            "account",
            problem=f"{name}'s token may read but not write for {owner}",
            fix=f'Make one of the kind "write" on {TOKENS}, then: hf auth login --force',
        )
    if orgs.get(owner) == "read":
        return Check(
            "account",
            problem=f"{name} may read but not write in the organisation {owner}",
            fix="Ask who runs it for the role of a contributor.",
        )
    return Check("account", f"{name}, with a token that may write")


def _writes(token: dict[str, Any], owner: str) -> bool:
    """Return whether a token may write to an owner's repositories, as far as its description tells."""
    if token.get("role") != "fineGrained":
        return token.get("role") != "read"
    return any(
        "repo.write" in scope.get("permissions", [])
        and ((scope.get("entity") or {}).get("name") or owner).split("/")[0] == owner
        for scope in (token.get("fineGrained") or {}).get("scoped") or []
    )


def hardware_for(who: dict[str, Any], owner: str) -> str:
    """Return the hardware that an account can create a Space on without paying for it."""
    return CPU if who.get("isPro") or owner != who["name"] else ZERO_GPU


def may_create(who: dict[str, Any], owner: str, hardware: str, exists: bool) -> Check:
    """Say whether an account may create a Space on some hardware, as far as the Hub tells beforehand."""
    name = "kind of Space"
    if exists:
        return Check(name, f"it is there already, on {hardware}")
    if owner == who["name"] and not who.get("isPro"):
        if hardware == CPU:
            return Check(
                name,
                problem=f"a new Space on {CPU} needs PRO, which {owner} has not",
                fix=f"Leave --hardware out (free accounts have ZeroGPU), or say --hardware {ZERO_GPU}.",
            )
        if hardware == ZERO_GPU and who.get("emailVerified") is False:
            return Check(
                name,
                problem="free Spaces need an account with a verified e-mail address",
                fix="Verify it on https://huggingface.co/settings/account.",
            )
        if hardware == ZERO_GPU:
            return Check(
                name, "ZeroGPU, which is free (2 Spaces, accounts of 30 days or more); photos are answered on its CPU"
            )
    return Check(name, f"a new one on {hardware}")
