"""Does one step of the experiment, whichever it is, in this process or beside others."""

from __future__ import annotations

import contextlib
import traceback

from neat_deep.base.files import make_folder
from neat_deep.cli.published.folder import Result
from neat_deep.cli.published.searching import search
from neat_deep.cli.published.task import Task
from neat_deep.cli.published.training import train, vote

KINDS = {"search": search, "training": train, "vote": vote}


def perform(task: Task) -> Result:
    """Do the step; raises what it raises."""
    return KINDS[task.step.kind](task)


def perform_beside(task: Task) -> Result:
    """Do the step in a process that has no screen of its own: what it says goes to the step's log."""
    path = task.folder.log(task.step)
    make_folder(path.parent)
    with path.open("a", encoding="utf-8") as log, contextlib.redirect_stdout(log), contextlib.redirect_stderr(log):
        try:
            return perform(task)
        except Exception:
            traceback.print_exc()  # whoever asked hears of the last line alone
            raise
