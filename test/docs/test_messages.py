"""The messages that the docs quote are the code's own."""

import re
import runpy
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
listing = runpy.run_path(str(ROOT / "docs" / "hooks" / "message_list.py"))
TEXTS = set(listing["texts"](ROOT))


def quoted(page: str) -> list[str]:
    """What stands in the first column of the tables of messages."""
    table = False
    found: list[str] = []
    for line in (ROOT / page).read_text().splitlines():
        table = line.startswith("|") and (table or line.startswith("| message |"))
        if table:
            found += re.findall(r"`([^`]+)`", line.split(" | ")[0])
    return found


def occurs(quote: str) -> bool:
    """Whether one text of the code has the quote's pieces between … in this order."""
    pieces = [re.escape(piece.strip()) for piece in quote.split("…") if piece.strip(" :()',")]
    pattern = re.compile(".*".join(pieces))
    return any(pattern.search(text) for text in TEXTS)


@pytest.mark.parametrize(("page", "least"), [("docs/troubleshooting.md", 70), ("docs/phone.md", 18)])
def test_quoted_messages_occur_in_the_code(page: str, least: int):
    quotes = quoted(page)
    assert len(quotes) >= least
    assert [quote for quote in quotes if not occurs(quote)] == []


def test_invented_messages_are_found_out():
    assert not occurs("the flux capacitor is …, expected …")
    assert not occurs("adb sees no device: … choose another folder")  # two messages, each of which is there


def test_the_list_has_plain_and_composed_messages():
    messages = listing["messages"](ROOT)
    assert (
        "adb was not found: install Android's platform-tools (Debian: adb), and put it on PATH"
        in messages["DeviceError"]
    )
    assert "… exists; choose another folder, or --force to replace it" in messages["ArtifactError"]
    assert any(text.startswith("no target is called '…'; known: …") for text in messages["TargetError"])
