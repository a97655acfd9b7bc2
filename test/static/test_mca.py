import pytest

from rt3d_mlir.errors import VersionError
from rt3d_mlir.static import mca
from rt3d_mlir.static.assembly import Loop


@pytest.mark.usefixtures("llvm_mca")
def test_the_peaks_are_the_cores_own():
    assert {core: mca.peak(core) for core in mca.CORES} == {"neoverse-n1": 2, "cortex-x1": 4}


@pytest.mark.usefixtures("llvm_mca")
def test_a_chain_of_fmlas_takes_their_latency():
    chain = Loop(tuple("fmla v0.4s, v30.4s, v31.s[0]" for _ in range(8)))
    assert mca.cycles(chain, "neoverse-n1") > 2 * 8 / mca.peak("neoverse-n1")


@pytest.mark.usefixtures("llvm_mca")
def test_assembly_that_is_none_is_an_error():
    with pytest.raises(VersionError, match="llvm-mca cannot read the assembly"):
        mca.cycles(Loop(("no such instruction",)), "neoverse-n1")


def test_a_missing_llvm_mca_is_named_with_its_package(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(mca.shutil, "which", lambda _name: None)
    with pytest.raises(VersionError, match=r"found none: apt-get install llvm-22"):
        mca.find_mca.__wrapped__()


def test_one_that_is_too_old_is_not_taken(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(mca.shutil, "which", lambda name: f"/usr/bin/{name}")
    monkeypatch.setattr(mca, "_version", lambda path: 22 if path.endswith("-22") else 14)
    assert mca.find_mca.__wrapped__() == "/usr/bin/llvm-mca-22"
    monkeypatch.setattr(mca, "_version", lambda _path: 14)
    with pytest.raises(VersionError):
        mca.find_mca.__wrapped__()
