"""Lists the algorithms: `python -m dynamics`, or more about some: `python -m dynamics SAM`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from dynamics.algorithms.algorithm import ALGORITHMS, Algorithm
from dynamics.algorithms.notation import formula
from dynamics.algorithms.reading import read_algorithm
from landscapes.console import DONE, run

_LEGEND = """\
g = ∇L(w); where each step draws examples, i, gᵢ is the gradient of theirs and G that of all.
∘, |·|, powers and sign work entry by entry; v is 0 at the start; t = 1, 2, … counts the steps.
Where a vector is 0 its quotient by its length is 0: the iterate stays at a critical point."""


def page(algorithm: Algorithm) -> str:
    """Everything about one algorithm that is not in its formula, below it."""
    rules = (algorithm.ascent, algorithm.descent)
    lines = [algorithm.name, "", f"    {formula(algorithm)}", "", f"source   {algorithm.source}"]
    for kind, rule in zip(("ascent", "descent"), rules, strict=True):
        lines.append(f"{kind:8} {getattr(rule, '__name__', 'none') if rule else 'none'}")
    lines.append(f"base     {algorithm.base or 'none'}")
    if algorithm.order is not None:
        lines.append(f"draws    {algorithm.order}")
    autonomous = (
        "one map, at every step" if algorithm.is_autonomous else "changes from step to step"
    )
    return "\n".join([*lines, f"map      {autonomous}"])


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m dynamics",
        description="Lists all algorithms with their rule, as it is run; of those named, more.",
        epilog=f"{_LEGEND} Exit status: 0, 1 when the output cannot be written, 2 for wrong usage, "
        "130 when interrupted.",
    )
    parser.add_argument(
        "names", nargs="*", metavar="NAME",
        help="an algorithm, such as SAM, 'LpSAM(4)' or 'SAM.with_base(HeavyBall(0.9))'",
    )  # fmt: skip
    names = parser.parse_args(arguments).names
    if names:
        try:
            print("\n\n".join(page(read_algorithm(name)) for name in dict.fromkeys(names)))
        except ValueError as error:
            parser.error(str(error))
        return DONE
    width = max(map(len, ALGORITHMS))
    for name, algorithm in ALGORITHMS.items():
        print(f"{name:{width}}  {formula(algorithm)}")
    print(f"\n{_LEGEND}")
    return DONE


if __name__ == "__main__":
    sys.exit(run(main))
