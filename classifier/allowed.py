"""What a pickle may name: the list that `classifier.unpickle` goes by, and nothing that runs.

Four answers to a name, from the most to the least that it gets:

- live: the class or function itself. Whoever wrote the file can have fastai call it, and through
  `functools.partial` with any arguments, so each is listed alone, and none reads, writes or loads.
- built: a class whose instances may be filled from the file but that is itself never called: no
  constructor runs. By kind, so that any architecture of torchvision and timm opens.
- absent: a name alone, which raises if it is called. That is enough for a metric or a label function,
  and all that a name out of somebody's own module gets: nothing of `__main__` is looked up.
- refused, by name: everything else, the standard library above all.

Imports are made here only, of modules under the families below.
"""
import enum
import importlib
import sys

# module: names that stand for themselves
LIVE = {
    "builtins": "bool bytes complex dict float frozenset int list object print set slice str tuple",
    "types": "NoneType",
    "collections": "OrderedDict defaultdict deque Counter",
    "pathlib": "Path PurePath",
    "numpy": "ndarray dtype bool_ float16 float32 float64 int8 int16 int32 int64 uint8 uint16 uint32 uint64 str_",
    "PIL.Image": "Image",
    "torch": "Tensor Size device dtype float16 float32 float64 bfloat16 int8 int16 int32 int64 uint8 bool "
             "channels_last contiguous_format preserve_format",
    "torch.nn.parameter": "Parameter",
    "torch.nn.functional": "adaptive_avg_pool1d adaptive_avg_pool2d adaptive_max_pool2d avg_pool2d "
                           "binary_cross_entropy binary_cross_entropy_with_logits cross_entropy dropout elu gelu glu "
                           "hardsigmoid hardswish "
                           "hardtanh interpolate l1_loss layer_norm leaky_relu linear log_softmax logsigmoid "
                           "max_pool2d mish mse_loss nll_loss normalize relu relu6 selu sigmoid silu smooth_l1_loss "
                           "softmax softplus softsign tanh",
    "fastai.torch_core": "TensorBase TensorImageBase TensorImage TensorImageBW TensorMask TensorFlowField "
                         "TensorCategory TensorMultiCategory TitledInt TitledFloat TitledStr TitledTuple ArrayBase "
                         "ArrayImage ArrayImageBase ArrayImageBW ArrayMask",
    "fastai.vision.core": "PILBase PILImage PILImageBW PILMask TensorPoint TensorBBox image2tensor",
    "fastai.vision.augment": "affine_mat flip_mat dihedral_mat rotate_mat zoom_mat mask_tensor hsv2rgb rgb2hsv",
    "fastai.data.load": "_wif fa_collate fa_convert",
    "fastcore.foundation": "L",
    "fastcore.basics": "fastuple",
    "fastcore.imports": "noop noops", "fastai.imports": "noop noops", "fasttransform.transform": "noop",
}
METHODS = {"create": "PILBase PILImage PILImageBW PILMask TensorPoint TensorBBox",
           "lighting": "TensorImage", "hsv": "TensorImage"}  # of classes that are live in fastai
# classes of no kind below whose instances are built
BUILT = {
    "fastai.learner": "Learner",
    "fastai.data.core": "DataLoaders Datasets FilteredBase TfmdDL TfmdLists",
    "fastai.data.load": "DataLoader _FakeLoader",
    "fastai.data.transforms": "CategoryMap",
    "fastai.vision.augment": "DeterministicDraw _BrightnessLogit _ContrastLogit _Hue _SaturationLogit _WarpCoord",
    "fastcore.foundation": "L CollBase",
    "fastcore.basics": "fastuple",
    "fastai.torch_core": "TitledInt TitledFloat TitledStr TitledTuple",
    "fasttransform.transform": "Pipeline",
    "plum._function": "Function",
    "torch.nn.utils.weight_norm": "WeightNorm",
    "torch.nn.utils.spectral_norm": "SpectralNorm",
}
# base class: modules (a dot at the end: and all below) whose subclasses of it are built
KINDS = {
    ("torch.nn.modules.module", "Module"): "torch.nn.modules. torch.nn.parallel.data_parallel torchvision.models. "
                                           "torchvision.ops. torchvision.transforms. timm.models. timm.layers. "
                                           "fastai.layers fastai.losses fastai.torch_core fastai.vision.learner "
                                           "fastai.vision.models.",
    ("fasttransform.transform", "Transform"): "fasttransform.transform fastai.data.transforms fastai.vision.",
    ("fastai.losses", "BaseLoss"): "fastai.losses",
    ("fastai.learner", "Metric"): "fastai.learner fastai.metrics",
}
NEVER_BUILT = {"fastai.layers.Debugger"}  # it opens a debugger on the server
# callbacks act in training, where their settings can write files: others of fastai become its empty Callback
CALLBACK = ("fastai.callback.core", "Callback")
CALLBACKS = {"fastai.callback.core": "Callback TrainEvalCallback GatherPredsCallback FetchPredsCallback",
             "fastai.callback.progress": "ProgressCallback", "fastai.learner": "Recorder CastToTensor"}
