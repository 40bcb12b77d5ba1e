# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The OCI distribution specification v1.1, section by section, as raw HTTP."""

from __future__ import annotations

import json

import pytest

IMAGE = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"
DOCKER = "application/vnd.docker.distribution.manifest.v2+json"
ZERO = "sha256:" + "0" * 64
LIMIT = 4 << 20


# --- determining support ---


def test_base(client):
    answer = client("GET", "/v2/")
    assert (
        answer.status == 200 and answer.headers["Docker-Distribution-API-Version"] == "registry/2.0"
    )
    assert client("GET", "/v2").status == 200 and client("HEAD", "/v2/").body == b""


def test_other_paths_and_methods(client):
    assert client("GET", "/").status == 404 and client("GET", "/v1/").code == "UNSUPPORTED"
    answer = client("PATCH", "/v2/")
    assert answer.status == 405 and answer.headers["Allow"] == "GET, HEAD"
    assert client("TRACE", "/v2/").status == 405


@pytest.mark.parametrize(
    "name", ["UPPER", "a/../b", "%2e%2e/%2e%2e/etc", "_catalog/x", "a%00b", "x" * 256]
)
def test_false_names(client, name):
    for path in ("blobs/" + ZERO, "manifests/latest", "tags/list"):
        answer = client("GET", f"/v2/{name}/{path}")
        assert (answer.status, answer.code) == (400, "NAME_INVALID")


# --- pulling blobs ---


def test_blob(client):
    digest = client.push_blob(b"0123456789")
    answer = client("GET", "blobs/" + digest)
    assert (answer.status, answer.body) == (200, b"0123456789")
    assert (
        answer.headers["Docker-Content-Digest"] == digest
        and answer.headers["Content-Type"] == "application/octet-stream"
    )
    head = client("HEAD", "blobs/" + digest)
    assert (
        head.status,
        head.body,
        head.headers["Content-Length"],
        head.headers["Accept-Ranges"],
    ) == (200, b"", "10", "bytes")
    assert client("GET", "/v2/test/two/blobs/" + digest).code == "BLOB_UNKNOWN"


def test_blob_that_is_not_there(client):
    answer = client("GET", "blobs/" + ZERO)
    assert (answer.status, answer.code) == (404, "BLOB_UNKNOWN")
    assert client("HEAD", "blobs/" + ZERO).status == 404
    for digest in ("sha256:zz", "md5:" + "0" * 32, "latest"):
        answer = client("GET", "blobs/" + digest)
        assert (answer.status, answer.code) == (400, "DIGEST_INVALID")


def test_ranges(client):
    digest = client.push_blob(b"0123456789")
    answer = client("GET", "blobs/" + digest, Range="bytes=3-5")
    assert (answer.status, answer.body, answer.headers["Content-Range"]) == (
        206,
        b"345",
        "bytes 3-5/10",
    )
    assert client("GET", "blobs/" + digest, Range="bytes=7-").body == b"789"
    assert client("GET", "blobs/" + digest, Range="bytes=-2").body == b"89"
    answer = client("GET", "blobs/" + digest, Range="bytes=10-")
    assert (answer.status, answer.headers["Content-Range"]) == (416, "bytes */10")
    assert client("GET", "blobs/" + digest, Range="bytes=0-1,4-5").status == 200
    assert client("GET", "blobs/" + digest, Range="bytes=3-5", If_Range='"other"').status == 200
    assert client("GET", "blobs/" + digest, Range="bytes=3-5", If_Range=f'"{digest}"').status == 206


def test_not_modified(client):
    digest = client.push_blob(b"data")
    answer = client("GET", "blobs/" + digest, If_None_Match=f'"other", "{digest}"')
    assert (answer.status, answer.body) == (304, b"")
    assert client("GET", "/v2/").status == 200  # the connection is still in step


def test_empty_blob(client):
    digest = client.push_blob(b"")
    answer = client("GET", "blobs/" + digest)
    assert (answer.status, answer.body) == (200, b"")


def test_sha512(client):
    digest = client.push_blob(b"data", "sha512")
    assert digest.startswith("sha512:") and client("GET", "blobs/" + digest).body == b"data"
    assert (
        client("POST", "blobs/uploads/?digest=" + client.digest(b"more", "sha512"), b"more").status
        == 201
    )
    answer = client("POST", "blobs/uploads/?digest-algorithm=sha512")
    assert (
        client(
            "PUT",
            f"{answer.headers['Location']}?digest={client.digest(b'third', 'sha512')}",
            b"third",
        ).status
        == 201
    )
    assert client("POST", "blobs/uploads/?digest-algorithm=md5").code == "DIGEST_INVALID"


