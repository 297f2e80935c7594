"""Events from MQTT into the waiting line, and out of it to the endpoint."""

from __future__ import annotations

import json
import logging
import threading
import time
from collections import deque
from datetime import datetime, timezone
from pathlib import Path

from vad_edge.bridges.feed import CameraFeed
from vad_edge.bridges.webhook.endpoint import (
    FIRST_S,
    LONGEST_S,
    REFUSALS,
    Endpoint,
    Response,
    asked_s,
    judge,
)
from vad_edge.bridges.webhook.queue import Waiting, WaitingLine
from vad_edge.bridges.webhook.request import (
    SECRET_VARIABLE,
    TOKEN_VARIABLE,
    Credentials,
    read_secret,
    request,
    signing_key,
    to_keep,
)
from vad_edge.common.retry import Backoff
from vad_edge.config.bridges import WebhookConfig
from vad_edge.config.site import BrokerConfig, SiteConfig
from vad_edge.errors import StoreError

_log = logging.getLogger(__name__)

EVENT, REPLAY = "event", "event/replay"

_LOOK_S = 0.25
_UNKEPT = 1000


class WebhookBridge:
    """Sends each event of a site until the endpoint has taken it, in the order they came.

    The broker keeps events while this program is away; an event counts as received when it is on our disk.
    Raises ConfigError for a secret or CA file that cannot be used, StoreError for a bad place of the line.
    """

    def __init__(
        self,
        site: SiteConfig,
        config: WebhookConfig,
        broker: BrokerConfig,
        path: Path,
        *,
        pace: float = 1.0,
    ) -> None:
        self._config = config
        self._pace = pace
        self._credentials = Credentials(
            read_secret(config.token_file, TOKEN_VARIABLE, "webhook.token_file"),
            signing_key(read_secret(config.secret_file, SECRET_VARIABLE, "webhook.secret_file")),
        )
        self._endpoint = Endpoint(config.address, timeout_s=config.timeout_s, ca_file=config.ca_file)
        self.line = WaitingLine(path, quota_bytes=config.quota_mib * 2**20)
        # What a failing disk did not take; in memory it is worth more than nowhere.
        self._unkept: deque[tuple[str, bytes]] = deque(maxlen=_UNKEPT)
        self._lock = threading.Lock()
        self._failures = 0
        self._backoff = Backoff(FIRST_S, LONGEST_S)
        self._refusals = 0
        self._due_s = 0.0
        self._wake = threading.Event()
        self._feed = CameraFeed(broker, site, (EVENT, REPLAY), self._receive, role="webhook", session=True)

    def run(self, stop: threading.Event) -> None:
        """Carry events until `stop` is set."""
        self._feed.start()
        try:
            while not stop.is_set():
                self._wake.wait(_LOOK_S)
                self._wake.clear()
                if time.monotonic() >= self._due_s:
                    self._work(stop)
        finally:
            self._feed.stop()
            self.line.close()

    def _receive(self, camera: str, leaf: str, payload: bytes) -> None:
        kept = to_keep(payload, replayed=leaf == REPLAY)
        if kept is None:
            _log.warning(
                "ignored what is no CloudEvent on %s: %.60r", self._feed.topic(camera, leaf), payload
            )
            return
        with self._lock:
            self._unkept.append(kept)
            self._keep()
        self._wake.set()

    def _keep(self) -> None:
        try:
            while self._unkept:
                given_up = self.line.add(*self._unkept[0])
                self._unkept.popleft()
                if given_up:
                    _log.error(
                        "%d events for %s were given up: more than %d MiB wait",
                        given_up,
                        self._config.place,
                        self._config.quota_mib,
                    )
        except StoreError as error:
            _log.error("%s; %d events wait in memory", error, len(self._unkept))

    def _work(self, stop: threading.Event) -> None:
        """Send what waits until there is nothing left, or something goes wrong."""
        try:
            with self._lock:
                self._keep()
            while not stop.is_set() and time.monotonic() >= self._due_s:
                event = self.line.first()
                if event is None:
                    return
                self._send(event)
        except StoreError as error:
            _log.error("%s", error)
            self._due_s = time.monotonic() + self._pace

    def _send(self, event: Waiting) -> None:
        headers, body = request(
            json.loads(event.body), self._config.mode, self._credentials, now_s=time.time()
        )
        answer = self._endpoint.post(headers, body)
        verdict, reason = judge(answer)
        if verdict == "taken":
            if self._failures:
                _log.info("%s takes events again", self._config.place)
            self._failures = self._refusals = 0
            self._backoff.reset()
            self.line.settle(event, "taken")
            _log.info("event %s was taken", event.id)
            return
        self._refusals = self._refusals + 1 if verdict == "refused" else 0
        if self._refusals >= REFUSALS:
            _log.error("event %s was set aside: the endpoint %s %d times", event.id, reason, REFUSALS)
            self.line.settle(event, "aside")
            self._failures = self._refusals = 0
            self._backoff.reset()
            return
        self._wait(answer, reason)

    def _wait(self, answer: Response, reason: str) -> None:
        if not self._failures:
            url = self._config.place
            _log.warning("%s: %s; %d events wait, trying until it works", url, reason, self.line.count())
        self._failures += 1
        delay = max(self._backoff.next_s(), asked_s(answer, datetime.now(timezone.utc)))
        self._due_s = time.monotonic() + delay * self._pace
