"""Plugins: a user's own Python files and modules that register what they bring, and those of installed packages.

A plugin is code, and runs when it is loaded: only what the user names is loaded, never what a run's folder names.
"""

from __future__ import annotations

import hashlib
import importlib
import importlib.metadata
import importlib.util
import logging
import sys
import traceback
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from neat_deep.base.errors import ConfigError, NeatDeepError
from neat_deep.base.registry import Registrations, recorded, restore

log = logging.getLogger(__name__)

GROUP = "neat_deep.plugins"  # of entry points, by which an installed package says that it is a plugin


@dataclass(frozen=True)
class _Plugin:
    """`key` is the whole path of a file, or the dotted name of a module."""

    key: str
    registrations: Registrations


_loaded: dict[str, _Plugin] = {}
_installed: dict[importlib.metadata.EntryPoint, Registrations] = {}


def load_plugins(names: Sequence[str]) -> None:
    """Import plugins: files (`my_op.py`, a path from the working directory) and modules (`other.module`).

    One that is loaded already is not imported again. Raises `ConfigError`, of one line, for a plugin that is missing,
    cannot be imported or registers a name that is taken; it has registered nothing then.
    """
    for name in names:
        key = _key(name)
        if key in _loaded:
            restore(_loaded[key].registrations)
            continue
        with recorded() as registrations:
            if _is_file(name):
                _import_file(name)
            else:
                _import_module(name)
        _loaded[key] = _Plugin(key, registrations)


def check_plugin_names(names: Sequence[str]) -> None:
    """Raise `ConfigError` for a name that cannot stand in an INI file's list."""
    for name in names:
        if not name or any(character.isspace() or character in "#;" for character in name):
            raise ConfigError(
                f"plugins: got {name!r}, allowed: the name of a file or module without spaces, '#' and ';'"
            )


def loaded_plugins() -> tuple[str, ...]:
    """The plugins that are loaded, in order, as another process of this machine can load them."""
    return tuple(plugin.key for plugin in _loaded.values() if _is_whole(plugin.registrations))


def require_plugins(names: Sequence[str]) -> None:
    """Raise `ConfigError` unless these plugins, which a run's folder names, are loaded already.

    A file may have moved since: it is known by its name without its folder.
    """
    known = {_short(key) for key in loaded_plugins()}
    missing = [name for name in names if _short(name) not in known]
    if missing:
        options = " ".join(f"--plugin {name}" for name in missing)
        raise ConfigError(
            f"plugins: the run needs {', '.join(missing)}, and its folder alone never makes code run; allowed: with"
            f" {options}"
        )


def load_installed_plugins(*, quiet: bool = False) -> None:
    """Import the plugins of installed packages; one that fails costs a line of warning, unless it is to be `quiet`.

    A package declares one in its metadata as an entry point of the group `neat_deep.plugins`.
    """
    for entry in importlib.metadata.entry_points(group=GROUP):
        if entry in _installed:
            restore(_installed[entry])
            continue
        registrations: Registrations = []
        try:
            with recorded() as registrations:
                entry.load()
        except Exception as error:  # noqa: BLE001 - a stranger's code may raise anything
            package = "an installed package" if entry.dist is None else entry.dist.name
            level = logging.DEBUG if quiet else logging.WARNING
            log.log(level, "the plugin '%s' of %s is left out: %s", entry.name, package, _in_words(error))
        _installed[entry] = registrations


def _is_whole(registrations: Registrations) -> bool:
    """Whether all that a plugin registered is registered still: a `registration_scope` may have ended since."""
    return all(info.name in registry and registry.get(info.name) is info for registry, info in registrations)


def _is_file(name: str) -> bool:
    return name.endswith(".py") or "/" in name or "\\" in name


def _key(name: str) -> str:
    return str(Path(name).expanduser().resolve()) if _is_file(name) else name


def _short(name: str) -> str:
    return Path(name).name if _is_file(name) else name


def _import_file(name: str) -> None:
    """Run a file as a module whose name any other process makes of its path too, so that what it holds can be sent."""
    path = Path(_key(name))
    place = hashlib.sha256(str(path).encode()).hexdigest()[:8]
    module_name = f"neat_deep_plugin_{path.stem}_{place}"
    if not path.is_file():
        reason = "it is a folder" if path.is_dir() else "there is no such file"
        raise ConfigError(f"plugin {name}: {reason}; allowed: the path of a Python file, from the working directory")
    spec = importlib.util.spec_from_file_location(module_name, path)
    if spec is None or spec.loader is None:
        raise ConfigError(f"plugin {name}: not a Python file; allowed: a file whose name ends in .py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[module_name] = module  # before it runs, as dataclasses in it ask
    try:
        spec.loader.exec_module(module)
    except BaseException as error:
        del sys.modules[module_name]
        if isinstance(error, Exception | SystemExit):
            raise ConfigError(f"plugin {name}{_line_in(path, error)}: {_in_words(error)}") from None
        raise


def _import_module(name: str) -> None:
    try:
        importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{name}.".startswith(f"{error.name}."):
            raise ConfigError(f"plugin {name}: {_in_words(error)}") from None  # something that the module imports
        beside = Path(f"{name.replace('.', '/')}.py")
        hint = f"; did you mean {beside}?" if beside.is_file() else ";"
        raise ConfigError(
            f"plugin {name}: {error}{hint} allowed: the path of a file that ends in .py, or a module that Python finds"
        ) from None
    except (Exception, SystemExit) as error:  # noqa: BLE001 - a user's code may raise anything
        raise ConfigError(f"plugin {name}: {_in_words(error)}") from None


def _in_words(error: BaseException) -> str:
    if isinstance(error, NeatDeepError):
        return str(error)
    if isinstance(error, SystemExit):
        return "it ends the program; allowed: what ends it under `if __name__ == '__main__':`"
    if isinstance(error, SyntaxError):
        return f"{type(error).__name__}: {error.msg}"
    return f"{type(error).__name__}: {' '.join(str(error).split())}"


def _line_in(path: Path, error: BaseException) -> str:
    """The line of the file in which an error arose, `, line 3`, where that is known."""
    if isinstance(error, SyntaxError) and error.filename == str(path):
        return f", line {error.lineno}"
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(path)]
    return f", line {lines[-1]}" if lines else ""
