"""What replicas share through Redis: how much each client has asked, and the answers that are remembered.

    store = SharedStore("redis://redis:6379", version)
    wait = await store.spend("83.1.2.3", 1, per_minute=300)
    answer = store.find(sha256_of_photo)

Redis is a help, not a need: while it does not answer, each replica goes on with its own limits and its own memory, says
so once, and asks again every few seconds. What lies there is data: no key, no photo and no address. Clients stand there
for a minute or two, by a hash of their name; answers for a day, by the SHA-256 of the photo.
"""

import hashlib
import json
import logging
import time
from collections.abc import Callable
from dataclasses import asdict, fields
from math import isfinite
from threading import Lock
from typing import Any

import redis
import redis.asyncio
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

from classifier import Prediction
from classifier.inference.neighbours import Neighbour

log = logging.getLogger(__name__)

TIMEOUT = 1.0  # seconds for one answer of Redis, after which it counts as away; less, and a busy replica thinks so
RETRY_SECONDS = 5.0  # between two tries while it is away
ANSWER_SECONDS = 86_400
MAX_ANSWER_BYTES = 1_000_000
FAILURES = (RedisError, OSError, ValueError)  # ValueError: of a host that is no name, as it is looked up
ONCE_MORE = (redis.ConnectionError,)  # a kept connection that Redis has closed meanwhile; not one that is silent
PREFIX = "fieldguide"

# a token bucket, as `RateLimiter` has it, by the clock of Redis; returns the seconds to wait, or 0. What is no bucket
# becomes a full one: an error at one client's key would have all of Redis count as away
SPEND = """
local per_minute, n = tonumber(ARGV[1]), tonumber(ARGV[2])
local clock = redis.call('TIME')
local now = clock[1] + clock[2] / 1000000
local bucket = redis.pcall('HMGET', KEYS[1], 'tokens', 'at')
if bucket.err then
  redis.call('DEL', KEYS[1])
  bucket = {}
end
local tokens, at = tonumber(bucket[1]) or per_minute, tonumber(bucket[2]) or now
if not (tokens > -1e6) then tokens = per_minute end
tokens = math.min(per_minute, tokens + math.max(0, now - at) * per_minute / 60)
local allowed = tokens >= 1
if allowed then tokens = tokens - n end
redis.call('HSET', KEYS[1], 'tokens', tostring(tokens), 'at', string.format('%.6f', now))
redis.call('EXPIRE', KEYS[1], math.ceil((per_minute - tokens) / per_minute * 60) + 1)
return tostring(allowed and 0 or (1 - tokens) * 60 / per_minute)
"""


class SharedStore:
    """Rate limits and answers that all replicas with the same Redis share. Safe to use from many threads."""

    def __init__(self, url: str, version: str, clock: Callable[[], float] = time.monotonic) -> None:
        """url: redis://HOST:PORT/DB. version: of the export, whose answers alone are shared. clock: seconds.

        Raises ValueError for a URL that is none, or that has an option which is none. Redis need not answer yet.
        """
        options: dict[str, Any] = {"socket_timeout": TIMEOUT, "socket_connect_timeout": TIMEOUT}
        try:
            self._client = redis.Redis.from_url(url, retry=Retry(NoBackoff(), 1, ONCE_MORE), **options)
            self._client.connection_pool.make_connection()  # which alone looks at the options; it connects later
        except (TypeError, LookupError) as error:
            raise ValueError("an option of the URL is none of Redis") from error
        loop_retry = redis.asyncio.retry.Retry(NoBackoff(), 1, ONCE_MORE)
        loop_client = redis.asyncio.Redis.from_url(url, retry=loop_retry, **options)
        self._spend = loop_client.register_script(SPEND)
        columns = hashlib.sha256(" ".join(field.name for field in fields(Prediction)).encode()).hexdigest()[:8]
        self._answers = f"{PREFIX}:answer:{version}:{columns}:"
        self._clock, self._lock, self._away, self._next_try = clock, Lock(), False, 0.0

    @property
    def connected(self) -> bool:
        """Whether Redis has answered the last time that it was asked."""
        return not self._away

    async def spend(self, client: str, n: int, per_minute: int) -> float:
        """Take n tokens from a client; return 0, or the seconds to wait. 0 too while Redis is away."""
        if not self._may_ask():
            return 0.0
        name = f"{PREFIX}:rate:{hashlib.sha256(client.encode()).hexdigest()[:32]}"
        try:
            wait = float(await self._spend(keys=[name], args=[per_minute, n]))
        except FAILURES as error:
            self._failed(error)
            return 0.0
        self._answered()
        return wait

    def find(self, photo: bytes) -> Prediction | None:
        """Return the answer for a photo that any replica has given. photo: its SHA-256."""
        if not self._may_ask():
            return None
        try:
            data = self._client.get(self._answers + photo.hex())
        except FAILURES as error:
            self._failed(error)
            return None
        self._answered()
        return prediction_of(data) if isinstance(data, (bytes, str)) else None  # str: by an option of the URL

    def keep(self, photo: bytes, prediction: Prediction) -> None:
        """Let the other replicas know an answer. photo: its SHA-256."""
        data = json.dumps(asdict(prediction)).encode()
        if len(data) > MAX_ANSWER_BYTES or not self._may_ask():
            return
        try:
            self._client.set(self._answers + photo.hex(), data, ex=ANSWER_SECONDS)
        except FAILURES as error:
            self._failed(error)
        else:
            self._answered()

    def _may_ask(self) -> bool:
        """Return whether to ask Redis now: while it is away, one request every few seconds does."""
        if not self._away:
            return True
        with self._lock:
            if self._clock() < self._next_try:
                return False
            self._next_try = self._clock() + RETRY_SECONDS
            return True

    def _failed(self, error: Exception) -> None:
        with self._lock:
            first, self._away = not self._away, True
            self._next_try = self._clock() + RETRY_SECONDS
        if first:  # the error's text may have the password of the URL
            log.warning(
                "Redis does not answer (%s): this replica goes on with its own limits and answers, and asks again "
                "every %g s.",
                type(error).__name__,
                RETRY_SECONDS,
            )

    def _answered(self) -> None:
        if self._away:
            with self._lock:
                again, self._away = self._away, False
            if again:
                log.warning("Redis answers again: limits and answers are shared.")


def prediction_of(data: bytes | str) -> Prediction | None:
    """Return the prediction that `keep` wrote; None for anything else."""
    try:
        content = json.loads(data)
        values: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value for name, value in content.items()
        }
        if (near := values.get("neighbours")) is not None:
            values["neighbours"] = tuple(Neighbour(**{**one, "labels": tuple(one["labels"])}) for one in near)
        prediction = Prediction(**values)
        return prediction if _is_answer(prediction) else None
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return None


def _is_answer(prediction: Prediction) -> bool:
    """Return whether each value is of the kind that a classifier gives: what fills the page would fail at another."""
    probabilities, near = prediction.probabilities, prediction.neighbours or ()
    named = [prediction.label, *(prediction.labels or ()), *(prediction.candidates or ())]
    texts = [*probabilities, prediction.decision or "", *(text for one in near for text in (one.file, *one.labels))]
    numbers = [prediction.familiarity or 0, *(one.similarity for one in near)]
    return (
        all(label in probabilities for label in named)
        and all(isinstance(text, str) for text in texts)
        and all(0 <= probability <= 1 for probability in probabilities.values())
        and all(map(isfinite, numbers))
        and prediction.familiar in (True, False, None)
        and all(isinstance(one.index, int) for one in near)
    )
