"""An application as it stands, locked, and where a move leads it."""

from portal.access import Ability
from portal.access import covers as covers_point
from portal.models import User
from switching.applications.refusals import AlreadyMoved, NotYours
from switching.models import Application
from switching.states import ApplicationMove, ApplicationState, NotAllowed, next_application_state

Kind = Application.Kind


def own(application_id: int, by: User) -> Application:
    """The person's own company's application, locked."""
    application = locked(application_id)
    if application.kind == Kind.SWITCH_TERMINATION or application.retailer_id != by.company_id:
        raise NotYours
    return application


def locked(application_id: int) -> Application:
    """The application with its point and retailer, locked to the end of the transaction."""
    return (
        Application.objects.select_for_update(of=("self",)).select_related("point", "retailer").get(pk=application_id)
    )


def covers(by: User, ability: Ability, application: Application) -> bool:
    """True when the person holds the ability for the area and class of the application's point."""
    return covers_point(by, ability, area=application.point.area, supply_class=application.point.supply_class)


def following(application: Application, move: ApplicationMove) -> ApplicationState:
    """The state to which the move leads from where the application stands. Raises AlreadyMoved."""
    try:
        return next_application_state(application.state or None, move)
    except NotAllowed as refusal:
        raise AlreadyMoved(ApplicationState(refusal.state)) from refusal
