"""Programs of hostile pickles by name: each with a part of the expected error message.

`CANARY` is a shell command that creates a file, which shows that code has run.
"""

import struct

from helpers.pickles import (
    APPEND,
    BUILD,
    EMPTY_DICT,
    EMPTY_LIST,
    EMPTY_TUPLE,
    MARK,
    NEWOBJ,
    NONE,
    POP,
    REDUCE,
    SETITEM,
    TUPLE,
    TUPLE1,
    call,
    learner,
    name,
    nested_tuples,
    partial,
    text,
)

CANARY = b"touch canary"
SYSTEM = call("os", "system", text(CANARY))
LINEAR = name("torch.nn.modules.linear", "Linear") + EMPTY_TUPLE + NEWOBJ
TENSOR = (
    b"ctorch._utils\n_rebuild_tensor_v2\n("
    + MARK
    + text("storage")
    + name("torch", "FloatStorage")
    + text("0")
    + text("cpu")
    + b"J\x04\0\0\0"
    + TUPLE
    + b"Q"
    + b"K\0(%st(%st\x89"
    + name("collections", "OrderedDict")
    + EMPTY_TUPLE
    + REDUCE
    + TUPLE
    + REDUCE
)
# name: (part of the error message, protocol 2 program without its STOP)
PROGRAMS = {
    "reduce": ("os.system", SYSTEM),
    "reduce-posix": ("posix.system", call("posix", "system", text(CANARY))),
    "reduce-nt": ("nt.system", call("nt", "system", text(CANARY))),
    "reduce-eval": ("eval", call("builtins", "eval", text("__import__('os').system('touch canary')"))),
    "reduce-exec-of-python-2": ("exec", call("__builtin__", "exec", text("open('canary', 'w')"))),
    "reduce-open": ("open", call("builtins", "open", text("canary"), text("w"))),
    "reduce-io-open": ("open", call("_io", "open", text("canary"), text("w"))),
    "reduce-popen": ("subprocess.Popen", call("subprocess", "Popen", text(CANARY))),
    "reduce-import": ("__import__", call("builtins", "__import__", text("antigravity"))),
    "reduce-import-module": ("importlib.import_module", call("importlib", "import_module", text("antigravity"))),
    "reduce-runpy": ("runpy.run_path", call("runpy", "run_path", text("evil.py"))),
    "reduce-python-2-commands": ("getoutput", call("commands", "getoutput", text(CANARY))),
    "reduce-stranger": ("pip.main", call("pip", "main", text("install"))),
    "inst": ("os.system", MARK + text(CANARY) + b"ios\nsystem\n"),
    "obj": ("os.system", MARK + name("os", "system") + text(CANARY) + b"o"),
    "newobj": ("subprocess.Popen", name("subprocess", "Popen") + text(CANARY) + TUPLE1 + NEWOBJ),
    "newobj-ex": (
        "subprocess.Popen",
        b"\x80\x04" + name("subprocess", "Popen") + text(CANARY) + TUPLE1 + EMPTY_DICT + b"\x92",
    ),
    "newobj-ex-named-arguments": (
        "named arguments",
        b"\x80\x04"
        + name("torch.nn.modules.linear", "Linear")
        + EMPTY_TUPLE
        + EMPTY_DICT
        + text("a")
        + NONE
        + SETITEM
        + b"\x92",
    ),
    "build-setstate": ("not an image classifier", learner(b"__setstate__", name("os", "system")) + EMPTY_DICT + BUILD),
    "build-a-class": ("Path", name("pathlib", "Path") + EMPTY_DICT + text("home") + NONE + SETITEM + BUILD),
    "build-a-function": (
        "noop",
        name("fastcore.imports", "noop") + EMPTY_DICT + text("__code__") + NONE + SETITEM + BUILD,
    ),
    "build-a-list": ("list", EMPTY_LIST + EMPTY_DICT + text("a") + NONE + SETITEM + BUILD),
    "ext1": ("extension", b"\x82\x01"),
    "ext2": ("extension", b"\x83\x01\0"),
    "ext4": ("extension", b"\x84\x01\0\0\0"),
    "next-buffer": ("from outside", b"\x97"),
    "persid": ("from outside", b"P0\n"),
    "stack-global": ("os.system", text("os") + text("system") + b"\x93" + text(CANARY) + TUPLE1 + REDUCE),
    "stack-global-dotted": (
        "system",
        text("fastai.imports") + text("os.system") + b"\x93" + text(CANARY) + TUPLE1 + REDUCE,
    ),
    "dotted-through-a-listed-class": (
        "Path.unlink",
        text("pathlib") + text("Path.unlink") + b"\x93" + text("export.pkl") + TUPLE1 + REDUCE,
    ),
    "memo": (
        "os.system",
        name("os", "system") + b"q\x07" + POP + text(CANARY) + TUPLE1 + b"q\x08" + POP + b"h\x07h\x08" + REDUCE,
    ),
    "memo-after-a-good-one": (
        "os.system",
        name("collections", "OrderedDict")
        + b"q\0"
        + POP
        + name("os", "system")
        + b"q\0"
        + POP
        + b"h\0"
        + text(CANARY)
        + TUPLE1
        + REDUCE,
    ),
    "popped": ("os.system", SYSTEM + POP + EMPTY_DICT),
    "named-alone": ("os.system", name("os", "system")),
    "in-a-learner": ("os.system", learner(b"path", SYSTEM)),
    "module-hook": (
        "not an image classifier",
        learner(
            b"model",
            LINEAR
            + EMPTY_DICT
            + text("_forward_hooks")
            + EMPTY_DICT
            + b"K\0"
            + name("os", "system")
            + SETITEM
            + SETITEM
            + BUILD,
        ),
    ),
    "partial": ("holds functools.partial", partial(name("os", "system"), text(CANARY))),
    "partial-of-a-class": ("holds functools.partial", partial(name("pathlib", "Path"), text("/"))),
    "partial-of-a-method": (
        "holds functools.partial",
        partial(call("builtins", "getattr", name("fastai.vision.core", "PILImage"), text("create")), text("/dev/zero")),
    ),
    "partial-filled-anew": (
        "holds functools.partial",
        partial(name("fastcore.imports", "noop"))
        + MARK
        + LINEAR
        + EMPTY_TUPLE
        + EMPTY_DICT
        + EMPTY_DICT
        + TUPLE
        + BUILD,
    ),
    "getattr": ("getattr", call("builtins", "getattr", name("pathlib", "Path"), text("unlink"))),
    "getattr-chain": (
        "getattr",
        call(
            "builtins",
            "getattr",
            call("builtins", "getattr", name("fastcore.imports", "noop"), text("__globals__")),
            text("get"),
        ),
    ),
    "getattr-of-an-instance": ("holds builtins.getattr", call("builtins", "getattr", LINEAR, text("__init__"))),
    "methodcaller": (
        "operator.methodcaller",
        call("operator", "methodcaller", text("unlink")) + name("pathlib", "Path") + TUPLE1 + REDUCE,
    ),
    "reduce-of-functools": (
        "functools.reduce",
        call("functools", "reduce", name("os", "system"), text(CANARY) + TUPLE1),
    ),
    "map": ("builtins.map", call("builtins", "map", name("os", "system"), text(CANARY) + TUPLE1)),
    "code-object": (
        "os.system",
        call(
            "cloudpickle.cloudpickle", "_make_function", call("types", "CodeType", b"K\0"), EMPTY_DICT, NONE, NONE, NONE
        )
        + POP
        + SYSTEM,
    ),
    "call-of-a-stored-function": (
        "not a fastai Learner",
        call(
            "cloudpickle.cloudpickle", "_make_function", call("types", "CodeType", b"K\0"), EMPTY_DICT, NONE, NONE, NONE
        )
        + EMPTY_TUPLE
        + REDUCE,
    ),
    "called-where-it-was-forgotten": (
        "os.system",
        call("cloudpickle.cloudpickle", "_make_cell", name("os", "system") + b"q\0")
        + POP
        + b"h\0"
        + text(CANARY)
        + TUPLE1
        + REDUCE,
    ),
    "torch-load": ("torch.serialization.load", call("torch.serialization", "load", text("inner.pkl"))),
    "torch-load-from-bytes": (
        "torch.storage._load_from_bytes",
        call("torch.storage", "_load_from_bytes", b"B" + struct.pack("<I", 4) + b"PK\3\4"),
    ),
    "torch-hub": ("torch.hub.load", call("torch.hub", "load", text("evil/evil"), text("evil"))),
    "torch-jit": ("torch.jit", call("torch.jit._serialization", "load", text("evil.pt"))),
    "torch-library": ("load_library", call("torch._ops", "load_library", text("evil.so"))),
    "torch-fx": ("reduce_graph_module", call("torch.fx.graph_module", "reduce_graph_module", EMPTY_DICT, text("x"))),
    "torch-extension": ("load_inline", call("torch.utils.cpp_extension", "load_inline", text("evil"), text("int x;"))),
    "numpy-load": ("numpy.load", call("numpy", "load", text("evil.npy"))),
    "numpy-objects": ("numpy.dtype", call("numpy", "dtype", text("O8"), b"\x89\x88")),
    "numpy-huge": (
        "_reconstruct",
        call(
            "numpy.core.multiarray", "_reconstruct", name("numpy", "ndarray"), b"J\xff\xff\xff\x7f" + TUPLE1, b"U\x01b"
        ),
    ),
    "numpy-runstring": ("runstring", call("numpy.testing._private.utils", "runstring", text(CANARY), EMPTY_DICT)),
    "fastai-load-learner": ("load_learner", call("fastai.learner", "load_learner", text("inner.pkl"))),
    "fastai-untar": ("untar_data", call("fastai.data.external", "untar_data", text("http://localhost/evil.tgz"))),
    "fastcore-run": ("fastcore.xtras.run", call("fastcore.xtras", "run", text(CANARY))),
    "fastcore-self": ("fastcore.basics", call("fastcore.basics", "_SelfCls", text("unlink"))),
    "fastai-debugger": ("fastai.layers.Debugger", name("fastai.layers", "Debugger") + EMPTY_TUPLE + NEWOBJ),
    "constructor": ("Linear", call("torch.nn.modules.linear", "Linear", b"J\xff\xff\xff\x7f", b"J\xff\xff\xff\x7f")),
    "transform-that-calls-a-learner": (
        "not a fastai Learner",
        name("plum._function", "Function")
        + EMPTY_TUPLE
        + NEWOBJ
        + EMPTY_DICT
        + text("_f")
        + learner(b"path", NONE)
        + SETITEM
        + BUILD,
    ),
    "dynamic-import": (
        "not a fastai Learner",
        call("cloudpickle.cloudpickle", "subimport", text("antigravity")) + EMPTY_TUPLE + REDUCE,
    ),
    # programs that only take time and memory
    "bytearray": ("bytearray", call("builtins", "bytearray", b"J\xff\xff\xff\x7f")),
    "bytes": ("bytes", call("builtins", "bytes", b"J\xff\xff\xff\x7f")),
    "list-of-a-range": ("list", call("builtins", "list", call("builtins", "range", b"J\xff\xff\xff\x7f"))),
    "long-length": ("whole number", b"\x8b\xff\xff\xff\x7f"),
    "long-digits": ("whole number", b"L" + b"9" * 100_000 + b"L\n"),
    "bytes-length": ("broken", b"\x8e" + struct.pack("<Q", 1 << 62)),
    "bytearray-length": ("broken", b"\x96" + struct.pack("<Q", 1 << 40)),
    "frame-length": ("broken", b"\x95" + struct.pack("<Q", 1 << 40)),
    "memo-index": ("under a number", b"}r\xff\xff\xff\xff"),
    "tuples-as-a-key": ("not a fastai Learner", EMPTY_DICT + nested_tuples(64) + NONE + SETITEM),
    "tuples-in-a-set": ("not a fastai Learner", b"\x8f" + MARK + nested_tuples(64) + b"\x90"),
    "numbers-of-one-hash": (
        "not a fastai Learner",
        EMPTY_DICT
        + MARK
        + b"".join(b"\x8a\x0a" + ((2**61 - 1) * i).to_bytes(10, "little") + NONE for i in range(1, 20_000))
        + b"u",
    ),
    "copies-of-copies": (
        "not a fastai Learner",
        EMPTY_LIST
        + MARK
        + NONE * 100_000
        + b"eq\0"
        + POP
        + (name("builtins", "tuple") + b"h\0" + TUPLE1 + REDUCE + POP) * 1_000
        + NONE,
    ),
    "deep-list": ("not a fastai Learner", EMPTY_LIST * 100_000 + APPEND * 99_999),
    "stack-underflow": ("broken", APPEND),
    "unknown-opcode": ("broken", b"\xff"),
    "no-stop": ("broken", NONE),
    "tensor-beyond-its-numbers": ("not a fastai Learner", TENSOR % (b"K\x64", b"K\x01")),
    "tensor-of-one-number-repeated": ("not a fastai Learner", TENSOR % (b"J\xff\xff\xff\x7f", b"K\0")),
}
