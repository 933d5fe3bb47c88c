"""The stack, the memo and the budget of a reader of pickles: each method is what one instruction does to them.

`classifier.export.unpickler` says which instruction is which method.
"""
import re
from collections.abc import Callable
from typing import Any, BinaryIO

from .allowlist import moved, runs_code
from .nodes import Made, Name, Pairs, Refused, brief

NAME = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*")
LONGEST_NAME = 500  # characters
LONGEST_NUMBER = 256  # bytes of a whole number, or characters of one in digits
MOST_STEPS = 1_500_000  # instructions of a pickle; a large network's has 230,000
LEAST_MEMORY, TIMES = 40_000_000, 3  # bytes that any pickle may take, or times its size; a large network's takes 14 MB
OBJECT, CONTAINER, NUMBER, SLOT = 240, 80, 32, 16  # bytes of a `Made` with its lists, of a container, of an item in one


class Machine:
    """One reading of one pickle. Everything that it makes belongs to it alone."""

    def __init__(self, file: BinaryIO, persistent_load: Callable[[Any], Any] | None, size: int):
        """size: bytes of the pickle; persistent_load: what stands for the numbers that a tensor names."""
        self.read, self._readline, self._persistent_load = file.read, file.readline, persistent_load
        self._left = max(LEAST_MEMORY, TIMES * size)
        self._stack: list = []
        self._marks: list[list] = []
        self._memo: dict[int, Any] = {}
        self._names: dict[tuple[str, str], Name] = {}

    def charge(self, n_bytes: int) -> None:
        """Take memory from what the pickle may use; Refused where that is spent."""
        self._left -= n_bytes
        if self._left < 0:
            raise Refused("has a pickle that takes far more memory than it has bytes")

    def push(self, node: Any) -> None:
        """Put a node on the stack."""
        self._stack.append(node)

    def bytes(self, width: int, least: int = 0) -> bytes:
        """Return what follows a length of `width` bytes."""
        size = int.from_bytes(self.exactly(width), "little")
        data = self.read(size) if size <= 1 << 31 else b""
        if len(data) != size or size < least:
            raise EOFError("it ends too early")
        self.charge(CONTAINER + size)
        return data

    def exactly(self, n: int) -> bytes:
        """Return the next n bytes; EOFError where there are fewer."""
        data = self.read(n)
        if len(data) != n:
            raise EOFError("it ends too early")
        return data

    def line(self) -> bytes:
        """Return the bytes up to the next line break, without it."""
        data = self._readline()
        if data[-1:] != b"\n":
            raise EOFError("it ends too early")
        self.charge(CONTAINER + len(data))
        return data[:-1]

    def text(self, data: bytes) -> str:
        """Return a string; one with characters beyond the first 256 takes up to four bytes for each."""
        return self.wide(data.decode("utf-8", "surrogatepass"))

    def wide(self, text: str) -> str:
        """Return a string, charged for the width of its characters."""
        if not text.isascii():
            self.charge(CONTAINER + 4 * len(text))
        return text

    def whole(self, digits: bytes) -> int:
        """Return a whole number in digits."""
        if len(digits) > LONGEST_NUMBER:
            raise Refused(f"has a whole number of {len(digits)} digits")
        return int(digits, 0)

    def number(self, number: float) -> None:
        """Push a number."""
        self.charge(NUMBER)
        self.push(number)

    def name(self, module: Any, name: Any) -> None:
        """Push the `Name` of a class or function; Refused for what can be none."""
        key = (module, name)
        if type(module) is not str or type(name) is not str or len(module) + len(name) > LONGEST_NAME or not (
                NAME.fullmatch(module) and NAME.fullmatch(name)):
            raise Refused(f"names {brief(module)} {brief(name)}, which is no name")
        if key not in self._names:
            self.charge(2 * OBJECT)
            full = ".".join(moved(module, name))
            self._names[key] = Name(full, runs_code(full))
        self.push(self._names[key])

    def make(self, maker: Any, args: Any) -> None:
        """Push what a call gives, or a new object of a class; Refused where no honest file makes such a call."""
        if type(maker) is Name and maker.runs_code:
            raise Refused(f"wants to call {maker.full}")
        self.charge(OBJECT)
        self.push(Made(maker, args))

    def since_mark(self) -> list:
        """Return what was pushed since the last mark, and forget the mark."""
        items, self._stack = self._stack, self._marks.pop()
        return items

    def mark(self) -> None:
        """Begin a new stack on top of this one."""
        self.charge(CONTAINER)
        self._marks.append(self._stack)
        self._stack = []

    def pop(self) -> Any:
        """Return the top of the stack."""
        return self._stack.pop()

    def top(self) -> Any:
        """Return the top of the stack and leave it there."""
        return self._stack[-1]

    def drop(self) -> None:
        """Forget the top of the stack, or a mark with nothing above it."""
        if self._stack:
            self._stack.pop()
        else:
            self.since_mark()

    def remember(self, key: int) -> None:
        """Keep the top of the stack under a number; picklers count from 0 on."""
        if not 0 <= key <= MOST_STEPS:
            raise Refused("remembers an object under a number that no pickler gives")
        self.charge(CONTAINER)
        self._memo[key] = self.top()

    def remember_next(self) -> None:
        """Keep the top of the stack under the next number."""
        self.remember(len(self._memo))

    def recall(self, key: int) -> None:
        """Push what was kept under a number."""
        if key not in self._memo:
            raise ValueError(f"nothing was kept under {key}")
        self.push(self._memo[key])

    def extend(self, items: list) -> None:
        """Append items to the list, or to the object, on top of the stack."""
        onto = self.top()
        self.charge(SLOT * len(items))
        if isinstance(onto, Made):
            onto.items += items
        elif type(onto) is list:
            onto += items
        else:
            raise Refused(f"appends to {type(onto).__name__}")

    def update(self, items: list) -> None:
        """Set the key, value, key, value, … in the dictionary, or the object, on top of the stack."""
        if len(items) % 2:
            raise ValueError("a key without a value")
        onto = self.top()
        self.charge((CONTAINER + 2 * SLOT) * len(items) // 2)
        pairs = zip(items[::2], items[1::2])
        if isinstance(onto, Made):
            onto.pairs += pairs
        elif type(onto) is Pairs:
            onto += pairs
        else:
            raise Refused(f"sets items of {type(onto).__name__}")

    def sequence(self, kind: type, items: Any = ()) -> None:
        """Push a list, a tuple or the pairs of a dictionary."""
        self.charge(CONTAINER + SLOT * len(items))
        self.push(kind(items))

    def dictionary(self, items: list) -> None:
        """Push a dictionary of key, value, key, value, …"""
        self.sequence(Pairs)
        self.update(items)

    def build(self) -> None:
        """Give a state to the object on top of the stack, which must be one that was made."""
        state, onto = self.pop(), self.top()
        if not isinstance(onto, Made):
            raise Refused(f"wants to fill {onto.full if isinstance(onto, Name) else type(onto).__name__}")
        onto.state = state

    def number_of_bytes(self, width: int) -> None:
        """Push a whole number that is stored in bytes."""
        size = int.from_bytes(self.exactly(width), "little")
        if size > LONGEST_NUMBER:
            raise Refused(f"has a whole number of {size} bytes")
        self.charge(CONTAINER)
        self.push(int.from_bytes(self.exactly(size), "little", signed=True))

    def persistent(self) -> None:
        """Push what stands for the numbers of a tensor."""
        if self._persistent_load is None:
            raise Refused("names data outside of its pickle")
        self.push(self._persistent_load(self.pop()))

    def last(self, n: int) -> tuple:
        """Return the last n of the stack, and take them off."""
        return tuple(reversed([self.pop() for _ in range(n)]))

    def class_of_marked(self) -> None:
        """OBJ: a class, then its arguments, since the last mark."""
        cls, *args = self.since_mark()
        self.make(cls, tuple(args))

    def class_by_line(self) -> None:
        """INST: a class by two lines, its arguments since the last mark."""
        args = tuple(self.since_mark())
        self.name(self.line().decode("ascii"), self.line().decode("utf-8"))
        self.make(self.pop(), args)

    def called(self, n: int) -> None:
        """A call of n parts: a maker, its arguments and perhaps those that have names."""
        maker, args, *named = self.last(n)
        if named and pairs_of_nothing(named[0]):
            raise Refused("makes an object with named arguments, which no export does")
        self.make(maker, args)


def pairs_of_nothing(node: Any) -> bool:
    """Return whether named arguments are anything but an empty dictionary."""
    return type(node) is not Pairs or bool(node)
