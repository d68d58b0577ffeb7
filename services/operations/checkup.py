"""What a check-up says about each thing it looked at, and what to do. The bounds are ours."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple, TypeAlias

from schemas.topics import Topic

#: ``unseen``: it cannot be looked at from here; that is no good news.
Verdict: TypeAlias = Literal["good", "warn", "bad", "unseen"]
#: Seconds two clocks may differ. Time servers keep them within hundredths; an act that is dated two
#: minutes ahead is refused.
CLOCK_WARN_S, CLOCK_BAD_S = 0.5, 5.0
#: The part of a disk that is free.
DISK_WARN, DISK_BAD = 0.15, 0.05
#: A message waits so many seconds at most where its relay is at work.
WAITS_S = 30.0
#: The oldest server that is tested.
POSTGRES = 18


class Finding(NamedTuple):
    """``found`` and ``cure`` are sentences; a cure is there where something is to be done."""

    zh: str
    en: str
    verdict: Verdict
    found: str
    cure: str = ""


@dataclass(frozen=True)
class Seen:
    """A topic as the broker has it."""

    partitions: int
    leaderless: int = 0
    thin: int = 0
    config: Mapping[str, str] | None = None


def of_topics(declared: Mapping[str, Topic], seen: Mapping[str, Seen]) -> list[Finding]:
    """Whether each topic is there, as it shall be. All may have another number of partitions than
    declared; where they differ among each other, the events of a patient are torn apart."""
    zh, en = "主题", "topics"
    apply = "greenchannel topics apply, as a superuser of the broker"
    keyed = {name for name, topic in declared.items() if topic.holds} & seen.keys()
    agree = len({seen[name].partitions for name in keyed}) == 1
    said = list[Finding]()
    if missing := sorted(declared.keys() - seen.keys()):
        said.append(Finding(zh, en, "bad", f"missing: {', '.join(missing)}", apply))
    for name in sorted(declared.keys() & seen.keys()):
        said += _of_topic(declared[name], seen[name], apply, agree or not declared[name].holds)
    return said or [Finding(zh, en, "good", f"{len(declared)}, as schemas/topics.yaml says")]


def _of_topic(topic: Topic, seen: Seen, apply: str, agree: bool) -> list[Finding]:
    zh, en = f"主题 {topic.name}", f"topic {topic.name}"
    said = list[Finding]()
    if seen.partitions != topic.partitions and not agree:
        found = f"{seen.partitions} partitions, not {topic.partitions}"
        cure = (
            "a key would lie in two places: make the topic anew with the right number while all"
            " stands still (docs/kafka.md), never add partitions"
        )
        said.append(Finding(zh, en, "bad", found, cure))
    if seen.leaderless:
        found = f"{seen.leaderless} partitions have no leader: nobody can read or write them"
        said.append(Finding(zh, en, "bad", found, "start the broker that holds them"))
    elif seen.thin:
        found = f"{seen.thin} partitions lack a replica"
        said.append(Finding(zh, en, "warn", found, "start the broker that holds the others"))
    present = seen.config
    for key, wanted in topic.config().items() if present is not None else ():
        if present is not None and present.get(key) != wanted:
            said.append(Finding(zh, en, "bad", f"{key} is {present.get(key)}, not {wanted}", apply))
    return said


def of_keys(topic: str, looked: int, strays: Mapping[str, int]) -> Finding:
    """Whether records lie in the partition of their key; ``strays`` do not, by who sent them."""
    zh, en = f"分区 {topic}", f"partitions of {topic}"
    if not looked:
        return Finding(zh, en, "good", "no records yet")
    if not strays:
        return Finding(zh, en, "good", f"each of the last {looked} records lies where its key says")
    whose = ", ".join(f"{count} of {source}" for source, count in sorted(strays.items()))
    cure = (
        "the sender computes places otherwise: set partitioner=murmur2_random (librdkafka), or"
        " leave the partition to the Java client (docs/kafka.md)"
    )
    return Finding(zh, en, "bad", f"of the last {looked} records lie elsewhere: {whose}", cure)


def of_clock(zh: str, en: str, ahead_s: float, within_s: float) -> Finding:
    """How far a clock is ahead of ours, known to within so many seconds."""
    off = max(abs(ahead_s) - within_s, 0.0)
    verdict: Verdict = "bad" if off > CLOCK_BAD_S else "warn" if off > CLOCK_WARN_S else "good"
    found = f"{abs(ahead_s):.3f} s {'ahead of' if ahead_s >= 0 else 'behind'} this machine"
    found += f" (± {within_s:.3f})"
    cure = (
        "" if verdict == "good" else "let a time server set both clocks (chrony, systemd-timesyncd)"
    )
    return Finding(f"时钟 {zh}", f"clock of {en}", verdict, found, cure)


def of_disk(zh: str, en: str, free: int, total: int) -> Finding:
    """How much of a disk is free, in bytes."""
    share = free / total if total else 0.0
    verdict: Verdict = "bad" if share < DISK_BAD else "warn" if share < DISK_WARN else "good"
    found = f"{free / 1e9:.1f} of {total / 1e9:.1f} GB free ({share:.0%})"
    cure = (
        "" if verdict == "good" else "make room before it is full: nothing is taken in without it"
    )
    return Finding(f"磁盘 {zh}", f"disk of {en}", verdict, found, cure)


def of_migrations(schema: str, ours: Collection[str], applied: Sequence[str] | None) -> Finding:
    """Whether the tables are those that this version needs; none when the schema is not there."""
    zh, en = f"数据表 {schema}", f"tables of {schema}"
    if applied is None:
        cure = "greenchannel apply, then start the service: it makes its tables"
        return Finding(zh, en, "bad", "were never made", cure)
    if behind := sorted(set(ours) - set(applied)):
        cure = "start the service of this version: it brings them up to date"
        return Finding(zh, en, "warn", f"lack {', '.join(behind)}", cure)
    if ahead := sorted(set(applied) - set(ours)):
        cure = "the tables only grow, so an older service goes on; look with the newer version"
        return Finding(zh, en, "warn", f"are newer than this program: {', '.join(ahead)}", cure)
    return Finding(zh, en, "good", "up to date")


def of_server(version: int, is_replica: bool, used: int, most: int) -> Finding:
    """PostgreSQL itself; ``version`` as 180004."""
    zh, en = "数据库", "database"
    told = f"PostgreSQL {version // 10000}.{version % 10000}, {used} of {most} connections"
    if is_replica:
        cure = "point GREENCHANNEL_POSTGRES_DSN to the primary, or promote this one"
        return Finding(zh, en, "bad", f"{told}: a replica, takes no writes", cure)
    if version // 10000 < POSTGRES:
        cure = f"PostgreSQL {POSTGRES} is what is tested"
        return Finding(zh, en, "warn", told, cure)
    if used > most * 0.9:
        cure = "raise max_connections, or see who holds them (pg_stat_activity)"
        return Finding(zh, en, "warn", told, cure)
    return Finding(zh, en, "good", told)


def of_outbox(service: str, waiting: int, oldest_s: float | None, aside: int) -> Finding:
    """What waits for the broker, and who is set aside."""
    zh, en = f"待发与搁置 {service}", f"outbox of {service}"
    late = oldest_s is not None and oldest_s > WAITS_S
    found = f"{waiting} wait" + (f", the oldest for {oldest_s:.0f} s" if late and oldest_s else "")
    if aside:
        cure = "docs/runbooks/patient-set-aside.md: tell the people of each at once"
        return Finding(zh, en, "bad", f"{found}; {aside} set aside", cure)
    if late:
        return Finding(zh, en, "bad", found, "start the service; docs/runbooks/broker-away.md")
    return Finding(zh, en, "good", found)


def of_letters(waiting: Mapping[str, int]) -> Finding:
    """Dead letters that nobody has seen to, by consumer."""
    if not waiting:
        return Finding("死信", "dead letters", "good", "none is open")
    found = ", ".join(f"{count} of {name}" for name, count in sorted(waiting.items()))
    cure = "greenchannel dead-letters list; docs/runbooks/dead-letters.md"
    return Finding("死信", "dead letters", "warn", f"open: {found}", cure)
