"""The command lines of the programs on the phone."""

import shlex

from rt3d_mlir.phone.programs import flags
from rt3d_mlir.runtime.artifact import Manifest, TensorSpec


def test_words_of_a_manifest_are_no_commands():
    manifest = Manifest(
        tools={},
        model="net",
        target="cortex-a76",
        triple="aarch64",
        cpu="cortex-a76",
        device="local-task;id",
        entry="main; echo $(id) 'x'",
        inputs=[TensorSpec("x", (1, 3), "float32")],
        outputs=[],
        files={},
        layers=[],
        sparsity={},
    )
    assert shlex.split(flags(manifest, "/data/x", threads=2)) == [
        "--module=/data/x/module.vmfb",
        "--device=local-task;id",
        "--function=main; echo $(id) 'x'",
        "--task_topology_group_count=2",
        "--input=@/data/x/input_0.npy",
    ]