# --- pushing blobs ---


def test_post_then_put(client):
    location = client.begin()
    answer = client(
        "PUT",
        f"{location}?digest={client.digest(b'data')}",
        b"data",
        Content_Type="application/octet-stream",
    )
    assert answer.status == 201 and answer.headers["Docker-Content-Digest"] == client.digest(
        b"data"
    )
    assert client("GET", answer.headers["Location"]).body == b"data"
    assert client("GET", location).code == "BLOB_UPLOAD_UNKNOWN"


def test_single_post(client):
    answer = client("POST", "blobs/uploads/?digest=" + client.digest(b"data"), b"data")
    assert answer.status == 201 and client("GET", answer.headers["Location"]).body == b"data"


def test_the_digest_must_be_right(client):
    for method, path in (
        ("POST", "blobs/uploads/?digest=" + ZERO),
        ("PUT", client.begin() + "?digest=" + ZERO),
    ):
        answer = client(method, path, b"data")
        assert (answer.status, answer.code) == (400, "DIGEST_INVALID")
    assert client("PUT", client.begin(), b"data").code == "DIGEST_INVALID"
    assert client("PUT", client.begin() + "?digest=sha256:xyz", b"data").code == "DIGEST_INVALID"
    assert (
        client("HEAD", "blobs/" + ZERO).status
        == client("HEAD", "blobs/" + client.digest(b"data")).status
        == 404
    )


def test_chunks(client):
    location = client.begin()
    answer = client(
        "PATCH", location, b"0123", Content_Range="0-3", Content_Type="application/octet-stream"
    )
    assert (answer.status, answer.headers["Range"]) == (202, "0-3")
    answer = client("PATCH", answer.headers["Location"], b"456", Content_Range="4-6")
    assert (answer.status, answer.headers["Range"]) == (202, "0-6")
    status = client("GET", answer.headers["Location"])
    assert (status.status, status.headers["Range"], status.body) == (204, "0-6", b"")
    answer = client(
        "PUT",
        f"{answer.headers['Location']}?digest={client.digest(b'0123456789')}",
        b"789",
        Content_Range="7-9",
    )
    assert answer.status == 201 and client("GET", answer.headers["Location"]).body == b"0123456789"


def test_chunks_out_of_order(client):
    location = client.begin()
    answer = client("PATCH", location, b"456", Content_Range="4-6")
    assert (answer.status, answer.code, answer.headers["Range"]) == (
        416,
        "BLOB_UPLOAD_INVALID",
        "0-0",
    )
    assert client("PATCH", location, b"0123", Content_Range="0-3").status == 202
    for content_range in ("0-3", "5-7", "3-6"):
        answer = client("PATCH", location, b"0123", Content_Range=content_range)
        assert (answer.status, answer.headers["Range"], answer.headers["Location"]) == (
            416,
            "0-3",
            location,
        )
    assert (
        client(
            "PUT", f"{location}?digest={client.digest(b'01239')}", b"9", Content_Range="9-9"
        ).status
        == 416
    )
    assert (
        client(
            "PUT", f"{location}?digest={client.digest(b'01234')}", b"4", Content_Range="4-4"
        ).status
        == 201
    )


def test_false_content_ranges(client):
    location = client.begin()
    assert client("PATCH", location, b"0123", Content_Range="first").code == "BLOB_UPLOAD_INVALID"
    assert client("PATCH", location, b"0123", Content_Range="0-9").code == "SIZE_INVALID"
    assert client("GET", location).headers["Range"] == "0-0"


def test_streamed_patch(client):
    """As Docker pushes: one PATCH of unknown length."""
    location = client.begin()
    pieces = [b"a" * 100000, b"", b"b" * 5, b"c" * 300000]
    client.connection.request(
        "PATCH",
        location,
        iter([piece for piece in pieces if piece]),
        encode_chunked=True,
        headers={"Transfer-Encoding": "chunked"},
    )
    response = client.connection.getresponse()
    assert (response.status, response.headers["Range"], response.read()) == (202, "0-400004", b"")
    digest = client.digest(b"".join(pieces))
    assert client("PUT", f"{location}?digest={digest}").status == 201
    assert client("GET", "blobs/" + digest).body == b"".join(pieces)


