"""What one looks at: figures, each made of simulated data and of curves derived from the code.

    python -m figures                          every figure
    figures.FIGURES["stability_region"].data("quick")

A new figure is one file and one line here (CONTRIBUTING.md).
"""

from figures import stability_region as stability_region
from figures import success_rate as success_rate
from figures.figure import FIGURES as FIGURES
from figures.figure import Figure as Figure
