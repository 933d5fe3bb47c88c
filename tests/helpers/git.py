"""Git repositories that stand in for the Hub's."""

import subprocess


def git(*args, cwd, check=True) -> subprocess.CompletedProcess:
    return subprocess.run(["git", *map(str, args)], cwd=cwd, capture_output=True, text=True, check=check)


# what the Hub does with binaries in a plain push, as far as a local repository can show it
HUB_HOOK = """#!/bin/sh
while read old new ref; do
    git rev-list --objects $new | while read object path; do
        case "$path" in *.pkl|*.onnx|*.jpg|*.png)
            if ! git cat-file -p $object | head -c 40 | grep -q '^version https://git-lfs'; then
                echo "refused: $path is a binary; use LFS/Xet" >&2; exit 1; fi;;
        esac
    done || exit 1
done
"""
