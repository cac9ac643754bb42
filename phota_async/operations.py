"""The four image operations as methods: each builds a request from its arguments, and sends it."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any

from .config import Mode
from .requests import AnyRequest, EditRequest, EnhanceRequest, GenerateRequest, ImageInput, RemixRequest
from .results import ImageResult
from .validation import fail

Images = ImageInput | Sequence[ImageInput]


class Operations(ABC):
    """``edit``, ``generate``, ``enhance`` and ``remix`` of whoever can send a request."""

    @abstractmethod
    async def send(
        self, request: AnyRequest, *, mode: Mode | None = None, timeout: float | None = None, validate: bool = True
    ) -> ImageResult:
        """Send a request value."""

    async def edit(
        self,
        images: Images,
        prompt: str = "",
        *,
        profile_ids: Sequence[str] = (),
        # Output
        num_output_images: int = 1,
        aspect_ratio: str = "auto",
        resolution: str = "1K",
        base_model: str = "nb2",
        quality: str | None = None,
        output_format: str = "jpg",
        response_mode: str = "bytes",
        # How
        mode: Mode | None = None,
        timeout: float | None = None,
        validate: bool = True,
        extra: Mapping[str, Any] | None = None,
    ) -> ImageResult:
        """Change photos as the prompt says, keeping the named people themselves.

        Args:
            images: 1 to 10 photos, each a path, bytes, an ``http(s)`` URL, a binary file or a Pillow image.
            prompt: The change in words; ``[[profile_id]]`` names a trained subject.
            profile_ids: Candidate profiles of the end user; the same as naming them in the prompt.
            num_output_images: Variations, 1 to 4; each is billed.
            aspect_ratio: ``auto``, ``1:1``, ``3:4``, ``4:3``, ``9:16`` or ``16:9``.
            resolution: ``1K``, ``2K`` or ``4K``, as far as the model offers it.
            base_model: ``nb2``, ``gpt-image-2``, ``qwen-image-2``, ``flux-2`` or ``reve``.
            quality: ``auto``, ``low``, ``medium`` or ``high``, with ``gpt-image-2`` only.
            output_format: ``jpg`` or ``png``.
            response_mode: ``bytes`` for pictures in memory, ``urls`` for links that live 24 hours.
            mode: ``sync`` holds the request open; ``job`` submits, waits and fetches, and can resume.
                ``None`` uses the config's. The answer is the same.
            timeout: Seconds for the whole call, retries and downloads included; ``None`` uses the client's.
            validate: Whether documented limits are checked here; ``False`` leaves them to the service.
            extra: JSON fields that are newer than this client.

        Returns:
            The images in the service's order, who was recognised in them, and the request id.

        Raises:
            InputError: An argument or a photo cannot be used; nothing was sent.
            ContentModerationError: The service refused the content (400).
            AuthenticationError: The key is missing or wrong (401, 403).
            InsufficientCreditsError: The balance is too low (402).
            ResponseLostError: The answer is lost and may have been charged; with ``mode="job"``,
                ``await error.resume()`` goes on without paying twice.
            PhotaError: Anything else; see `phota_async.errors`.

        Source: https://docs.photalabs.com/api/studio/edit
        """
        request = EditRequest(
            images=images,  # type: ignore[arg-type]  # a single photo is taken too
            prompt=prompt,
            profile_ids=profile_ids,
            num_output_images=num_output_images,
            aspect_ratio=aspect_ratio,
            resolution=resolution,
            base_model=base_model,
            quality=quality,
            output_format=output_format,
            response_mode=response_mode,
            extra=extra or {},
        )
        return await self.send(request, mode=mode, timeout=timeout, validate=validate)

    async def generate(
        self,
        prompt: str,
        *,
        # Output
        num_output_images: int = 1,
        aspect_ratio: str = "auto",
        resolution: str = "1K",
        base_model: str = "nb2",
        quality: str | None = None,
        output_format: str = "jpg",
        response_mode: str = "bytes",
        # How
        mode: Mode | None = None,
        timeout: float | None = None,
        validate: bool = True,
        extra: Mapping[str, Any] | None = None,
        # Not accepted by the service: there to say so
        images: None = None,
        profile_ids: Sequence[str] = (),
    ) -> ImageResult:
        """Make a photo from text.

        Args:
            prompt: The picture in words; ``[[profile_id]]`` places a trained subject, which is the only way
                to name one here.
            num_output_images: Variations, 1 to 4; each is billed.
            aspect_ratio: As in `edit`.
            resolution: As in `edit`.
            base_model: As in `edit`.
            quality: As in `edit`.
            output_format: As in `edit`.
            response_mode: As in `edit`.
            mode: As in `edit`.
            timeout: As in `edit`.
            validate: As in `edit`.
            extra: As in `edit`.
            images: Not accepted; anything but ``None`` is an `InputError`.
            profile_ids: Not accepted; anything but an empty one is an `InputError`.

        Returns:
            As `edit`.

        Raises:
            PhotaError: As `edit`.

        Source: https://docs.photalabs.com/api/studio/generate
        """
        if images is not None:
            fail("images", "none with generate", images, "edit takes photos")
        if profile_ids:
            fail(
                "profile_ids",
                "none with generate",
                profile_ids,
                "name subjects in the prompt: [[profile_id]]",
            )
        request = GenerateRequest(
            prompt=prompt,
            num_output_images=num_output_images,
            aspect_ratio=aspect_ratio,
            resolution=resolution,
            base_model=base_model,
            quality=quality,
            output_format=output_format,
            response_mode=response_mode,
            extra=extra or {},
        )
        return await self.send(request, mode=mode, timeout=timeout, validate=validate)

    async def enhance(
        self,
        image: ImageInput,
        *,
        prompt: str | None = None,
        profile_ids: Sequence[str] = (),
        # Output
        num_output_images: int = 1,
        output_format: str = "jpg",
        response_mode: str = "bytes",
        # How
        mode: Mode | None = None,
        timeout: float | None = None,
        validate: bool = True,
        extra: Mapping[str, Any] | None = None,
    ) -> ImageResult:
        """Improve one photo; the service chooses the settings and answers at 2K.

        Args:
            image: The photo, as in `edit`.
            prompt: A wish in words; ``None`` leaves it out.
            profile_ids: Candidate profiles of the end user.
            num_output_images: Variations, 1 to 4; each is billed.
            output_format: As in `edit`.
            response_mode: As in `edit`.
            mode: As in `edit`.
            timeout: As in `edit`.
            validate: As in `edit`.
            extra: As in `edit`.

        Returns:
            As `edit`.

        Raises:
            PhotaError: As `edit`.

        Source: https://docs.photalabs.com/api/studio/enhance
        """
        request = EnhanceRequest(
            image=image,
            prompt=prompt,
            profile_ids=profile_ids,
            num_output_images=num_output_images,
            output_format=output_format,
            response_mode=response_mode,
            extra=extra or {},
        )
        return await self.send(request, mode=mode, timeout=timeout, validate=validate)

    async def remix(
        self,
        input_image: ImageInput,
        reference_image: ImageInput,
        *,
        prompt: str | None = None,
        profile_ids: Sequence[str] = (),
        # Output
        num_output_images: int = 1,
        output_format: str = "jpg",
        response_mode: str = "bytes",
        # How
        mode: Mode | None = None,
        timeout: float | None = None,
        validate: bool = True,
        extra: Mapping[str, Any] | None = None,
    ) -> ImageResult:
        """Render one photo in the look of another, at 2K.

        Args:
            input_image: The photo whose content is kept.
            reference_image: The photo whose look is taken.
            prompt: A wish in words; ``None`` leaves it out.
            profile_ids: Candidate profiles of the end user.
            num_output_images: Variations, 1 to 4; each is billed.
            output_format: As in `edit`.
            response_mode: As in `edit`.
            mode: As in `edit`.
            timeout: As in `edit`.
            validate: As in `edit`.
            extra: As in `edit`.

        Returns:
            As `edit`.

        Raises:
            PhotaError: As `edit`.

        Source: https://docs.photalabs.com/guides/remix
        """
        request = RemixRequest(
            input_image=input_image,
            reference_image=reference_image,
            prompt=prompt,
            profile_ids=profile_ids,
            num_output_images=num_output_images,
            output_format=output_format,
            response_mode=response_mode,
            extra=extra or {},
        )
        return await self.send(request, mode=mode, timeout=timeout, validate=validate)
