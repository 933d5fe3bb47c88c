"""Fuzz exports: plant names, calls and objects in their pickles, open them, and report what code that runs.

    python tests/helpers/mutants.py EXPORT [EXPORT ...] --n 1000 --seed 0

Each mutant is a real export in whose pickle names of functions, calls and objects replace attributes, arguments and
items. It is opened as the app opens it, and classifies a photo if it opens, under `sys.addaudithook`: any code that is
run, compiled or imported, and any file, process, socket or library that is opened, is printed, and the exit status
is 1. Half of the mutants are opened without the check for calls that only harmful files make (`runs_code`), since
safety must not depend on it.
"""

import argparse
import pickletools
import random
import sys
import tempfile
import time
import zipfile
from collections import Counter
from contextlib import suppress
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parents[2]), str(Path(__file__).parents[1])]

CALLABLES = """os.system posix.system nt.system subprocess.Popen subprocess.run subprocess.check_output os.popen
    os.execv os.remove os.makedirs os.putenv builtins.eval builtins.exec builtins.compile builtins.open
    builtins.__import__ builtins.getattr builtins.setattr builtins.breakpoint builtins.input builtins.globals
    builtins.vars builtins.map builtins.type importlib.import_module importlib.reload runpy.run_path runpy.run_module
    code.interact pdb.run timeit.timeit cProfile.run socket.socket socket.create_connection urllib.request.urlopen
    http.client.HTTPConnection webbrowser.open ctypes.CDLL shutil.rmtree shutil.copy pathlib.Path.write_text
    pathlib.Path.unlink tempfile.mkdtemp pickle.loads pickle.load marshal.loads codecs.open io.open gzip.open
    zipfile.ZipFile sqlite3.connect multiprocessing.Process threading.Thread signal.signal sys.exit sys.settrace
    logging.FileHandler operator.attrgetter operator.itemgetter operator.methodcaller functools.partial
    functools.reduce types.FunctionType types.CodeType types.MethodType copyreg._reconstructor
    cloudpickle.cloudpickle._make_function cloudpickle.cloudpickle.subimport cloudpickle.cloudpickle._builtin_type
    torch.load torch.serialization.load torch.hub.load torch.jit.load torch.jit._serialization.load
    torch._ops.load_library torch.utils.cpp_extension.load_inline torch.fx.graph_module.reduce_graph_module
    torch.fx.graph_module.GraphModule torch.jit._script.RecursiveScriptModule torch.package.PackageImporter
    torch.distributed.rpc.init_rpc torch.nn.utils.parametrize.ParametrizationList torch.storage._load_from_bytes
    torch._dynamo.eval_frame.OptimizedModule torch.compile torch.export.load torch.utils.data.DataLoader
    torch.nn.modules.rnn.LSTM torch.nn.modules.module.Module torch.nn.modules.lazy.LazyModuleMixin
    torch.nn.modules.linear.LazyLinear torch.nn.modules.container.ModuleDict torch.nn.modules.linear.Identity
    numpy.load numpy.loadtxt numpy.memmap numpy.save numpy.fromfile numpy.testing._private.utils.runstring
    numpy.core.multiarray._reconstruct fastai.learner.load_learner fastai.data.external.untar_data
    fastai.layers.Debugger fastai.layers.Lambda fastai.layers.PartialLambda fastai.layers.View fastai.layers.Embedding
    fastai.data.transforms.AttrGetter fastai.data.transforms.ItemGetter fastai.data.transforms.ColReader
    fastai.vision.augment.DeterministicDraw fastai.vision.core.PILImage fastai.vision.learner.TimmBody
    fastai.callback.tracker.SaveModelCallback fastai.callback.core.Callback fastai.torch_core.TensorImage
    fastcore.xtras.run fastcore.xtras.open_file fastcore.basics.GetAttr fastcore.basics.Self fastcore.foundation.L
    fastcore.imports.noop fasttransform.transform.Pipeline fasttransform.transform.Transform plum._function.Function
    plum._resolver.Resolver PIL.Image.open PIL.ImageShow.show PIL.EpsImagePlugin.EpsImageFile timm.create_model
    timm.models._builder.load_pretrained timm.models._features.FeatureHookNet timm.models._hub.load_state_dict_from_hf
    timm.models._features_fx.FeatureGraphNet torchvision.models.feature_extraction.create_feature_extractor
    torchvision.io.read_image torchvision.datasets.folder.default_loader torchvision.transforms.transforms.Lambda
    torchvision.models._utils.IntermediateLayerGetter torchvision.models._api.get_model pip.main setuptools.setup
    __main__.evil antigravity.fly this.s nowhere.to_be_found collections.OrderedDict pathlib.PosixPath
    inspect.Signature re._compile uuid.UUID datetime.datetime""".split()  # noqa: SIM905
