"""A request's body on its way: limited in size, elements, memory and time; then the wait for its answer.

    request = await arrive(gate, rule, client, headers, scope, receive, app)
    if request.refusal: ...

Memory is what bodies cost most, and for as long as their senders like: so each request holds a share of the gate's
rooms, which it may be told to give up before its body is there, but not after.
"""
import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

from starlette._utils import get_route_path
from starlette.datastructures import Headers

from .admission import SPOOLED, Gate
from .body_checks import UNREADABLE_FORM, FormCheck, JsonCheck, form_check, is_form, is_json
from .budgets import Share
from .endpoints import BODY_BYTES, MCP, Rule
from .errors import FULL, NO_MEMORY, Refusal

MOMENT, MOMENTS = 0.05, 100  # seconds, and how often: the wait for room


class Stop(Exception):
    """Ends a request that is not to be read on, or answered; `Request.refusal` says why."""


@dataclass(eq=False)
class Request:
    """One request on its way."""

    scope: dict
    client: str
    most: int
    """bytes of its body"""
    seconds: float
    """for its body to arrive"""
    n_bytes: int = 0
    refusal: Refusal | None = None
    answering: bool = False
    """whether the head of an answer has been sent"""
    streaming: bool = False
    """whether that answer is a stream of events"""
    answer_bytes: int = 0
    entered: bool = False
    arrived: asyncio.Event = field(default_factory=asyncio.Event)
    work: asyncio.Future | None = None

    @property
    def path(self) -> str:
        """The path as the router sees it."""
        return get_route_path(self.scope)

    def end_with(self, refusal: Refusal) -> Callable[[], None]:
        """Return a function that ends the request with a refusal."""
        def end() -> None:
            self.refusal = self.refusal or refusal
            if self.work:
                self.work.cancel()
        return end

    async def run(self, work) -> None:
        """Do the work for the request; `end_with` may end it."""
        self.work = asyncio.ensure_future(work)
        try:
            await asyncio.wait({self.work})
        finally:
            self.work.cancel()
        if not self.work.cancelled() and (error := self.work.exception()):
            raise error


async def arrive(gate: Gate, rule: Rule, client: str, headers: Headers, scope, receive, app) -> Request:
    """Take a request's body in, within limits, and let the app answer it; return what became of the request.

    A form goes to the app part by part, which writes its files to the disk; any other body when it is there.
    app: takes the request and a `receive`, and returns the work to be done.
    """
    form, seconds = is_form(headers), gate.settings.max_seconds
    request = Request(scope, client, gate.most_bytes(rule.body, form, is_json(headers)), seconds)
    announced = headers.get("content-length", "0")
    if announced.isdigit() and int(announced) > request.most:
        request.refusal = gate.too_large(request.most)
        return request
    check = JsonCheck() if rule.body in ("json", "small") else None
    if form and rule.body in ("photo", "upload"):
        check = form_check(headers, gate.settings.max_files, lambda: gate.charge(client))
        if check is None:
            request.refusal = UNREADABLE_FORM
            return request
    holding = _Holding(gate, request, check)
    try:
        if holding.begin():
            limited = _limited(holding, receive)
            await _answered(request, receive, app(request, limited) if isinstance(check, FormCheck) else
                            _whole(request, limited, app))
        else:
            request.refusal = FULL
    finally:
        holding.end()
    return request


async def _answered(request: Request, receive, work) -> None:
    """Do a request's work, as long as its sender stays and it takes no longer than it may."""
    gone = asyncio.ensure_future(_gone(request, receive))
    request.work = asyncio.ensure_future(work)
    try:
        done, _ = await asyncio.wait({request.work, gone}, timeout=2 * request.seconds,
                                     return_when=asyncio.FIRST_COMPLETED)
    finally:
        gone.cancel()
        request.work.cancel()
    await asyncio.wait({request.work})
    if not done:
        request.refusal = request.refusal or FULL
    if not request.work.cancelled() and (error := request.work.exception()):
        raise error


