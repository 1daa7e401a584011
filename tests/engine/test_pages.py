"""A page of a listing says the same whether its rows are cut out by a pattern or the parser reads the whole."""

from __future__ import annotations

from xml.sax.saxutils import escape

import pytest
from hypothesis import given
from hypothesis import strategies as st

from migrator.engine.messages import ListPage, VersionPage
from migrator.engine.pages import page_of, version_page_of

ENTITIES = {'"': "&quot;"}
# Legal in XML, and unkind: markup, blanks, what looks like a row, signs of other planes.
KEYS = st.text(st.characters(min_codepoint=0x20, exclude_categories=["Cs"], exclude_characters="\ufffe\uffff")).filter(
    lambda key: "]]>" not in escape(key)
)
ROWS = st.fixed_dictionaries(
    {
        "Key": KEYS | st.sampled_from(["</Contents>", "<Contents>", "a&b", "%41+", "a\tb", "é", "\U0001f600"]),
        "LastModified": st.sampled_from(["2026-11-25T08:33:21.000Z", "2026-11-25T08:33:21Z"]),
        "ETag": st.sampled_from(['"d41d8cd98f00b204e9800998ecf8427e"', "opaque", '"0-2"']),
        "Size": st.integers(0, 10**12).map(str),
    },
    optional={"StorageClass": st.sampled_from(["STANDARD", ""]), "ChecksumType": st.just("FULL_OBJECT")},
)


def page(rows: str, around: str = "<Name>b</Name><IsTruncated>false</IsTruncated>", head: str = "") -> bytes:
    return f"{head}<ListBucketResult>{around}{rows}<KeyCount>0</KeyCount></ListBucketResult>".encode()


def row(fields: dict[str, str], owner: str = "") -> str:
    said = "".join(f"<{name}>{escape(text, ENTITIES)}</{name}>" for name, text in fields.items())
    return f"<Contents>{said}{owner}</Contents>"


def read_whole(body: bytes) -> ListPage:
    """A blank in a tag is what no pattern expects: with one in each row the parser reads the page."""
    return page_of(body.replace(b"<Contents>", b"<Contents >"))


@given(
    st.lists(ROWS, max_size=4),
    st.booleans(),
    st.sampled_from(["", "\n  "]),
    st.sampled_from(["", "<Owner><ID>o</ID></Owner>"]),
    st.sampled_from(["", "<EncodingType>url</EncodingType>"]),
    st.sampled_from(["", '<?xml version="1.0" encoding="UTF-8"?>', "<?xml version='1.0' encoding='utf-8'?>\n"]),
)
def test_both_ways_say_the_same(
    rows: list[dict[str, str]], sized_first: bool, between: str, owner: str, coding: str, head: str
) -> None:
    ordered = [dict(sorted(each.items(), reverse=sized_first)) for each in rows]
    body = page(between.join(row(each, owner) for each in ordered), f"<Name>b</Name>{coding}", head)
    said = page_of(body)
    assert said == read_whole(body)
    assert len(said.entries) == len(rows)


OWNERS = st.sampled_from(["", "<Owner><ID>o</ID></Owner>", "<Owner><ID>o</ID><DisplayName>me</DisplayName></Owner>"])
VERSIONS = st.tuples(st.sampled_from(["Version", "Version", "DeleteMarker"]), ROWS, OWNERS)


def version_page(rows: list[str], coding: str = "") -> bytes:
    said = f"<Name>b</Name>{coding}{''.join(rows)}<NextVersionIdMarker>n</NextVersionIdMarker>"
    return f"<ListVersionsResult>{said}</ListVersionsResult>".encode()


def read_whole_versions(body: bytes) -> VersionPage:
    return version_page_of(body.replace(b"<Version>", b"<Version >"))


@given(st.lists(VERSIONS, max_size=6), st.sampled_from(["", "<EncodingType>url</EncodingType>"]))
def test_versions_and_markers_are_the_same_both_ways(rows: list[tuple[str, dict[str, str], str]], coding: str) -> None:
    said = [
        row({**fields, "VersionId": f"v{number}", "IsLatest": "true"}, owner).replace("Contents>", f"{name}>")
        for number, (name, fields, owner) in enumerate(rows)
    ]
    body = version_page(said, coding)
    found = version_page_of(body)
    assert found == read_whole_versions(body)
    assert (len(found.versions), len(found.markers)) == (
        sum(name == "Version" for name, *_ in rows),
        sum(name == "DeleteMarker" for name, *_ in rows),
    )


