"""The service as a stranger would write it from the contract alone: another shape of each answer at every turn.

It shares no code with the package or its sandbox. Whatever the contract calls unknown is answered in each of the
ways that a client has to tolerate, one after the other, so that a few dozen calls meet them all.
"""

import asyncio
import base64
import gzip
import itertools
import json
import uuid
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from types import TracebackType
from typing import Any, Self

from aiohttp import web

from .pictures import picture

BASE = "/v1/phota"
IMAGE_FIELDS = {
    "edit": {"images", "prompt", "profile_ids", "aspect_ratio", "resolution", "base_model", "quality"},
    "generate": {"prompt", "aspect_ratio", "resolution", "base_model", "quality"},
    "enhance": {"image", "prompt", "profile_ids"},
    "remix": {"input_image", "reference_image", "prompt", "profile_ids"},
}
EVERYWHERE = {"num_output_images", "output_format", "response_mode", "async", "callback_url", "client_request_id"}
REQUIRED = {"num_output_images", "output_format", "response_mode"}  # one page calls them so

PENDING = ("queued", "RUNNING", "in_progress", "Pending", "processing", "preparing the canvas", "")
SUCCESS = ("succeeded", "SUCCESS", "completed", "Complete", "done", "finished", "ready")
FAILURE = (
    "failed",
    "Failure",
    "error",
    "errored",
    "cancelled",
    "canceled",
    "expired",
    "timed_out",
    "timeout",
    "REJECTED",
)
TRAINING = ("VALIDATING", "QUEUING", "IN_PROGRESS", "WARMING_UP", "READY")

Body = dict[str, Any]


