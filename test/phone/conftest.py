from pathlib import Path

import pytest
from phone.fake_phone import FakePhone


@pytest.fixture
def phone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakePhone:
    return FakePhone(tmp_path / "phone", monkeypatch)
