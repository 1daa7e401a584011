"""What an admin decides."""

from __future__ import annotations

from django import forms

from integrity.models import ReviewDecision


class DecisionForm(forms.Form):
    """What an admin decides about records that are not verified."""

    decision = forms.ChoiceField(
        label="Decision", widget=forms.RadioSelect, choices=ReviewDecision.Decision.choices, required=False
    )
    reason = forms.CharField(
        label="Reason",
        required=False,
        max_length=1000,
        help_text="At least ten characters for accept and waive. Auditors will read it.",
        widget=forms.Textarea(attrs={"rows": 2}),
    )
