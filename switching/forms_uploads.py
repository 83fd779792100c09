"""Forms and filters of the pages for files of many cases."""

import django_filters
from django import forms
from django.utils.translation import gettext_lazy as _

from switching.models import Content, Upload, UploadRow


class UploadForm(forms.Form):
    """One file; what is wrong with it is the verb's business."""

    file = forms.FileField(
        label=_("File"),
        allow_empty_file=True,
        help_text=_("CSV (UTF-8 or Shift_JIS) or Excel (.xlsx), up to 100,000 rows. Nothing is filed yet."),
        error_messages={"required": _("Please choose a file.")},
        widget=forms.ClearableFileInput(attrs={"accept": ".csv,.txt,.tsv,.xlsx"}),
    )


class UploadFilter(django_filters.FilterSet):
    name = django_filters.CharFilter(label=_("File name"), lookup_expr="icontains")
    content = django_filters.ChoiceFilter(label=_("Content"), choices=Content.choices)
    state = django_filters.ChoiceFilter(label=_("State"), choices=Upload.State.choices)

    class Meta:
        model = Upload
        fields: list[str] = []


class RowFilter(django_filters.FilterSet):
    state = django_filters.ChoiceFilter(label=_("Verdict"), choices=UploadRow.State.choices)
    line = django_filters.NumberFilter(label=_("Row"), min_value=1, max_value=2_000_000_000)

    class Meta:
        model = UploadRow
        fields: list[str] = []
