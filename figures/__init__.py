"""What one looks at: figures, each made of simulated data and of curves derived from the code.

    python -m figures                                     every figure, as files
    figures.stability_region.data(landscape=…)            what is drawn, as a labelled dataset
    figures.stability_region.draw(data, axes=None)        a Matplotlib figure

A new figure is one file and one line here (CONTRIBUTING.md).
"""

import landscapes.console  # first: it answers Ctrl-C while the others load

# isort: split

from figures.figure import FIGURES as FIGURES
from figures.figure import Figure as Figure
from figures.plates import *
