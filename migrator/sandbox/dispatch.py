"""From a request to a delivery: who asks, for what, what is planned to go wrong, and the answer."""

from __future__ import annotations

import traceback
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from migrator.sandbox.access import AccessKey
from migrator.sandbox.call import Call
from migrator.sandbox.errors import LineBroken, S3Error
from migrator.sandbox.faults import WORLD_ACTIONS, FaultPlan, Strike
from migrator.sandbox.markup import http_time
from migrator.sandbox.messages import Answer, Request, xml_answer
from migrator.sandbox.operations import OPERATIONS
from migrator.sandbox.payload import Payload
from migrator.sandbox.routing import Target, route
from migrator.sandbox.server import Delivery
from migrator.sandbox.shaping import bend, error_document, instead, shape
from migrator.sandbox.signatures import authenticate
from migrator.sandbox.store import Store
from migrator.sandbox.world import act


@dataclass(frozen=True, slots=True)
class Logged:
    """A request as the sandbox saw it. headers: as received, without the signature."""

    operation: str
    bucket: str
    key: str
    part: int | None
    method: str
    target: str
    status: int
    code: str
    access_key_id: str
    headers: Mapping[str, str]


@dataclass(slots=True)
class Dispatcher:
    """Answers requests. log: what was asked, oldest first, as many as it holds."""

    store: Store
    keys: Mapping[str, AccessKey]
    plan: FaultPlan
    region: str
    clock: Callable[[], float]
    log: deque[Logged]
    on_fired: Callable[[Strike], None] | None = None
    _serial: int = 0

    async def respond(self, request: Request) -> Delivery:
        target, strike, key_id, code = Target(""), None, "", ""
        self._serial += 1
        request_id = f"{self._serial:016X}"
        try:
            target = route(request)
            identity = authenticate(request, self.keys, self.region, self.clock)
            key_id = identity.key.access_key_id
            strike = self._strike(target)
            _ignore_header(request, strike)
            payload = Payload(request, identity, self.store.traits)
            call = Call(
                operation=target.operation,
                bucket_name=target.bucket,
                key=target.key,
                part=target.part,
                request=request,
                payload=payload,
                access=identity.key,
                store=self.store,
                region=self.region,
                strike=strike,
            )
            answer = await self._perform(call)
        except S3Error as error:
            code = error.code
            answer = _error_answer(error, request, request_id)
        except LineBroken:
            self._note(request, target, key_id, 0, "")
            return Delivery(ending="reset", is_silent=True)
        except Exception:  # noqa: BLE001 - a bug of the sandbox is answered as a store would, and shown
            traceback.print_exc()
            code = "InternalError"
            answer = _error_answer(S3Error(code), request, request_id)
        self._note(request, target, key_id, answer.status, code)
        answer.headers["x-amz-request-id"] = answer.headers["x-amz-id-2"] = request_id
        answer.headers["Date"] = http_time(self.clock())
        answer.headers["Server"] = "Truecopy-Sandbox"
        if strike is not None:
            answer = bend(answer, strike)
        return shape(answer, strike, is_head=request.method == "HEAD")

    def _strike(self, target: Target) -> Strike | None:
        strike = self.plan.strike(target.operation, target.key, target.part)
        if strike is not None and self.on_fired is not None:
            self.on_fired(strike)
        return strike

    async def _perform(self, call: Call) -> Answer:
        strike = call.strike
        if strike is not None:
            if _acts(strike, "before"):
                act(call.store, call.bucket_name, call.key, strike)
            answer = instead(strike)
            if answer is not None:
                return answer
        call.check(call.operation, call.bucket_name, call.key)
        if call.bucket_name and call.operation != "CreateBucket":
            call.bucket()
        answer = await OPERATIONS[call.operation](call)
        if strike is not None and _acts(strike, "after"):
            act(call.store, call.bucket_name, call.key, strike)
        return answer

    def _note(self, request: Request, target: Target, key_id: str, status: int, code: str) -> None:
        shown = {name: value for name, value in request.headers.items() if name != "authorization"}
        self.log.append(
            Logged(
                target.operation,
                target.bucket,
                target.key,
                target.part,
                request.method,
                request.path,
                status,
                code,
                key_id,
                shown,
            )
        )


def _acts(strike: Strike, moment: str) -> bool:
    if strike.action not in WORLD_ACTIONS:
        return False
    value = strike.fault.value
    return (value if isinstance(value, str) else strike.option("when", "before")) == moment


def _ignore_header(request: Request, strike: Strike | None) -> None:
    """Forget a header, as a careless store would; the signature has been checked by now."""
    if strike is not None and strike.action == "ignore":
        request.headers = {
            name: value for name, value in request.headers.items() if name != str(strike.fault.value).lower()
        }


def _error_answer(error: S3Error, request: Request, request_id: str) -> Answer:
    if error.status == 304:
        return Answer(304, dict(error.headers))
    body = b"" if request.method == "HEAD" else error_document(error, request_id, request.path)
    return xml_answer(body, error.status, error.headers)
