"""mkdocs' hooks: which files the site has beside those of docs/, and what is added to their text.

A page keeps its place in the repository, those of docs/ without that folder. So the same links serve on the forge and
here, once they are mapped like the pages.
"""

import os
import re
from pathlib import Path, PurePosixPath

from api_pages import api_pages
from message_list import messages_page
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page
from pass_pages import pass_pages
from tool_pages import scripts, tool_page

ROOT = Path(__file__).parents[2]
_PAGES = ("README.md", "SECURITY.md", "CONTRIBUTING.md", "CHANGELOG.md")
#: Folders whose pages come in the order of the code.
_ORDERED = ("passes/", "api/")
_ROLE = re.compile(r":(?:class|func|mod):(?=<code>)")
_LINK = re.compile(r"(!?)\[([^\]\n]*)\]\(([^)\s]+)\)")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Adds the pages beside the code, the samples, and pages for passes, the API, and tools that have none by hand."""
    for path in (*(ROOT / name for name in _PAGES), *_sample_files()):
        name = path.relative_to(ROOT).as_posix()
        files.append(File.generated(config, name, abs_src_path=str(path)))
    for name, text in {**pass_pages(), **api_pages()}.items():
        files.append(File.generated(config, name, content=text))
    for script in scripts():
        if files.get_file_from_path(f"tools/{script}.md") is None:
            files.append(File.generated(config, f"tools/{script}.md", content=f"# {script}\n"))
    config.nav = [_expand(entry, files) for entry in config.nav or []]
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Maps the links of pages that lie in the repository, and appends what the code says of itself."""
    name = page.file.src_uri
    if page.file.abs_src_path is not None:
        markdown = _LINK.sub(lambda match: _map_link(match, name, files), markdown)
    if name == "troubleshooting.md":
        return f"{markdown}\n{messages_page(ROOT)}"
    folder, _, stem = name.removesuffix(".md").rpartition("/")
    return f"{markdown}\n{tool_page(stem)}" if folder == "tools" and stem in scripts() else markdown


def on_page_content(content: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Takes the roles of docstrings away, which editors read: of :func:`build` the name is left."""
    return _ROLE.sub("", content) if page.file.src_uri.startswith("api/") else content


def _sample_files() -> list[Path]:
    """The samples' READMEs, and the pictures that they show."""
    return sorted(path for end in ("README.md", "*.png") for path in (ROOT / "samples").glob(f"*/{end}"))


def _expand(entry: object, files: Files) -> object:
    """An entry of the nav; `tools/` becomes a list, the index first, passes in the order of the pipeline."""
    if not isinstance(entry, dict):
        return entry
    ((title, value),) = entry.items()
    if not (isinstance(value, str) and value.endswith("/")):
        return entry
    pages = [file.src_uri for file in files.documentation_pages() if file.src_uri.startswith(value)]
    index = f"{value}index.md"
    others = [name for name in pages if name != index]
    return {title: [index, *(others if value in _ORDERED else sorted(others))]}


def _map_link(match: re.Match[str], name: str, files: Files) -> str:
    """The link as the site needs it; its text alone where it leads to a file of the repository that is no page."""
    image, text, target = match.groups()
    path, hash_, anchor = target.partition("#")
    if ":" in target or not path:
        return match[0]
    place = PurePosixPath(name if (ROOT / name).is_file() else f"docs/{name}")
    found = Path(os.path.normpath(ROOT / place.parent / path))
    if found.is_dir() and (found / "README.md").is_file():
        found /= "README.md"
    if not found.is_relative_to(ROOT):
        return match[0]
    uri = found.relative_to(ROOT).as_posix().removeprefix("docs/")
    if files.get_file_from_path(uri) is None:
        return text if found.exists() else match[0]
    relative = os.path.relpath(uri, PurePosixPath(name).parent)
    return f"{image}[{text}]({relative}{hash_}{anchor})"
