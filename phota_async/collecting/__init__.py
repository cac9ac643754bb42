"""What a batch is made of: photos found in folders, and lists with a request a row.

    photos = Photos(["holiday"], recursive=True, exclude=["*_edited*"], output="results")
    items = Items(photos, lambda photo: EnhanceRequest(image=photo.path))
    batch = Batch(client, items, output="results", ledger=True)

Both can be read any number of times, one by one: nothing but a folder's names, or a row, is held in memory.
"""

from .items import Items
from .lists import ItemList
from .photos import Photo, Photos
from .plans import RequestPlan

__all__ = ["ItemList", "Items", "Photo", "Photos", "RequestPlan"]
