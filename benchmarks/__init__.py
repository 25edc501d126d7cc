"""How fast the simulator is: every mark, with what is measured beside it in the same run.

    python -m benchmarks                    all rows, in a few minutes
    python -m benchmarks --list             their names, jobs and marks
    python -m benchmarks c-sam-saddle       some of them
    python -m benchmarks --quick            sizes that only show that everything runs

A row is one function that returns a `Measurement`, under `@row(name, group, job, mark)` in a
module of its theme (`against_c.py`, `products.py`, …); a new module is imported in `__main__.py`.
Answers are compared before times: a row whose engines disagree fails, and has no ratio.
"""
