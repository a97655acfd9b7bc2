"""What of the Android sample can be tested with neither an SDK nor a phone: the bridge runs on a Java environment of a
few lines of C, Kotlin and C agree on its functions, and the project's files are well formed and name what is there."""

import ctypes
import os
import re
import shutil
import subprocess
from pathlib import Path
from xml.etree import ElementTree

import pytest
from samples.embed_c_build import (
    CLASSES,
    DECLARED,
    EMBED_C,
    HERE,
    IREE,
    IREE_HEADERS,
    SANITIZE,
    build,
    build_with_stub,
    cmake,
    stub_artifact,
)

from rt3d_mlir.runtime import video

ANDROID = EMBED_C.with_name("android")
MAIN = ANDROID / "app" / "src" / "main"
NATIVE = MAIN / "cpp" / "native-lib.c"
KOTLIN = sorted(MAIN.rglob("*.kt"))
SPACE = "{http://schemas.android.com/apk/res/android}"

C_TYPES = {
    "": "void",
    "Boolean": "jboolean",
    "ByteBuffer": "jobject",
    "FloatArray": "jfloatArray",
    "Int": "jint",
    "IntArray": "jintArray",
    "Long": "jlong",
    "String": "jstring",
}


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("android") / "app"
    return build_with_stub(path, *SANITIZE, f"-I{HERE / 'jni_declared'}", NATIVE, HERE / "jni_main.c")


def run(app: Path, folder: Path) -> tuple[int, list[str]]:
    log = app.with_name("log")
    environment = {**os.environ, "STUB_LOG": str(log)}
    done = subprocess.run([app, folder], capture_output=True, text=True, check=False, env=environment)
    assert done.stderr == ""
    return done.returncode, done.stdout.splitlines()


def test_the_bridge(app: Path, tmp_path: Path):
    """Frames become a clip of the manifest's shape, and the clip scores; what does not fit becomes an exception."""
    code, lines = run(app, stub_artifact(tmp_path / "artifact"))
    assert code == 0
    assert lines[:5] == ["more", "more", "more", "full", "full"]  # a clip has 4 frames
    assert [line.split(":")[0] for line in lines[5:8]] == ["rotation", "rows", "frame"]
    # The stub answers the first numbers of the clip: red of the oldest frame that is left, all of one grey.
    score = (50 / 255 - video.IMAGENET_MEAN[0]) / video.IMAGENET_STD[0]
    assert [float(line.split()[1]) for line in lines[8:-3]] == pytest.approx([score] * CLASSES, abs=1e-5)
    assert [line.split(":")[0] for line in lines[-3:]] == ["small clip", "small read", "few scores"]
    calls, *counts = re.findall(r"\d+", app.with_name("log").read_text())
    assert int(calls) > 0
    assert counts[0] == counts[1]
    assert counts[2] == counts[3]


def test_a_folder_that_is_none(app: Path, tmp_path: Path):
    code, lines = run(app, tmp_path / "n\u00f6")
    assert code == 1
    assert lines[0].startswith("open: ")
    assert "n??/manifest.json cannot be opened" in lines[0]


def test_kotlin_and_c_agree():
    """Names, parameters and results of the functions that Kotlin declares external are those that C exports."""
    declared = {}
    for path in KOTLIN:
        text = path.read_text()
        (package,) = re.findall(r"^package (\S+)", text, re.MULTILINE)
        prefix = f"Java_{package.replace('.', '_')}_{path.stem}_"
        for name, parameters, result in re.findall(r"external fun (\w+)\(([^)]*)\)(?:: (\w+))?", text):
            types = [C_TYPES[word] for word in re.findall(r": (\w+)", parameters)]
            declared[prefix + name] = (C_TYPES[result], types)
    exported = {}
    pattern = r"JNIEXPORT (\w+) JNICALL (\w+)\(JNIEnv\* env, jobject self((?:,\s*\w+ \w+)*)\)"
    for result, name, parameters in re.findall(pattern, NATIVE.read_text()):
        exported[name] = (result, re.findall(r",\s*(\w+) \w+", parameters))
    assert len(declared) == 8
    assert exported == declared


