"""The throughput of one GPU; without one, of what there is, which no mark is set for."""

from __future__ import annotations

import jax

from benchmarks.row import Group, Measurement, Settings, Unmeasured, at_least, row
from benchmarks.timing import interleaved
from benchmarks.workload import check, ravine, workload
from dynamics import device_name

_STEPS = "run-steps/s"
_RUNS = 128 * 32_768


@row(
    "gpu-float64", Group.GPU, "SAM on Saddle in float64, 4,194,304 runs × 1,000 steps",
    at_least(5e10, _STEPS),
)  # fmt: skip
def in_double_precision(settings: Settings) -> Measurement:
    gpus = [d for d in jax.local_devices() if d.platform == "gpu"]
    runs = _RUNS if gpus else settings.pick(4096, 131_072)
    steps = settings.pick(100, 1000)
    small = workload(4096)
    check("Ravine", small, ravine(small))
    engine = ravine(workload(runs))
    times = interleaved({"Ravine": engine}, {"Ravine": steps}, min(settings.repeats, 3))
    rate = runs * steps / times["Ravine"].best
    note = f"{runs:,} runs × {steps:,} steps on {device_name()}: {rate:.2g} {_STEPS}"
    if not gpus:
        raise Unmeasured(f"no GPU here; {note}")
    return Measurement(rate, note, data={"runs": runs, "devices": len(gpus), "rate": rate})


@row(
    "gpu-float32", Group.GPU, "the same in float32",
    at_least(1e11, _STEPS),
)  # fmt: skip
def in_single_precision(settings: Settings) -> Measurement:
    raise Unmeasured("sweep computes in float64 only; float32 is not offered yet")
