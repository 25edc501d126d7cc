"""What holds near a critical point: `stability(landscape, algorithm)` and what it is made of.

critical_spectra           the critical points of a landscape, exactly where it can be
local_maps                 the step near one, by running the rules on its modes
eta_ranges                 the η for which a mode shrinks
two_cycles, four_cycles    the cycles about points at which the step is not continuous
radial                     where it is continuous and not differentiable
finite_radius              the edge where the formulas have its leading order in ρ only
filters                    the reverse: which curvatures an algorithm can rest at
attraction, point_stability  the answer for one point
stability, stability_page  the answers for a landscape, and how they read
"""
