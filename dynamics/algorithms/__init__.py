"""What an algorithm is: ascent × descent × base step, as data.

vector                   the arithmetic that rules are written in, on arrays and on symbols alike
rules, bases             the parts of an algorithm
sample_order             the examples that it draws
algorithm                the one step that the parts make
catalogue                the algorithms that have a name
notation                 an algorithm in mathematics, by running its rules on text
"""
