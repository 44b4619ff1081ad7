"""A disk that becomes full."""

import subprocess

import pytest
from conftest import ROWS, command, make_set, results


def test_a_full_disk(tmp_path, single):
    """It stops with code 4 and leaves nothing half; with room again the same command ends the work."""
    small = tmp_path / "out"
    small.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=48k", "tmpfs", str(small)]
    if subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("mounting a small file system needs root")
    try:
        make_set(tmp_path, "quick")
        words = command(tmp_path, "--local", "--part-rows", "3")
        full = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True)
        assert full.returncode == 4 and "No space left" in full.stderr
        assert not list((small / "parts").glob(".tmp*"))
        subprocess.run(["mount", "-o", "remount,size=9m", str(small)], check=True)
        subprocess.run(words, cwd=tmp_path, check=True, capture_output=True)
        assert len(results(tmp_path)) == ROWS and results(tmp_path) == single(tmp_path)
    finally:
        subprocess.run(["umount", "-l", str(small)], check=True)
