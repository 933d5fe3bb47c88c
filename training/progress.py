"""fastprogress's bars, shown where somebody watches: in a terminal or a notebook, and not in a file or a pipe.

Usage:

    from training.progress import progress_bar
"""

import os
import sys

from fastprogress import fastprogress
from fastprogress import progress_bar as progress_bar

# fastprogress means to leave bars out of files and pipes, but forgets to call isatty. This holds for fastai's bars too
fastprogress.NO_BAR = not (
    fastprogress.IN_NOTEBOOK or "PYCHARM_HOSTED" in os.environ or (sys.stdout and sys.stdout.isatty())
)
if fastprogress.NO_BAR:
    fastprogress.ConsoleProgressBar.fill = ""  # it is printed once even so
