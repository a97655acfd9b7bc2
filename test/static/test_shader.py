"""What is read from SPIR-V, on a loop written down by hand."""

from pathlib import Path

import pytest

from rt3d_mlir.errors import ConfigError
from rt3d_mlir.static.shader import fault, parse_shader, read_shader

#: 2 taps of 1 channel: the offsets lie in shared memory, the next one is fetched from a buffer meanwhile.
SHADER = """
               OpCapability Shader
          %1 = OpExtInstImport "GLSL.std.450"
               OpEntryPoint GLCompute %conv1 "conv1" %x %weights %offsets %kept %places
               OpExecutionMode %conv1 LocalSize 32 2 1
       %bool = OpTypeBool
     %v4bool = OpTypeVector %bool 4
       %uint = OpTypeInt 32 0
      %float = OpTypeFloat 32
       %half = OpTypeFloat 16
    %v4float = OpTypeVector %float 4
     %v4half = OpTypeVector %half 4
     %uint_0 = OpConstant %uint 0
    %uint_10 = OpConstant %uint 10
 %_run_float = OpTypeRuntimeArray %v4float
     %buffer = OpTypeStruct %_run_float
  %arr_float = OpTypeArray %v4float %uint_10
   %arr_uint = OpTypeArray %uint %uint_10
   %sh_float = OpTypeStruct %arr_float
    %sh_uint = OpTypeStruct %arr_uint
   %p_buffer = OpTypePointer StorageBuffer %buffer
    %p_float = OpTypePointer Workgroup %sh_float
     %p_uint = OpTypePointer Workgroup %sh_uint
         %pf = OpTypePointer StorageBuffer %v4float
         %pu = OpTypePointer StorageBuffer %uint
         %wf = OpTypePointer Workgroup %v4float
         %wu = OpTypePointer Workgroup %uint
          %x = OpVariable %p_buffer StorageBuffer
       %kept = OpVariable %p_float Workgroup
     %places = OpVariable %p_uint Workgroup
      %conv1 = OpFunction %void None %fn
         %10 = OpLabel
               OpBranch %11
         %11 = OpLabel
               OpLoopMerge %19 %12 None
               OpBranchConditional %c %12 %19
         %12 = OpLabel
         %20 = OpAccessChain %pu %offsets %uint_0 %i
         %21 = OpLoad %uint %20
         %22 = OpAccessChain %wu %places %uint_0 %uint_0
         %23 = OpLoad %uint %22
         %24 = OpAccessChain %wu %places %uint_0 %uint_1
         %25 = OpLoad %uint %24
         %26 = OpAccessChain %pf %x %uint_0 %23
         %27 = OpLoad %v4float %26
         %28 = OpCompositeExtract %float %27 0
         %29 = OpCompositeConstruct %v4float %28 %28 %28 %28
         %30 = OpExtInst %v4float %1 Fma %29 %w %s
         %31 = OpExtInst %v4float %1 Fma %29 %w2 %30
         %32 = OpFAdd %v4half %h %h2
         %33 = OpIAdd %uint %i %uint_10
               OpStore %22 %33
               OpBranch %11
         %19 = OpLabel
               OpReturn
               OpFunctionEnd
"""


def test_a_kernel():
    shader = parse_shader(SHADER)
    assert (shader.name, shader.threads, shader.shared_bytes, shader.instructions) == ("conv1", 64, 200, 26)


def test_the_loop_over_taps():
    loop = parse_shader(SHADER).loop
    assert loop is not None
    assert (loop.instructions, loop.loads, loop.fmas, loop.taps) == (19, 4, 2, 3)
    assert (loop.shared_bytes, loop.buffer_bytes) == (4 + 4, 4 + 16)
    # branch, 4 addresses, 4 loads, 2 FMAs of 4 numbers, 4 halves, an addition, a store
    assert (loop.fma_slots, loop.slots) == (8, 1 + 4 + 4 + 8 + 2 + 1 + 1)
    assert loop.share == pytest.approx(8 / 21)


def test_a_product_and_its_sum_are_an_fma():
    pair = "OpFMul %v4half %29 %w\n         %36 = OpFAdd %v4half %s %30"
    loop = parse_shader(SHADER.replace("OpExtInst %v4float %1 Fma %29 %w %s", pair)).loop
    assert loop is not None
    # the other one is of f32; the sum of halves takes no product
    assert (loop.fmas, loop.fma_slots, loop.slots) == (2, 2 + 4, 19)


def test_f16_goes_twice_as_fast():
    loop = parse_shader(SHADER.replace("OpExtInst %v4float", "OpExtInst %v4half")).loop
    assert loop is not None
    assert (loop.fma_slots, loop.slots) == (4, 17)


def test_a_kernel_without_a_loop():
    before, _, rest = SHADER.partition("         %30 =")
    assert (
        parse_shader(before + "         %34 =" + rest.partition("%34 =")[2] + rest[rest.index("         %32") :]).loop
        is None
    )


@pytest.mark.parametrize("read", [fault, read_shader])
def test_without_spirv_tools(read: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ConfigError, match=r"is not installed; .* apt-get install spirv-tools"):
        read(tmp_path / "x.spv")