def test_the_bridge_against_real_headers(app: Path):
    """The app's C against IREE's headers; a jni.h is the JDK's or the NDK's, and ours stands in for it."""
    if IREE is None:
        pytest.skip(
            "native-lib.c was compiled against our declared prototypes; IREE_SOURCE_DIR=... uses IREE's headers"
        )
    build(app.with_suffix(".o"), *IREE_HEADERS, f"-I{HERE / 'jni_declared'}", NATIVE)


def test_cmake(tmp_path: Path):
    """The app's library, by the files and the option that Gradle gives to CMake, exports what Kotlin calls."""
    if shutil.which("cmake") is None:
        pytest.skip("the app's CMake file was not run: install cmake")
    flags = f"-Werror -I{HERE / 'jni_declared'}"
    cmake(NATIVE.parent, tmp_path, "rt3d_sample", IREE_SOURCE_DIR=DECLARED, CMAKE_C_FLAGS=flags)
    library = ctypes.CDLL(str(tmp_path / "librt3d_sample.so"))
    for name in re.findall(r"Java_\w+", NATIVE.read_text()):
        assert hasattr(library, name)


def test_the_manifest():
    root = ElementTree.parse(MAIN / "AndroidManifest.xml").getroot()
    assert [p.get(f"{SPACE}name") for p in root.iter("uses-permission")] == ["android.permission.CAMERA"]
    (activity,) = root.iter("activity")
    name = activity.get(f"{SPACE}name", "").removeprefix(".")
    assert f"class {name} : ComponentActivity()" in (MAIN / f"java/com/example/rt3d/{name}.kt").read_text()
    assert activity.get(f"{SPACE}exported") == "true"  # or the launcher may not start it


def test_resources_that_are_named_exist():
    strings = {s.get("name") for s in ElementTree.parse(MAIN / "res/values/strings.xml").getroot()}
    layout = ElementTree.parse(MAIN / "res/layout/activity_main.xml").getroot()
    ids = {e.get(f"{SPACE}id", "").removeprefix("@+id/") for e in layout.iter()} - {""}
    named = {"string": strings, "id": ids, "layout": {"activity_main"}}
    used = [use for path in KOTLIN for use in re.findall(r"\bR\.(\w+)\.(\w+)", path.read_text())]
    used += [("string", s) for s in re.findall(r"@string/(\w+)", (MAIN / "AndroidManifest.xml").read_text())]
    assert {kind for kind, _ in used} == set(named)
    assert [use for use in used if use[1] not in named[use[0]]] == []


def test_the_build_names_what_is_there():
    build = (ANDROID / "app" / "build.gradle.kts").read_text()
    (cmake,) = re.findall(r'path = file\("([^"]+)"\)', build)
    lists = ANDROID / "app" / cmake
    (core,) = re.findall(r"add_subdirectory\((\S+) embed_c", lists.read_text())
    assert (lists.parent / core).resolve() == EMBED_C
    (library,) = re.findall(r"add_library\((\w+) SHARED native-lib.c\)", lists.read_text())
    loaded = {name for path in KOTLIN for name in re.findall(r'loadLibrary\("(\w+)"\)', path.read_text())}
    assert loaded == {library}
    assert 'abiFilters += "arm64-v8a"' in build
    options = (EMBED_C / "CMakeLists.txt").read_text() + "IREE_HOST_BIN_DIR"  # the latter is IREE's own
    given = re.findall(r'"-D(IREE_\w+)=\$\{path\("(\w+)"\)\}"', build)
    assert len(given) == 2
    for option, name in given:
        assert option in options
        assert f"#{name}=/" in (ANDROID / "gradle.properties").read_text()
    (namespace,) = re.findall(r'namespace = "(\S+)"', build)
    packages = {re.findall(r"^package (\S+)", path.read_text(), re.MULTILINE)[0] for path in KOTLIN}
    assert packages == {namespace}
