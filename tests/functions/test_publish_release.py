"""SageMaker's event in, a live release out: registry, buckets and pointer are moto's, and nothing else is replaced."""

import io
import json
import tarfile
from datetime import timedelta

import pytest

from functions.aws import clients, release_pointer
from functions.aws.release_pointer import move_pointer, publish_release, read_record, roll_back
from functions.aws.release_store import ReleaseStore, StoreUnavailable
from functions.publish_release import handler, publication
from functions.publish_release.settings import PublishSettings
from relevance.contracts.training import Check, Verdict
from relevance.release import open_release
from relevance.release_files import MANIFEST, read_manifest
from sagemaker_jobs.release_copies import copied
from tests.builders import a_product, a_release

GROUP, TRAINING, RELEASES, TABLE, INDEX = "vitrine-dev", "training", "releases", "pointer", "products"


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Three releases as `evaluate` leaves them, all passed; each was made a minute after the one before."""
    folder = tmp_path_factory.mktemp("made")
    products = [a_product(f"p{number}", f"Lamp {number}") for number in range(3)]
    passed = [judged(a_release(folder, products[: n + 1], encoder=False), folder / str(n)) for n in range(3)]
    first = read_manifest(passed[0]).made_at
    for minutes, release in enumerate(passed):
        later = read_manifest(release).model_copy(update={"made_at": first + timedelta(minutes=minutes)})
        (release / MANIFEST).write_text(later.model_dump_json())
    return passed


@pytest.fixture
def registry(settings, tmp_path, monkeypatch):
    """A function that registers an archive, and gives the package's ARN."""
    known = PublishSettings(
        model_package_group=GROUP,
        training_bucket=TRAINING,
        release_bucket=settings.release_bucket,
        pointer_table=settings.pointer_table,
        work_folder=str(tmp_path),
    )
    for name, value in known.to_environment().items():
        monkeypatch.setenv(name, value)
    clients.s3().create_bucket(Bucket=TRAINING, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    clients.sagemaker().create_model_package_group(ModelPackageGroupName=GROUP)

    def register(archive, *, status="Approved", key=None, bucket=TRAINING, group=GROUP, reason=""):
        key = key or f"candidates/run-1/evaluate-{len(archive or b'')}/output/model.tar.gz"
        if archive is not None:
            clients.s3().put_object(Bucket=TRAINING, Key=key, Body=archive)
        client = clients.sagemaker()
        arn = client.create_model_package(
            ModelPackageGroupName=group,
            ModelApprovalStatus="PendingManualApproval",
            InferenceSpecification={
                "Containers": [{"Image": "any", "ModelDataUrl": f"s3://{bucket}/{key}"}],
                "SupportedContentTypes": ["application/json"],
                "SupportedResponseMIMETypes": ["application/json"],
            },
            SkipModelValidation="All",
        )["ModelPackageArn"]
        client.update_model_package(ModelPackageArn=arn, ModelApprovalStatus=status, ApprovalDescription=reason)
        return arn

    return register


@pytest.fixture
def deliver(registry, lambda_context):
    """A function that hands the event of a package to the function, as EventBridge does."""
    return lambda arn: handler.lambda_handler(an_event(arn), lambda_context)


def an_event(arn, status="Approved"):
    """What SageMaker sends when a package's approval changes."""
    return {
        "version": "0",
        "id": "844e2571-85d4-695f-b930-0153b71dcb42",
        "detail-type": "SageMaker Model Package State Change",
        "source": "aws.sagemaker",
        "account": "123456789012",
        "time": "2026-11-27T17:00:14Z",
        "region": "eu-west-1",
        "resources": [arn],
        "detail": {
            "ModelPackageGroupName": GROUP,
            "ModelPackageVersion": 2,
            "ModelPackageArn": arn,
            "CreationTime": "2026-11-27T16:00:14Z",
            "ModelPackageStatus": "Completed",
            "ModelApprovalStatus": status,
            "CertifyForMarketplace": False,
        },
    }


def judged(folder, target, *, passed=True):
    check = Check(objective="relevance", found=0.5, limit=0.4, unit="nDCG@10", passed=passed, reason="Found 0.5.")
    verdict = Verdict(passed=passed, checks=(check,), against=None, data="none")
    return copied(folder, target, verdict=verdict)


def packed(*folders, without=(), instead=None):
    """The folders as SageMaker packs what a job leaves, beside what `evaluate` writes; some files left out or other."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        add(archive, "evaluation.json", b"{}")
        for folder in folders:
            for path in sorted(folder.rglob("*")):
                name = path.relative_to(folder).as_posix()
                if path.is_file() and name not in without:
                    add(archive, f"{folder.name}/{name}", (instead or {}).get(name, path.read_bytes()))
    return buffer.getvalue()


def add(archive, name, content):
    member = tarfile.TarInfo(name)
    member.size = len(content)
    archive.addfile(member, io.BytesIO(content))


def live():
    return read_record(TABLE, INDEX).live


def lies_there(release_id):
    """The files of a release in the release bucket."""
    found = clients.s3().list_objects_v2(Bucket=RELEASES, Prefix=f"releases/{release_id}/")
    return {each["Key"].split("/", 2)[2] for each in found.get("Contents", [])}


def counted(text):
    """The metrics that the function wrote, by name."""
    lines = [json.loads(line) for line in text.splitlines() if '"_aws"' in line]
    return {
        metric["Name"]: line[metric["Name"]][0]
        for line in lines
        for metric in line["_aws"]["CloudWatchMetrics"][0]["Metrics"]
        if metric["Name"] != "ColdStart"
    }


def test_an_approved_release_is_copied_whole_and_live(registry, deliver, made, tmp_path, capsys):
    arn = registry(packed(made[0]), reason="looks good")

    answer = deliver(arn)

    store = ReleaseStore(RELEASES, TABLE, INDEX, tmp_path / "fetched")
    assert answer == {"published": True, "release": made[0].name, "reason": "nothing was live before"}
    assert open_release(store.fetch(store.pointer().live)).release_id == made[0].name
    move = read_record(TABLE, INDEX).moves[0]
    assert (move.moved_by, move.reason) == ("approval", "package vitrine-dev/1 approved: looks good")
    assert counted(capsys.readouterr().out) == {"ReleasesPublished": 1}


def test_nothing_is_left_of_the_archive(registry, deliver, made, tmp_path):
    deliver(registry(packed(made[0])))

    assert list(tmp_path.iterdir()) == []


def test_the_same_event_again_changes_nothing(registry, deliver, made, capsys):
    arn = registry(packed(made[0]))
    deliver(arn)
    before = read_record(TABLE, INDEX)
    capsys.readouterr()

    answer = deliver(arn)

    assert (answer["published"], answer["reason"]) == (False, "it is live already")
    assert read_record(TABLE, INDEX) == before
    assert counted(capsys.readouterr().out) == {"ReleasesPublished": 0}


def test_a_release_that_lies_there_whole_is_not_uploaded_again(registry, deliver, made, monkeypatch):
    publish_release(made[0], RELEASES, TABLE, INDEX)
    move_pointer("another", TABLE, INDEX)
    monkeypatch.setattr(publication, "upload_release", None)

    assert deliver(registry(packed(made[0])))["published"]


def test_a_release_of_which_half_lies_there_is_uploaded_whole(registry, deliver, made):
    publish_release(made[0], RELEASES, TABLE, INDEX)
    move_pointer("another", TABLE, INDEX)
    clients.s3().delete_object(Bucket=RELEASES, Key=f"releases/{made[0].name}/card.md")

    assert deliver(registry(packed(made[0])))["published"]
    assert "card.md" in lies_there(made[0].name)


@pytest.mark.parametrize("status", ["Rejected", "PendingManualApproval"])
def test_a_package_that_is_not_approved_any_more_is_left_alone(registry, deliver, made, capsys, status):
    answer = deliver(registry(packed(made[0]), status=status))

    assert answer == {"published": False, "release": None, "reason": f"it is {status}"}
    assert (live(), lies_there(made[0].name)) == (None, set())
    assert counted(capsys.readouterr().out) == {"ReleasesPublished": 0}


def test_a_newer_release_takes_over(registry, deliver, made):
    for release in made[:2]:
        deliver(registry(packed(release)))

    record = read_record(TABLE, INDEX)

    assert (record.live, record.previous) == (made[1].name, made[0].name)


def test_an_older_release_does_not_but_a_person_may_publish_it(registry, deliver, made, capsys):
    deliver(registry(packed(made[1])))
    capsys.readouterr()

    answer = deliver(registry(packed(made[0])))

    assert answer["published"] is False
    assert f"release {made[0].name} was made at" in answer["reason"]
    assert f"release {made[1].name}, which is live, at" in answer["reason"]
    assert f"`vitrine release publish {made[0].name}`" in answer["reason"]
    assert (live(), MANIFEST in lies_there(made[0].name)) == (made[1].name, True)
    assert counted(capsys.readouterr().out) == {"ReleasePublicationsRefused": 1}


@pytest.mark.parametrize(("mine", "others", "wins"), [(0, 1, 1), (1, 0, 1)])
def test_of_two_approvals_at_once_the_newer_wins(registry, deliver, made, monkeypatch, mine, others, wins):
    publish_release(made[others], RELEASES, TABLE, "elsewhere")  # so far that only its pointer has to move
    arn = registry(packed(made[mine]))
    move = release_pointer.move_pointer
    meanwhile = iter([made[others].name])

    def moved_after_the_other(release_id, *place, **told):
        for other in meanwhile:
            move(other, *place, moved_by="approval")
        return move(release_id, *place, **told)

    monkeypatch.setattr(publication, "move_pointer", moved_after_the_other)

    answer = deliver(arn)

    assert live() == made[wins].name
    assert answer["published"] == (mine == wins)
    assert made[others].name in answer["reason"]


def test_who_is_always_too_late_fails_and_is_tried_again_later(registry, deliver, made, monkeypatch):
    arn = registry(packed(made[0]))
    move = release_pointer.move_pointer
    others = iter(range(100))

    def too_late(release_id, *place, **told):
        move(f"other-{next(others)}", *place)
        return move(release_id, *place, **told)

    monkeypatch.setattr(publication, "move_pointer", too_late)

    with pytest.raises(release_pointer.PointerMoved, match="somebody made other-4 live"):
        deliver(arn)


def test_a_release_that_was_rolled_back_stays_so_though_its_event_comes_again(registry, deliver, made, capsys):
    publish_release(made[0], RELEASES, TABLE, INDEX)
    arn = registry(packed(made[1]))
    deliver(arn)
    roll_back(RELEASES, TABLE, INDEX, reason="no prices")

    answer = deliver(arn)

    assert live() == made[0].name
    assert "was rolled back" in answer["reason"]
    assert "no prices" in answer["reason"]
    assert counted(capsys.readouterr().out)["ReleasePublicationsRefused"] == 1


def test_a_live_release_that_cannot_be_read_keeps_nobody_out(registry, deliver, made):
    move_pointer("gone", TABLE, INDEX)

    assert deliver(registry(packed(made[0])))["published"]


def refused(deliver, arn):
    """What the function says when it refuses; the pointer stays and nothing is visible in the release bucket."""
    move_pointer("before", TABLE, INDEX)

    answer = deliver(arn)

    assert answer["published"] is False
    assert live() == "before"
    assert "Contents" not in clients.s3().list_objects_v2(Bucket=RELEASES)
    return answer["reason"]


def test_a_release_that_missed_the_gate_is_refused_whoever_approved_it(registry, deliver, made, tmp_path):
    missed = judged(made[0], tmp_path / "missed", passed=False)

    said = refused(deliver, registry(packed(missed)))

    assert said == f"package vitrine-dev/1 is approved, its release {missed.name} not: Found 0.5."


def test_a_release_that_no_gate_saw_is_refused(registry, deliver, tmp_path):
    unseen = a_release(tmp_path, [a_product()], encoder=False)

    assert "the gate was not asked" in refused(deliver, registry(packed(unseen)))


def test_a_file_that_is_missing_is_named_with_what_was_promised(registry, deliver, made):
    size = (made[0] / "card.md").stat().st_size

    said = refused(deliver, registry(packed(made[0], without=["card.md"])))

    assert f"card.md is missing; the manifest promises {size} bytes" in said


def test_a_file_with_another_content_is_named_with_both_hashes(registry, deliver, made):
    content = (made[0] / "card.md").read_bytes()
    promised = read_manifest(made[0]).files["card.md"].sha256

    said = refused(deliver, registry(packed(made[0], instead={"card.md": content[::-1]})))

    assert "card.md has sha256" in said
    assert f"the manifest promises {promised}" in said


@pytest.mark.parametrize("cut", [0.2, 0.9])
def test_an_archive_that_was_cut_off_is_refused(registry, deliver, made, cut):
    whole = packed(made[0])

    said = refused(deliver, registry(whole[: int(len(whole) * cut)]))

    assert "is no whole archive" in said or "is missing; the manifest promises" in said


def test_what_is_no_archive_is_refused(registry, deliver):
    assert "is no whole archive" in refused(deliver, registry(b"something else"))


def test_an_archive_that_is_gone_is_named(registry, deliver):
    said = refused(deliver, registry(None, key="candidates/run-1/gone.tar.gz"))

    assert said == "package vitrine-dev/1 names s3://training/candidates/run-1/gone.tar.gz, which is not there"


@pytest.mark.parametrize("elsewhere", [{"bucket": "another"}, {"key": "snapshots/x.tar.gz"}])
def test_an_archive_that_lies_elsewhere_is_not_read(registry, deliver, made, elsewhere):
    said = refused(deliver, registry(packed(made[0]), **elsewhere))

    assert "expected one in s3://training/candidates/" in said


@pytest.mark.parametrize("several", [False, True])
def test_an_archive_with_no_release_or_with_two_is_refused(registry, deliver, made, several):
    said = refused(deliver, registry(packed(*made[:2]) if several else packed()))

    assert "expected one release" in said
    assert f"found {f'{made[0].name}, {made[1].name}' if several else 'none'}" in said


def test_an_archive_that_unpacks_to_more_than_there_is_room_for_is_refused(registry, deliver, made, monkeypatch):
    monkeypatch.setenv("MOST_UNPACKED_MB", "0.001")

    assert "at most 1000 are taken" in refused(deliver, registry(packed(made[0])))


def test_nothing_is_unpacked_outside_of_its_folder(registry, deliver, made, tmp_path):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        add(archive, f"{made[0].name}/../../outside", b"x")

    said = refused(deliver, registry(buffer.getvalue()))

    assert "outside" in said
    assert list(tmp_path.parent.glob("outside")) == []


def test_a_package_of_another_group_is_refused(registry, deliver, made):
    clients.sagemaker().create_model_package_group(ModelPackageGroupName="vitrine-prod")

    said = refused(deliver, registry(packed(made[0]), group="vitrine-prod"))

    assert said == "package vitrine-prod/1 is of vitrine-prod: expected vitrine-dev"


def test_a_package_that_is_gone_is_refused(registry, deliver):
    said = refused(deliver, "arn:aws:sagemaker:eu-west-1:123456789012:model-package/vitrine-dev/9")

    assert "model-package/vitrine-dev/9 is not in the registry" in said


def test_what_aws_does_not_answer_fails_so_that_it_is_tried_again(registry, deliver, made, monkeypatch):
    arn = registry(packed(made[0]))
    monkeypatch.setenv("POINTER_TABLE", "no-table")

    with pytest.raises(StoreUnavailable, match="the release pointer of products cannot be read"):
        deliver(arn)


def test_an_event_without_a_package_fails(registry, lambda_context):
    event = an_event("any")
    del event["detail"]["ModelPackageArn"]

    with pytest.raises(ValueError, match="ModelPackageArn"):
        handler.lambda_handler(event, lambda_context)
