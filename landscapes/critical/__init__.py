"""Where the gradient of an expression vanishes, with certainty where that can be had.

points      the answer: critical sets with their kinds
algebra     polynomial systems, exactly
search      everything else, in a box
intervals   interval arithmetic, by which points are certified and boxes excluded
"""
