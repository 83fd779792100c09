"""The two commands stand on these facts: lock, environment, sentences, servers, one starter, nothing left behind."""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import tomllib
from dataclasses import replace
from pathlib import Path

import pytest

from config import blank_cluster, bootstrap, commands, quality, services, shared_services, supervisor
from config.processes import Child

ROOT = Path(__file__).resolve().parent.parent


def normal(name: str) -> str:
    """A package name as the index compares it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def tracked() -> list[Path]:
    """Every file of the repository; outside of a clone every file that is not made by the commands."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True)
    if listed.returncode == 0 and listed.stdout:
        return [ROOT / name for name in listed.stdout.split("\0") if name and (ROOT / name).is_file()]
    made = {".git", ".venv", ".kirikae", ".mypy_cache", ".ruff_cache", ".hypothesis", "__pycache__"}
    return [path for path in ROOT.rglob("*") if path.is_file() and not made & set(path.parts)]


# --- Lock -------------------------------------------------------------------------------------------------------
# Written in pieces, so that this file too is searched and holds none of it.
OPTIONS = ["--" + name for name in ("index" + "-url", "extra-index" + "-url", "find" + "-links", "trusted" + "-host")]
SIMPLE, RESOLVED, FOLDER = "/sim" + "ple", '"resol' + 'ved": ', "file:" + "//" + "/"
REGISTRY = re.compile(
    "|".join(
        [
            *map(re.escape, OPTIONS),
            r"https?://[^\s\"'<>]+" + SIMPLE + r"\b",
            RESOLVED + '*"http',
            re.escape(FOLDER),
            *(re.escape(host) for host in ("files.python" + "hosted.org", "registry.npm" + "js.org")),
        ]
    ).encode()
)


def test_no_tracked_file_names_a_registry():
    """The place packages come from belongs to the machine, and an address in a lock would bind every clone to it."""
    named = []
    for path in tracked():
        if path.suffix in {".png", ".woff2", ".ico", ".mo"}:
            continue
        found = REGISTRY.search(path.read_bytes())
        if found:
            named.append(f"{path.relative_to(ROOT)}: {found.group().decode(errors='replace')}")
    assert named == []


@pytest.mark.parametrize(
    "line",
    [
        *(f"{option} https://mirror.example/pypi" for option in OPTIONS),
        f"# https://mirror.example{SIMPLE}",
        f'{RESOLVED}"https://x"',
        f"{FOLDER}srv/packages",
    ],
)
def test_a_registry_address_would_be_seen(line):
    assert REGISTRY.search(line.encode())


def locked() -> dict[str, list[str]]:
    """The pins of the lock with their hashes."""
    pins: dict[str, list[str]] = {}
    name = ""
    for line in bootstrap.LOCK.read_text(encoding="utf-8").splitlines():
        pin = re.match(r"([A-Za-z0-9._-]+)(?:\[[^]]*\])?==([^\s;]+)", line)
        if pin:
            name = normal(pin.group(1))
            pins.setdefault(name, [])
        pins.setdefault(name, []).extend(re.findall(r"--hash=sha256:([0-9a-f]{64})", line))
    return pins


def test_every_dependency_is_in_the_lock_with_hashes():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = project["dependencies"] + [entry for group in project["optional-dependencies"].values() for entry in group]
    names = {normal(re.match(r"[A-Za-z0-9._-]+", entry).group()) for entry in wanted}
    pins = locked()
    assert names - set(pins) == set()
    assert [name for name, hashes in pins.items() if not hashes] == []


def test_the_lock_has_nothing_but_pins():
    for line in bootstrap.LOCK.read_text(encoding="utf-8").splitlines():
        assert re.match(r"([A-Za-z0-9._-]+(\[[^]]*\])?==|    --hash=sha256:)", line), line


# --- Environment ------------------------------------------------------------------------------------------------
@pytest.fixture
def environment(tmp_path):
    """A folder that looks like an environment made from a lock."""
    lock = tmp_path / "requirements.lock"
    lock.write_text("one==1\n")
    home = tmp_path / "venv"
    (home / "bin").mkdir(parents=True)
    bootstrap.interpreter(home).symlink_to(sys.executable)
    (home / bootstrap.STAMP).write_text(bootstrap.stamp_of(lock) + "\n")
    return home, lock


