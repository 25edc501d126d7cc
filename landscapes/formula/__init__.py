"""A loss from a line of text: `Formula("x**4/4 - x*y + y**2/2")`.

text      what may be written, and the messages about what may not
parser    from text to a tree, with bounds on what it may cost
tree      the tree: what is evaluated, differentiated and turned into SymPy
facts     what is known of the loss: its critical points, symmetries, constants
formula   the landscape itself
"""
