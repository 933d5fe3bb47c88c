"""Allow-list, long with names: network classes and functions that an export may use, calls that no export makes.

`current_name` translates names of older libraries to those of today. `network_class`, `torch_function` and
`enumeration_member` are the only places where a name from a file becomes a class, a function or an object: one of a
fixed list, out of modules that this package imports itself.
"""

from __future__ import annotations

import dis
import functools
import importlib
import sys
from _compat_pickle import IMPORT_MAPPING, NAME_MAPPING
from collections.abc import Callable, Iterator
from types import CodeType, FunctionType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import nn

# modules to import for a name that begins so; a name from a file is only looked up in modules that are loaded then
IMPORTS = {
    "torch": ("torch",),
    "torchvision": ("torchvision.models", "torchvision.ops"),
    "timm": ("timm.models",),
    "fastai": ("fastai.layers", "fastai.vision.learner", "fastai.vision.models.xresnet"),
}
# modules whose network classes are allowed (a dot at the end: and all modules below)
NETWORK_MODULES = (
    "torch.nn.modules.",
    "torchvision.models.",
    "torchvision.ops.misc",
    "torchvision.ops.stochastic_depth",
    "timm.models.",
    "timm.layers.",
    "fastai.layers",
    "fastai.vision.learner",
    "fastai.vision.models.xresnet",
)
# their forward calls what lies under a stored name, runs a stored program, waits for its first input to become itself,
# or passes numbers of the file to a kernel that uses them as positions in memory
EXCLUDED = {
    "fastai.layers.Debugger",
    "torch.nn.modules.module.Module",
    *(
        f"torch.nn.modules.{name}"
        for name in ("pooling.FractionalMaxPool2d", "pooling.FractionalMaxPool3d", "sparse.EmbeddingBag")
    ),
}
# the same, and classes for other tasks than classifying photos
EXCLUDED_MODULES = (
    "torchvision.models.detection.",
    "torchvision.models.segmentation.",
    "torchvision.models.video.",
    "torchvision.models.optical_flow.",
    "torchvision.models.quantization.",
    "torch.nn.modules.loss",
    "torch.nn.modules.adaptive",
    "torch.nn.modules.rnn",
    "torch.nn.modules.lazy",
    "timm.models._features_fx",
    "timm.models._features",
    "torchvision.models._utils",
    "torchvision.models.feature_extraction",
    "timm.models._factory",
    "timm.models._hub",
    "timm.models._builder",
    "timm.models._registry",
)
CONSTRUCTION = {"__init__", "__repr__", "extra_repr"}  # methods that take no part in a forward pass
BASE_CLASSES = {"fastai.torch_core.Module"}
TEXT_EXECUTORS = {"eval", "exec", "compile", "__import__", "import_module", "open", "globals", "locals", "vars"}
# the texts that may be a setting of a network: those of torchvision's, timm's and fastai's networks
TEXT_SETTINGS = set(
    """
    zeros reflect replicate circular nearest bilinear bicubic linear trilinear area none tanh batch row
    same valid symmetric avg max avgmax catavgmax fast token map mean sum prenorm first last constant
    border reflection depthwise relu gelu silu NCHW NHWC NLC NCL learn learned rope avg_max SAME VALID
    flatten input channels_first channels_last window grid cr proj Upsample all align ij xy index
    separate soft original shortcut conv spatial merge cat classification SUM""".split()
) | {""}
FUNCTIONS = {
    f"torch.nn.functional.{name}"
    for name in """
    adaptive_avg_pool1d adaptive_avg_pool2d adaptive_max_pool2d avg_pool2d dropout elu gelu glu
    hardsigmoid hardswish hardtanh interpolate layer_norm leaky_relu linear log_softmax logsigmoid
    max_pool2d mish normalize relu relu6 selu sigmoid silu softmax softplus softsign tanh""".split()
}
ENUMERATIONS = {"timm.layers.format.Format": ("NCHW", "NHWC", "NCL", "NLC")}
NO_OPS = {
    f"{module}.{name}"
    for module in ("fastcore.imports", "fastai.imports", "fasttransform.transform", "fastcore.basics")
    for name in ("noop", "noops")
}
# modules of the standard library whose functions honest exports call: they only hold data
DATA_MODULES = {
    "collections",
    "collections.abc",
    "copyreg",
    "datetime",
    "decimal",
    "enum",
    "fractions",
    "functools",
    "inspect",
    "numbers",
    "operator",
    "pathlib",
    "random",
    "re",
    "string",
    "types",
    "typing",
    "uuid",
    "zoneinfo",
    "_codecs",
    "argparse",
    "array",
    "dataclasses",
    "ipaddress",
    "itertools",
    "logging",
    "math",
    "threading",
    "weakref",
    "abc",
    "copy",
}
DATA_BUILTINS = set(
    """
    bool bytearray bytes complex dict float frozenset getattr int list object range set slice str super
    tuple type property staticmethod classmethod""".split()
)
# old name: current name, of modules, classes and functions that libraries have moved
MOVED = {
    "fastai2": "fastai",
    "fastcore.transform": "fasttransform.transform",
    "pathlib._local": "pathlib",
    "numpy._core.multiarray": "numpy.core.multiarray",
    "numpy._core.numeric": "numpy.core.numeric",
    "numpy.core._multiarray_umath": "numpy",
    "numpy._core._multiarray_umath": "numpy",
    "timm.models.layers": "timm.layers",
    "torch.tensor": "torch._tensor",
    "fastcore.utils": "fastcore.basics",
    "torchvision.models.mobilenet": "torchvision.models.mobilenetv2",
    "_operator": "operator",
    "torchvision.models.mobilenetv2.ConvBNReLU": "torchvision.ops.misc.Conv2dNormActivation",
    "torchvision.models.mobilenetv3.ConvBNActivation": "torchvision.ops.misc.Conv2dNormActivation",
    "torchvision.models.mobilenetv3.SqueezeExcitation": "torchvision.ops.misc.SqueezeExcitation",
    "torchvision.ops.misc.ConvNormActivation": "torchvision.ops.misc.Conv2dNormActivation",
    "torch.nn.modules.linear._LinearWithBias": "torch.nn.modules.linear.NonDynamicallyQuantizableLinear",
    "fastai.vision.all": "fastai.vision.core",
    "fastcore.dispatch.TypeDispatch": "plum._function.Function",
}
MOVED_PACKAGES = ("fastai2", "timm.models.layers")  # with all modules below them


