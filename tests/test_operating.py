"""What docs/operating ships fits the product: units, image, compose file, environment, commands named in pages."""

import configparser
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from celery.bin.celery import celery as celery_command
from django.conf import settings
from django.core.management import get_commands
from gunicorn.config import Config

from config.commands import WITHOUT_SERVERS
from portal.settings_words import MEANINGS

ROOT = settings.BASE_DIR
HERE = ROOT / "docs" / "operating"
UNITS = sorted((HERE / "systemd").iterdir())
COMPOSE = yaml.safe_load((HERE / "container" / "compose.yaml").read_text(encoding="utf-8"))
QUEUES = {queue.name for queue in settings.CELERY_TASK_QUEUES}
OWN = {"up", "test", "quality", "pictures"}
NEEDED = {"KIRIKAE_ENV", "KIRIKAE_SECRET_KEY", "KIRIKAE_HOSTS", "DATABASE_URL", "REDIS_URL", "KIRIKAE_HUB_KEY"}


class Unit(configparser.RawConfigParser):
    """A unit file; keys may come twice."""

    def __init__(self, path: Path) -> None:
        super().__init__(strict=False, delimiters=("=",), comment_prefixes=("#",), interpolation=None)
        self.optionxform = str  # type: ignore[assignment,method-assign]
        self.read_string(path.read_text(encoding="utf-8"))


def commands_of(path: Path) -> list[list[str]]:
    text = path.read_text(encoding="utf-8")
    return [shlex.split(line) for line in re.findall(r"^ExecStart=(.+)$", text, re.M)]


def understood(command: list[str]) -> None:
    """The program knows each option, and what it is to run is there."""
    program, arguments = Path(command[0]).name, command[1:]
    if program == "gunicorn":
        options = Config().parser().parse_args(arguments)
        assert options.args == ["config.wsgi"]
    elif program == "celery":
        assert arguments[:2] == ["-A", "config"]
        name, rest = arguments[2], [re.sub(r"\$\{?\w+\}?", "2", one) for one in arguments[3:]]
        context = celery_command.commands[name].make_context(name, rest, resilient_parsing=True)
        assert not context.args
    else:
        assert program in {"sh", "python"}, command
        for named in re.findall(r"manage\.py (\w+)", " ".join(command)):
            assert named in get_commands(), named
        assert "manage.py" in " ".join(command)


@pytest.mark.parametrize("path", [unit for unit in UNITS if unit.suffix == ".service"], ids=lambda path: path.name)
def test_a_unit_starts_what_there_is(path):
    found = commands_of(path)
    assert found
    for command in found:
        understood(command)
    unit = Unit(path)["Service"]
    assert unit["User"] == "kirikae" and unit["NoNewPrivileges"] == "yes" and unit["ProtectSystem"] == "strict"
    assert unit["EnvironmentFile"] == "/etc/kirikae/kirikae.env"
    assert set(re.findall(r"(KIRIKAE_\w+)=", unit.get("Environment", ""))) - {"KIRIKAE_CONCURRENCY"} <= set(MEANINGS)


def test_every_queue_has_a_worker_and_every_unit_is_wanted():
    wants = Unit(HERE / "systemd" / "kirikae.target")["Unit"]["Wants"].split()
    assert {re.findall(r"@(\w+)\.", want)[0] for want in wants if "@" in want} == QUEUES
    named = {re.sub(r"@\w+\.", "@.", want) for want in wants}
    assert {unit.name for unit in UNITS} - named == {"kirikae.target", "kirikae-backup.service"}


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="no systemd here")
def test_systemd_finds_nothing_wrong_with_the_units(tmp_path):
    """With the paths of this machine, since it looks whether the programs are there."""
    for path in UNITS:
        text = path.read_text(encoding="utf-8").replace("/opt/kirikae/.venv/bin", str(Path(sys.executable).parent))
        (tmp_path / path.name).write_text(text.replace("/opt/kirikae", str(ROOT)), encoding="utf-8")
    worker = tmp_path / "kirikae-worker@.service"
    for queue in sorted(QUEUES):
        shutil.copy(worker, tmp_path / f"kirikae-worker@{queue}.service")
    units = [str(path) for path in sorted(tmp_path.iterdir()) if not path.name.endswith("@.service")]
    done = subprocess.run(["systemd-analyze", "verify", "--man=no", *units], capture_output=True, text=True)
    ours = [line for line in (done.stdout + done.stderr).splitlines() if "kirikae" in line]
    assert ours == [], "\n".join(ours)


