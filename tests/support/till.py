"""The service with a till: every route over a peer, in few steps of the event loop, and a note of what was sold.

    async with Till() as till:
        client = PhotaClient(KEY, till.peer.url)
        ...
        assert till.sold == {"a sea": 1}

A request's prompt is its mark, and a profile's first link: what was sold twice was paid twice.
"""

from collections import Counter
from types import TracebackType
from typing import Any, Self

import msgspec

from .peer import Behaviour, Exchange, Peer, answer
from .pictures import image_answer, job_answer, real_picture

PICTURES = tuple(map(real_picture, range(4)))
ETAG = {"Content-Type": "image/jpeg", "ETag": '"1"'}


class Till:
    """Sells pictures and profiles.

    Attributes:
        sold: Charges by mark.
        looks: How often a job or a profile says that it runs before it is done.
        loses: Whether the answers to orders are lost.
    """

    def __init__(self, looks: int = 1) -> None:
        self.peer = Peer(self._serve)
        self.sold: Counter[str] = Counter()
        self.loses = False
        self.looks = looks
        self.jobs: dict[str, str] = {}  # by client_request_id
        self._seen: Counter[str] = Counter()
        self._pictures: dict[str, int] = {}  # how many each job makes
        self._tags: dict[str, str | None] = {}  # by profile

    async def __aenter__(self) -> Self:
        await self.peer.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.peer.__aexit__(kind, error, trace)

    async def _serve(self, exchange: Exchange) -> None:
        await exchange.body()
        behave = self._answer(exchange)
        if self.loses and exchange.request.method == "POST":
            exchange.close()
        await behave(exchange)

    def _answer(self, exchange: Exchange) -> Behaviour:
        request = exchange.request
        place = request.path.rpartition("/")[2]
        if request.method == "POST":
            return self._profile(request.json) if place == "add" else self._image(request.json)
        if request.path.startswith("/jobs/"):
            return self._job(place)
        if place == "ids":
            tag = request.query.get("tag")
            listed = [{"profile_id": each, "tag": its} for each, its in self._tags.items() if tag in (None, its)]
            return answer(200, msgspec.json.encode({"profiles": listed}))
        if place == "status":
            word = "READY" if self._is_done(request.path) else "QUEUING"
            return answer(200, b'{"profile_id": "anna", "status": "%b"}' % word.encode())
        return self._picture(place, request.headers.get("range"))

    def _image(self, body: dict[str, Any]) -> Behaviour:
        mark, count = body["prompt"], body.get("num_output_images", 1)
        if not body.get("async"):
            self.sold[mark] += 1
            return answer(200, image_answer(*PICTURES[:count]))
        own = body["client_request_id"]
        if own not in self.jobs:
            self.sold[mark] += 1
            self.jobs[own] = f"job-{len(self.jobs)}"
            self._pictures[self.jobs[own]] = count
        return answer(202, job_answer(self.jobs[own]))

    def _job(self, job_id: str) -> Behaviour:
        if not self._is_done(job_id):
            return answer(200, job_answer(job_id, "running"))
        links = [self.peer.link(f"/{place}.jpg") for place in range(self._pictures.get(job_id, 1))]
        return answer(200, job_answer(job_id, "done", download_urls=links))

    def _is_done(self, what: str) -> bool:
        self._seen[what] += 1
        return self._seen[what] > self.looks

    def _profile(self, body: dict[str, Any]) -> Behaviour:
        self.sold[body["image_urls"][0]] += 1
        profile_id = f"p{len(self._tags)}"
        self._tags[profile_id] = body.get("tag")
        return answer(200, msgspec.json.encode({"profile_id": profile_id}))

    def _picture(self, place: str, asked: str | None) -> Behaviour:
        """Send a picture; one that is called broken breaks off in its middle, and goes on when it is asked for."""
        whole = PICTURES[int(place[0]) if place[0].isdigit() else 0]
        if not place.startswith("broken"):
            return answer(200, whole, ETAG)
        if asked is None:
            return answer(200, whole, ETAG, cut=len(whole) // 2)
        begin = int(asked.removeprefix("bytes=").rstrip("-"))
        return answer(206, whole[begin:], ETAG | {"Content-Range": f"bytes {begin}-{len(whole) - 1}/{len(whole)}"})
