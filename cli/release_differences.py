"""What changed from one release to another, line by line."""

from collections.abc import Iterator, Mapping

from relevance.contracts.manifest import ReleaseManifest
from relevance.contracts.training import Check, Verdict

_MB = 1e6
_PLAIN = ("made_at", "git_commit", "catalogue", "catalogue_version", "encoder_id", "space", "dimension", "ranker_id")
"""Fields that are one value each."""


def differences(before: ReleaseManifest, after: ReleaseManifest) -> Iterator[str]:
    """Every field that says another thing, metrics and sizes with what they differ by; first which two they are."""
    yield f"{before.release_id} -> {after.release_id}"
    if before == after:
        yield "the very same"
        return
    for name in _PLAIN:
        yield from _changed(name.replace("_", " "), getattr(before, name), getattr(after, name))
    yield from _numbers({"products": before.products}, {"products": after.products}, "")
    yield from _features(before.feature_names, after.feature_names)
    yield from _numbers(before.metrics, after.metrics, "metric ")
    yield from _verdicts(before.verdict, after.verdict)
    yield from _lineage(before, after)
    yield from _numbers(_sizes_mb(before), _sizes_mb(after), "MB of ")


def _changed(name: str, before: object, after: object) -> Iterator[str]:
    if before != after:
        yield f"{name}: {_said(before)} -> {_said(after)}"


def _numbers(before: Mapping[str, float], after: Mapping[str, float], what: str) -> Iterator[str]:
    for name in dict.fromkeys((*before, *after)):
        one, other = before.get(name), after.get(name)
        if one is None or other is None:
            yield from _changed(f"{what}{name}", one, other)
        elif one != other:
            yield f"{what}{name}: {_said(one)} -> {_said(other)} ({other - one:+,.4g})"


def _features(before: tuple[str, ...], after: tuple[str, ...]) -> Iterator[str]:
    added = [name for name in after if name not in before]
    removed = [name for name in before if name not in after]
    if added:
        yield f"features added: {', '.join(added)}"
    if removed:
        yield f"features removed: {', '.join(removed)}"
    if before != after and not (added or removed):
        yield f"features in another order: {', '.join(after)}"


def _verdicts(before: Verdict | None, after: Verdict | None) -> Iterator[str]:
    one, other = ({check.objective: check for check in each.checks} if each else {} for each in (before, after))
    yield from _changed("verdict", _passed(before), _passed(after))
    for objective in dict.fromkeys((*one, *other)):
        yield from _changed(f"check {objective}", _found(one.get(objective)), _found(other.get(objective)))


def _lineage(before: ReleaseManifest, after: ReleaseManifest) -> Iterator[str]:
    one, other = (each.lineage.model_dump() if each.lineage else {} for each in (before, after))
    yield from _changed("trained", bool(one), bool(other))
    inner, outer = one.pop("parameters", {}), other.pop("parameters", {})
    for name in dict.fromkeys((*one, *other)):
        yield from _changed(f"lineage {name.replace('_', ' ')}", one.get(name), other.get(name))
    for name in dict.fromkeys((*inner, *outer)):
        yield from _changed(f"parameter {name}", inner.get(name), outer.get(name))


def _sizes_mb(manifest: ReleaseManifest) -> dict[str, float]:
    """By the first part of the path; all of it last."""
    sizes: dict[str, float] = {}
    for path, entry in manifest.files.items():
        part = path.partition("/")[0]
        sizes[part] = sizes.get(part, 0.0) + entry.size_bytes / _MB
    return sizes | {"all": sum(sizes.values())}


def _passed(verdict: Verdict | None) -> str | None:
    return None if verdict is None else "passed" if verdict.passed else "missed"


def _found(check: Check | None) -> str | None:
    if check is None:
        return None
    return f"{'passed' if check.passed else 'MISSED'} ({'not measured' if check.found is None else _said(check.found)})"


def _said(value: object) -> str:
    if value is None:
        return "none"
    if isinstance(value, float):
        return f"{value:,.4g}"
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)
