"""The web service of a fleet: takes orders of photos and hands them to workers, in one transaction.

``cd examples && uvicorn fleet_web:app``, with PHOTA_API_KEY set, FLEET_DSN for the PostgreSQL and FLEET_FOLDER for the
folder that all workers see. Workers are started with ``fleet_worker.py``; ``fleet.py`` shows all of it at work. This
process never calls the service for an order: it may be restarted, or run many times, as any web service.

Who may see which order is left to the sign-in of your service, and the size of request bodies to the proxy before it.
"""

import asyncio
import hashlib
import os
import shutil
import uuid
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import IO, Annotated, Any

import order_store
from fastapi import Depends, FastAPI, Form, Header, HTTPException, Request, Response, UploadFile
from fastapi.responses import FileResponse
from order_store import DSN, FINAL, Photo
from psycopg import Error
from psycopg_pool import AsyncConnectionPool

from phota_async import BatchItem, EnhanceRequest, InputError, PhotaClient, PhotaError, SignatureError
from phota_async.distributed import enqueue_in, notify, prepare

FOLDER = Path(os.environ.get("FLEET_FOLDER", "fleet")).absolute()
BATCH = "orders"  # the account in the ledger under which all orders are bought
MAX_PHOTOS = 100  # of one order
MAX_PHOTO = 50 * 2**20  # bytes


class Orders:
    """Places orders, and tells how they stand."""

    def __init__(self, pool: AsyncConnectionPool, client: PhotaClient) -> None:
        self._pool, self._client = pool, client

    async def place(self, repeat_key: str, prompt: str, photos: Sequence[IO[bytes]]) -> str:
        """Store an order and let it be worked on, once for each key; `ValueError` and `InputError` say what is wrong.

        The photos lie on the disk before anybody is told of them. Where an error leaves in doubt whether the order
        was stored, they stay.
        """
        order_id = str(uuid.uuid4())
        folder = FOLDER / "photos" / order_id
        paths, digest = await asyncio.to_thread(keep_photos, photos, folder, prompt)
        items = [BatchItem(f"{order_id}/{path.name}", EnhanceRequest(str(path), prompt or None)) for path in paths]
        async with self._pool.connection() as connection:  # a transaction: both or neither
            known = await order_store.add_order(
                connection, order_id, repeat_key=repeat_key, digest=digest, items=[item.key for item in items]
            )
            if known == order_id:
                await enqueue_in(connection, items, batch=BATCH)
        if known != order_id:
            await asyncio.to_thread(shutil.rmtree, folder)
        return known

    async def photos(self, order_id: str) -> list[Photo]:
        """Return how the photos of an order stand."""
        async with self._pool.connection() as connection:
            return await order_store.photos_of(connection, order_id)

    async def deliver(self, raw_body: bytes, headers: Any) -> int:
        """Take the service's callback and return the status to answer with.

        It only lets the worker that waits for that job ask now. What a callback says of it is not looked at.
        """
        try:
            event = await self._client.webhooks.deliver(raw_body, headers)
            async with self._pool.connection() as connection:
                await notify(connection, event)
        except SignatureError:
            return 401
        except (PhotaError, Error):
            return 503  # the secret or the database could not be asked: it may come again
        return 204


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    async with order_store.make_queue().open_async() as queue:
        await prepare(queue)  # its tables, if there are none yet
    async with AsyncConnectionPool(DSN, min_size=1, max_size=8, open=False) as pool, PhotaClient() as client:
        async with pool.connection() as connection:
            await order_store.make_tables(connection)
        app.state.orders = Orders(pool, client)
        yield


app = FastAPI(lifespan=lifespan)


def get_orders(request: Request) -> Orders:
    orders: Orders = request.app.state.orders
    return orders


TheOrders = Annotated[Orders, Depends(get_orders)]


async def find_photos(order_id: str, orders: TheOrders) -> list[Photo]:
    photos = await orders.photos(order_id)
    if not photos:
        raise HTTPException(404, "no such order")
    return photos


FoundPhotos = Annotated[list[Photo], Depends(find_photos)]


@app.post("/orders", status_code=202)
async def order(
    photos: list[UploadFile],
    idempotency_key: Annotated[str, Header(min_length=8, max_length=200)],
    orders: TheOrders,
    prompt: Annotated[str, Form()] = "",
) -> dict[str, str]:
    try:
        order_id = await orders.place(idempotency_key, prompt, [photo.file for photo in photos])
    except (ValueError, InputError) as error:
        raise HTTPException(422, str(error)) from None
    return {"id": order_id, "self": f"/orders/{order_id}"}


@app.get("/orders/{order_id}")
async def status(order_id: str, photos: FoundPhotos) -> dict[str, Any]:
    is_final = all(photo.status in FINAL for photo in photos)
    is_done = all(photo.status == "done" for photo in photos)
    return {
        "id": order_id,
        "status": "done" if is_done else "ended" if is_final else "working",
        "photos": [view(order_id, photo) for photo in photos],
    }


@app.get("/orders/{order_id}/pictures/{place}")
async def picture(place: int, photos: FoundPhotos) -> FileResponse:
    if not 1 <= place <= len(photos) or photos[place - 1].picture is None:
        raise HTTPException(404, "there is no picture yet")
    return FileResponse(FOLDER / "pictures" / str(photos[place - 1].picture))


@app.post("/phota/callback")
async def callback(request: Request, orders: TheOrders) -> Response:
    return Response(status_code=await orders.deliver(await request.body(), request.headers))


def view(order_id: str, photo: Photo) -> dict[str, Any]:
    """Return what is shown of a photo."""
    picture = f"/orders/{order_id}/pictures/{photo.place}" if photo.picture else None
    return {"status": photo.status, "message": photo.message, "picture": picture}


def keep_photos(photos: Sequence[IO[bytes]], folder: Path, prompt: str) -> tuple[list[Path], str]:
    """Write uploads to the disk, durably, and return their paths and what tells orders apart. Blocks."""
    if not 1 <= len(photos) <= MAX_PHOTOS:
        raise ValueError(f"photos: expected 1 to {MAX_PHOTOS}, got {len(photos)}")
    for number, photo in enumerate(photos, 1):
        size = photo.seek(0, os.SEEK_END)
        if not 0 < size <= MAX_PHOTO:
            raise ValueError(f"photo {number}: expected 1 to {MAX_PHOTO} bytes, got {size}")
    folder.mkdir(parents=True)
    whole, paths = hashlib.sha256(hashlib.sha256(prompt.encode()).digest()), []
    for number, photo in enumerate(photos, 1):
        paths.append(folder / f"{number:03}.jpg")
        whole.update(keep_photo(photo, paths[-1]))
    return paths, whole.hexdigest()


def keep_photo(photo: IO[bytes], path: Path) -> bytes:
    """Write an upload to the disk, durably, and return its digest. Blocks."""
    photo.seek(0)
    with path.open("x+b") as file:
        shutil.copyfileobj(photo, file)
        file.flush()
        os.fsync(file.fileno())  # sent again, it must be the same to the byte
        file.seek(0)
        return hashlib.file_digest(file, "sha256").digest()