def current_name(module: str, name: str) -> tuple[str, str]:
    """Return the module and name of today for those of an older library or of Python 2."""
    module, name = NAME_MAPPING.get((module, name), (IMPORT_MAPPING.get(module, module), name))
    if f"{module}.{name}" in MOVED:
        module, _, name = MOVED[f"{module}.{name}"].rpartition(".")
        return module, name
    if module in MOVED:
        return MOVED[module], name
    for package in MOVED_PACKAGES:
        if module.startswith(package + "."):
            return MOVED[package] + module[len(package) :], name
    return module, name


def is_listed_module(module: str, modules: tuple[str, ...]) -> bool:
    """Return whether a module is one of `modules`, or lies below one that ends with a dot."""
    return any(
        module == listed.rstrip(".") or (listed.endswith(".") and module.startswith(listed)) for listed in modules
    )


def runs_code(full: str) -> bool:
    """Return whether a call of this name shows that a file was made to run code: no honest export has such a call."""
    module, _, name = full.rpartition(".")
    if module == "builtins":
        return name not in DATA_BUILTINS and not name.endswith(("Error", "Exception", "Warning"))
    top = module.partition(".")[0]
    return module not in DATA_MODULES and (top in sys.stdlib_module_names or top in sys.builtin_module_names)


@functools.cache
def network_class(full: str) -> type[nn.Module] | None:
    """Return the network class of a name; None where it is not allowed or not in the installed version."""
    module, _, name = full.rpartition(".")
    top = module.partition(".")[0]
    if not _is_allowed(module, full):
        return None
    from torch import nn

    for needed in IMPORTS[top]:
        importlib.import_module(needed)
    found = vars(sys.modules.get(module, sys)).get(name)
    if not isinstance(found, type) or not issubclass(found, nn.Module) or found.__name__ != name:
        return None
    own = [cls for cls in found.__mro__ if issubclass(cls, nn.Module) and cls is not nn.Module]
    return found if all(map(_is_safe, own)) else None


def _is_allowed(module: str, full: str) -> bool:
    """Return whether the allow-list has a class, by its module and its full name."""
    return (
        full not in EXCLUDED
        and not is_listed_module(module, EXCLUDED_MODULES)
        and is_listed_module(module, NETWORK_MODULES)
    )


def _is_safe(cls: type) -> bool:
    """Return whether a network class, or a base of one, is allowed and its forward pass executes no text."""
    full = f"{cls.__module__}.{cls.__name__}"
    if full in BASE_CLASSES:
        return True
    if not _is_allowed(cls.__module__, full):
        return False
    if cls.__module__.startswith("torch.nn."):
        return True
    suspects = [code for name, code in _codes(cls) if name not in CONSTRUCTION and TEXT_EXECUTORS & set(code.co_names)]
    return not any(
        step.opname.startswith(("LOAD_GLOBAL", "LOAD_NAME")) and step.argval in TEXT_EXECUTORS
        for code in suspects
        for step in dis.get_instructions(code)
    )


@functools.cache
def names_used(cls: type) -> frozenset[str]:
    """Return the names that a network class's code reads, sets, calls or annotates, its settings among them."""
    from torch import nn

    owners = [owner for owner in cls.__mro__ if issubclass(owner, nn.Module) and owner is not nn.Module]
    return frozenset(name for owner in owners for _, code in _codes(owner) for name in code.co_names).union(
        *(vars(owner).get("__annotations__", ()) for owner in owners)
    )


def _codes(cls: type) -> Iterator[tuple[str, CodeType]]:
    """Yield the name and code of a class's own methods and properties, and of the functions inside them."""
    for name, member in vars(cls).items():
        function = getattr(member, "fget", None) or getattr(member, "__func__", member)
        pending = [function.__code__] if isinstance(function, FunctionType) else []
        while pending:
            yield name, (code := pending.pop())
            pending += (constant for constant in code.co_consts if isinstance(constant, CodeType))


def enumeration_member(full: str, value: str) -> Any:
    """Return the member of an enumeration of timm, by the name of its class and its value; None for any other."""
    if full not in ENUMERATIONS or value not in ENUMERATIONS[full]:
        return None
    module, _, name = full.rpartition(".")
    return vars(importlib.import_module(module))[name](value)


def torch_function(full: str) -> Callable[..., Any] | None:
    """Return the function of torch of a name; None where it is not allowed."""
    if full not in FUNCTIONS:
        return None
    from torch.nn import functional

    return vars(functional).get(full.rpartition(".")[2])
