"""What stands instead of a page that cannot be shown: why, and the way on, Chinese first."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from html import escape

from services.boards.page import NO_DEVICE, plain


@dataclass(frozen=True)
class Why:
    """What is said of a refusal, and what leads on from it, in both languages."""

    zh: str
    told_zh: str
    act_zh: str
    en: str
    told_en: str
    act_en: str


_NOT_SIGNED_IN = Why(
    "登录没有完成",
    "登录中断、超时，或登录服务没有认可。请从头再登录一次。",
    "重新登录",
    "You are not signed in",
    "The sign-in was broken off, took too long, or was not accepted. Begin it again.",
    "Sign in again",
)
#: By the title of a problem. What is not named is told as the last.
REFUSED: Mapping[str, Why] = {
    "Not signed in": _NOT_SIGNED_IN,
    "Not this sign-in": _NOT_SIGNED_IN,
    "Not your desk": Why(
        "这些页面不属于您的岗位",
        "您登录的账号不在这个岗位工作。请由本岗位的人员登录。",
        "换一个人登录",
        "These pages are not your desk's",
        "Whom you have signed in as does not work here. Sign in as somebody who does.",
        "Sign in as somebody else",
    ),
    "Not from here": Why(
        "请用看板自己的地址打开",
        "这一页只能从看板自己的地址打开，不能由别的网站或别的名称转来。",
        "首页",
        "Open it by the boards' own address",
        "This page opens by the boards' own address, and not from another site or by another name.",
        "Start",
    ),
    "No such page": Why(
        "没有这一页",
        "地址可能有误，或这一页已不在。",
        "返回",
        "There is no such page",
        "The address may be wrong, or the page is no more.",
        "Back",
    ),
    "Try again": Why(
        "服务暂时不可用",
        "看板后面的一项服务没有应答，通常很快恢复。请再试一次。",
        "再试一次",
        "A service is away for the moment",
        "Something behind the boards does not answer; mostly it is soon back. Try again.",
        "Try again",
    ),
    "": Why(
        "未能显示这一页",
        "出了意外的问题，没有记录任何内容。请再试一次；仍不行请告知信息科。",
        "再试一次",
        "This page could not be shown",
        "Something unexpected has happened; nothing was recorded. Try again, or tell your IT.",
        "Try again",
    ),
}


@dataclass(frozen=True)
class Way:
    """At which desk something could not be shown, where to try it again, and where to sign in as
    somebody else."""

    desk: str | None
    again: str
    anew: str


def refused(status: int, title: str, detail: str, way: Way) -> str:
    """Instead of a page that cannot be shown. What the service itself says stands last."""
    why = REFUSED.get(title, REFUSED[""])
    to = way.anew if title == "Not your desk" else way.again
    copy = (
        '    <a href="/hospital/copy">停机副本 Downtime copy</a>\n'
        if way.desk == "hospital" and status >= 500
        else ""
    )
    return plain(
        f"""<main class="sign-in">
    <h1>{why.zh}</h1>
    <p>{why.told_zh}</p>
    <p lang="en"><b>{why.en}</b><br>{why.told_en}</p>
    <a class="button primary" href="{escape(to)}">{why.act_zh} {why.act_en}</a>
{copy}    <p lang="en"><small>{status} · {escape(title)}. {escape(detail)}</small></p>
    <p class="no-device">{NO_DEVICE}</p>
  </main>"""
    )
