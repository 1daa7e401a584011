"""A task: what to move, and how sure to be."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from django import forms

from migrator import services
from migrator.models import DEFAULT_OPTIONS, Connection
from migrator.web.wording import classes_in_order

if TYPE_CHECKING:
    from django.db.models import QuerySet

    from migrator.models import Task

MIB = 1024**2


class TaskForm(forms.Form):
    """What to move, from where to where, and how sure to be."""

    name = forms.CharField(
        label="Name of the task", max_length=150, help_text="So that others know what it moves, such as “Archive 2019”."
    )
    source_connection = forms.ModelChoiceField(
        label="Source connection", queryset=Connection.objects.none(), empty_label="Pick a connection"
    )
    source_bucket = forms.CharField(
        label="Source bucket",
        max_length=255,
        widget=forms.TextInput(attrs={"spellcheck": "false", "autocapitalize": "none"}),
    )
    source_prefix = forms.CharField(
        label="Source prefix",
        max_length=1024,
        required=False,
        strip=False,
        help_text="Only objects whose names begin like this, such as “photos/2019/”. Empty: the whole bucket.",
        widget=forms.TextInput(attrs={"spellcheck": "false", "autocapitalize": "none"}),
    )
    destination_connection = forms.ModelChoiceField(
        label="Destination connection", queryset=Connection.objects.none(), empty_label="Pick a connection"
    )
    destination_bucket = forms.CharField(
        label="Destination bucket",
        max_length=255,
        help_text="It must exist already.",
        widget=forms.TextInput(attrs={"spellcheck": "false", "autocapitalize": "none"}),
    )
    destination_prefix = forms.CharField(
        label="Destination prefix",
        max_length=1024,
        required=False,
        strip=False,
        help_text="What the names begin with at the destination. Empty: as they are behind the source's prefix.",
        widget=forms.TextInput(attrs={"spellcheck": "false", "autocapitalize": "none"}),
    )
    if_exists = forms.ChoiceField(
        label="If an object with the same key is already at the destination",
        widget=forms.RadioSelect,
        choices=[
            ("fail_if_exists", "Do not replace it, and tell me"),
            (
                "skip_if_verified_identical",
                "Skip it if an earlier run proved it, nothing changed since, and it is stored as this task asks",
            ),
            ("replace_if_matches", "Replace it, if it still is what the preview showed"),
        ],
    )
    versions = forms.ChoiceField(
        label="Which versions",
        widget=forms.RadioSelect,
        help_text="Only matters where the source bucket keeps versions. The destination gives its versions ids of its "
        "own, and delete markers are not carried over: what is deleted at the source shows its newest version there.",
        choices=[
            ("latest", "The latest of each object"),
            ("all", "Every version, the oldest first; the destination bucket must keep versions"),
        ],
    )
    policy = forms.ChoiceField(
        label="How sure to be",
        widget=forms.RadioSelect,
        choices=[
            ("standard", "Standard: what both stores state is compared with what we computed; read once"),
            ("strict", "Strict: the source states a whole checksum, and every copy is read back; reads twice as much"),
        ],
    )
    fidelity = forms.ChoiceField(
        label="Headers, metadata and tags",
        widget=forms.RadioSelect,
        choices=[
            ("report", "Carry them over and report differences"),
            ("required", "Carry them over; an object with a difference fails"),
        ],
    )
    tags = forms.BooleanField(label="Carry tags over", required=False)
    double_read = forms.BooleanField(
        label="Read the source twice where it states no checksum",
        required=False,
        help_text="The only proof for objects encrypted with a key service; costs a second reading of those.",
    )
    read_back_percent = forms.IntegerField(
        label="Read back at the destination (percent)",
        min_value=0,
        max_value=100,
        help_text="So many of the copies are read again and compared. Strict reads all.",
    )
    leave_out_digests = forms.MultipleChoiceField(
        label="Checksums to leave out",
        required=False,
        help_text="For experts who must save computing time. Each record has all five unless you say otherwise. What "
        "is left out proves nothing, is not sent along, and stays empty in the record for good.",
        widget=forms.CheckboxSelectMultiple,
        choices=[
            ("MD5", "MD5: most stores' ETags can then not be compared"),
            ("SHA256", "SHA-256: nothing can then be read twice or read back"),
            ("CRC32", "CRC32: what states nothing else cannot be compared"),
            ("CRC32C", "CRC32C: what states nothing else cannot be compared"),
            ("CRC64NVME", "CRC64NVME: what states nothing else, such as newer encrypted objects, cannot be compared"),
        ],
    )
    storage_class_map = forms.CharField(
        label="Storage classes at the destination",
        required=False,
        help_text="One a line: a class at the source = the class of its copy, such as STANDARD_IA = GLACIER_IR. "
        "* stands for every class without a line, default for the destination’s own choice. An object in a class "
        "without a line fails; STANDARD needs none. Empty: classes are not carried over.",
        widget=forms.Textarea(attrs={"rows": 2, "spellcheck": "false", "class": "mono"}),
    )
    encryption_type = forms.ChoiceField(
        label="Encryption at the destination",
        required=False,
        help_text="What the destination then reports is compared with it.",
        choices=[
            ("", "As the bucket does it"),
            ("AES256", "With a key of the storage service (SSE-S3)"),
            ("aws:kms", "With a key service (SSE-KMS)"),
            ("aws:kms:dsse", "With a key service, in two layers (DSSE-KMS)"),
        ],
    )
    encryption_key_id = forms.CharField(
        label="Key of the key service",
        required=False,
        help_text="Its ARN, id or alias. Empty: the key that the destination takes by itself.",
        widget=forms.TextInput(attrs={"spellcheck": "false", "autocapitalize": "none", "autocomplete": "off"}),
    )
    probe = forms.BooleanField(
        label="Let the destination prove that it refuses damaged data",
        required=False,
        help_text="Writes, reads and removes tiny objects under .truecopy-probe/. Without it nothing can be verified "
        "by what the destination states.",
    )
    requester_pays = forms.BooleanField(label="We pay for reading the source (requester pays)", required=False)
    include = forms.CharField(
        label="Only keys like these",
        required=False,
        help_text="One pattern a line, such as *.jpg. They see the key behind the prefix.",
        widget=forms.Textarea(attrs={"rows": 2, "spellcheck": "false"}),
    )
    exclude = forms.CharField(
        label="Not keys like these",
        required=False,
        help_text="One pattern a line, such as tmp/*.",
        widget=forms.Textarea(attrs={"rows": 2, "spellcheck": "false"}),
    )
    min_size = forms.IntegerField(label="At least so many bytes", required=False, min_value=0)
    max_size = forms.IntegerField(label="At most so many bytes", required=False, min_value=0)
    modified_after = forms.DateTimeField(
        label="Modified after (UTC)",
        required=False,
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
    )
    modified_before = forms.DateTimeField(
        label="Modified before (UTC)",
        required=False,
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
    )
    speed_limit = forms.FloatField(
        label="Speed limit (MiB/s)",
        required=False,
        min_value=0.001,
        help_text="Empty: as fast as both sides allow.",
        widget=forms.NumberInput(attrs={"step": "any"}),
    )

    field_of_problem = {
        "source.connection": "source_connection",
        "destination.connection": "destination_connection",
        "bytes_per_s": "speed_limit",
        "options.bytes_per_s": "speed_limit",
        "options.encryption": "encryption_type",
        "options.encryption.type": "encryption_type",
        "options.encryption.key_id": "encryption_key_id",
    }

    def __init__(self, *args: Any, connections: QuerySet[Connection], task: Task | None = None, **kwargs: Any) -> None:
        kwargs.setdefault("initial", _task_initial(task))
        super().__init__(*args, **kwargs)
        for side in ("source_connection", "destination_connection"):
            field = self.fields[side]
            assert isinstance(field, forms.ModelChoiceField)
            field.queryset = connections
        self._kept = dict(task.options) if task else {}

    def clean_storage_class_map(self) -> dict[str, str]:
        """Read the lines; whether the names are classes is for the services to say."""
        read: dict[str, str] = {}
        for line in _lines(self.cleaned_data["storage_class_map"]):
            source, sign, destination = (word.strip() for word in line.partition("="))
            if not (source and sign and destination):
                raise forms.ValidationError(
                    "Write a class, =, and the class of its copy, such as STANDARD_IA = STANDARD."
                )
            if source in read:
                raise forms.ValidationError(f"{source} has two lines. Keep one.")
            read[source] = destination
        return read

    def clean_encryption_key_id(self) -> str:
        """Ask for the kind where only a key is given."""
        key_id: str = self.cleaned_data["encryption_key_id"]
        if key_id and not self.cleaned_data.get("encryption_type"):
            raise forms.ValidationError("Choose a key service as the encryption, or leave the key empty.")
        return key_id

    def given(self) -> services.TaskInput:
        """Return what was filled in, for the services; options without a field here stay as they were."""
        return services.TaskInput(
            name=self.cleaned_data["name"],
            source=self._place("source"),
            destination=self._place("destination"),
            options=self._kept | self._options(),
        )

    def _place(self, side: str) -> services.PlaceInput:
        data = self.cleaned_data
        return services.PlaceInput(
            connection=data[f"{side}_connection"], bucket=data[f"{side}_bucket"], prefix=data[f"{side}_prefix"]
        )

    def _options(self) -> dict[str, Any]:
        data = self.cleaned_data
        same = (
            "if_exists", "versions", "policy", "fidelity", "tags", "double_read", "read_back_percent", "probe",
            "requester_pays", "min_size", "max_size", "leave_out_digests", "storage_class_map",
        )  # fmt: skip
        return {name: data[name] for name in same} | {
            "encryption": _encryption(data["encryption_type"], data["encryption_key_id"]),
            "include": _lines(data["include"]),
            "exclude": _lines(data["exclude"]),
            "modified_after": _rfc3339(data["modified_after"]),
            "modified_before": _rfc3339(data["modified_before"]),
            "bytes_per_s": round(data["speed_limit"] * MIB) if data["speed_limit"] else None,
        }


def _task_initial(task: Task | None) -> dict[str, Any]:
    options = task.all_options if task else DEFAULT_OPTIONS
    initial = {name: value for name, value in options.items() if name not in ("include", "exclude")}
    initial |= {
        "include": "\n".join(options["include"]),
        "exclude": "\n".join(options["exclude"]),
        "modified_after": _as_time(options["modified_after"]),
        "modified_before": _as_time(options["modified_before"]),
        "speed_limit": options["bytes_per_s"] / MIB if options["bytes_per_s"] else None,
        "storage_class_map": "\n".join(
            f"{name} = {there}" for name, there in classes_in_order(options["storage_class_map"])
        ),
        "encryption_type": (options["encryption"] or {}).get("type", ""),
        "encryption_key_id": (options["encryption"] or {}).get("key_id") or "",
    }
    if task is not None:
        initial |= {
            "name": task.name,
            "source_connection": task.source_connection_id,
            "source_bucket": task.source_bucket,
            "source_prefix": task.source_prefix,
            "destination_connection": task.dest_connection_id,
            "destination_bucket": task.dest_bucket,
            "destination_prefix": task.dest_prefix,
        }
    return initial


def _encryption(kind: str, key_id: str) -> dict[str, str | None] | None:
    return {"type": kind, "key_id": key_id or None} if kind else None


def _lines(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines() if line.strip()]


def _rfc3339(at: datetime | None) -> str | None:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ") if at else None


def _as_time(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
