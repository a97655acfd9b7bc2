"""One run on a phone, from the first check to the last file removed."""

import fcntl
import re
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from rt3d_mlir.errors import ConfigError, DeviceError
from rt3d_mlir.phone import checks, programs
from rt3d_mlir.phone.adb import Adb, connect
from rt3d_mlir.phone.conditions import cool_down, read_conditions
from rt3d_mlir.phone.cores import PhoneCore, choose, read_cores, taskset_mask
from rt3d_mlir.phone.record import Phone, Record
from rt3d_mlir.phone.runtime import Runtime, find_runtime
from rt3d_mlir.phone.runtime_folder import make_runtime
from rt3d_mlir.runtime.artifact import MODULE, Manifest, verify
from rt3d_mlir.runtime.timing import Latency
from rt3d_mlir.runtime.vulkan import VULKAN

#: All that is ever written on a phone is in this folder.
PARENT, NAME = "/data/local/tmp", "rt3d-mlir-run"
FOLDER = f"{PARENT}/{NAME}"


@dataclass(frozen=True)
class PhoneOptions:
    """Which phone, and how it runs the module."""

    serial: str | None = None
    """Which phone, where there are several."""
    runtime: Path | None = None
    """As for `find_runtime`; None makes one of the wheel, for a CPU."""
    cores: str = "big"
    threads: int | None = None
    """None: the number of the chosen cores."""
    repeat: int = 10
    """Timed runs."""
    cool: float | None = None
    """Degrees Celsius to wait for before timing."""


def run_on_phone(
    artifact: Path,
    options: PhoneOptions | None = None,
    progress: Callable[[str], None] = lambda _what: None,
) -> Record:
    """Checks artifact and phone, pushes, compares with the golden output, times the runs, removes what it pushed.

    Raises ArtifactError where the output is wrong or the artifact is not for a phone, VersionError, PhoneRuntimeError,
    ConfigError, and DeviceError for all that a phone can do. In each case, as on Ctrl-C, the phone is cleaned while it
    can be reached; what stays on one that cannot, the next run removes.
    """
    options = options or PhoneOptions()
    manifest = Manifest.read(artifact)
    verify(artifact, manifest)
    checks.check_module(manifest)
    if options.threads and manifest.device == VULKAN:
        raise ConfigError(f"{options.threads} threads were asked for; a GPU has none to choose")
    adb = connect(options.serial)
    with _alone(adb.serial):
        properties = dict(re.findall(r"^\[(.+?)\]: \[(.*)\]", adb.ask("getprop"), re.MULTILINE))
        checks.check_abi(properties.get("ro.product.cpu.abi", ""))
        checks.check_features(adb.ask("cat /proc/cpuinfo"), manifest)
        cores = choose(read_cores(adb), options.cores)
        files = _files(artifact, manifest)
        with _runtime(options.runtime, manifest, progress) as runtime, _folder(adb, [*runtime.files, *files]):
            session = _Session(adb, manifest, runtime, cores, options, progress)
            session.push(files)
            session.compare()
            return session.time(Phone.of(properties))


@dataclass(frozen=True)
class _Session:
    """A phone that was checked, with an empty folder on it, and what is to run there on which cores."""

    adb: Adb
    manifest: Manifest
    runtime: Runtime
    cores: Sequence[PhoneCore]
    options: PhoneOptions
    progress: Callable[[str], None]

    @property
    def threads(self) -> int | None:
        """Of the CPU; None where a GPU runs."""
        return None if self.manifest.device == VULKAN else self.options.threads or len(self.cores)

    def push(self, files: Sequence[Path]) -> None:
        """IREE's programs, then the artifact's files; between them, whether the phone's Vulkan will do."""
        self.progress("pushing the runtime")
        self.adb.push(self.runtime.files, FOLDER)
        self.adb.ask(f"chmod 755 {FOLDER}/*")
        if self.manifest.device == VULKAN:
            checks.check_vulkan(self.adb, self._command("iree-run-module"), self.manifest)
        self.progress("pushing the module")
        self.adb.push(files, FOLDER)

    def compare(self) -> None:
        """Runs the module on the golden input. Raises ArtifactError where the output is wrong."""
        self.progress("comparing with the golden output")
        programs.compare(self.adb, f"{self._command('iree-run-module')} {self._flags()}", self.manifest, FOLDER)

    def time(self, phone: Phone) -> Record:
        """The timed runs, and under which conditions they were."""
        options = self.options
        if options.cool is not None:
            cool_down(self.adb, options.cool, self.progress)
        self.progress(f"timing {options.repeat} runs")
        before = read_conditions(self.adb)
        command = f"{self._command('iree-benchmark-module')} {self._flags()}"
        times = programs.benchmark(self.adb, command, FOLDER, options.repeat)
        return Record(
            date=datetime.now(UTC).isoformat(timespec="seconds"),
            model=self.manifest.model,
            target=self.manifest.target,
            dtype=self.manifest.dtype,
            device=self.manifest.device,
            module_sha256=self.manifest.files[MODULE],
            phone=phone,
            runtime="glibc" if self.runtime.loader else "android",
            cores=options.cores,
            cpus=[core.number for core in self.cores],
            threads=self.threads,
            repeat=options.repeat,
            latency_ms=Latency.of(times),
            times_ms=times,
            tolerance=self.manifest.tolerance,
            before=before,
            after=read_conditions(self.adb),
        )

    def _command(self, program: str) -> str:
        return f"taskset {taskset_mask(self.cores)} {self.runtime.command(FOLDER, program)}"

    def _flags(self) -> str:
        return programs.flags(self.manifest, FOLDER, self.threads)


def _files(artifact: Path, manifest: Manifest) -> list[Path]:
    golden = [f"input_{i}.npy" for i in range(len(manifest.inputs))]
    golden += [f"output_{i}.npy" for i in range(len(manifest.outputs))]
    return [artifact / MODULE, *(artifact / "golden" / name for name in golden)]


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
