"""Run an exported network with nothing of neat-deep: `python plain_torch.py FILE EXAMPLES ANSWERS`.

FILE is a `.pt2`; EXAMPLES and ANSWERS are `.npy` files, of which the second is written.
"""

from __future__ import annotations

import json
import sys

import numpy as np
import torch


def main() -> None:
    """Load, run, and print the classes that the file tells of."""
    file, examples, answers = sys.argv[1:]
    extra = {"neat_deep.json": ""}
    model = torch.export.load(file, extra_files=extra).module()
    np.save(answers, model(torch.from_numpy(np.load(examples))).numpy())
    print(json.dumps(json.loads(extra["neat_deep.json"])["classes"]))
    sys.exit(any(name.split(".")[0] == "neat_deep" for name in sys.modules))


if __name__ == "__main__":
    main()
