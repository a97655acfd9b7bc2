import json
from pathlib import Path
from typing import Any

import made_artifacts as made
import pytest

from rt3d_mlir.errors import InputError
from rt3d_mlir.html_report.artifacts import Artifact, groups_of, read_artifacts
from rt3d_mlir.html_report.bench_files import Benched
from rt3d_mlir.html_report.phone_files import PhoneRun, Phones, read_phone_files, read_record
from rt3d_mlir.html_report.speed import Speed, faster, slowed
from rt3d_mlir.html_report.timing import Measured


def save(path: Path, data: Any) -> Path:
    path.write_text(data if isinstance(data, str) else json.dumps(data))
    return path


@pytest.fixture
def pair(tmp_path: Path) -> list[Artifact]:
    return read_artifacts([made.make(tmp_path / "dense"), made.make_pruned(tmp_path / "pruned")])


def speed(phones: Phones) -> Speed:
    return Speed(Measured({}), Benched(), phones)


def test_a_record_belongs_to_the_module_that_it_names(pair: list[Artifact], tmp_path: Path):
    files = [save(tmp_path / f"{each.name}.json", made.record(each.folder)) for each in reversed(pair)]
    runs = read_phone_files(files, pair).runs
    assert [(run.artifact and run.artifact.name, run.why) for run in runs] == [("pruned", ""), ("dense", "")]
    assert runs[0].record.latency_ms.median == 20
    assert json.loads(runs[0].record.json()) == json.loads(files[0].read_text())


def test_a_record_of_another_module_stands_apart(pair: list[Artifact], tmp_path: Path):
    other = made.record(pair[0].folder, module_sha256="ab" * 32)
    stranger = made.record(pair[0].folder, module_sha256="cd" * 32, target="cortex-x1")
    runs = read_phone_files([save(tmp_path / "a", other), save(tmp_path / "b", stranger)], pair).runs
    assert [run.artifact for run in runs] == [None, None]
    assert runs[0].why == (
        "of another module, sha256 abababababab…; none of these artifacts has it, though model, target and dtype are "
        "those of dense, pruned: compiled again since?"
    )
    assert runs[1].why == "of another module, sha256 cdcdcdcdcdcd…; none of these artifacts has it"


def test_a_projection_belongs_to_what_keeps_the_same(pair: list[Artifact], tmp_path: Path):
    config = save(tmp_path / "quarter.json", {"conv2.weight": 0.75})
    third = save(tmp_path / "third.json", {"conv2.weight": 0.33})
    entries = [
        made.projection("dense"),
        made.projection(str(config), 12.0),
        made.projection(str(third)),
        made.projection("gone.json"),
        made.projection(dtype="f16"),
    ]
    found = read_phone_files([save(tmp_path / "static.json", entries)], pair).projections
    assert [each.artifact and each.artifact.name for each in found] == ["dense", "pruned", None, None, None]
    assert found[1].times == {("Snapdragon 865", "one big core"): 36.0, ("Snapdragon 865", "all cores"): 12.0}
    assert found[2].why == f"none of dense, pruned keeps what {third} keeps"
    assert found[3].why == "the configuration gone.json is not at hand, to compare what it keeps"
    assert found[4].why == "no artifact is of that model, target and dtype"


def test_a_projection_that_fits_two_is_nobodys(pair: list[Artifact], tmp_path: Path):
    twins = [*pair, *read_artifacts([made.make(tmp_path / "twin")])]
    (found,) = read_phone_files([save(tmp_path / "static.json", [made.projection()])], twins).projections
    assert (found.artifact, found.why) == (None, "dense, twin keep the same: name one of them")


def test_a_gpus_projection(tmp_path: Path):
    (artifact,) = read_artifacts([made.make(tmp_path / "gpu", target="vulkan-adreno", device="vulkan")])
    entry = made.projection(target="vulkan-adreno", projections=[{"gpu": "Adreno 650", "ms": 40.0}])
    del entry["rows"]
    (found,) = read_phone_files([save(tmp_path / "static.json", [entry])], [artifact]).projections
    assert (found.artifact, found.times) == (artifact, {("Adreno 650", "GPU"): 40.0})


