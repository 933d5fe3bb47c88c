"""Read a request's body within limits of size, elements, memory and time, and let the app answer it.

    await read_and_answer(admission, rule, request, receive, app)
    if request.error: ...

Memory is what bodies cost most, for as long as their senders like. So each request reserves it from the budgets of
`AdmissionControl`, and may be evicted before its body is there.
"""

import asyncio
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any

from starlette.datastructures import Headers
from starlette.types import Message, Receive

from .admission import AdmissionControl
from .body_checks import UNREADABLE_FORM, FormCheck, JsonCheck, form_check, is_form, is_json
from .endpoints import Rule
from .errors import OUT_OF_MEMORY, TOO_MANY_WAITING, ErrorResponse
from .request_state import RequestState, StopRequest
from .reservations import BodyReservations

RETRY_SECONDS, RETRIES = 0.05, 100  # how often, and how many times, memory is tried for

App = Callable[[Receive], Coroutine[Any, Any, None]]


async def read_and_answer(
    admission: AdmissionControl, rule: Rule, request: RequestState, receive: Receive, app: App
) -> None:
    """Read a request's body within limits and let the app answer it; sets `request.error` where it cannot.

    A form goes to the app part by part, which writes its files to the disk; any other body when it is there.
    app: takes a `receive` that keeps to the limits, and returns the work to be done.
    """
    headers, seconds = Headers(scope=request.scope), admission.settings.max_seconds
    form = is_form(headers)
    max_bytes = admission.max_body_bytes(rule.body, form, is_json(headers))
    announced = headers.get("content-length", "0")
    if announced.isdigit() and int(announced) > max_bytes:
        request.error = admission.too_large(max_bytes)
        return
    check: JsonCheck | FormCheck | None = JsonCheck() if rule.body in ("json", "small") else None
    if form and rule.body in ("photo", "upload"):
        check = form_check(headers, admission.settings.max_files, partial(admission.charge_photo, request.client))
        if check is None:
            request.error = UNREADABLE_FORM
            return
    reservations = BodyReservations(admission, request, check, max_bytes)
    try:
        if reservations.begin():
            limited = _limited(reservations, receive, seconds)
            work = app(limited) if isinstance(check, FormCheck) else _with_whole_body(limited, app)
            await _answer(reservations, receive, work, 2 * seconds)
        else:
            request.error = TOO_MANY_WAITING
    finally:
        reservations.end()


async def _answer(
    reservations: BodyReservations, receive: Receive, work: Coroutine[Any, Any, None], seconds: float
) -> None:
    """Do a request's work, as long as its sender stays and it takes no longer than so many seconds."""
    request = reservations.request
    disconnected = asyncio.ensure_future(_wait_for_disconnect(reservations.arrived, receive))
    request.work = asyncio.ensure_future(work)
    try:
        done, _ = await asyncio.wait({request.work, disconnected}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    finally:
        disconnected.cancel()
        request.work.cancel()
    await asyncio.wait({request.work})
    if not done:
        request.error = request.error or TOO_MANY_WAITING
    request.raise_error_of_work()


async def _wait_for_disconnect(arrived: asyncio.Event, receive: Receive) -> None:
    """Return when the sender of a body that has arrived closes the connection."""
    await arrived.wait()
    while (await receive())["type"] != "http.disconnect":
        pass


async def _with_whole_body(receive: Receive, app: App) -> None:
    """Call the app with a body that is there: one that is given up on its way leaves nothing in memory."""
    parts, more = [], True
    try:
        while more:
            message = await receive()
            if message["type"] != "http.request":
                return
            parts.append(message.get("body", b""))
            more = message.get("more_body", False)
        messages: list[Message] = [{"type": "http.request", "body": b"".join(parts), "more_body": False}]
    except StopRequest:
        return
    finally:
        parts.clear()

    async def whole() -> Message:
        return messages.pop() if messages else await receive()

    await app(whole)


def _limited(reservations: BodyReservations, receive: Receive, seconds: float) -> Receive:
    """Return `receive` that ends a request whose body is too large, too slow or too much for the app at present.

    seconds: for the body to arrive.
    """
    request, deadline = reservations.request, asyncio.get_running_loop().time() + seconds

    async def limited() -> Message:
        if reservations.arrived.is_set():  # `_wait_for_disconnect` receives from then on
            await asyncio.Event().wait()
        left = deadline - asyncio.get_running_loop().time()
        try:
            message = await asyncio.wait_for(receive(), max(left, 0))
        except asyncio.TimeoutError:
            request.error = ErrorResponse(
                408,
                f"The request did not arrive within {seconds:g} s. Send a smaller photo, or send it again.",
                reason="too slow",
            )
            raise StopRequest from None
        if message["type"] == "http.request":
            error = await _add(reservations, message)
            if error:
                request.error = error
                raise StopRequest
        return message

    return limited


async def _add(reservations: BodyReservations, message: Message) -> ErrorResponse | None:
    """Take one more part of a body in, and admit the request with the last one; or return why not."""
    error = reservations.add(message.get("body", b""))
    for _ in range(RETRIES):  # requests that are answered meanwhile release memory
        if error is not OUT_OF_MEMORY:
            break
        await asyncio.sleep(RETRY_SECONDS)
        error = reservations.reserve()
    if not error and not message.get("more_body"):
        error = reservations.enter()
    return error
