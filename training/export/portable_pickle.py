"""Pickle a `Learner` so that it opens on other machines: classes and functions by name, and only those of libraries."""

import io
import pickle
import sys
from pathlib import Path, PurePath
from types import FunctionType, ModuleType
from typing import Any
from unittest.mock import patch

import numpy as np
import torch
from fastai.learner import Learner
from fastcore.script import CliError
from plum import Function

# installed wherever a fastai export is served; the standard library is allowed too
LIBRARIES = {"fastai", "fastcore", "fasttransform", "numpy", "PIL", "plum", "timm", "torch", "torchvision"}


class PortablePickler(pickle.Pickler):
    """A pickler that stores classes and functions by name only, and only those of LIBRARIES and the standard library.

    Paths are stored as `pathlib.Path`, which opens on Windows and POSIX alike; NumPy scalars as Python's, since their
    module's name changed with NumPy 2. Raises PicklingError for everything else.
    """

    def reducer_override(self, obj: object) -> Any:
        """Return how to pickle an object; NotImplemented for the usual way."""
        if isinstance(obj, PurePath):
            if obj.is_absolute():
                raise pickle.PicklingError(f"the path {obj}, which exists on this machine only")
            return Path, (str(obj),)
        if isinstance(obj, Function):
            obj.clear_cache(reregister=False)  # it caches the types it was called with, PosixPath among them
        if isinstance(obj, np.generic):
            return type(obj.item()), (obj.item(),)
        if isinstance(obj, (type, FunctionType)):
            package = (obj.__module__ or "").partition(".")[0]
            if package not in LIBRARIES | sys.stdlib_module_names or "<" in obj.__qualname__:
                raise pickle.PicklingError(f"{obj.__module__}.{obj.__qualname__}")
        return NotImplemented


def to_bytes(learn: Learner) -> bytes:
    """Return the export file's bytes; CliError names what could not be stored by name."""
    buffer = io.BytesIO()
    module = ModuleType("portable_pickle")
    vars(module)["Pickler"] = PortablePickler
    # in Python 3.13 these classes belong to pathlib._local, a module that no other version has
    module_names = [patch.object(cls, "__module__", "pathlib") for cls in {Path, type(Path())}]
    opt, learn.opt = learn.opt, None
    try:
        for name in module_names:
            name.start()
        torch.save(learn, buffer, pickle_module=module, pickle_protocol=2)
    except (pickle.PicklingError, AttributeError) as error:
        raise CliError(
            f"This model cannot be exported for other machines: it holds {error}. "
            "Use a network and transforms out of fastai, torchvision or timm."
        ) from error
    finally:
        for name in module_names:
            name.stop()
        learn.opt = opt
    return buffer.getvalue()
