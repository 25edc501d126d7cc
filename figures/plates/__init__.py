"""The figures, one file each; a new one is one file here and one line below (CONTRIBUTING.md)."""

from figures.plates.algorithmic_stability import algorithmic_stability as algorithmic_stability
from figures.plates.basins import basins as basins
from figures.plates.bifurcation import bifurcation as bifurcation
from figures.plates.bounce_and_drift import bounce_and_drift as bounce_and_drift
from figures.plates.bouncing import bouncing as bouncing
from figures.plates.bound_tightness import bound_tightness as bound_tightness
from figures.plates.critical_radius import critical_radius as critical_radius
from figures.plates.drift import drift as drift
from figures.plates.drift_law import drift_law as drift_law
from figures.plates.eigenvalue_filter import eigenvalue_filter as eigenvalue_filter
from figures.plates.non_stationary import non_stationary as non_stationary
from figures.plates.normalization import normalization as normalization
from figures.plates.saddle_trap import saddle_trap as saddle_trap
from figures.plates.sam_edge import sam_edge as sam_edge
from figures.plates.stability_region import stability_region as stability_region
from figures.plates.stablesam_rate import stablesam_rate as stablesam_rate
from figures.plates.success_rate import success_rate as success_rate
from figures.plates.three_sharpness import three_sharpness as three_sharpness
from figures.plates.threshold_neuron import threshold_neuron as threshold_neuron
from figures.plates.usam_blow_up import usam_blow_up as usam_blow_up
