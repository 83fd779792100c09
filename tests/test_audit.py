"""The audit of dependencies and secrets finds what it is there for."""

from pathlib import Path

import pytest

from config import audit


def test_the_repository_is_clean():
    assert audit.dependency_problems() == []
    assert audit.secret_problems() == []


LOCK = f"""django==5.2.1 \\
    --hash=sha256:{"a" * 64}
numpy>=2 \\
    --hash=sha256:{"b" * 64}
lxml==5.4.0
"""


def test_what_is_not_pinned_with_its_hash_is_named():
    pins = audit.pinned(LOCK)
    assert pins == {"django": ("5.2.1", 1), "numpy": ("", 1), "lxml": ("5.4.0", 0)}
    said = list(audit._unpinned(["Django~=5.2.0", "lxml>=6", "redis>=5"], pins))
    assert [sentence.split()[0] for sentence in said] == ["numpy", "lxml", "lxml>=6", "redis>=5"]


def test_what_is_needed_by_nothing_or_used_nowhere_is_named(tmp_path):
    assert list(audit._unneeded(["Django~=5.2.0"], {"django": ("5.2", 1), "moto": ("5", 1)})) == [
        "moto is pinned and needed by nothing."
    ]
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "settings.py").write_text("import numpy\nINSTALLED_APPS = ['axes']\n")
    said = list(audit._unused(tmp_path, ["numpy~=2.2", "django-axes~=8.0", "lxml>=5"]))
    assert "lxml is used nowhere." in said and not [one for one in said if one.startswith(("numpy", "django-axes"))]


def test_a_dependency_without_a_reason_is_named():
    text = '  "numpy~=2.2",   # half-hours in blocks\n  "lxml>=5",\n'
    assert list(audit._unexplained(text, ["numpy~=2.2", "lxml>=5"])) == [
        "pyproject.toml says not why lxml>=5 is there."
    ]


KEY = "-----BEGIN PRIVATE " + "KEY-----\n" + "MC4CAQAwBQYDK2VwBCIEIA" + "b" * 60 + "\n"


@pytest.mark.parametrize(
    "line",
    [
        KEY,
        "AKIA" + "ABCDEFGHIJKLMNOP",
        "ghp_" + "a1" * 18,
        "DATABASE_URL=postgres://kirikae:" + "hunter22x" + "@db/x",
        'API_SECRET = "' + "kD8f2LqPz0Xv7RtB4nYw" + '"',
        "token: '" + "eyJhbGciOiJFZERTQSJ9abc" + ".eyJzdWIiOiIxMjM0NTY3ODkwIn0" + ".c2lnbmF0dXJlc2lnbmF0dXJl'",
    ],
)
def test_a_secret_is_found_and_not_repeated(line):
    [said, *_more] = audit.secrets_in(f"first\n{line}", Path("x.py"))
    assert said.startswith("x.py:2 holds") and line[-12:] not in said


@pytest.mark.parametrize(
    "line",
    [
        "DATABASE_URL=postgres://kirikae:PASSWORD@db.internal/x",
        'SECRET_KEY = "test-only-" + "k" * 50',
        'UPLOAD_SCANNER = "portal.clamd.scan"',
        "password = request.POST['password']",
        "DATABASE_URL: postgres://kirikae:${POSTGRES_PASSWORD:?}@database:5432/kirikae",
        '"portal.views.sign_in.second_factor_token"',
    ],
)
def test_what_only_speaks_of_secrets_is_left_alone(line):
    assert list(audit.secrets_in(line, Path("x.py"))) == []
