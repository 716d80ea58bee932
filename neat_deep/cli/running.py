"""From a command line to an exit code: a user's mistake ends in one line on standard error."""

from __future__ import annotations

import codecs
import inspect
import io
import locale
import logging
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib import metadata
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.logging import RichHandler
from typer.core import TyperGroup

from neat_deep.base.allocator import keep_freed_memory
from neat_deep.base.errors import ConfigError, NeatDeepError
from neat_deep.base.files import check_writable, make_folder
from neat_deep.base.interrupts import TerminatedError, answer_termination
from neat_deep.base.memory import lacked_memory
from neat_deep.base.screen import screen
from neat_deep.cli.options import join_numbers
from neat_deep.cli.plugin_option import take_plugins
from neat_deep.cli.registry import COMMANDS

LESS_MEMORY = (
    "less is needed with a lower batch_size, fewer channels or cells in [Network], for a search by gradient descent a "
    "partial_channels in [Darts], or with fewer workers; what the run has written is kept, and a resume goes on from it"
)


def run_script(main: Callable[[Sequence[str] | None], None]) -> None:
    """Run a script's `main`; a user's mistake ends in one line on standard error and exit code 2."""
    _start_again_in_utf8()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a file's name may hold what the screen cannot show
    keep_freed_memory()  # here, not in a function of the library: the process is ours
    answer_termination()
    console = screen(stderr=True)
    logging.basicConfig(
        level=logging.WARNING, format="%(message)s", handlers=[RichHandler(console=console, show_path=False)]
    )
    try:
        main(None)
        sys.stdout.flush()
    except BrokenPipeError:  # as `| head` leaves us
        print("stopped: nobody reads the output any more", file=sys.stderr)
        _drop_output()
        sys.exit(141)  # as a shell says of SIGPIPE
    except NeatDeepError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        sys.exit(130)
    except TerminatedError:
        print("terminated", file=sys.stderr)
        sys.exit(143)  # as a shell says of SIGTERM
    except (MemoryError, RuntimeError, OSError) as error:
        reason = lacked_memory(error)
        if reason is not None:
            print(f"error: {reason}; {LESS_MEMORY}", file=sys.stderr)
        elif isinstance(error, OSError) and error.filename is None:  # files of ours are named where they are written
            print(f"error: cannot write the output: {error.strerror or error}", file=sys.stderr)
            _drop_output()
        else:
            raise
        sys.exit(2)


def _start_again_in_utf8() -> None:
    """Where the locale is not UTF-8, start the process again in Python's UTF-8 mode: libraries ask the locale too."""
    if os.name != "posix" or sys.flags.utf8_mode or not Path(sys.argv[0]).is_file():
        return
    if codecs.lookup(locale.getpreferredencoding(False)).name != "utf-8":
        os.execv(sys.executable, [sys.executable, "-X", "utf8", *sys.orig_argv[1:]])


def _drop_output() -> None:
    """Let what is still to be printed go nowhere, or Python complains once more at its end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


@contextmanager
def naming(place: object) -> Iterator[None]:
    """Put `place`, an option or a file, before the message of an error that leaves the block; nothing if it is ''."""
    try:
        yield
    except NeatDeepError as error:
        if str(error).startswith(str(place)):  # it names the place itself; each text starts with ''
            raise
        raise type(error)(f"{place}: {error}") from None


def writable_folder(out: Path) -> Path:
    """The folder of `--out`, made if it is not there; raises `OutputError`, which names the option."""
    with naming("--out"):
        check_writable(make_folder(out))
    return out


def call_with_options(function: Callable[..., Any], arguments: Sequence[str] | None, help_text: str) -> None:
    """Call a function with what `arguments` (None: the process's own) say; `help_text` is its `--help`.

    Raises `ConfigError` for an argument or option that it does not have.
    """
    words = take_plugins(sys.argv[1:] if arguments is None else arguments)
    app = _new_app()
    app.command(help=_as_help(help_text))(function)
    _run(app, words, Path(sys.argv[0]).name)


def call_command(arguments: Sequence[str] | None) -> None:
    """Call the subcommand that `arguments` (None: the process's own) name; raises `ConfigError`, as it does itself."""
    words = take_plugins(sys.argv[1:] if arguments is None else arguments)
    app = _new_app(cls=_Subcommands, help=_as_help(_OVERVIEW))
    app.callback(help=_as_help(_OVERVIEW))(_take_version)
    for info in sorted(COMMANDS.values(), key=lambda info: info.name):
        examples = "\n".join(f"    {example}" for example in info.examples)
        text = f"{info.summary}.\n\n{inspect.getdoc(info.function) or ''}\n\n{examples}"
        app.command(info.name, short_help=info.summary, help=_as_help(text))(info.function)
    _run(app, words or ["--help"], "neat-deep")


def _tell_version(asked: bool) -> None:
    if asked:
        print(f"neat-deep {metadata.version('neat-deep')}")
        raise typer.Exit


def _take_version(
    version: Annotated[
        bool, typer.Option("--version", help="Tell the version and exit.", callback=_tell_version, is_eager=True)
    ] = False,
) -> None:
    """What stands before a subcommand."""


_OVERVIEW = """
Search for deep networks, train them, look at them, use them.

    neat-deep init digits > d.ini        # an experiment to edit
    neat-deep search d.ini               # leaves a folder RUN
    neat-deep classify RUN picture.png

Each command tells more: neat-deep search --help. With --plugin my_op.py,
anywhere and more than once, it uses your own ops, data sets, commands.
"""


class _Subcommands(TyperGroup):
    """The group of all subcommands; an unknown one is an error like that of any other unknown name."""

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """The subcommand; raises `UnknownNameError`."""
        COMMANDS.get(cmd_name)
        return super().get_command(ctx, cmd_name)


def _new_app(**settings: Any) -> typer.Typer:
    """Plain help, without boxes: it fits one screen, and a pipe."""
    names = {"help_option_names": ["-h", "--help"]}
    return typer.Typer(add_completion=False, rich_markup_mode=None, context_settings=names, **settings)


def _as_help(text: str) -> str:
    """A docstring whose indented lines, its examples, typer shall leave as they are."""
    parts = inspect.cleandoc(text).split("\n\n")
    return "\n\n".join(f"\b\n{part}" if part.startswith("    ") else part for part in parts)


def _run(app: typer.Typer, arguments: Sequence[str], name: str) -> None:
    """What typer's own `main` does, but that errors, Ctrl-C and a closed pipe are left to `run_script`."""
    words = join_numbers(arguments)
    command: Any = typer.main.get_command(app)
    try:
        with command.make_context(name, words) as context:
            command.invoke(context)
    except typer.Exit as ended:
        if ended.exit_code:
            sys.exit(ended.exit_code)
    except typer.TyperException as error:
        raise ConfigError(_one_line(error)) from None


def _one_line(error: typer.TyperException) -> str:
    """typer's message as ours are: one line that starts small and names the help."""
    context, parameter = getattr(error, "ctx", None), getattr(error, "param", None)
    near = getattr(error, "possibilities", None)
    if isinstance(error, typer.BadParameter) and parameter is not None and error.message.startswith("got "):
        return f"{parameter.opts[0]}: {error.message}"
    text = error.message if near is not None else error.format_message()
    text = " ".join(text.split())
    text = (text[0].lower() + text[1:]).rstrip(".")
    if near:
        return f"{text}; did you mean {near[0]}?"
    return text if context is None else f"{text}; {context.command_path} --help shows what there is"
