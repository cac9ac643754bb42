"""Carry out image calls: accept an order once, reserve its price, draw, settle, tell the callback address."""

import asyncio
from decimal import Decimal

import msgspec

from phota_async.sandbox.accounts import Charge
from phota_async.sandbox.answers import job_fields
from phota_async.sandbox.errors import ServiceError
from phota_async.sandbox.jobs import Job
from phota_async.sandbox.orders import Order, planned_failure
from phota_async.sandbox.parts import Parts
from phota_async.sandbox.photos import Photo
from phota_async.sandbox.pictures import Kitchen, Recipe
from phota_async.sandbox.prices import price_images
from phota_async.sandbox.sizes import output_size


class _Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What was decided when an order was accepted."""

    photos: tuple[Photo, ...]
    subjects: tuple[Photo, ...]
    counts: dict[str, int]
    recognised: int
    charge: int
    failure: ServiceError | None


class Studio:
    """The image operations of the service."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._kitchen = Kitchen()

    async def accept(self, order: Order) -> Job:
        """Begin the work on an order, or return the job that its idempotency value already stands for."""
        if known := self._parts.jobs.recall(order):
            return known
        self._parts.jobs.check_capacity()
        now = self._parts.clock.time()
        profiles = self._parts.profiles.require_ready(order.profile_ids, now)
        photos = [await self._parts.inputs.read(image) for image in order.images]
        if known := self._parts.jobs.recall(order):  # a twin may have come while the photos were opened
            return known
        self._parts.jobs.check_capacity()  # others may have begun meanwhile
        light = msgspec.structs.replace(order, images=())  # jobs are kept, and photos weigh
        return self._begin(light, tuple(photos), tuple(profile.portrait for profile in profiles))

    async def finish(self, job: Job) -> Job:
        """Wait for the end of a synchronous call and raise what it failed with."""
        with self._parts.clock.at_rest():
            await job.done.wait()
        if job.error is not None:
            self._parts.jobs.forget(job)  # nobody holds a handle to it: the same value may try anew
            raise job.error
        return job

    def _begin(self, order: Order, photos: tuple[Photo, ...], subjects: tuple[Photo, ...]) -> Job:
        job = self._new_job(order)
        charge = self._parts.account.reserve(self._reservation(job))
        images = max(0, order.num_output_images - self._parts.shape.images_short)
        counts, recognised = self._parts.profiles.count_subjects(order.profile_ids, images=images)
        plan = _Plan(
            photos=photos,
            subjects=subjects,
            counts=counts,
            recognised=recognised,
            charge=charge,
            failure=self._failure(order),
        )
        self._parts.jobs.add(job)
        self._parts.jobs.start(self._work(job, plan, images))
        return job

    def _new_job(self, order: Order) -> Job:
        rules = self._parts.rules
        seconds = rules.job_seconds if order.is_async else min(rules.sync_seconds, rules.sync_limit)
        now = self._parts.clock.time()
        return Job(self._parts.new_id("job"), order, submitted_at=now, seconds=seconds)

    def _reservation(self, job: Job) -> Charge:
        order = job.order
        recognised = order.num_output_images if order.profile_ids else 0
        return Charge(
            time=job.submitted_at,
            operation=order.operation,
            amount=price_images(
                order.operation, order.resolution, images=order.num_output_images, recognised=recognised
            ),
            images=order.num_output_images,
            client_request_id=order.client_request_id,
            job_id=job.job_id if order.is_async else None,
        )

    def _failure(self, order: Order) -> ServiceError | None:
        rules = self._parts.rules
        if not order.is_async and rules.sync_seconds > rules.sync_limit:
            return ServiceError(504)
        if self._parts.jobs.failures:
            return self._parts.jobs.failures.pop(0)
        return planned_failure(order.prompt)

    async def _work(self, job: Job, plan: _Plan, images: int) -> None:
        parts = self._parts
        with parts.clock.work():
            await parts.clock.sleep_until(job.started_at)
            error = plan.failure or await self._draw(job, plan, images)
            await parts.clock.sleep_until(job.finish_at)
            if error is None:
                job.counts = plan.counts
                parts.account.settle(plan.charge, self._price(job, plan, images))
            else:
                job.error = error
                parts.account.refund(plan.charge)
            job.done.set()
            if job.order.callback_url:
                await parts.callbacks.send(job.order.callback_url, job_fields(parts, job))

    def _price(self, job: Job, plan: _Plan, images: int) -> Decimal:
        return price_images(job.order.operation, job.order.resolution, images=images, recognised=plan.recognised)

    async def _draw(self, job: Job, plan: _Plan, images: int) -> ServiceError | None:
        """Draw the pictures and put them where they are wanted; whatever breaks is the service's failure."""
        loop = asyncio.get_running_loop()
        recipes = [self._recipe(job.order, plan, variation) for variation in range(images)]
        drawing = [loop.run_in_executor(self._parts.executor, self._kitchen.render, recipe) for recipe in recipes]
        try:
            pictures = await asyncio.gather(*drawing)
            if job.order.response_mode == "bytes":
                job.pictures = pictures
            else:
                job.results = await self._keep(job, pictures)
        except Exception as exc:  # noqa: BLE001, see above
            return ServiceError(500, f"The picture could not be drawn: {exc!r}")
        return None

    async def _keep(self, job: Job, pictures: list[bytes]) -> list[str]:
        names = [f"{job.job_id}-{number + 1}.{job.order.output_format}" for number in range(len(pictures))]
        for name, picture in zip(names, pictures, strict=True):
            await self._parts.links.keep(name, picture)
        return names

    def _recipe(self, order: Order, plan: _Plan, variation: int) -> Recipe:
        return Recipe(
            operation=order.operation,
            prompt=order.prompt,
            size=output_size(
                order.aspect_ratio,
                order.resolution,
                input_size=plan.photos[0].size if plan.photos else None,
                picture_scale=self._parts.rules.picture_scale,
            ),
            output_format=order.output_format,
            variation=variation,
            photos=plan.photos,
            subjects=plan.subjects,
        )
