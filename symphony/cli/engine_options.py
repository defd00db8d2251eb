"""The options that say more of an engine than where it is: shared by the commands that open one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from agent_runtime.engines import EngineConfig

F = TypeVar("F", bound=Callable[..., Any])
ENGINE_HELP = "torch or llama_cpp (the built-in model), a Hugging Face folder, a GGUF file, or a server's URL."


def engine_options(function: F) -> F:
    """Adds them; `engine_config` takes them out of a command's arguments."""
    wanted = (
        click.option("--pin", "sha256", metavar="SHA256", help="Hash of the weights; a GGUF from elsewhere needs it."),
        click.option("--context", "context_tokens", type=click.IntRange(64), metavar="TOKENS",
                     help="Use at most so much context.  [default: the model's own, at most 8192; a server's 4096]"),
        click.option("--model-id", "model", metavar="ID", help="Which model of a server.  [default: its only one]"),
        click.option("--chat", is_flag=True, help="Ask a server for chat completions instead of continuing the raw prompt."),
        click.option("--key-file", type=click.Path(path_type=Path), metavar="FILE", help="File that holds the server's key."),
        click.option("--key-env", metavar="NAME", help="Environment variable that holds the server's key."),
        click.option("--deadline", "deadline_s", type=click.FloatRange(0, min_open=True), default=180.0, show_default=True,
                     help="Seconds for one completion of a server, with all retries."),
        click.option("--interval", "request_interval_s", type=click.FloatRange(0), default=0.0, show_default=True,
                     help="Least seconds from one request to a server to the next."),
    )  # fmt: skip
    for option in reversed(wanted):
        function = option(function)
    return function


def engine_config(spec: str, given: dict[str, Any]) -> EngineConfig:
    """The engine that the words of a command line mean; paths become absolute. Takes its options out of ``given``."""
    from agent_runtime.engines.config import EngineConfig, located

    key_file = given.pop("key_file")
    names = ("sha256", "context_tokens", "model", "chat", "key_env", "deadline_s", "request_interval_s")
    return EngineConfig(
        spec=located(spec, Path.cwd()),
        key_file=None if key_file is None else key_file.absolute(),
        **{name: given.pop(name) for name in names},
    )
