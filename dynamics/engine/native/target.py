"""What machine code is made for: one text serves all, in which a few words are left open."""

from __future__ import annotations

from dataclasses import dataclass

import llvmlite.binding as llvm

#: Stands in the text for the number of runs of a vector value …
LANES = "LANES"
#: … for the attributes of functions, and for the alignment of vectors in memory, in bytes.
ATTRIBUTES, ALIGNMENT = "ATTRIBUTES", "ALIGNMENT"


@dataclass(frozen=True)
class Target:
    """A kind of machine.

    Attributes:
        name: as users write it.
        width: runs per vector value, a power of 2.
        triple: as LLVM writes the machine; "" is the one this runs on.
        cpu, features: likewise.
        attributes: of every function.
        alignment: of vectors in memory, in bytes.
    """

    name: str
    width: int
    triple: str
    cpu: str
    features: str
    attributes: str
    alignment: int

    def fill(self, text: str) -> str:
        """The text with what it leaves open."""
        for word, value in (
            (LANES, self.width), (ATTRIBUTES, self.attributes), (ALIGNMENT, self.alignment),
        ):  # fmt: skip
            text = text.replace(word, str(value))
        return text

    def machine(self) -> llvm.TargetMachine:
        if not self.triple:
            llvm.initialize_native_target()
            llvm.initialize_native_asmprinter()
            target = llvm.Target.from_default_triple()
        else:
            llvm.initialize_all_targets()
            llvm.initialize_all_asmprinters()
            target = llvm.Target.from_triple(self.triple)
        return target.create_target_machine(cpu=self.cpu, features=self.features, opt=3)

    def optimised(self, text: str, machine: llvm.TargetMachine) -> llvm.ModuleRef:
        """The text as a module of this target, faster as far as that changes no result."""
        module = llvm.parse_assembly(self.fill(text))
        module.verify()
        module.triple, module.data_layout = machine.triple, str(machine.target_data)
        options = llvm.create_pipeline_tuning_options(speed_level=2)
        passes = llvm.create_pass_builder(machine, options)
        passes.getModulePassManager().run(module, passes)
        return module


def _host() -> Target:
    try:
        features = llvm.get_host_cpu_features()
        flat = features.flatten()
    except RuntimeError:  # not known for every processor; its name then says enough
        features, flat = {}, ""
    # Eight registers for each vector value. So much independent work hides the latency of a root
    # and a division; more would not fit the registers and the first-level cache.
    width = 64 if features.get("avx512f") else 32
    # Vectors in memory are to be aligned: one across two cache lines costs two accesses.
    attributes = 'alignstack(64) "stackrealign" "prefer-vector-width"="512"'
    return Target("cpu", width, "", llvm.get_host_cpu_name(), flat, attributes, 64)


#: The processor that this runs on.
HOST = _host()
#: Browsers, and whatever else runs WebAssembly with vectors of 128 bits: two registers for each.
WASM = Target(
    "wasm32", 4, "wasm32-unknown-unknown", "generic",
    "+simd128,+sign-ext,+bulk-memory,+nontrapping-fptoint", "", 16,
)  # fmt: skip