def test_only_equal_sources_are_compared(pair: list[Artifact], tmp_path: Path):
    dense, pruned = pair
    config = str(save(tmp_path / "quarter.json", {"conv2.weight": 0.75}))
    files = [
        save(tmp_path / "dense.json", made.record(dense.folder, 60.0)),
        save(tmp_path / "little.json", made.record(pruned.folder, 90.0, cores="little", cpus=[0, 1, 2, 3])),
        save(tmp_path / "big.json", made.record(pruned.folder, 20.0)),
        save(tmp_path / "static.json", [made.projection("dense", 30.0), made.projection(config, 12.0)]),
    ]
    known = speed(read_phone_files(files, pair))
    (group,) = groups_of(pair)
    shown = {time.source: (time.projected, faster(group, pruned, time, known)) for time in known.times(pruned)}
    assert shown == {
        "measured on Acme One, little cores, 4 threads, glibc runtime": (False, None),
        "measured on Acme One, big cores, 4 threads, glibc runtime": (False, 3.0),
        "projected: Snapdragon 865, one big core": (True, 2.5),
        "projected: Snapdragon 865, all cores": (True, 2.5),
    }
    conv1, conv2, _ = pruned.manifest.layers
    assert (known.share(pruned, conv1), known.share(pruned, conv2)) == (None, 0.9)


def test_a_phone_that_slows_itself_down(pair: list[Artifact]):
    data = made.record(pair[0].folder)
    assert slowed([PhoneRun("a.json", read_record(data), pair[0], "")]) == []
    data = json.loads(json.dumps(data))
    data["after"]["cores"][7]["limit_khz"] = 2000000
    data["after"]["cores"][0]["limit_khz"] = 1000000  # it did not run there
    (said,) = slowed([PhoneRun("a.json", read_record(data), pair[0], "")])
    assert (
        said
        == "a.json, measured on Acme One, big cores, 4 threads, glibc runtime: held below their top frequency: cores 7"
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "is not JSON, or a damaged one"),
        ("[" * 100_000, "is not JSON, or a damaged one"),
        ("{}", "it names no format; expected 'rt3d-phone', version 1, as rt3d-mlir-run --adb --json"),
        ('"text"', "it names no format; expected 'rt3d-phone'"),
        (
            '{"format": "rt3d-bench-layers", "version": 1}',
            "format is 'rt3d-bench-layers', version 1; expected 'rt3d-ph",
        ),
        ('{"format": "rt3d-phone", "version": 2}', "format is 'rt3d-phone', version 2; expected"),
        ('{"format": "rt3d-phone", "version": 1}', "lacks 'phone'; write it again with rt3d-mlir-run --adb --json"),
        ("[3]", "has values of another kind .*; write it again with rt3d-mlir-bench --static --json"),
        ('[{"model": "c3d"}]', "lacks 'config'"),
    ],
)
def test_files_of_another_kind(pair: list[Artifact], tmp_path: Path, text: str, message: str):
    with pytest.raises(InputError, match=rf"file\.json:? {message}"):
        read_phone_files([save(tmp_path / "file.json", text)], pair)


@pytest.mark.parametrize(
    "changes",
    [
        {"latency_ms": {"min": "1", "median": 1, "p90": 1}},
        {"latency_ms": {"min": 1, "median": float("nan"), "p90": 1}},
        {"phone": 3},
        {"cpus": [True]},
        {"before": None},
        {"repeat": -1},
        {"model": ["c3d"]},
    ],
)
def test_a_record_with_values_of_another_kind(pair: list[Artifact], tmp_path: Path, changes: dict[str, Any]):
    path = save(tmp_path / "phone.json", made.record(pair[0].folder, **changes))
    with pytest.raises(InputError, match=r"phone\.json (has values of another kind|lacks)"):
        read_phone_files([path], pair)


def test_a_missing_file(pair: list[Artifact], tmp_path: Path):
    with pytest.raises(InputError, match=r"none\.json cannot be read: No such file"):
        read_phone_files([tmp_path / "none.json"], pair)
