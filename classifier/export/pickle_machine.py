"""The stack and the memo of a pickle that is read as nodes: each method is one of the pickle's instructions.

`classifier.export.unpickler` maps instructions to methods.
"""

import re
from collections.abc import Callable, Iterable
from typing import BinaryIO

from .allowlist import current_name, runs_code
from .nodes import Call, InvalidExport, Name, Node, Pairs, brief
from .pickle_input import CONTAINER_BYTES, PickleInput

NAME = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*")
MAX_NAME_LENGTH = 500  # characters of module and name
MAX_STEPS = 1_500_000  # instructions of a pickle; a large network's has 230,000
CALL_BYTES, NUMBER_BYTES, ITEM_BYTES = 240, 32, 16  # of a `Call` with its lists, a number, an item of a container


class Machine(PickleInput):
    """One reading of one pickle. Everything that it makes belongs to it alone."""

    def __init__(self, file: BinaryIO, persistent_load: Callable[[Node], Node] | None, size: int) -> None:
        """persistent_load: returns the storage that a tensor names by a node. size: bytes of the pickle."""
        super().__init__(file, size)
        self._persistent_load = persistent_load
        self._stack: list[Node] = []
        self._outer_stacks: list[list[Node]] = []  # the stacks below each mark
        self._memo: dict[int, Node] = {}
        self._names: dict[tuple[str, str], Name] = {}

    def push(self, node: Node) -> None:
        """Put a node on the stack."""
        self._stack.append(node)

    def pop(self) -> Node:
        """Take the top off the stack and return it."""
        return self._stack.pop()

    def pop_last(self, n: int) -> tuple[Node, ...]:
        """Take the last n nodes off the stack and return them, the top last."""
        return tuple(reversed([self.pop() for _ in range(n)]))

    def top(self) -> Node:
        """Return the top of the stack, which stays there."""
        return self._stack[-1]

    def drop(self) -> None:
        """POP: discard the top of the stack, or a mark with nothing above it."""
        if self._stack:
            self._stack.pop()
        else:
            self.pop_mark()

    def mark(self) -> None:
        """MARK: begin a new stack on top of this one."""
        self.charge(CONTAINER_BYTES)
        self._outer_stacks.append(self._stack)
        self._stack = []

    def pop_mark(self) -> list[Node]:
        """Discard the last mark and return what was pushed since."""
        items, self._stack = self._stack, self._outer_stacks.pop()
        return items

    def put(self, key: int) -> None:
        """PUT: keep the top of the stack in the memo; picklers count keys from 0 on."""
        if not 0 <= key <= MAX_STEPS:
            raise InvalidExport("remembers an object under a number that no pickler gives")
        self.charge(CONTAINER_BYTES)
        self._memo[key] = self.top()

    def memoize(self) -> None:
        """MEMOIZE: keep the top of the stack in the memo under the next number."""
        self.put(len(self._memo))

    def get(self, key: int) -> None:
        """GET: push what the memo has under a number."""
        if key not in self._memo:
            raise ValueError(f"nothing was kept under {key}")
        self.push(self._memo[key])

    def number(self, number: float) -> None:
        """Push a number."""
        self.charge(NUMBER_BYTES)
        self.push(number)

    def collection(self, kind: Callable[[Iterable[Node]], Node], items: list[Node] | tuple[Node, ...] = ()) -> None:
        """Push a list, a tuple or the pairs of a dictionary."""
        self.charge(CONTAINER_BYTES + ITEM_BYTES * len(items))
        self.push(kind(items))

    def dictionary(self, items: list[Node]) -> None:
        """DICT: push a dictionary of key, value, key, value, …"""
        self.collection(Pairs)
        self.set_items(items)

    def append(self, items: list[Node]) -> None:
        """APPENDS: append items to the list, or to the object, on top of the stack."""
        target = self.top()
        self.charge(ITEM_BYTES * len(items))
        if isinstance(target, Call):
            target.items += items
        elif type(target) is list:
            target += items
        else:
            raise InvalidExport(f"appends to {type(target).__name__}")

    def set_items(self, items: list[Node]) -> None:
        """SETITEMS: set key, value, key, value, … in the dictionary, or the object, on top of the stack."""
        if len(items) % 2:
            raise ValueError("a key without a value")
        target = self.top()
        self.charge((CONTAINER_BYTES + 2 * ITEM_BYTES) * len(items) // 2)
        pairs = zip(items[::2], items[1::2])
        if isinstance(target, Call):
            target.pairs += pairs
        elif type(target) is Pairs:
            target += pairs
        else:
            raise InvalidExport(f"sets items of {type(target).__name__}")

    def name(self, module: Node, name: Node) -> None:
        """GLOBAL: push the `Name` of a class or function; InvalidExport for texts that can be none."""
        key = (module, name)
        if (
            type(module) is not str
            or type(name) is not str
            or len(module) + len(name) > MAX_NAME_LENGTH
            or not (NAME.fullmatch(module) and NAME.fullmatch(name))
        ):
            raise InvalidExport(f"names {brief(module)} {brief(name)}, which is no name")
        if key not in self._names:
            self.charge(2 * CALL_BYTES)
            full = ".".join(current_name(module, name))
            self._names[key] = Name(full, runs_code(full))
        self.push(self._names[key])

    def call(self, function: Node, args: Node) -> None:
        """Push a call of a function, or of a class; InvalidExport for one that no honest file makes."""
        if type(function) is Name and function.runs_code:
            raise InvalidExport(f"wants to call {function.full}")
        self.charge(CALL_BYTES)
        self.push(Call(function, args))

    def reduce(self, n: int) -> None:
        """REDUCE, NEWOBJ: push a call of the last n nodes: function, arguments and perhaps named arguments."""
        function, args, *named = self.pop_last(n)
        if named and not (type(named[0]) is Pairs and not named[0]):
            raise InvalidExport("makes an object with named arguments, which no export does")
        self.call(function, args)

    def obj(self) -> None:
        """OBJ: push a call of the class and the arguments since the last mark."""
        cls, *args = self.pop_mark()
        self.call(cls, tuple(args))

    def inst(self) -> None:
        """INST: push a call of the class that two lines name, with the arguments since the last mark."""
        args = tuple(self.pop_mark())
        self.name(self.line().decode("ascii"), self.line().decode("utf-8"))
        self.call(self.pop(), args)

    def build(self) -> None:
        """BUILD: give a state to the object on top of the stack, which must be the result of a call."""
        state, target = self.pop(), self.top()
        if not isinstance(target, Call):
            raise InvalidExport(f"wants to fill {target.full if isinstance(target, Name) else type(target).__name__}")
        target.state = state

    def persistent(self) -> None:
        """BINPERSID: push the storage that a tensor names."""
        if self._persistent_load is None:
            raise InvalidExport("names data outside of its pickle")
        self.push(self._persistent_load(self.pop()))
