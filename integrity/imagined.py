"""What will become of an item that nobody has read yet: its checks, made from what is known, and the judgement.

Pure. Nothing is decided here. Two bytes are hashed, both stores are made to say what their profiles and a HEAD of
such an object let expect, and the real comparisons and the real `judge` do the rest.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import KW_ONLY, dataclass, field, replace
from enum import StrEnum
from functools import lru_cache
from itertools import product

from integrity import checksums
from integrity.checksums import ChecksumType
from integrity.digests import ALL, Algorithm, DigestSet, digest_of
from integrity.etags import EtagForm, etag_of, kind
from integrity.evidence import (
    Check,
    Demand,
    Encryption,
    ErrorCode,
    EtagMeaning,
    Origin,
    Planned,
    Profile,
    ReadBack,
    Reason,
    Statement,
    destination_checks,
    fidelity_checks,
    source_checks,
    write_checks,
)
from integrity.layouts import Layout
from integrity.values import named_value
from integrity.verdicts import Judgement, Policy, judge


class ListedEtag(StrEnum):
    """What the listing's ETag of an object looks like; one part and several differ in what tells the layout."""

    MD5 = "md5"
    ONE_PART = "one_part"
    PARTS = "parts"
    OPAQUE = "opaque"
    ABSENT = "absent"

    @classmethod
    def of(cls, etag: str) -> ListedEtag:
        """Return the kind of an ETag as the store wrote it."""
        if not etag:
            return cls.ABSENT
        found = kind(etag)
        if found.form is EtagForm.MULTIPART:
            return cls.ONE_PART if found.parts == 1 else cls.PARTS
        return cls.MD5 if found.form is EtagForm.MD5 else cls.OPAQUE


class Present(StrEnum):
    """What the destination's listing shows where the copy is to go, if it is kept and compared."""

    NOTHING = "nothing"
    SAME_ETAG = "same_etag"
    UNCLEAR = "unclear"


@named_value
class ItemClass:
    """Items of a plan that the listings do not tell apart. A plan has a few dozen classes at most.

    `in_parts`: above the size that goes in one PUT. `read_back`: this item's copy will be read again.
    `class_carried`: the task says what becomes of its storage class. `hindrance`: what the listings show to keep it
    from being copied.
    """

    etag: ListedEtag
    in_parts: bool = False
    present: Present = Present.NOTHING
    read_back: bool = False
    class_carried: bool = True
    hindrance: ErrorCode | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What a HEAD of a source object showed: its encryption, and the checksums it states, with their types."""

    encryption: Encryption = Encryption.NONE
    checksums: frozenset[tuple[str, ChecksumType | None]] = field(default_factory=frozenset)

    @classmethod
    def of(cls, said: Statement) -> Seen:
        """Return what a reply shows."""
        stated = said.checksums.items()
        types = {(name, checksums.type_of(name, text, said.checksum_type)) for name, text in stated}
        return cls(encryption=said.encryption, checksums=frozenset(types))


# What an object that nobody has asked about may turn out to be, at best and at worst.
IMAGINABLE = (
    Seen(checksums=frozenset({("CRC64NVME", ChecksumType.FULL_OBJECT)})),
    Seen(encryption=Encryption.SSE_KMS),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What the task asks for, as far as it decides about proof. `left_out`: digests that it does not compute.

    `encryption`: None where the bucket decides.
    """

    policy: Policy = field(default_factory=Policy)
    double_read: bool = False
    tags: bool = False
    left_out: frozenset[Algorithm] = frozenset()
    encryption: Encryption | None = None


@dataclass(frozen=True, slots=True)
class Imagined:
    """An item of a class as one HEAD showed it, between two buckets."""

    item: ItemClass
    seen: Seen
    source: Profile
    destination: Profile

    def judgements(self, wish: Wish) -> Iterator[Judgement]:
        """Yield what such an item may be judged; more than one where the profiles leave something open."""
        if self.item.hindrance is not None:
            yield judge((), wish.policy, self.item.hindrance)
            return
        for fits, told in product(self._may_fit(), self._may_be_told()):
            yield self._judged(wish, fits=fits, told=told)
        if self.item.present is Present.UNCLEAR:
            yield judge((), wish.policy, ErrorCode.DEST_EXISTS)

    def _judged(self, wish: Wish, *, fits: bool, told: bool) -> Judgement:
        source = _SourceSide(self.item.etag, self.seen, self.source, wish.left_out, fits=fits, told=told)
        dest = _DestSide(self.item, self.destination, source.layout, wish)
        checks = (*source.checks(wish), *dest.checks(source, wish))
        judgement = judge(checks, wish.policy)
        if self.item.present is Present.NOTHING or judgement.is_valid:
            return judgement
        return judge(checks, wish.policy, ErrorCode.DEST_EXISTS)

    def _may_fit(self) -> tuple[bool, ...]:
        """Say whether the ETag may be one of the bytes: both where nothing shows what this very one means."""
        if self.item.etag in _NEVER_OF_THE_BYTES:
            return (False,)
        meaning = self.source.etag_single if self.item.etag is ListedEtag.MD5 else self.source.etag_multipart
        if meaning in (EtagMeaning.MD5, EtagMeaning.FORMULA):
            return (True,)
        return (True, False) if meaning in (EtagMeaning.MIXED, EtagMeaning.UNKNOWN) else (False,)

    def _may_be_told(self) -> tuple[bool, ...]:
        """Say whether the source may tell the sizes of the parts."""
        if self.item.etag is not ListedEtag.PARTS:
            return (self.item.etag is not ListedEtag.OPAQUE,)
        shown = self.source.part_number is True or self.source.etag_multipart is EtagMeaning.FORMULA
        return (True,) if shown else (True, False)


