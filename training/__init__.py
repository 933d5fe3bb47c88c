"""The offline pipeline: one stage a module, run as `python -m training.STAGE`."""
import os
import sys

from fastprogress import fastprogress

from classifier.torchvision_compat import declare_operators

declare_operators()  # here, before any stage imports torchvision, fastai or timm
# bars are for people who watch: fastprogress means to leave them out of files and pipes, but forgets to call isatty
fastprogress.NO_BAR = not (fastprogress.IN_NOTEBOOK or "PYCHARM_HOSTED" in os.environ
                           or (sys.stdout and sys.stdout.isatty()))
if fastprogress.NO_BAR:
    fastprogress.ConsoleProgressBar.fill = ""  # it is printed once even so
