"""Say which resolutions and sizes exist.

Nobody publishes pixels; these are Nano Banana's. The resolutions of each model:
https://docs.photalabs.com/guides/base-models
"""

RESOLUTIONS = {
    "nb2": {"1K", "2K", "4K"},
    "gpt-image-2": {"1K", "2K", "4K"},
    "qwen-image-2": {"1K", "2K"},
    "flux-2": {"1K", "2K"},
    "reve": {"1K"},
}
SIZES_1K = {
    "1:1": (1024, 1024),
    "3:4": (896, 1200),
    "4:3": (1200, 896),
    "9:16": (768, 1376),
    "16:9": (1376, 768),
}
FACTORS = {"1K": 1, "2K": 2, "4K": 4}
GRID = 16  # sides are multiples of it
SLIMMEST = 4.0  # the longest output is 4:1
SMALLEST = 16  # pixels, however small picture_scale is

Size = tuple[int, int]


def output_size(
    aspect_ratio: str, resolution: str, *, input_size: Size | None = None, picture_scale: float = 1.0
) -> Size:
    """Return (width, height) in pixels of an output image.

    Args:
        aspect_ratio: One of the documented ratios; ``auto`` takes the first input's, 1:1 without one.
        resolution: 1K, 2K or 4K.
        input_size: (width, height) of the first input.
        picture_scale: Below 1 makes everything smaller, for fast tests.
    """
    width, height = SIZES_1K.get(aspect_ratio) or _fit(input_size or (1, 1))
    factor = FACTORS[resolution] * picture_scale
    return max(SMALLEST, round(width * factor)), max(SMALLEST, round(height * factor))


def _fit(input_size: Size) -> Size:
    """Return a 1K size with the ratio of the input, within limits, on the grid."""
    ratio = min(max(input_size[0] / input_size[1], 1 / SLIMMEST), SLIMMEST)
    width, height = 1024 * ratio**0.5, 1024 / ratio**0.5
    return round(width / GRID) * GRID, round(height / GRID) * GRID