def test_an_environment_is_current_for_its_own_lock_only(environment):
    home, lock = environment
    assert bootstrap.is_current(home, lock)
    lock.write_text("one==2\n")
    assert not bootstrap.is_current(home, lock)


def test_an_environment_whose_python_is_gone_is_not_current(environment):
    home, lock = environment
    bootstrap.interpreter(home).unlink()
    bootstrap.interpreter(home).symlink_to(home / "no-such-python")
    assert not bootstrap.is_current(home, lock)


def test_an_unfinished_environment_is_not_current(environment):
    home, lock = environment
    (home / bootstrap.STAMP).unlink()
    assert not bootstrap.is_current(home, lock)


def test_a_current_environment_is_not_built_again(environment, monkeypatch):
    home, lock = environment
    monkeypatch.setattr(bootstrap, "_install", lambda *_: pytest.fail("installed again"))
    assert bootstrap.build(home, lock) is False


def test_a_python_without_ensurepip_still_makes_an_environment(tmp_path, monkeypatch):
    """Debian ships Python without python3-venv: the environment is then filled with this Python's own pip."""
    real = bootstrap.importlib.util.find_spec
    monkeypatch.setattr(bootstrap.importlib.util, "find_spec", lambda name: None if name == "ensurepip" else real(name))
    pip = bootstrap._create(tmp_path / "venv")
    assert pip == [sys.executable, "-m", "pip", "--python", str(tmp_path / "venv" / "bin" / "python")]
    asked = subprocess.run([*pip, "list", "--disable-pip-version-check"], capture_output=True, text=True)
    assert asked.returncode == 0, asked.stderr


