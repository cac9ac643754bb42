"""Send calls to the service over aiohttp: pools, bodies, answers, attempts."""