def test_what_stands_between_versions_is_never_put_together() -> None:
    one = "<Version><Key>k</Key><Size>1</Size></Version>"
    body = version_page([one, f"<DeleteMarker><Key>a{one}b</Key></DeleteMarker>", one])

    assert version_page_of(body) == read_whole_versions(body)


def test_rows_of_two_kinds_are_read_by_their_fields() -> None:
    owned = "<Owner><ID>o</ID><DisplayName>me</DisplayName></Owner>"
    rows = [{"Key": f"k{n}", "Size": str(n)} | ({"StorageClass": "COLD"} if n % 2 else {}) for n in range(4)]
    said = page_of(page("".join(row(each, owned) for each in rows)))
    assert [(each.key, each.size, each.storage_class) for each in said.entries] == [
        ("k0", 0, ""),
        ("k1", 1, "COLD"),
        ("k2", 2, ""),
        ("k3", 3, "COLD"),
    ]


def test_rows_that_are_alike_are_read() -> None:
    alike = [{"Key": f"k{n}", "ETag": '"e"', "Size": str(n), "LastModified": ""} for n in range(3)]
    said = page_of(page("".join(map(row, alike))))
    assert [(each.key, each.size, each.etag, each.storage_class) for each in said.entries] == [
        ("k0", 0, '"e"', ""),
        ("k1", 1, '"e"', ""),
        ("k2", 2, '"e"', ""),
    ]
    assert (said.name, said.truncated, said.key_count) == ("b", False, 0)


ONE = row({"Key": "k", "Size": "1"})


@pytest.mark.parametrize(
    ("body", "keys"),
    [
        pytest.param(page(f"<!-- {ONE} -->"), [], id="in a comment"),
        pytest.param(page(f"<Name><![CDATA[{ONE}]]></Name>"), [], id="as text"),
        pytest.param(page(f"<?old {ONE} ?>"), [], id="in an instruction"),
        pytest.param(page(f"<Wrapped>{ONE}{ONE}</Wrapped>"), [], id="in another element"),
        pytest.param(page(f"<Contents><Key>a</Key></Contents>{ONE}"), ["a", "k"], id="of another kind"),
        pytest.param(page(f"<W>{ONE}</W><Contents><Key>a</Key></Contents >"), ["a"], id="beside another row"),
        pytest.param(page(f"<W>{ONE}</W><Contents/>"), [""], id="beside an empty row"),
        pytest.param(page(f"<!-- </Contents> -->{ONE[:-1]} >"), ["k"], id="behind what looks like its end"),
        pytest.param(page(f"{ONE}<Delimiter>/</Delimiter>{ONE}"), ["k", "k"], id="with something between"),
        pytest.param(page(ONE.replace("<Key>", "<Key>z</Key><Key>")), ["k"], id="with a field twice"),
        pytest.param(
            page(ONE.replace("<Key>", "<Key>z</Key><Key>") + ONE), ["k", "k"], id="with a field twice in one of them"
        ),
        pytest.param(page(ONE + "<Contents><Size>2</Size><Key>a</Key></Contents>"), ["k", "a"], id="in another order"),
        pytest.param(page(ONE + "<Contents><Owner><Key>o</Key></Owner></Contents>"), ["k", ""], id="of an odd owner"),
        pytest.param(page(ONE + "<DeleteMarker><Key>a</Key></DeleteMarker>" + ONE), ["k", "k"], id="with a marker"),
        pytest.param(page(ONE.replace("<Contents>", '<Contents a="1">')), ["k"], id="with an attribute"),
        pytest.param(page(ONE.replace(">k<", "><b/>k<")), [""], id="with an element in a field"),
        pytest.param(page(ONE.replace(">k<", ">&#107;<")), ["k"], id="with an entity"),
        pytest.param(page(ONE.replace(">k<", ">a\r\nb<")), ["a\nb"], id="with a line break"),
        pytest.param(page(ONE, head="\ufeff"), ["k"], id="after a mark of order"),
        pytest.param(
            page(row({"Key": "é", "Size": "1"}), head='<?xml version="1.0" encoding="latin-1"?>'),
            ["Ã©"],
            id="in another encoding",
        ),
    ],
)
def test_what_the_pattern_does_not_expect_goes_to_the_parser(body: bytes, keys: list[str]) -> None:
    assert [each.key for each in page_of(body).entries] == keys


