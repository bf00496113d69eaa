"""The shop's catalogue, the release built from it, and its publication on the local cloud."""

import os
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

from functions.aws.release_pointer import publish_release, read_record
from local.cloud import reach
from local.commands import run
from local.fingerprint import fingerprint_of
from local.folders import PROJECT, LocalFolder
from local.progress import Progress, StepFailed, last_lines
from local.state import LocalState
from relevance.errors import VitrineError

INDEX_NAME = "products"
SOME_REFUSED = 3
"""Exit code of the catalogue program when it left some products out and kept the rest."""

PREPARE_CATALOGUE = (sys.executable, "-m", "sagemaker_jobs.prepare_catalogue")
BUILD_RELEASE = (sys.executable, "-m", "sagemaker_jobs.build_release")

KEPT_RELEASES = 3

CODE = (PROJECT / "relevance", PROJECT / "sagemaker_jobs", PROJECT / "models" / "artefacts")
"""What a release depends on beside its catalogue."""

SHOPS = ("icecat", "complete_journey", "online_retail")
DATA_FOLDERS = {"icecat": "chorus", "online_retail": "online_retail"}
"""Shop -> the folder that its data lie in, below VITRINE_DATA."""


@dataclass(frozen=True)
class Shop:
    """Where the products come from."""

    name: str
    source: Path | None = None
    """The file or folder read; None when a package carries the data."""

    @classmethod
    def from_environment(cls) -> "Shop":
        """`EXPORT=folder` of a catalogue's table, else `CATALOGUE=file`, else `SHOP=name`, else Icecat where its data
        lie, else Complete Journey.

        Raises:
            StepFailed: If a file or folder that was named is not there, or the shop is unknown.
        """
        if exported := os.environ.get("EXPORT"):
            folder = Path(exported).absolute()
            if not (folder / "export.json").is_file():
                raise StepFailed("Catalogue", f"EXPORT={exported}: no export of a catalogue", "name another folder")
            return cls("export", folder)
        if named := os.environ.get("CATALOGUE"):
            file = Path(named).absolute()
            if not file.is_file():
                raise StepFailed("Catalogue", f"CATALOGUE={named}: no such file", "name a file of products, JSON lines")
            return cls("catalogue", file)
        data = Path(os.environ.get("VITRINE_DATA") or PROJECT.parent / "shared" / "data").absolute()
        name = os.environ.get("SHOP") or ("icecat" if (data / "chorus").is_dir() else "complete_journey")
        if name not in SHOPS:
            raise StepFailed("Catalogue", f"SHOP={name}: expected one of {', '.join(SHOPS)}", "choose one of them")
        if name not in DATA_FOLDERS:
            return cls(name)
        if not (folder := data / DATA_FOLDERS[name]).is_dir():
            advice = f"set VITRINE_DATA to the folder that holds {folder.name}/, or use SHOP=complete_journey"
            raise StepFailed("Catalogue", f"SHOP={name}: no folder {folder}", advice)
        return cls(name, data)

    def arguments(self) -> list[str]:
        """How the catalogue program is told."""
        if self.name in ("catalogue", "export"):
            return [f"--{self.name}", str(self.source)]
        return ["--shop", self.name, *(["--data", str(self.source)] if self.source else [])]

    def fingerprint(self) -> str:
        """Of what is read, whatever the code then makes of it."""
        below = DATA_FOLDERS.get(self.name, "")
        return fingerprint_of([self.source / below] if self.source else [], self.name)


@dataclass(frozen=True)
class Prepared:
    """A catalogue as the release program reads it."""

    folder: Path
    release_record: Path
    """A file that names the folder of the release that was built from it, once there is one."""


def prepare_shop(progress: Progress, folder: LocalFolder, shop: Shop) -> Prepared:
    """The shop's products, prepared for the code as it is now; reused when nothing changed.

    Raises:
        StepFailed: If the catalogue cannot be made.
    """
    return _prepare(progress, folder, shop.arguments(), fingerprint_of(CODE, shop.fingerprint()))


def prepare_export(progress: Progress, folder: LocalFolder, export: Path) -> Prepared:
    """The running cloud's catalogue, prepared as a shop's is.

    Raises:
        StepFailed: If the catalogue cannot be made: when it holds no product, say.
    """
    return _prepare(progress, folder, ["--export", str(export)], fingerprint_of([*CODE, export], "export"))


def _prepare(progress: Progress, folder: LocalFolder, arguments: list[str], fingerprint: str) -> Prepared:
    made = fingerprint[:16]
    prepared = Prepared(folder.catalogues / made, folder.releases / f"{made}.folder")
    if prepared.release_record.exists() and (prepared.folder / "products.jsonl").exists():
        return prepared
    prepared.folder.mkdir(parents=True, exist_ok=True)
    with progress.step("Catalogue", log := folder.log("catalogue")):
        code_returned = run(
            "Catalogue",
            [*PREPARE_CATALOGUE, *arguments, "--output", prepared.folder],
            log=log,
            advice="mend the lines named above, or name another file with CATALOGUE=",
            accepted=(0, SOME_REFUSED),
        )
    if code_returned == SOME_REFUSED:
        progress.say(f"some products were refused and the rest kept (all of it in {log}):\n{last_lines(log, 5)}")
    return prepared


def build_release(progress: Progress, folder: LocalFolder, prepared: Prepared) -> Path:
    """The folder of a release built from a prepared catalogue; reused when there is one.

    Raises:
        StepFailed: If the release cannot be made.
    """
    record = prepared.release_record
    if record.exists() and (release := Path(record.read_text(encoding="utf-8"))).is_dir():
        return release
    with progress.step("Release", log := folder.log("release")):
        command = [*BUILD_RELEASE, "--catalogue", str(prepared.folder), "--models", "models/artefacts"]
        run(
            "Release",
            [*command, "--output", str(folder.releases), "--known", str(folder.vectors)],
            log=log,
            advice="read the log; the catalogue it was built from is in " + str(prepared.folder),
        )
    release = Path(last_lines(log, 1).strip())
    if not (release / "manifest.json").is_file():
        raise StepFailed("Release", f"{release} holds no manifest.json (log: {log})", "run `make up` again")
    record.write_text(str(release.absolute()), encoding="utf-8")
    forget_old_releases(folder)
    return release


def forget_old_releases(folder: LocalFolder) -> None:
    """Keep the newest few; each change of the code makes another, and each holds its encoder and its products."""
    records = sorted(folder.releases.glob("*.folder"), key=lambda record: record.stat().st_mtime)
    for record in records[:-KEPT_RELEASES]:
        shutil.rmtree(Path(record.read_text(encoding="utf-8")), ignore_errors=True)
        shutil.rmtree(folder.catalogues / record.stem, ignore_errors=True)
        record.unlink()


def publish(progress: Progress, state: LocalState, release: Path) -> None:
    """Upload the release and move the pointer to it, unless the running cloud's pointer names it already.

    Raises:
        StepFailed: If the running cloud does not take it.
    """
    reach(state)
    bucket, table = state.outputs["ReleaseBucket"], state.outputs["PointerTable"]
    try:
        if read_record(table, INDEX_NAME).live != release.name:  # a person may have moved it: `vitrine release`
            with progress.step("Publish"):
                publish_release(release, bucket, table, INDEX_NAME, reason="built from the catalogue")
    except VitrineError as error:
        raise StepFailed("Publish", str(error), "`make down`, then `make up`") from error
    state.published = release.name
    state.write()
