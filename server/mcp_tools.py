"""Tools for assistants over MCP (the Model Context Protocol), at /gradio_api/mcp.

Usage:

    @no_tool
    def predict(photo): ...
"""

from collections.abc import Callable
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")


def no_tool(function: Callable[P, R]) -> Callable[P, R]:
    """Keep a function of the API from assistants: of two that do nearly the same, they would take either."""
    function._mcp_type = "none"  # type: ignore[attr-defined]  # Gradio reads it
    return function
