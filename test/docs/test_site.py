"""The site is built once, strictly, and what it has is compared with the code."""

import ast
import html
import inspect
import re
import runpy
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import pytest
import yaml

import rt3d_mlir
from rt3d_mlir.passes.pipeline import ENTRIES, PASSES, STAGES
from rt3d_mlir.tools import compile as compile_tool
from rt3d_mlir.tools import opt as opt_tool

ROOT = Path(__file__).parents[2]
#: Pages of the repository's root, after README.md.
BESIDE = ("CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md")
SCRIPTS = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"]
#: Characters of a line of code that the theme shows without a scroll bar.
WIDTH = 92
#: Attributes by which a page makes the browser fetch something, a link that is followed by hand not among them.
FETCHED = {"script": "src", "img": "src", "iframe": "src", "source": "src", "link": "href", "object": "data"}


class Fetched(HTMLParser):
    """The addresses that a page fetches."""

    def __init__(self, page: str):
        super().__init__()
        self.addresses: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.addresses += [value for name, value in attrs if name == FETCHED.get(tag) and value]


def build(source: Path, site: Path) -> subprocess.CompletedProcess[str]:
    """mkdocs in a process of its own: what its packages warn of is not ours. With --quiet it would not be strict."""
    command = [sys.executable, "-m", "mkdocs", "build", "--site-dir", str(site)]
    return subprocess.run(command, cwd=source, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("docs") / "site"
    done = build(ROOT, folder)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


def text(page: Path) -> str:
    """What a reader sees of the page's own part, in single spaces."""
    article = page.read_text().partition("<article")[2].partition("</article>")[0]
    return " ".join(html.unescape(re.sub(r"<[^>]*>", "", article)).split())


def words(markdown: str) -> list[str]:
    return re.sub(r"[`*]", "", markdown).split()


def test_no_page_fetches_anything_from_elsewhere(site: Path):
    pages = list(site.rglob("*.html"))
    assert len(pages) > 30
    for page in pages:
        addresses = Fetched(page.read_text()).addresses
        assert addresses, page
        assert not [each for each in addresses if re.match(r"(\w+:)?//", each)], page
        assert 'class="mermaid"' not in page.read_text(), f"{page}: the theme fetches mermaid"
    for sheet in site.rglob("*.css"):
        assert not re.search(r"(url\(|@import)\s*[\"']?(https?:)?//", sheet.read_text()), sheet


def test_no_block_of_code_is_wider_than_its_page(site: Path):
    wide = [
        f"{page.relative_to(site)}: {line}"
        for page in site.rglob("*.html")
        for block in re.findall(r"<pre\b.*?</pre>", page.read_text(), re.DOTALL)
        for line in html.unescape(re.sub(r"<[^>]*>", "", block)).splitlines()
        if len(line) > WIDTH
    ]
    assert not wide, "the site cuts what is wider:\n" + "\n".join(wide)


@pytest.mark.parametrize("name", PASSES)
def test_each_pass_has_a_page_with_its_docstrings(site: Path, name: str):
    cls = PASSES[name]
    document = sys.modules[cls.__module__].__doc__ or ""
    seen = "".join(words(text(site / "passes" / f"{name}.html"))).lower()
    for paragraph in document.removeprefix(f"{name}: ").split("\n\n"):
        assert "".join(words(paragraph)).lower() in seen
    assert "".join(words(cls.__doc__ or "")).lower() in seen


def test_passes_of_the_menu_are_in_their_order(site: Path):
    seen = re.findall(r'href="([a-z0-9-]+)\.html" class="md-nav__link"', (site / "passes" / "index.html").read_text())
    assert [each for each in seen if each in PASSES] == list(PASSES)


def test_each_public_name_is_on_its_page_of_the_api(site: Path):
    listing = runpy.run_path(str(ROOT / "docs" / "hooks" / "api_pages.py"))
    pages = {path: path.read_text() for path in (site / "api").glob("*.html")}
    assert {"rt3d_mlir", *(f"rt3d_mlir.{name}" for name in rt3d_mlir._MODULES)} <= set(listing["modules"]())
    for module in listing["modules"]():
        names = listing["public_names"](module)
        (page,) = (text for path, text in pages.items() if f'id="{module}.{names[0]}"' in text)
        for name in names:
            assert f'id="{module}.{name}"' in page, f"{module}.{name}"
        assert not re.search(r":(class|func|mod|meth|attr|data|exc):", page), module


def test_the_api_has_the_docstrings(site: Path):
    seen = "".join(text(site / "api" / "rt3d_mlir.html").split())
    for name in rt3d_mlir.__all__:
        for paragraph in (inspect.getdoc(getattr(rt3d_mlir, name)) or "nothing").split("\n\n"):
            assert "".join(words(paragraph)) in seen, name


def test_passes_run_in_the_order_of_the_stages(capsys: pytest.CaptureFixture[str]):
    stages = [entry.stage for entry in ENTRIES]
    assert stages == sorted(stages, key=list(STAGES).index)
    opt_tool.main(["--help"])
    shown = capsys.readouterr().out.partition("in the order of a compile:")[2]
    listed = [word for word in re.findall(r"[a-z0-9-]+", shown) if word in PASSES]
    assert listed[: len(PASSES)] == list(PASSES)
    for title in STAGES.values():
        first = next(entry.cls.name for entry in ENTRIES if STAGES[entry.stage] == title)
        assert f"{title} {first}" in " ".join(shown.split())


@pytest.mark.parametrize("script", SCRIPTS)
def test_each_tool_has_a_page_with_its_help(site: Path, script: str):
    seen = text(site / "tools" / f"{script}.html")
    assert f"usage: {script}" in seen
    assert "show this help message and exit" in seen


def test_no_page_of_a_tool_that_is_gone():
    pages = {path.stem for path in (ROOT / "docs" / "tools").glob("*.md")} - {"index"}
    assert pages <= set(SCRIPTS)


def test_help_is_the_tools_own(site: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("COLUMNS", "92")
    compile_tool.main(["--help"])
    assert " ".join(capsys.readouterr().out.split()) in text(site / "tools" / "rt3d-mlir-compile.html")


@pytest.mark.parametrize("dead", ["", "nowhere.md", "../README.md#nowhere", "../samples/nowhere/README.md"])
def test_a_dead_link_fails_the_build(tmp_path: Path, dead: str):
    good = "[a](../README.md#b) [c](../SECURITY.md) [code, without a page](../README.txt)"
    hooks = {
        "api_pages.py": "def api_pages(): return {}",
        "pass_pages.py": "def pass_pages(): return {}",
        "tool_pages.py": "def scripts(): return {}\ntool_page = None",
        "message_list.py": "messages_page = None",
        "site.py": (ROOT / "docs" / "hooks" / "site.py").read_text(),
    }
    config = {**yaml.safe_load((ROOT / "mkdocs.yml").read_text()), "nav": ["README.md", *BESIDE, "page.md"]}
    files = {
        "mkdocs.yml": yaml.safe_dump(config),
        "README.md": "# A\n\n## B\n\n[page](docs/page.md)\n",
        "README.txt": "",
        **dict.fromkeys(BESIDE, "# C\n"),
        "docs/site.css": "",
        "docs/page.md": f"# A page\n\n{good} {dead and f'[dead]({dead})'}\n",
        **{f"docs/hooks/{name}": text for name, text in hooks.items()},
    }
    for name, content in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(content)
    done = build(tmp_path, tmp_path / "site")
    assert done.returncode == bool(dead), done.stderr
    assert not dead or "nowhere" in done.stderr, done.stderr


def snippets() -> Iterator[tuple[str, str]]:
    pages = [*(ROOT / name for name in ("README.md", *BESIDE)), *(ROOT / "docs").rglob("*.md")]
    for page in sorted(pages):
        for code in re.findall(r"^```python\n(.*?)^```", page.read_text(), re.MULTILINE | re.DOTALL):
            yield page.relative_to(ROOT).as_posix(), code


def test_python_in_the_docs_is_python():
    found = list(snippets())
    assert {"README.md", "docs/quick-start.md"} <= {name for name, _ in found}
    for name, code in found:
        ast.parse(code, name)


def test_the_snippet_of_the_quick_start_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.chdir(tmp_path)
    (code,) = [code for name, code in snippets() if name == "docs/quick-start.md"]
    exec(compile(code, "quick-start.md", "exec"), {})
    rate, shape = capsys.readouterr().out.splitlines()
    assert float(rate.partition("x")[0]) > 2
    assert shape == "(1, 32, 6, 30, 30)"


def test_the_diagrams_are_the_list_of_passes():
    """architecture.md's has all passes in order, README's some of them; each is drawn for a CPU."""
    names = [name for name in PASSES if name != "schedule-vulkan"]
    page = (ROOT / "docs" / "architecture.md").read_text().partition("floor 3: scheduled")[0]
    before, _, after = page.partition("floor 2: packed")
    kernels = [entry.cls.name for entry in ENTRIES if entry.stage == "schedule" and entry.cls.name in names]
    assert re.findall(r"^   │  ([a-z0-9-]+) ", before, re.M) == [name for name in names if name not in kernels]
    assert re.findall(r"^   │  ([a-z0-9-]+) ", after, re.M) == kernels
    drawn = re.search(r"floor 1: imported.*?floor 3: scheduled", (ROOT / "README.md").read_text(), re.S)
    assert drawn is not None
    seen = [word for word in re.findall(r"[a-z0-9-]+", drawn[0]) if word in names]
    assert seen == sorted(seen, key=names.index)


def test_the_table_of_folders_is_what_the_script_writes():
    script = runpy.run_path(str(ROOT / "docs" / "pictures" / "imports.py"))
    page = (ROOT / "docs" / "architecture.md").read_text()
    assert page == script["written"](page), "write it again: python docs/pictures/imports.py"


def test_pictures_are_what_the_script_draws():
    pictures = ROOT / "docs" / "pictures"
    drawn = runpy.run_path(str(pictures / "draw.py"))["draw"]()
    imports = runpy.run_path(str(pictures / "draw_imports.py"))
    drawn["imports.svg"] = imports["picture"](imports["folders"](), imports["TITLE"])
    committed = {path.name: path.read_text() for path in pictures.glob("*.svg")}
    del committed["imports-before.svg"]  # of a commit
    assert committed == drawn, "draw them again: python docs/pictures/draw.py and draw_imports.py"


def test_the_example_has_the_same_sum_everywhere():
    total = re.search(r"sum: (\[\d+ \d+\])", (ROOT / "docs" / "pictures" / "packing.svg").read_text())
    assert total is not None
    for page in ("architecture.md", "concepts.md"):
        assert total[1] in (ROOT / "docs" / page).read_text(), page
