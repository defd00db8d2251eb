"""docs/families.md is what its script writes; the ban list is what its command makes of a folder."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
from argparse import Namespace
from pathlib import Path

import pytest

from agent_runtime.model.families.base import BAN_LIST, question_hash
from tests.scripts.loading import load_script

ROOT = Path(__file__).resolve().parents[2]


def test_the_page_is_up_to_date() -> None:
    done = subprocess.run(
        [sys.executable, "scripts/make_families_page.py", "--check"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_the_ban_list_is_made_from_a_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    script = load_script("train_model")
    monkeypatch.setattr(script, "MODEL_FOLDER", tmp_path)
    question = "Which is it?\nOptions:\n(A) this\n(B) that"
    (tmp_path / "a.json").write_text(json.dumps({"examples": [{"input": question, "target": "(A)"}]}))
    script.ban(Namespace(bbh=tmp_path))
    assert capsys.readouterr().out == "1 questions banned, 2 hashes\n"
    hashes = gzip.decompress((tmp_path / BAN_LIST).read_bytes()).decode().split()
    assert sorted(hashes) == sorted([question_hash(question), question_hash("Which is it?")])
