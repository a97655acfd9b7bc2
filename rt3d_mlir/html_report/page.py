"""The page as text, and its pictures by file name."""

import base64
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib import metadata, resources
from typing import Any

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from rt3d_mlir.html_report import phone_section, sections
from rt3d_mlir.html_report.artifacts import Artifact, Group, groups_of
from rt3d_mlir.html_report.chart import draw_chart
from rt3d_mlir.html_report.layer_table import layer_table
from rt3d_mlir.html_report.masks import draw_mask
from rt3d_mlir.html_report.speed import Speed

#: Also how a folder with a report is known.
GENERATOR = "rt3d-mlir-report"


#: Pictures with more pixels across have a row of the page to themselves.
WIDE = 540


@dataclass
class Page:
    """`html` shows the pictures itself; `pictures` are the same as PNGs, by file name."""

    html: str = ""
    pictures: dict[str, bytes] = field(default_factory=dict)

    def add(self, name: str, png: bytes) -> dict[str, str]:
        """A picture, by a name of letters that any file system takes; numbers keep names apart."""
        plain = re.sub(r"[^A-Za-z0-9.-]+", "_", name)[:80]
        self.pictures[f"{len(self.pictures) + 1:02d}-{plain}.png"] = png
        return {"uri": f"data:image/png;base64,{base64.b64encode(png).decode()}"}


def build_page(artifacts: Sequence[Artifact], speed: Speed) -> Page:
    """The report of these artifacts; the same data give the same bytes."""
    page, groups = Page(), groups_of(artifacts)
    models = ", ".join(dict.fromkeys(artifact.manifest.model for artifact in artifacts))
    targets = ", ".join(dict.fromkeys(artifact.manifest.target for artifact in artifacts))
    count = f"{len(artifacts)} artifact{'s' * (len(artifacts) > 1)}"
    source = resources.files("rt3d_mlir.html_report")
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=False)
    template = environment.from_string((source / "page.html").read_text(encoding="utf-8"))
    page.html = template.render(
        generator=GENERATOR,
        version=metadata.version("rt3d-mlir"),
        css=Markup((source / "page.css").read_text(encoding="utf-8")),
        title=f"{models}, compiled by rt3d_mlir",
        lead=f"What pruning keeps, and what it saves: {count} for {targets}",
        warnings=phone_section.warnings(speed),
        summary=sections.summary(groups, speed),
        where=[*([f"Measured here: {'; '.join(speed.here.where)}"] if speed.here.where else []), *speed.benched.where],
        groups=[_group(group, speed, page) for group in groups],
        phone_tables=phone_section.phone_tables(groups, speed),
        phone_runs=phone_section.phone_runs(speed),
        apart=phone_section.apart(speed),
        compiled=[(artifact.name, sections.compiled(artifact)) for artifact in artifacts],
    )
    return page


def _group(group: Group, speed: Speed, page: Page) -> dict[str, Any]:
    timings = {each.name: timing for each in group.artifacts if (timing := speed.timing(each))}
    name = f"layers-{group.first.manifest.target}-{group.first.manifest.dtype}"
    return {
        "title": group.title,
        "table": layer_table(group, speed),
        "remarks": sections.remarks(group, speed),
        "chart": page.add(name, draw_chart(group.artifacts, timings)),
        "masks": [mask for artifact in group.artifacts for mask in _masks(artifact, page)],
    }


def _masks(artifact: Artifact, page: Page) -> list[dict[str, Any]]:
    found = []
    for layer in artifact.pruned:
        kept = artifact.kept.get(layer.name)
        if kept is None:
            continue
        picture = draw_mask(kept.mask)
        found.append(
            {
                "title": f"{layer.name}, {layer.kept_share:.1%} kept, {artifact.name}",
                "picture": page.add(f"mask-{artifact.name}-{layer.name}", picture.png),
                "wide": picture.size[0] > WIDE,
                "width": picture.size[0],
                "height": picture.size[1],
                "caption": sections.mask_caption(artifact, layer, kept, picture),
            }
        )
    return found