def test_a_python_without_venv_is_told_the_package(tmp_path, monkeypatch):
    monkeypatch.setattr(bootstrap.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(bootstrap.CannotBuild, match=r"apt-get install python3\.\d+-venv"):
        bootstrap._create(tmp_path / "venv")


def test_a_package_that_cannot_be_had_is_a_sentence_and_no_stamp(tmp_path):
    lock = tmp_path / "requirements.lock"
    lock.write_text("no-such-package-of-kirikae==1.0 \\\n    --hash=sha256:" + "0" * 64 + "\n")
    home = tmp_path / "venv"
    script = (
        "import sys; from pathlib import Path; from config import bootstrap\n"
        "try: bootstrap.build(Path(sys.argv[1]), Path(sys.argv[2]))\n"
        "except bootstrap.CannotBuild as problem: print(problem); sys.exit(3)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(home), str(lock)],
        cwd=ROOT,
        env=os.environ | {"PIP_NO_INDEX": "1"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 3
    assert "pip could not install the locked packages" in done.stdout
    assert not (home / bootstrap.STAMP).exists()


def test_an_old_python_can_still_read_manage_py():
    """Its own sentence about the version must be reached: nothing newer than Python 3.6 in that one file."""
    import ast

    ast.parse((ROOT / "manage.py").read_text(encoding="utf-8"), feature_version=(3, 6))


def test_the_bootstrap_needs_the_standard_library_alone():
    """What runs before the environment exists imports nothing from it."""
    script = (
        "import sys, types\n"
        "stand_in = types.ModuleType('config'); stand_in.__path__ = ['config']; sys.modules['config'] = stand_in\n"
        "from config import bootstrap, commands, processes, quality, services, shared_services, supervisor\n"
    )
    done = subprocess.run([sys.executable, "-I", "-S", "-c", script], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


# --- Servers ----------------------------------------------------------------------------------------------------
def test_sockets_are_private_and_short_enough_for_the_kernel():
    folder = services.private_folder("kirikae-")
    try:
        assert folder.stat().st_mode & 0o777 == 0o700
        assert services.fits_a_socket(folder)
        with socket.socket(socket.AF_UNIX) as longest:
            longest.bind(f"{folder}/.s.PGSQL.5432")
    finally:
        shutil.rmtree(folder)


def test_a_long_temp_folder_is_passed_over(tmp_path, monkeypatch):
    long = tmp_path / ("x" * 90)
    long.mkdir()
    assert not services.fits_a_socket(long)
    monkeypatch.setattr(services.tempfile, "gettempdir", lambda: str(long))
    folder = services.private_folder("kirikae-")
    shutil.rmtree(folder)
    assert long not in folder.parents


def test_no_fitting_folder_is_a_sentence(tmp_path, monkeypatch):
    monkeypatch.setattr(services, "SOCKET_PATH_LIMIT", 10)
    with pytest.raises(services.CannotStart, match="Set TMPDIR to a short, writable folder"):
        services.private_folder("kirikae-")


def test_a_killed_process_leaves_no_private_folder_for_ever(tmp_path, monkeypatch):
    monkeypatch.setattr(services.tempfile, "gettempdir", lambda: str(tmp_path))
    ended = subprocess.Popen(["true"])
    ended.wait()
    left, used = services.private_folder("kirikae-"), services.private_folder("kirikae-")
    (left / "pid").write_text(str(ended.pid))
    services.sweep_private_folders()
    assert not left.exists()
    assert used.exists()


@pytest.mark.slow
def test_the_servers_keep_their_data_and_know_japanese(tmp_path):
    """A cluster made with the wrong locale has no trigrams for Japanese, and address search would find nothing."""
    import psycopg
    import redis

    for turn in (1, 2):
        servers = services.Servers(tmp_path)
        urls = servers.start()
        try:
            with psycopg.connect(urls["DATABASE_URL"], autocommit=True) as connection:
                connection.execute("CREATE EXTENSION IF NOT EXISTS pg_trgm")
                connection.execute("CREATE EXTENSION IF NOT EXISTS btree_gist")
                connection.execute("CREATE TABLE IF NOT EXISTS kept (turn int)")
                connection.execute("INSERT INTO kept VALUES (%s)", [turn])
                assert connection.execute("SELECT count(*) FROM kept").fetchone() == (turn,)
                assert connection.execute("SELECT cardinality(show_trgm('東京都'))").fetchone()[0] > 0
                assert connection.execute("SHOW listen_addresses").fetchone() == ("",)
            with redis.from_url(urls["REDIS_URL"]) as broker:
                assert broker.incr("turns") == turn
                assert broker.config_get("maxmemory-policy")["maxmemory-policy"] == "noeviction"
            pids = [child.pid for child in servers.children]
        finally:
            servers.stop()
        assert not any(alive(pid) for pid in pids)
        assert servers.sockets is None


@pytest.mark.slow
def test_a_leftover_pid_of_another_program_does_not_stop_the_database(tmp_path):
    servers = services.Servers(tmp_path)
    servers.start(broker=False)
    servers.stop()
    note = services.cluster_folder(tmp_path) / "postmaster.pid"
    note.write_text(f"{os.getpid()}\n{note.parent}\n{int(time.time())}\n5432\n\n\n\n\n")
    servers.start(broker=False)
    servers.stop()


@pytest.mark.slow
def test_another_version_s_cluster_is_a_sentence(tmp_path):
    servers = services.Servers(tmp_path)
    servers.start(broker=False)
    servers.stop()
    (services.cluster_folder(tmp_path) / "PG_VERSION").write_text("9\n")
    with pytest.raises(services.CannotStart, match="was made by PostgreSQL 9; this is PostgreSQL"):
        servers.start(broker=False)
    assert servers.sockets is None


def test_a_kept_cluster_is_laid_for_the_run_and_the_oldest_are_forgotten(tmp_path, monkeypatch):
    monkeypatch.setattr(blank_cluster, "FOLDER", tmp_path / "kept")
    made = []

    def make(kept, sources):
        made.append(kept.name)
        (kept / "base").mkdir(parents=True)

    monkeypatch.setattr(blank_cluster, "_make", make)
    for at in range(4):
        older = tmp_path / "kept" / f"older{at}"
        older.mkdir(parents=True)
        os.utime(older, (at, at))
    for at in range(2):
        assert blank_cluster.lay(tmp_path / f"home{at}") == blank_cluster.DATABASE
        assert (tmp_path / f"home{at}" / "postgres" / "base").is_dir()
    assert made == [blank_cluster._fingerprint(blank_cluster._sources())], (
        "the second run finds what the first has made"
    )
    left = {path.name for path in (tmp_path / "kept").iterdir() if path.is_dir()}
    assert left == {made[0], "older3", "older2"}


def test_a_cluster_is_made_on_top_of_the_nearest_that_has_no_migration_too_many(tmp_path, monkeypatch):
    monkeypatch.setattr(blank_cluster, "FOLDER", tmp_path)
    for name, made_of in {"few": ["1"], "near": ["1", "2"], "other": ["1", "2", "other"]}.items():
        (tmp_path / name).mkdir()
        (tmp_path / f"{name}.json").write_text(json.dumps(dict.fromkeys(made_of, "hash")))
    assert blank_cluster._nearest(dict.fromkeys("123", "hash")) == tmp_path / "near"
    assert blank_cluster._nearest({"1": "changed", "2": "hash", "3": "hash"}) is None


def test_a_cluster_that_cannot_be_made_leaves_the_run_to_migrate_itself(tmp_path, monkeypatch):
    monkeypatch.setattr(blank_cluster, "FOLDER", tmp_path / "kept")

    def fail(kept, sources):
        raise subprocess.CalledProcessError(1, "migrate")

    monkeypatch.setattr(blank_cluster, "_make", fail)
    assert blank_cluster.lay(tmp_path / "home") == ""
    assert not (tmp_path / "home" / "postgres").exists()


def test_a_server_that_ends_at_once_is_named_with_its_last_words(tmp_path):
    child = Child("postgres", ["sh", "-c", "echo could not find the disk; exit 7"], tmp_path / "postgres.log")
    child.start()
    with pytest.raises(services.CannotStart, match=r"(?s)postgres ended with code 7.*could not find the disk"):
        services._wait_until(lambda: False, child, 5.0)


def test_two_starters_of_one_data_folder_are_told_apart(tmp_path):
    with shared_services.sole_starter(tmp_path) as first, shared_services.sole_starter(tmp_path) as second:
        assert (first, second) == (True, False)
    with shared_services.sole_starter(tmp_path) as later:
        assert later


def test_a_data_folder_that_cannot_be_made_is_a_sentence(tmp_path):
    (tmp_path / "file").write_text("")
    with (
        pytest.raises(services.CannotStart, match="Set KIRIKAE_DATA to a folder you may write to"),
        shared_services.sole_starter(tmp_path / "file" / "data"),
    ):
        pass


def test_given_servers_are_used_and_none_is_started(tmp_path, monkeypatch):
    monkeypatch.setenv("KIRIKAE_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("DATABASE_URL", "postgres://given/db")
    monkeypatch.setenv("REDIS_URL", "redis://given")
    with shared_services.for_one_command("migrate"):
        assert os.environ["DATABASE_URL"] == "postgres://given/db"
    assert not (tmp_path / "data").exists()


def test_a_command_of_a_fresh_clone_has_its_words(tmp_path, monkeypatch):
    words = tmp_path / "room" / "locale" / "ja" / "LC_MESSAGES" / "django.po"
    words.parent.mkdir(parents=True)
    shutil.copy(ROOT / "portal" / "locale" / "ja" / "LC_MESSAGES" / "django.po", words)
    monkeypatch.setattr(commands, "ROOT", tmp_path)
    commands._compile_words()
    compiled = words.with_suffix(".mo")
    made = compiled.stat().st_mtime_ns
    commands._compile_words()
    assert compiled.stat().st_mtime_ns == made
    words.touch()
    commands._compile_words()
    assert compiled.stat().st_mtime_ns > made


@pytest.mark.slow
def test_a_command_uses_the_servers_of_another_and_leaves_them_running(tmp_path, monkeypatch):
    monkeypatch.setenv("KIRIKAE_DATA", str(tmp_path))
    for name in ("DATABASE_URL", "REDIS_URL"):
        monkeypatch.delenv(name)
    guest = (
        "import os; from config import shared_services\n"
        "with shared_services.for_one_command('guest'):\n"
        "    print(os.environ['DATABASE_URL'], os.environ['KIRIKAE_ADDRESS'])\n"
    )
    unset = ("DATABASE_URL", "REDIS_URL", "KIRIKAE_ADDRESS")
    environment = {name: value for name, value in os.environ.items() if name not in unset}
    with shared_services.for_one_command("host"):
        host = shared_services.read_note(tmp_path)
        assert host.purpose == "host"
        shared_services.write_note(tmp_path, replace(host, address="http://localhost:8123/"))
        used = subprocess.run([sys.executable, "-c", guest], cwd=ROOT, env=environment, capture_output=True, text=True)
        assert used.stdout.split() == [os.environ["DATABASE_URL"], "http://localhost:8123"], used.stderr
        import psycopg

        psycopg.connect(os.environ["DATABASE_URL"]).close()
    assert shared_services.read_note(tmp_path) is None


# --- Children ---------------------------------------------------------------------------------------------------
def alive(pid: int) -> bool:
    """Whether the process still runs; one that only waits to be collected does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def gone_within(pids: list[int], seconds: float) -> bool:
    end = time.monotonic() + seconds
    while any(alive(pid) for pid in pids):
        if time.monotonic() > end:
            return False
        time.sleep(0.05)
    return True


def test_a_deaf_child_and_its_own_children_are_stopped(tmp_path):
    script = "trap '' TERM; sleep 60 & echo $!; wait; sleep 60"
    child = Child("deaf", ["sh", "-c", script], tmp_path / "log")
    child.start()
    while not child.last_lines():
        time.sleep(0.02)
    grandchild = int(child.last_lines()[0])
    child.stop(0.2)
    assert child.how_it_ended() == "was killed by SIGKILL"
    assert gone_within([grandchild], 2)


def test_a_child_does_not_outlive_a_killed_parent(tmp_path):
    script = (
        "import sys, time; from pathlib import Path; from config.processes import Child\n"
        "child = Child('sleeper', ['sleep', '60'], Path(sys.argv[1])); child.start()\n"
        "print(child.pid, flush=True); time.sleep(60)\n"
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", script, str(tmp_path / "log")], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    pid = int(parent.stdout.readline())
    assert alive(pid)
    parent.kill()
    parent.wait()
    assert gone_within([pid], 2)


# --- up ---------------------------------------------------------------------------------------------------------
def free_port() -> int:
    with socket.socket() as line:
        line.bind(("127.0.0.1", 0))
        return line.getsockname()[1]


def own_environment(data: Path) -> dict[str, str]:
    """Ours without the servers of this test run, and in the mode that fills no demo market."""
    kept = {name: value for name, value in os.environ.items() if name not in {"DATABASE_URL", "REDIS_URL"}}
    return kept | {"KIRIKAE_DATA": str(data), "KIRIKAE_ENV": "test"}


def manage(*arguments: str, data: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(ROOT / "manage.py"), *arguments]
    return subprocess.run(command, env=own_environment(data), capture_output=True, text=True, timeout=120)


def test_a_port_in_use_is_a_sentence(tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = manage("up", "--port", str(port), data=tmp_path)
    assert done.returncode == 1
    assert f"Port {port} is in use" in done.stderr
    assert "--port" in done.stderr


def test_production_data_does_not_go_into_the_built_in_servers(tmp_path, monkeypatch):
    monkeypatch.setenv("KIRIKAE_ENV", "production")
    monkeypatch.delenv("DATABASE_URL")
    with pytest.raises(services.CannotStart, match="Set DATABASE_URL and REDIS_URL"):
        supervisor.Supervisor(tmp_path, free_port()).run()


def descendants(pid: int) -> list[int]:
    found = subprocess.run(["pgrep", "-P", str(pid)], capture_output=True, text=True).stdout.split()
    return [int(one) for one in found] + [below for one in found for below in descendants(int(one))]


def everything(portal: "Portal") -> list[int]:
    """All processes below `up`, once they stand: PostgreSQL with its own, Valkey, web, worker and pool, beat."""
    log = portal.data / "logs" / "worker.log"
    end = time.monotonic() + 60
    while "ready." not in log.read_text(errors="replace"):
        assert time.monotonic() < end, log.read_text(errors="replace")
        time.sleep(0.1)
    below = descendants(portal.process.pid)
    assert len(below) >= 9
    return below


class Portal:
    """A real `up` in a data folder of its own."""

    def __init__(self, data: Path) -> None:
        self.data, self.port = data, free_port()
        self.process = subprocess.Popen(
            [sys.executable, str(ROOT / "manage.py"), "up", "--port", str(self.port)],
            env=own_environment(data) | {"KIRIKAE_LOG_LEVEL": "INFO"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        self.said: list[str] = []
        for line in self.process.stdout:
            self.said.append(line)
            if "Stop: Ctrl-C" in line:
                return
        pytest.fail("up ended before it was ready:\n" + "".join(self.said))


@pytest.fixture
def portal(tmp_path):
    one = Portal(tmp_path / "data")
    yield one
    if one.process.poll() is None:
        one.process.kill()
    one.process.wait()
    one.process.stdout.close()


@pytest.mark.slow
def test_up_answers_is_alone_mends_itself_and_stops_cleanly(portal):
    assert supervisor.healthz(portal.port) == 200
    second = manage("up", "--port", str(free_port()), data=portal.data)
    assert second.returncode == 1
    assert f"already running at http://localhost:{portal.port}/" in second.stdout
    visited = manage("shell", "-c", "from portal.models import User; print(User.objects.count())", data=portal.data)
    assert visited.returncode == 0, visited.stderr

    web = subprocess.run(
        ["pgrep", "-P", str(portal.process.pid), "-f", "gunicorn"], capture_output=True, text=True
    ).stdout.split()
    os.kill(int(web[0]), signal.SIGKILL)
    for line in portal.process.stdout:
        portal.said.append(line)
        if "web was started again" in line:
            break
    assert "web was killed by SIGKILL.\n" in portal.said
    end = time.monotonic() + 30
    while supervisor.healthz(portal.port) != 200:
        assert time.monotonic() < end, "the web server did not come back"
        time.sleep(0.1)

    below = everything(portal)
    began = time.monotonic()
    portal.process.send_signal(signal.SIGINT)
    assert portal.process.wait(30) == 0
    assert time.monotonic() - began < 10
    assert gone_within(below, 1)
    assert shared_services.read_note(portal.data) is None


@pytest.mark.slow
def test_a_killed_up_leaves_no_process_behind_and_can_be_started_again(portal):
    below = everything(portal)
    portal.process.kill()
    portal.process.wait()
    assert gone_within(below, 8)
    again = Portal(portal.data)
    again.process.terminate()
    assert again.process.wait(30) == 0
    again.process.stdout.close()


# --- test and quality -------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("arguments", "both_cores"),
    [
        ([], True),
        (["-q"], True),
        (["-q", "tests"], True),
        (["-m", "not slow"], True),
        (["tests/test_setup.py"], False),
        (["tests/test_setup.py::test_the_lock_has_nothing_but_pins"], False),
        (["-n", "0"], False),
        (["-n4"], False),
        (["--pdb"], False),
    ],
)
def test_the_whole_suite_uses_both_cores_and_one_test_does_not(arguments, both_cores):
    assert bool(commands.parallel(arguments)) is both_cores


@pytest.fixture
def house(tmp_path):
    """A repository with one view and its templates."""
    for room in quality.ROOMS:
        (tmp_path / room).mkdir()
    (tmp_path / "templates" / "portal").mkdir(parents=True)
    (tmp_path / "templates" / "base.html").write_text("")
    (tmp_path / "templates" / "portal" / "home.html").write_text('{% extends "base.html" %}')
    (tmp_path / "portal" / "views.py").write_text('PAGE = "portal/home.html"\n')
    return tmp_path


def test_templates_that_are_used_are_in_order(house):
    assert quality.template_problems(house) == []


def test_an_unused_template_is_found(house):
    (house / "templates" / "portal" / "old.html").write_text("")
    assert quality.template_problems(house) == ["templates/portal/old.html is used by no view, verb or template."]


def test_a_missing_template_is_found(house):
    (house / "metering" / "views.py").write_text('PAGE = "metering/usage.html"\n')
    assert quality.template_problems(house) == [
        "metering/views.py refers to templates/metering/usage.html, which does not exist."
    ]


def test_a_name_filled_in_at_run_time_counts_as_use(house):
    (house / "templates" / "portal" / "step_one.html").write_text("")
    (house / "portal" / "steps.py").write_text('def page(n): return f"portal/step_{n}.html"\n')
    assert quality.template_problems(house) == []
