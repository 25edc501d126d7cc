"""How fast the simulator is, beside the loops one would write without it.

python -m benchmarks                 the reference job, in a minute or two
python -m benchmarks --runs 4096     a smaller one
"""