_NEVER_OF_THE_BYTES = frozenset({ListedEtag.OPAQUE, ListedEtag.ABSENT})
_SEALED = frozenset({Encryption.SSE_KMS, Encryption.SSE_C})

_BODY = b"12"
_ONE_PUT = Layout.single(len(_BODY))
_ONE_PART = Layout.of((len(_BODY),))
_TWO_PARTS = Layout.of((1, 1))
_ANOTHER_MD5 = "f" * 32
_OPAQUE = "opaque-etag"


_EVERY_LAYOUT = frozenset({_ONE_PUT, _ONE_PART, _TWO_PARTS})


@lru_cache(maxsize=256)
def _digests(layouts: frozenset[Layout], demand: Demand) -> DigestSet:
    """Return what one pass computes."""
    return digest_of(_BODY, layouts, demand.whole, demand.parts)


# What a store may state, whether we compute it or not.
_TRUE = digest_of(_BODY, _EVERY_LAYOUT, ALL, ALL)


@dataclass(frozen=True, slots=True)
class _SourceSide:
    """The source of an imagined item. `fits`: its ETag is one of the bytes; `told`: the part layout is known."""

    etag: ListedEtag
    seen: Seen
    profile: Profile
    left_out: frozenset[Algorithm]
    _: KW_ONLY
    fits: bool
    told: bool

    @property
    def layout(self) -> Layout | None:
        """The layout that the source tells."""
        return _LAYOUTS.get(self.etag) if self.told else None

    @property
    def digests(self) -> DigestSet:
        """What one pass computes: a layout that fits without being told was inferred."""
        own = _LAYOUTS.get(self.etag)
        known = _EVERY_LAYOUT if own is not _TWO_PARTS or self.told or self.fits else frozenset({_ONE_PUT})
        return _digests(known, self.demand)

    @property
    def demand(self) -> Demand:
        """What is computed: what the source's statement asks for, without what the task leaves out."""
        return Demand.of(self.statement, self.left_out)

    @property
    def statement(self) -> Statement:
        """What the source says in the reply to a GET."""
        types = {of_kind for _, of_kind in self.seen.checksums if of_kind is not None}
        return Statement(
            origin=Origin.GET,
            size=len(_BODY),
            etag=self._stated_etag() or None,
            encryption=self.seen.encryption,
            checksums={name: self._checksum(name, of_kind) for name, of_kind in self.seen.checksums},
            checksum_type=types.pop() if len(types) == 1 else None,
        )

    def checks(self, wish: Wish) -> tuple[Check, ...]:
        """Return the checks of the source leg when all goes well."""
        said = self.statement
        return source_checks(
            Planned(etag=said.etag or "", size=len(_BODY)),
            said,
            self.digests,
            self.profile,
            layout=self.layout,
            after=replace(said, origin=Origin.HEAD),
            reread_sha256=_TRUE.sha256_hex if wish.double_read else None,
        )

    def _stated_etag(self) -> str:
        if self.etag in _NEVER_OF_THE_BYTES:
            return "" if self.etag is ListedEtag.ABSENT else _OPAQUE
        layout = _LAYOUTS[self.etag]
        if self.fits:
            return etag_of(_TRUE, layout) or ""
        return f"{_ANOTHER_MD5}-{layout.count}" if layout.multipart else _ANOTHER_MD5

    def _checksum(self, name: str, of_kind: ChecksumType | None) -> str:
        """Return the checksum of that type as the store would state it; one we cannot compute has any value."""
        layout = _LAYOUTS.get(self.etag)
        if of_kind is ChecksumType.COMPOSITE and layout is not None and layout.multipart:
            raws = _TRUE.part_raws(layout, name) if name not in checksums.FULL_OBJECT_ONLY else None
            return checksums.composite(name, raws) if raws else f"{_ANOTHER_MD5}-{layout.count}"
        raw = _TRUE.raw(name)
        return _ANOTHER_MD5 if raw is None or of_kind is None else checksums.encode(raw)


