"""Open a pickle of a fastai Learner without giving it the machine.

    learn = load(file, persistent_load)

Python's own unpickler calls whatever a file names. This one decides at each opcode: a name is what
`classifier.allowed` says, a call is one of `classifier.rebuild`, an instance is filled without its
constructor, and nothing but an instance is filled. What a file may not do ends the opening with Refused,
which names it.
"""
import _compat_pickle
import functools
import pickle
import re
from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Callable
from typing import Any, BinaryIO, ClassVar

from .allowed import LIVE, NotListed, Unlisted, look_up, moved
from .fill import NEW, a_tuple, call, fill, new
from .rebuild import CALLS
from .rebuild_functions import ByValue
from .stand_ins import Call, Refused, StandIn, check_key, name_of
from .torch_file import DTYPES, StorageType

NAME = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*")
MAX_INT_BYTES = 256  # of a whole number: more takes for ever to print
MAX_COPIED = 5_000_000
FORGETS = ("cloudpickle.", "types.CodeType", "types.FunctionType")  # what makes functions out of code
COLLECTIONS = (list, tuple, dict, set, frozenset)
DICTS = {dict: dict.__setitem__, OrderedDict: OrderedDict.__setitem__, defaultdict: dict.__setitem__,
         Counter: dict.__setitem__}
CLOUDPICKLE = ("cloudpickle.cloudpickle_fast", "fastai.cloudpickle", "joblib.externals.cloudpickle.cloudpickle")


def load(file: BinaryIO, persistent_load: Callable[[Any], Any]) -> Any:
    """Return the object in a pickle; Refused where it is none of a fastai Learner's."""
    unpickler = Unpickler(file, encoding="utf-8")
    unpickler.persistent_load = persistent_load
    unpickler.unlisted = []
    found = unpickler.load()
    for name in unpickler.unlisted:
        if not name.forgotten:
            raise Refused(f"wants to call {name.name}")
    return found


