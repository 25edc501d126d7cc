"""A list of runs, advanced together on every device.

lanes                      what runs are given by
stepper, rest, kernel      one step; whether a run is at rest; the program that advances a batch
outcome, attractors        what became of a run, and where
programs, native           how the program is compiled, by XLA or in registers
engine                     a list of runs in chunks, on all local devices
observables                what else is looked at along a run
lyapunov                   how fast runs from neighbouring starts separate
"""
