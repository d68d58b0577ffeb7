"""What an operator does once with a broker: topics, users and access rules, from the registry.

Done a second time it changes nothing; ``apply_broker`` returns what it changed.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Collection, Iterable, Mapping
from concurrent.futures import Future
from typing import Any, TypeAlias

from confluent_kafka import KafkaException

from schemas.topics import Registry, Topic, registry
from services.kit.broker import Admin, as_user, broker_answers, client, has_users, kafka, reason
from services.kit.settings import Settings

#: What was asked for must hold within this time.
IN_FORCE_S = 60
#: What follows the name of a user in the names of its further groups.
GROUP_MARKS = ("-", ".")
#: An ``AclBinding``.
Rule: TypeAlias = Any


class CannotApply(Exception):
    """The broker is not, and will not be, as it shall be; the message says why."""


async def apply_broker(
    settings: Settings, passwords: Mapping[str, str], partitions: int | None = None
) -> list[str]:
    """Make the topics of the registry and, where the broker knows users, those of ``passwords``
    with their access rules; when it returns, they hold. ``settings`` are the connection of a
    superuser, whose own password is left alone. Raises ``CannotApply``."""
    admin, declared, changed = client(settings), registry(), []
    rules: set[Rule] = set()
    try:
        if has_users(settings):
            ours = set(declared.users) - set(declared.superusers)
            users = {user: word for user, word in passwords.items() if user in ours}
            rules = {rule for user in users for rule in _rules(declared, user)}
            changed += await _apply_users(admin, settings, users)
            changed += await _apply_rules(admin, users, rules)
        changed += await _apply_topics(admin, declared.topics.values(), partitions)
        await _until_in_force(admin, settings, declared.topics.keys(), rules)
    except KafkaException as error:
        raise CannotApply(reason(admin, error)) from error
    return changed


async def _answers(futures: Mapping[Any, Future[Any]]) -> list[Any]:
    return await asyncio.gather(*(asyncio.wrap_future(f) for f in futures.values()))


async def _apply_topics(admin: Admin, topics: Iterable[Topic], partitions: int | None) -> list[str]:
    there = (await asyncio.to_thread(admin.list_topics, timeout=10)).topics
    wanted = {t.name: (t.config(), partitions or t.partitions) for t in topics}
    for name, (_, count) in wanted.items():
        if name in there and len(there[name].partitions) != count:
            found = len(there[name].partitions)
            raise CannotApply(f"{name} has {found} partitions, not {count}; that cannot change")
    new = [
        kafka.NewTopic(name, num_partitions=count, replication_factor=-1, config=config)
        for name, (config, count) in wanted.items()
        if name not in there
    ]
    if new:
        await _answers(admin.create_topics(new))
    old = {name: config for name, (config, _) in wanted.items() if name in there}
    return [f"topic {t.topic}" for t in new] + await _apply_configs(admin, old)


async def _apply_configs(admin: Admin, wanted: Mapping[str, dict[str, str]]) -> list[str]:
    if not wanted:
        return []
    topics = {name: kafka.ConfigResource(kafka.ResourceType.TOPIC, name) for name in wanted}
    present = await _answers(admin.describe_configs(list(topics.values())))
    changed = []
    for (name, config), found in zip(wanted.items(), present, strict=True):
        for key, value in config.items():
            if found[key].value != value:
                entry = kafka.ConfigEntry(
                    key, value, incremental_operation=kafka.AlterConfigOpType.SET
                )
                topics[name].add_incremental_config(entry)
                changed.append(f"topic {name} {key}={value}")
    altered = [topics[name] for name in topics if topics[name].incremental_configs]
    if altered:
        await _answers(admin.incremental_alter_configs(altered))
    return changed


async def _apply_users(admin: Admin, settings: Settings, users: Mapping[str, str]) -> list[str]:
    known = set(await asyncio.wrap_future(admin.describe_user_scram_credentials()))
    probed = [user for user in users if user in known]
    good = await asyncio.gather(
        *(asyncio.to_thread(_lets_in, settings, user, users[user]) for user in probed)
    )
    unchanged = {user for user, fits in zip(probed, good, strict=True) if fits}
    kind = kafka.ScramCredentialInfo(kafka.ScramMechanism.SCRAM_SHA_512, 4096)
    changed = sorted(users.keys() - unchanged)
    if changed:
        made = [kafka.UserScramCredentialUpsertion(u, kind, users[u].encode()) for u in changed]
        await _answers(admin.alter_user_scram_credentials(made))
    return [f"user {user}" for user in changed]


def _lets_in(settings: Settings, user: str, password: str) -> bool:
    try:
        client(as_user(settings, user, password)).list_topics(timeout=3)
    except KafkaException:
        return False
    return True


async def _apply_rules(admin: Admin, users: Iterable[str], wanted: set[Rule]) -> list[str]:
    """Rules of these users that are not wanted are taken away; a rule that denies, and the rules
    of all other users, belong to the operator."""
    principals = {f"User:{user}" for user in users}
    present = {rule for rule in await _present_rules(admin) if rule.principal in principals}
    if wanted - present:
        await _answers(admin.create_acls(list(wanted - present)))
    if present - wanted:
        gone = [kafka.AclBindingFilter(*rule._to_tuple()) for rule in present - wanted]
        await _answers(admin.delete_acls(gone))
    return [f"rule {rule.principal} {rule.operation.name} {rule.name}" for rule in wanted ^ present]


async def _present_rules(admin: Admin) -> set[Rule]:
    everything = kafka.AclBindingFilter(
        kafka.ResourceType.ANY, None, kafka.ResourcePatternType.ANY, None, None,
        kafka.AclOperation.ANY, kafka.AclPermissionType.ALLOW,
    )  # fmt: skip
    return set(await asyncio.wrap_future(admin.describe_acls(everything)))


def _rules(declared: Registry, user: str) -> Iterable[Rule]:
    """Reading and writing as granted; the group of the user's own name, and those that go on from
    it; and, for writers, what brokers before 2.8 ask of an idempotent producer."""
    granted = [grant for grant in declared.grants if grant.user == user]
    for grant in granted:
        yield _rule(
            user, kafka.ResourceType.TOPIC, grant.topic, kafka.AclOperation[grant.operation.upper()]
        )
    # No bare prefix: the name of one user may begin with that of another.
    for group in (user, *(f"{user}{mark}" for mark in GROUP_MARKS)):
        yield _rule(user, kafka.ResourceType.GROUP, group, kafka.AclOperation.READ)
    if any(grant.operation == "write" for grant in granted):
        yield _rule(
            user, kafka.ResourceType.BROKER, "kafka-cluster", kafka.AclOperation.IDEMPOTENT_WRITE
        )


def _rule(user: str, kind: Any, name: str, operation: Any) -> Rule:
    prefixed = kind is kafka.ResourceType.GROUP and name.endswith(GROUP_MARKS)
    pattern = kafka.ResourcePatternType.PREFIXED if prefixed else kafka.ResourcePatternType.LITERAL
    principal = f"User:{user}"
    return kafka.AclBinding(
        kind, name, pattern, principal, "*", operation, kafka.AclPermissionType.ALLOW
    )


async def _until_in_force(
    admin: Admin, settings: Settings, topics: Collection[str], rules: set[Rule]
) -> None:
    """The controller answers first and the broker follows: topics get their leaders, then users
    are let in, and rules hold last. Who starts after us shall find all of it."""
    deadline = time.monotonic() + IN_FORCE_S
    while not (
        await asyncio.to_thread(broker_answers, settings, expected=topics)
        and rules <= await _present_rules(admin)
    ):
        if time.monotonic() > deadline:
            raise CannotApply(f"topics, users or rules are not in force after {IN_FORCE_S} s")
        await asyncio.sleep(0.05)
