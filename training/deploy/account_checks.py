"""Check what an account may do on the Hub, by what the Hub says of it; each check comes with its fix."""

from typing import Any

from training.hub.account import obstacle

from .checks import Check
from .manifest import CPU, ZERO_GPU


def account(who: dict[str, Any], owner: str) -> Check:
    """Say whether a token, as the Hub's whoami describes it, may write to an owner's Spaces."""
    problem, fix = obstacle(who, owner)
    return Check("account", "" if problem else f"{who['name']}, with a token that may write", problem, fix)


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
