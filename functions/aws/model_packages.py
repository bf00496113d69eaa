"""What SageMaker's registry says of a package, and the release in the archive that it names."""

import tarfile
from dataclasses import dataclass
from pathlib import Path

from botocore.exceptions import BotoCoreError, ClientError

from functions.aws.clients import s3, sagemaker
from functions.aws.release_store import StoreUnavailable
from relevance.errors import ReleaseRefused
from relevance.release_files import MANIFEST

CANDIDATES = "candidates/"
"""Where the training bucket keeps what was registered: `candidates/<run>/<job>/output/model.tar.gz`."""
_CHUNK_BYTES = 1 << 20


@dataclass(frozen=True)
class ModelPackage:
    """One version in a group of the registry."""

    name: str
    """The group's, and the version's number: `vitrine-dev/7`."""
    group: str
    approval: str
    """`Approved`, `Rejected` or `PendingManualApproval`."""
    approval_reason: str
    """What the person who decided wrote; empty if nothing."""
    archive: str
    """Its address in S3."""


def read_package(arn: str) -> ModelPackage:
    """A package as it is now.

    Raises:
        ReleaseRefused: If the registry has no such package.
        StoreUnavailable: If the registry does not answer.
    """
    try:
        found = sagemaker().describe_model_package(ModelPackageName=arn)
    except ClientError as error:
        if error.response["Error"]["Code"] == "ValidationException":
            raise ReleaseRefused(f"{arn} is not in the registry: {error.response['Error']['Message']}") from error
        raise StoreUnavailable(f"{arn} cannot be read: {error}") from error
    except BotoCoreError as error:
        raise StoreUnavailable(f"{arn} cannot be read: {error}") from error
    return ModelPackage(
        name=arn.rpartition("model-package/")[2],
        group=found["ModelPackageGroupName"],
        approval=found["ModelApprovalStatus"],
        approval_reason=found.get("ApprovalDescription", ""),
        archive=found["InferenceSpecification"]["Containers"][0]["ModelDataUrl"],
    )


def unpack_release(package: ModelPackage, bucket: str, folder: Path, most_bytes: int) -> Path:
    """Unpack a package's archive as it is read, and return the release's folder in it; its files are not checked.

    Args:
        package: Its archive must lie below `candidates/`.
        bucket: Of the training.
        folder: Empty; what is unpacked lies there.
        most_bytes: What may be unpacked, in all.

    Raises:
        ReleaseRefused: If the archive is gone, cut off, larger, or not one with one release.
        StoreUnavailable: If S3 does not answer.
    """
    where = f"s3://{bucket}/"
    if not package.archive.startswith(where + CANDIDATES):
        raise ReleaseRefused(f"package {package.name} names {package.archive}: expected one in {where}{CANDIDATES}")
    try:
        body = s3().get_object(Bucket=bucket, Key=package.archive.removeprefix(where))["Body"]
        with tarfile.open(fileobj=body, mode="r|gz", bufsize=_CHUNK_BYTES) as archive:
            _unpack(archive, folder, most_bytes)
    except (tarfile.TarError, EOFError) as error:
        raise ReleaseRefused(f"package {package.name}: {package.archive} is no whole archive: {error}") from error
    except ClientError as error:
        if error.response["Error"]["Code"] in ("404", "NoSuchKey"):
            raise ReleaseRefused(f"package {package.name} names {package.archive}, which is not there") from error
        raise StoreUnavailable(f"{package.archive}: {error}") from error
    except BotoCoreError as error:
        raise StoreUnavailable(f"{package.archive}: {error}") from error
    found = sorted(path.parent for path in folder.glob(f"*/{MANIFEST}"))
    if len(found) != 1:
        names = ", ".join(path.name for path in found) or "none"
        raise ReleaseRefused(f"package {package.name}: expected one release in {package.archive}, found {names}")
    return found[0]


def _unpack(archive: tarfile.TarFile, folder: Path, most_bytes: int) -> None:
    unpacked = 0
    for member in archive:
        unpacked += member.size
        if unpacked > most_bytes:
            raise tarfile.TarError(f"with {member.name} it unpacks to {unpacked} bytes; at most {most_bytes} are taken")
        if member.isfile():  # a link could lead out of the folder, and a release has none
            archive.extract(member, folder, filter="data")