def test_uploads_that_are_not_there(client):
    location = client.begin()
    for method in ("GET", "PATCH", "DELETE"):
        answer = client(method, "/v2/test/one/blobs/uploads/00000000-0000-0000-0000-000000000000")
        assert (answer.status, answer.code) == (404, "BLOB_UPLOAD_UNKNOWN")
    assert client("GET", location.replace("test/one", "test/two")).status == 404
    assert client("DELETE", location).status == 204
    assert client("PATCH", location, b"x").status == 404


def test_mount(client):
    digest = client.push_blob(b"data")
    answer = client("POST", f"/v2/test/two/blobs/uploads/?mount={digest}&from=test/one")
    assert (answer.status, answer.headers["Location"]) == (201, "/v2/test/two/blobs/" + digest)
    assert client("GET", "/v2/test/two/blobs/" + digest).body == b"data"
    assert client("POST", "/v2/test/three/blobs/uploads/?mount=" + digest).status == 201
    answer = client("POST", f"/v2/test/four/blobs/uploads/?mount={digest}&from=test/nowhere")
    assert answer.status == 202 and answer.headers["Location"].startswith(
        "/v2/test/four/blobs/uploads/"
    )
    assert client("POST", f"/v2/test/four/blobs/uploads/?mount={digest}&from=../x").status == 202
    assert client("POST", "blobs/uploads/?mount=x&from=test/one").code == "DIGEST_INVALID"


def test_delete_blob(client):
    digest = client.push_blob(b"data")
    client("POST", f"/v2/test/two/blobs/uploads/?mount={digest}&from=test/one")
    assert client("DELETE", "blobs/" + digest).status == 202
    answer = client("DELETE", "blobs/" + digest)
    assert (answer.status, answer.code) == (404, "BLOB_UNKNOWN")
    assert (
        client("HEAD", "blobs/" + digest).status == 404
        and client("HEAD", "/v2/test/two/blobs/" + digest).status == 200
    )


# --- manifests ---


def test_manifest_by_tag_and_digest(client):
    data = client.image()
    answer = client.put("latest", data)
    digest = client.digest(data)
    assert (answer.status, answer.headers["Location"], answer.headers["Docker-Content-Digest"]) == (
        201,
        "/v2/test/one/manifests/" + digest,
        digest,
    )
    for reference in ("latest", digest):
        answer = client("GET", "manifests/" + reference)
        assert (
            answer.status,
            answer.body,
            answer.headers["Content-Type"],
            answer.headers["Docker-Content-Digest"],
        ) == (200, data, IMAGE, digest)
        head = client("HEAD", "manifests/" + reference)
        assert (head.status, head.body, head.headers["Content-Length"]) == (
            200,
            b"",
            str(len(data)),
        )
        assert client("GET", "manifests/" + reference, If_None_Match=f'"{digest}"').status == 304
    assert client.put(digest, data).status == 201
    sha512 = client.digest(data, "sha512")
    assert client.put(sha512, data).headers["Docker-Content-Digest"] == sha512
    assert client("GET", "manifests/" + sha512).body == data


def test_manifest_bytes_are_kept_as_they_came(client):
    data = client.image().replace(b": ", b" :\n\t") + b"\n\n"
    assert client.put("odd", data).status == 201
    assert client("GET", "manifests/odd").body == data


def test_manifests_that_are_not_there(client):
    answer = client("GET", "manifests/latest")
    assert (answer.status, answer.code) == (404, "NAME_UNKNOWN")
    client.put("latest", client.image())
    for reference in ("other", ZERO, ".INVALID"):
        answer = client("GET", "manifests/" + reference)
        assert (answer.status, answer.code) == (404, "MANIFEST_UNKNOWN")
    answer = client("GET", "manifests/sha256:totallywrong")
    assert (answer.status, answer.code) == (400, "DIGEST_INVALID")


def test_accept(client):
    client.put("latest", client.image())
    assert client("GET", "manifests/latest", Accept=f"{INDEX}, {IMAGE}").status == 200
    assert client("GET", "manifests/latest", Accept="*/*").status == 200
    answer = client("GET", "manifests/latest", Accept=INDEX)
    assert (answer.status, answer.code) == (404, "MANIFEST_UNKNOWN")


