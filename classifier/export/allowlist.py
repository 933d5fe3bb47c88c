"""What an export may name: the network classes that are built anew, and the functions that no export calls.

`moved` brings names of older libraries to those of today; `network_class` and `function` are the only places where a
name out of a file becomes a class or a function, and only one of a list, out of modules that we imported ourselves.
"""
import dis
import functools
import importlib
import sys
from _compat_pickle import IMPORT_MAPPING, NAME_MAPPING
from collections.abc import Iterator
from types import CodeType, FunctionType

# what is imported, whole, for a name that begins so; a file's own name is only looked up in what is there then
TOPS = {
    "torch": ("torch",), "torchvision": ("torchvision.models", "torchvision.ops"), "timm": ("timm.models",),
    "fastai": ("fastai.layers", "fastai.vision.learner", "fastai.vision.models.xresnet"),
}
# modules whose network classes are built (a dot at the end: and all below)
FAMILIES = ("torch.nn.modules.", "torchvision.models.", "torchvision.ops.misc", "torchvision.ops.stochastic_depth",
            "timm.models.", "timm.layers.", "fastai.layers", "fastai.vision.learner", "fastai.vision.models.xresnet")
# forward calls what lies under a stored name, runs a stored program, or waits for its first input to become itself
# or hands numbers of the file's to a kernel that takes them for places in memory
NEVER = {"fastai.layers.Debugger", "torch.nn.modules.module.Module", *(f"torch.nn.modules.{name}" for name in (
    "pooling.FractionalMaxPool2d", "pooling.FractionalMaxPool3d", "sparse.EmbeddingBag"))}
# the same, and what is for other tasks than classifying photos
NEVER_MODULES = ("torchvision.models.detection.", "torchvision.models.segmentation.", "torchvision.models.video.",
                 "torchvision.models.optical_flow.", "torchvision.models.quantization.",
                 "torch.nn.modules.loss", "torch.nn.modules.adaptive", "torch.nn.modules.rnn", "torch.nn.modules.lazy",
                 "timm.models._features_fx", "timm.models._features", "torchvision.models._utils",
                 "torchvision.models.feature_extraction", "timm.models._factory", "timm.models._hub",
                 "timm.models._builder", "timm.models._registry")
BUILDING = {"__init__", "__repr__", "extra_repr"}  # no answer passes through these
BASES = {"fastai.torch_core.Module"}  # of which others are made
RUNS_TEXT = {"eval", "exec", "compile", "__import__", "import_module", "open", "globals", "locals", "vars"}
# a setting of a network that is text is one of these; each that torchvision's and timm's networks have, and fastai's
TEXTS = set("""
    zeros reflect replicate circular nearest bilinear bicubic linear trilinear area none tanh batch row
    same valid symmetric avg max avgmax catavgmax fast token map mean sum prenorm first last constant
    border reflection depthwise relu gelu silu NCHW NHWC NLC NCL learn learned rope avg_max SAME VALID
    flatten input channels_first channels_last window grid cr proj Upsample all align ij xy index
    separate soft original shortcut conv spatial merge cat classification SUM""".split()) | {""}
FUNCTIONS = {f"torch.nn.functional.{name}" for name in """
    adaptive_avg_pool1d adaptive_avg_pool2d adaptive_max_pool2d avg_pool2d dropout elu gelu glu
    hardsigmoid hardswish hardtanh interpolate layer_norm leaky_relu linear log_softmax logsigmoid
    max_pool2d mish normalize relu relu6 selu sigmoid silu softmax softplus softsign tanh""".split()}
ENUMERATIONS = {"timm.layers.format.Format": ("NCHW", "NHWC", "NCL", "NLC")}
NOTHING = {f"{module}.{name}" for module in ("fastcore.imports", "fastai.imports", "fasttransform.transform",
                                             "fastcore.basics") for name in ("noop", "noops")}
# the standard library's own modules whose functions are called in honest exports: they only hold data
DATA_MODULES = {"collections", "collections.abc", "copyreg", "datetime", "decimal", "enum", "fractions", "functools",
                "inspect", "numbers", "operator", "pathlib", "random", "re", "string", "types", "typing", "uuid",
                "zoneinfo", "_codecs", "argparse", "array", "dataclasses", "ipaddress", "itertools", "logging", "math",
                "threading", "weakref", "abc", "copy"}
DATA_BUILTINS = set("""
    bool bytearray bytes complex dict float frozenset getattr int list object range set slice str super
    tuple type property staticmethod classmethod""".split())
