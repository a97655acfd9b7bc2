import pytest

from rt3d_mlir.static.assembly import functions, hottest_loop

# An outer loop with a copy loop and, behind it, a loop over taps that has one spill.
TEXT = """\
\t.globl\tconv
conv:                                   // @conv
.Lfunc_begin0:
\t.cfi_startproc
\tmov\tx8, #0                          // =0x0
.LBB0_1:                                // =>This Loop Header
\t.loc\t1 2 3
\tmov\tx9, x8
.LBB0_2:
\tldr\tq0, [x9], #16
\tstr\tq0, [x10], #16
\tcbnz\tx9, .LBB0_2
.Ltmp1:
.LBB0_3:                                // Parent Loop BB0_1
\tldrsw\tx9, [x27], #4
\tldp\tq23, q24, [x9]
\tld1\t{ v2.4s, v3.4s }, [x9]
\tldr\tq30, [sp, #16]                  // 16-byte Folded Reload
\tadd\tx28, x28, #64
\tfmla\tv21.4s, v30.4s, v23.s[0]
\tfmla\tv16.4s, v30.4s, v24.s[1]
\tb.lo\t.LBB0_3
\tcmp\tx8, x1
\tb.ne\t.LBB0_1
\tb\t.LBB0_4
.LBB0_4:
\tret
.Lfunc_end0:
\t.size\tconv, .Lfunc_end0-conv
\t.word\t7
other:
\tret
.Lfunc_end1:
"""


LAST = ("cmp\tx8, x1", "b.ne\t.LBB0_1")


def test_functions_have_their_instructions_and_labels_only():
    found = functions(TEXT)
    assert list(found) == ["conv", "other"]
    assert found["other"] == ["ret"]
    assert found["conv"][:3] == [".Lfunc_begin0:", "mov\tx8, #0", ".LBB0_1:"]
    assert found["conv"][-1] == "ret"


def test_the_hottest_loop_is_the_innermost_one_with_the_most_fmlas():
    loop = hottest_loop(functions(TEXT)["conv"])
    assert loop is not None
    assert loop.instructions[0] == "ldrsw\tx9, [x27], #4"
    assert loop.instructions[-1] == "b.lo\t.LBB0_3"
    assert {kind: loop.count(kind) for kind in ("fmla", "load", "store", "address", "branch")} == {
        "fmla": 2,
        "load": 4,
        "store": 0,
        "address": 1,
        "branch": 1,
    }
    assert loop.spills == 1
    assert loop.vector_loads == 5


def test_what_the_loop_around_the_hottest_one_does_besides():
    loop = hottest_loop(functions(TEXT)["conv"])
    assert loop is not None
    assert loop.around == ("mov\tx9, x8", "ldr\tq0, [x9], #16", "str\tq0, [x10], #16", "cbnz\tx9, .LBB0_2", *LAST)


@pytest.mark.parametrize("base", ["sp", "x29"])
def test_what_is_addressed_from_the_stack_is_a_spill(base: str):
    lines = [".LBB0_1:", f"str q0, [{base}, #16]", "fmla v1.4s, v2.4s, v3.s[0]", "b .LBB0_1"]
    loop = hottest_loop(lines)
    assert loop is not None
    assert loop.spills == 1


def test_no_loop_or_no_fmla_is_no_hot_loop():
    assert hottest_loop(["fmla v1.4s, v2.4s, v3.s[0]", "ret"]) is None
    assert hottest_loop([".LBB0_1:", "str q0, [x1], #16", "cbnz x1, .LBB0_1"]) is None
