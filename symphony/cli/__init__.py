"""The command `symphony`: one noun per file, imported when it is used; errors become one line, a hint and an exit code.

Exit codes: 0 ok, 1 failure, 2 usage, 3 not found, 4 conflict (a failed check too), 5 chain, 6 outcome unknown, 130 interrupted.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
import sys
import traceback
from collections.abc import Sequence
from typing import cast

import click

from symphony.cli.output import Output
from symphony_chain.errors import SymphonyError, UsageError

INTERRUPTED = 130

#: Command → what `symphony --help` says of it; the command is the function of that name in `symphony.cli.<command>`.
COMMANDS: dict[str, str] = {
    "up": "Run a whole market here: chain, contracts, index, API, agents.",
    "demo": "Send a file of tasks through a market and report.",
    "eval": "Measure how often agents are right, and what it costs.",
    "doctor": "Check this machine; each finding has a fix.",
    "key": "Make and list encrypted keys.",
    "task": "Post, watch and look into tasks.",
    "agent": "Register and run reasoning agents.",
    "router": "Award seats for requesters who are away.",
    "withdraw": "Take your balance out of the market.",
    "reward": "See and take what an agent earned.",
    "feedback": "Rate agents whose work you paid for; read ratings.",
    "release": "Publish and list versions of models, tools and templates.",
    "delta": "Publish, list and verify sparse model updates.",
    "vote": "Recompute a vote from the chain alone.",
    "audit": "Compare an index with the chain, cell by cell.",
    "chain": "Deploy the contracts; see where the chain stands.",
    "devnet": "Run a development chain in the foreground.",
}


class LazyGroup(click.Group):
    """A group whose commands are imported when they are run: `symphony key list` must not pay for a language model."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [name for name in COMMANDS if importlib.util.find_spec(f"symphony.cli.{name}") is not None]

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name not in self.list_commands(ctx):
            return None
        module = importlib.import_module(f"symphony.cli.{name}")
        return cast(click.Command, getattr(module, name))

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, COMMANDS[name]) for name in self.list_commands(ctx)])


def _version(ctx: click.Context, _parameter: click.Parameter, value: bool) -> None:
    if value and not ctx.resilient_parsing:
        from symphony import __version__

        click.echo(f"symphony {__version__}")
        ctx.exit()


@click.group(
    cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100}
)
@click.option(
    "--version", is_flag=True, is_eager=True, expose_value=False, callback=_version, help="Print the version."
)
def cli() -> None:
    """A market where small language models reason for money, and everything can be recomputed from the chain.

    Every command takes --json (one document on stdout). Settings come from flags, then SYMPHONY_* variables, then
    symphony.toml, then a running `symphony up`.
    """


def run(args: Sequence[str]) -> int:
    """Runs one command line and returns its exit code; prints every error itself."""
    out = Output(as_json="--json" in args)
    try:
        code = cli.main(args=list(args), prog_name="symphony", standalone_mode=False)
        return code if isinstance(code, int) else 0
    except SymphonyError as error:
        out.error(error)
        return error.exit_code
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message(), err=True)
        return UsageError.exit_code
    except click.UsageError as error:
        out.error(_usage(error))
        return UsageError.exit_code
    except (click.Abort, KeyboardInterrupt):
        out.error(
            SymphonyError("interrupted", code="interrupted", hint="run the same command again to go on")
        )
        return INTERRUPTED
    except BrokenPipeError:
        # The reader (head, say) has enough; give the interpreter nothing left to flush.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except Exception as error:
        if os.environ.get("SYMPHONY_DEBUG") == "1":
            traceback.print_exc()
        out.error(_internal(error))
        return 1


def main() -> None:
    """Console entry point."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")  # a terminal without UTF-8 shows "?" instead of failing
    sys.exit(run(sys.argv[1:]))


def _usage(error: click.UsageError) -> UsageError:
    command = error.ctx.command_path if error.ctx else "symphony"
    return UsageError(error.format_message(), hint=f"`{command} --help` lists what it takes")


def _internal(error: Exception) -> SymphonyError:
    text = f"{type(error).__name__}: {error}".splitlines()[0][:300]
    return SymphonyError(
        f"an error that should not happen: {text}",
        code="internal",
        hint="run it again with SYMPHONY_DEBUG=1 for the traceback, and report it",
    )
