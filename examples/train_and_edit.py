"""Train a profile from links and put that person into a photo.

``python examples/train_and_edit.py photo.jpg https://.../1.jpg https://.../2.jpg ...`` with 5 to 10 links that
the service can reach. A training costs money and takes minutes; watching it is free.
"""

import asyncio
import os
import sys

from phota_async import PhotaClient, TrainingError

INTERVAL = float(os.environ.get("POLL_SECONDS", "15"))


async def main(photo: str, links: list[str]) -> None:
    async with PhotaClient() as client:
        profile_id = await client.profiles.create(links, training_tier="fast", tag="example-user")
        async with client.profiles.watch([profile_id], interval=INTERVAL) as changes:
            async for change in changes:
                print(change.profile_id, change.status, change.message)
        try:
            await client.profiles.wait(profile_id, interval=INTERVAL)
        except TrainingError as error:
            sys.exit(str(error))
        result = await client.edit(photo, f"[[{profile_id}]] laughing, in evening light", num_output_images=2)
        print("recognised:", dict(result.known_subjects.counts), "missing:", result.missing())
        print(*await result.save("out", stem="edited", exists="number"), sep="\n")


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2:]))
