"""How it moves: algorithms as data, one pure step, and the engine that runs it by the million.

    trajectory(landscape, algorithm, start, eta=…, rho=…, n_steps=…)   one path
    sweep(landscape, algorithms, eta=…, rho=…, starts=…, n_steps=…)    a grid, with outcomes
    ensemble(landscape, algorithm, eta=…, rho=…, starts=…, n_steps=…)  a list of runs
    open_sweep(path)                                                   what either stored
    check_optimizer(optimizer)                                         which algorithm it is

Everything is computed in float64 and returned as NumPy or xarray, whatever JAX is set to.

    experiment   all runs of one sweep or ensemble
     ⊃ block     what is handed to an executor, checked, stored and resumed as one
      ⊃ chunk    what a compiled program is called with; in a store, a file of one array
       ⊃ tile    what the program advances side by side, padded to a fixed number of runs
        ⊃ run    one start with one η and one ρ; its result depends on nothing else

    rules, bases, sample_order what an algorithm is made of: ascent × descent × base step, and
                               the examples that it draws
    algorithm, catalogue       the one step that they make; the algorithms that have a name
    vector, stepper            the arithmetic it is written in, on arrays and on symbols alike
    outcome, rest, attractors  what became of a run, and where
    batch                      runs that are advanced together, and what is known of each
    kernel, program, programs  what advances a batch, what it offers, and which compiler takes it
    native, native_program     compiled to machine code that keeps runs in registers
    xla_program                compiled by XLA, where native cannot
    cases, reading             single steps; what is read off points
    engine                     a list of runs in chunks, on all local devices
    lanes, sweep, experiments  grids, lists and starts; whole sweeps, in memory or stored
    observables, trajectory    what else is looked at; single paths
    lyapunov                   how fast runs from neighbouring starts separate
    conformance                optimisers of others, compared with the exact maps
"""

import landscapes.console  # first: it answers Ctrl-C while the others load

# isort: split

from dynamics.algorithms.algorithm import ALGORITHMS as ALGORITHMS
from dynamics.algorithms.algorithm import Algorithm as Algorithm
from dynamics.algorithms.algorithm import direction as direction
from dynamics.algorithms.algorithm import initial_memory as initial_memory
from dynamics.algorithms.algorithm import register as register
from dynamics.algorithms.algorithm import step as step
from dynamics.algorithms.bases import Base as Base
from dynamics.algorithms.bases import HeavyBall as HeavyBall
from dynamics.algorithms.bases import Nesterov as Nesterov
from dynamics.algorithms.bases import Optax as Optax
from dynamics.algorithms.catalogue import ASAM as ASAM
from dynamics.algorithms.catalogue import DNSAM as DNSAM
from dynamics.algorithms.catalogue import GD as GD
from dynamics.algorithms.catalogue import NSAM as NSAM
from dynamics.algorithms.catalogue import SAM as SAM
from dynamics.algorithms.catalogue import SGD as SGD
from dynamics.algorithms.catalogue import USAM as USAM
from dynamics.algorithms.catalogue import ClippedStableSAM as ClippedStableSAM
from dynamics.algorithms.catalogue import ExactGradientUSAM as ExactGradientUSAM
from dynamics.algorithms.catalogue import HeavyBallGD as HeavyBallGD
from dynamics.algorithms.catalogue import HeavyBallSAM as HeavyBallSAM
from dynamics.algorithms.catalogue import HeavyBallUSAM as HeavyBallUSAM
from dynamics.algorithms.catalogue import HessianUSAM as HessianUSAM
from dynamics.algorithms.catalogue import LpSAM as LpSAM
from dynamics.algorithms.catalogue import NesterovGD as NesterovGD
from dynamics.algorithms.catalogue import NesterovStableSAM as NesterovStableSAM
from dynamics.algorithms.catalogue import NormalisedGD as NormalisedGD
from dynamics.algorithms.catalogue import OneSAM as OneSAM
from dynamics.algorithms.catalogue import PenalisedUSAM as PenalisedUSAM
from dynamics.algorithms.catalogue import RepeatedUSAM as RepeatedUSAM
from dynamics.algorithms.catalogue import ScaledSAM as ScaledSAM
from dynamics.algorithms.catalogue import SignSAM as SignSAM
from dynamics.algorithms.catalogue import StableASAM as StableASAM
from dynamics.algorithms.catalogue import StableASAMAdaptiveNorm as StableASAMAdaptiveNorm
from dynamics.algorithms.catalogue import StableSAM as StableSAM
from dynamics.algorithms.catalogue import StableUSAM as StableUSAM
from dynamics.algorithms.catalogue import TwoStepUSAM as TwoStepUSAM
from dynamics.algorithms.catalogue import UnifiedSAM as UnifiedSAM
from dynamics.algorithms.catalogue import one_minus_one_over_t as one_minus_one_over_t
from dynamics.algorithms.catalogue import one_over_t as one_over_t
from dynamics.algorithms.rules import Place as Place
from dynamics.algorithms.rules import bind as bind
from dynamics.algorithms.rules import plain_descent as plain_descent
from dynamics.algorithms.rules import raw_ascent as raw_ascent
from dynamics.algorithms.rules import renormalised_descent as renormalised_descent
from dynamics.algorithms.rules import unit_ascent as unit_ascent
from dynamics.algorithms.sample_order import SampleOrder as SampleOrder
from dynamics.algorithms.vector import ArrayVector as ArrayVector
from dynamics.algorithms.vector import Vector as Vector
from dynamics.conformance import check_optimizer as check_optimizer
from dynamics.engine.engine import device_name as device_name
from dynamics.engine.lanes import grid_starts as grid_starts
from dynamics.engine.lanes import line_starts as line_starts
from dynamics.engine.lanes import normal_starts as normal_starts
from dynamics.engine.lanes import uniform_starts as uniform_starts
from dynamics.engine.observables import OBSERVABLES as OBSERVABLES
from dynamics.engine.observables import REDUCTIONS as REDUCTIONS
from dynamics.engine.outcome import Criteria as Criteria
from dynamics.engine.outcome import Outcome as Outcome
from dynamics.experiments.files import StoreError as StoreError
from dynamics.experiments.store import open_sweep as open_sweep
from dynamics.sweep import ensemble as ensemble
from dynamics.sweep import sweep as sweep
from dynamics.trajectory import batched as batched
from dynamics.trajectory import one_step as one_step
from dynamics.trajectory import trajectory as trajectory