# where a class lives now that older files name elsewhere
MOVED = {
    "fastai2": "fastai", "fastcore.transform": "fasttransform.transform", "pathlib._local": "pathlib",
    "numpy._core.multiarray": "numpy.core.multiarray", "numpy._core.numeric": "numpy.core.numeric",
    "numpy.core._multiarray_umath": "numpy", "numpy._core._multiarray_umath": "numpy",
    "timm.models.layers": "timm.layers", "torch.tensor": "torch._tensor", "fastcore.utils": "fastcore.basics",
    "torchvision.models.mobilenet": "torchvision.models.mobilenetv2", "_operator": "operator",
    "torchvision.models.mobilenetv2.ConvBNReLU": "torchvision.ops.misc.Conv2dNormActivation",
    "torchvision.models.mobilenetv3.ConvBNActivation": "torchvision.ops.misc.Conv2dNormActivation",
    "torchvision.models.mobilenetv3.SqueezeExcitation": "torchvision.ops.misc.SqueezeExcitation",
    "torchvision.ops.misc.ConvNormActivation": "torchvision.ops.misc.Conv2dNormActivation",
    "torch.nn.modules.linear._LinearWithBias": "torch.nn.modules.linear.NonDynamicallyQuantizableLinear",
    "fastai.vision.all": "fastai.vision.core", "fastcore.dispatch.TypeDispatch": "plum._function.Function",
}
FOLDERS = ("fastai2", "timm.models.layers")  # and all below them


def moved(module: str, name: str) -> tuple[str, str]:
    """Return where a class or function of an older library, or of Python 2, lives now."""
    module, name = NAME_MAPPING.get((module, name), (IMPORT_MAPPING.get(module, module), name))
    if f"{module}.{name}" in MOVED:
        return tuple(MOVED[f"{module}.{name}"].rsplit(".", 1))
    if module in MOVED:
        return MOVED[module], name
    for folder in FOLDERS:
        if module.startswith(folder + "."):
            return MOVED[folder] + module[len(folder):], name
    return module, name


def within(module: str, families: tuple[str, ...]) -> bool:
    """Return whether a module is one of `families`; of one with a dot at its end, any below it."""
    return any(module == family.rstrip(".") or (family.endswith(".") and module.startswith(family))
               for family in families)


def runs_code(full: str) -> bool:
    """Return whether a call of this name shows that a file was made to run code: no honest export has one."""
    module, _, name = full.rpartition(".")
    if module == "builtins":
        return name not in DATA_BUILTINS and not name.endswith(("Error", "Exception", "Warning"))
    top = module.partition(".")[0]
    return module not in DATA_MODULES and (top in sys.stdlib_module_names or top in sys.builtin_module_names)


@functools.cache
def network_class(full: str) -> type | None:
    """Return the network class of a name, None where that is none of the list or not in the version here."""
    module, _, name = full.rpartition(".")
    top = module.partition(".")[0]
    if full in NEVER or within(module, NEVER_MODULES) or not within(module, FAMILIES):
        return None
    from torch import nn

    for wanted in TOPS[top]:
        importlib.import_module(wanted)
    found = vars(sys.modules.get(module, sys)).get(name)
    if not isinstance(found, type) or not issubclass(found, nn.Module) or found.__name__ != name:
        return None
    own = [cls for cls in found.__mro__ if issubclass(cls, nn.Module) and cls is not nn.Module]
    return found if all(map(_is_listed, own)) else None


def _is_listed(cls: type) -> bool:
    """Return whether a network class, or a base of one, is of the list and runs no text."""
    if f"{cls.__module__}.{cls.__name__}" in BASES:
        return True
    if f"{cls.__module__}.{cls.__name__}" in NEVER or within(cls.__module__, NEVER_MODULES) or (
            not within(cls.__module__, FAMILIES)):
        return False
    if cls.__module__.startswith("torch.nn."):
        return True
    answering = [code for name, code in _codes(cls) if name not in BUILDING and RUNS_TEXT & set(code.co_names)]
    return not any(step.opname.startswith(("LOAD_GLOBAL", "LOAD_NAME")) and step.argval in RUNS_TEXT
                   for code in answering for step in dis.get_instructions(code))


@functools.cache
def names_used(cls: type) -> frozenset[str]:
    """Return the names that a network class's code reads, sets, calls or annotates: its settings are among them."""
    from torch import nn

    owners = [owner for owner in cls.__mro__ if issubclass(owner, nn.Module) and owner is not nn.Module]
    return frozenset(name for owner in owners for _, code in _codes(owner) for name in code.co_names).union(
        *(vars(owner).get("__annotations__", ()) for owner in owners))


def _codes(cls: type) -> Iterator[tuple[str, CodeType]]:
    """Yield the name and code of a class's own methods and properties, and of the functions inside them."""
    for name, member in vars(cls).items():
        function = getattr(member, "fget", None) or getattr(member, "__func__", member)
        pending = [function.__code__] if isinstance(function, FunctionType) else []
        while pending:
            yield name, (code := pending.pop())
            pending += (constant for constant in code.co_consts if isinstance(constant, CodeType))


def member(full: str, value: str):
    """Return the member of an enumeration of timm's, by its class's name and its value; None for any other."""
    if full not in ENUMERATIONS or value not in ENUMERATIONS[full]:
        return None
    module, _, name = full.rpartition(".")
    return vars(importlib.import_module(module))[name](value)


def function(full: str):
    """Return the function of torch of a name, None where that is none of the list."""
    if full not in FUNCTIONS:
        return None
    from torch.nn import functional

    return vars(functional).get(full.rpartition(".")[2])
