"""Which notebook host this is, and how a page that this process serves is shown on it.

Gives  `host_name`, and `show_port`, which shows a local port inside the notebook where the host can

Standard library only, since it runs before anything is installed.
"""

import importlib
import os
import sys

COLAB, KAGGLE, JUPYTER = "Colab", "Kaggle", "Jupyter"
NO_PORT = "Kaggle shows no page that a notebook serves."


def host_name() -> str:
    """Return COLAB, KAGGLE, or JUPYTER for everything else."""
    if "COLAB_RELEASE_TAG" in os.environ or "google.colab" in sys.modules:
        return COLAB
    return KAGGLE if "KAGGLE_KERNEL_RUN_TYPE" in os.environ else JUPYTER


def show_port(port: int, path: str = "/", height: int = 800) -> None:
    """Show http://127.0.0.1:PORT/PATH in the output of the cell; height: in pixels. Not for KAGGLE.

    On Colab the browser reaches the port by Colab's own address, in Jupyter by 127.0.0.1.
    """
    if host_name() == COLAB:
        output = importlib.import_module("google.colab.output")
        output.serve_kernel_port_as_iframe(port, path=path, height=str(height))
        return
    display = importlib.import_module("IPython.display")
    display.display(display.IFrame(f"http://127.0.0.1:{port}{path}", "100%", height))
