"""Keep what items ask for out of the engine's log: it writes every task's arguments, and prompts are among them."""

import logging
import re

_CALL = re.compile(r"(\bphota\.item\[\w+\])\(.*\)", re.DOTALL)  # as the engine shows a task with its arguments
LOGGERS = ("procrastinate.worker", "procrastinate.worker.phota", "procrastinate.worker.worker")


class WithoutArguments(logging.Filter):
    """Leaves a task's name and number in a record."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Take the arguments out; never drops a record."""
        message = record.getMessage()
        if "phota.item[" in message:
            record.msg, record.args = _CALL.sub(r"\1", message), None
        job = getattr(record, "job", None)
        if isinstance(job, dict) and job.get("task_name") == "phota.item":
            record.job = {name: value for name, value in job.items() if name not in ("task_kwargs", "call_string")}
        return True


def hide_arguments() -> None:
    """Do so from now on; safe to call again."""
    for name in LOGGERS:
        logger = logging.getLogger(name)
        if not any(isinstance(each, WithoutArguments) for each in logger.filters):
            logger.addFilter(WithoutArguments())