@pytest.mark.parametrize(
    "body",
    [
        b"",
        page(ONE)[:-1],
        page(ONE.replace(">k<", ">a&b<")),
        page(ONE.replace(">k<", ">a]]>b<")),
        page(ONE.replace(">k<", ">\x01<")),
        page(ONE.replace(">k<", ">\xe9<")).replace("é".encode(), b"\xe9"),
        page(f"<Broken>{ONE}"),
        page("<Contents><Key>k</Key><Size>1</Size><1x>v</1x></Contents>"),
        page(row({"Key": "k", "Size": "many"})),
        page(row({"Key": "k", "LastModified": "yesterday"})),
        b"<!DOCTYPE a>" + page(ONE),
        page(ONE).replace(b"ListBucketResult", b"Error"),
    ],
)
def test_what_is_no_page_is_refused(body: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        page_of(body)


def test_what_a_page_does_not_say_is_not_made_up() -> None:
    said = page_of(b"<ListBucketResult><Contents><Key>a</Key></Contents></ListBucketResult>")

    assert (said.name, said.truncated, said.next_token, said.key_count, said.common_prefixes) == (
        None,
        None,
        "",
        None,
        0,
    )
    assert said.entries[0].size < 0


def test_what_a_page_of_versions_does_not_say_is_not_made_up() -> None:
    said = version_page_of(b"<ListVersionsResult><Version><Key>a</Key></Version></ListVersionsResult>")

    assert (said.name, said.truncated, said.next_key, said.next_version) == (None, None, "", "")
    assert (said.versions[0].size < 0, said.versions[0].version_id) == (True, "")


def test_what_a_page_says_of_itself_is_read() -> None:
    going_on = "<IsTruncated>true</IsTruncated><NextContinuationToken>t</NextContinuationToken><KeyCount>3</KeyCount>"
    groups = "<CommonPrefixes><Prefix>x/</Prefix></CommonPrefixes><CommonPrefixes><Prefix>y/</Prefix></CommonPrefixes>"
    said = page_of(f"<ListBucketResult><Name>b</Name>{going_on}{groups}</ListBucketResult>".encode())

    assert (said.name, said.truncated, said.next_token, said.key_count, said.common_prefixes) == ("b", True, "t", 3, 2)


@pytest.mark.parametrize(
    ("said", "folded"),
    [
        ("<CommonPrefixes><Prefix>x/</Prefix></CommonPrefixes>", 1),
        ("<CommonPrefixes/>", 0),
        ("<CommonPrefixes><Prefix></Prefix></CommonPrefixes>", 0),
    ],
)
def test_an_element_without_a_prefix_stands_for_no_keys(said: str, folded: int) -> None:
    assert page_of(f"<ListBucketResult>{said}</ListBucketResult>".encode()).common_prefixes == folded
    assert version_page_of(f"<ListVersionsResult>{said}</ListVersionsResult>".encode()).common_prefixes == folded


# The last two no calendar has in UTC.
NO_TIMES = [
    "x",
    "2026-02-30T00:00:00.000Z",
    "aaaa-aa-aaTaa:aa:aa.aaaZ",
    "0001-01-01T00:00:00+01:00",
    "9999-12-31T23:59:59-01:00",
]


@pytest.mark.parametrize("text", NO_TIMES)
def test_a_time_that_is_none_is_not_taken_for_one(text: str) -> None:
    times = f"<LastModified>{text}</LastModified>"
    version = f"<Version><Key>k</Key>{times}<Size>1</Size></Version>"
    marker = f"<DeleteMarker><Key>k</Key>{times}</DeleteMarker>"

    for read, body in (
        (page_of, page(f"<Contents><Key>k</Key>{times}<Size>1</Size></Contents>")),
        (version_page_of, f"<ListVersionsResult>{version}</ListVersionsResult>".encode()),
        (version_page_of, f"<ListVersionsResult>{marker}</ListVersionsResult>".encode()),
    ):
        with pytest.raises(ValueError):
            read(body)


@pytest.mark.parametrize("text", ["2026-11-25 08:33:21.000Z", "2026-W48-3T08:33:21.000Z", "2026-11-25T08:33:21Z"])
def test_a_time_in_another_form_is_the_same_time(text: str) -> None:
    (entry,) = page_of(
        page(f"<Contents><Key>k</Key><LastModified>{text}</LastModified><Size>1</Size></Contents>")
    ).entries

    assert entry.last_modified == "2026-11-25T08:33:21.000000Z"