def test_what_a_manifest_names_must_be_there(client):
    data = client.image(layers=[{"mediaType": "x/y", "digest": ZERO, "size": 1}])
    answer = client.put("latest", data)
    assert (answer.status, answer.code, answer.json()["errors"][0]["detail"]) == (
        404,
        "MANIFEST_BLOB_UNKNOWN",
        {"digest": ZERO},
    )
    index = {
        "schemaVersion": 2,
        "mediaType": INDEX,
        "manifests": [{"mediaType": IMAGE, "digest": ZERO, "size": 1}],
    }
    assert client.put("latest", index, INDEX).code == "MANIFEST_BLOB_UNKNOWN"
    other = client.image(b"there")
    client.put("other", other)
    index["manifests"] = [{"mediaType": IMAGE, "digest": client.digest(other), "size": len(other)}]
    assert client.put("latest", index, INDEX).status == 201
    assert client("GET", "manifests/latest").headers["Content-Type"] == INDEX


def test_false_manifests(client):
    for document, media_type, code in (
        (b"{", IMAGE, "MANIFEST_INVALID"),
        (client.image(), INDEX, "MANIFEST_INVALID"),
        (client.image(), "text/plain", "MANIFEST_INVALID"),
    ):
        answer = client.put("latest", document, media_type)
        assert (answer.status, answer.code) == (400, code)
    answer = client.put(ZERO, client.image())
    assert (answer.status, answer.code) == (400, "DIGEST_INVALID")
    assert client.put(".tag", client.image()).code == "TAG_INVALID"
    assert client("GET", "tags/list").json()["tags"] == []


def test_manifest_size(client):
    def padded(size):
        data = client.image()
        return data + b" " * (size - len(data))

    assert client.put("big", padded(LIMIT)).status == 201
    assert len(client("GET", "manifests/big").body) == LIMIT
    answer = client.put("bigger", padded(LIMIT + 1))
    assert (answer.status, answer.code) == (413, "SIZE_INVALID")


def test_tags_with_a_digest(client):
    data = client.image()
    answer = client.put(client.digest(data) + "?tag=a&tag=b", data)
    assert (answer.status, answer.headers["OCI-Tag"]) == (201, "a, b")
    assert client("GET", "tags/list").json()["tags"] == ["a", "b"]
    assert (
        client.put(
            client.digest(data) + "?tag=" + "&tag=".join("t%d" % number for number in range(11)),
            data,
        ).status
        == 414
    )


def test_a_tag_moves(client):
    first, second = client.image(b"1"), client.image(b"2")
    client.put("latest", first)
    client.put("latest", second)
    assert (
        client("GET", "manifests/latest").body == second
        and client("GET", "manifests/" + client.digest(first)).body == first
    )


def test_delete_tag(client):
    data = client.image()
    client.put("a", data)
    client.put("b", data)
    assert (
        client("DELETE", "manifests/a").status == 202 and client("GET", "manifests/a").status == 404
    )
    assert (
        client("GET", "manifests/b").status
        == client("GET", "manifests/" + client.digest(data)).status
        == 200
    )
    answer = client("DELETE", "manifests/a")
    assert (answer.status, answer.code) == (404, "MANIFEST_UNKNOWN")


def test_delete_manifest(client):
    data = client.image()
    client.put("a", data)
    client.put("b", data)
    client.put("c", client.image(b"other"))
    assert client("DELETE", "manifests/" + client.digest(data)).status == 202
    assert client("GET", "tags/list").json() == {"name": "test/one", "tags": ["c"]}
    assert client("DELETE", "manifests/" + client.digest(data)).status == 404
    assert client("DELETE", "manifests/sha256:x").code == "DIGEST_INVALID"


# --- content discovery ---


def test_tags(client):
    answer = client("GET", "tags/list")
    assert (answer.status, answer.code) == (404, "NAME_UNKNOWN")
    data = client.image()
    for tag in ("b", "A", "1.0", "c", "a"):
        client.put(tag, data)
    assert client("GET", "tags/list").json() == {
        "name": "test/one",
        "tags": ["1.0", "A", "a", "b", "c"],
    }
    answer = client("GET", "tags/list?n=2")
    assert answer.json()["tags"] == ["1.0", "A"]
    seen, path = [], "/v2/test/one/tags/list?n=2"
    while path:
        answer = client("GET", path)
        seen.append(answer.json()["tags"])
        link = answer.headers["Link"]
        path = link and link[1 : link.index(">")]
        assert link is None or link.endswith('; rel="next"')
    assert seen == [["1.0", "A"], ["a", "b"], ["c"]]
    assert client("GET", "tags/list?last=a").json()["tags"] == ["b", "c"]
    assert client("GET", "tags/list?last=aa&n=1").json()["tags"] == ["b"]
    assert client("GET", "tags/list?n=0").json()["tags"] == []
    assert client("GET", "tags/list?n=x").status == 400


