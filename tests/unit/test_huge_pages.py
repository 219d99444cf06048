"""Starting a command again for huge pages: once, and only for commands."""

import pytest

from spectrax.core import huge_pages


@pytest.fixture
def restarts(monkeypatch):
    """The command lines that a process would be replaced by."""
    lines = []
    monkeypatch.setattr(huge_pages.os, "execv", lambda path, words: lines.append(words))
    monkeypatch.setattr(huge_pages, "_can_be_had", lambda: True)
    monkeypatch.delenv("GLIBC_TUNABLES", raising=False)
    return lines


def test_a_command_restarts_once_with_the_same_words(restarts, monkeypatch):
    monkeypatch.setattr(huge_pages.sys, "orig_argv", ["python", "-m", "spectrax.train", "run_dir=a b"])
    huge_pages.restart_with_huge_pages()
    huge_pages.restart_with_huge_pages()
    assert [words[1:] for words in restarts] == [["-m", "spectrax.train", "run_dir=a b"]]
    assert huge_pages.os.environ["GLIBC_TUNABLES"].split(":")[0] == "glibc.malloc.hugetlb=1"


@pytest.mark.parametrize("words", [["python"], ["python", "-m", "pytest", "spectrax.train"], ["python", "own.py"]])
def test_nothing_else_restarts(restarts, monkeypatch, words):
    monkeypatch.setattr(huge_pages.sys, "orig_argv", words)
    huge_pages.restart_with_huge_pages()
    assert restarts == []


def test_the_users_own_wish_stays(restarts, monkeypatch):
    monkeypatch.setattr(huge_pages.sys, "orig_argv", ["python", "-m", "spectrax.train"])
    monkeypatch.setenv("GLIBC_TUNABLES", "glibc.malloc.check=1")
    huge_pages.restart_with_huge_pages()
    assert restarts == []


def test_another_kernel_policy_is_left_alone(tmp_path, monkeypatch):
    policy = tmp_path / "enabled"
    policy.write_text("always madvise [never]\n")
    monkeypatch.setattr(huge_pages, "_POLICY", policy)
    assert not huge_pages._can_be_had()
