"""What the client costs, beside what others cost: ``uv run --group bench python -m benchmarks``."""
