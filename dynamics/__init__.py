"""How it moves: algorithms as data, one pure step, and the engine that runs it by the million.

    trajectory(landscape, algorithm, start, eta=…, rho=…, n_steps=…)   one path
    sweep(landscape, algorithms, eta=…, rho=…, starts=…, n_steps=…)    a grid, with outcomes
    ensemble(landscape, algorithm, eta=…, rho=…, starts=…, n_steps=…)  a list of runs
    open_sweep(path)                                                   what either stored

Everything is computed in float64 and returned as NumPy or xarray, whatever JAX is set to.

    rules, algorithm, vector   the map: ascent × descent, on arrays and on symbols alike
    outcome, attractors        what became of a run, and where
    kernel, programs, native   the program that advances a batch, and how it is compiled
    engine                     a list of runs in chunks, on all local devices
    lanes, sweep, experiments  grids, lists and starts; whole sweeps, in memory or stored
    observables, trajectory    what else is looked at; single paths
    oracle                     the same in plain NumPy, to be tested against
"""

from dynamics.algorithm import ALGORITHMS as ALGORITHMS
from dynamics.algorithm import GD as GD
from dynamics.algorithm import SAM as SAM
from dynamics.algorithm import USAM as USAM
from dynamics.algorithm import Algorithm as Algorithm
from dynamics.algorithm import StableSAM as StableSAM
from dynamics.algorithm import direction as direction
from dynamics.algorithm import step as step
from dynamics.engine import device_name as device_name
from dynamics.experiments.store import open_sweep as open_sweep
from dynamics.experiments.writing import StoreError as StoreError
from dynamics.lanes import grid_starts as grid_starts
from dynamics.lanes import line_starts as line_starts
from dynamics.lanes import normal_starts as normal_starts
from dynamics.lanes import uniform_starts as uniform_starts
from dynamics.observables import OBSERVABLES as OBSERVABLES
from dynamics.observables import REDUCTIONS as REDUCTIONS
from dynamics.outcome import Criteria as Criteria
from dynamics.outcome import Outcome as Outcome
from dynamics.rules import plain_descent as plain_descent
from dynamics.rules import raw_ascent as raw_ascent
from dynamics.rules import renormalised_descent as renormalised_descent
from dynamics.rules import unit_ascent as unit_ascent
from dynamics.sweep import ensemble as ensemble
from dynamics.sweep import sweep as sweep
from dynamics.trajectory import batched as batched
from dynamics.trajectory import one_step as one_step
from dynamics.trajectory import trajectory as trajectory
from dynamics.vector import ArrayVector as ArrayVector
from dynamics.vector import Vector as Vector
