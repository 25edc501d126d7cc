"""How it moves: algorithms as data, one pure step, and the engine that runs it by the million.

    trajectory(landscape, algorithm, start, eta=…, rho=…, n_steps=…)   one path
    sweep(landscape, algorithms, eta=…, rho=…, starts=…, n_steps=…)    a grid, with outcomes
    ensemble(landscape, algorithm, eta=…, rho=…, starts=…, n_steps=…)  a list of runs
    open_sweep(path)                                                   what either stored
    check_optimizer(optimizer)                                         which algorithm it is

Everything is computed in float64 and returned as NumPy or xarray, whatever JAX is set to.

    rules, bases, sample_order what an algorithm is made of: ascent × descent × base step, and
                               the examples that it draws
    algorithm, catalogue       the one step that they make; the algorithms that have a name
    vector, stepper            the arithmetic it is written in, on arrays and on symbols alike
    outcome, rest, attractors  what became of a run, and where
    kernel, programs, native   the program that advances a batch, and how it is compiled
    engine                     a list of runs in chunks, on all local devices
    lanes, sweep, experiments  grids, lists and starts; whole sweeps, in memory or stored
    observables, trajectory    what else is looked at; single paths
    oracle                     the same in plain NumPy, to be tested against
    conformance                optimisers of others, compared with the exact maps
"""

from dynamics.algorithm import ALGORITHMS as ALGORITHMS
from dynamics.algorithm import Algorithm as Algorithm
from dynamics.algorithm import direction as direction
from dynamics.algorithm import initial_memory as initial_memory
from dynamics.algorithm import register as register
from dynamics.algorithm import step as step
from dynamics.bases import Base as Base
from dynamics.bases import HeavyBall as HeavyBall
from dynamics.bases import Nesterov as Nesterov
from dynamics.bases import Optax as Optax
from dynamics.catalogue import ASAM as ASAM
from dynamics.catalogue import DNSAM as DNSAM
from dynamics.catalogue import GD as GD
from dynamics.catalogue import NSAM as NSAM
from dynamics.catalogue import SAM as SAM
from dynamics.catalogue import SGD as SGD
from dynamics.catalogue import USAM as USAM
from dynamics.catalogue import ClippedStableSAM as ClippedStableSAM
from dynamics.catalogue import ExactGradientUSAM as ExactGradientUSAM
from dynamics.catalogue import HeavyBallGD as HeavyBallGD
from dynamics.catalogue import HeavyBallSAM as HeavyBallSAM
from dynamics.catalogue import HeavyBallUSAM as HeavyBallUSAM
from dynamics.catalogue import HessianUSAM as HessianUSAM
from dynamics.catalogue import LpSAM as LpSAM
from dynamics.catalogue import NesterovGD as NesterovGD
from dynamics.catalogue import NesterovStableSAM as NesterovStableSAM
from dynamics.catalogue import NormalisedGD as NormalisedGD
from dynamics.catalogue import OneSAM as OneSAM
from dynamics.catalogue import PenalisedUSAM as PenalisedUSAM
from dynamics.catalogue import RepeatedUSAM as RepeatedUSAM
from dynamics.catalogue import ScaledSAM as ScaledSAM
from dynamics.catalogue import SignSAM as SignSAM
from dynamics.catalogue import StableASAM as StableASAM
from dynamics.catalogue import StableASAMAdaptiveNorm as StableASAMAdaptiveNorm
from dynamics.catalogue import StableSAM as StableSAM
from dynamics.catalogue import StableUSAM as StableUSAM
from dynamics.catalogue import TwoStepUSAM as TwoStepUSAM
from dynamics.catalogue import UnifiedSAM as UnifiedSAM
from dynamics.catalogue import one_minus_one_over_t as one_minus_one_over_t
from dynamics.catalogue import one_over_t as one_over_t
from dynamics.conformance import check_optimizer as check_optimizer
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
from dynamics.rules import Place as Place
from dynamics.rules import bind as bind
from dynamics.rules import plain_descent as plain_descent
from dynamics.rules import raw_ascent as raw_ascent
from dynamics.rules import renormalised_descent as renormalised_descent
from dynamics.rules import unit_ascent as unit_ascent
from dynamics.sample_order import SampleOrder as SampleOrder
from dynamics.sweep import ensemble as ensemble
from dynamics.sweep import sweep as sweep
from dynamics.trajectory import batched as batched
from dynamics.trajectory import one_step as one_step
from dynamics.trajectory import trajectory as trajectory
from dynamics.vector import ArrayVector as ArrayVector
from dynamics.vector import Vector as Vector
