"""Checkpoints of a training: whole and unchanged, of the same training, or none at all."""

import hashlib
import io
import json
import os
import pickle
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import torch

_HASH_BYTES: Final = 32
_STAMP_NAME: Final = "training.json"


def save_aside(state: dict[str, Any], path: Path) -> None:
    """Write a checkpoint, after its SHA-256, beside its place; then move it there."""
    buffer = io.BytesIO()
    torch.save(state, buffer)
    aside = path.with_name(path.name + ".new")
    with aside.open("wb") as file:
        file.write(hashlib.sha256(buffer.getbuffer()).digest())
        file.write(buffer.getbuffer())
        file.flush()
        os.fsync(file.fileno())
    aside.replace(path)


def load_aside(path: Path) -> dict[str, Any] | None:
    """A checkpoint, or None where there is none or it is not what was written: then the work begins anew.

    torch reads a checkpoint with changed bytes without complaint.
    """
    if not path.exists():
        return None
    content = path.read_bytes()
    if hashlib.sha256(content[_HASH_BYTES:]).digest() != content[:_HASH_BYTES]:
        return None
    try:
        state: dict[str, Any] = torch.load(io.BytesIO(content[_HASH_BYTES:]), weights_only=True, map_location="cpu")
    except (RuntimeError, EOFError, KeyError, ValueError, pickle.UnpicklingError):  # of another version of torch
        return None
    return state


def claim(folder: Path, made_from: Mapping[str, Any]) -> None:
    """Empty the folder of checkpoints if they were made from something else, and say in it what they are made from.

    Parameters
    ----------
    folder : Path
        Of the checkpoints; made if it is not there.
    made_from : mapping
        What decides the outcome, as JSON knows it.
    """
    stamp = folder / _STAMP_NAME
    wanted = json.dumps(made_from, sort_keys=True)
    if stamp.exists() and stamp.read_text(encoding="utf-8", errors="replace") == wanted:
        return
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    stamp.write_text(wanted, encoding="utf-8")
