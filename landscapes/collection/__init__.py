"""The losses, one file each; a new one is one file here and one line below (CONTRIBUTING.md)."""

from landscapes.collection.beale import Beale as Beale
from landscapes.collection.bounded_sine import BoundedSine as BoundedSine
from landscapes.collection.crossed_valleys import CrossedValleys as CrossedValleys
from landscapes.collection.linear_neuron import LinearNeuron as LinearNeuron
from landscapes.collection.log_cosh_ridge import LogCoshRidge as LogCoshRidge
from landscapes.collection.matrix_factorisation import MatrixFactorisation as MatrixFactorisation
from landscapes.collection.matrix_sensing import MatrixSensing as MatrixSensing
from landscapes.collection.quadratic import Quadratic as Quadratic
from landscapes.collection.quadratic_sum import QuadraticSum as QuadraticSum
from landscapes.collection.ravine import Ravine as Ravine
from landscapes.collection.ridge_regression import RidgeRegression as RidgeRegression
from landscapes.collection.rippled_bowl import RippledBowl as RippledBowl
from landscapes.collection.saddle import Saddle as Saddle
from landscapes.collection.scalar_factorisation import ScalarFactorisation as ScalarFactorisation
from landscapes.collection.three_sharpness import ThreeSharpness as ThreeSharpness
from landscapes.collection.threshold_neuron import ThresholdNeuron as ThresholdNeuron