def test_the_compose_file_runs_every_program_and_shows_no_server_to_the_outside():
    services = COMPOSE["services"]
    queues: set[str] = set()
    for name, service in services.items():
        if service["image"] != "kirikae":
            assert "ports" not in service and service["healthcheck"], name
            continue
        assert set(service["environment"]) <= set(MEANINGS) and set(service["environment"]) >= NEEDED
        assert service["read_only"] is True and service["cap_drop"] == ["ALL"]
        if command := service.get("command"):
            understood(command)
            if "-Q" in command:
                queues |= set(command[command.index("-Q") + 1].split(","))
    assert queues == QUEUES
    assert services["broker"]["command"][1:] == ["--appendonly", "yes", "--maxmemory-policy", "noeviction"]
    assert all(port.startswith("127.0.0.1:") for port in services["web"]["ports"])
    assert "/readyz" in " ".join(services["web"]["healthcheck"]["test"])


def test_no_secret_has_a_default():
    text = (HERE / "container" / "compose.yaml").read_text(encoding="utf-8")
    for name in ("KIRIKAE_SECRET_KEY", "POSTGRES_PASSWORD", "KIRIKAE_CERTIFICATE_SECRET"):
        assert re.findall(rf"\$\{{{name}([^}}]*)\}}", text) and set(re.findall(rf"\$\{{{name}([^}}]*)\}}", text)) == {
            ":?"
        }


def test_the_image_is_built_from_the_lock_and_runs_as_nobody_special():
    text = (HERE / "container" / "Containerfile").read_text(encoding="utf-8")
    assert "--require-hashes" in text and "\nUSER kirikae\n" in text
    command = re.search(r"^CMD (\[.+\])$", text, re.M)
    assert command
    understood(yaml.safe_load(command[1]))
    for source in re.findall(r"^COPY (\S+)", text, re.M):
        assert (ROOT / source).exists()


def test_the_environment_is_that_of_the_settings_and_holds_no_secret():
    given = dict(
        line.split("=", 1)
        for line in (HERE / "kirikae.env.example").read_text(encoding="utf-8").splitlines()
        if line and not line.startswith("#")
    )
    assert set(given) <= set(MEANINGS) and set(given) >= NEEDED
    assert given["KIRIKAE_ENV"] == "production"
    assert given["KIRIKAE_SECRET_KEY"] == given["KIRIKAE_METRICS_TOKEN"] == "" and "PASSWORD" in given["DATABASE_URL"]


PAGES = [*sorted(HERE.rglob("*.md")), *(ROOT / "docs").glob("*.md"), ROOT / "README.md", ROOT / "CONTRIBUTING.md"]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_command_named_in_a_page_exists(page):
    named = set(re.findall(r"manage\.py ([a-z_]+)", page.read_text(encoding="utf-8")))
    assert named <= OWN | WITHOUT_SERVERS | set(get_commands()), page


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_link_in_a_page_leads_somewhere(page):
    for link in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8")):
        if "://" not in link:
            assert (page.parent / link).exists(), link


def test_every_test_the_threat_model_names_exists():
    there = {path.name for path in (ROOT / "tests").rglob("*.py")}
    text = (ROOT / "docs" / "security" / "threat-model.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`(?:[\w/]+/)?(\w+\.py)(?:::\w+)?`", text))
    assert len(named) > 25 and named <= there | {"audit.py"}, named - there
    for folder in re.findall(r"`(tests/[\w/]+/)`", text):
        assert (ROOT / folder).is_dir(), folder
    for path, function in re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", text):
        assert f"def {function}(" in (ROOT / path).read_text(encoding="utf-8")
