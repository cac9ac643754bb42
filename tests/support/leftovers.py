"""What a call takes while it runs, and must have given back when it has ended."""

from phota_async import PhotaClient

POOLS = ("paid", "free", "downloads")


def check_nothing_left(client: PhotaClient) -> None:
    """Look at the places of the limiter and at the connections in use."""
    statistics = client.limiter.statistics()
    assert (statistics.running, statistics.waiting, statistics.bytes_in_flight) == (0, 0, 0)
    sessions = [getattr(each, name) for each in client._transport.pools._pools.values() for name in POOLS]
    for session in sessions:
        assert session.connector is not None
        assert not session.connector._acquired