class Unpickler(pickle._Unpickler):
    """Python's unpickler in Python, with every opcode that imports, calls or fills replaced."""

    dispatch: ClassVar = dict(pickle._Unpickler.dispatch)
    copied = 0  # items of collections handed to calls

    def find_class(self, module: str, name: str):
        """Return what stands for a name: a class or function of the list, a `Call`, or an `Absent`."""
        if not NAME.fullmatch(module) or not NAME.fullmatch(name):
            raise Refused(f"names {module[:80]!r} {name[:80]!r}, which is no name")
        if self.proto < 3:  # names of Python 2, as pickle itself translates them
            if (module, name) in _compat_pickle.NAME_MAPPING:
                module, name = _compat_pickle.NAME_MAPPING[module, name]
            module = _compat_pickle.IMPORT_MAPPING.get(module, module)
        if module in CLOUDPICKLE:
            module = "cloudpickle.cloudpickle"
        where, name = moved(module, name)
        if where == "copyreg" and name in NEW:
            return Call(f"copyreg.{name}", NEW[name])
        if name.endswith("Storage") and name in DTYPES and module in ("torch", "torch.cuda", "torch.storage"):
            return StorageType(name)
        if f"{where}.{name}" in CALLS and name not in LIVE.get(where, "").split():
            return CALLS[f"{where}.{name}"]
        try:
            return look_up(where, name)
        except NotListed:
            self.unlisted.append(Unlisted(f"{module}.{name}"))
            return self.unlisted[-1]

    def load_reduce(self):
        args, function = self.stack.pop(), self.stack[-1]
        self.copied += sum(len(arg) for arg in a_tuple(args, function) if isinstance(arg, COLLECTIONS))
        if self.copied > MAX_COPIED:
            raise Refused("copies collections over and over")
        if isinstance(function, Call) and function.name.startswith(FORGETS):
            forget(args)
        self.stack[-1] = call(function, args)
        if isinstance(args[0] if args else None, ByValue) and self.stack[-1] is not args[0]:
            self._replace(args[0], self.stack[-1])

    def _replace(self, stored: ByValue, by) -> None:
        """Put fastai's own function where one that was stored by value lies: on the stack and in the memo."""
        for stack in (self.stack, *self.metastack):
            if stack and stack[-1] is stored:
                stack[-1] = by
            if len(stack) > 1 and stack[-2] is stored:
                stack[-2] = by
        for key in getattr(stored, "memo_keys", ()):
            self.memo[key] = by

    def load_newobj(self):
        args, cls = self.stack.pop(), self.stack.pop()
        self.append(new(cls, *a_tuple(args, cls)))

    def load_newobj_ex(self):
        kwargs, args, cls = self.stack.pop(), self.stack.pop(), self.stack.pop()
        if kwargs != {}:
            raise Refused(f"wants to call {name_of(cls)} with named arguments")
        self.append(new(cls, *a_tuple(args, cls)))

    def _instantiate(self, cls, args):  # INST and OBJ
        self.append(call(cls, tuple(args)) if args or isinstance(cls, Call) else new(cls))

    def load_build(self):
        state, inst = self.stack.pop(), self.stack[-1]
        fill(inst, state)

    def load_append(self):
        item, onto = self.stack.pop(), self.stack[-1]
        if type(onto) is list:
            onto.append(item)
        else:
            self._extend([item])

    def load_appends(self):
        self._extend(self.pop_mark())

    def _extend(self, items: list):
        onto = self.stack[-1]
        if isinstance(onto, list):
            list.extend(onto, items)
        elif type(onto) is deque:
            onto.extend(items)
        elif not isinstance(onto, StandIn):
            raise Refused(f"appends to {name_of(onto)}")

    def load_setitem(self):
        value, key = self.stack.pop(), self.stack.pop()
        self._update([key, value])

    def load_setitems(self):
        self._update(self.pop_mark())

    def _update(self, items: list):
        onto = self.stack[-1]
        if isinstance(onto, StandIn):
            return
        if not isinstance(onto, dict):
            raise Refused(f"sets items of {name_of(onto)}")
        set_item = DICTS.get(type(onto), dict.__setitem__)
        for key, value in zip(items[::2], items[1::2], strict=True):
            check_key(key)
            set_item(onto, key, value)

    def load_dict(self):
        items = self.pop_mark()
        self.append({})
        self._update(items)

    def load_additems(self):
        items, onto = self.pop_mark(), self.stack[-1]
        for item in items:
            check_key(item)
        if isinstance(onto, set):
            set.update(onto, items)
        elif not isinstance(onto, StandIn):
            raise Refused(f"adds to {name_of(onto)}")

    def load_frozenset(self):
        items = self.pop_mark()
        for item in items:
            check_key(item)
        self.append(frozenset(items))

    def load_long4(self):
        size = int.from_bytes(self.read(4), "little", signed=True)
        if not 0 <= size <= MAX_INT_BYTES:
            raise Refused(f"has a whole number of {size} bytes")
        self.append(pickle.decode_long(self.read(size)))

    def load_long(self):
        digits = self.readline()[:-1].removesuffix(b"L")
        if len(digits) > MAX_INT_BYTES:
            raise Refused(f"has a whole number of {len(digits)} digits")
        self.append(int(digits, 0))

    def load_int(self):
        digits = self.readline()[:-1]
        if len(digits) > MAX_INT_BYTES:
            raise Refused(f"has a whole number of {len(digits)} digits")
        self.append(digits == b"01" if digits in (b"00", b"01") else int(digits, 0))

    def load_bytearray8(self):
        self.load_binbytes8()
        self.stack[-1] = bytearray(self.stack[-1])

    def load_put(self):
        self._remember(int(self.readline()[:-1]))

    def load_binput(self):
        self._remember(self.read(1)[0])

    def load_long_binput(self):
        self._remember(int.from_bytes(self.read(4), "little"))

    def load_memoize(self):
        self._remember(len(self.memo))

    def _remember(self, key: int):
        self.memo[key] = self.stack[-1]
        if isinstance(self.stack[-1], ByValue):
            self.stack[-1].__dict__.setdefault("memo_keys", []).append(key)

    def refuse(self):
        raise Refused("uses a part of the pickle format that no export does: an extension, or data from outside")

    for opcode, load_one in {
            pickle.REDUCE: load_reduce, pickle.NEWOBJ: load_newobj, pickle.NEWOBJ_EX: load_newobj_ex,
            pickle.BUILD: load_build, pickle.APPEND: load_append, pickle.APPENDS: load_appends,
            pickle.SETITEM: load_setitem, pickle.SETITEMS: load_setitems, pickle.DICT: load_dict,
            pickle.ADDITEMS: load_additems, pickle.FROZENSET: load_frozenset, pickle.LONG4: load_long4,
            pickle.LONG: load_long, pickle.INT: load_int, pickle.BYTEARRAY8: load_bytearray8, pickle.PUT: load_put,
            pickle.BINPUT: load_binput, pickle.LONG_BINPUT: load_long_binput, pickle.MEMOIZE: load_memoize,
            pickle.EXT1: refuse, pickle.EXT2: refuse, pickle.EXT4: refuse, pickle.NEXT_BUFFER: refuse,
            pickle.READONLY_BUFFER: refuse, pickle.PERSID: refuse}.items():
        dispatch[opcode[0]] = load_one


def forget(parts) -> None:
    """Pardon the names in a function that was stored by value: it is not made, so nothing has them."""
    pending, seen = [parts], set()
    while pending:
        part = pending.pop()
        if id(part) in seen:
            continue
        seen.add(id(part))
        if isinstance(part, Unlisted):
            part.forgotten = True
        elif isinstance(part, dict):
            pending += [*dict.keys(part), *dict.values(part)]
        elif isinstance(part, (list, tuple, set, frozenset)):
            pending += part
        elif isinstance(part, StandIn):
            pending.append(vars(part))
        elif type(part) is functools.partial:
            pending += [part.func, part.args, part.keywords]
