"""Upload with a command of the user's own: rclone, scp, curl, whatever brings a file to the internet."""

import contextlib
import os
import shlex
import shutil
import signal
import subprocess
import tempfile
import threading
from pathlib import Path, PurePath

import anyio

from .. import threads
from ..config import KEY_VARIABLE
from ..errors import ConfigError, UploadError, shorten
from ..media.addresses import show_link
from ..validation import is_http_url
from .via import SHELL, Via

TIMEOUT = 300.0  # seconds for one photo
SHOWN = 200  # characters of what a command says when it fails


class ShellUploader:
    """Runs a command for each photo; the last line that it prints is the link.

    Usage::

        uploader = ShellUploader(
            "rclone copyto {path} r2:bucket/{name} && rclone link --expire 1d r2:bucket/{name}",
            delete="rclone deletefile r2:bucket/{name}",
        )

    Args:
        command: For the shell. ``{path}`` becomes the photo's path and ``{name}`` its random name, both quoted for
            the shell; all other braces stay. The file is gone when the command has ended.
        delete: The command that removes a photo; it must succeed, too, for one that is not there. Without it photos
            stay where they are, and you are told their names.

    Raises:
        ConfigError: A command lacks what it is to work on.
    """

    def __init__(self, command: str, *, delete: str = "") -> None:
        if "{path}" not in command:
            raise ConfigError("the upload command: expected {path} in it, which stands for the photo")
        if delete and "{name}" not in delete:
            raise ConfigError("the delete command: expected {name} in it, which stands for the photo")
        if delete and "{name}" not in command:
            raise ConfigError("the upload command: expected {name} in it, by which the delete command finds the photo")
        self._command, self._delete = command, delete
        self.place = f"the command {_program(command)}"
        """What people call it: the program's name, since other words may be secret."""
        self.can_delete = bool(delete)
        """Whether uploads can be removed again."""
        self.via = Via(address=SHELL + command, delete=SHELL + delete if delete else "")
        """What `open_uploader` makes an equal one of."""

    def __repr__(self) -> str:
        return f"<ShellUploader {self.place}>"

    async def upload(self, name: str, data: bytes) -> str:
        """Run the command with a photo, and return the link that it prints last."""
        copy = _Copy(name)
        try:
            path = await threads.run(copy.write, data)
            printed = await self._run(self._command, name, path)
        finally:
            with anyio.CancelScope(shield=True):
                await threads.run(copy.remove)
        link = printed.strip().rpartition("\n")[2].strip()
        if not is_http_url(link):
            raise UploadError(name, self.place, f"expected a link as the last line printed, got {_hidden(link)}")
        return link

    async def delete(self, name: str) -> None:
        """Run the delete command."""
        if not self._delete:
            raise UploadError(name, self.place, "no delete command was given").with_context(hint="remove it yourself")
        await self._run(self._delete, name, None)

    async def _run(self, command: str, name: str, path: Path | None) -> str:
        """Run a command to its end, or kill it and all that it started; returns what it printed."""
        running = _Command(fill(command, name=name, path=path))
        try:
            code, printed, said = await threads.network(running.run)
        except subprocess.TimeoutExpired:
            raise UploadError(name, self.place, f"the command did not end within {TIMEOUT:.0f} s") from None
        finally:
            with anyio.CancelScope(shield=True):
                await threads.run(running.end)
        if code:
            reason = f"the command ended with {code}: {_hidden(_last_line(said))}"
            raise UploadError(name, self.place, reason).with_context(hint="try the command by hand")
        return printed.decode(errors="replace")


class _Command:
    """A command that runs in one thread and may be ended from another. Blocks.

    No subprocess of asyncio's: a task that is cancelled while one starts leaves what its shell has started alive.
    """

    def __init__(self, text: str) -> None:
        self._text = text
        self._turn = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._is_over = False

    def run(self) -> tuple[int, bytes, bytes]:
        """Return its status and what it wrote."""
        with self._turn:
            if self._is_over:
                raise ValueError("it was ended before it began")
            self._process = process = subprocess.Popen(  # noqa: S602 - the user's own; what we put in is quoted
                self._text,
                shell=True,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env={key: value for key, value in os.environ.items() if key != KEY_VARIABLE},
                start_new_session=True,  # Ctrl-C is for us to handle
            )
        with process:  # closes its pipes
            try:
                printed, said = process.communicate(timeout=TIMEOUT)
            except subprocess.TimeoutExpired:
                _kill(process)
                raise
        return process.returncode, printed, said

    def end(self) -> None:
        """Kill what has not ended, with its children, and wait for it."""
        with self._turn:
            self._is_over = True
            process = self._process
        if process is not None and process.poll() is None:
            _kill(process)
            process.wait()


def _kill(process: "subprocess.Popen[bytes]") -> None:
    """Kill a process and its children."""
    if hasattr(os, "killpg"):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    else:  # pragma: no cover - Windows
        process.kill()


class _Copy:
    """A photo in a folder that nobody else can look into, for as long as a command runs. Blocks."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._turn = threading.Lock()  # a cancelled task may leave a writing thread behind
        self._folder: str | None = None
        self._is_over = False

    def write(self, data: bytes) -> Path:
        with self._turn:
            if self._is_over:
                raise ValueError("it was removed before it was written")
            self._folder = tempfile.mkdtemp(prefix="phota-")
            path = Path(self._folder) / self._name
            path.write_bytes(data)
            return path

    def remove(self) -> None:
        with self._turn:
            self._is_over = True
            if self._folder is not None:
                shutil.rmtree(self._folder, ignore_errors=True)


def _program(command: str) -> str:
    """Return the name of the first program in a command."""
    words = (word for word in command.split() if "=" not in word)
    return PurePath(next(words, "sh")).name


def fill(command: str, *, name: str, path: Path | None) -> str:
    """Put a photo's name and path into a command, quoted for this system's shell."""
    quote = (lambda text: subprocess.list2cmdline([text])) if os.name == "nt" else shlex.quote
    filled = command.replace("{name}", quote(name))
    return filled if path is None else filled.replace("{path}", quote(str(path)))


def _last_line(said: bytes) -> str:
    return said.decode(errors="replace").strip().rpartition("\n")[2]


def _hidden(text: str) -> str:
    """Return a command's words without the query strings of links: they may be signatures."""
    words = (show_link(word) if "://" in word else word for word in text.split(" "))
    return shorten(" ".join(words), SHOWN) or "nothing"
