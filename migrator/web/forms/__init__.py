"""What people fill in. A form only reads; what is wrong is said by the services, at the field it belongs to."""

from migrator.web.forms.accounts import FirstAdmin, SignIn, TokenForm
from migrator.web.forms.connections import ConnectionForm, TestForm
from migrator.web.forms.refusals import show_refusal
from migrator.web.forms.reviews import DecisionForm
from migrator.web.forms.tasks import TaskForm

__all__ = [
    "ConnectionForm",
    "DecisionForm",
    "FirstAdmin",
    "SignIn",
    "TaskForm",
    "TestForm",
    "TokenForm",
    "show_refusal",
]
