"""What stands on the page, read back from its HTML."""

import base64
import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import chromium
import made_artifacts as made
import pytest

from rt3d_mlir.html_report.artifacts import read_artifacts
from rt3d_mlir.html_report.bench_files import Benched
from rt3d_mlir.html_report.masks import draw_mask
from rt3d_mlir.html_report.page import Page, build_page
from rt3d_mlir.html_report.phone_files import Phones, read_phone_files
from rt3d_mlir.html_report.speed import Speed
from rt3d_mlir.html_report.timing import Measured, Timing

HOST = {"target": "host", "cpu": "znver5"}
VOID = {"meta", "link", "img", "br", "col"}
HOSTILE = '"><script>alert(1)</script><img src=http://example.org/x onerror=alert(2)>&amp;$\\frac{</title>\u2066_'


class Read(HTMLParser):
    """Tags, tables as rows of texts, and the text of all that is no style; fails where tags do not nest."""

    def __init__(self, html: str):
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.tables: list[list[list[str]]] = []
        self.text = ""
        self.open: list[str] = []
        self.feed(html)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)
        if tag == "table":
            self.tables.append([])
        elif tag == "tr":
            self.tables[-1].append([])
        elif tag in ("td", "th"):
            self.tables[-1][-1].append("")

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "style" in self.open:
            return
        self.text += data
        if {"td", "th"} & set(self.open):
            self.tables[-1][-1][-1] += data.strip()

    def rows(self, table: int) -> dict[str, list[str]]:
        return {row[0]: row[1:] for row in self.tables[table] if row}

    def attributes(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


def page_of(
    folders: list[Path], timings: dict[str, Timing | str] | None = None, phones: list[Path] | None = None, **here: Any
) -> tuple[Page, Read]:
    artifacts = read_artifacts(folders)
    known = {artifact.name: "not run: --no-run" for artifact in artifacts} | (timings or {})
    speed = Speed(Measured(known, **here), Benched(), read_phone_files(phones, artifacts) if phones else Phones())
    page = build_page(artifacts, speed)
    return page, Read(page.html)


def timing(conv2: float, whole: float) -> Timing:
    return Timing("measured here, 1 thread", whole, {"conv1": 1.0, "conv2": conv2, "fc": 0.25}, 1e9)


def test_dense_and_pruned_with_their_times(tmp_path: Path):
    folders = [made.make_pruned(tmp_path / "pruned", **HOST), made.make(tmp_path / "dense", **HOST)]
    _, read = page_of(folders, {"dense": timing(4.0, 6.0), "pruned": timing(2.0, 4.0)}, where=["a machine", "a date"])
    summary = read.rows(0)
    assert summary["dense"] == ["host, f32", "100.0%", "0.864 M", "0.0", "6.000", "measured here, 1 thread", "-", "-"]
    assert summary["pruned"][1:2] + summary["pruned"][4:] == [
        "40.0%",
        "4.000",
        "measured here, 1 thread",
        "1.50x",
        "2.50x",
    ]
    layers = read.rows(1)
    dense = ["100.0%", "0.691 M", "4.000", "35%", "packed"]
    assert layers["conv2"] == ["32x16x3x3x3", *dense, "25.0%", "0.173 M", "2.000", "17%", "2.00x", "packed"]
    assert layers["fc"][-3:] == ["0%", "1.00x", "packed"]
    assert [cell for cell in layers["other ops, and between them"] if cell] == ["0.750", "0.750"]
    assert [cell for cell in layers["all"] if cell][-4:] == ["0.346 M", "4.000", "1.50x", "2.50x fewer MACs"]
    assert "A masked model is not a faster model" in read.text
    assert "Measured here: a machine; a date" in read.text


def test_what_is_not_known_is_a_dash_with_its_reason(tmp_path: Path):
    notes = [{"pass_name": "choose-groups", "layer": "conv1", "reason": "zeros that bring nothing"}]
    layers = [made.layer("conv1", reason="its kernel is too large", packed=False), made.layer("conv2", 0.25)]
    folders = [
        made.make(tmp_path / "dense", **HOST, sparsity={"group": "8x4", "notes": notes}),
        made.make(tmp_path / "old", layers, **HOST),
    ]
    _, read = page_of(folders)
    assert read.rows(0)["dense"][4:] == ["-", "not run: --no-run", "-", "-"]
    assert read.rows(1)["conv2"][:5] == ["32x16x3x3x3", "100.0%", "0.691 M", "-", "-"]
    assert "dense: no ms by layer: not run: --no-run" in read.text
    assert "dense: choose-groups: conv1: zeros that bring nothing" in read.text
    assert "not packed: its kernel is too large" in read.text
    assert "old: no masks: it is from before artifacts had kept.safetensors; compile again to see them" in read.text
    assert not any("Mask of" in str(image["alt"]) for image in read.attributes("img"))


def test_a_dense_net_by_winograd_is_said_to_be_no_equal(tmp_path: Path):
    pruned, said = (
        made.make_pruned(tmp_path / "pruned"),
        "compiled with --no-winograd, named first, compares like with like",
    )
    fast = made.make(
        tmp_path / "fast", [made.layer("conv1"), made.layer("conv2", reason="Winograd, tiles of 4x4"), made.layer("fc")]
    )
    direct = made.make(tmp_path / "direct")
    assert f"fast: layers go by Winograd, which pruned ones do only where they keep most; a dense artifact {said}" in (
        page_of([pruned, fast, direct])[1].text
    )
    assert said not in page_of([pruned, direct, fast])[1].text
    assert said not in page_of([fast])[1].text


def test_layers_without_a_time_are_named(tmp_path: Path):
    some = Timing("measured here, 1 thread", 6.0, {"conv1": 1.0}, None)
    _, read = page_of([made.make(tmp_path / "dense", **HOST)], {"dense": some})
    assert "dense: no ms for conv2, fc: not packed, or IREE keeps one kernel for several" in read.text
    assert "dense: no share of peak: gpu.json names no peak" in read.text
    assert read.rows(1)["conv1"][2:] == ["0.173 M", "1.000", "-", "packed"]


def test_pictures_are_in_the_page_and_beside_it(tmp_path: Path):
    page, read = page_of([made.make(tmp_path / "dense"), made.make_pruned(tmp_path / "pruned")])
    images = read.attributes("img")
    shown = [base64.b64decode(str(image["src"]).removeprefix("data:image/png;base64,")) for image in images]
    assert list(page.pictures) == ["01-layers-cortex-a76-f32.png", "02-mask-pruned-conv2.png"]
    assert shown == list(page.pictures.values())
    picture = draw_mask(made.mask().mask)
    assert shown[1] == picture.png
    assert (images[1]["width"], images[1]["height"]) == tuple(map(str, picture.size))
    assert "32x16x3x3x3 in groups of 8x4: 4 rows of filter groups, 4 channel groups, 3x3x3 locations." in read.text
    counts = made.mask().mask.sum(axis=(1, 2, 3, 4))
    assert f"Rows keep {counts.min()} to {counts.max()} of 108 blocks." in read.text


def test_phones_beside_projections(tmp_path: Path):
    folders = [made.make(tmp_path / "dense"), made.make_pruned(tmp_path / "pruned")]
    config = tmp_path / "quarter.json"
    config.write_text('{"conv2.weight": 0.75}')
    hot = made.record(folders[1], 25.0)
    hot["after"] = {**hot["after"], "cores": [{**core, "limit_khz": 1200000} for core in hot["after"]["cores"]]}
    data = {
        "static": [
            made.projection("dense", 30.0),
            made.projection(str(config), 12.0),
            made.projection("dense", dtype="f16"),
        ],
        "dense": made.record(folders[0], 60.0),
        "pruned": hot,
        "other": made.record(folders[0], module_sha256="ab" * 32),
    }
    for name, each in data.items():
        (tmp_path / f"{name}.json").write_text(json.dumps(each))
    page, read = page_of(folders, phones=[tmp_path / f"{name}.json" for name in data])
    table = read.rows(-1)
    assert table["measured on Acme One, big cores, 4 threads, glibc runtime"] == ["60.0", "25.0", "2.40x", "2.50x"]
    assert table["projected: Snapdragon 865, all cores"] == ["30.0", "12.0", "2.50x", "2.50x"]
    assert list(table)[2:] == [
        "measured on Acme One, big cores, 4 threads, glibc runtime",
        "projected: Snapdragon 865, one big core",
        "projected: Snapdragon 865, all cores",
    ]
    assert read.rows(0)["pruned"][4:] == [
        "25.0",
        "measured on Acme One, big cores, 4 threads, glibc runtime",
        "2.40x",
        "2.50x",
    ]
    assert read.rows(1)["conv2"][4] == "90%"
    assert "38.5 C (cpu-1-0-usr), up to 1.20 GHz (of 2.40), governor schedutil" in read.text
    held = (
        "pruned.json, measured on Acme One, big cores, 4 threads, glibc runtime: held below their top frequency: cores"
    )
    assert f"{held} 4, 5, 6, 7" in read.text
    assert "of another module, sha256 abababababab…" in read.text
    assert "static.json: net dense for cortex-a76, f16, projected: no artifact is of that model" in read.text
    projected = [cell for cell in re.findall(r'<td class="[^"]*projected">([^<]*)</td>', page.html) if cell != "-"]
    assert "12.0" in projected
    assert "25.0" not in projected


def test_a_projection_stands_in_the_summary_where_nothing_was_measured(tmp_path: Path):
    (tmp_path / "static.json").write_text(json.dumps([made.projection("dense", 30.0)]))
    page, read = page_of([made.make(tmp_path / "dense")], phones=[tmp_path / "static.json"])
    assert read.rows(0)["dense"][4:6] == ["30.0", "projected: Snapdragon 865, all cores"]
    assert '<td class="projected">30.0</td>' in page.html


def test_hostile_names_are_text(tmp_path: Path):
    shape = made.SHAPES["conv2"]
    layers = [
        made.Layer(HOSTILE, shape, 800, 200, 0.25, True, HOSTILE),
        made.Layer("_" + HOSTILE, shape, 800, 800, 1.0, False, HOSTILE),
    ]
    note = {"pass_name": HOSTILE, "layer": HOSTILE, "reason": HOSTILE}
    folder = made.make(
        tmp_path / "<b>$x_{1}$</b>",
        layers,
        {HOSTILE: made.mask()},
        model=HOSTILE,
        target=HOSTILE,
        cpu=HOSTILE,
        tools={HOSTILE: HOSTILE},
        sparsity={"group": HOSTILE, "notes": [note]},
    )
    record = made.record(folder, date=HOSTILE, phone={"model": HOSTILE, "soc": HOSTILE, "android": HOSTILE})
    apart = made.projection(HOSTILE, model=HOSTILE)
    paths = [tmp_path / "<i>a.json", tmp_path / "b.json"]
    for path, each in zip(paths, (record, [apart]), strict=True):
        path.write_text(json.dumps(each))
    page, read = page_of([folder], {folder.name: HOSTILE}, paths)
    assert {tag for tag, _ in read.tags} & {"script", "iframe", "b", "i", "form", "object"} == set()
    assert all(not name.startswith("on") for _, attributes in read.tags for name in attributes)
    assert all(str(image["src"]).startswith("data:image/png;base64,") for image in read.attributes("img"))
    assert read.text.count(HOSTILE) > 10
    assert all(re.fullmatch(r"\d\d-[A-Za-z0-9._-]+\.png", name) for name in page.pictures)


def test_the_same_data_are_the_same_bytes(tmp_path: Path):
    folders = [made.make(tmp_path / "dense", **HOST), made.make_pruned(tmp_path / "pruned", **HOST)]
    first, second = (page_of(folders, {"dense": timing(4.0, 6.0)})[0] for _ in range(2))
    assert first == second


def test_the_browser_finds_nothing_to_complain_of_and_asks_for_nothing(tmp_path: Path):
    folders = [made.make(tmp_path / "dense", **HOST), made.make_pruned(tmp_path / "pruned", **HOST)]
    page, _ = page_of(folders, {"dense": timing(4.0, 6.0), "pruned": timing(2.0, 4.0)})
    (tmp_path / "report.html").write_text(page.html, encoding="utf-8")
    opened = chromium.open_page(tmp_path / "report.html", tmp_path)
    assert (opened.console, opened.requests) == ([], [])


def test_a_page_that_does_either_is_caught(tmp_path: Path):
    bad = '<script>console.error("wrong"); missing()</script><img src="http://127.0.0.1:9/x.png"><img src="https://a.test/y">'
    (tmp_path / "bad.html").write_text(f"<!DOCTYPE html><title>bad</title>{bad}")
    opened = chromium.open_page(tmp_path / "bad.html", tmp_path)
    assert [line.split('"')[1] for line in opened.console] == [
        "wrong",
        "Uncaught ReferenceError: missing is not defined",
    ]
    assert opened.requests == ["http://127.0.0.1:9/x.png", "https://a.test/y"]


@pytest.mark.parametrize("script", ["<script>alert(1)</script>", "<img src=https://a.test/x>"])
def test_the_page_itself_lets_nothing_in(tmp_path: Path, script: str):
    """Its policy is the second line, behind the escaping: nothing runs and nothing is asked for."""
    page, _ = page_of([made.make(tmp_path / "dense")])
    (tmp_path / "report.html").write_text(page.html.replace("<main>", f"<main>{script}"), encoding="utf-8")
    opened = chromium.open_page(tmp_path / "report.html", tmp_path)
    assert len(opened.console) == 1
    assert "Content Security Policy" in opened.console[0]
    assert opened.requests == []
