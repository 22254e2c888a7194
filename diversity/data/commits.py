"""The commit that a name on the Hugging Face hub stands for: found out once, remembered, and used again."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Literal

from diversity import store
from diversity.types import InputError

Kind = Literal["model", "dataset"]
COMMIT = re.compile("[0-9a-f]{40}")
REPOSITORY = re.compile(r"[\w-][\w.-]*/[\w-][\w.-]*")  # owner/name
REMEMBERED = "hub.json"  # in the cache folder: "model owner/name" -> commit


def commit_of(repository: str, revision: str = "", kind: Kind = "model") -> str:
    """The full commit of a repository of the hub, at a commit, a branch or a tag; without any, the one remembered.

    A full commit is given back as it is. A branch or tag is looked up each time; a name alone the first time, as its main
    branch, and what it was then is used again. Raises InputError where the hub cannot say it.
    """
    if COMMIT.fullmatch(revision):
        return revision
    before = _remembered()
    if not revision and f"{kind} {repository}" in before:
        return before[f"{kind} {repository}"]
    commit = _looked_up(repository, revision or "main", kind)
    if not revision:
        folder = store.cache_folder()
        folder.mkdir(parents=True, exist_ok=True)
        known = {**before, f"{kind} {repository}": commit}
        store.write(folder / REMEMBERED, json.dumps(known, indent=1, sort_keys=True))
    return commit


def _remembered() -> dict[str, str]:
    try:
        known = json.loads((store.cache_folder() / REMEMBERED).read_text())
    except (OSError, ValueError):
        return {}
    return known if isinstance(known, dict) else {}


def _looked_up(repository: str, revision: str, kind: Kind) -> str:
    """The commit of a revision, from the hub; where that is not reached, from what was downloaded before."""
    import huggingface_hub

    try:
        return str(huggingface_hub.HfApi().repo_info(repository, repo_type=kind, revision=revision).sha)
    except Exception as error:  # the hub client raises httpx, requests, OS and its own errors
        try:
            local = huggingface_hub.snapshot_download(
                repository, repo_type=kind, revision=revision, local_files_only=True
            )
        except Exception:
            raise unreachable(f"{repository}@{revision}", kind, error) from error
        return Path(local).name


def unreachable(what: str, kind: Kind, error: Exception) -> InputError:
    """The line for what the hub cannot give."""
    reason = str(error).splitlines()[0] if str(error) else type(error).__name__
    noun = "data set" if kind == "dataset" else "model"
    return InputError(
        f"{what}: expected a {noun} of the hub (nothing of that name is on this disk), found {type(error).__name__}: "
        f"{reason}"
    )