with suppress(ImportError):  # also what pickle scanners warn of, where they are installed
    from fickling.analysis import UnsafeImportsML
    from picklescan.scanner import _unsafe_globals as unsafe

    CALLABLES += [
        f"{module}.{name}"
        for module, names in {**unsafe, **UnsafeImportsML.UNSAFE_IMPORTS}.items()
        for name in (["anything"] if names == "*" else sorted(names))
    ]
ATTRIBUTES = """forward __call__ __class__ __dict__ __getattr__ __setstate__ __reduce__ __reduce_ex__ __del__ __iter__
    __len__ __eq__ __hash__ __bool__ __str__ __repr__ __array__ __torch_function__ _forward_hooks _forward_pre_hooks
    _backward_hooks _state_dict_hooks _forward_hooks_with_kwargs _load_state_dict_pre_hooks _modules _parameters
    _buffers _call_impl _compiled_call_impl _slow_forward _replicate_for_data_parallel parametrizations eval train cpu
    apply activation func act encodes decodes setups before_call size method pad_mode mode split_idx order axes mean
    std vocab items o2i labels types tfms fs dataset loaders after_item before_batch after_batch _n_inp default path
    model dls loss_func fieldguide opt cbs weight bias running_mean padding_mode stride kernel_size _name _f
    training _resolve_method_with_cache _cache __wrapped__ _owner classifier calibration familiarity""".split()  # noqa: SIM905
WATCHED = (
    "exec",
    "compile",
    "import",
    "open",
    "subprocess.Popen",
    "os.",
    "socket.",
    "ctypes.",
    "shutil.",
    "pty.",
    "webbrowser.",
    "urllib.",
    "http.",
    "ftplib.",
    "sqlite3.",
    "tempfile.",
    "syslog.",
    "marshal.",
    "pickle.find",
    "code.__new__",
    "function.__new__",
    "builtins.input",
    "builtins.breakpoint",
    "cpython.run",
    "glob.",
    "signal.",
    "setopencodehook",
)
PLAIN = {
    "BINUNICODE",
    "SHORT_BINUNICODE",
    "BININT",
    "BININT1",
    "BININT2",
    "BINFLOAT",
    "NONE",
    "NEWTRUE",
    "NEWFALSE",
    "EMPTY_TUPLE",
    "EMPTY_LIST",
    "EMPTY_DICT",
    "GLOBAL",
    "STACK_GLOBAL",
    "BINGET",
    "LONG_BINGET",
    "LONG1",
    "BINBYTES",
    "SHORT_BINBYTES",
}


def text(value: str) -> bytes:
    """Return the instruction that pushes a text."""
    data = value.encode()
    return b"X" + len(data).to_bytes(4, "little") + data


def planted(rng: random.Random, depth: int = 2) -> bytes:
    """Return a program that pushes a name, a call, an object with attributes, or a container of such."""
    module, _, name = rng.choice(CALLABLES).rpartition(".")
    function = b"c" + module.encode() + b"\n" + name.encode() + b"\n"
    inner = planted(rng, depth - 1) if depth else text("touch canary")
    return rng.choice(
        [
            lambda: function,
            lambda: function + b"(" + text("touch canary") + b"tR",
            lambda: function + b"(" + inner + b"tR",
            lambda: function + b")\x81}(" + text(rng.choice(ATTRIBUTES)) + inner + b"ub",
            lambda: b"cfunctools\npartial\n(" + function + text("touch canary") + b"tR",
            lambda: b"](" + inner + inner + b"e",
            lambda: b"}(" + text(rng.choice(ATTRIBUTES)) + inner + b"u",
            lambda: b"cbuiltins\ngetattr\n(" + function + text(rng.choice(ATTRIBUTES)) + b"tR",
            lambda: b"(" + inner + inner + b"t",
        ]
    )()


