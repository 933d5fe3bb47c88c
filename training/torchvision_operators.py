"""Declare torchvision's operators where they cannot be loaded: import this before torchvision, timm or fastai.vision.

It imports torch. Modules of commands that work without torch therefore do not import it.
"""

from classifier.torchvision_compat import declare_operators

declare_operators()
