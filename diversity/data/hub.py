"""Fetch a task's rows from the Hugging Face hub, at a pinned revision: `diversity data fetch`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from diversity import catalog, store
from diversity.data import sources
from diversity.data.lock import Lock
from diversity.types import Hub, InputError, Task


@dataclass(frozen=True)
class Fetched:
    """What was fetched of one repository of the hub."""

    repo: str
    revision: str
    files: int
    folder: str
    caution: str


def hubs(task: Task, languages: Sequence[str] | None = None) -> dict[str, list[tuple[Hub, str]]]:
    """The repositories of a task, with the configurations that hold the languages."""
    by_repo: dict[str, list[tuple[Hub, str]]] = {}
    for parts in task.splits.values():
        for hub in (p.hub for p in parts if p.hub):
            for language in languages or task.languages:
                config = hub.config_of(language)
                if config is not None and (hub, config) not in by_repo.setdefault(hub.repo, []):
                    by_repo[hub.repo].append((hub, config))
    return by_repo


def fetch(
    names: Sequence[str],
    *,
    data: Path | str,
    languages: Sequence[str] | None = None,
    notify: Callable[[str], None] = lambda _: None,
) -> list[Fetched]:
    """Fetch tasks from the hub to DATA/OWNER/NAME as Parquet, at the pinned revision or the one in the lock file.

    Where neither names a revision, the newest is resolved once and written to the lock file, before anything is fetched.
    A fetch that was interrupted goes on where it was.

    Parameters
    ----------
    names
        Tasks to download.
    data
        Folder to download to.
    languages
        Languages; default: all of a task.
    notify
        A function that is called with each note.

    Returns
    -------
    list[Fetched]
        What was downloaded, and from which revision.

    Raises
    ------
    InputError
        Where the hub cannot be reached or does not have the files; it says what to do.

    Examples
    --------
    This one is not run by the tests, for it downloads 100 MB:

    >>> fetch(["mnli"], data="DATA")  # doctest: +SKIP
    """
    folder = Path(data)
    wanted: dict[str, list[tuple[Hub, str]]] = {}
    for name in names:
        task = catalog.task(name)
        if unknown := [lang for lang in languages or () if lang not in task.languages]:
            raise InputError(f"{name}: expected languages among {', '.join(task.languages)}, found {unknown[0]!r}")
        repos = hubs(task, languages)
        if not repos:
            raise InputError(f"{name}: expected a task that the hub has, found none. {task.note} Original: {task.url}")
        for repo, uses in repos.items():
            wanted[repo] = wanted.get(repo, []) + [u for u in uses if u not in wanted.get(repo, [])]
    folder.mkdir(parents=True, exist_ok=True)
    return [_fetch_repo(repo, uses, folder, names, notify) for repo, uses in wanted.items()]


def _fetch_repo(
    repo: str, uses: list[tuple[Hub, str]], data: Path, names: Sequence[str], notify: Callable[[str], None]
) -> Fetched:
    import huggingface_hub

    hub = uses[0][0]
    lock = Lock.read(data)
    revision = hub.revision or lock.revisions.get(repo)
    try:
        info = huggingface_hub.HfApi().dataset_info(repo, revision=revision or hub.ref)
        revision = revision or str(info.sha)
        lock = lock.added(revisions={repo: revision})
        lock.write(data)
        published = [s.rfilename for s in info.siblings or []]
        files = sorted({f for h, config in uses for f in sources.matching(published, config, h.split)})
        if not files:
            raise InputError(
                f"{repo}@{revision}: expected Parquet files of {uses[0][1]}, found none among {len(published)}"
            )
        notify(f"{repo}@{revision[:12]}: {len(files)} files")
        huggingface_hub.snapshot_download(
            repo,
            repo_type="dataset",
            revision=revision,
            local_dir=data / repo,
            allow_patterns=[*files, "README.md"],
        )
    except InputError:
        raise
    except Exception as error:  # the hub client raises httpx, requests, OS and its own errors
        raise InputError(_unreachable(repo, names, data, error)) from error
    lock.added(files=store.hashes((data / repo / f for f in files), data)).write(data)
    cautions = {h.caution for h, _ in uses if h.caution}
    return Fetched(repo, revision, len(files), str(data / repo), "; ".join(sorted(cautions)))


def _unreachable(repo: str, names: Sequence[str], data: Path, error: Exception) -> str:
    reason = str(error).splitlines()[0] if str(error) else type(error).__name__
    url = catalog.task(names[0]).url
    return (
        f"the hub cannot give {repo} ({type(error).__name__}: {reason}). Run the same command on a machine that reaches "
        f"it and copy {data} here, or unpack the original release ({url}) into {data}/{names[0]} and go on with "
        f"--data {data}"
    )