def mutant(program: bytes, rng: random.Random) -> bytes:
    """Return a pickle with planted programs at one to three places: for a value, in a state or in a container."""
    steps = list(pickletools.genops(program))
    ends = [at for _, _, at in steps[1:]] + [len(program)]
    out, places = [], set()
    kinds = {
        "value": [i for i, (op, _, _) in enumerate(steps) if op.name in PLAIN],
        "state": [i for i, (op, _, _) in enumerate(steps) if op.name == "BUILD"],
        "list": [i for i, (op, _, _) in enumerate(steps) if op.name in ("APPENDS", "APPEND")],
        "dict": [i for i, (op, _, _) in enumerate(steps) if op.name in ("SETITEMS",)],
        "tuple": [i for i, (op, _, _) in enumerate(steps) if op.name == "TUPLE"],
    }
    for _ in range(rng.choice((1, 1, 2, 3))):
        kind = rng.choice([kind for kind, where in kinds.items() if where] + ["state"] * 2)
        places.add((rng.choice(kinds[kind]), kind))
    at_step = dict(places)
    for i, ((_, _, at), end) in enumerate(zip(steps, ends)):
        kind, whole = at_step.get(i), program[at:end]
        if kind == "value":
            whole = planted(rng)
        elif kind == "state":  # one more attribute in the dictionary on top of the stack
            whole = text(rng.choice(ATTRIBUTES)) + planted(rng) + b"s" + whole
        elif kind in ("list", "tuple"):
            whole = planted(rng) + whole
        elif kind == "dict":
            whole = text(rng.choice(ATTRIBUTES)) + planted(rng) + whole
        out.append(whole)
    return b"".join(out)


def write_mutant(export: Path, rng: random.Random, to: Path) -> None:
    """Write a mutant of an export."""
    with zipfile.ZipFile(export) as archive, zipfile.ZipFile(to, "w") as other:
        for info in archive.infolist():
            data = archive.read(info)
            other.writestr(info.filename, mutant(data, rng) if info.filename.endswith("/data.pkl") else data)


class AuditHook:
    """Records the audit events of Python while it is on, except for reading the allowed files."""

    def __init__(self, allowed: set[str]):
        self.on, self.seen, self._allowed = False, [], allowed
        sys.addaudithook(self)

    def __call__(self, event: str, args: tuple) -> None:
        if not self.on or not event.startswith(WATCHED):
            return
        if event == "open" and str(args[0]) in self._allowed and args[1] in ("r", "rb"):
            return
        if event in ("os.listdir", "os.scandir", "os.walk"):
            return
        self.seen.append(f"{event} {str(args)[:200]}")


def main() -> None:
    """Open mutants and print a summary; see the module's docstring."""
    parser = argparse.ArgumentParser()
    parser.add_argument("exports", nargs="+", type=Path)
    parser.add_argument("--n", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    from classifier import Classifier
    from classifier.export import ExportError
    from classifier.export import pickle_machine as machine
    from helpers.photos import noisy_photo

    photo, rng = noisy_photo((90, 90, 90), 0), random.Random(options.seed)
    real_check, outcomes, slowest = machine.runs_code, Counter(), 0.0
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "export.pkl"
        for export in options.exports:  # so that later openings import nothing
            file.write_bytes(export.read_bytes())
            Classifier.load(file).predict(photo)
        watch = AuditHook({str(file), str(file.with_suffix(".onnx"))})
        for i in range(options.n):
            write_mutant(rng.choice(options.exports), rng, file)
            machine.runs_code = real_check if i % 2 else lambda full: False
            before, began = len(watch.seen), time.perf_counter()
            watch.on = True
            try:
                Classifier.load(file).predict(photo)
                outcomes["opened"] += 1
            except ExportError:
                outcomes["refused"] += 1
            except Exception as error:  # no other error is allowed
                outcomes["failed"] += 1
                print(f"mutant {i}: {type(error).__name__}: {error}")
            finally:
                watch.on = False
            slowest = max(slowest, time.perf_counter() - began)
            for what in watch.seen[before:]:
                print(f"mutant {i}: {what}")
    print(
        f"{options.n} mutants: {outcomes['opened']} opened, {outcomes['refused']} refused, {outcomes['failed']} "
        f"failed, {len(watch.seen)} forbidden events, slowest {slowest:.1f} s"
    )
    sys.exit(1 if watch.seen or outcomes["failed"] else 0)


if __name__ == "__main__":
    main()