_LAYOUTS = {ListedEtag.MD5: _ONE_PUT, ListedEtag.ONE_PART: _ONE_PART, ListedEtag.PARTS: _TWO_PARTS}


@dataclass(frozen=True, slots=True)
class _DestSide:
    """The destination of an imagined item: it says what its profile lets expect, and nothing else goes wrong."""

    item: ItemClass
    profile: Profile
    mirrored: Layout | None
    wish: Wish

    @property
    def layout(self) -> Layout:
        """A multipart layout that the source tells is mirrored; else the size decides."""
        if self.mirrored is not None and self.mirrored.multipart:
            return self.mirrored
        return _TWO_PARTS if self.item.in_parts else _ONE_PUT

    def checks(self, source: _SourceSide, wish: Wish) -> tuple[Check, ...]:
        """Return the checks of the destination leg, and of what travels beside the bytes."""
        digests = _digests(_EVERY_LAYOUT, source.demand)
        after = self._says(Origin.HEAD)
        reply = self._says(Origin.COMPLETE_REPLY if self.layout.multipart else Origin.PUT_REPLY)
        written = self.item.present is Present.NOTHING
        lasts = written and self.profile.etag_stable is not False
        held = destination_checks(
            digests,
            self.layout,
            self.profile,
            write_reply=reply if written else None,
            after=after,
            identity=None if lasts else after,
            readback=self._read_back(after) if self.item.read_back else None,
        )
        sent = self._sent(digests, reply) if written else ()
        return (*sent, *held, *self._fidelity(source, after, reply if written else None, wish))

    def _sent(self, digests: DigestSet, reply: Statement) -> tuple[Check, ...]:
        parts = _TRUE.parts[self.layout] if self.layout.multipart else ()
        replies = [self._says_of_part(part.md5 or b"", part.raw(self._algorithm)) for part in parts]
        sent = self.profile.digests_sent(self.wish.left_out)
        return write_checks(digests, self.layout, self.profile, sent=sent, reply=reply, part_replies=replies)

    def _fidelity(
        self, source: _SourceSide, after: Statement, reply: Statement | None, wish: Wish
    ) -> tuple[Check, ...]:
        no_tags = Reason.NOT_COPIED if not wish.tags else Reason.NOT_SUPPORTED
        lacking = source.profile.tagging is False or self.profile.tagging is False
        tags: dict[str, str] | None = {} if wish.tags and not lacking else None
        return fidelity_checks(
            source.statement,
            after,
            write_reply=reply,
            first_seen=after,
            source_tags=tags,
            dest_tags=tags,
            tags_reason=no_tags,
            storage_class="STANDARD" if self.item.class_carried else None,
        )

    @property
    def _algorithm(self) -> str:
        return self.profile.whole_checksum(self.wish.left_out)

    @property
    def _encryption(self) -> Encryption:
        """How the copy is encrypted: as the task asks; what is there already, and all else, as the bucket does it."""
        asked = self.wish.encryption if self.item.present is Present.NOTHING else None
        return asked or self.profile.sse_default or Encryption.NONE

    def _says(self, origin: Origin) -> Statement:
        meaning = self.profile.etag_multipart if self.layout.multipart else self.profile.etag_single
        of_bytes = meaning not in _NOT_OF_BYTES and self._encryption not in _SEALED
        raw = _TRUE.raw(self._algorithm) if self._algorithm and self.profile.checksum_mode is True else None
        return Statement(
            origin=origin,
            size=len(_BODY),
            etag=(etag_of(_TRUE, self.layout) if of_bytes else None) or _OPAQUE,
            encryption=self._encryption,
            checksums={} if raw is None else {self._algorithm: checksums.encode(raw)},
            checksum_type=None if raw is None else ChecksumType.FULL_OBJECT,
        )

    def _says_of_part(self, md5: bytes, raw: bytes | None) -> Statement:
        of_bytes = self.profile.etag_multipart not in _NOT_OF_BYTES and self._encryption not in _SEALED
        return Statement(
            origin=Origin.PART_REPLY,
            etag=md5.hex() if of_bytes else _OPAQUE,
            encryption=self._encryption,
            checksums={} if raw is None else {self._algorithm: checksums.encode(raw)},
        )

    def _read_back(self, after: Statement) -> ReadBack:
        said = replace(after, origin=Origin.READBACK)
        return ReadBack(statement=said, sha256=_TRUE.sha256_hex or "", size=_TRUE.size)


_NOT_OF_BYTES = frozenset({EtagMeaning.OPAQUE, EtagMeaning.DISPROVED})
