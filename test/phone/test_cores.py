"""Which cores a run is pinned to, and how hot they are, by the files of a phone."""

import pytest
from phone.fake_phone import SERIAL, FakePhone

from rt3d_mlir.errors import DeviceError
from rt3d_mlir.phone import conditions
from rt3d_mlir.phone.adb import Adb, connect
from rt3d_mlir.phone.conditions import cool_down, temperature
from rt3d_mlir.phone.cores import choose, read_cores, taskset_mask
from rt3d_mlir.phone.record import Phone


@pytest.fixture
def adb(phone: FakePhone) -> Adb:
    return connect(SERIAL)


def mask(adb: Adb, which: str) -> str:
    return taskset_mask(choose(read_cores(adb), which))


def test_clusters(adb: Adb, phone: FakePhone):
    """Four slow cores, three fast ones, and a prime core."""
    assert [core.max_khz for core in read_cores(adb)] == [*[1800000] * 4, *[2419200] * 3, 2841600]
    assert (mask(adb, "little"), mask(adb, "big"), mask(adb, "all")) == ("f", "f0", "ff")
    phone.core(5, 2419200, online="0\n")
    phone.core(10, 1800000, online="1\n")
    assert (mask(adb, "little"), mask(adb, "big"), mask(adb, "all")) == ("40f", "d0", "4df")


def test_equal_cores(adb: Adb, phone: FakePhone):
    for core in range(8):
        phone.core(core, 2000000)
    assert mask(adb, "little") == mask(adb, "big") == mask(adb, "all") == "ff"


def test_temperature(adb: Adb, phone: FakePhone):
    """CPU sensors before others, however hot; what is switched off does not count; degrees or thousandths."""
    assert temperature(adb) == (38.5, "cpu-1-0-usr")
    phone.zone(3, "BIG", 41)
    assert temperature(adb) == (41.0, "BIG")
    phone.no_zones()
    phone.zone(0, "skin", 33000)
    phone.zone(1, "battery", 29000)
    assert temperature(adb) == (33.0, "skin")


def test_temperature_by_androids_service(adb: Adb, phone: FakePhone):
    phone.no_zones()
    assert temperature(adb) == (None, "")
    phone.write(
        "thermalservice",
        "Cached temperatures:\n"
        "\tTemperature{mValue=90.0, mType=0, mName=CPU0, mStatus=0}\n"
        "Current temperatures from HAL:\n"
        "\tTemperature{mValue=31.5, mType=0, mName=CPU0, mStatus=0}\n"
        "\tTemperature{mValue=36.25, mType=2, mName=battery, mStatus=0}\n"
        "Temperature static thresholds from HAL:\n"
        "\tTemperatureThreshold{mType=0, mName=CPU0, mHotThrottlingThresholds=[NaN, 95.0]}\n",
    )
    assert temperature(adb) == (31.5, "CPU0")


def test_cooling(adb: Adb, phone: FakePhone, monkeypatch: pytest.MonkeyPatch):
    values, said = iter([34000, 30000]), []
    monkeypatch.setattr(conditions, "sleep", lambda _seconds: phone.zone(1, "cpu-1-0-usr", next(values)))
    cool_down(adb, 30, said.append)
    assert said == [
        "cooling: cpu-1-0-usr is at 38.5 C, waiting for 30",
        "cooling: cpu-1-0-usr is at 34.0 C, waiting for 30",
    ]


def test_no_cooling(adb: Adb, phone: FakePhone, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(conditions, "PATIENCE", -60.0)
    with pytest.raises(DeviceError, match=r"cpu-1-0-usr is still at 38\.5 C, the limit is 20: allow more, or cool"):
        cool_down(adb, 20, print)
    phone.no_zones()
    with pytest.raises(DeviceError, match="the phone shows no temperature"):
        cool_down(adb, 20, print)


def test_a_phone_before_android_12():
    assert Phone.of({"ro.board.platform": "kona", "ro.product.model": "One"}) == Phone("One", "kona", "")