class Stranger:
    """Serves every route of the contract and keeps accounts.

    Attributes:
        posts: Calls of each POST route.
        purchases: Pictures made, each of which costs money.
        in_flight: Jobs and held calls that are not finished.
        most_in_flight: The most of them at once.
        problems: What a client did that the contract does not allow.
    """

    def __init__(self, *, looks: int = 2, faults: Iterator[str | None] | None = None) -> None:
        self.looks = looks  # polls until a job is done
        self.faults = faults or itertools.repeat(None)
        self.posts: Counter[str] = Counter()
        self.purchases: list[bytes] = []
        self.in_flight = 0
        self.most_in_flight = 0
        self.problems: list[str] = []
        self.gate = asyncio.Event()  # held calls answer when it is set
        self.gate.set()
        self._turn = itertools.count()
        self._jobs: dict[str, Body] = {}
        self._by_id: dict[str, str] = {}
        self._pictures: dict[str, bytes] = {}
        self._profiles: dict[str, Body] = {}

    async def __aenter__(self) -> Self:
        app = web.Application(middlewares=[self._guard], client_max_size=2**30)
        for operation in IMAGE_FIELDS:
            app.router.add_post(f"{BASE}/{operation}", self._image_call)
        app.router.add_get(f"{BASE}/jobs/{{job_id}}", self._job)
        app.router.add_get(f"{BASE}/webhook-secret", self._secret)
        app.router.add_post(f"{BASE}/profiles/add", self._add)
        app.router.add_get(f"{BASE}/profiles/ids", self._ids)
        app.router.add_get(f"{BASE}/profiles/{{profile_id}}/status", self._status)
        app.router.add_get(f"{BASE}/profiles/{{profile_id}}/profile_picture", self._profile_picture)
        app.router.add_delete(f"{BASE}/profiles/{{profile_id}}", self._delete)
        app.router.add_get("/files/{name}", self._file)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        port = self._runner.addresses[0][1]
        self.url = f"http://127.0.0.1:{port}{BASE}"
        self.storage = f"http://localhost:{port}"  # another origin: the key must not come here
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.gate.set()
        await self._runner.cleanup()

    def expire_links(self) -> None:
        """Let every link that was given out lead nowhere."""
        self._pictures = {str(uuid.uuid4()): data for data in self._pictures.values()}
        for job in self._jobs.values():
            job["links"] = []

    @web.middleware
    async def _guard(
        self, request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        has_key = "X-API-Key" in request.headers
        if request.path.startswith("/files/"):
            if has_key:
                self.problems.append(f"the key came to {request.path}")
            return await handler(request)
        if not has_key:
            return self._error(403, {"detail": "missing key"})
        if request.headers["X-API-Key"] != "key":
            return self._error(401, {"detail": "Invalid API key"})
        if request.method == "POST":
            self.posts[request.path.removeprefix(BASE)] += 1
        return await handler(request)

    # Image calls.

    async def _image_call(self, request: web.Request) -> web.StreamResponse:
        operation = request.path.rpartition("/")[2]
        body: Body = await request.json()
        self._check_fields(operation, body)
        fault = next(self.faults)
        if fault in ("429", "503", "500", "502", "504", "402", "401"):
            return self._fail(int(fault))
        if fault == "refuse":
            return self._error(400, {"detail": "blocked", "code": "CONTENT_MODERATION"})
        answer = await (self._submit(body) if body.get("async") else self._hold(body))
        if fault == "lose" and request.transport is not None:  # it was bought, and nobody hears of it
            request.transport.abort()
        return answer

    async def _hold(self, body: Body) -> web.StreamResponse:
        with self._under_way():
            await self.gate.wait()
        pictures = self._make(body)
        if body["response_mode"] == "urls":
            links = [self._link(each) for each in pictures]
            return self._say(self._vary({"known_subjects": self._subjects(body), "images": [], "download_urls": links}))
        texts = [base64.b64encode(each).decode() for each in pictures]
        shapes: list[Body] = [
            {"images": texts, "download_urls": []},
            {"images": texts},
            {"images": [None, *texts], "download_urls": None},
            {"images": [f"data:image/jpeg;base64,{text}" for text in texts]},
        ]
        return self._say(self._vary({"known_subjects": self._subjects(body)} | shapes[next(self._turn) % 4]))

    async def _submit(self, body: Body) -> web.StreamResponse:
        if body["response_mode"] != "urls":
            return self._error(422, {"detail": [{"loc": ["body", "response_mode"], "msg": "must be urls"}]})
        own = body.get("client_request_id")
        job_id = self._by_id.get(own) if own else None
        if job_id is None:
            job_id = f"job/{uuid.uuid4()} +"  # an id may hold anything
            self._jobs[job_id] = {"body": body, "looks": 0, "pictures": self._make(body), "links": []}
            self._set_in_flight(+1)
            if own:
                self._by_id[own] = job_id
        more: list[Body] = [
            {},
            {"status": PENDING[0]},
            {"poll_url": f"/v1/phota/jobs/{job_id}"},
            {"created_at": 1, "status": None},
        ]
        return self._say({"job_id": job_id} | more[next(self._turn) % 4], status=202)

    async def _job(self, request: web.Request) -> web.StreamResponse:
        job = self._jobs.get(request.match_info["job_id"])
        if job is None:
            return self._error(404, {"detail": "no such job"})
        job["looks"] += 1
        if job["looks"] <= self.looks or not self.gate.is_set():
            return self._say(
                {"job_id": request.match_info["job_id"], "status": PENDING[next(self._turn) % len(PENDING)]}
            )
        if not job.get("is_told"):
            job["is_told"] = True
            self._set_in_flight(-1)
        if "fail me" in (job["body"].get("prompt") or ""):
            return self._say(self._failed(request.match_info["job_id"]))
        job["links"] = job["links"] or [self._link(each) for each in job["pictures"]]
        return self._say(self._finished(job))

    def _finished(self, job: Body) -> Body:
        """Return a finished job: the word for it and where its result lies are not published."""
        turn = next(self._turn)
        word = {"status": SUCCESS[turn % len(SUCCESS)]}
        result = {"download_urls": job["links"], "known_subjects": self._subjects(job["body"])}
        shapes: list[Body] = [
            word | result,
            word | {"result": result},
            word | {"output": result, "error": None},
            word | {"response": result | {"images": []}},
            result,  # no word at all
            word | {"result": {"download_urls": job["links"]}, "known_subjects": result["known_subjects"]},
        ]
        return self._vary(shapes[turn % len(shapes)])

    def _failed(self, job_id: str) -> Body:
        turn = next(self._turn)
        word = FAILURE[turn % len(FAILURE)]
        errors: list[Any] = ["out of luck", {"message": "out of luck", "code": "LUCK"}, {"detail": "out of luck"}]
        return {"job_id": job_id, "status": word, "error": errors[turn % len(errors)]}

    def _make(self, body: Body) -> list[bytes]:
        kind = {"jpg": "jpg", "png": "png"}[body["output_format"]]
        made = [picture(400, kind, len(self.purchases) + each) for each in range(body["num_output_images"])]
        self.purchases += made
        return made

    def _subjects(self, body: Body) -> Body | None:
        named = body.get("profile_ids") or []
        counts = dict.fromkeys(named, body["num_output_images"])
        return {"counts": counts} if counts else [None, {}, {"counts": {}}, {"counts": None}][next(self._turn) % 4]

    def _link(self, data: bytes) -> str:
        name = f"{uuid.uuid4()}%2Fa+b"
        self._pictures[name.replace("%2F", "/")] = data
        return f"{self.storage}/files/{name}?X-Signature=a%2Fb+c"

    async def _file(self, request: web.Request) -> web.StreamResponse:
        data = self._pictures.get(request.match_info["name"])
        if data is None or request.rel_url.raw_query_string != "X-Signature=a%2Fb+c":
            return web.Response(status=403, text="<Error><Code>AccessDenied</Code></Error>")
        return web.Response(body=data, content_type="application/octet-stream")

    # Profiles.

    async def _add(self, request: web.Request) -> web.StreamResponse:
        body: Body = await request.json()
        if unknown := body.keys() - {"image_urls", "training_tier", "tag"}:
            self.problems.append(f"add: unknown fields {sorted(unknown)}")
        profile_id = f"anna {len(self._profiles)}/é"
        self._profiles[profile_id] = {"tag": body.get("tag"), "looks": 0}
        more: list[Body] = [{}, {"status": "VALIDATING"}]
        return self._say({"profile_id": profile_id} | more[next(self._turn) % 2])

    async def _ids(self, request: web.Request) -> web.StreamResponse:
        tag = request.query.get("tag")
        found = [each for each, profile in self._profiles.items() if tag in (None, profile["tag"])]
        shapes: list[list[Any]] = [
            [*found],
            [{"profile_id": each, "status": "READY", "tag": self._profiles[each]["tag"]} for each in found],
            [{"profile_id": each, "status": "SOMETHING_NEW", "created": 1} for each in found],
        ]
        return self._say(self._vary({"profiles": shapes[next(self._turn) % 3]}))

    async def _status(self, request: web.Request) -> web.StreamResponse:
        profile = self._profiles.get(request.match_info["profile_id"])
        if profile is None:
            return self._error(404, {"detail": "Profile not found"})
        word = TRAINING[min(profile["looks"], len(TRAINING) - 1)]
        profile["looks"] += 1
        messages: list[Body] = [{}, {"message": None}, {"message": ""}]
        found = {"profile_id": request.match_info["profile_id"], "status": word}
        return self._say(found | messages[next(self._turn) % 3])

    async def _profile_picture(self, request: web.Request) -> web.StreamResponse:
        if request.match_info["profile_id"] not in self._profiles:
            return self._error(404, {"detail": "Profile not found"})
        data = picture(500, seed=1)
        if next(self._turn) % 2:
            return web.Response(status=302, headers={"Location": self._link(data)})
        return web.Response(body=data, content_type="image/jpeg")

    async def _delete(self, request: web.Request) -> web.StreamResponse:
        if self._profiles.pop(request.match_info["profile_id"], None) is None:
            return self._error(404, {"detail": "Profile not found"})
        return self._say({"profile_id": request.match_info["profile_id"], "status": "ok"})

    async def _secret(self, _: web.Request) -> web.StreamResponse:
        name = ["secret", "webhook_secret", "signing_key"][next(self._turn) % 3]
        return self._say({name: "whsec_c2VjcmV0"})

    # Words.

    def _say(self, body: Body, status: int = 200) -> web.Response:
        """Answer in one of the spellings that JSON over HTTP allows."""
        turn = next(self._turn)
        text = json.dumps(body, indent=[None, 2][turn % 2], ensure_ascii=turn % 3 == 0).encode()
        headers = {"X-Request-Id": f"req-{turn}"}
        if turn % 5 == 4:  # a gateway that packs though nobody asked
            return web.Response(body=gzip.compress(text), status=status, headers=headers | {"Content-Encoding": "gzip"})
        kind = ["application/json", "application/json; charset=utf-8", "text/plain"][turn % 3]
        return web.Response(body=text, status=status, headers=headers | {"Content-Type": kind})

    def _vary(self, body: Body) -> Body:
        """Add what a newer service may say."""
        more: list[Body] = [{}, {"request_id": str(uuid.uuid4())}, {"usage": {"images": 1}, "model": "nb2"}]
        return body | more[next(self._turn) % 3]

    def _error(self, status: int, body: Body) -> web.Response:
        return web.json_response(body, status=status, headers={"X-Request-Id": "req-error"})

    def _fail(self, status: int) -> web.Response:
        """Fail as the service may, or a gateway before it."""
        bodies: list[web.Response] = [
            web.Response(status=status, text="<html>Bad luck</html>", content_type="text/html"),
            web.Response(status=status),
            self._error(status, {"detail": "bad luck", "request_id": "req-body"}),
            self._error(status, {"error": {"code": "LUCK", "message": "bad luck"}}),
        ]
        return bodies[next(self._turn) % len(bodies)]

    def _check_fields(self, operation: str, body: Body) -> None:
        unknown = body.keys() - IMAGE_FIELDS[operation] - EVERYWHERE
        missing = REQUIRED - body.keys()
        if unknown or missing:
            self.problems.append(f"{operation}: unknown {sorted(unknown)}, missing {sorted(missing)}")
        photos = [
            *body.get("images", []),
            *(body[each] for each in ("image", "input_image", "reference_image") if each in body),
        ]
        for photo in photos:
            if not photo.startswith("http"):
                base64.b64decode(photo, validate=True)

    def _under_way(self) -> "_UnderWay":
        return _UnderWay(self)

    def _set_in_flight(self, change: int) -> None:
        self.in_flight += change
        self.most_in_flight = max(self.most_in_flight, self.in_flight)


class _UnderWay:
    def __init__(self, stranger: Stranger) -> None:
        self._stranger = stranger

    def __enter__(self) -> None:
        self._stranger._set_in_flight(+1)

    def __exit__(self, *_: object) -> None:
        self._stranger._set_in_flight(-1)
