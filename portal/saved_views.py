"""Saved views of lists: kept under a name for oneself or the company, changed, removed, chosen to open a list with."""

from datetime import datetime

from django.db import IntegrityError, transaction
from django.db.models import Exists, OuterRef, QuerySet
from django.http import QueryDict
from django.utils.translation import gettext_lazy as _

from portal import ledger
from portal.access import Role
from portal.models import FirstView, SavedView, User
from portal.refusals import Refusal

NOT_KEPT = frozenset({"page", "format", "view", "csrfmiddlewaretoken"})
MOST = 50
LONGEST_NAME, LONGEST_QUERY = 60, 1500


class Refused(Refusal):
    """A view that cannot be kept or changed; `sentence` says why and what to do."""


class NameMissing(Refused):
    sentence = _("Please give the view a name of up to 60 characters, so that you find it again.")


class NameTaken(Refused):
    sentence = _("A view of this list has this name already. Please choose another, or replace that view.")


class TooLong(Refused):
    sentence = _("The filter is too long to be kept. Please filter for less text.")


class TooMany(Refused):
    sentence = _("There are 50 views of this list already. Please remove one first.")


class NotYours(Refused):
    sentence = _("A shared view is changed by the person who made it or by the company's administrator.")


def of(user: User) -> QuerySet[SavedView]:
    """The views the person may use, each with `is_first`: whether its list opens with it for this person."""
    first = FirstView.objects.filter(user=user, view=OuterRef("pk"))
    return SavedView.objects.visible_to(user).select_related("made_by").annotate(is_first=Exists(first))


def kept(query: QueryDict) -> str:
    """Of a list's query string what makes a view: filter, order, size, columns; not the page one is on."""
    found = query.copy()
    for name in list(found):
        values = [value for value in found.getlist(name) if value]
        if name in NOT_KEPT or not values:
            del found[name]
        else:
            found.setlist(name, values)
    return found.urlencode()


def query_of(view: SavedView) -> str:
    """The query string that opens the view, with its question mark."""
    return "?" + "&".join(filter(None, [view.query, f"view={view.pk}"]))


def save(
    *, page: str, query: str, name: str, is_shared: bool, opens_first: bool = False, by: User, now: datetime
) -> SavedView:
    """Keep a list's query string under a name, for oneself or (`is_shared`) for everybody of the company.

    `page` is the name of the list's URL; whoever opens the view still needs the list's own ability. With
    `opens_first` the list opens with it for this person. Raises NameMissing, NameTaken, TooLong, TooMany.
    """
    view = SavedView(
        company=by.company,
        owner=None if is_shared else by,
        made_by=by,
        page=page,
        name=_fitting(name),
        query=_short(query),
    )
    beside = SavedView.objects.filter(company=by.company, page=page, owner=view.owner)
    if beside.count() >= MOST:
        raise TooMany
    with transaction.atomic():
        _store(view)
        if opens_first:
            _open_with(view, by)
        ledger.record("list view saved", _subject(view), by=by, now=now, page=page, shared=is_shared)
    return view


def change(*, view_id: int, by: User, now: datetime, name: str | None = None, query: str | None = None) -> SavedView:
    """Rename a view or let it show something else. Raises NotYours, NameMissing, NameTaken, TooLong."""
    with transaction.atomic():
        view = _locked(view_id, by)
        if name is not None:
            view.name = _fitting(name)
        if query is not None:
            view.query = _short(query)
        _store(view)
        ledger.record("list view changed", _subject(view), by=by, now=now, page=view.page)
    return view


def remove(*, view_id: int, by: User, now: datetime) -> SavedView:
    """Remove a view; lists that opened with it open plainly again. Raises NotYours."""
    with transaction.atomic():
        view = _locked(view_id, by)
        subject = _subject(view)
        view.delete()
        ledger.record("list view removed", subject, by=by, now=now, page=view.page)
    return view


def open_with(*, page: str, view_id: int | None, by: User, now: datetime) -> None:
    """Let the list open with a view the person may see (None: plainly again). Raises SavedView.DoesNotExist."""
    with transaction.atomic():
        if view_id is None:
            FirstView.objects.filter(user=by, page=page).delete()
        else:
            _open_with(SavedView.objects.visible_to(by).get(pk=view_id, page=page), by)
        ledger.record("list view chosen", f"list view {view_id or '-'}", by=by, now=now, page=page)


def may_change(view: SavedView, user: User) -> bool:
    """True for the own views, and for a shared one to its maker and the company's administrators."""
    if view.company_id != user.company_id:
        return False
    return user.pk in (view.owner_id, view.made_by_id) or (view.owner_id is None and Role.ADMINISTRATOR in user.roles)


def _open_with(view: SavedView, user: User) -> None:
    FirstView.objects.update_or_create(user=user, page=view.page, defaults={"view": view})


def _fitting(name: str) -> str:
    name = " ".join("".join(letter if letter.isprintable() else " " for letter in name).split())
    if not name or len(name) > LONGEST_NAME:
        raise NameMissing
    return name


def _short(query: str) -> str:
    if len(query) > LONGEST_QUERY:
        raise TooLong
    return query


def _store(view: SavedView) -> None:
    try:
        with transaction.atomic():
            view.save()
    except IntegrityError as error:
        if "named_once" in str(error):
            raise NameTaken from error
        raise


def _locked(view_id: int, by: User) -> SavedView:
    view = SavedView.objects.visible_to(by).select_for_update(of=("self",)).get(pk=view_id)
    if not may_change(view, by):
        raise NotYours
    return view


def _subject(view: SavedView) -> str:
    return f"list view {view.pk}"
