"""What assistants find here over MCP (the Model Context Protocol), at /gradio_api/mcp.

    @no_tool
    def predict(photo): ...
"""
import os
from collections.abc import Callable

import gradio.mcp


def no_tool(function: Callable) -> Callable:
    """Keep a function of the API from assistants: of two that do nearly the same, they would take either."""
    function._mcp_type = "none"
    return function


def keep_photos_with_uploads() -> None:
    """Have photos that assistants send as data URLs written where uploads are, to be deleted as those are.

    Gradio reads the folder's name when it is imported, before the app can say it.
    """
    gradio.mcp.DEFAULT_TEMP_DIR = os.environ["GRADIO_TEMP_DIR"]