# of these modules every other class and function is a name alone
ABSENT = """fastai.callback. fastai.data.block fastai.data.core fastai.data.load fastai.data.transforms
            fastai.interpret fastai.layers fastai.losses fastai.metrics fastai.optimizer fastai.torch_core
            fastai.vision.augment fastai.vision.core fastai.vision.data fastai.vision.learner fastai.vision.models.
            fasttransform. plum. timm.layers. timm.loss. timm.models. torch.nn. torch.optim. torchvision.models.
            torchvision.ops. torchvision.transforms. torch.distributions. typing typing_extensions
            collections.abc numbers PIL.Image"""
ABSENT_NAMES = {
    "builtins": "BaseException Exception ValueError property staticmethod classmethod Ellipsis NotImplemented",
    "fastai.learner": "Metric AvgSmoothLoss SkipToEpoch",
    "fastcore.basics": "AttrDict GetAttr Inf Self Stateful compose fastuple identity ifnone is_listy itemgot noop "
                       "num_methods patch range_of store_attr true using_attr "
                       "_using_attr first last merge",
    "fastcore.foundation": "L CollBase coll_repr mask2idxs",
    "fastcore.meta": "delegates",
    "fastcore.dispatch": "_TypeDict",
    "inspect": "_empty",
    "numpy": "argmax greater less max mean min",
    "torch": "argmax flatten sigmoid softmax strided",
    "types": "FunctionType GenericAlias MethodType UnionType",
    "_operator": "or_", "operator": "or_",
}
ENUMS = "PIL.Image fastai.callback. fastai.layers fastai.vision. torchvision.transforms. timm.layers."
PACKAGES = {"PIL", "cloudpickle", "fastai", "fastcore", "fasttransform", "numpy", "plum", "timm", "torch",
            "torchvision", "torchgen", "functorch"}
# where a class lives now that older files name elsewhere; a name alone stands for any class of its module
MOVED = {
    "fastai2": "fastai", "fastcore.transform": "fasttransform.transform", "pathlib._local": "pathlib",
    "numpy._core.multiarray": "numpy.core.multiarray", "numpy._core.numeric": "numpy.core.numeric",
    "numpy.core._multiarray_umath": "numpy", "numpy._core._multiarray_umath": "numpy",
    "timm.models.layers": "timm.layers", "torch.tensor": "torch._tensor", "fastcore.utils": "fastcore.basics",
    "torchvision.models.mobilenet": "torchvision.models.mobilenetv2", "copy_reg": "copyreg", "_operator": "operator",
    "torchvision.models.mobilenetv2.ConvBNReLU": "torchvision.ops.misc.Conv2dNormActivation",
    "torchvision.models.mobilenetv3.ConvBNActivation": "torchvision.ops.misc.Conv2dNormActivation",
    "torchvision.models.mobilenetv3.SqueezeExcitation": "torchvision.ops.misc.SqueezeExcitation",
    "torchvision.ops.misc.ConvNormActivation": "torchvision.ops.misc.Conv2dNormActivation",
    "torch.nn.modules.linear._LinearWithBias": "torch.nn.modules.linear.NonDynamicallyQuantizableLinear",
    "fastai.vision.all": "fastai.vision.core", "fastcore.dispatch.TypeDispatch": "plum._function.Function",
}


