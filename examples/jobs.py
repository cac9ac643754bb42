"""Submit a job, keep its id, fetch the result later, from anywhere.

``python examples/jobs.py submit photo.jpg`` prints the job's id; ``python examples/jobs.py fetch ID`` waits for
it and saves the pictures. A lost answer is asked for again with the same id, which does not pay twice.
"""

import asyncio
import sys

from phota_async import EditRequest, PhotaClient, ResponseLostError


async def submit(photo: str) -> None:
    async with PhotaClient() as client:
        try:
            job = await client.jobs.submit(EditRequest(images=[photo], prompt="as an oil painting"))
        except ResponseLostError as error:
            job = await error.resume()
        print(job)


async def fetch(job_id: str) -> None:
    async with PhotaClient() as client:
        result = await client.jobs.wait(job_id, save_to="out", exists="number")
        print(*(image.path for image in result.images), sep="\n")


if __name__ == "__main__":
    command, argument = sys.argv[1:]
    asyncio.run(submit(argument) if command == "submit" else fetch(argument))