async def _whole(request: Request, limited, app) -> None:
    """Call the app with a body that is there: what is given up on its way leaves nothing in memory."""
    parts, more = [], True
    try:
        while more:
            message = await limited()
            if message["type"] != "http.request":
                return
            parts.append(message.get("body", b""))
            more = message.get("more_body", False)
        messages = [{"type": "http.request", "body": b"".join(parts), "more_body": False}]
    except Stop:
        return
    finally:
        parts.clear()

    async def given() -> dict:
        return messages.pop() if messages else await limited()
    await app(request, given)


class _Holding:
    """What a request holds of the gate's rooms, from its first byte to its end."""

    def __init__(self, gate: Gate, request: Request, check: JsonCheck | FormCheck | None):
        self.gate, self.request, self.check = gate, request, check
        end = request.end_with(NO_MEMORY)
        self.place, self.small, self.large, self.disk = (Share(request.client, end) for _ in range(4))
        self.tool = Share(request.client)

    def begin(self) -> bool:
        """Return whether there is room for another body on its way."""
        return self.gate.arriving.grow(self.place)

    def take(self, part: bytes) -> Refusal | None:
        """Return why a body goes no further after this part of it, or None."""
        request = self.request
        request.n_bytes += len(part)
        if request.n_bytes > request.most:
            return self.gate.too_large(request.most)
        if self.check and (refusal := self.check(part)):
            return refusal
        return self.keep()

    def keep(self) -> Refusal | None:
        """Take room for what has arrived; return a refusal where there is none for it now."""
        in_memory = self.request.n_bytes
        if isinstance(self.check, FormCheck):  # Starlette and Gradio write the rest into files
            if not self.gate.on_disk.grow(self.disk, in_memory - self.disk.amount):
                return NO_MEMORY
            in_memory = min(in_memory, SPOOLED * self.check.parts)
        return None if self.gate.hold(self.small, self.large, in_memory) else NO_MEMORY

    def arrived(self) -> Refusal | None:
        """Let a request in whose body is there: nobody ends it any more. Or return why not."""
        self.gate.arriving.leave(self.place)
        self.small.give_way = self.large.give_way = self.disk.give_way = None
        if self.request.path.startswith(MCP) and not self.gate.tool_calls.grow(self.tool):
            return FULL
        refusal = self.gate.enter(self.request.client)
        self.request.entered = refusal is None
        self.request.scope[BODY_BYTES] = self.request.n_bytes
        self.request.arrived.set()
        return refusal

    def end(self) -> None:
        """Give everything back."""
        gate = self.gate
        for room, share in ((gate.arriving, self.place), (gate.small, self.small), (gate.large, self.large),
                            (gate.on_disk, self.disk), (gate.tool_calls, self.tool)):
            room.leave(share)
        if self.request.entered:
            self.gate.leave(self.request.client)
            self.request.entered = False


def _limited(holding: _Holding, receive):
    """Return `receive` that ends a request whose body is too large, too slow or too much for the app at present."""
    request = holding.request
    deadline = asyncio.get_running_loop().time() + request.seconds

    async def limited() -> dict:
        if request.arrived.is_set():  # `_gone` waits for the end of the connection
            await asyncio.Event().wait()
        left = deadline - asyncio.get_running_loop().time()
        try:
            message = await asyncio.wait_for(receive(), max(left, 0))
        except asyncio.TimeoutError:
            request.refusal = Refusal(408, f"The request did not arrive within {request.seconds:g} s. Send a smaller "
                                           "photo, or send it again.")
            raise Stop from None
        if message["type"] == "http.request":
            refusal = holding.take(message.get("body", b""))
            for _ in range(MOMENTS):  # what is answered meanwhile leaves room
                if refusal is not NO_MEMORY:
                    break
                await asyncio.sleep(MOMENT)
                refusal = holding.keep()
            if not refusal and not message.get("more_body"):
                refusal = holding.arrived()
            if refusal:
                request.refusal = refusal
                raise Stop
        return message
    return limited


async def _gone(request: Request, receive) -> None:
    """Return when the sender of a request that has arrived hangs up."""
    await request.arrived.wait()
    while (await receive())["type"] != "http.disconnect":
        pass