class Absent:
    """A name that a file holds and that is not looked up, or a class that is not called: calling it raises."""

    def __init__(self, name: str, cls: type | None = None):
        self.name = name
        self.cls = cls  # what NEWOBJ may build an instance of
        self.__name__ = self.__qualname__ = name.rpartition(".")[2]
        self.__module__ = name.rpartition(".")[0]

    def __call__(self, *args, **kwargs):
        raise RuntimeError(f"{self.name} is not here, or not called when an export is served")

    def __repr__(self):
        return f"<absent {self.name}>"


class Unlisted(Absent):
    """A name that a file may not have: the file is refused, unless only code that is not kept has it."""

    forgotten = False


class NotListed(Exception):
    """Names what a file may not have, as `module.name`."""


def moved(module: str, name: str) -> tuple[str, str]:
    """Return where an older file's class lives now."""
    if f"{module}.{name}" in MOVED:
        return tuple(MOVED[f"{module}.{name}"].rsplit(".", 1))
    for old, new in MOVED.items():
        if module == old or (module.startswith(old + ".") and old in ("fastai2", "timm.models.layers")):
            return new + module[len(old):], name
    return module, name


def _within(module: str, families) -> bool:
    return any(module == family.rstrip(".") or (family.endswith(".") and module.startswith(family))
               for family in families)


def _listed(table: dict, module: str, name: str) -> bool:
    return name in table.get(module, "").split()


def look_up(module: str, name: str):
    """Return what stands for a name in a pickle: itself, or an `Absent`; raise NotListed for what is refused."""
    module, name = moved(module, name)
    full = f"{module}.{name}"
    if module == "pathlib" and name in ("PosixPath", "WindowsPath", "PurePosixPath", "PureWindowsPath"):
        name = "Path" if "Pure" not in name else "PurePath"  # each exists on one system only
    if _listed(LIVE, module, name):
        found = _get(module, name)
        if found is not None and not isinstance(found, type):
            live[id(found)] = found
        return Absent(full) if found is None else found
    if "." in name or full in NEVER_BUILT:
        raise NotListed(full)
    if _listed(BUILT, module, name):
        return Absent(full, _get(module, name))
    if _listed(CALLBACKS, module, name):
        return Absent(full, _get(module, name))
    for base, families in KINDS.items():
        if (_within(module, families.split()) and _is_a(found := _get(module, name), _get(*base))
                and _within(found.__module__, families.split())):  # not what the module itself took from elsewhere
            return Absent(full, found)
    if _within(module, ("fastai.callback.", "fastai.learner")) and _is_a(_get(module, name), _get(*CALLBACK)):
        return Absent(full, _get(*CALLBACK))
    if _within(module, ENUMS.split()) and _is_a(found := _get(module, name), enum.Enum):
        return found
    if _within(module, ABSENT.split()) or _listed(ABSENT_NAMES, module, name):
        return Absent(full)
    top = module.partition(".")[0]
    if top in PACKAGES or top in sys.stdlib_module_names or top in sys.builtin_module_names:
        raise NotListed(full)
    return Absent(full)


def method(cls: type, name: str):
    """Return a class's method, None where it is not listed."""
    if _listed(METHODS, name, cls.__name__) and _listed(LIVE, cls.__module__, cls.__name__):
        return getattr(cls, name)
    return None


live: dict = {}  # functions of LIVE that were looked up


def is_live(function) -> bool:
    """Return whether this is a function of the list."""
    return live.get(id(function)) is function and function is not None


def is_built(cls: type) -> bool:
    """Return whether a class that is live may also be filled."""
    return _listed(BUILT, cls.__module__, cls.__name__)


def _is_a(found, base) -> bool:
    return isinstance(found, type) and isinstance(base, type) and issubclass(found, base)


def _get(module: str, name: str):
    """Return a module's own name, None where it has none; never an attribute of an attribute."""
    try:
        return vars(importlib.import_module(module)).get(name)
    except ImportError:
        return None
