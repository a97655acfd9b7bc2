"""One run on a phone, from the first check to the last file removed."""

import fcntl
import re
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

from rt3d_mlir.errors import ConfigError, DeviceError
from rt3d_mlir.phone import checks, programs
from rt3d_mlir.phone.adb import Adb, connect
from rt3d_mlir.phone.conditions import cool_down, read_conditions
from rt3d_mlir.phone.cores import Core, choose, read_cores, taskset_mask
from rt3d_mlir.phone.record import Phone, Record
from rt3d_mlir.phone.runtime import Runtime, find_runtime
from rt3d_mlir.phone.runtime_folder import make_runtime
from rt3d_mlir.runtime.artifact import MODULE, Manifest, verify
from rt3d_mlir.runtime.timing import Latency
from rt3d_mlir.runtime.vulkan import VULKAN

#: All that is ever written on a phone is in this folder.
PARENT, NAME = "/data/local/tmp", "rt3d-mlir-run"
FOLDER = f"{PARENT}/{NAME}"


def run_on_phone(
    artifact: Path,
    *,
    serial: str | None = None,
    runtime: Path | None = None,
    cores: str = "big",
    threads: int | None = None,
    repeat: int = 10,
    cool: float | None = None,
    progress: Callable[[str], None] = lambda _what: None,
) -> Record:
    """Checks artifact and phone, pushes, compares with the golden output, times `repeat` runs, removes what it pushed.

    `runtime` is as for `find_runtime`; None makes one of the wheel, for a CPU. `threads` is by default the number of
    the chosen cores; `cool` are degrees Celsius to wait for before timing.

    Raises ArtifactError where the output is wrong or the artifact is not for a phone, VersionError, PhoneRuntimeError,
    ConfigError, and DeviceError for all that a phone can do. In each case, as on Ctrl-C, the phone is cleaned while it
    can be reached; what stays on one that cannot, the next run removes.
    """
    manifest = Manifest.read(artifact)
    verify(artifact, manifest)
    checks.check_module(manifest)
    if threads and manifest.device == VULKAN:
        raise ConfigError(f"{threads} threads were asked for; a GPU has none to choose")
    adb = connect(serial)
    with _alone(adb.serial):
        properties = dict(re.findall(r"^\[(.+?)\]: \[(.*)\]", adb.ask("getprop"), re.MULTILINE))
        checks.check_abi(properties.get("ro.product.cpu.abi", ""))
        checks.check_features(adb.ask("cat /proc/cpuinfo"), manifest)
        chosen = choose(read_cores(adb), cores)
        count = None if manifest.device == VULKAN else threads or len(chosen)
        flags = programs.flags(manifest, FOLDER, count)
        files = _files(artifact, manifest)
        with _runtime(runtime, manifest, progress) as tools, _folder(adb, [*tools.files, *files]):
            run, bench = (_command(tools, name, chosen) for name in ("iree-run-module", "iree-benchmark-module"))
            progress("pushing the runtime")
            adb.push(tools.files, FOLDER)
            adb.ask(f"chmod 755 {FOLDER}/*")
            if manifest.device == VULKAN:
                checks.check_vulkan(adb, run, manifest)
            progress("pushing the module")
            adb.push(files, FOLDER)
            progress("comparing with the golden output")
            programs.compare(adb, f"{run} {flags}", manifest, FOLDER)
            if cool is not None:
                cool_down(adb, cool, progress)
            progress(f"timing {repeat} runs")
            before = read_conditions(adb)
            times = programs.benchmark(adb, f"{bench} {flags}", FOLDER, repeat)
            after = read_conditions(adb)
    return Record(
        date=datetime.now(UTC).isoformat(timespec="seconds"),
        model=manifest.model,
        target=manifest.target,
        dtype=manifest.dtype,
        device=manifest.device,
        module_sha256=manifest.files[MODULE],
        phone=Phone.of(properties),
        runtime="glibc" if tools.loader else "android",
        cores=cores,
        cpus=[core.number for core in chosen],
        threads=count,
        repeat=repeat,
        latency_ms=Latency.of(times),
        times_ms=times,
        tolerance=manifest.tolerance,
        before=before,
        after=after,
    )


def _files(artifact: Path, manifest: Manifest) -> list[Path]:
    golden = [f"input_{i}.npy" for i in range(len(manifest.inputs))]
    golden += [f"output_{i}.npy" for i in range(len(manifest.outputs))]
    return [artifact / MODULE, *(artifact / "golden" / name for name in golden)]


def _command(tools: Runtime, program: str, cores: Sequence[Core]) -> str:
    return f"taskset {taskset_mask(cores)} {tools.command(FOLDER, program)}"


@contextmanager
def _runtime(path: Path | None, manifest: Manifest, progress: Callable[[str], None]) -> Iterator[Runtime]:
    """The user's, or one that is made for this run alone; checked to fit the module."""
    with tempfile.TemporaryDirectory() as temporary:
        if path is None:
            checks.check_runtime(manifest, glibc=True, iree="")
            path = Path(temporary, "runtime")
            progress("making a runtime from the aarch64 wheel")
            make_runtime(path, manifest.tools["iree_compiler"])
        tools = find_runtime(path)
        checks.check_runtime(manifest, glibc=tools.loader, iree=tools.iree)
        yield tools


@contextmanager
def _alone(serial: str) -> Iterator[None]:
    """Two runs at a time would spoil each other's times, and remove each other's files."""
    path = Path(tempfile.gettempdir(), re.sub(r"[^-.\w]", "_", f"{NAME}-{serial}.lock"))
    with ExitStack() as stack:
        try:
            file = stack.enter_context(open(path, "a"))
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise DeviceError(f"another rt3d-mlir-run uses {serial} ({path}): wait until it is done") from None
        yield


@contextmanager
def _folder(adb: Adb, files: Sequence[Path]) -> Iterator[None]:
    """An empty folder on the phone with room for files, as long as the block runs."""
    _clear(adb)  # what a run left there that was cut off
    checks.check_space(adb, PARENT, files)
    try:
        adb.ask(f"mkdir {FOLDER}")
        yield
    except BaseException:
        with suppress(DeviceError):  # what went wrong first is what is told
            _clear(adb)
        raise
    _clear(adb)


def _clear(adb: Adb) -> None:
    """Ends what runs from our folder, and removes it; written so that pkill's pattern does not fit the shell itself."""
    adb.ask(f"cd {PARENT} && {{ pkill -9 -f '[/]{FOLDER[1:]}/' 2> /dev/null; rm -rf {NAME}; }}")
