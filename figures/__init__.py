"""What one looks at: figures, each made of simulated data and of curves derived from the code.

    python -m figures                                     every figure, as files
    figures.stability_region.data(landscape=…)            what is drawn, as a labelled dataset
    figures.stability_region.draw(data, axes=None)        a Matplotlib figure

A new figure is one file and one line here (CONTRIBUTING.md).
"""

from figures.algorithmic_stability import algorithmic_stability as algorithmic_stability
from figures.basins import basins as basins
from figures.bifurcation import bifurcation as bifurcation
from figures.bounce_and_drift import bounce_and_drift as bounce_and_drift
from figures.bouncing import bouncing as bouncing
from figures.bound_tightness import bound_tightness as bound_tightness
from figures.critical_radius import critical_radius as critical_radius
from figures.drift import drift as drift
from figures.drift_law import drift_law as drift_law
from figures.eigenvalue_filter import eigenvalue_filter as eigenvalue_filter
from figures.figure import FIGURES as FIGURES
from figures.figure import Figure as Figure
from figures.non_stationary import non_stationary as non_stationary
from figures.normalization import normalization as normalization
from figures.saddle_trap import saddle_trap as saddle_trap
from figures.sam_edge import sam_edge as sam_edge
from figures.stability_region import stability_region as stability_region
from figures.stablesam_rate import stablesam_rate as stablesam_rate
from figures.success_rate import success_rate as success_rate
from figures.three_sharpness import three_sharpness as three_sharpness
from figures.threshold_neuron import threshold_neuron as threshold_neuron
from figures.usam_blow_up import usam_blow_up as usam_blow_up
