import dataclasses

import pytest

from rt3d_mlir.static.assembly import Loop
from rt3d_mlir.static.phones import IN_ORDER, PHONES, Cores, PhoneSpec
from rt3d_mlir.static.projection import CYCLES_A_RUN, EFFICIENCY, in_order_cycles, project
from rt3d_mlir.static.work import ConvWork

LOOP = Loop(("ldp q0, q1, [x1]", *["fmla v2.4s, v0.4s, v1.s[0]"] * 6))
WORK = ConvWork("conv", 3, 20_000, 0, 0, 4, 1, 1_000, False)
TWO = PhoneSpec("two", (Cores(1, "big", 2.0, IN_ORDER), Cores(2, "small", 1.0, IN_ORDER)), 10, 20)


def test_an_in_order_core_takes_a_cycle_an_fmla_and_two_a_load():
    assert in_order_cycles(LOOP) == 6 + 2 * 2


def test_a_layer_takes_its_cycles_on_one_core_and_shares_them_by_throughput():
    found = project(TWO, [(WORK, LOOP, 2)], 0)  # 10,000 iterations of 10 cycles
    assert found.one_core_ms == pytest.approx(100_000 / 2e6)
    assert found.all_cores_ms == pytest.approx(100_000 / (2e6 + 2 * 1e6) / EFFICIENCY)
    assert found.memory_ms == 0


def test_each_run_of_the_loop_costs_its_entry_and_its_sums():
    entered = dataclasses.replace(WORK, runs=100)
    more = project(TWO, [(entered, LOOP, 2)], 0).one_core_ms - project(TWO, [(WORK, LOOP, 2)], 0).one_core_ms
    assert more == pytest.approx(100 * (CYCLES_A_RUN + WORK.sums) / 2e6)


def test_each_flush_of_f16_sums_costs_what_the_loop_around_does():
    around = Loop(LOOP.instructions, ("fcvtl v1.4s, v2.4h", "ldr q3, [sp]", "str q3, [sp]"))
    flushed = dataclasses.replace(WORK, flushes=1000)
    more = project(TWO, [(flushed, around, 2)], 0).one_core_ms - project(TWO, [(WORK, around, 2)], 0).one_core_ms
    assert more == pytest.approx(1000 * 4 / 2e6)  # an instruction a cycle, and one more a 128-bit load


def test_memory_bounds_a_layer_and_sets_the_time_of_all_else():
    heavy = dataclasses.replace(WORK, bytes=20_000_000)
    found = project(TWO, [(heavy, LOOP, 2)], 10_000_000)
    assert found.one_core_ms == pytest.approx(2 + 1)
    assert found.all_cores_ms == found.memory_ms == pytest.approx(1 + 0.5)


def test_the_paper_s_phone_has_its_cores():
    cores = {(each.count, each.ghz) for each in PHONES[0].cores}
    assert (PHONES[0].name, cores) == ("Snapdragon 865", {(1, 2.84), (3, 2.42), (4, 1.8)})
