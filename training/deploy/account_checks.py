"""Check what an account may do on the Hub, by what the Hub says of it; each check comes with its fix."""

from datetime import datetime, timezone
from typing import Any

from training.hub.account import obstacle
from training.hub.errors import HubError
from training.hub.repo import Repo

from .checks import Check
from .manifest import CPU, ZERO_GPU

KIND = "kind of Space"
DAYS, PLACES = 30, 2  # that an account is old, and the ZeroGPU Spaces that it may have then, without paying


def account(who: dict[str, Any], owner: str) -> Check:
    """Say whether a token, as the Hub's whoami describes it, may write to an owner's Spaces."""
    problem, fix = obstacle(who, owner)
    return Check("account", "" if problem else f"{who['name']}, with a token that may write", problem, fix)


def hardware_for(who: dict[str, Any], owner: str) -> str:
    """Return the hardware that an account can create a Space on without paying for it."""
    return CPU if who.get("isPro") or owner != who["name"] else ZERO_GPU


def may_create(who: dict[str, Any], owner: str, hardware: str, exists: bool) -> Check:
    """Say whether an account may create a Space on some hardware, as far as the Hub tells beforehand."""
    if exists:
        return Check(KIND, f"it is there already, on {hardware}")
    if owner == who["name"] and not who.get("isPro"):
        if hardware == CPU:
            return Check(
                KIND,
                problem=f"a new Space on {CPU} needs PRO, which {owner} has not",
                fix=f"Leave --hardware out (free accounts have ZeroGPU), or say --hardware {ZERO_GPU} or --static.",
            )
        if hardware == ZERO_GPU and who.get("emailVerified") is False:
            return Check(
                KIND,
                problem="free Spaces need an account with a verified e-mail address",
                fix="Verify it on https://huggingface.co/settings/account.",
            )
        if hardware == ZERO_GPU:
            return Check(
                KIND, "ZeroGPU, which is free (2 Spaces, accounts of 30 days or more); photos are answered on its CPU"
            )
    return Check(KIND, f"a new one on {hardware}")


def why_static(who: dict[str, Any], owner: str, space: Repo) -> str:
    """Return why an account may have no new Gradio Space; "" where it may, as far as the Hub tells beforehand."""
    if owner != who["name"] or who.get("isPro"):
        return ""
    try:
        days = _age(space, owner)
        if days is not None and days < DAYS:
            return f"a free account younger than {DAYS} days, as {owner}'s, gets no Gradio Space"
        if _zero_gpu_spaces(space, owner) >= PLACES:
            return f"a free account has at most {PLACES} Spaces on ZeroGPU, and {owner} has them"
    except HubError:  # then the creation itself tells
        pass
    return ""


def static_space(name: str, info: object, why: str, hardware: str) -> Check:
    """Say what a static Space means. info: what the Hub says of the Space. why: it was chosen. hardware: asked for."""
    if hardware:
        fix = "Leave --hardware out, or take another name."
        return Check(KIND, problem=f"{name} is a static Space, which runs on no hardware", fix=fix)
    if getattr(info, "sdk", None) == "static":
        return Check(KIND, "it is there already, a static one: it gets the browser edition")
    if info:
        return Check(KIND, "the browser edition takes the place of the Gradio app that is there")
    reason = f", since {why}" if why else ""
    return Check(KIND, f"a static one{reason}; photos are answered in the visitor's browser")


def _age(space: Repo, owner: str) -> int | None:
    """Return how many days old an account is; None where the Hub does not tell."""

    def ask() -> int | None:
        created = getattr(space.api.get_user_overview(owner), "createdAt", None)
        if not isinstance(created, str):
            return None
        return (datetime.now(timezone.utc) - datetime.fromisoformat(created.replace("Z", "+00:00"))).days

    return space.call("asking how old the account is", ask)


def _zero_gpu_spaces(space: Repo, owner: str) -> int:
    """Return how many Spaces of an account are on ZeroGPU."""
    listed = space.call(
        "listing the Spaces of the account", lambda: list(space.api.list_spaces(author=owner, expand=["runtime"]))
    )
    runtimes = [one.runtime for one in listed if one.runtime]
    return sum(ZERO_GPU in (runtime.hardware, runtime.requested_hardware) for runtime in runtimes)