def test_catalog(client):
    assert client("GET", "/v2/_catalog").json() == {"repositories": []}
    for name in ("b", "a/x", "a"):
        client.repository = name
        client.put("latest", client.image())
    assert client("GET", "/v2/_catalog").json() == {"repositories": ["a", "a/x", "b"]}
    answer = client("GET", "/v2/_catalog?n=1&last=a")
    assert (
        answer.json() == {"repositories": ["a/x"]}
        and answer.headers["Link"] == '</v2/_catalog?n=1&last=a%2Fx>; rel="next"'
    )


# --- referrers ---


def refer(client, subject, seed, **more):
    data = client.image(seed, subject=subject, **more)
    answer = client.put(client.digest(data), data)
    assert (answer.status, answer.headers["OCI-Subject"]) == (201, subject["digest"])
    return {"mediaType": IMAGE, "digest": client.digest(data), "size": len(data)}


def test_referrers(client):
    data = client.image(b"subject")
    subject = {"mediaType": IMAGE, "digest": client.digest(data), "size": len(data)}
    empty = client("GET", "referrers/" + subject["digest"])
    assert (empty.status, empty.headers["Content-Type"]) == (200, INDEX)
    assert empty.json() == {"schemaVersion": 2, "mediaType": INDEX, "manifests": []}
    signature = dict(
        refer(client, subject, b"1", artifactType="x/sig", annotations={"k": "v"}),
        artifactType="x/sig",
        annotations={"k": "v"},
    )
    sbom = dict(refer(client, subject, b"2", artifactType="x/sbom"), artifactType="x/sbom")
    typed_by_config = dict(
        refer(client, subject, b"3"), artifactType="application/vnd.oci.image.config.v1+json"
    )
    index = {
        "schemaVersion": 2,
        "mediaType": INDEX,
        "manifests": [],
        "subject": subject,
        "artifactType": "x/list",
    }
    assert client.put("list", index, INDEX).headers["OCI-Subject"] == subject["digest"]
    of_index = {
        "mediaType": INDEX,
        "digest": client.digest(json.dumps(index).encode()),
        "size": len(json.dumps(index)),
        "artifactType": "x/list",
    }
    client.put("subject", data)

    def listed(query=""):
        return client("GET", f"referrers/{subject['digest']}{query}")

    assert sorted(listed().json()["manifests"], key=str) == sorted(
        [signature, sbom, typed_by_config, of_index], key=str
    )
    assert "OCI-Filters-Applied" not in listed().headers
    answer = listed("?artifactType=x%2Fsbom")
    assert (
        answer.json()["manifests"] == [sbom]
        and answer.headers["OCI-Filters-Applied"] == "artifactType"
    )
    assert listed("?artifactType=x/none").json()["manifests"] == []
    assert client("DELETE", "manifests/" + sbom["digest"]).status == 202
    assert listed("?artifactType=x/sbom").json()["manifests"] == []
    assert client("GET", "referrers/sha256:x").code == "DIGEST_INVALID"
    assert client("GET", "/v2/test/nowhere/referrers/" + ZERO).json()["manifests"] == []


def test_many_referrers_come_in_pages(client):
    subject = {"mediaType": IMAGE, "digest": ZERO, "size": 1}
    pushed = {
        refer(
            client,
            subject,
            b"%d" % number,
            artifactType="x/y",
            annotations={"large": "x" * 1500000},
        )["digest"]
        for number in range(5)
    }
    seen, path = [], f"/v2/test/one/referrers/{ZERO}?artifactType=x/y"
    while path:
        answer = client("GET", path)
        assert len(answer.body) <= LIMIT and answer.headers["OCI-Filters-Applied"] == "artifactType"
        seen += [item["digest"] for item in answer.json()["manifests"]]
        link = answer.headers["Link"]
        path = link and link[1 : link.index(">")]
    assert len(seen) == 5 and set(seen) == pushed
